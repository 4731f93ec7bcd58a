"""Every drive method of an unchanged p115client against a sandbox; test_p115client.py runs it.

Reads ``{endpoint, cookie, access_token, rsa_modulus, paths}`` from stdin, where ``paths`` names ids and pick codes of
what the test has put there; writes ``{method: null or what went wrong}`` to stdout.
"""

import json
import sys
import time
import traceback
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import urllib3_future_request

GIVEN = json.load(sys.stdin)
ID = {path: int(entry["id"]) for path, entry in GIVEN["paths"].items()}
PICK = {path: entry["pick_code"] for path, entry in GIVEN["paths"].items()}
SHA1 = {path: entry["sha1"] for path, entry in GIVEN["paths"].items()}

send = urllib3_future_request.request


def to_the_sandbox(url, *args, **options):
    """Each host of 115's is the sandbox, same paths (protocol-drive.md D7.1); nothing leaves this machine."""
    parts = urlsplit(str(url))
    if parts.hostname not in ("127.0.0.1", None) and not parts.hostname.endswith("115.com"):
        raise RuntimeError(f"no host of 115's: {url}")
    home = urlsplit(GIVEN["endpoint"])
    return send(parts._replace(scheme=home.scheme, netloc=home.netloc).geturl(), *args, **options)


urllib3_future_request.request = to_the_sandbox  # before the client takes it

from p115cipher import util  # noqa: E402
from p115client import P115Client, P115OpenClient, check_response  # noqa: E402
from p115client.tool import iterdir  # noqa: E402

# A sandbox has a key of its own in the place of 115's (protocol-drive.md D7.1).
for function in (util.rsa_encrypt_with_pubkey, util.rsa_decrypt_with_pubkey):
    function.__defaults__ = (128, int(GIVEN["rsa_modulus"], 16), 65537)

client = P115Client(GIVEN["cookie"])
opened = P115OpenClient.__new__(P115OpenClient)
opened.access_token = GIVEN["access_token"]
RESULTS: dict[str, str | None] = {}


def call(method, *args, **options):
    """One call, checked as the client checks it; a folder that is still being worked on is waited for (D4.3)."""
    for _ in range(50):
        reply = method(*args, **options)
        if not (isinstance(reply, dict) and reply.get("errno") in (990009, 990019)):
            return check_response(reply)
        time.sleep(0.05)
    raise AssertionError("the account stays busy")


def judged(function):
    name = function.__name__
    try:
        function()
        RESULTS[name] = None
    except Exception:  # noqa: BLE001 - the test shows it
        RESULTS[name] = traceback.format_exc(limit=-3)
    return function


def same(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def names(reply, field="n"):
    return sorted(row[field] for row in reply["data"])


def read(url, **headers):
    with urlopen(Request(url, headers={**dict(url.get("headers") or ()), **headers})) as reply:
        return reply.read()


# -- list


@judged
def fs_files():
    reply = call(client.fs_files, {"cid": ID["/dir"], "o": "file_name", "asc": 1})
    same([row["n"] for row in reply["data"]], ["sub", "a.txt", "b.bin"])
    same((reply["count"], reply["order"], reply["is_asc"]), (3, "file_name", 1))


@judged
def fs_files_aps():
    same(names(call(client.fs_files_aps, ID["/dir"])), ["a.txt", "b.bin", "sub"])


@judged
def fs_files_app():
    same(names(call(client.fs_files_app, ID["/dir"], app="android"), "fn"), ["a.txt", "b.bin", "sub"])


@judged
def fs_files_open():
    same(names(call(opened.fs_files, {"cid": ID["/dir"], "show_dir": 1}), "fn"), ["a.txt", "b.bin", "sub"])


@judged
def fs_files_of_an_unknown_folder():
    same(int(call(client.fs_files, 12345)["cid"]), 0)


@judged
def tool_iterdir():
    found = list(iterdir(client, ID["/dir"], app="web"))
    same(
        sorted((e["name"], e["is_dir"], e["id"]) for e in found),
        sorted(
            (path.rpartition("/")[2], path == "/dir/sub", ID[path])
            for path in ("/dir/sub", "/dir/a.txt", "/dir/b.bin")
        ),
    )


@judged
def tool_iterdir_open():
    found = list(iterdir(opened, ID["/dir"], app="open"))
    same(sorted(e["name"] for e in found), ["a.txt", "b.bin", "sub"])


# -- info


@judged
def fs_file():
    (row,) = call(client.fs_file, ID["/dir/a.txt"])["data"]
    same((row["n"], int(row["s"]), row["sha"]), ("a.txt", 5, SHA1["/dir/a.txt"]))


@judged
def fs_file_skim():
    reply = call(client.fs_file_skim, [ID["/dir/a.txt"], ID["/dir/b.bin"]])
    same(names(reply, "file_name"), ["a.txt", "b.bin"])


@judged
def fs_category_get():
    reply = client.fs_category_get(ID["/dir"])
    same((reply["file_name"], int(reply["count"]), int(reply["folder_count"])), ("dir", 3, 1))


@judged
def fs_supervision():
    data = call(client.fs_supervision, PICK["/dir/a.txt"])["data"]
    same((data["file_name"], int(data["file_id"])), ("a.txt", ID["/dir/a.txt"]))


@judged
def fs_dir_getid():
    same(int(call(client.fs_dir_getid, "/dir/sub")["id"]), ID["/dir/sub"])


@judged
def fs_info_open():
    data = call(opened.fs_info, ID["/dir"])["data"]
    same((data["file_name"], int(data["count"]), data["file_category"]), ("dir", 3, "0"))
    data = call(opened.fs_info, {"path": "/dir/a.txt"})["data"]
    same((int(data["file_id"]), data["size_byte"]), (ID["/dir/a.txt"], 5))


# -- make and change


@judged
def fs_mkdir():
    made = call(client.fs_mkdir, "made", pid=ID["/dir"])
    same(int(call(client.fs_dir_getid, "/dir/made")["id"]), int(made["cid"]))


@judged
def fs_makedirs_app():
    made = call(client.fs_makedirs_app, "one/two", pid=ID["/dir"])
    same(int(call(client.fs_dir_getid, "/dir/one/two")["id"]), int(made["cid"]))


@judged
def fs_mkdir_open():
    made = call(opened.fs_mkdir, "open made", pid=ID["/dir"])["data"]
    same(int(call(client.fs_dir_getid, "/dir/open made")["id"]), int(made["file_id"]))


def name_of(file_id):
    return call(client.fs_file, file_id)["data"][0]["n"]


@judged
def fs_rename():
    reply = call(client.fs_rename, (ID["/change/r.txt"], "renamed.txt"))
    same((reply["data"][str(ID["/change/r.txt"])], name_of(ID["/change/r.txt"])), ("renamed.txt", "renamed.txt"))


@judged
def fs_rename_open():
    call(opened.fs_rename, (ID["/change/r.txt"], "again.txt"))
    same(name_of(ID["/change/r.txt"]), "again.txt")


@judged
def fs_update_open():
    reply = call(opened.fs_update, {"file_id": ID["/change/r.txt"], "file_name": "third", "star": 1})
    same(reply["data"]["file_name"], "third.txt")
    same(int(call(client.fs_file, ID["/change/r.txt"])["data"][0]["m"]), 1)


def parent_of(file_id):
    return int(call(client.fs_file, file_id)["data"][0]["cid"])


@judged
def fs_move():
    call(client.fs_move, [ID["/change/m1.txt"], ID["/change/m2.txt"]], pid=ID["/target"])
    same({parent_of(ID["/change/m1.txt"]), parent_of(ID["/change/m2.txt"])}, {ID["/target"]})


@judged
def fs_move_open():
    call(opened.fs_move, [ID["/change/m1.txt"], ID["/change/m2.txt"]], pid=ID["/change"])
    same({parent_of(ID["/change/m1.txt"]), parent_of(ID["/change/m2.txt"])}, {ID["/change"]})


@judged
def fs_copy():
    call(client.fs_copy, ID["/change/c.txt"], pid=ID["/target"])
    same(names(call(client.fs_files, ID["/target"])), ["c.txt"])


@judged
def fs_copy_open():
    call(opened.fs_copy, ID["/change/c.txt"], pid=ID["/target"])
    same(names(call(client.fs_files, ID["/target"])), ["c(1).txt", "c.txt"])


def in_bin():
    return {row["file_name"] for row in call(client.recyclebin_list)["data"]}


def in_open_bin():
    data = call(opened.recyclebin_list)["data"]
    return {row["file_name"] for row in data.values() if isinstance(row, dict)}


@judged
def fs_delete():
    call(client.fs_delete, [ID["/change/d1.txt"], ID["/change/d2.txt"]])
    call(client.fs_delete, ID["/change/folder"])
    same(in_bin(), {"d1.txt", "d2.txt", "folder"})


@judged
def fs_delete_open():
    call(opened.fs_delete, [ID["/change/d3.txt"]])
    same(in_open_bin(), {"d1.txt", "d2.txt", "d3.txt", "folder"})


@judged
def recyclebin_revert():
    call(client.recyclebin_revert, ID["/change/d1.txt"])
    same(parent_of(ID["/change/d1.txt"]), ID["/change"])


@judged
def recyclebin_revert_open():
    call(opened.recyclebin_revert, ID["/change/d2.txt"])
    same(parent_of(ID["/change/d2.txt"]), ID["/change"])


@judged
def recyclebin_clean():
    call(client.recyclebin_clean, ID["/change/folder"])
    same(in_bin(), {"d3.txt"})


@judged
def recyclebin_clean_open():
    call(opened.recyclebin_clean, ID["/change/d3.txt"])
    same(in_open_bin(), set())


# -- download


@judged
def download_url_web():
    url = client.download_url(PICK["/dir/a.txt"], app="web", user_agent="a reader")
    same(read(url), b"hello")
    same(read(url, Range="bytes=1-2"), b"el")


@judged
def download_url_web_get():
    reply = client.download_url_web(PICK["/dir/a.txt"], method="GET", user_agent="a reader")
    request = Request(reply["file_url"], headers=dict(reply["headers"]))
    with urlopen(request) as found:
        same(found.read(), b"hello")


@judged
def download_url_chrome():
    # The reply's cookie is not picked up on this route; without a User-Agent the link is free (D3.3).
    url = client.download_url(PICK["/dir/a.txt"], app="chrome", user_agent="")
    same((read(url), url.get("sha1")), (b"hello", SHA1["/dir/a.txt"]))


@judged
def download_url_android():
    url = client.download_url(PICK["/dir/a.txt"], app="android", user_agent="")
    same(read(url), b"hello")


@judged
def download_url_open():
    url = opened.download_url(PICK["/dir/a.txt"], user_agent="a reader")
    same(read(url), b"hello")


# -- search and space


@judged
def fs_search():
    reply = call(client.fs_search, {"search_value": "b.bin", "cid": ID["/dir"]})
    same(names(reply), ["b.bin"])
    reply = call(client.fs_search, {"search_value": SHA1["/dir/b.bin"], "cid": ID["/dir"]})
    same(names(reply), ["b.bin"])


@judged
def fs_shasearch():
    same(call(client.fs_shasearch, SHA1["/dir/b.bin"])["data"]["file_name"], "b.bin")


@judged
def fs_search_open():
    reply = call(opened.fs_search, {"search_value": "b.bin", "cid": ID["/dir"]})
    same(names(reply, "file_name"), ["b.bin"])


@judged
def fs_index_info():
    info = call(client.fs_index_info, 1)["data"]["space_info"]
    same(int(info["all_total"]["size"]), int(info["all_use"]["size"]) + int(info["all_remain"]["size"]))


@judged
def user_info_open():
    info = call(opened.user_info)["data"]["rt_space_info"]
    same(int(info["all_total"]["size"]), int(info["all_use"]["size"]) + int(info["all_remain"]["size"]))


json.dump(RESULTS, sys.stdout)
