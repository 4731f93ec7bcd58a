"""Changes on the drive, over both routes: nothing is done twice, nothing goes where nobody finds it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from drive_support import Scripted115, cookie_drive, form_of, ok, open_drive, run

from pan115kit.drive import Drive, Entry, EntryKind
from pan115kit.errors import DriveError, FileNameError, NetworkError, NoSpaceError, RateLimitedError, TargetError

DONE = {"state": True, "error": "", "errno": 0, "code": 0, "message": "", "data": []}
MOVIE = Entry("789", "a.mkv", 5, "", "pc", "1")
PATHS = {
    "cookie": ("/rb/delete", "/files/move", "/files/copy", "/files/batch_rename", "/files", "/files/get_info"),
    "open": (
        "/open/ufile/delete",
        "/open/ufile/move",
        "/open/ufile/copy",
        "/open/ufile/update",
        "/open/ufile/files",
        "/open/folder/get_info",
    ),
}


class Wire:
    """One route's words for the same things."""

    def __init__(self, name: str) -> None:
        self.is_cookie = name == "cookie"
        self.delete, self.move, self.copy, self.rename, self.files, self.info = PATHS[name]

    def server(self) -> Scripted115:
        """One whose folder 9 exists."""
        server = Scripted115()
        server.on(self.files, {**ok([]), "cid": 9, "count": 0})
        return server

    def drive(self, server: Scripted115) -> Drive:
        return cookie_drive(server) if self.is_cookie else open_drive(server)

    def ids(self, server: Scripted115, path: str) -> list[list[str]]:
        """The ids of each call."""
        found = []
        for form in server.forms(path):
            if self.is_cookie:
                found.append([form[f"fid[{n}]"] for n in range(sum(name.startswith("fid[") for name in form))])
            else:
                found.append((form.get("file_ids") or form["file_id"]).split(","))
        return found


@pytest.fixture(params=["cookie", "open"])
def wire(request: pytest.FixtureRequest) -> Wire:
    return Wire(request.param)


# -- delete ----------------------------------------------------------------------------------------------------


def test_files_are_deleted_in_batches_each_once(wire: Wire) -> None:
    """Ten thousand ids in one form are refused somewhere on the way."""
    server = wire.server()
    server.on(wire.delete, DONE)
    ids = [str(n) for n in range(1, 1202)]
    run(wire.drive(server), lambda drive: drive.delete([*ids, "1"]))
    sent = wire.ids(server, wire.delete)
    assert [len(batch) for batch in sent] == [500, 500, 201]
    assert [file_id for batch in sent for file_id in batch] == ids


def test_nothing_is_asked_for_nothing(wire: Wire) -> None:
    """An empty list of ids means "all" to some of 115's calls."""
    server = wire.server()
    run(wire.drive(server), lambda drive: drive.delete([]))
    assert server.requests == []


def test_what_is_gone_already_is_deleted(wire: Wire) -> None:
    """A deletion whose answer was lost is asked again and then finds nothing."""
    server = wire.server()
    server.on(wire.delete, [httpx.ReadTimeout("silent"), {"state": False, "errno": 231011, "error": "文件已删除"}])
    run(wire.drive(server), lambda drive: drive.delete(["1"]))
    assert len(server.forms(wire.delete)) == 2


def test_one_that_is_gone_does_not_keep_the_others(wire: Wire) -> None:
    """115 does not say which of them it is, nor what it did with the rest."""
    gone = {"state": False, "errno": 90008, "error": "文件不存在"}
    server = wire.server()

    def answer(request: httpx.Request) -> Any:
        form = form_of(request.content)
        ids = {value for name, value in form.items() if name.startswith("fid[") or name == "file_ids"}
        return DONE if ids in ({"1"}, {"3"}) else gone

    server.on(wire.delete, answer)
    run(wire.drive(server), lambda drive: drive.delete(["1", "2", "3"]))
    assert wire.ids(server, wire.delete) == [["1", "2", "3"], ["1"], ["2"], ["3"]]


def test_a_refused_deletion_is_an_error(wire: Wire) -> None:
    server = wire.server()
    server.on(wire.delete, {"state": False, "errno": 123456, "error": "无权限"})
    with pytest.raises(DriveError, match="无权限"):
        run(wire.drive(server), lambda drive: drive.delete(["1"]))


# -- one at a time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [990005, 990009, 990019])
def test_a_change_waits_for_the_one_that_goes_on(wire: Wire, code: int) -> None:
    """115 works on a deleted folder after its answer and refuses what comes meanwhile."""
    server = wire.server()
    server.on(wire.delete, [{"state": False, "errno": code, "error": "操作尚未执行完成"}] * 2 + [DONE])
    run(wire.drive(server), lambda drive: drive.delete(["1"]))
    assert server.time.sleeps == [0.5, 1.0]


def test_changes_never_run_side_by_side(wire: Wire) -> None:
    """Law 16: the second of two at once is refused, or dropped in silence."""
    server = wire.server()
    running = most = 0

    async def slow(_request: httpx.Request) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return DONE

    for path in (wire.delete, wire.move, wire.copy, wire.rename):
        server.on(path, slow)
    server.on(wire.info, ok([]))

    async def story(drive: Drive) -> None:
        folder = Entry("5", "x", kind=EntryKind.FOLDER)
        changes = (
            drive.delete(["1"]),
            drive.move(["2"], "9"),
            drive.copy(["3"], "9"),
            drive.rename(folder, "y"),
        )
        await asyncio.gather(*changes, return_exceptions=True)

    run(wire.drive(server), story)
    assert most == 1
    assert {wire.delete, wire.move, wire.copy, wire.rename} <= set(server.paths())


# -- move and copy ---------------------------------------------------------------------------------------------


def test_a_target_that_is_not_there_is_found_out_first(wire: Wire) -> None:
    """115 accepts any id: the files would be in no folder at all."""
    server = wire.server()
    server.on(wire.files, {**ok([]), "cid": 0, "count": 0})
    for path in (wire.move, wire.copy):
        server.on(path, DONE)
    for change in (Drive.move, Drive.copy):
        with pytest.raises(TargetError):
            run(wire.drive(server), lambda drive, change=change: change(drive, ["1"], "9"))  # type: ignore[misc]
    assert not {wire.move, wire.copy} & set(server.paths())


def test_files_are_moved_and_copied_by_id(wire: Wire) -> None:
    server = wire.server()
    for path in (wire.move, wire.copy):
        server.on(path, DONE)

    async def story(drive: Drive) -> None:
        await drive.move(["1", "2"], "9")
        await drive.copy(["3"], "9")

    run(wire.drive(server), story)
    assert (wire.ids(server, wire.move), wire.ids(server, wire.copy)) == ([["1", "2"]], [["3"]])
    moved, copied = server.forms(wire.move)[0], server.forms(wire.copy)[0]
    assert (moved.get("pid") or moved["to_cid"], copied["pid"]) == ("9", "9")
    assert wire.is_cookie or copied["nodupli"] == "0"


def test_a_move_whose_answer_was_lost_is_asked_again(wire: Wire) -> None:
    """Moving where a file is already does nothing."""
    server = wire.server()
    server.on(wire.move, [httpx.ReadTimeout("silent"), DONE])
    run(wire.drive(server), lambda drive: drive.move(["1"], "9"))


def test_a_copy_whose_answer_was_lost_is_not_made_twice(wire: Wire) -> None:
    """Copying again makes ``a(1).mkv``."""
    server = wire.server()
    server.on(wire.copy, [httpx.ReadTimeout("silent"), DONE])
    with pytest.raises(NetworkError, match="may have been copied"):
        run(wire.drive(server), lambda drive: drive.copy(["1"], "9"))
    assert len(server.forms(wire.copy)) == 1


def test_a_copy_that_was_never_sent_is_asked_again(wire: Wire) -> None:
    server = wire.server()
    server.on(wire.copy, [httpx.ConnectError("refused"), {"state": False, "errno": 990009, "error": "x"}, DONE])
    run(wire.drive(server), lambda drive: drive.copy(["1"], "9"))
    assert len(server.forms(wire.copy)) == 3


@pytest.mark.parametrize(
    ("code", "kind"), [(91002, TargetError), (800006, TargetError), (91005, NoSpaceError), (91004, DriveError)]
)
def test_refusals_are_named(wire: Wire, code: int, kind: type[DriveError]) -> None:
    server = wire.server()
    server.on(wire.copy, {"state": False, "errno": code, "error": "原话"})
    with pytest.raises(kind, match="原话") as caught:
        run(wire.drive(server), lambda drive: drive.copy(["1"], "9"))
    assert type(caught.value) is kind


# -- rename ----------------------------------------------------------------------------------------------------


def renamed(wire: Wire, name: str) -> dict[str, Any]:
    return ok({"789": name} if wire.is_cookie else {"file_name": name, "star": "0"})


def test_the_name_it_has_now_is_what_115_says(wire: Wire) -> None:
    """A taken name is numbered in silence."""
    server = wire.server()
    server.on(wire.rename, renamed(wire, "b(1).mkv"))
    assert run(wire.drive(server), lambda drive: drive.rename(MOVIE, "b.mkv")) == "b(1).mkv"
    form = server.forms(wire.rename)[0]
    expected = {"file_name": "b.mkv", ("fid" if wire.is_cookie else "file_id"): "789"}
    assert form == expected | ({"files_new_name[789]": "b.mkv"} if wire.is_cookie else {})


def test_a_name_that_115_does_not_repeat_is_looked_up(wire: Wire) -> None:
    """``data: []`` says neither yes nor no."""
    server = wire.server()
    server.on(wire.rename, ok([]))
    row = {"fid": "789", "cid": "1", "n": "a.mkv", "pc": "p"}
    long = {
        "file_id": "789",
        "file_name": "a.mkv",
        "pick_code": "p",
        "utime": 1,
        "size_byte": 5,
        "file_category": "1",
    }
    server.on(wire.info, ok([row] if wire.is_cookie else long))
    assert run(wire.drive(server), lambda drive: drive.rename(MOVIE, "b.mkv")) == "a.mkv"
    server.on(wire.info, ok([]))
    server.on(wire.files, {**ok([]), "cid": 0, "count": 0})
    with pytest.raises(TargetError, match="gone"):
        run(wire.drive(server), lambda drive: drive.rename(MOVIE, "b.mkv"))


@pytest.mark.parametrize("name", ["b", "b.mp4", "b.mkv.txt", "b."])
def test_another_extension_is_refused_before_115_garbles_it(wire: Wire, name: str) -> None:
    """``123.txt`` renamed to ``123.md`` becomes ``123.txt.txt`` there."""
    server = wire.server()
    with pytest.raises(FileNameError, match="extension"):
        run(wire.drive(server), lambda drive: drive.rename(MOVIE, name))
    assert server.requests == []


def test_a_folder_has_no_extension(wire: Wire) -> None:
    server = wire.server()
    server.on(wire.rename, renamed(wire, "v2.1"))
    folder = Entry("789", "v1.0", kind=EntryKind.FOLDER)
    assert run(wire.drive(server), lambda drive: drive.rename(folder, "v2.1")) == "v2.1"


def test_the_same_name_asks_nobody(wire: Wire) -> None:
    server = wire.server()
    assert run(wire.drive(server), lambda drive: drive.rename(MOVIE, "a.mkv")) == "a.mkv"
    assert server.requests == []


# -- make ------------------------------------------------------------------------------------------------------


def test_a_folder_that_exists_is_the_folder_made(wire: Wire) -> None:
    """Two runs of one batch, or a lost answer: 115 does not say its id."""
    server = wire.server()
    taken = {"state": False, "errno": 20004, "error": "该目录名称已存在"}
    server.on("/files/add" if wire.is_cookie else "/open/folder/add", taken)
    row = (
        {"cid": "12", "pid": "9", "n": "new"} if wire.is_cookie else {"fid": "12", "pid": "9", "fn": "new", "fc": "0"}
    )
    server.on(wire.files, {**ok([row]), "cid": 9, "count": 1})
    assert run(wire.drive(server), lambda drive: drive.make_folder("9", "new")) == "12"


def test_a_folder_is_made_in_its_parent(wire: Wire) -> None:
    server = wire.server()
    path = "/files/add" if wire.is_cookie else "/open/folder/add"
    server.on(path, {"state": True, "cid": "12", "data": {"file_id": 12, "file_name": "new"}})
    assert run(wire.drive(server), lambda drive: drive.make_folder("9", "new")) == "12"
    assert server.forms(path)[0]["pid"] == "9"


@pytest.mark.parametrize("name", ["a/b", "", ".."])
def test_a_folder_is_one_name(wire: Wire, name: str) -> None:
    with pytest.raises((TargetError, FileNameError)):
        run(wire.drive(wire.server()), lambda drive: drive.make_folder("9", name))


def test_a_busy_account_is_not_busy_for_ever(wire: Wire) -> None:
    """Retries end."""
    server = wire.server()
    server.on(wire.delete, {"state": False, "errno": 990009, "error": "x"})
    with pytest.raises(RateLimitedError):
        run(wire.drive(server), lambda drive: drive.delete(["1"]))
