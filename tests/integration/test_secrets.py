"""Law 9: cookie, tokens and STS keys are in no log, repr, message, traceback, file or output."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from script_support import environment
from upload_support import PART, PATIENCE, Stage, until

from pan115kit import Pan115Client, Pan115Error
from pan115kit.entrypoints import cli
from pan115kit.presentation.dataframes import history_frame, sessions_frame


class Everything(logging.Handler):
    """Keeps every record of every logger, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(args)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Everything]:
    """All logging at DEBUG, httpx's and asyncio's too."""
    handler, root = Everything(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


def _secrets(stage: Stage) -> set[str]:
    """Everything that must not be seen, of now and of before."""
    services = stage.box._services
    cookie = dict(pair.split("=", 1) for pair in stage.box.cookie.split("; "))
    found = {cookie["CID"], cookie["SEID"], cookie["KID"], stage.box.cookie, services.drive.accounts.user_key}
    found |= {stage.box.access_token, stage.box.refresh_token}
    found |= {row["value"] for row in services.database.rows("SELECT value FROM token")}
    for row in services.database.rows("SELECT * FROM sts"):
        found |= {row["secret"], row["token"]}
    assert all(len(secret) >= 8 for secret in found)
    return found


def _assert_clean(stage: Stage, shown: dict[str, str], more: set[str] | None = None) -> None:
    for where, text in shown.items():
        for secret in _secrets(stage) | (more or set()):
            assert secret not in text, f"a secret is in {where}"


def _files(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # a journal of the database comes and goes
            found[str(path)] = path.read_bytes().decode("latin-1")
    return found


def _told(error: BaseException) -> str:
    """An error as Python, IPython's verbose mode and a log show it."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join([str(error), repr(error), repr(vars(error)), *whole.format()])


def _parts_of(client: Pan115Client) -> dict[str, str]:
    """The repr of everything a user can get hold of."""
    queue, tracker, store = client.queue, client.tracker, client.store
    context = queue.context
    objects: list[Any] = [client, client.config, queue, tracker, store, context, *client.jobs()]
    objects += [context.drive, context.credentials, context.bucket("fhnfile"), context.folders, context.http]
    objects += [job.progress for job in client.jobs()] + tracker.snapshots()
    objects += [vars(context.drive), vars(context.credentials)]
    return {f"repr of {type(thing).__name__}": repr(thing) for thing in objects}


def _echo(stage: Stage, route: str) -> str:
    """115's own words may quote what it was sent."""
    return f"空间不足 {stage.box.cookie if route == 'cookie' else stage.box.access_token}"


def _provoke(stage: Stage, client: Pan115Client, route: str) -> Iterator[Pan115Error]:
    """Every kind of trouble an upload can have."""
    init, token = ("initupload", "gettoken") if route == "cookie" else ("open_init", "open_get_token")
    troubles: list[Callable[[], object]] = [
        lambda: stage.box.fault("upload_part", "reset_before", times=None),
        lambda: stage.box.fault("upload_part", "status", times=None, status=403, code="AccessDenied"),
        lambda: stage.box.fault("complete", "state_false", code=4711),
        lambda: stage.box.fault("put_object", "state_false", code=10014),
        lambda: (stage.box.expire_sts(), stage.box.fault(token, "truncated_json", times=None)),
        lambda: (stage.box.expire_sts(), stage.box.fault(token, "status", times=None, status=500)),
        lambda: stage.box.fault(init, "truncated_json", times=None),
        lambda: stage.box.fault(init, "state_false", code=91005, message=_echo(stage, route)),
        lambda: stage.box.fault(init, "html_405"),
        stage.box.log_out if route == "cookie" else stage.box.revoke_refresh_token,
    ]
    for number, trouble in enumerate(troubles):
        trouble()
        size = 2 * PART if number == 3 else 5 * PART
        job = client.submit(stage.file(f"{route} {number}.bin", size, 100 + number), "/x")
        with pytest.raises(Pan115Error) as caught:
            job.wait(PATIENCE)
        yield caught.value
        stage.go_on()
        client.resume_all()
        job.cancel()
        until(lambda job=job: job.done)


@pytest.mark.parametrize("route", ["cookie", "open"])
def test_no_secret_is_seen(stage: Stage, route: str, log: Everything) -> None:
    """A log pasted into an issue, a notebook on GitHub, a backup of the state: none gives the account away."""
    kept: list[tuple[str, str]] = []
    more = {"on_tokens": lambda access, refresh: kept.append((access, refresh))} if route == "open" else {}
    client = stage.client(route, retries=1, **more)
    shown: dict[str, str] = {}
    before = _secrets(stage)
    assert client.upload(stage.file(size=5 * PART), "/x", progress="none").success
    if route == "open":
        stage.box.expire_access_token()
        assert client.upload(stage.file("again.bin", 5 * PART, 7), "/x", progress="none").success
        assert len(kept) == 1
    shown |= _parts_of(client)
    for number, error in enumerate(_provoke(stage, client, route)):
        shown[f"trouble {number}"] = _told(error)
        shown |= {f"trouble {number} of job": repr(client.jobs()[-1].exception)}
    shown |= _parts_of(client)
    shown["sessions"] = sessions_frame(client.store.sessions.list()).to_string()
    shown["history"] = history_frame(client.store.history.list()).to_string()
    shown |= _files(stage.state_dir)
    client.close()
    shown |= _files(stage.state_dir)
    shown["log"] = "\n".join(log.lines)
    assert "HTTP Request" in shown["log"]  # httpx was heard
    _assert_clean(stage, shown, before)


def test_state_directory_is_for_its_owner_only(stage: Stage) -> None:
    """Paths and names of one's films are nobody else's business."""
    client = stage.client()
    client.upload(stage.file(size=5 * PART), "/x", progress="none")
    assert stage.state_dir.stat().st_mode & 0o077 == 0
    files = [path for path in stage.state_dir.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_database_has_no_column_for_secrets(stage: Stage) -> None:
    """What is persisted of an upload: everything to go on with, no key to anything."""
    client = stage.client()
    stage.hold("upload_part", after=2)
    job = client.submit(stage.file(), "/x")
    stage.wait_held("upload_part", 3)
    database = sqlite3.connect(f"file:{client.store.database.path}?mode=ro", uri=True)
    dump = "\n".join(database.iterdump())
    database.close()
    assert stage.box.uploads()[0].upload_id in dump
    _assert_clean(stage, {"dump": dump})
    job.cancel()
    until(lambda: job.done)
    stage.go_on()


def test_command_line_shows_none(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither when it works nor when it does not."""
    path, cookie = str(stage.file()), stage.box.cookie
    shown: dict[str, str] = {}

    def command(*arguments: str, **more: str) -> int:
        for name, value in environment(stage, PAN115_COOKIE=cookie, PAN115_ACCESS_TOKEN="").items():
            monkeypatch.setenv(name, more.get(name, value))
        code = cli.main(arguments)
        told = capsys.readouterr()
        shown[f"{arguments} {len(shown)}"] = told.out + told.err
        return code

    assert command("upload", path, "--to", "/x", "--json") == 0
    assert command("upload", path, "--to", "/y", PAN115_COOKIE=f"{cookie}\x01") == 2
    assert command("upload", path, "--to", "/y", PAN115_ACCESS_TOKEN=stage.box.access_token) == 2
    blanks = f"{stage.box.access_token} x"
    assert command("upload", path, "--to", "/y", PAN115_COOKIE="", PAN115_ACCESS_TOKEN=blanks) == 2
    secrets = _secrets(stage)
    stage.box.log_out()
    assert command("upload", path, "--to", "/z") == 1
    assert command("history", "--json") == 0
    _assert_clean(stage, shown, secrets)
