"""The cookie route against a scripted 115: every status of initupload, folders, keys, resume."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from drive_support import (
    CLAIM,
    CONFIG,
    COOKIE,
    LISTED,
    NEEDED,
    NOW,
    SERVER,
    SHA1,
    TICKET,
    UPLOAD_INFO,
    USER_KEY,
    Scripted115,
    cookie_drive,
    encrypted,
    html,
    open_init,
    run,
)

from pan115kit.drive.auth.cookie import parse_cookie
from pan115kit.drive.auth.credentials import Credentials
from pan115kit.drive.cipher import decode_k_ec, make_signature, make_token
from pan115kit.drive.cookie_route import CookieDrive, newest_version
from pan115kit.drive.data import Account, FileClaim, Instant, NeedsUpload, SecondCheck, SignedRange
from pan115kit.errors import (
    AccountBlockedError,
    ClientOutdatedError,
    CredentialsError,
    DriveError,
    DriveProtocolError,
    FileTooLargeError,
    LoginError,
    TargetError,
    VerificationError,
)

INIT = "/4.0/initupload.php"
PICK_CODE = "e51yswi02p66rzs8w"
DONE = {"status": 2, "statuscode": 0, "statusmsg": "", "pickcode": PICK_CODE, "fileid": 0}
CHECK = {"status": 7, "statuscode": 701, "sign_key": "KEY", "sign_check": "100-199", "pickcode": "p1"}


def init(server: Scripted115, claim: FileClaim = CLAIM, signed: SignedRange | None = None) -> Any:
    return run(cookie_drive(server), lambda drive: drive.init_once(claim, signed))


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
    ("text", "named"),
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
def test_a_broken_cookie_is_named_by_part_never_by_value(text: str, named: str) -> None:
    """Notebooks with error messages are shared."""
    with pytest.raises(CredentialsError, match=named) as caught:
        CookieDrive(Credentials(text))
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

    accounts = run(cookie_drive(server), story)
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

    assert run(cookie_drive(server), lambda drive: drive.init(CLAIM, hash_range)) == Instant(
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
        run(cookie_drive(server), lambda drive: drive.init(CLAIM, hash_range))
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
def test_a_refused_proof_is_made_again_once(status: int, code: int) -> None:
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


def test_sig_invalid_starts_the_init_again() -> None:
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


def test_wrong_parameters_are_refused_at_once() -> None:
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
        good = open_init(request)["appversion"] == "99.1.0"
        return encrypted(NEEDED if good else outdated)(request)

    server = inits(by_version)
    server.on("/1/web/1.0/api/chrome", {"data": {"win": {"version_code": "99.1.0"}}})

    async def story(drive: CookieDrive) -> list[Any]:
        return await asyncio.gather(*(drive.init_once(CLAIM, None) for _ in range(3)))

    assert run(cookie_drive(server), story) == [NeedsUpload(TICKET)] * 3
    assert server.paths().count("/1/web/1.0/api/chrome") == 1


@pytest.mark.parametrize(
    "version_reply", [httpx.Response(500), {"data": {}}, {"data": {"win": {"version_code": CONFIG.app_version}}}]
)
def test_please_upgrade_is_reported_where_nothing_newer_is_known(version_reply: Any) -> None:
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


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("silent"), httpx.ReadError("reset"), httpx.Response(502)])
def test_an_instant_upload_whose_answer_was_lost_is_not_made_twice(fault: Any) -> None:
    """115 would put a second file of the same name beside the first."""
    server = inits(fault, DONE)
    server.on("/files", {"state": True, "cid": "77", "count": 1, "data": [LISTED]})
    assert init(server) == Instant("900", "pc9")
    assert server.paths().count(INIT) == 1


@pytest.mark.parametrize(
    "other",
    [{"n": "other.mkv"}, {"s": 1}, {"sha": "0" * 40}, {"fid": ""}, {"sta": 0}],
    ids=["name", "size", "sha1", "folder", "unfinished"],
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


# -- this computer's clock -------------------------------------------------------------------------------------


def dated(reply: Any, seconds_behind: float) -> httpx.Response:
    """An answer whose Date is this much before the present of the test."""
    return httpx.Response(200, json=reply, headers={"Date": formatdate(NOW - seconds_behind, usegmt=True)})


@pytest.mark.parametrize("ahead", [3600.0, -500.0])
def test_a_wrong_clock_is_put_right_with_115s(ahead: float, caplog: pytest.LogCaptureFixture) -> None:
    """The init carries a time: after a long sleep of the laptop or with a dead battery it would be refused."""
    server = Scripted115()
    server.on("/app/uploadinfo", dated(UPLOAD_INFO, ahead))
    server.on("/4.0/initupload.php", encrypted(NEEDED))
    run(cookie_drive(server), lambda drive: drive.init_once(CLAIM, None))
    assert [int(form["t"]) for form in server.init_forms()] == [int(NOW - ahead)]
    assert f"{ahead:.0f} s" in caplog.text


def test_a_clock_that_is_only_a_little_off_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Date counts whole seconds and lines are slow."""
    server = Scripted115()
    server.on("/app/uploadinfo", dated(UPLOAD_INFO, 30))
    server.on("/4.0/initupload.php", encrypted(NEEDED))
    run(cookie_drive(server), lambda drive: drive.init_once(CLAIM, None))
    assert [int(form["t"]) for form in server.init_forms()] == [int(NOW)]
    assert not caplog.records


def test_sig_invalid_with_a_wrong_clock_names_the_clock_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise 20 s of retries end in "sig invalid", which nobody understands."""
    monkeypatch.setenv("PAN115_LANG", "en")
    server = Scripted115()
    server.on("/app/uploadinfo", dated(UPLOAD_INFO, 7200))
    server.on("/4.0/initupload.php", encrypted({"status": 0, "statuscode": 400, "statusmsg": "sig invalid"}))
    with pytest.raises(DriveError, match="clock is 2h 0m fast"):
        run(cookie_drive(server), lambda drive: drive.init_once(CLAIM, None))
    assert len(server.init_forms()) == 2
    assert sum(server.time.sleeps) < 2


def test_sig_invalid_with_a_right_clock_is_asked_again() -> None:
    """115 says it too when its own look-up was slow."""
    server = Scripted115()
    server.on("/app/uploadinfo", dated(UPLOAD_INFO, 0))
    busy = encrypted({"status": 0, "statuscode": 400, "statusmsg": "sig invalid"})
    server.on("/4.0/initupload.php", [busy, busy, busy, encrypted(NEEDED)])
    answer = run(cookie_drive(server), lambda drive: drive.init_once(CLAIM, None))
    assert isinstance(answer, NeedsUpload)
