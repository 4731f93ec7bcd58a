"""Rename, move, copy, delete, restore and purge on both routes, trap by trap (protocol-drive.md D4)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_support import CookiePeer, OpenPeer, eventually, upload

from pan115kit.sandbox import Sandbox
from pan115kit.sandbox.drive.entry_names import numbered_name, renamed_file

NAMES = st.text(st.characters(exclude_characters='"<>/', exclude_categories=["Cs"]), min_size=1, max_size=20)


def paths(sandbox: Sandbox) -> list[str]:
    return sorted(f.path for f in sandbox.files(folders=True))


def id_of(sandbox: Sandbox, path: str) -> str:
    return next(f.file_id for f in sandbox.files(folders=True) if f.path == path)


class Route:
    """The same changes on either route: what a test says goes for both."""

    def __init__(self, cookie: CookiePeer, peer: OpenPeer, name: str) -> None:
        self.cookie, self.peer, self.web = cookie, peer, name == "cookie"

    def rename(self, file_id: str, name: str) -> dict[str, Any]:
        if self.web:
            three = {"fid": file_id, "file_name": name, f"files_new_name[{file_id}]": name}
            return self.cookie.post("/files/batch_rename", **three)
        return self.peer.call("POST", "/open/ufile/update", file_id=file_id, file_name=name)

    def move(self, ids: list[str], target: str) -> dict[str, Any]:
        if self.web:
            return self.cookie.post("/files/move", pid=target, **{f"fid[{n}]": i for n, i in enumerate(ids)})
        return self.peer.call("POST", "/open/ufile/move", file_ids=",".join(ids), to_cid=target)

    def copy(self, ids: list[str], target: str) -> dict[str, Any]:
        if self.web:
            return self.cookie.post("/files/copy", pid=target, **{f"fid[{n}]": i for n, i in enumerate(ids)})
        return self.peer.call("POST", "/open/ufile/copy", file_id=",".join(ids), pid=target)

    def delete(self, ids: list[str]) -> dict[str, Any]:
        if self.web:
            return self.cookie.post("/rb/delete", **{f"fid[{n}]": i for n, i in enumerate(ids)})
        return self.peer.call("POST", "/open/ufile/delete", file_ids=",".join(ids))

    def restore(self, ids: list[str]) -> dict[str, Any]:
        if self.web:
            return self.cookie.post("/rb/revert", **{f"rid[{n}]": i for n, i in enumerate(ids)})
        return self.peer.call("POST", "/open/rb/revert", tid=",".join(ids))

    def purge(self, ids: list[str]) -> dict[str, Any]:
        tid = {"tid": ",".join(ids)} if ids else {}
        if self.web:
            return self.cookie.post("/rb/secret_del", password="000000", **tid)
        return self.peer.call("POST", "/open/rb/del", **tid)


def code(reply: dict[str, Any]) -> int:
    return int(reply.get("errno") or reply.get("code") or 0)


@pytest.fixture(params=["cookie", "open"])
def route(cookie: CookiePeer, peer: OpenPeer, request: pytest.FixtureRequest) -> Route:
    cookie.sandbox.set(folder_change_ms=0)
    return Route(cookie, peer, request.param)


# -- rename


def test_a_rename_never_changes_the_extension_and_says_the_final_name(route: Route) -> None:
    """A client that goes on with the name it asked for would look for a file that is not there (D0.7)."""
    box = route.cookie.sandbox
    file = box.put("/foo.ext", b"1")
    for asked, final in (("bar", "bar.ext"), ("new.ext", "new.ext"), ("other.md", "other.ext")):
        reply = route.rename(file.file_id, asked)
        said = reply["data"][file.file_id] if route.web else reply["data"]["file_name"]
        assert (said, paths(box)) == (final, [f"/{final}"])
    assert box.files()[0].file_id == file.file_id  # id and pick code stay
    assert box.files()[0].pick_code == file.pick_code
    bare = box.put("/bare", b"2")
    route.rename(bare.file_id, "name.md")
    assert "/name." in paths(box)


def test_a_taken_name_is_numbered_silently(route: Route) -> None:
    """A client would overwrite in its own books what 115 keeps beside the old one (D4.2)."""
    box = route.cookie.sandbox
    box.put("/a.txt", b"1")
    other = box.put("/b.txt", b"2")
    reply = route.rename(other.file_id, "a.txt")
    said = reply["data"][other.file_id] if route.web else reply["data"]["file_name"]
    assert (reply["state"], said, paths(box)) == (True, "a(1).txt", ["/a(1).txt", "/a.txt"])


def test_a_rename_to_the_same_name_says_nothing(cookie: CookiePeer) -> None:
    """``data`` is a list then, not a map: a client that reads a key would crash (D4.1)."""
    file = cookie.sandbox.put("/a.txt", b"1")
    assert cookie.post("/files/batch_rename", **{f"files_new_name[{file.file_id}]": "a.txt"})["data"] == []


def test_many_names_in_one_call(cookie: CookiePeer) -> None:
    """Each rename would cost a call (D4.1)."""
    files = [cookie.sandbox.put(f"/{n}.txt", bytes(n)) for n in range(3)]
    form = {f"files_new_name[{f.file_id}]": f"new {n}.txt" for n, f in enumerate(files)}
    reply = cookie.post("/files/batch_rename", **form)
    assert reply["data"] == {f.file_id: f"new {n}.txt" for n, f in enumerate(files)}


@pytest.mark.parametrize(("name", "refused"), [(" ", 20001), ("x" * 256, 20002), ("a<b", 20003)])
def test_names_that_are_refused(route: Route, name: str, refused: int) -> None:
    """A name 115 does not take would seem to be given (D4.2)."""
    file = route.cookie.sandbox.put("/a.txt", b"1")
    assert code(route.rename(file.file_id, name)) == refused
    assert paths(route.cookie.sandbox) == ["/a.txt"]


def test_an_open_rename_of_a_deleted_file_succeeds(peer: OpenPeer) -> None:
    """Its success says nothing about the file (D4.1)."""
    file = peer.sandbox.put("/a.txt", b"1")
    peer.call("POST", "/open/ufile/delete", file_ids=file.file_id)
    assert peer.call("POST", "/open/ufile/update", file_id=file.file_id, file_name="b.txt")["state"] is True


# -- move


def test_move_keeps_the_id_and_numbers_a_taken_name(route: Route) -> None:
    """A client would lose the file's id, or one of two files of one name (D4.2)."""
    box = route.cookie.sandbox
    file = box.put("/a.txt", b"1")
    box.put("/dir/a.txt", b"2")
    assert route.move([file.file_id], id_of(box, "/dir"))["state"] is True
    assert paths(box) == ["/dir", "/dir/a(1).txt", "/dir/a.txt"]
    assert id_of(box, "/dir/a(1).txt") == file.file_id
    assert route.move([file.file_id], id_of(box, "/dir"))["state"] is True  # where it is already: no action, no error
    assert paths(box) == ["/dir", "/dir/a(1).txt", "/dir/a.txt"]


def test_a_missing_target_takes_the_file_and_it_is_found_only_by_searching(route: Route) -> None:
    """A mistyped target id would lose the file without an error (D0.9)."""
    box = route.cookie.sandbox
    file = box.put("/a.txt", b"1")
    assert route.move([file.file_id], "12345")["state"] is True
    assert [f.path for f in box.files()] == ["?/a.txt"]
    assert route.cookie.get("/files", cid=0)["count"] == 0
    assert route.cookie.get("/files", cid=0, show_dir=0)["count"] == 0
    assert route.cookie.get("/files/search", search_value="a.txt")["data"][0]["fid"] == file.file_id
    assert route.move([file.file_id], "0")["state"] is True
    assert paths(box) == ["/a.txt"]


def test_a_folder_does_not_go_into_itself(route: Route) -> None:
    """A folder would vanish into its own child (D4.2)."""
    box = route.cookie.sandbox
    box.put("/a/b/x", b"1")
    a, b = id_of(box, "/a"), id_of(box, "/a/b")
    assert [code(route.move([a], a)), code(route.move([a], b))] == [800006, 800006]
    assert [code(route.copy([a], a)), code(route.copy([a], b))] == [91002, 91002]
    assert paths(box) == ["/a", "/a/b", "/a/b/x"]


def test_move_and_copy_have_a_limit(route: Route) -> None:
    """More than 50,000 items, with all that is in the folders, are refused as a whole (D4.2)."""
    box = route.cookie.sandbox
    for n in range(3):
        box.put(f"/a/{n}", bytes(n))
    box.put("/b/x", b"1")
    box.set(change_limit=3)
    assert code(route.move([id_of(box, "/a")], id_of(box, "/b"))) == 990023
    assert code(route.copy([id_of(box, "/a")], id_of(box, "/b"))) == 91004
    box.set(change_limit=4)
    assert route.move([id_of(box, "/a")], id_of(box, "/b"))["state"] is True


def test_a_full_folder_takes_no_more(route: Route) -> None:
    """The files would be in a folder that 115 says is full (D4.3)."""
    box = route.cookie.sandbox
    file = box.put("/x", b"1")
    box.put("/dir/y", b"2")
    box.set(folder_limit=1)
    assert code(route.move([file.file_id], id_of(box, "/dir"))) == 2
    assert code(route.copy([file.file_id], id_of(box, "/dir"))) == 2


# -- copy


def test_a_copy_has_an_id_of_its_own_which_the_reply_does_not_tell(route: Route) -> None:
    """A client would go on with the original's id (D4.2)."""
    box = route.cookie.sandbox
    box.put("/a/x.bin", b"12345")
    box.put("/b/x.bin", b"other")
    x, b = id_of(box, "/a/x.bin"), id_of(box, "/b")
    reply = route.copy([x], b)
    assert (reply["state"], x in str(reply)) == (True, False)
    assert paths(box) == ["/a", "/a/x.bin", "/b", "/b/x(1).bin", "/b/x.bin"]
    assert id_of(box, "/b/x(1).bin") != x
    assert box.read("/b/x(1).bin") == b"12345"
    assert code(route.copy([x], id_of(box, "/a"))) == 91002  # into its own folder


def test_a_copied_folder_is_seen_later(cookie: CookiePeer) -> None:
    """Whoever lists the target right after the reply would call the copy failed (D4.2)."""
    cookie.sandbox.put("/a/deep/x.bin", b"1")
    cookie.sandbox.put("/b/y", b"2")
    a, b = id_of(cookie.sandbox, "/a"), id_of(cookie.sandbox, "/b")
    cookie.sandbox.set(folder_change_ms=300)
    assert cookie.post("/files/copy", pid=b, fid=a)["state"] is True
    assert cookie.get("/files", cid=b)["count"] == 1
    eventually(lambda: cookie.get("/files", cid=b)["count"] == 2)
    assert "/b/a/deep/x.bin" in paths(cookie.sandbox)


def test_a_copy_needs_room(route: Route) -> None:
    """91005 would never be seen (D4.2)."""
    box = route.cookie.sandbox
    box.put("/a/x.bin", bytes(10))
    box.put("/b/y", b"")
    box.space_left = 9
    assert code(route.copy([id_of(box, "/a/x.bin")], id_of(box, "/b"))) == 91005
    box.space_left = 10
    assert route.copy([id_of(box, "/a/x.bin")], id_of(box, "/b"))["state"] is True
    assert box.space_left == 0


@pytest.mark.parametrize(("flag", "copies"), [("nodupli", 1), ("no_dupli", 2)])
def test_only_one_spelling_of_nodupli_counts(peer: OpenPeer, flag: str, copies: int) -> None:
    """One SDK sends ``no_dupli``, which does nothing (D9)."""
    file = peer.sandbox.put("/a/x.bin", b"1")
    peer.sandbox.put("/b/x.bin", b"2")
    form = {"file_id": file.file_id, "pid": id_of(peer.sandbox, "/b"), flag: "1"}
    assert peer.call("POST", "/open/ufile/copy", **form)["data"] == []
    assert len([p for p in paths(peer.sandbox) if p.startswith("/b/")]) == copies


# -- the bin


def test_delete_restore_and_purge(route: Route) -> None:
    """Something deleted by mistake could not be had back, or would stay in the drive (D4.1)."""
    box = route.cookie.sandbox
    box.put("/a/b/x.bin", b"12345")
    folder, used = id_of(box, "/a"), box.space_left
    assert route.delete([folder])["state"] is True
    assert (paths(box), [f.path for f in box.deleted()]) == ([], ["/a"])
    assert box.space_left == used  # what is in the bin still counts
    assert route.restore([folder])["state"] is True
    assert (paths(box), box.deleted()) == (["/a", "/a/b", "/a/b/x.bin"], [])
    assert box.read("/a/b/x.bin") == b"12345"
    route.delete([folder])
    route.purge([folder])
    assert (paths(box), box.deleted(), box.space_left) == ([], [], used + 5)
    again = route.restore([folder])
    assert again["state"] is False if route.web else again["data"][folder]["state"] is False


def test_a_file_comes_back_although_its_folder_is_gone(route: Route) -> None:
    """It would be in no listing (what 115 does is not established; here it comes to the root)."""
    box = route.cookie.sandbox
    file = box.put("/a/x.bin", b"1")
    folder = id_of(box, "/a")
    route.delete([file.file_id])
    route.delete([folder])
    assert [f.path for f in box.deleted()] == ["/a", "/x.bin"]
    route.restore([file.file_id])
    assert paths(box) == ["/x.bin"]


def test_the_bins_lists(cookie: CookiePeer, peer: OpenPeer) -> None:
    """What 115driver and 115-sdk-go decode: ids as texts, one map with the page's figures in it (D4.1)."""
    cookie.sandbox.set(folder_change_ms=0)
    file = cookie.sandbox.put("/a/x.bin", b"123")
    cookie.post("/rb/delete", fid=file.file_id)
    cookie.post("/rb/delete", fid=id_of(cookie.sandbox, "/a"))
    web = cookie.get("/rb", aid=7, cid=0, limit=32, offset=0)
    assert [(r["file_name"], r["type"]) for r in web["data"]] == [("a", "2"), ("x.bin", "1")]
    assert web["data"][1]["id"] == file.file_id
    assert web["data"][1]["parent_name"] == "a"
    assert cookie.get("/files", aid=7, cid=0)["count"] == 2
    opened = peer.call("GET", "/open/rb/list", limit=1, offset=1)["data"]
    assert (opened["offset"], opened["limit"], opened["count"]) == (1, 1, "2")
    row = opened[file.file_id]
    assert (row["file_name"], row["type"], row["file_size"]) == ("x.bin", "1", "3")


def test_purging_wants_the_safety_key_and_without_ids_it_is_the_whole_bin(cookie: CookiePeer) -> None:
    """An empty list of ids would be taken for "nothing to do" (D4.1)."""
    files = [cookie.sandbox.put(f"/{n}", bytes(n)) for n in range(3)]
    for file in files:
        cookie.post("/rb/delete", fid=file.file_id)
    cookie.sandbox.set(safety_key="123456")
    assert cookie.post("/rb/secret_del", tid=files[0].file_id, password="000000")["errno"] == 320001
    assert cookie.post("/rb/clean", password="123456", **{"rid[0]": files[0].file_id})["state"] is True
    assert len(cookie.sandbox.deleted()) == 2
    assert cookie.post("/rb/secret_del", password="123456")["state"] is True
    assert cookie.sandbox.deleted() == []


def test_ids_with_commas_and_the_app_route(cookie: CookiePeer) -> None:
    """Both forms that clients send would not be read (D4.1)."""
    ids = [cookie.sandbox.put(f"/{n}", bytes(n)).file_id for n in range(4)]
    assert cookie.post("/rb/delete", fid=",".join(ids[:2]))["state"] is True
    assert cookie.post("/android/rb/delete", file_ids=",".join(ids[2:]), user_id="1")["state"] is True
    assert (paths(cookie.sandbox), len(cookie.sandbox.deleted())) == ([], 4)


def test_a_delete_may_want_to_be_confirmed(cookie: CookiePeer) -> None:
    """800007 would be taken for a failure (D4.1)."""
    cookie.sandbox.set(confirm_delete=True)
    file = cookie.sandbox.put("/a", b"1")
    assert cookie.post("/rb/delete", fid=file.file_id)["errno"] == 800007
    assert cookie.post("/rb/delete", fid=file.file_id, ignore_warn="1")["state"] is True


def test_ids_that_are_not_there(route: Route) -> None:
    """It is not established whether 115 refuses them (D4.2): a client must stand both."""
    box = route.cookie.sandbox
    file = box.put("/a", b"1")
    assert route.delete(["5"])["state"] is True
    box.set(refuse_missing_ids=True)
    assert code(route.delete(["5", file.file_id])) == 231011
    assert paths(box) == ["/a"]
    assert code(route.move(["5"], "0")) == 231011


# -- one at a time


def test_changes_never_run_in_parallel(route: Route) -> None:
    """A client that sends two at once would be told "still running" by 115 alone (D0.8)."""
    box = route.cookie.sandbox
    box.put("/dir/z", b"")
    box.set(change_ms=300)
    files = [box.put(f"/{n}", bytes(n)) for n in range(4)]
    target = id_of(box, "/dir")
    with ThreadPoolExecutor(4) as pool:
        moves = list(pool.map(lambda f: code(route.move([f.file_id], target)), files))
    assert sorted(moves) == [0, 990019, 990019, 990019]
    with ThreadPoolExecutor(4) as pool:
        deletes = list(pool.map(lambda f: code(route.delete([f.file_id])), files))
    assert sorted(deletes) == [0, 990009, 990009, 990009]


def test_the_delete_of_a_folder_goes_on_after_its_reply(route: Route) -> None:
    """The next change would seem to fail for good (D4.2)."""
    box = route.cookie.sandbox
    box.put("/a/x", b"1")
    file = box.put("/b", b"2")
    box.set(folder_change_ms=300)
    assert route.delete([id_of(box, "/a")])["state"] is True
    assert code(route.delete([file.file_id])) == code(route.rename(file.file_id, "c")) == 990009
    assert code(route.copy([file.file_id], "0")) == code(route.restore([file.file_id])) == 990009
    eventually(lambda: route.delete([file.file_id])["state"] is True)
    assert paths(box) == []


def test_both_routes_are_one_account(cookie: CookiePeer, peer: OpenPeer) -> None:
    """The Open API would be thought free while a delete of the other route runs (D4.3)."""
    cookie.sandbox.put("/a/x", b"1")
    file = cookie.sandbox.put("/b", b"2")
    cookie.sandbox.set(folder_change_ms=300)
    cookie.post("/rb/delete", fid=id_of(cookie.sandbox, "/a"))
    assert peer.call("POST", "/open/ufile/delete", file_ids=file.file_id)["code"] == 990009


def test_a_replacement_in_order_loses_nothing(peer: OpenPeer) -> None:
    """The new file first, then the old one to the bin: both contents are still there (D0.5)."""
    old = upload(peer, "a.bin", b"old content")["data"]
    new = upload(peer, "a.bin", b"new content")["data"]
    assert old["file_id"] != new["file_id"]
    peer.call("POST", "/open/ufile/delete", file_ids=old["file_id"])
    assert (peer.sandbox.read("/a.bin"), [f.file_id for f in peer.sandbox.deleted()]) == (
        b"new content",
        [old["file_id"]],
    )


def test_the_bin_outlives_the_process(cookie: CookiePeer) -> None:
    """A restart would lose what was deleted."""
    file = cookie.sandbox.put("/a", b"1")
    cookie.post("/rb/delete", fid=file.file_id)
    cookie.sandbox.restart()
    assert [f.file_id for f in cookie.sandbox.deleted()] == [file.file_id]
    deleted = httpx.get(f"{cookie.sandbox.endpoint}/sandbox/deleted").json()
    assert deleted[0]["file_id"] == file.file_id


def test_ten_thousand_entries_change_in_reasonable_time(cookie: CookiePeer) -> None:
    """A test of ten thousand files would wait for the sandbox, not for the client."""
    tree = cookie.sandbox._services.drive.tree
    folder = tree.make_folder(0, "many")
    with cookie.sandbox._services.database.transaction():
        for number in range(10_000):
            tree.add_file(tree.new_id(), folder.file_id, f"{number}.bin", 1, f"{number:040X}")
    begun = time.monotonic()
    assert cookie.get("/files", cid=folder.file_id, limit=1150, offset=8850)["count"] == 10_000
    assert cookie.post("/rb/delete", fid=str(folder.file_id))["state"] is True
    assert cookie.sandbox.files() == []
    assert time.monotonic() - begun < 20


# -- pure


@given(NAMES, NAMES)
def test_a_renamed_file_keeps_its_extension(old: str, new: str) -> None:
    """A file would change its type by a rename, which 115 never does (D4.2)."""
    final = renamed_file(old, new)
    extension = old.rpartition(".")[2] if "." in old else ""
    if "." in old or "." in new:
        assert final.rpartition(".")[2] == extension
    else:
        assert final == new
    assert renamed_file(old, final) == final


@given(NAMES, st.booleans(), st.integers(0, 5))
def test_numbered_names_are_free(name: str, folder: bool, taken: int) -> None:
    """Two entries would get one name (D4.2)."""
    names: set[str] = set()
    for _ in range(taken):
        names.add(numbered_name(name, names, folder=folder))
    assert len(names) == taken
    final = numbered_name(name, names, folder=folder)
    assert final not in names
    if not folder and "." in name and taken:
        assert final.rpartition(".")[2] == name.rpartition(".")[2]
