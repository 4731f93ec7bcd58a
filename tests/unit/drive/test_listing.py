"""Folders listed over both routes, with every trap of protocol-drive.md D0 to D2 and D5."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from drive_support import CLAIM, SHA1, Scripted115, cookie_drive, ok, open_drive, run

from pan115kit.drive import Drive, Entry, EntryKind, Instant, Space, SubtreeCounts
from pan115kit.drive.rows import cookie_row, long_row, open_row, read_page
from pan115kit.errors import DriveError, DriveProtocolError, RateLimitedError, TargetError

COOKIE_FOLDER = {
    "cid": "456",
    "aid": "1",
    "pid": "123",
    "n": "sub",
    "m": 0,
    "sh": "0",
    "pc": "fabc",
    "te": "1716165082",
}
COOKIE_FILE = {
    "fid": "789",
    "uid": 100000001,
    "aid": 1,
    "cid": "123",
    "n": "a.mkv",
    "s": 105822001,
    "sta": 1,
    "pid": "",
    "pc": "ci91",
    "t": "2024-05-19 03:54",
    "te": "1716062040",
    "sha": SHA1,
}
OPEN_FOLDER = {
    "fid": "456",
    "aid": "1",
    "pid": "123",
    "fc": "0",
    "fn": "sub",
    "pc": "fabc",
    "upt": 1716165082,
    "fs": 0,
}
OPEN_FILE = {
    "fid": "789",
    "pid": "123",
    "fc": "1",
    "fn": "a.mkv",
    "pc": "ci91",
    "upt": 1716062040,
    "fs": 105822001,
    "fta": "1",
    "sha1": SHA1,
}
FOLDER = Entry("456", "sub", 0, "", "fabc", "123", EntryKind.FOLDER, 1716165082.0)
FILE = Entry("789", "a.mkv", 105822001, SHA1, "ci91", "123", EntryKind.FILE, 1716062040.0)


class Wire:
    """One route's words for the same things."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_cookie = name == "cookie"
        self.files = "/files" if self.is_cookie else "/open/ufile/files"
        self.search = "/files/search" if self.is_cookie else "/open/ufile/search"
        self.info = "/files/get_info" if self.is_cookie else "/open/folder/get_info"
        self.folder, self.file = (COOKIE_FOLDER, COOKIE_FILE) if self.is_cookie else (OPEN_FOLDER, OPEN_FILE)

    def drive(self, server: Scripted115) -> Drive:
        return cookie_drive(server) if self.is_cookie else open_drive(server)

    def listed(self, rows: list[dict[str, Any]], count: Any = None, cid: Any = 123, **more: Any) -> dict[str, Any]:
        return {**ok(rows), "cid": cid, "count": len(rows) if count is None else count, **more}

    def file_row(self, number: int, **more: Any) -> dict[str, Any]:
        own = {"fid": str(number), ("n" if self.is_cookie else "fn"): f"{number}.bin"}
        return {**self.file, **own, **more}


@pytest.fixture(params=["cookie", "open"])
def wire(request: pytest.FixtureRequest) -> Wire:
    return Wire(request.param)


async def collected(entries: AsyncIterator[Any]) -> list[Any]:
    return [entry async for entry in entries]


def listing(wire: Wire, *replies: Any, folder: str = "123") -> list[Entry]:
    server = Scripted115()
    server.on(wire.files, list(replies))
    return run(wire.drive(server), lambda drive: collected(drive.list_folder(folder)))


# -- rows ------------------------------------------------------------------------------------------------------


def test_a_row_is_an_entry_on_either_route(wire: Wire) -> None:
    """Whoever uses the drive does not learn two sets of field names."""
    assert listing(wire, wire.listed([wire.folder, wire.file])) == [FOLDER, FILE]


@pytest.mark.parametrize("kind", [int, str])
def test_numbers_may_come_as_text_and_text_as_numbers(wire: Wire, kind: Callable[[Any], Any]) -> None:
    """115 sends both, also within one answer."""
    numbers = ("fid", "cid", "pid", "s", "te", "fs", "fc", "upt", "fta", "sta")

    def turned(row: dict[str, Any]) -> dict[str, Any]:
        return {name: kind(value) if name in numbers and value != "" else value for name, value in row.items()}

    rows = [turned(wire.folder), turned(wire.file)]
    assert listing(wire, wire.listed(rows, count=kind(2), cid=kind(123))) == [FOLDER, FILE]


def test_sha1_is_upper_case_however_it_comes(wire: Wire) -> None:
    """It is compared with ours."""
    name = "sha" if wire.is_cookie else "sha1"
    assert listing(wire, wire.listed([{**wire.file, name: SHA1.lower()}])) == [FILE]


def test_a_file_that_is_not_whole_is_marked(wire: Wire) -> None:
    """A verification must not count it as there."""
    name = "sta" if wire.is_cookie else "fta"
    assert [e.complete for e in listing(wire, wire.listed([{**wire.file, name: "0"}]))] == [False]


def test_rows_without_an_id_are_none(wire: Wire) -> None:
    """Nothing can be done with them; the rest is there."""
    assert listing(wire, wire.listed([{"n": "x", "fn": "x", "fc": "1"}, wire.file, "rubbish"], count=3)) == [FILE]


def test_odd_fields_are_no_traceback() -> None:
    """115 leaves out what it likes."""
    assert cookie_row({"fid": 5, "n": None}) == Entry("5", "")
    assert open_row({"fid": "5", "fc": 1, "fn": 7}) == Entry("5", "")
    assert open_row({"fid": "5", "fn": "x"}) is None  # neither file nor folder
    for paths in ([], ["x"], None):
        assert long_row({"file_id": 5, "file_category": 1, "file_name": "a", "paths": paths}) == Entry("5", "a")
    assert long_row({"file_category": "1"}) is None
    assert long_row({"file_category": "0"}) is None


def test_characters_beyond_16_bits_are_themselves(wire: Wire) -> None:
    """Some answers write an emoji as its number; a name compared with the local one would differ for ever."""
    name = "n" if wire.is_cookie else "fn"
    assert listing(wire, wire.listed([{**wire.file, name: "a[\x02128074].mkv"}]))[0].name == "a👊.mkv"


# -- which folder, and whether it is one -----------------------------------------------------------------------


def test_an_unknown_folder_lists_the_root_and_is_not_believed(wire: Wire) -> None:
    """Files of the root taken for the folder's: a replacement would delete the wrong ones."""
    with pytest.raises(TargetError, match="does not exist"):
        listing(wire, wire.listed([wire.file], cid=0))


def test_the_last_of_the_path_says_which_folder_too(wire: Wire) -> None:
    """Where the answer has no cid of its own."""
    reply = wire.listed([wire.file], path=[{"cid": 0, "name": "根目录"}, {"cid": "123", "name": "docs"}])
    del reply["cid"]
    assert listing(wire, reply) == [FILE]


def test_an_answer_about_no_folder_at_all_is_not_believed(wire: Wire) -> None:
    reply = wire.listed([wire.file])
    del reply["cid"]
    with pytest.raises(DriveProtocolError, match="which folder"):
        listing(wire, reply)


# -- an answer that is none ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        {"state": True, "code": 0, "message": "", "data": []},
        {"state": True, "code": 0, "message": ""},
        {"state": True, "cid": 123, "data": []},
        {"state": True, "cid": 123, "count": 7, "data": []},
        {"state": True, "cid": 123, "count": None, "data": None},
        {"state": True, "cid": 123, "count": 1, "data": {"0": {}}},
    ],
)
def test_an_empty_answer_without_a_count_is_throttling_not_an_empty_folder(wire: Wire, odd: dict[str, Any]) -> None:
    """Other programs have deleted their users' files over this."""
    assert listing(wire, odd, odd, wire.listed([wire.file])) == [FILE]
    with pytest.raises(RateLimitedError, match="nothing"):
        listing(wire, odd)


def test_an_empty_folder_is_one_with_a_count_of_0(wire: Wire) -> None:
    assert listing(wire, wire.listed([])) == []
    assert listing(wire, wire.listed([], count="0")) == []


# -- pages -----------------------------------------------------------------------------------------------------


def paged(wire: Wire, numbers: Callable[[int], list[int]]) -> Callable[[httpx.Request], Any]:
    """A folder whose content may change with each call."""
    calls = 0

    def answer(request: httpx.Request) -> Any:
        nonlocal calls
        content = numbers(calls)
        calls += 1
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        rows = [wire.file_row(number) for number in content[offset : offset + min(limit, 1150)]]
        return wire.listed(rows, count=len(content))

    return answer


@pytest.mark.parametrize("size", [1, 1149, 1150, 1151, 2300, 5000])
def test_every_entry_comes_once_at_one_call_for_1150(wire: Wire, size: int) -> None:
    """Law 14: the price of knowing a folder."""
    server = Scripted115()
    server.on(wire.files, paged(wire, lambda _: list(range(1, size + 1))))
    found = run(wire.drive(server), lambda drive: collected(drive.list_folder("123")))
    assert [int(entry.file_id) for entry in found] == list(range(1, size + 1))
    assert server.paths().count(wire.files) == -(-size // 1150)


def test_what_is_deleted_while_pages_are_read_hides_nothing(wire: Wire) -> None:
    """Rows move up into pages that were read already: a file missed so would be uploaded again, or lost."""
    before, after = list(range(1, 3001)), list(range(101, 3001))
    server = Scripted115()
    server.on(wire.files, paged(wire, lambda call: before if call == 0 else after))
    found = run(wire.drive(server), lambda drive: collected(drive.list_folder("123")))
    ids = [int(entry.file_id) for entry in found]
    assert len(ids) == len(set(ids))
    assert set(ids) >= set(after)


def test_what_is_added_while_pages_are_read_comes_once(wire: Wire) -> None:
    """New entries push the others into the next page."""
    server = Scripted115()
    server.on(wire.files, paged(wire, lambda call: [*range(9000, 9000 + 10 * call), *range(1, 3001)]))
    found = run(wire.drive(server), lambda drive: collected(drive.list_folder("123")))
    ids = [int(entry.file_id) for entry in found]
    assert len(ids) == len(set(ids))
    assert set(ids) >= set(range(1, 3001))


def test_a_folder_that_never_holds_still_is_given_up(wire: Wire) -> None:
    """Instead of being listed for ever."""
    server = Scripted115()
    server.on(wire.files, paged(wire, lambda call: list(range(1, 3000 - call))))
    with pytest.raises(DriveError, match="changes again and again") as caught:
        run(wire.drive(server), lambda drive: collected(drive.list_folder("123")))
    assert server.paths().count(wire.files) == 12  # two pages, and five more times
    assert caught.value.retryable


def test_one_folder_is_asked_for_in_our_order(wire: Wire) -> None:
    """Without these 115 lists the whole subtree, or keeps the order that the folder remembers."""
    server = Scripted115()
    server.on(wire.files, wire.listed([]))
    run(wire.drive(server), lambda drive: collected(drive.list_folder("123")))
    params = server.requests[-1].url.params
    assert [params[name] for name in ("show_dir", "cur", "custom_order", "o", "asc")] == [
        "1",
        "1",
        "2",
        "user_ptime",
        "0",
    ]


def test_all_files_below_are_asked_for_without_folders(wire: Wire) -> None:
    """One call for 1,150 files, however deep they are."""
    server = Scripted115()
    server.on(wire.files, wire.listed([wire.file]))
    found = run(wire.drive(server), lambda drive: collected(drive.list_files_below("123")))
    assert found == [FILE]
    assert [server.requests[-1].url.params[name] for name in ("show_dir", "cur")] == ["0", "0"]


def test_a_tree_is_walked_folder_by_folder(wire: Wire) -> None:
    """Paths, empty folders too, at a call a folder."""
    own = "cid" if wire.is_cookie else "fid"
    trees = {
        "0": [{**wire.folder, own: "1"}, wire.file_row(50)],
        "1": [{**wire.folder, own: "2"}, {**wire.folder, own: "1"}],
        "2": [],
    }
    server = Scripted115()
    server.on(wire.files, lambda r: wire.listed(trees[r.url.params["cid"]], cid=r.url.params["cid"]))
    found = run(wire.drive(server), lambda drive: collected(drive.walk()))
    assert [path for path, _ in found] == ["sub", "50.bin", "sub/sub", "sub/sub"]
    assert server.paths().count(wire.files) == 3  # a folder inside itself is not walked for ever


def test_entries_are_counted_by_one_call(wire: Wire) -> None:
    server = Scripted115()
    server.on(wire.files, wire.listed([wire.file], count="2718"))
    assert run(wire.drive(server), lambda drive: drive.count_entries("123")) == 2718
    assert server.requests[-1].url.params["limit"] == "1"


# -- order -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("echo", "kept"),
    [
        ({}, True),
        ({"order": "user_ptime", "is_asc": 0}, True),
        ({"order": "user_ptime", "is_asc": "1"}, False),
        ({"order": "file_name", "is_asc": "0"}, False),
        ({"order": "file_name", "is_asc": 1}, False),
    ],
)
def test_whether_the_order_was_kept_is_read_from_the_answer(echo: dict[str, Any], kept: bool) -> None:
    """The folder's remembered order may win."""
    assert read_page(Wire("cookie").listed([COOKIE_FILE], **echo), "123", 0, cookie_row).newest_first is kept


def test_a_file_is_found_also_where_the_folder_keeps_its_own_order() -> None:
    """After a lost answer the new file is looked for among the newest: they may be on the last page here."""
    wire = Wire("cookie")
    rows = [wire.file_row(n) for n in range(1, 1151)] + [
        {**COOKIE_FILE, "fid": "9999", "n": "影片 1.mkv", "s": 3_000_000}
    ]

    def files(request: httpx.Request) -> Any:
        offset = int(request.url.params["offset"])
        return wire.listed(rows[offset : offset + 1150], count=1151, cid=77, order="file_name", is_asc="1")

    server = Scripted115()
    server.on("/files", files)
    server.on("/4.0/initupload.php", httpx.ReadTimeout("silent"))
    assert run(cookie_drive(server), lambda drive: drive.init_once(CLAIM, None)) == Instant("9999", "ci91")


def test_an_order_that_is_refused_is_replaced_by_the_folders_own() -> None:
    """20130827 comes with the order that works."""
    refused = {"state": False, "errNo": 20130827, "error": "不支持的排序", "order": "user_utime", "is_asc": "1"}
    server = Scripted115()
    wire = Wire("cookie")
    server.on("/files", [refused, wire.listed([COOKIE_FILE])])
    assert run(cookie_drive(server), lambda drive: collected(drive.list_folder("123"))) == [FILE]
    asked = [request.url.params for request in server.requests]
    assert [(p["o"], p["asc"]) for p in asked] == [("user_ptime", "0"), ("user_utime", "1")]


def test_a_folder_that_is_only_listed_by_name_is_asked_of_the_other_host() -> None:
    """webapi refuses it for ever."""
    refused = {"state": False, "errNo": 20130827, "error": "不支持的排序", "order": "file_name", "is_asc": 1}
    server = Scripted115()
    server.on("/files", refused)
    server.on("/natsort/files.php", Wire("cookie").listed([COOKIE_FILE]))
    assert run(cookie_drive(server), lambda drive: collected(drive.list_folder("123"))) == [FILE]


def test_the_same_code_with_words_of_load_is_waited_out() -> None:
    busy = {"state": False, "errNo": 20130827, "error": "操作过于频繁", "order": "file_name"}
    server = Scripted115()
    server.on("/files", [busy, Wire("cookie").listed([COOKIE_FILE])])
    assert run(cookie_drive(server), lambda drive: collected(drive.list_folder("123"))) == [FILE]
    assert server.time.sleeps == [0.5]


# -- one entry -------------------------------------------------------------------------------------------------

OPEN_INFO = {
    "count": 0,
    "size": "100.9MB",
    "size_byte": 105822001,
    "folder_count": 0,
    "ptime": "1716062040",
    "utime": "1716062040",
    "file_name": "a.mkv",
    "pick_code": "ci91",
    "sha1": SHA1,
    "file_id": "789",
    "file_category": "1",
    "paths": [{"file_id": "0", "file_name": "根目录"}, {"file_id": 123, "file_name": "docs"}],
}


def info(wire: Wire, reply: Any, **more: Any) -> Entry | None:
    server = Scripted115(**more)
    server.on(wire.info, reply)
    server.on(wire.files, wire.listed([], cid=0))
    return run(wire.drive(server), lambda drive: drive.info("789"))


def test_an_entry_is_found_by_its_id(wire: Wire) -> None:
    assert info(wire, ok([COOKIE_FILE] if wire.is_cookie else OPEN_INFO)) == FILE


@pytest.mark.parametrize("code", [20018, 990002, 430004, 231011])
def test_an_id_nobody_has_is_none(wire: Wire, code: int) -> None:
    """115 has several ways to say it."""
    assert info(wire, {"state": False, "errno": code, "error": "文件不存在"}) is None
    assert info(wire, ok([])) is None


def test_an_empty_answer_under_load_is_not_a_missing_entry(wire: Wire) -> None:
    """Who takes a file for gone uploads it again, or forgets that it is there."""
    throttled = {"state": True, "code": 0, "message": "", "data": []}
    server = Scripted115()
    server.on(wire.info, [throttled, ok([COOKIE_FILE] if wire.is_cookie else OPEN_INFO)])
    server.on(wire.files, [throttled, wire.listed([], cid=0)])
    assert run(wire.drive(server), lambda drive: drive.info("789")) == FILE
    server.on(wire.info, throttled)
    server.on(wire.files, throttled)
    with pytest.raises(RateLimitedError):
        run(wire.drive(server), lambda drive: drive.info("789"))


def test_another_refusal_is_no_answer(wire: Wire) -> None:
    """A dead login is not a missing file."""
    with pytest.raises(DriveError):
        info(wire, {"state": False, "errno": 123456, "error": "出错"})


@pytest.mark.parametrize("lack", [{"pick_code": ""}, {"utime": ""}, {"utime": 0}, {"size_byte": None}])
def test_what_the_open_api_leaves_out_is_read_from_the_folders_list(lack: dict[str, Any]) -> None:
    """Without a pick code nothing can be downloaded."""
    wire = Wire("open")
    server = Scripted115()
    server.on(wire.info, ok({**OPEN_INFO, **lack}))
    server.on(wire.files, wire.listed([wire.file_row(1), OPEN_FILE]))
    assert run(open_drive(server), lambda drive: drive.info("789")) == FILE


def test_a_folders_subtree_is_counted(wire: Wire) -> None:
    """The cookie's answer has no state and a rounded size."""
    server = Scripted115()
    server.on("/category/get", {"count": "3", "size": "1.2GB", "folder_count": "1", "file_category": "0"})
    server.on(wire.info, ok({"count": 3, "size_byte": 1288490188, "folder_count": "1", "file_category": "0"}))
    counts = run(wire.drive(server), lambda drive: drive.count_below("123"))
    assert counts == SubtreeCounts(3, 1, None if wire.is_cookie else 1288490188)


@pytest.mark.parametrize("nothing", [b"", b"[]"])
def test_a_folder_that_is_gone_is_not_counted(nothing: bytes) -> None:
    server = Scripted115()
    server.on("/category/get", httpx.Response(200, content=nothing))
    with pytest.raises(TargetError):
        run(cookie_drive(server), lambda drive: drive.count_below("5"))


# -- search and space ------------------------------------------------------------------------------------------

OPEN_FOUND = {
    "file_id": "789",
    "user_id": "1",
    "sha1": SHA1,
    "file_name": "a.mkv",
    "file_size": "105822001",
    "user_utime": "1716062040",
    "pick_code": "ci91",
    "parent_id": "123",
    "area_id": "1",
    "file_category": "1",
}


def test_content_is_found_by_sha1_in_a_subtree(wire: Wire) -> None:
    """The search takes a name or a SHA-1: only the latter's matches count."""
    row = COOKIE_FILE if wire.is_cookie else OPEN_FOUND
    other = {**row, ("fid" if wire.is_cookie else "file_id"): "1", ("sha" if wire.is_cookie else "sha1"): "0" * 40}
    server = Scripted115()
    server.on(wire.search, {**ok([row, other]), "count": 2})
    assert run(wire.drive(server), lambda drive: drive.find_sha1(SHA1.lower(), "5")) == [FILE]
    asked = server.requests[-1].url.params
    assert (asked["search_value"], asked["cid"]) == (SHA1, "5")


def test_a_search_ends_at_its_window_and_at_an_empty_page(wire: Wire) -> None:
    """115 refuses more than 10,000, its count is an estimate, and pages may be short."""
    row = COOKIE_FILE if wire.is_cookie else OPEN_FOUND
    key = "fid" if wire.is_cookie else "file_id"

    def answer(request: httpx.Request) -> Any:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        assert offset + limit <= 10_000
        return {**ok([{**row, key: str(n + 1)} for n in range(offset, offset + limit)]), "count": 99999}

    server = Scripted115()
    server.on(wire.search, answer)
    assert len(run(wire.drive(server), lambda drive: collected(drive.search("x")))) == 10_000
    assert server.paths().count(wire.search) == 9
    short = Scripted115()
    short.on(
        wire.search, [{**ok([row]), "count": 50}, {**ok([{**row, key: "2"}]), "count": 50}, {**ok([]), "count": 50}]
    )
    assert len(run(wire.drive(short), lambda drive: collected(drive.search("x")))) == 2


def test_nothing_is_searched_for_nothing(wire: Wire) -> None:
    server = Scripted115()
    assert run(wire.drive(server), lambda drive: collected(drive.search("  "))) == []
    assert server.requests == []


@pytest.mark.parametrize("big", [1230000000000, 1.23e12, "1.23E+12", "1230000000000"])
def test_space_is_read_however_the_number_is_written(wire: Wire, big: Any) -> None:
    """A terabyte comes as a float."""
    sizes = {"all_total": {"size": big}, "all_use": {"size": "500"}, "all_remain": {"size": 7.0}}
    server = Scripted115()
    server.on("/files/index_info", ok({"space_info": sizes}))
    server.on("/open/user/info", ok({"user_id": 1, "rt_space_info": sizes}))
    assert run(wire.drive(server), lambda drive: drive.space()) == Space(1230000000000, 500, 7)


def test_space_that_115_does_not_say_is_not_zero(wire: Wire) -> None:
    server = Scripted115()
    server.on("/files/index_info", ok({}))
    server.on("/open/user/info", ok({"user_id": 1}))
    with pytest.raises(DriveProtocolError, match="space"):
        run(wire.drive(server), lambda drive: drive.space())
