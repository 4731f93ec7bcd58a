"""Listings, single entries and searches on both routes, trap by trap (protocol-drive.md D1, D2, D5)."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_support import CookiePeer, OpenPeer, eventually, random_bytes, sha1, upload

from pan115kit.sandbox import Sandbox
from pan115kit.sandbox.drive.tree import Selection, natural_key


def folder_id(sandbox: Sandbox, path: str) -> str:
    return next(f.file_id for f in sandbox.files(folders=True) if f.path == path)


def file_id(sandbox: Sandbox, path: str) -> str:
    return next(f.file_id for f in sandbox.files() if f.path == path)


def web_names(cookie: CookiePeer, **query: Any) -> list[str]:
    return [row["n"] for row in cookie.get("/files", **query)["data"]]


def open_names(peer: OpenPeer, **query: Any) -> list[str]:
    return [row["fn"] for row in peer.call("GET", "/open/ufile/files", **query)["data"]]


# -- which folder


def test_an_unknown_folder_lists_the_root_and_says_so(cookie: CookiePeer, peer: OpenPeer) -> None:
    """A client that does not compare the echoed cid would take the root's files for those of a folder that is gone,
    and delete or skip the wrong ones (D0.1).
    """
    cookie.sandbox.put("/in the root.bin", b"1")
    a_file = file_id(cookie.sandbox, "/in the root.bin")
    for cid in ("999", a_file):
        web = cookie.get("/files", cid=cid)
        assert (web["state"], web["cid"], web["path"][-1]["cid"], web["count"]) == (True, 0, 0, 1)
        opened = peer.call("GET", "/open/ufile/files", cid=cid, show_dir=1, cur=1)
        assert (opened["code"], opened["cid"], opened["count"]) == (0, 0, 1)
        app = cookie.get("/android/2.0/ufile/files", cid=cid)
        assert (app["cid"], app["count"]) == (0, 1)
        assert cookie.get("/natsort/files.php", cid=cid)["cid"] == 0


def test_an_unknown_folder_may_be_refused_too(cookie: CookiePeer, peer: OpenPeer) -> None:
    """Some have seen 990002 instead (D9): a client must take both for "no such folder"."""
    cookie.sandbox.set(unknown_folder_is_root=False)
    assert cookie.get("/files", cid="999")["errno"] == 990002
    assert peer.call("GET", "/open/ufile/files", cid="999")["code"] == 990002


def test_the_path_leads_from_the_root_to_the_folder(cookie: CookiePeer, peer: OpenPeer) -> None:
    """An id could not be turned into a path (D2)."""
    cookie.sandbox.put("/a/b/x.bin", b"1")
    deep = folder_id(cookie.sandbox, "/a/b")
    web = cookie.get("/files", cid=deep, limit=1, nf=1)["path"]
    assert [(p["name"], str(p["cid"])) for p in web][0::2] == [("根目录", "0"), ("b", deep)]
    opened = peer.call("GET", "/open/ufile/files", cid=deep, show_dir=1)["path"]
    assert [p["cid"] for p in opened] == [0, int(folder_id(cookie.sandbox, "/a")), int(deep)]


# -- one folder or the whole subtree


def test_without_show_dir_the_open_route_walks_the_whole_subtree(peer: OpenPeer) -> None:
    """A client that forgets ``show_dir=1`` would take files of folders below for files of this one (D0.2)."""
    for path in ("/top.bin", "/a/one.bin", "/a/b/two.mkv"):
        peer.sandbox.put(path, path.encode())
    assert sorted(open_names(peer, cid=0)) == ["one.bin", "top.bin", "two.mkv"]
    assert sorted(open_names(peer, cid=0, cur=1)) == ["top.bin"]
    assert sorted(open_names(peer, cid=0, show_dir=1)) == ["a", "top.bin"]
    # A filter walks the subtree even with show_dir, unless cur=1.
    assert open_names(peer, cid=0, show_dir=1, suffix="mkv") == ["two.mkv"]
    assert open_names(peer, cid=0, show_dir=1, type=4) == ["two.mkv"]
    assert open_names(peer, cid=0, show_dir=1, type=4, cur=1) == []
    assert open_names(peer, cid=0, show_dir=1, type=4, cur=1, stdir=1) == ["a"]


def test_folders_alone_files_alone_and_sizes(cookie: CookiePeer) -> None:
    """The cheap walks and the filters would not be what 115 gives (D1.1)."""
    for path, size in (("/empty.txt", 0), ("/small.txt", 10), ("/large.mkv", 1000), ("/a/deep.txt", 10)):
        cookie.sandbox.put(path, bytes(size))
    assert web_names(cookie, cid=0, nf=1) == ["a"]
    assert sorted(web_names(cookie, cid=0, is_q=1)) == ["empty.txt", "large.mkv", "small.txt"]
    assert sorted(web_names(cookie, cid=0, nf=1, show_dir=0)) == ["deep.txt", "empty.txt", "large.mkv", "small.txt"]
    assert web_names(cookie, cid=0, is_q=1, min_size=11) == ["large.mkv"]
    assert web_names(cookie, cid=0, is_q=1, max_size=11) == ["small.txt"]  # empty files cannot be selected
    assert sorted(web_names(cookie, cid=0, type=99)) == ["deep.txt", "empty.txt", "large.mkv", "small.txt"]
    assert cookie.get("/files", cid=0, suffix="a*b")["errno"] == 20021


def test_what_a_star_marks_is_found_in_the_whole_drive(cookie: CookiePeer, peer: OpenPeer) -> None:
    """``star=1`` at the root would show this folder alone (D0.2)."""
    cookie.sandbox.put("/a/x.bin", b"1")
    cookie.sandbox.put("/y.bin", b"2")
    starred = peer.call("POST", "/open/ufile/update", file_id=file_id(cookie.sandbox, "/a/x.bin"), star="1")
    assert starred["data"] == {"file_name": "x.bin", "star": "1"}
    assert web_names(cookie, cid=0, star=1) == ["x.bin"]


# -- pages and counts


def test_pages_are_capped(cookie: CookiePeer, peer: OpenPeer) -> None:
    """A client that asks for 7,000 and believes it got the folder's end would miss most of it (D1.1)."""
    tree, folder = cookie.sandbox._services.drive.tree, cookie.sandbox._services.drive.tree.make_folder(0, "many")
    for number in range(1201):
        tree.add_file(tree.new_id(), folder.file_id, f"{number:04}.bin", 1, f"{number:040X}")
    web = cookie.get("/files", cid=folder.file_id, limit=7000, offset=0)
    assert (len(web["data"]), web["count"], web["page_size"], web["file_count"]) == (1150, 1201, 1150, 1201)
    assert len(cookie.get("/files", cid=folder.file_id)["data"]) == 32
    opened = peer.call("GET", "/open/ufile/files", cid=folder.file_id, show_dir=1, limit=7000)
    assert (len(opened["data"]), opened["count"], opened["limit"]) == (1150, 1201, 1150)
    assert len(peer.call("GET", "/open/ufile/files", cid=folder.file_id, show_dir=1)["data"]) == 20
    last = peer.call("GET", "/open/ufile/files", cid=folder.file_id, show_dir=1, limit=1150, offset=1150)
    assert (len(last["data"]), last["count"]) == (51, 1201)
    assert len(cookie.get("/ios/2.0/ufile/files", cid=folder.file_id, limit=7000)["data"]) == 1201
    too_large = cookie.http.get(f"{cookie.sandbox.endpoint}/ios/2.0/ufile/files?cid={folder.file_id}&limit=7001")
    assert too_large.status_code == 500
    assert cookie.get("/ios/2.0/ufile/files", cid=0, limit=1, custom_order=1)["state"] is False


def test_aps_starts_again_behind_its_1200(cookie: CookiePeer) -> None:
    """A client that pages on would get the first files a second time, for ever (D1.1)."""
    tree, folder = cookie.sandbox._services.drive.tree, cookie.sandbox._services.drive.tree.make_folder(0, "many")
    for number in range(1300):
        tree.add_file(tree.new_id(), folder.file_id, f"{number:04}.bin", 1, f"{number:040X}")

    def names(offset: int) -> list[str]:
        reply = cookie.get("/natsort/files.php", cid=folder.file_id, limit=1200, offset=offset, o="file_size", asc=1)
        return [row["n"] for row in reply["data"]]

    assert (names(0)[0], names(0)[-1], len(names(0))) == ("0000.bin", "1199.bin", 1200)
    assert names(1150)[-1] == "1199.bin"
    assert names(1200) == names(0)


def test_folders_and_files_are_counted(cookie: CookiePeer) -> None:
    """The number of pages to come could not be told (D1.2)."""
    for path in ("/a/x.bin", "/b/y.bin", "/z.bin"):
        cookie.sandbox.put(path, path.encode())
    reply = cookie.get("/files", cid=0, count_folders=1)
    assert (reply["count"], reply["folder_count"], reply["file_count"], reply["sys_count"]) == (3, 2, 1, 0)


@pytest.mark.parametrize("route", ["files", "open_files"])
def test_a_throttled_answer_looks_like_an_empty_folder(cookie: CookiePeer, peer: OpenPeer, route: str) -> None:
    """Projects took it for one and deleted what their users had (D0.14): it has no count."""
    cookie.sandbox.put("/a.bin", b"1")
    cookie.sandbox.fault(route, "empty")
    if route == "files":
        first, then = cookie.get("/files", cid=0), cookie.get("/files", cid=0)
    else:
        first, then = (peer.call("GET", "/open/ufile/files", cid=0, show_dir=1) for _ in range(2))
    assert (first["state"], first["code"], first["data"], "count" in first) == (True, 0, [], False)
    assert then["count"] == 1


# -- order


def test_a_folder_remembers_its_order_and_yours_is_ignored(cookie: CookiePeer, peer: OpenPeer) -> None:
    """A client that sends ``o`` without ``custom_order`` would believe it got that order (D0.3)."""
    for name in ("/b", "/c", "/a"):
        cookie.sandbox.put(name, name.encode())
    plain = cookie.get("/files", cid=0, o="file_name", asc=1)
    assert (plain["order"], plain["is_asc"], [r["n"] for r in plain["data"]]) == ("user_ptime", 0, ["a", "c", "b"])
    mine = cookie.get("/files", cid=0, o="file_name", asc=1, custom_order=2)
    assert (mine["order"], mine["is_asc"], [r["n"] for r in mine["data"]]) == ("file_name", 1, ["a", "b", "c"])
    set_order = {"user_order": "file_name", "user_asc": "0", "fc_mix": "0"}
    assert cookie.post("/files/order", file_id="0", **set_order)["state"] is True
    again = cookie.get("/files", cid=0, o="user_ptime", asc=1)
    assert (again["order"], [r["n"] for r in again["data"]]) == ("file_name", ["c", "b", "a"])
    opened = peer.call("GET", "/open/ufile/files", cid=0, show_dir=1, o="user_ptime", asc=1)
    assert (opened["order"], opened["is_asc"], [r["fn"] for r in opened["data"]]) == ("file_name", 0, ["c", "b", "a"])


def test_folders_come_first_unless_mixed(cookie: CookiePeer) -> None:
    """Folders would be looked for on the wrong pages (D1.1)."""
    for path in ("/1.bin", "/2/x", "/3.bin"):
        cookie.sandbox.put(path, path.encode())
    order = {"cid": 0, "o": "file_name", "asc": 1}
    assert web_names(cookie, **order, custom_order=1, fc_mix=1) == ["2", "1.bin", "3.bin"]
    assert web_names(cookie, **order, custom_order=2, fc_mix=1) == ["1.bin", "2", "3.bin"]
    app = cookie.get("/android/2.0/ufile/files", **order, custom_order=2, fc_mix=1)["data"]
    assert [row["fn"] for row in app] == ["2", "1.bin", "3.bin"]


def test_numbers_in_names_in_their_natural_order(cookie: CookiePeer) -> None:
    """``natsort=1`` would put 10 before 2."""
    for name in ("/10.bin", "/2.bin", "/a1", "/1.bin"):
        cookie.sandbox.put(name, name.encode())
    asked = {"cid": 0, "o": "file_name", "asc": 1, "custom_order": 2}
    assert web_names(cookie, **asked) == ["1.bin", "10.bin", "2.bin", "a1"]
    assert web_names(cookie, **asked, natsort=1) == ["1.bin", "2.bin", "10.bin", "a1"]
    assert web_names(cookie, **asked, natsort=1, limit=2, offset=1) == ["2.bin", "10.bin"]


def test_an_order_that_webapi_does_not_support_comes_with_the_one_it_has(cookie: CookiePeer) -> None:
    """20130827 would look like a failure instead of "ask again with this order" (D1.1)."""
    cookie.sandbox.put("/a.bin", b"1")
    cookie.sandbox.set(order_supported=False)
    refused = cookie.get("/files", cid=0, o="file_name", asc=1, custom_order=1)
    assert (refused["state"], refused["errNo"], refused["order"], refused["is_asc"]) == (
        False,
        20130827,
        "user_ptime",
        0,
    )
    again = cookie.get("/files", cid=0, o=refused["order"], asc=refused["is_asc"], custom_order=1)
    assert again["count"] == 1


# -- types


def test_rows_have_the_types_that_clients_decode(cookie: CookiePeer, peer: OpenPeer) -> None:
    """115driver and 115-sdk-go would fail to decode a number where they want a text (D1.2, D1.3)."""
    cookie.sandbox.put("/目录/片.MKV", b"12345")
    reply = cookie.get("/files", cid=0)
    assert isinstance(reply["aid"], str)
    assert all(isinstance(reply[n], int) for n in ("count", "offset", "limit", "page_size", "cid"))
    (folder,) = reply["data"]
    assert isinstance(folder["pc"], str)
    assert not {"fid", "s", "sha"} & folder.keys()
    (file,) = cookie.get("/files", cid=folder["cid"])["data"]
    assert (file["fid"].isdigit(), file["cid"], file["sha"], file["s"]) == (True, folder["cid"], sha1(b"12345"), 5)
    (row,) = peer.call("GET", "/open/ufile/files", cid=folder["cid"], show_dir=1)["data"]
    texts = ("fid", "aid", "pid", "fc", "fn", "fco", "ism", "pc", "fdesc", "sha1", "fta", "ico", "fatr", "v_img")
    assert all(isinstance(row[n], str) for n in (*texts, "thumb", "uo"))
    assert all(isinstance(row[n], int) for n in ("isp", "upt", "uet", "uppt", "cm", "ispl", "fs", "isv", "def"))
    assert (row["fc"], row["fid"], row["pid"], row["ico"]) == ("1", file["fid"], folder["cid"], "mkv")


# -- the same entry


@pytest.mark.parametrize("how", ["instant", "bytes"])
def test_the_same_content_under_the_same_name_is_the_same_entry(peer: OpenPeer, how: str) -> None:
    """The old entry, deleted after the upload as a duplicate, would be the only one (D0.6)."""
    data = random_bytes(5000)
    first = upload(peer, "a.bin", data)["data"]
    if how == "instant":
        answer = peer.init("a.bin", data)
        again = {"file_id": answer["file_id"], "pick_code": answer["pick_code"]}
    else:
        peer.sandbox._services.database.run("DELETE FROM content")  # 115 has forgotten it: the bytes go up again
        again = upload(peer, "a.bin", data)["data"]
    assert (again["file_id"], again["pick_code"]) == (first["file_id"], first["pick_code"])
    assert len(peer.sandbox.files()) == 1
    upload(peer, "a.bin", random_bytes(5000))
    assert [f.path for f in peer.sandbox.files()] == ["/a.bin"] * 2  # another content is a second entry
    peer.init("b.bin", data)  # instantly: another name is another entry
    assert len(peer.sandbox.files()) == 3


# -- lag


def test_listings_lag_behind(cookie: CookiePeer, peer: OpenPeer) -> None:
    """A client that lists right after an upload, a move or a delete would believe the old state (D0.15)."""
    cookie.sandbox.put("/old.bin", b"1")
    cookie.sandbox.put("/dir/x.bin", b"2")
    old, x = file_id(cookie.sandbox, "/old.bin"), file_id(cookie.sandbox, "/dir/x.bin")
    cookie.sandbox.set(listing_lag_ms=400)
    upload(peer, "new.bin", b"3")
    cookie.post("/files/move", **{"fid[0]": x, "pid": "0"})
    cookie.post("/rb/delete", fid=old)
    assert cookie.get("/files/get_info", file_id=old)["state"] is False  # gone, though the listing shows it still
    assert sorted(web_names(cookie, cid=0)) == ["dir", "old.bin"]
    assert cookie.get("/files", cid=folder_id(cookie.sandbox, "/dir"))["count"] == 1
    eventually(lambda: sorted(web_names(cookie, cid=0)) == ["dir", "new.bin", "x.bin"])
    assert cookie.get("/files", cid=folder_id(cookie.sandbox, "/dir"))["count"] == 0


def test_new_files_are_found_late(cookie: CookiePeer) -> None:
    """Whoever searches to see whether a file is there would be told no (D2, D5)."""
    cookie.sandbox.set(search_lag_ms=400)
    cookie.sandbox.put("/a.bin", b"1")
    assert cookie.get("/files/search", search_value="a")["count"] == 0
    eventually(lambda: cookie.get("/files/search", search_value="a")["count"] == 1)
    cookie.sandbox.put("/ab.bin", b"2")
    assert cookie.get("/files/search", search_value="a")["count"] == 1
    eventually(lambda: cookie.get("/files/search", search_value="a")["count"] == 2)


# -- single entries


def test_info_of_a_folder_counts_what_is_below(cookie: CookiePeer, peer: OpenPeer) -> None:
    """Counts and sizes, texts on one route and numbers on the other (D2)."""
    for path, size in (("/a/x.bin", 10), ("/a/b/y.bin", 2048)):
        cookie.sandbox.put(path, bytes(size))
    top = folder_id(cookie.sandbox, "/a")
    web = cookie.get("/category/get", cid=top)
    assert "state" not in web
    assert (web["count"], web["folder_count"], web["size"], web["file_name"]) == ("2", "1", "2.0KB", "a")
    assert web["paths"] == [{"file_id": 0, "file_name": "根目录"}]
    inner = cookie.get("/category/get", cid=folder_id(cookie.sandbox, "/a/b"))
    assert inner["paths"][1] == {"file_id": int(top), "file_name": "a"}
    opened = peer.call("GET", "/open/folder/get_info", file_id=top)["data"]
    assert (opened["count"], opened["folder_count"], opened["size_byte"]) == (2, 1, 2058)
    assert opened["paths"] == [{"file_id": "0", "file_name": "根目录"}]


def test_what_is_not_there_is_said_in_many_ways(cookie: CookiePeer, peer: OpenPeer) -> None:
    """A client that knows one of them would take the others for success or for a crash (D2)."""
    assert cookie.http.get(f"{cookie.sandbox.endpoint}/category/get?cid=5").json() == []
    assert cookie.get("/category/get", cid=0)["errNo"] == 1001
    assert cookie.get("/files/get_info", file_id="5")["errno"] == 20018
    assert cookie.post("/files/file", file_id="5,6")["error"] == "文件不存在"
    assert cookie.post("/files/supervision", pickcode="abc", module="10")["data"]["file_name"] == ""
    assert cookie.get("/files/getid", path="nowhere")["id"] == "0"
    assert peer.call("GET", "/open/folder/get_info", file_id="5")["code"] == 430004
    peer.sandbox.set(open_missing_is_empty=True)
    empty = peer.call("GET", "/open/folder/get_info", file_id="5")
    assert (empty["state"], empty["code"], empty["data"]) == (True, 0, [])


def test_what_is_in_the_bin_has_no_info(cookie: CookiePeer, peer: OpenPeer) -> None:
    """A deleted file would count as being there (D4.2)."""
    file = cookie.sandbox.put("/a.bin", b"1")
    cookie.post("/rb/delete", fid=file.file_id)
    assert cookie.get("/files/get_info", file_id=file.file_id)["errno"] == 20018
    assert cookie.get("/files/get_info", pick_code=file.pick_code)["errno"] == 20018
    assert peer.call("GET", "/open/folder/get_info", file_id=file.file_id)["code"] == 430004
    assert web_names(cookie, cid=0) == []
    assert cookie.get("/files/search", search_value="a.bin")["count"] == 0


def test_many_ids_in_one_call(cookie: CookiePeer) -> None:
    """Each id would cost a call (D2)."""
    ids = [cookie.sandbox.put(f"/{n}.bin", bytes(n)).file_id for n in range(3)]
    found = cookie.post("/files/file", file_id=",".join([*ids, "7"]))["data"]
    assert [(row["file_id"], row["file_name"]) for row in found] == [(i, f"{n}.bin") for n, i in enumerate(ids)]


def test_a_files_utime_and_pick_code_may_be_missing(peer: OpenPeer) -> None:
    """OpenList falls back to the parent's listing (D2): a client that needs them would stop here."""
    file = peer.sandbox.put("/a.bin", b"1")
    peer.sandbox.set(open_file_without_utime=True)
    info = peer.call("GET", "/open/folder/get_info", file_id=file.file_id)["data"]
    assert (info["utime"], "pick_code" in info) == ("", False)


# -- searching


def test_search_by_text_hash_and_kind(cookie: CookiePeer, peer: OpenPeer) -> None:
    """ "Is this content in that folder?" could not be asked (D5)."""
    for path, data in (("/a/film.mkv", b"1"), ("/b/film.mkv", b"1"), ("/film/x.txt", b"2")):
        cookie.sandbox.put(path, data)
    assert cookie.get("/files/search", search_value="film")["count"] == 3
    assert cookie.get("/files/search", search_value="film", fc=1)["data"][0]["n"] == "film"
    assert cookie.get("/files/search", search_value="film", fc=2)["count"] == 2
    assert cookie.get("/files/search", search_value="", suffix="txt")["count"] == 1
    below = folder_id(cookie.sandbox, "/b")
    (row,) = cookie.get("/files/search", search_value=sha1(b"1"), cid=below)["data"]
    assert row["cid"] == below
    (row,) = peer.call("GET", "/open/ufile/search", search_value=sha1(b"1").lower(), cid=below, fc=2)["data"]
    assert (row["parent_id"], row["file_category"], row["file_size"]) == (below, "1", "1")
    assert all(isinstance(v, str) for k, v in row.items() if k != "is_private")
    assert peer.call("GET", "/open/ufile/search", search_value="film", limit=1000, offset=9001)["code"] == 990002
    assert cookie.get("/files/search", search_value="film", suffix="*")["errno"] == 20021


def test_search_by_hash_knows_no_folder(cookie: CookiePeer) -> None:
    """``shasearch`` gives one file of the whole drive: "is it in this folder" is another question (D5)."""
    cookie.sandbox.put("/a/x.bin", b"1")
    found = cookie.get("/files/shasearch", sha1=sha1(b"1"))
    assert (found["state"], found["data"]["file_name"]) == (True, "x.bin")
    none = cookie.get("/files/shasearch", sha1=sha1(b"2"))
    assert (none["state"], none["error"]) == (False, "文件错误")


def test_search_by_day(cookie: CookiePeer) -> None:
    """The days are those of China, both included."""
    cookie.sandbox.put("/a.bin", b"1")
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))
    assert cookie.get("/files/search", search_value="a", gte_day=today, lte_day=today)["count"] in (0, 1)
    assert cookie.get("/files/search", search_value="a", gte_day="2020-01-01", lte_day="2020-01-02")["count"] == 0
    assert cookie.get("/files/search", search_value="a", gte_day="2020-01-01")["count"] == 1


# -- space and quotas


def test_space(cookie: CookiePeer, peer: OpenPeer) -> None:
    """How much is left could not be told (D5)."""
    cookie.sandbox.put("/a.bin", b"12345")
    info = cookie.get("/files/index_info", count_space_nums=1)["data"]["space_info"]
    opened = peer.call("GET", "/open/user/info")["data"]["rt_space_info"]
    stored = cookie.get("/index.php", ct="ajax", ac="get_storage_info")["1"]
    assert info["all_use"]["size"] == opened["all_use"]["size"] == stored["used"] == 5
    assert info["all_total"]["size"] == stored["total"]


def test_an_open_account_has_a_quota(peer: OpenPeer) -> None:
    """770004 comes from every Open API call at once (D6)."""
    peer.sandbox.set(open_calls_left=1)
    assert peer.call("GET", "/open/user/info")["state"] is True
    assert peer.call("GET", "/open/user/info")["code"] == 770004
    assert peer.call("GET", "/open/ufile/files", cid=0)["code"] == 770004
    peer.sandbox.set(open_calls_left=None)
    assert peer.call("GET", "/open/ufile/files", cid=0)["code"] == 0


def test_a_dead_login_opens_none_of_it(sandbox: Sandbox) -> None:
    """A call that forgets to ask who is there would serve strangers."""
    app = sandbox._server._app  # type: ignore[union-attr]
    free = {"user_status", "check_sso", "app_version", "uploadinfo", "getuploadinfo", "gettoken", "completeupload"}
    free |= {"samplecompleteupload", "initupload", "resumeupload", "download", "refresh_token", "auth_device_code"}
    free |= {"device_code_to_token", "qr_token", "qr_image", "qr_status", "qr_login"}
    paths = {
        "/files", "/natsort/files.php", "/ios/2.0/ufile/files", "/files/file", "/rb", "/files/download",
        "/files/move_progress", "/category/get", "/files/shasearch", "/open/ufile/search", "/open/rb/list",
    }  # fmt: skip
    for path in paths:
        name, _ = app._find("GET", path)  # type: ignore[union-attr]
        assert name not in free
        reply = httpx.get(sandbox.endpoint + path).json()
        assert (reply["state"], reply.get("errno", reply.get("code"))) in ((False, 99), (False, 40140123))


# -- pure


def test_numbers_in_names_are_compared_by_value() -> None:
    """``natsort`` would compare them as text, or fail where a number meets a word."""
    names = ["b10", "a", "10", "b2", "2", "1a1"]
    assert sorted(names, key=natural_key) == ["1a1", "2", "10", "a", "b2", "b10"]
    assert natural_key("第12集") == [(1, 0, "第"), (0, 12, ""), (1, 0, "集")]


@given(st.text(), st.lists(st.text(max_size=3), max_size=3), st.integers(-5, 5), st.integers(-5, 5))
def test_every_condition_has_its_value(text: str, suffixes: list[str], low: int, high: int) -> None:
    """A selection would be another one than asked for, or SQL would be written by whoever asks."""
    wheres, values = Selection(text=text, suffixes=tuple(suffixes), min_size=low, max_size=high).where()
    assert " ".join(wheres).count("?") == len(values)
    assert not text or text not in "".join(wheres) or text in Selection(text="a").where()[0][0]
