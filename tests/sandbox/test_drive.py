"""115's half, spoken to by hand: logins, init on both routes, folders, form upload (protocol §1-§3, §6)."""

from __future__ import annotations

import base64
import hashlib
import time

import httpx
import oss2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_support import (
    MIB,
    PART,
    CookiePeer,
    OpenPeer,
    callback_headers,
    random_bytes,
    said,
    send_parts,
    sha1,
    upload,
)

from pan115kit.drive.cipher import FIXED_IV, FIXED_KEY, FIXED_PUBLIC_KEY, Channel, encode_k_ec
from pan115kit.sandbox import Sandbox
from pan115kit.sandbox.drive.entry_names import encode_pick_code, short_name
from pan115kit.sandbox.drive.uploads import php_json

# -- cookie route


def test_uploadinfo_has_what_every_client_reads(cookie: CookiePeer) -> None:
    """No client could start: user_id, userkey and size_limit come from here (protocol §2.1)."""
    assert cookie.user["user_id"] == int(cookie.sandbox.cookie.removeprefix("UID=").split("_")[0])
    assert (len(cookie.user["userkey"]), cookie.user["size_limit"]) == (40, 123480309760)
    assert cookie.get("/files/uploadinfo")["userkey"] == cookie.user["userkey"]


@pytest.mark.parametrize(("header", "code"), [("", 99), ("UID=1; CID=2", 99), ("UID=1_A1_1; CID=2; SEID=3", 990001)])
def test_a_bad_cookie_opens_nothing(sandbox: Sandbox, header: str, code: int) -> None:
    """A client would not learn what a dead cookie looks like (protocol §1.3, §2.1)."""
    with httpx.Client(base_url=sandbox.endpoint, headers={"Cookie": header} if header else {}) as http:
        assert (http.get("/app/uploadinfo").json()["errno"], http.get("/app/uploadinfo").json()["user_id"]) == (
            code,
            0,
        )
        assert http.get("/files").json()["errno"] == code
        assert http.post("/files/add", data={"pid": "0", "cname": "x"}).json()["errno"] == code
        assert http.get("/", params={"ct": "guide", "ac": "status"}).json() == {"state": False}
    assert sandbox.files(folders=True) == []


def test_an_old_cookie_without_kid_lives_and_a_kicked_one_does_not(cookie: CookiePeer) -> None:
    """Cookies from before KID would be refused (protocol §1.1)."""
    cookie.http.headers["Cookie"] = cookie.sandbox.cookie.rpartition("; KID")[0]
    assert cookie.get("/", ct="guide", ac="status") == {"state": True}
    cookie.sandbox.log_out()
    assert cookie.get("/", ct="guide", ac="status") == {"state": False}


def test_cookie_upload_from_init_to_drive(cookie: CookiePeer) -> None:
    """The encrypted route would not lead to a file in the drive (protocol §2.3-§2.4)."""
    data = random_bytes(MIB + 12345)
    first = cookie.send(cookie.form("片 1&2.mkv", data))
    assert (first["status"], first["statuscode"]) == (7, 701)
    answer = cookie.init("片 1&2.mkv", data)
    assert (answer["status"], answer["statuscode"], answer["bucket"], answer["fileid"]) == (1, 0, "fhnfile", 0)
    assert len(answer["object"]) == 40
    keys = cookie.get("/3.0/gettoken.php")
    assert keys["StatusCode"] == "200"
    endpoint = cookie.get("/3.0/getuploadinfo.php")["endpoint"]
    auth = oss2.StsAuth(keys["AccessKeyId"], keys["AccessKeySecret"], keys["SecurityToken"])
    bucket = oss2.Bucket(auth, endpoint, answer["bucket"])
    upload_id, parts = send_parts(bucket, answer["object"], data)
    reply = said(
        bucket.complete_multipart_upload(answer["object"], upload_id, parts, headers=callback_headers(answer))
    )
    assert reply["data"]["pick_code"] == answer["pickcode"]
    assert cookie.sandbox.sha1("/片 1&2.mkv") == sha1(data)
    again = cookie.init("copy.mkv", data)
    assert (again["status"], again["pickcode"] != answer["pickcode"]) == (2, True)
    assert [f.path for f in cookie.sandbox.files()] == ["/片 1&2.mkv", "/copy.mkv"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("sig", "0" * 40, 400),
        ("token", "0" * 32, 400),
        ("userid", "1", 402),
        ("target", "U_1_0 ", 400),
        ("filesize", "12", 400),
        ("appversion", "36.2.27", 400),
        ("sign_key", "ABC", 400),
        ("t", "1700000000", 400),
    ],
)
def test_init_proofs_belong_together(cookie: CookiePeer, field: str, value: str, code: int) -> None:
    """A wrong sig, token or a field they cover would be let through (protocol §2.3)."""
    form = cookie.form("a", b"abc") | {field: value}
    answer = cookie.send(form)
    assert (answer["status"], answer["statuscode"]) == (0, code)


def test_k_ec_carries_the_same_t(cookie: CookiePeer) -> None:
    """t, k_ec and token must use the same t (protocol §2.3)."""
    form = cookie.form("a", b"abc")
    assert cookie.send(form, t=int(form["t"]) - 1)["statuscode"] == 400


def test_milliseconds_are_fine_too(cookie: CookiePeer) -> None:
    """115driver and OpenList send t in milliseconds (protocol §2.3)."""
    from pan115kit.drive.cipher import make_token

    form = cookie.form("a", b"abc")
    t = int(time.time() * 1000)
    token = make_token(form["fileid"], 3, "", "", form["userid"], t, form["appversion"])
    assert cookie.send(form | {"t": str(t), "token": token})["status"] == 1


@pytest.mark.parametrize("version", ["2.0.1", "26.9.9", "beta"])
def test_an_old_client_is_asked_to_upgrade(cookie: CookiePeer, version: str) -> None:
    """A client would not know that its appversion is the trouble (protocol §2.3)."""
    cookie.app_version = version
    answer = cookie.send(cookie.form("a", b"abc"))
    assert (answer["status"], answer["statuscode"], answer["statusmsg"]) == (4, 403, "请升级到最新版本")


def test_an_unencrypted_or_foreign_init_is_asked_to_upgrade(cookie: CookiePeer) -> None:
    """The words of the real 115 for a client that does not encrypt (protocol §2.3)."""
    form = cookie.form("a", b"abc")
    assert cookie.post("/4.0/initupload.php", **form)["statuscode"] == 403
    assert cookie.post("/4.0/initupload.php?k_ec=AAAA", **form)["statuscode"] == 403


def test_p115clients_constant_key_works(cookie: CookiePeer) -> None:
    """p115client, which does no key exchange, could not talk to the sandbox (protocol §2.4, §11.2)."""
    channel = Channel(FIXED_KEY, FIXED_IV)
    form = cookie.form("a", b"abc")
    from urllib.parse import urlencode

    reply = cookie.http.post(
        cookie.sandbox.endpoint + "/4.0/initupload.php",
        params={"k_ec": encode_k_ec(FIXED_PUBLIC_KEY, int(form["t"]), 0, 0)},
        content=channel.encrypt_request(urlencode(form).encode()),
    )
    assert b'"status":1' in channel.decrypt_reply(reply.content)


def test_cookie_resume_gives_place_and_callback_again(cookie: CookiePeer) -> None:
    """An interrupted upload could not go on (protocol §2.5)."""
    answer = cookie.init("a", b"abc")
    form = {"pickcode": answer["pickcode"], "userid": cookie.user["user_id"], "target": "U_1_0"}
    again = cookie.post("/3.0/resumeupload.php", **form, fileid="0" * 40, filesize=1)
    assert (again["bucket"], again["object"]) == (answer["bucket"], answer["object"])
    assert again["callback"]["callback"] == answer["callback"]["callback"]
    assert cookie.post("/3.0/resumeupload.php", **form | {"pickcode": "aaa"})["statuscode"] == 402


# -- second check and instant upload


@pytest.mark.parametrize("size", [MIB - 1, MIB])
def test_only_files_of_a_mebibyte_are_checked_twice(peer: OpenPeer, size: int) -> None:
    """The second round trip would come for small files or not for large ones (protocol §2.3)."""
    answer = peer.ask("a", bytes(size))["data"]
    assert answer["status"] == (7 if size >= MIB else 1)


def test_a_wrong_range_hash_is_not_an_instant_upload(peer: OpenPeer) -> None:
    """Somebody who knows only the SHA-1 of a file would get the file."""
    data = random_bytes(MIB)
    peer.sandbox.add_content(data)
    first = peer.ask("a", data)["data"]
    wrong = peer.ask("a", data, sign_key=first["sign_key"], sign_val=sha1(b"guess"))["data"]
    assert (wrong["status"], wrong["code"]) == (6, 700)
    unknown = peer.ask("a", data, sign_key="ABC", sign_val=sha1(b"guess"))["data"]
    assert (unknown["status"], unknown["code"]) == (8, 702)
    start, end = map(int, wrong["sign_check"].split("-"))
    right = peer.ask("a", data, sign_key=wrong["sign_key"], sign_val=sha1(data[start : end + 1]))["data"]
    assert right["status"] == 2
    assert peer.sandbox.sha1("/a") == sha1(data)
    used = peer.ask("a", data, sign_key=wrong["sign_key"], sign_val=sha1(data[start : end + 1]))["data"]
    assert used["status"] == 8


def test_content_known_by_hash_alone(peer: OpenPeer) -> None:
    """A demo of instant upload would need gigabytes."""
    peer.sandbox.add_instant(sha1(b"abc").lower(), 3)
    answer = peer.ask("a", b"abc")["data"]
    assert (answer["status"], answer["file_id"]) == (2, peer.sandbox.files()[0].file_id)
    with pytest.raises(FileNotFoundError):
        peer.sandbox.read("/a")


def test_same_hash_other_size_is_no_hit(peer: OpenPeer) -> None:
    """SHA-1 alone would decide."""
    peer.sandbox.add_instant(sha1(b"abc"), 4)
    assert peer.ask("a", b"abc")["data"]["status"] == 1


def test_limits_of_the_account(peer: OpenPeer, cookie: CookiePeer) -> None:
    """Too large files and a full drive would be accepted (protocol §2.1, §7)."""
    peer.sandbox.size_limit = 10
    assert peer.ask("a", bytes(11))["code"] == 990002
    assert cookie.init("a", bytes(11))["statuscode"] == 402
    assert cookie.get("/app/uploadinfo")["size_limit"] == 10
    peer.sandbox.space_left = 5
    assert peer.ask("a", bytes(6))["code"] == 91005
    assert cookie.init("a", bytes(6))["statuscode"] == 91005
    assert upload_small(peer, b"12345") is True
    assert peer.ask("b", b"6")["code"] == 91005


def upload_small(peer: OpenPeer, data: bytes) -> bool:
    answer = peer.init("a", data)
    put = peer.bucket().put_object(answer["object"], data, headers=callback_headers(answer))
    return bool(said(put)["state"])


def test_the_target_may_vanish_while_the_bytes_travel(peer: OpenPeer) -> None:
    """10014 would never be seen: the folder is checked at init and again at the end (protocol §7)."""
    peer.sandbox.put("/dir/x", b"x")
    folder = next(f for f in peer.sandbox.files(folders=True) if f.is_dir)
    answer = peer.init("a", b"abc", f"U_1_{folder.file_id}")
    peer.sandbox.remove("/dir")
    put = peer.bucket().put_object(answer["object"], b"abc", headers=callback_headers(answer))
    assert said(put)["code"] == 10014
    assert peer.ask("a", b"abc", f"U_1_{folder.file_id}")["code"] == 10014
    for target in ("U_2_0", "0", "U_1_x"):
        assert peer.ask("a", b"abc", target)["code"] == 990002


def test_pick_code_on_init_reuses_the_ticket(peer: OpenPeer) -> None:
    """Careful clients send the pick_code with the second call; they would get another object (protocol §3.1)."""
    answer = peer.init("a", b"abc")
    again = peer.ask("a", b"abc", pick_code=answer["pick_code"])["data"]
    assert again["object"] == answer["object"]
    assert peer.ask("a", b"abd", pick_code=answer["pick_code"])["data"]["object"] != answer["object"]
    resumed = peer.call("POST", "/open/upload/resume", pick_code=answer["pick_code"], target="U_1_0")["data"]
    assert (resumed["object"], resumed["callback"]["callback"]) == (answer["object"], answer["callback"]["callback"])
    assert peer.call("POST", "/open/upload/resume", pick_code="no")["code"] == 50003


def test_an_empty_file(peer: OpenPeer) -> None:
    """Empty files could not be uploaded (protocol §6.3)."""
    assert upload_small(peer, b"") is True
    assert [(f.size, f.sha1) for f in peer.sandbox.files()] == [(0, "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709")]


# -- tokens


def test_refresh_is_one_shot(peer: OpenPeer) -> None:
    """Two parallel refreshes would both succeed here and log the user out at the real 115 (protocol §1.2)."""
    box = peer.sandbox
    peer.token, old = box.access_token, box.refresh_token
    box.expire_access_token()
    assert peer.call("GET", "/open/user/info")["code"] == 40140125
    new = peer.call("POST", "/open/refreshToken", refresh_token=old)
    assert (new["state"], new["code"], new["data"]["expires_in"]) == (1, 0, 7200)
    peer.token = new["data"]["access_token"]
    assert peer.call("GET", "/open/user/info")["state"] is True
    assert peer.call("POST", "/open/refreshToken", refresh_token=old)["code"] in (40140116, 40140119)


def test_codes_of_bad_tokens(peer: OpenPeer) -> None:
    """A client could not tell "renew" from "log in again" (protocol §1.3)."""
    for token, code in (("nonsense", 40140123), ("a.b.c", 40140126)):
        peer.token = token
        assert peer.call("GET", "/open/user/info")["code"] == code
    refresh = peer.sandbox.refresh_token
    assert peer.call("POST", "/open/refreshToken", refresh_token="x")["code"] == 40140114
    assert peer.call("POST", "/open/refreshToken", refresh_token="a.b.c")["code"] == 40140120
    peer.sandbox.revoke_refresh_token()
    assert peer.call("POST", "/open/refreshToken", refresh_token=refresh)["code"] == 40140116


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("method", ["sha256", "sha1", "md5"])
def test_device_code_login(peer: OpenPeer, encode: object, method: str) -> None:
    """A user without tokens could not log in (protocol §1.2)."""
    verifier = "ab~" * 20
    challenge = encode(hashlib.new(method, verifier.encode()).digest()).decode()  # type: ignore[operator]
    form = {"client_id": "100195125", "code_challenge": challenge, "code_challenge_method": method}
    code = peer.call("POST", "/open/authDeviceCode", **form)["data"]
    early = peer.call("POST", "/open/deviceCodeToToken", uid=code["uid"], code_verifier=verifier)
    assert (early["state"], early["code"]) == (0, 40101017)
    poll = {k: code[k] for k in ("uid", "time", "sign")}
    seen = [peer.call("GET", "/get/status/", **poll)["data"]["status"] for _ in range(3)]
    assert seen == [0, 1, 2]
    for wrong, number in (("short", 40140112), ("x" * 43, 40140113)):
        reply = peer.call("POST", "/open/deviceCodeToToken", uid=code["uid"], code_verifier=wrong)
        assert reply["code"] == number
    tokens = peer.call("POST", "/open/deviceCodeToToken", uid=code["uid"], code_verifier=verifier)["data"]
    peer.token = tokens["access_token"]
    assert peer.call("GET", "/open/user/info")["state"] is True


@pytest.mark.parametrize("slash", ["", "/"])
def test_cookie_qr_login(peer: OpenPeer, slash: str) -> None:
    """A user without a cookie could not log in; both known forms of the address count (protocol §1.1)."""
    peer.sandbox.set(qr_polls=None, qr_long_poll=0.05)
    code = peer.call("GET", "/api/1.0/web/1.0/token")["data"]
    assert (
        peer.http.get(f"{peer.sandbox.endpoint}/api/1.0/web/1.0/qrcode?uid={code['uid']}").content[:4] == b"\x89PNG"
    )
    poll = {k: code[k] for k in ("uid", "time", "sign")}
    assert peer.call("GET", "/get/status/", **poll)["data"]["status"] == 0
    peer.sandbox.login_step("scanned")
    assert peer.call("GET", "/get/status/", **poll)["data"]["status"] == 1
    path = f"/app/1.0/alipaymini/1.0/login/qrcode{slash}"
    assert peer.call("POST", path, account=code["uid"])["code"] == 40101017
    peer.sandbox.login_step("confirmed")
    login = peer.call("POST", path, account=code["uid"])["data"]
    header = "; ".join(f"{k}={v}" for k, v in login["cookie"].items())
    status = peer.http.get(f"{peer.sandbox.endpoint}/?ct=guide&ac=status", headers={"Cookie": header})
    assert status.json() == {"state": True}
    assert peer.call("POST", path, account=code["uid"])["state"] == 0  # works once


def test_a_login_of_the_same_device_kicks_the_older_one(peer: OpenPeer, cookie: CookiePeer) -> None:
    """One device slot, one login (protocol §1.1)."""
    cookies = []
    for _ in range(2):
        code = peer.call("GET", "/api/1.0/web/1.0/token")["data"]
        peer.sandbox.login_step("confirmed")
        login = peer.call("POST", "/app/1.0/ios/1.0/login/qrcode", account=code["uid"], app="ios")["data"]
        cookies.append("; ".join(f"{k}={v}" for k, v in login["cookie"].items()))
    alive = [
        peer.http.get(f"{peer.sandbox.endpoint}/?ct=guide&ac=status", headers={"Cookie": c}).json()["state"]
        for c in (*cookies, cookie.sandbox.cookie)
    ]
    assert alive == [False, True, True]


@pytest.mark.parametrize(("step", "code"), [("expired", 40199002), ("cancelled", 0)])
def test_a_qr_code_can_die(peer: OpenPeer, step: str, code: int) -> None:
    """A login panel would wait for ever."""
    found = peer.call("GET", "/api/1.0/web/1.0/token")["data"]
    peer.sandbox.login_step(step)
    reply = peer.call("GET", "/get/status/", **{k: found[k] for k in ("uid", "time", "sign")})
    assert reply["code"] == code
    assert code or reply["data"]["status"] == -2


def test_keys_say_in_utc_when_they_end(peer: OpenPeer, cookie: CookiePeer) -> None:
    """Clients would renew an hour early or late, by their time zone (protocol §2.2)."""
    peer.sandbox.set(sts_life=1800)
    for keys in (peer.keys(), cookie.get("/3.0/gettoken.php")):
        end = time.strptime(keys["Expiration"], "%Y-%m-%dT%H:%M:%SZ")
        import calendar

        assert calendar.timegm(end) - time.time() == pytest.approx(1800, abs=300)  # a zone is at least 900
        assert keys["AccessKeyId"].startswith("STS.")
    assert peer.keys()["endpoint"] == peer.sandbox.endpoint


# -- folders


def test_cookie_folders(cookie: CookiePeer) -> None:
    """mkdir, path to id and listings, as the real ones answer (protocol §6.1)."""
    made = cookie.post("/files/add", pid="0", cname="影视")
    assert (made["state"], made["cid"], made["file_name"]) == (True, made["file_id"], "影视")
    again = cookie.post("/files/add", pid="0", cname="影视")
    assert (again["state"], again["errno"], "cid" in again) == (False, 20004, False)
    deep = cookie.post("/app/chrome/add_path", path='a/b"c/d', parent_id=made["cid"])
    assert cookie.get("/files/getid", path="影视/a/b_c/d")["id"] == deep["cid"]
    assert cookie.get("/files/getid", path="影视/none")["id"] == "0"
    assert cookie.get("/files/get_path_id", path="影视/none", parent_id=0)["state"] is False
    new = cookie.get("/files/get_path_id", path="影视/none", parent_id=0, is_create=1)
    assert cookie.get("/files/getid", path="影视/none")["id"] == new["id"]
    cookie.sandbox.put("/影视/x.mkv", b"123")
    listing = cookie.get("/files", cid=made["cid"], limit=2, offset=0, show_dir=1)
    assert (listing["count"], str(listing["cid"]), len(listing["data"])) == (3, made["cid"], 2)
    assert all("fid" not in row and row["pid"] == made["cid"] for row in listing["data"])
    file = cookie.get("/files", cid=made["cid"], limit=2, offset=2, show_dir=1)["data"][0]
    assert (file["n"], file["s"], file["sha"], file["cid"]) == ("x.mkv", 3, sha1(b"123"), made["cid"])
    assert cookie.get("/files", cid="999")["cid"] == 0  # an unknown id shows the root
    assert [r["n"] for r in cookie.get("/files/search", search_value="x.m")["data"]] == ["x.mkv"]
    assert cookie.post("/files/order", file_id="0", user_order="file_name")["state"] is True


@pytest.mark.parametrize(
    ("pid", "name", "code"),
    [("0", " ", 20001), ("0", "x" * 256, 20002), ("0", "a<b", 20003), ("7", "a", 20009)],
)
def test_folder_rules(cookie: CookiePeer, peer: OpenPeer, pid: str, name: str, code: int) -> None:
    """Names that 115 refuses would be accepted (protocol §6.3, §7)."""
    assert cookie.post("/files/add", pid=pid, cname=name)["errno"] == code
    assert peer.call("POST", "/open/folder/add", pid=pid, file_name=name)["code"] == code


def test_a_full_or_too_deep_folder(cookie: CookiePeer) -> None:
    """115's limits on a folder would not be known (protocol §6.3)."""
    cookie.sandbox.set(folder_limit=2)
    for name in ("a", "b"):
        assert cookie.post("/files/add", pid="0", cname=name)["state"] is True
    assert cookie.post("/files/add", pid="0", cname="c")["errno"] == 2
    cookie.sandbox.set(folder_limit=50_000)
    deep = cookie.post("/app/chrome/add_path", path="/".join(["a"] * 26), parent_id="0")
    assert deep["state"] is False


def test_open_folders(peer: OpenPeer) -> None:
    """The Open API's folders, as 115-sdk-go reads them (protocol §6.2)."""
    made = peer.call("POST", "/open/folder/add", pid="0", file_name="目录")["data"]
    assert peer.call("POST", "/open/folder/add", pid="0", file_name="目录")["code"] == 20004
    upload(peer, "a.bin", random_bytes(PART + 1), f"U_1_{made['file_id']}")
    info = peer.call("GET", "/open/folder/get_info", file_id=made["file_id"])["data"]
    assert (info["file_category"], info["size_byte"], info["count"]) == ("0", PART + 1, 1)
    for path in ("/目录/a.bin", ">目录>a.bin"):
        found = peer.call("POST", "/open/folder/get_info", path=path)["data"]
        assert (found["file_category"], found["size_byte"]) == ("1", PART + 1)
    assert peer.call("POST", "/open/folder/get_info", path="/none")["code"] == 430004
    rows = peer.call("GET", "/open/ufile/files", cid=made["file_id"], show_dir=1, cur=1)
    assert (rows["count"], rows["data"][0]["fn"], rows["data"][0]["fc"]) == (1, "a.bin", "1")
    space = peer.call("GET", "/open/user/info")["data"]["rt_space_info"]
    assert space["all_use"]["size"] == PART + 1
    assert space["all_total"]["size"] == space["all_use"]["size"] + space["all_remain"]["size"]


def test_open_takes_multipart_forms(peer: OpenPeer) -> None:
    """Clients that send form-data instead of urlencoded would be misread (protocol §3)."""
    files = {"pid": (None, "0"), "file_name": (None, "甲")}
    headers = {"Authorization": f"Bearer {peer.sandbox.access_token}"}
    reply = peer.http.post(f"{peer.sandbox.endpoint}/open/folder/add", files=files, headers=headers)
    assert reply.json()["data"]["file_name"] == "甲"


def test_equal_names_are_allowed(peer: OpenPeer) -> None:
    """115 keeps both; a client that counts on overwriting would be misled (protocol §6.3)."""
    for text in (b"1", b"2"):
        peer.sandbox.put("/same.txt", text)
    assert [f.path for f in peer.sandbox.files()] == ["/same.txt", "/same.txt"]


# -- form upload


def test_form_upload(cookie: CookiePeer) -> None:
    """The way without hash and encryption would be missing (protocol §2.6)."""
    form = cookie.post("/3.0/sampleinitupload.php", filename="表单.bin", target="U_1_0")
    data = random_bytes(200_000) + b"\r\n--"
    fields = {
        "name": "表单.bin",
        "key": form["object"],
        "policy": form["policy"],
        "OSSAccessKeyId": form["accessid"],
        "success_action_status": "200",
        "callback": form["callback"],
        "signature": form["signature"],
    }
    for spoiled in ({"signature": "x"}, {"key": "elsewhere"}, {"OSSAccessKeyId": "x"}, {"policy": "e30="}):
        refused = httpx.post(form["host"], data={**fields, **spoiled}, files={"file": ("f", b"x")})
        assert refused.status_code == 403, refused.text
    reply = httpx.post(form["host"], data=fields, files={"file": ("f", data)})
    assert reply.json()["data"]["sha1"] == sha1(data)
    assert cookie.sandbox.read("/表单.bin") == data


# -- pure


@given(st.integers(min_value=0, max_value=2**63 - 1), st.booleans())
def test_pick_codes_decode_back(number: int, folder: bool) -> None:
    """p115client reads the file's id out of its pick code (protocol §11.4)."""
    code = encode_pick_code(number, folder=folder)
    prefix, table = (
        ("fa", "fumk0ytpj3sng8d5a194qh7cxlbi62zvewro") if folder else ("a", "fuln1ytpj3smg8d5a094qh7cxkbi62zvewro")
    )
    assert code.startswith(prefix)
    plain = code.removeprefix(prefix).translate(str.maketrans("0123456789abcdefghijklmnopqrstuvwxyz", table))
    assert (int(plain[:-4], 36), plain[-4:]) == (number, "0000")


@given(st.text(min_size=1).filter(lambda n: n < "\ud800" or n > "\udfff"))
def test_long_names_are_cut_to_255_bytes(name: str) -> None:
    """A name of 115's would be longer than 115 allows (protocol §6.3)."""
    name = name.encode("utf-8", "ignore").decode()
    cut = short_name(name * 40)
    assert len(cut.encode()) <= 255
    assert short_name(cut) == cut


def test_php_json_escapes_slashes() -> None:
    """The callback text must look like 115's, byte for byte (protocol §2.3)."""
    assert php_json({"callbackUrl": "http://a/b"}) == r'{"callbackUrl":"http:\/\/a\/b"}'
