"""The cookie route against a scripted 115: every status of initupload, folders, keys, resume."""

from __future__ import annotations

import asyncio
import calendar
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import httpx
import pytest
from drive_support import (
    CALLBACK,
    CONFIG,
    COOKIE,
    ENDPOINTS,
    NOW,
    SERVER,
    UPLOAD_INFO,
    USER_KEY,
    Scripted115,
    encrypted,
    html,
)

from pan115kit.drive.base import Account, FileClaim, Instant, NeedsUpload, SecondCheck, SignedRange
from pan115kit.drive.cipher import decode_k_ec, make_signature, make_token
from pan115kit.drive.cookie import CookieDrive, newest_version, parse_cookie
from pan115kit.errors import (
    AccountBlockedError,
    ClientOutdatedError,
    CredentialsError,
    DriveError,
    DriveProtocolError,
    FileNameError,
    FileTooLargeError,
    LoginError,
    NetworkError,
    RateLimitedError,
    TargetError,
    VerificationError,
)
from pan115kit.models import UploadTicket

T = TypeVar("T")
INIT = "/4.0/initupload.php"
SHA1 = "090AB50BA0472161E944BB2F5709F7C8D134576F"
CLAIM = FileClaim("影片 1.mkv", 3_000_000, SHA1, "77")
PICK_CODE = "e51yswi02p66rzs8w"
NEEDED = {"status": 1, "statuscode": 0, "pickcode": "p1", "bucket": "fhnfile", "object": "ab", "callback": CALLBACK}
DONE = {"status": 2, "statuscode": 0, "statusmsg": "", "pickcode": PICK_CODE, "fileid": 0}
CHECK = {"status": 7, "statuscode": 701, "sign_key": "KEY", "sign_check": "100-199", "pickcode": "p1"}
TICKET = UploadTicket("fhnfile", "ab", CALLBACK["callback"], CALLBACK["callback_var"], "p1")


def drive_on(server: Scripted115, **options: Any) -> CookieDrive:
    server.routes.setdefault("/app/uploadinfo", [UPLOAD_INFO])
    config = options.pop("config", CONFIG)
    return CookieDrive(
        COOKIE, endpoints=ENDPOINTS, config=config, server_public_key=SERVER.public_key, api=server.api(config=config)
    )


def run(drive: CookieDrive, story: Callable[[CookieDrive], Awaitable[T]]) -> T:
    async def main() -> T:
        try:
            return await story(drive)
        finally:
            await drive.close()

    return asyncio.run(main())


def init(server: Scripted115, claim: FileClaim = CLAIM, signed: SignedRange | None = None) -> Any:
    return run(drive_on(server), lambda drive: drive.init_once(claim, signed))


def inits(*replies: Any) -> Scripted115:
    server = Scripted115()
    server.on(INIT, [encrypted(r) if isinstance(r, dict) else r for r in replies])
    return server


# -- the cookie ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "UID=1_A1_2; CID=ab; SEID=cd",
        "Cookie: uid=1_A1_2;CID=ab;SEID=cd;",
        "UID=1_A1_2\nCID=ab\r\nSEID=cd",
        "'UID=1_A1_2; CID=ab; SEID=cd; acw_tc=zz; PHPSESSID=1'",
    ],
)
def test_pasted_cookies_are_read(text: str) -> None:
    """People paste what their browser shows."""
    assert parse_cookie(text) == {"UID": "1_A1_2", "CID": "ab", "SEID": "cd"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "UID, CID, SEID"),
        ("UID=1_A1_2; CID=hush", "SEID"),
        ("UID=1_A1_2; CID=; SEID=hush", "CID"),
        ("hush", "UID, CID, SEID"),
        ("UID=hush; CID=hush; SEID=hush", "UID"),
        ("UID=1_A1_2; CID=hu sh; SEID=hush", "CID"),
        ("UID=1_A1_2; CID=hush影; SEID=hush", "CID"),
    ],
)
def test_a_broken_cookie_is_told_by_name_never_by_value(text: str, told: str) -> None:
    """Notebooks with error messages are shared."""
    with pytest.raises(CredentialsError, match=told) as caught:
        CookieDrive(text)
    assert "hu" not in str(caught.value)


def test_only_the_logins_cookies_are_sent_and_only_to_where_they_belong() -> None:
    """115 sees a 115-like client; the version host sees no cookie."""
    server = inits({"status": 4, "statuscode": 403, "statusmsg": "请升级到最新版本"}, NEEDED)
    server.on("/1/web/1.0/api/chrome", {"data": {"win": {"version_code": "99.1.0"}}})
    init(server)
    for request in server.requests:
        assert request.headers["user-agent"].startswith("Mozilla/5.0 115Browser/")
        expected = None if request.url.path.startswith("/1/web") else COOKIE
        assert request.headers.get("cookie") == expected


# -- account ---------------------------------------------------------------------------------------------------


def test_the_account_is_asked_once_for_all() -> None:
    """Three files starting together are one call, not three."""
    server = Scripted115()

    async def story(drive: CookieDrive) -> list[Account]:
        return await asyncio.gather(*(drive.account() for _ in range(5)))

    accounts = run(drive_on(server), story)
    assert set(accounts) == {Account("100000001", 123480309760, None)}
    assert server.paths() == ["/app/uploadinfo"]


@pytest.mark.parametrize(
    "reply",
    [
        {**UPLOAD_INFO, "user_id": 0},
        {**UPLOAD_INFO, "userkey": ""},
        {"state": True},
        {"state": False, "errno": 990001, "error": "登录超时，请重新登录。"},
        {"state": False, "errno": 99, "error": "请重新登录"},
    ],
)
def test_a_dead_cookie_is_a_login_error(reply: dict[str, Any]) -> None:
    """The user is told to log in again instead of 'sig invalid' later."""
    server = Scripted115()
    server.on("/app/uploadinfo", reply)
    with pytest.raises(LoginError, match="log in again"):
        init(server)


def test_a_file_over_the_limit_is_refused_before_any_byte() -> None:
    """Otherwise the user finds out after the whole upload."""
    server = inits(NEEDED)
    with pytest.raises(FileTooLargeError, match="123 GB"):
        init(server, replace(CLAIM, file_size=123480309761))
    assert INIT not in server.paths()


# -- initupload ------------------------------------------------------------------------------------------------


def test_the_form_is_the_protocols() -> None:
    """A wrong field is refused for every file; t must be the same in form, token and k_ec (protocol §2.3)."""
    server = inits(NEEDED)
    assert init(server) == NeedsUpload(TICKET)
    (form,) = server.init_forms()
    t = int(NOW)
    assert form == {
        "appid": "0",
        "appversion": CONFIG.app_version,
        "userid": "100000001",
        "filename": "影片 1.mkv",
        "filesize": "3000000",
        "fileid": SHA1,
        "target": "U_1_77",
        "sig": make_signature("100000001", USER_KEY, SHA1, "U_1_77"),
        "t": str(t),
        "token": make_token(SHA1, 3_000_000, "", "", "100000001", t, CONFIG.app_version),
        "topupload": "true",
    }
    request = server.requests[-1]
    assert decode_k_ec(request.url.params["k_ec"])[1] == t
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_an_instant_upload_has_its_file_id() -> None:
    """The answer names only a pick_code; the id is read from it."""
    assert init(inits(DONE)) == Instant("3494080219994654680", PICK_CODE)
    assert init(inits({**DONE, "fileid": 42})) == Instant("42", PICK_CODE)
    assert init(inits({**DONE, "pickcode": "??"})) == Instant("", "??")


def test_the_second_check_is_asked_and_answered() -> None:
    """Files over 1 MiB: the proof goes out with its key, in form and token."""
    assert init(inits(CHECK)) == SecondCheck("KEY", 100, 199, "p1")
    server = inits(CHECK, DONE)

    async def hash_range(start: int, end: int) -> str:
        assert (start, end) == (100, 199)
        return "ABCD"

    assert run(drive_on(server), lambda drive: drive.init(CLAIM, hash_range)) == Instant(
        "3494080219994654680", PICK_CODE
    )
    first, second = server.init_forms()
    assert "sign_key" not in first
    assert (second["sign_key"], second["sign_val"]) == ("KEY", "ABCD")
    assert second["token"] == make_token(SHA1, 3_000_000, "KEY", "ABCD", "100000001", int(NOW), CONFIG.app_version)


def test_a_second_check_without_end_is_given_up() -> None:
    """A server that asks for ever would hash for ever."""
    server = inits(CHECK)

    async def hash_range(start: int, end: int) -> str:
        return "ABCD"

    with pytest.raises(VerificationError):
        run(drive_on(server), lambda drive: drive.init(CLAIM, hash_range))
    assert len(server.init_forms()) == 4


@pytest.mark.parametrize("text", ["", "5", "5-", "9-5", "0-3000000", "a-b"])
def test_an_impossible_range_is_a_protocol_error(text: str) -> None:
    """Instead of hashing beyond the file."""
    with pytest.raises(DriveProtocolError):
        init(inits({**CHECK, "sign_check": text}))


def test_both_separators_of_a_range_are_read() -> None:
    """The official text says underscore, the servers send a dash."""
    assert init(inits({**CHECK, "sign_check": "2_4"})) == SecondCheck("KEY", 2, 4, "p1")


@pytest.mark.parametrize(("status", "code"), [(6, 700), (8, 702)])
def test_a_refused_proof_is_made_anew_once(status: int, code: int) -> None:
    """One hiccup of 115's check does not fail the file; a file that really differs does."""
    refusal = {"status": status, "statuscode": code, "statusmsg": "no"}
    signed = SignedRange("KEY", "ABCD")
    server = inits(refusal, CHECK)
    assert init(server, signed=signed) == SecondCheck("KEY", 100, 199, "p1")
    assert ["sign_key" in form for form in server.init_forms()] == [True, False]
    assert init(inits({**CHECK, "status": status, "statuscode": code})) == SecondCheck("KEY", 100, 199, "p1")
    server = inits(refusal)
    with pytest.raises(VerificationError, match=str(code)):
        init(server, signed=signed)
    assert len(server.init_forms()) == 2


def test_sig_invalid_starts_the_init_anew() -> None:
    """115 says so too when its own look-up was slow; the second check may be asked again then."""
    server = inits({"status": 0, "statuscode": 400, "statusmsg": "sig invalid"}, NEEDED)
    server.time.now += 0.5
    assert init(server, signed=SignedRange("KEY", "ABCD")) == NeedsUpload(TICKET)
    first, second = server.init_forms()
    assert ("sign_key" in first, "sign_key" in second) == (True, False)
    assert first["t"] != second["t"]


def test_sig_invalid_for_ever_ends() -> None:
    """With 115's words."""
    server = inits({"status": False, "statuscode": 400, "statusmsg": "sig invalid"})
    with pytest.raises(DriveError, match="sig invalid"):
        init(server)
    assert len(server.init_forms()) == 1 + CONFIG.retries


def test_wrong_parameters_are_told_at_once() -> None:
    """402 is not repeated."""
    server = inits({"status": 0, "statuscode": 402, "statusmsg": "target invalid"})
    with pytest.raises(DriveError, match="target invalid"):
        init(server)
    assert len(server.init_forms()) == 1


def test_other_codes_of_init_are_read_by_the_table() -> None:
    """A full drive is a NoSpaceError also here, a vanished folder a TargetError."""
    with pytest.raises(TargetError):
        init(inits({"status": 0, "statuscode": 10014, "statusmsg": "x"}))
    with pytest.raises(DriveProtocolError):
        init(inits({"request": "upload"}))


@pytest.mark.parametrize("missing", ["bucket", "object", "callback"])
def test_a_ticket_without_its_callback_is_refused(missing: str) -> None:
    """OSS would take the bytes and 115 would never hear of them."""
    with pytest.raises(DriveProtocolError, match="bucket, object or callback"):
        init(inits({key: value for key, value in NEEDED.items() if key != missing}))


def test_please_upgrade_fetches_the_newest_version_once() -> None:
    """A release of pan115kit that is a year old still uploads."""
    outdated = {"status": 4, "statuscode": 403, "statusmsg": "请升级到最新版本"}

    def by_version(request: httpx.Request) -> httpx.Response:
        from drive_support import open_init

        good = open_init(request)["appversion"] == "99.1.0"
        return encrypted(NEEDED if good else outdated)(request)

    server = inits(by_version)
    server.on("/1/web/1.0/api/chrome", {"data": {"win": {"version_code": "99.1.0"}}})

    async def story(drive: CookieDrive) -> list[Any]:
        return await asyncio.gather(*(drive.init_once(CLAIM, None) for _ in range(3)))

    assert run(drive_on(server), story) == [NeedsUpload(TICKET)] * 3
    assert server.paths().count("/1/web/1.0/api/chrome") == 1


@pytest.mark.parametrize(
    "version_reply", [httpx.Response(500), {"data": {}}, {"data": {"win": {"version_code": CONFIG.app_version}}}]
)
def test_please_upgrade_is_told_where_nothing_newer_is_known(version_reply: Any) -> None:
    """With the option that helps."""
    server = inits({"status": 4, "statuscode": 403, "statusmsg": "请升级到最新版本"})
    server.on("/1/web/1.0/api/chrome", version_reply)
    with pytest.raises(ClientOutdatedError, match="app_version"):
        init(server)
    assert len(server.init_forms()) == 1


def test_a_version_from_the_net_is_only_a_version() -> None:
    """It goes into a header."""
    assert newest_version({"data": {"win": {"version_code": "1.0\r\nX: y"}}}) == ""
    assert newest_version({"data": []}) == ""


def test_a_plain_401_is_just_repeated() -> None:
    """115's gateway does that now and then (protocol §2.3)."""
    assert init(inits(httpx.Response(401, text="unauthorized"), NEEDED)) == NeedsUpload(TICKET)


def test_plain_json_instead_of_an_encrypted_answer_is_read() -> None:
    """Refusals of older gateways are not encrypted."""
    server = inits(httpx.Response(200, json={"status": 0, "statuscode": 402, "statusmsg": "userid invalid"}))
    with pytest.raises(DriveError, match="userid invalid"):
        init(server)


def test_a_page_or_rubbish_instead_of_an_encrypted_answer_is_repeated() -> None:
    """A hotel's gateway or a cut body is no reason to fail the file."""
    server = inits(html(), httpx.Response(200, content=b"x" * 40), httpx.Response(200, content=b"{x"), NEEDED)
    server.on("/files", {"state": True, "cid": "77", "count": 0, "data": []})
    assert init(server) == NeedsUpload(TICKET)


def test_an_encrypted_answer_that_begins_like_json_is_decrypted() -> None:
    """One in 256 does."""
    padding = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal padding
        channel = SERVER.open_request(request.url.params["k_ec"])
        while True:
            body = channel.encrypt_reply(json.dumps({"x": padding, **NEEDED}).encode())
            padding += 1
            if body[:1] == b"{":
                return httpx.Response(200, content=body)

    assert init(inits(answer)) == NeedsUpload(TICKET)


def test_the_firewalls_page_blocks_the_account_not_the_file() -> None:
    """One clear stop for the whole queue."""
    server = inits(html(405))
    with pytest.raises(AccountBlockedError):
        init(server)
    assert len(server.requests) == 2


# -- a lost answer ---------------------------------------------------------------------------------------------

LISTED = {"fid": "900", "cid": "77", "n": "影片 1.mkv", "s": 3_000_000, "sha": SHA1, "pc": "pc9"}


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("silent"), httpx.ReadError("reset"), httpx.Response(502)])
def test_an_instant_upload_whose_answer_was_lost_is_not_made_twice(fault: Any) -> None:
    """115 would put a second file of the same name beside the first."""
    server = inits(fault, DONE)
    server.on("/files", {"state": True, "cid": "77", "count": 1, "data": [LISTED]})
    assert init(server) == Instant("900", "pc9")
    assert server.paths().count(INIT) == 1


@pytest.mark.parametrize(
    "other", [{"n": "other.mkv"}, {"s": 1}, {"sha": "0" * 40}, {"fid": ""}], ids=["name", "size", "sha1", "folder"]
)
def test_another_file_in_the_folder_is_not_taken_for_ours(other: dict[str, Any]) -> None:
    """Reported as uploaded, and not there: the worst of errors."""
    server = inits(httpx.ReadTimeout("silent"), NEEDED)
    server.on("/files", {"state": True, "cid": "77", "count": 1, "data": [{**LISTED, **other}]})
    assert init(server) == NeedsUpload(TICKET)


def test_a_request_that_never_left_is_simply_repeated() -> None:
    """No look-up where 115 cannot have heard of it."""
    server = inits(httpx.ConnectError("refused"), NEEDED)
    assert init(server) == NeedsUpload(TICKET)
    assert "/files" not in server.paths()


# -- keys ------------------------------------------------------------------------------------------------------

KEYS = {
    "StatusCode": "200",
    "AccessKeyId": "STS.a",
    "AccessKeySecret": "b",
    "SecurityToken": "c",
    "Expiration": "2023-11-14T23:13:20Z",
}
UPLB = {"endpoint": "http://oss-cn-shenzhen.aliyuncs.com", "gettokenurl": "https://uplb.115.com/3.0/gettoken.php"}


def keys_from(*replies: Any, endpoint: Any = UPLB) -> Scripted115:
    server = Scripted115()
    server.on("/3.0/gettoken.php", list(replies))
    server.on("/3.0/getuploadinfo.php", endpoint)
    return server


def test_keys_carry_their_end_in_utc_whatever_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that mistakes the zone keeps dead keys for eight hours."""
    import time

    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        token = run(drive_on(keys_from(KEYS)), lambda drive: drive.oss_token())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert token.expires_at == calendar.timegm((2023, 11, 14, 23, 13, 20)) == NOW + 3600
    assert (token.access_key_id, token.access_key_secret, token.security_token) == ("STS.a", "b", "c")
    assert token.endpoint == "https://oss-cn-shenzhen.aliyuncs.com"


def test_the_endpoint_is_asked_once() -> None:
    """It does not change; the keys do."""
    server = keys_from(KEYS)

    async def story(drive: CookieDrive) -> None:
        await drive.oss_token()
        await drive.oss_token()

    run(drive_on(server), story)
    assert server.paths() == ["/3.0/getuploadinfo.php", "/3.0/gettoken.php", "/3.0/gettoken.php"]


def test_throttled_keys_are_waited_for() -> None:
    """'Throttling.User' passes."""
    throttled = {"StatusCode": "400", "ErrorCode": "400", "ErrorMessage": "Throttling.User"}
    server = keys_from(throttled, throttled, KEYS)
    assert run(drive_on(server), lambda drive: drive.oss_token()).access_key_id == "STS.a"
    with pytest.raises(RateLimitedError, match=r"Throttling\.User"):
        run(drive_on(keys_from(throttled)), lambda drive: drive.oss_token())


@pytest.mark.parametrize("missing", ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"])
def test_incomplete_keys_are_refused_without_showing_them(missing: str) -> None:
    """Otherwise OSS answers 403 to every part."""
    server = keys_from({key: value for key, value in KEYS.items() if key != missing})
    with pytest.raises(DriveProtocolError) as caught:
        run(drive_on(server), lambda drive: drive.oss_token())
    assert "STS.a" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["", "ftp://x", "http://"])
def test_an_unusable_endpoint_is_told(endpoint: str) -> None:
    """Not an httpx error during the first part."""
    with pytest.raises(DriveProtocolError, match="endpoint"):
        run(drive_on(keys_from(KEYS, endpoint={"endpoint": endpoint})), lambda drive: drive.oss_token())


# -- resume ----------------------------------------------------------------------------------------------------


def resume(reply: Any) -> tuple[Any, Scripted115]:
    server = Scripted115()
    server.on("/3.0/resumeupload.php", reply)
    return run(drive_on(server), lambda drive: drive.resume("p9", CLAIM)), server


def test_resume_gives_the_ticket_again() -> None:
    """After a crash the same object and callback."""
    ticket, server = resume({key: value for key, value in NEEDED.items() if key != "pickcode"})
    assert ticket == replace(TICKET, pick_code="p9")
    assert server.forms("/3.0/resumeupload.php") == [
        {"pickcode": "p9", "userid": "100000001", "target": "U_1_77", "fileid": SHA1, "filesize": "3000000"}
    ]


@pytest.mark.parametrize(
    "reply", [{"state": False, "errno": 50003, "error": "提取码不存在"}, {"state": True}, {"status": 0, "object": ""}]
)
def test_a_forgotten_upload_is_none(reply: dict[str, Any]) -> None:
    """Then a new init decides."""
    assert resume(reply)[0] is None


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.Response(502), DriveError),
        (httpx.Response(403), DriveError),
        (html(), DriveProtocolError),
        (httpx.ReadTimeout("x"), NetworkError),
        ({"state": False, "errno": 990001}, LoginError),
        (html(405), AccountBlockedError),
        ({"state": False, "errno": 590075}, RateLimitedError),
    ],
)
def test_a_passing_fault_does_not_forget_the_upload(reply: Any, kind: type[Exception]) -> None:
    """None would throw away gigabytes of parts."""
    with pytest.raises(kind):
        resume(reply)


# -- folders ---------------------------------------------------------------------------------------------------


def test_a_folder_is_found_without_a_leading_slash() -> None:
    """With one, getid finds nothing."""
    server = Scripted115()
    server.on("/files/getid", {"state": True, "id": "123", "is_private": 0})
    assert run(drive_on(server), lambda drive: drive.find_folder("/影视/电影/")) == "123"
    assert server.requests[-1].url.params["path"] == "影视/电影"


@pytest.mark.parametrize(
    "reply", [{"state": True, "id": 0}, {"state": True, "id": "0"}, {"state": False, "errno": 20018}]
)
def test_id_0_for_a_path_is_no_folder(reply: dict[str, Any]) -> None:
    """0 is the root: the file would land there."""
    server = Scripted115()
    server.on("/files/getid", reply)
    assert run(drive_on(server), lambda drive: drive.find_folder("/a")) is None


def test_the_root_needs_no_call() -> None:
    """And is never made."""
    server = Scripted115()

    async def story(drive: CookieDrive) -> tuple[str | None, str]:
        return await drive.find_folder("/"), await drive.make_folders("")

    assert run(drive_on(server), story) == ("0", "0")
    assert server.requests == []


def test_an_unusable_path_is_told_before_a_call() -> None:
    """115 would change it silently."""
    server = Scripted115()
    for path, kind in (('/a"b', TargetError), ("/a\nb", FileNameError)):
        with pytest.raises(kind):
            run(drive_on(server), lambda drive, path=path: drive.make_folders(path))  # type: ignore[misc]
    assert server.requests == []


def test_folders_are_made_in_one_call() -> None:
    """add_path makes all levels."""
    server = Scripted115()
    server.on("/files/getid", {"state": True, "id": 0})
    server.on("/app/chrome/add_path", {"state": True, "cid": "55"})
    assert run(drive_on(server), lambda drive: drive.make_folders("/a/b")) == "55"
    assert server.forms("/app/chrome/add_path") == [{"path": "a/b", "parent_id": "0"}]


@pytest.mark.parametrize(
    "refusal",
    [{"state": False, "errno": 1001}, httpx.Response(404), {"state": True}, {"state": False, "errno": 20009}],
)
def test_without_add_path_folders_are_made_level_by_level(refusal: Any) -> None:
    """Where 115 takes that call away, folders still come into being; one that appeared meanwhile is looked up."""
    made: dict[str, str] = {"a": "10"}

    def getid(request: httpx.Request) -> dict[str, Any]:
        return {"state": True, "id": made.get(request.url.params["path"], 0)}

    def add(request: httpx.Request) -> dict[str, Any]:
        from drive_support import form_of

        form = form_of(request.content)
        if form == {"pid": "10", "cname": "b"}:
            made["a/b"] = "11"
            return {"state": False, "errno": 20004, "error": "该目录名称已存在。"}
        assert form == {"pid": "11", "cname": "c"}
        return {"state": True, "cid": "12", "cname": "c"}

    server = Scripted115()
    server.on("/files/getid", getid)
    server.on("/app/chrome/add_path", refusal)
    server.on("/files/add", add)
    assert run(drive_on(server), lambda drive: drive.make_folders("/a/b/c")) == "12"


def test_a_folder_that_only_the_listing_shows_is_found() -> None:
    """getid lags behind; the listing is the last resort, over all its pages."""
    filler = [{"cid": str(n), "pid": "0", "n": f"x{n}"} for n in range(2)]

    def files(request: httpx.Request) -> dict[str, Any]:
        data = filler if request.url.params["offset"] == "0" else [{"cid": "9", "pid": "0", "n": "a"}]
        return {"state": True, "cid": 0, "count": 3, "data": data}

    server = Scripted115()
    server.on("/files/getid", {"state": True, "id": 0})
    server.on("/app/chrome/add_path", {"state": False, "errno": 1001})
    server.on("/files/add", {"state": False, "errno": 20004})
    server.on("/files", files)
    assert run(drive_on(server), lambda drive: drive.make_folders("/a")) == "9"


def test_a_folder_that_cannot_be_made_is_a_target_error() -> None:
    """With 115's words."""
    server = Scripted115()
    server.on("/files/getid", {"state": True, "id": 0})
    server.on("/app/chrome/add_path", {"state": False, "errno": 1001})
    server.on("/files/add", {"state": False, "errno": 2, "error": "目录已满"})
    with pytest.raises(TargetError, match="目录已满"):
        run(drive_on(server), lambda drive: drive.make_folders("/a"))


def test_files_of_a_batch_make_their_folder_once() -> None:
    """Three uploads into one new folder."""
    made: list[str] = []

    def add(request: httpx.Request) -> dict[str, Any]:
        made.append("55")
        return {"state": True, "cid": "55"}

    server = Scripted115()
    server.on("/files/getid", lambda _: {"state": True, "id": made[0] if made else 0})
    server.on("/app/chrome/add_path", add)

    async def story(drive: CookieDrive) -> list[str]:
        return await asyncio.gather(*(drive.make_folders("/a") for _ in range(3)))

    assert run(drive_on(server), story) == ["55"] * 3
    assert made == ["55"]


# -- listing ---------------------------------------------------------------------------------------------------


def test_files_are_found_by_content_over_all_pages() -> None:
    """A doubtful end is settled by what is in the folder, folders and other files left out."""
    pages = {
        "0": [{"cid": "5", "pid": "77", "n": "影片 1.mkv"}, {**LISTED, "fid": "901", "sha": SHA1.lower()}],
        "2": [{**LISTED, "s": 5}, {**LISTED, "s": "3000000"}],
    }

    def files(request: httpx.Request) -> dict[str, Any]:
        return {"state": True, "cid": 77, "count": 4, "data": pages[request.url.params["offset"]]}

    server = Scripted115()
    server.on("/files", files)
    found = run(drive_on(server), lambda drive: drive.find_files("77", SHA1.lower(), 3_000_000))
    assert [(f.file_id, f.pick_code, f.parent_id) for f in found] == [("901", "pc9", "77"), ("900", "pc9", "77")]
    first = server.requests[0].url.params
    assert (first["o"], first["asc"], first["cid"], first["limit"]) == ("user_ptime", "0", "77", "1150")


def test_a_listing_of_another_folder_is_not_believed() -> None:
    """An unknown id lists the root: a file there is not in the target."""
    server = Scripted115()
    server.on("/files", {"state": True, "cid": "0", "count": 1, "data": [LISTED]})
    with pytest.raises(TargetError):
        run(drive_on(server), lambda drive: drive.find_files("77", SHA1, 3_000_000))


def test_a_count_that_is_too_large_does_not_loop() -> None:
    """115's count may include what it does not list."""
    server = Scripted115()
    pages = [
        {"state": True, "cid": "77", "count": 9, "data": [LISTED]},
        {"state": True, "cid": "77", "count": 9, "data": []},
    ]
    server.on("/files", list(pages))
    assert len(run(drive_on(server), lambda drive: drive.find_files("77", SHA1, 3_000_000))) == 1
