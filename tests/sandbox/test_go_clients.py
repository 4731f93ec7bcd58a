"""What 115's Go clients and Aliyun's Go SDK do differently from the Python ones."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode

import httpx
import pytest
from sandbox_support import CookiePeer, OpenPeer, callback_headers, sha1

from pan115kit.drive.cipher import FIXED_IV, FIXED_KEY, FIXED_PUBLIC_KEY, Channel, encode_k_ec


def test_k_ec_may_come_unescaped(cookie: CookiePeer) -> None:
    """fake115uploader, which writes the base64 into the URL as it is, would be told to upgrade most of the time."""
    form = cookie.form("a", b"abc")
    masks = ((r1, r2) for r1 in range(256) for r2 in range(256))
    k_ec = next(found for r1, r2 in masks if "+" in (found := encode_k_ec(FIXED_PUBLIC_KEY, int(form["t"]), r1, r2)))
    channel = Channel(FIXED_KEY, FIXED_IV)
    reply = cookie.http.post(
        f"{cookie.sandbox.endpoint}/4.0/initupload.php?k_ec={k_ec}",
        content=channel.encrypt_request(urlencode(form).encode()),
    )
    assert b"k_ec=" + k_ec.encode() in reply.request.url.query  # the plus went out as a plus
    assert b'"status":1' in channel.decrypt_reply(reply.content)


@pytest.mark.parametrize(("shift", "status"), [(0, 200), (1, 403)])
def test_v4_may_sign_the_date_header(peer: OpenPeer, shift: int, status: int) -> None:
    """Aliyun's Go SDK with V4 sends no x-oss-date: its string to sign has the text of Date (and only that one)."""
    data = b"nine byte"
    answer, keys = peer.init("a.bin", data), peer.call("GET", "/open/upload/get_token")["data"]
    now = datetime.now(UTC).replace(microsecond=0)
    date, day = format_datetime(now, usegmt=True), f"{now:%Y%m%d}"
    headers = {
        "content-type": "application/octet-stream",
        "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
        "x-oss-security-token": keys["SecurityToken"],
        **callback_headers(answer),
    }
    canonical = "".join(f"{k}:{v}\n" for k, v in sorted(headers.items()))
    request = f"PUT\n/{answer['bucket']}/{answer['object']}\n\n{canonical}\n\nUNSIGNED-PAYLOAD"
    scope = f"{day}/cn-shenzhen/oss/aliyun_v4_request"
    text = f"OSS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"aliyun_v4{keys['AccessKeySecret']}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    sent = format_datetime(now.replace(second=(now.second + shift) % 60), usegmt=True)
    authorization = f"OSS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope},Signature={signature}"
    reply = httpx.put(
        f"{keys['endpoint']}/{answer['bucket']}/{answer['object']}",
        content=data,
        headers={**headers, "date": sent, "authorization": authorization},
    )
    assert reply.status_code == status, reply.text
    assert [f.path for f in peer.sandbox.files()] == (["/a.bin"] if status == 200 else [])


def test_files_alone_are_listed_from_all_folders_below(cookie: CookiePeer, peer: OpenPeer) -> None:
    """fake115uploader looks in the upper folder for what it put into one below, and would call the upload failed."""
    for path in ("/a/b/c/deep.bin", "/a/top.bin", "/other.bin"):
        cookie.sandbox.put(path, path.encode())
    above = cookie.get("/files/getid", path="a")["id"]

    def names(folder: str, **more: int) -> list[list[str]]:
        rows = cookie.get("/files", cid=folder, o="file_name", asc=1, custom_order=1, **more)["data"]
        order = {"o": "file_name", "asc": "1", "custom_order": "1"}
        asked = {"cid": folder, "show_dir": "1", **order, **{k: str(v) for k, v in more.items()}}
        return [[r["n"] for r in rows], [r["fn"] for r in peer.call("GET", "/open/ufile/files", **asked)["data"]]]

    assert names(above, show_dir=0) == [["deep.bin", "top.bin"]] * 2
    assert names("0", show_dir=0) == [["deep.bin", "other.bin", "top.bin"]] * 2
    assert names(above, show_dir=0, cur=1) == [["top.bin"]] * 2
    assert names(above, show_dir=1) == [["b", "top.bin"]] * 2


def test_listed_times_are_those_of_china(cookie: CookiePeer) -> None:
    """Clients read a file's ``t`` as UTC+8, wherever the sandbox runs."""
    cookie.sandbox.put("/a.bin", b"1")
    row = cookie.get("/files", cid=0)["data"][0]
    read = datetime.strptime(f"{row['t']} +0800", "%Y-%m-%d %H:%M %z").timestamp()
    assert read == int(row["tp"]) // 60 * 60


def test_check_sso_says_zero_when_all_is_well(cookie: CookiePeer) -> None:
    """OpenList begins with it: a dead cookie would pass, a living one would have no user id (protocol §1.1)."""
    url = "/app/1.0/web/1.0/check/sso"
    good = cookie.get(url)
    assert (good["state"], good["data"]["user_id"]) == (0, cookie.user["user_id"])
    cookie.sandbox.log_out()
    dead = cookie.get(url)
    assert (dead["state"], dead["code"]) == (1, 40101032)


def test_account_and_space_as_115driver_asks_for_them(cookie: CookiePeer) -> None:
    """115driver could not show who is logged in and how much space is left."""
    cookie.sandbox.put("/a.bin", b"12345")
    user = cookie.get("/", ct="ajax", ac="nav")["data"]
    assert (user["user_id"], user["privilege"]["state"]) == (cookie.user["user_id"], True)
    space = cookie.get("/files/index_info")["data"]["space_info"]
    assert space["all_use"]["size"] == 5
    assert space["all_total"]["size"] == space["all_remain"]["size"] + 5
    cookie.sandbox.log_out()
    assert cookie.get("/", ct="ajax", ac="nav")["errno"] == cookie.get("/files/index_info")["errno"] == 990001


def test_one_entry_by_id_and_by_pick_code(cookie: CookiePeer) -> None:
    """OpenList looks at what it uploaded by id, and by pick code after an instant upload; it would show nothing."""
    cookie.sandbox.put("/目录/a.bin", b"12345")
    folder, file = cookie.sandbox.files(folders=True)
    for found in ({"file_id": file.file_id}, {"pick_code": file.pick_code}):
        (row,) = cookie.get("/files/get_info", **found)["data"]
        assert (row["fid"], row["cid"], row["sha"]) == (file.file_id, folder.file_id, sha1(b"12345"))
    (row,) = cookie.get("/files/get_info", file_id=folder.file_id)["data"]
    assert (row["cid"], row["n"], "fid" in row) == (folder.file_id, "目录", False)
    for gone in ({"file_id": "1"}, {"pick_code": "a"}, {}):
        assert cookie.get("/files/get_info", **gone)["errno"] == 20018
