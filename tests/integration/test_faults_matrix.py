"""Every call of an upload × everything that can go wrong with it: the right end, the right bytes, and no hanging.

After a fault an upload either arrives all the same, or stops with a clear error and arrives when it is tried again.
Never is a file there twice, broken, or reported without being there.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from upload_support import PART, PATIENCE, Stage, until

from pan115kit import (
    AccountBlockedError,
    OssError,
    Pan115Client,
    Pan115Error,
    UploadCancelled,
    UploadJob,
    UploadStatus,
)
from pan115kit._base import event_loops
from pan115kit.sandbox.faults import Fault, FaultKind
from pan115kit.sandbox.oss.address import locate
from pan115kit.sandbox.oss.service import operation

#: Seconds after which a client gives up a request that hangs.
READ_TIMEOUT = 0.5

COOKIE = ("uploadinfo", "getid", "add_path", "initupload", "getuploadinfo", "gettoken")
OPEN = ("open_user_info", "open_get_info", "open_folder_add", "open_init", "open_get_token")
SMALL = ("put_object",)
LARGE = ("initiate", "upload_part", "complete")

FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "503": ("status", {"status": 503}),
    "500": ("status", {"status": 500}),
    "429": ("status", {"status": 429}),
    "reset before": ("reset_before", {}),
    "reset after": ("reset_after", {}),
    "stall before": ("stall", {"when": "before"}),
    "stall after": ("stall", {"when": "after"}),
    "cut JSON": ("truncated_json", {}),
    "405 page": ("html_405", {}),
    "state false": ("state_false", {}),
    "slow": ("slow", {"seconds": 0.2}),
}
OSS_FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "wrong CRC": ("wrong_crc", {}),
    "expired keys": ("expire_sts", {}),
    "reset in the body": ("reset_before", {"after_bytes": PART // 2}),
    "stall in the body": ("stall", {"after_bytes": PART // 2}),
}
CALLBACK_FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "203, 115 not told": ("callback_203", {"told": False}),
    "203, 115 told": ("callback_203", {"told": True}),
}


@dataclass(frozen=True)
class Case:
    """One fault in one kind of upload.

    ``after``: how many calls of the route pass first.
    """

    account: str
    kind: str
    route: str
    fault: str
    after: int = 0

    def __str__(self) -> str:
        return f"{self.account}-{self.kind}-{self.route}-{self.fault}".replace(" ", "_")

    @property
    def refused(self) -> type[Pan115Error] | None:
        """The error this fault ends in, or None where the upload must arrive in spite of it."""
        if self.fault == "405 page":
            return OssError if self.route in (*SMALL, *LARGE, "list_parts", "abort") else AccountBlockedError
        return None

    @property
    def leaves_upload(self) -> bool:
        """An initiate whose answer is lost leaves an upload that nobody knows of; OSS drops it in time."""
        return self.route == "initiate" and self.fault in ("reset after", "stall after", "cut JSON")


def _cases() -> Iterator[Case]:
    for account, drive in (("cookie", COOKIE), ("open", OPEN)):
        for route, fault in itertools.product(drive, FAULTS):
            yield Case(account, "large", route, fault)
    for route, fault in itertools.product(LARGE, {**FAULTS, **OSS_FAULTS}):
        if route == "upload_part" or "body" not in fault:
            yield Case("cookie", "large", route, fault, after=2 if route == "upload_part" else 0)
    for fault in (*FAULTS, *OSS_FAULTS, *CALLBACK_FAULTS):
        yield Case("open", "small", "put_object", fault)
    for fault in CALLBACK_FAULTS:
        yield Case("open", "large", "complete", fault)
    for account, route in (("cookie", "resumeupload"), ("open", "open_resume"), ("cookie", "list_parts")):
        for fault in FAULTS:
            yield Case(account, "resumed", route, fault)


CASES = list(_cases())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One sandbox for all cases: they differ in content and folder."""
    made = Stage(tmp_path_factory.mktemp("matrix"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """As everywhere, but for the sandbox, which stays and has worker threads of its own."""
    yield
    until(
        lambda: not [t for thread in event_loops._threads.values() for t in asyncio.all_tasks(thread.loop)], "tasks"
    )
    event_loops.shutdown()


GiveUp = Callable[[Stage, Fault], None]


@pytest.fixture
def give_up(monkeypatch: pytest.MonkeyPatch) -> GiveUp:
    """Let clients wait only :data:`READ_TIMEOUT` for the request that a fault holds.

    For all others they have patience: on a busy machine one that was merely slow would be made twice.
    """

    def install(stage: Stage, fault: Fault) -> None:
        assert stage.box._server is not None
        app, send = stage.box._server._app, httpx.AsyncClient.send
        assert app is not None

        def route(request: httpx.Request) -> str:
            host, path, query = request.headers["host"], request.url.path, dict(request.url.params)
            place = locate(host, path, request.headers, query)
            return operation(request.method, place[1], query) if place else app._find(request.method, path)[0]

        async def impatient(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
            if fault.left and not fault.after and route(request) == fault.route:
                request.extensions["timeout"] |= {"read": READ_TIMEOUT, "write": READ_TIMEOUT}
            return await send(self, request, **options)

        if fault.kind is FaultKind.STALL:
            monkeypatch.setattr(httpx.AsyncClient, "send", impatient)

    return install


def _client(stage: Stage, case: Case, state: Path) -> Pan115Client:
    return stage.client(case.account, state_dir=state, retries=10)


def _sizes(kind: str) -> int:
    return 2 * PART + 3 if kind == "small" else 5 * PART + 3


@pytest.mark.parametrize("case", CASES, ids=str)
def test_upload_survives(shared: Stage, case: Case, tmp_path: Path, give_up: GiveUp) -> None:
    """What a user loses if it fails: the file, or the trust that it is there."""
    stage, number = shared, CASES.index(case)
    path = stage.file(f"{number}.bin", _sizes(case.kind), seed=number)
    folder = f"/{number}"
    if case.kind == "resumed":
        _begin(stage, case, path, folder, tmp_path / "state")
    stage.box.clear_requests()
    client = _client(stage, case, tmp_path / "state")
    kind, details = (FAULTS | OSS_FAULTS | CALLBACK_FAULTS)[case.fault]
    give_up(stage, stage.box.fault(case.route, kind, after=case.after, **details))
    job = client.submit(path, folder)
    try:
        outcome: Pan115Error | None = None
        try:
            job.wait(PATIENCE)
        except Pan115Error as error:
            outcome = error
        assert stage.box.count(case.route) > case.after, "the fault was not met"
        if case.refused is None:
            assert outcome is None, outcome
        else:
            _is_refused(case, job, outcome)
            _again(client, job)
        assert job.status.is_success
        stage.go_on()
        _arrived_once(stage, case, path, f"{folder}/{path.name}")
    finally:
        stage.go_on()
        client.close()


def _begin(stage: Stage, case: Case, path: Path, folder: str, state: Path) -> None:
    """An upload that was left after two parts."""
    client = _client(stage, case, state)
    stage.hold("upload_part", after=2)
    before = stage.box.count("upload_part")
    job = client.submit(path, folder)
    stage.wait_held("upload_part", before + 3)
    client.close()
    with pytest.raises(UploadCancelled):
        job.wait(PATIENCE)
    stage.wait_ended()
    stage.go_on()


def _is_refused(case: Case, job: UploadJob, outcome: Pan115Error | None) -> None:
    assert case.refused is not None
    assert isinstance(outcome, case.refused), outcome
    assert str(outcome)
    held = case.refused is AccountBlockedError
    assert job.status is (UploadStatus.PAUSED if held else UploadStatus.FAILED)


def _again(client: Pan115Client, job: UploadJob) -> None:
    client.resume_all()
    job.retry()
    assert job.wait(PATIENCE).success


def _arrived_once(stage: Stage, case: Case, path: Path, remote: str) -> None:
    there = [file for file in stage.box.files() if file.path == remote]
    assert len(there) == 1
    assert stage.box.read(remote) == path.read_bytes()
    mine = [upload for upload in stage.box.uploads() if upload.name == path.name]
    assert len(mine) <= int(case.leaves_upload)


@pytest.mark.parametrize("fault", [*FAULTS])
def test_cancel_survives_a_failing_abort(shared: Stage, fault: str, tmp_path: Path, give_up: GiveUp) -> None:
    """The upload is cancelled at once whatever the abort does; what stays on OSS is aborted later."""
    stage, case = shared, Case("cookie", "large", "abort", fault)
    path = stage.file(f"abort {fault}.bin", 5 * PART, seed=random.Random(fault).randrange(10**6) + 1000)
    client = _client(stage, case, tmp_path / "state")
    stage.box.clear_requests()
    stage.hold("upload_part", after=2)
    job = client.submit(path, "/abort")
    stage.wait_held("upload_part", 3)
    kind, details = FAULTS[fault]
    give_up(stage, stage.box.fault("abort", kind, **details))
    job.cancel()
    with pytest.raises(UploadCancelled):
        job.wait(PATIENCE)
    until(lambda: any(record.route == "abort" and record.seconds for record in stage.box.requests))
    client.close()
    stage.go_on()
    again = _client(stage, case, tmp_path / "state")
    _ = again.queue  # starts the engine, and with it what is left to do
    until(lambda: not [upload for upload in stage.box.uploads() if upload.name == path.name], "the abort")
    again.close()
