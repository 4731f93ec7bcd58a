"""Both routes against the local 115: real HTTP, real encryption."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest
from drive_sandbox_support import (
    CONFIG,
    LARGE,
    SMALL,
    claim,
    drive_at,
    hasher,
    init,
    route_fixture,
    run,
    sandbox_fixture,
    sha1,
)

from pan115kit.config import Endpoints
from pan115kit.drive import CookieDrive, Credentials, Drive, Instant, NeedsUpload
from pan115kit.drive.data import SecondCheck
from pan115kit.errors import (
    AccountBlockedError,
    ClientOutdatedError,
    DriveError,
    FileTooLargeError,
    NetworkError,
    NoSpaceError,
    RateLimitedError,
    TargetError,
)
from pan115kit.sandbox import Sandbox

__all__ = ["route_fixture", "sandbox_fixture"]


# -- init ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [SMALL, LARGE, b""], ids=["small", "large", "empty"])
def test_new_content_gets_a_ticket(sandbox: Sandbox, route: str, data: bytes) -> None:
    """Where to send it, and the callback that makes it a file."""
    answer = run(drive_at(sandbox, route), init(data))
    assert isinstance(answer, NeedsUpload)
    ticket = answer.ticket
    assert ticket.bucket == "fhnfile"
    assert len(ticket.object_key) == 40
    assert ticket.pick_code
    assert "callbackUrl" in ticket.callback
    assert "x:pick_code" in ticket.callback_var


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_known_content_is_uploaded_instantly(sandbox: Sandbox, route: str, data: bytes) -> None:
    """The second check included; the file is there, under its name, and its id is the listing's."""
    sandbox.add_content(data)

    async def story(drive: Drive) -> Instant | NeedsUpload:
        folder = await drive.make_folders("/影视/电影")
        return await drive.init(claim(data, folder=folder), hasher(data))

    answer = run(drive_at(sandbox, route), story)
    (file,) = sandbox.files()
    assert (file.name, file.size, file.sha1) == ("影片 1&2.mkv", len(data), sha1(data))
    assert answer == Instant(file.file_id, file.pick_code)


def test_a_large_file_is_asked_for_a_second_check(sandbox: Sandbox, route: str) -> None:
    """And a wrong proof is not accepted."""
    sandbox.add_content(LARGE)

    async def wrong(start: int, end: int) -> str:
        return "0" * 40

    async def story(drive: Drive) -> None:
        assert isinstance(await drive.init_once(claim(LARGE), None), SecondCheck)
        with pytest.raises(DriveError):
            await drive.init(claim(LARGE), wrong)

    run(drive_at(sandbox, route), story)
    assert sandbox.files() == []


def test_a_lost_answer_makes_no_second_file(sandbox: Sandbox, route: str) -> None:
    """The instant upload was done, its reply was cut: the file is found, not made again."""
    sandbox.add_content(SMALL)
    sandbox.fault("initupload" if route == "cookie" else "open_init", "reset_after")
    answer = run(drive_at(sandbox, route), init(SMALL))
    (file,) = sandbox.files()
    assert answer == Instant(file.file_id, file.pick_code)


@pytest.mark.parametrize("kind", ["reset_before", "truncated_json", "status"])
def test_a_passing_fault_does_not_fail_the_file(sandbox: Sandbox, route: str, kind: str) -> None:
    """One bad answer of each kind."""
    sandbox.fault("initupload" if route == "cookie" else "open_init", kind)
    assert isinstance(run(drive_at(sandbox, route), init(SMALL)), NeedsUpload)


def test_a_silent_server_times_out_and_the_call_is_repeated(sandbox: Sandbox, route: str) -> None:
    """A stuck connection does not hang the notebook."""
    sandbox.fault("initupload" if route == "cookie" else "open_init", "stall")
    # a busy machine may be silent for a moment, too: that costs a try more
    drive = drive_at(sandbox, route, config=CONFIG.with_(read_timeout=1.0, retries=20))
    assert isinstance(run(drive, init(SMALL)), NeedsUpload)


def test_a_dead_server_is_a_network_error(route: str) -> None:
    """With its address."""
    with Sandbox() as sandbox:
        drive = drive_at(sandbox, route)
        where = sandbox.endpoint.removeprefix("http://")
    with pytest.raises(NetworkError, match=where):
        run(drive, lambda d: d.account())


def test_a_full_drive_and_a_missing_folder_are_told(sandbox: Sandbox, route: str) -> None:
    """Each by its own class."""
    with pytest.raises(TargetError):
        run(drive_at(sandbox, route), init(SMALL, folder="123456"))
    sandbox.space_left = 3
    with pytest.raises(NoSpaceError):
        run(drive_at(sandbox, route), init(SMALL))


def test_a_file_over_the_limit_is_refused(sandbox: Sandbox) -> None:
    """By uploadinfo's size_limit, before init."""
    sandbox.size_limit = 5
    with pytest.raises(FileTooLargeError):
        run(drive_at(sandbox, "cookie"), init(SMALL))
    assert sandbox.count("initupload") == 0


def test_the_firewalls_page_stops_everything_until_reset(sandbox: Sandbox, route: str) -> None:
    """One request, not one per file."""
    name = "initupload" if route == "cookie" else "open_init"
    sandbox.fault(name, "html_405")

    async def story(drive: Drive) -> None:
        for _ in range(5):
            with pytest.raises(AccountBlockedError):
                await drive.init(claim(SMALL), hasher(SMALL))
        assert sandbox.count(name) == 1
        drive.reset()
        assert isinstance(await drive.init(claim(SMALL), hasher(SMALL)), NeedsUpload)

    run(drive_at(sandbox, route), story)


def test_an_old_version_is_renewed_or_told(sandbox: Sandbox) -> None:
    """'Please upgrade' is answered by asking which version is current."""
    config = CONFIG.with_(app_version="1.0.0")
    assert isinstance(run(drive_at(sandbox, "cookie", config=config), init(SMALL)), NeedsUpload)
    assert sandbox.count("app_version") == 1
    sandbox.fault("app_version", "status", times=None)
    with pytest.raises(ClientOutdatedError):
        run(drive_at(sandbox, "cookie", config=config), init(SMALL))


def test_a_sandbox_that_cannot_decrypt_names_the_key_it_wants(sandbox: Sandbox) -> None:
    """It says 'please upgrade' as 115 would; the app version is not what is wrong here."""
    drive = CookieDrive(Credentials(sandbox.cookie), endpoints=Endpoints.at(sandbox.endpoint), config=CONFIG)
    with pytest.raises(ClientOutdatedError, match="PAN115_ECDH_PUBLIC_KEY"):
        run(drive, init(SMALL))


# -- keys and resume -------------------------------------------------------------------------------------------


def test_keys_live_an_hour(sandbox: Sandbox, route: str) -> None:
    """With the endpoint OSS is reached at."""
    token = run(drive_at(sandbox, route), lambda drive: drive.oss_token())
    assert token.endpoint == sandbox.endpoint
    assert 3500 < token.expires_at - time.time() < 3700


def test_throttled_keys_are_refused_after_tries(sandbox: Sandbox) -> None:
    """Throttling.User is a busy server, no login problem."""
    name = "gettoken"
    sandbox.fault(name, "state_false", times=None, code=400, message="Throttling.User")
    with pytest.raises((RateLimitedError, DriveError)):
        run(drive_at(sandbox, "cookie"), lambda drive: drive.oss_token())
    assert sandbox.count(name) == 1 + CONFIG.retries


def test_resume_gives_the_same_ticket(sandbox: Sandbox, route: str) -> None:
    """So that the parts OSS has go on counting."""

    async def story(drive: Drive) -> None:
        answer = await drive.init(claim(LARGE), hasher(LARGE))
        assert isinstance(answer, NeedsUpload)
        first, again = answer.ticket, await drive.resume(answer.ticket.pick_code, claim(LARGE))
        assert again is not None
        # 115 numbers each answer (x:task_uid); everything else is the same.
        assert replace(again, callback_var="") == replace(first, callback_var="")
        assert json.loads(again.callback_var)["x:pick_code"] == first.pick_code
        assert await drive.resume("nosuchpickcode", claim(LARGE)) is None

    run(drive_at(sandbox, route), story)


# -- folders ---------------------------------------------------------------------------------------------------


def test_folders_are_made_and_found(sandbox: Sandbox, route: str) -> None:
    """Twice the same path is one folder."""

    async def story(drive: Drive) -> None:
        assert await drive.find_folder("/影视/电影/2025") is None
        made = await drive.make_folders("/影视/电影/2025")
        assert await drive.find_folder("影视/电影/2025/") == made
        assert await drive.make_folders("/影视/电影/2025") == made
        assert await drive.make_folders("/影视/电影/2024") != made

    run(drive_at(sandbox, route), story)
    folders = [file.path for file in sandbox.files(folders=True)]
    assert sorted(folders) == ["/影视", "/影视/电影", "/影视/电影/2024", "/影视/电影/2025"]


def test_two_routes_see_one_drive(sandbox: Sandbox) -> None:
    """A folder made by one is the other's."""
    made = run(drive_at(sandbox, "cookie"), lambda drive: drive.make_folders("/a/b"))
    assert run(drive_at(sandbox, "open"), lambda drive: drive.make_folders("/a/b")) == made


def test_without_add_path_levels_are_made_one_by_one(sandbox: Sandbox) -> None:
    """Where that call is refused."""
    sandbox.fault("add_path", "state_false", times=None, code=1001, message="参数错误")
    made = run(drive_at(sandbox, "cookie"), lambda drive: drive.make_folders("/a/b/c"))
    assert run(drive_at(sandbox, "open"), lambda drive: drive.find_folder("/a/b/c")) == made


def test_a_race_for_one_folder_has_one_folder(sandbox: Sandbox) -> None:
    """Two processes upload into the same new folder."""

    async def story() -> set[str]:
        drives = [drive_at(sandbox, name) for name in ("open", "cookie", "open", "cookie")]
        try:
            return set(await asyncio.gather(*(drive.make_folders("/a/b/c") for drive in drives)))
        finally:
            for drive in drives:
                await drive.close()

    assert len(asyncio.run(story())) == 1
    assert len(sandbox.files(folders=True)) == 3


def test_files_are_found_by_content_newest_first(sandbox: Sandbox, route: str) -> None:
    """How a doubtful end is settled; an unknown folder is not mistaken for the root."""
    older = sandbox.put("/a/one.bin", SMALL)
    newer = sandbox.put("/a/two.bin", SMALL)
    sandbox.put("/a/three.bin", SMALL + b"!")
    sandbox.put("/four.bin", SMALL)

    async def story(drive: Drive) -> None:
        folder = await drive.find_folder("/a")
        assert folder is not None
        found = await drive.find_files(folder, sha1(SMALL), len(SMALL))
        assert [file.file_id for file in found] == [newer.file_id, older.file_id]
        assert {file.parent_id for file in found} == {folder}
        assert await drive.find_files(folder, sha1(LARGE), len(LARGE)) == []
        with pytest.raises(TargetError):
            await drive.find_files("987654321", sha1(SMALL), len(SMALL))

    run(drive_at(sandbox, route), story)


def test_a_folder_of_many_pages_is_read_to_its_end(
    sandbox: Sandbox, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """115 gives 1150 entries at once; two here, so that the test need not make thousands."""
    monkeypatch.setattr("pan115kit.drive.interface.PAGE", 2)
    sandbox.put("/a/first.bin", SMALL)
    for number in range(6):
        sandbox.put(f"/a/{number}.bin", b"x")

    async def story(drive: Drive) -> int:
        folder = await drive.make_folders("/a")
        return len(await drive.find_files(folder, sha1(SMALL), len(SMALL)))

    assert run(drive_at(sandbox, route), story) == 1
    assert sandbox.count("files" if route == "cookie" else "open_files") == 4
