"""The Open API route against a scripted 115: init, keys, folders, listings."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from drive_support import (
    CALLBACK,
    NOW,
    SHA1,
    TICKET,
    Scripted115,
    form_of,
    html,
    ok,
    open_drive,
    run,
)
from drive_support import OPEN_CLAIM as CLAIM
from drive_support import OPEN_NEEDED as NEEDED

from pan115kit.drive import Credentials, make_drive
from pan115kit.drive.data import FileClaim, Instant, NeedsUpload, SecondCheck, SignedRange
from pan115kit.drive.open_route import OpenDrive
from pan115kit.errors import (
    AccountBlockedError,
    CredentialsError,
    DriveError,
    DriveProtocolError,
    LoginError,
    TargetError,
    VerificationError,
)
from pan115kit.models import UploadTicket
from pan115kit.oss.signing import object_url

INIT, INFO, FILES, ADD = "/open/upload/init", "/open/folder/get_info", "/open/ufile/files", "/open/folder/add"
USER, REFRESH = "/open/user/info", "/open/refreshToken"


def init(*replies: Any, signed: SignedRange | None = None) -> tuple[Any, Scripted115]:
    server = Scripted115()
    server.on(INIT, list(replies))
    return run(open_drive(server), lambda drive: drive.init_once(CLAIM, signed)), server


# -- init ------------------------------------------------------------------------------------------------------


def test_the_form_is_the_protocols() -> None:
    """Empty fields left out, the token only in its header."""
    answer, server = init(ok(NEEDED))
    assert answer == NeedsUpload(TICKET)
    assert server.forms(INIT) == [
        {"file_name": "影片.mkv", "file_size": "3000000", "target": "U_1_77", "fileid": SHA1}
    ]
    assert server.requests[0].headers["authorization"] == "Bearer access-1"
    assert server.paths() == [INIT]


def test_an_empty_file_still_has_a_size() -> None:
    """'Leave out what is empty' must not leave out 0."""
    server = Scripted115()
    server.on(INIT, ok(NEEDED))
    run(open_drive(server), lambda drive: drive.init_once(FileClaim("a", 0, SHA1, "0"), None))
    assert server.forms(INIT)[0]["file_size"] == "0"
    assert "preid" not in server.forms(INIT)[0]


@pytest.mark.parametrize("callback", [CALLBACK, [CALLBACK]])
def test_the_callback_comes_as_object_or_list(callback: Any) -> None:
    """115 sends both."""
    assert init(ok({**NEEDED, "callback": callback}))[0] == NeedsUpload(TICKET)


def test_data_may_come_as_a_list_of_one() -> None:
    """115 sends both."""
    assert init(ok([NEEDED]))[0] == NeedsUpload(TICKET)


@pytest.mark.parametrize("callback", [[], None, {"callback": ""}])
def test_no_callback_is_a_protocol_error(callback: Any) -> None:
    """Bytes without a callback never become a file."""
    with pytest.raises(DriveProtocolError):
        init(ok({**NEEDED, "callback": callback}))


def test_an_instant_upload_names_its_file() -> None:
    """file_id as text, whatever 115 sends."""
    assert init(ok({"status": 2, "file_id": 345, "pick_code": "p"}))[0] == Instant("345", "p")


@pytest.mark.parametrize(
    "data",
    [
        {"status": 7, "sign_key": "K", "sign_check": "5-9", "pick_code": "p"},
        {"status": 0, "code": 701, "sign_key": "K", "sign_check": "5_9", "pick_code": "p"},
        {"status": 6, "code": 700, "sign_key": "K", "sign_check": "5-9", "pick_code": "p"},
        {"status": 8, "code": 702, "sign_key": "K", "sign_check": "5-9", "pick_code": "p"},
    ],
)
def test_the_second_check_in_all_its_forms(data: dict[str, Any]) -> None:
    """By status or by inner code, with dash or underscore."""
    assert init(ok(data))[0] == SecondCheck("K", 5, 9, "p")


def test_the_proof_goes_out_with_the_pick_code() -> None:
    """Upper-case, as 115 compares it."""
    _, server = init(ok(NEEDED), signed=SignedRange("K", "abcd", "p"))
    form = server.forms(INIT)[0]
    assert (form["sign_key"], form["sign_val"], form["pick_code"]) == ("K", "ABCD", "p")


@pytest.mark.parametrize("refusal", [ok({"status": 8, "code": 702}), {"state": False, "code": 702, "message": "x"}])
def test_a_refused_proof_is_asked_for_once_more(refusal: Any) -> None:
    """From the beginning; then it is final."""
    check = ok({"status": 7, "sign_key": "K2", "sign_check": "1-2"})
    assert init(refusal, check, signed=SignedRange("K", "V"))[0] == SecondCheck("K2", 1, 2, "")
    with pytest.raises(VerificationError):
        init(refusal, signed=SignedRange("K", "V"))


def test_an_instant_upload_whose_answer_was_lost_is_not_made_twice() -> None:
    """The folder is looked at before asking again."""
    server = Scripted115()
    server.on(INIT, [httpx.ReadTimeout("x"), ok(NEEDED)])
    entry = {"fid": "9", "pid": "77", "fc": "1", "fn": "影片.mkv", "fs": 3_000_000, "sha1": SHA1, "pc": "pc9"}
    server.on(FILES, {**ok([entry]), "cid": 77, "count": 1})
    assert run(open_drive(server), lambda drive: drive.init_once(CLAIM, None)) == Instant("9", "pc9")


@pytest.mark.parametrize("code", [770004, 406])
def test_the_quota_blocks_the_account(code: int) -> None:
    """Not each file for itself."""
    with pytest.raises(AccountBlockedError, match="ten minutes"):
        init({"state": False, "code": code, "message": "已达到当前访问上限，请稍后再试"})


# -- keys and resume -------------------------------------------------------------------------------------------


def test_keys_and_their_endpoint() -> None:
    """One call gives both."""
    keys = {
        "endpoint": "http://oss-cn-shenzhen.aliyuncs.com",
        "AccessKeyId": "a",
        "AccessKeySecret": "b",
        "SecurityToken": "c",
        "Expiration": "2023-11-14T23:13:20Z",
    }
    server = Scripted115()
    server.on("/open/upload/get_token", [ok(keys), ok([{**keys, "endpoint": "http://127.0.0.1:99"}])])

    async def story(drive: OpenDrive) -> list[Any]:
        return [await drive.oss_token(), await drive.oss_token()]

    first, second = run(open_drive(server), story)
    assert (first.endpoint, first.expires_at) == ("http://oss-cn-shenzhen.aliyuncs.com", NOW + 3600)
    assert object_url(first.endpoint, "bucket", "k") == "https://bucket.oss-cn-shenzhen.aliyuncs.com/k"
    assert second.endpoint == "http://127.0.0.1:99"


def resume(reply: Any) -> Any:
    server = Scripted115()
    server.on("/open/upload/resume", reply)
    return run(open_drive(server), lambda drive: drive.resume("p9", CLAIM))


def test_resume_gives_the_ticket_again() -> None:
    """callback as object or list here too."""
    data = {"pick_code": "p9", "bucket": "fhnfile", "object": "ab", "callback": [CALLBACK]}
    assert resume(ok(data)) == UploadTicket("fhnfile", "ab", CALLBACK["callback"], CALLBACK["callback_var"], "p9")


@pytest.mark.parametrize("reply", [ok([]), ok({}), {"state": False, "code": 50003, "message": "x"}])
def test_a_forgotten_upload_is_none(reply: Any) -> None:
    """Then a new init decides."""
    assert resume(reply) is None


@pytest.mark.parametrize("reply", [httpx.Response(502), html(), {"state": False, "code": 770004}])
def test_a_passing_fault_does_not_forget_the_upload(reply: Any) -> None:
    """None would throw away gigabytes of parts."""
    with pytest.raises(DriveError):
        resume(reply)


# -- folders and listings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (ok({"file_id": "12", "file_category": "0"}), "12"),
        (ok([{"file_id": 12, "file_category": 0}]), "12"),
        (ok([]), None),
        ({"state": False, "code": 430004, "message": "文件不存在"}, None),
    ],
)
def test_a_folder_is_found_by_its_path(reply: Any, expected: str | None) -> None:
    """As object, as list, or not at all."""
    server = Scripted115()
    server.on(INFO, reply)
    assert run(open_drive(server), lambda drive: drive.find_folder("a/b/")) == expected
    assert server.forms(INFO) == [{"path": "/a/b"}]


def test_a_file_of_the_folders_name_is_not_the_folder() -> None:
    """115 allows both side by side; the upload must not go to a file's id."""
    server = Scripted115()
    server.on(INFO, ok({"file_id": "12", "file_category": "1"}))
    entries = [{"fid": "12", "fc": "1", "fn": "a"}, {"fid": "13", "fc": "0", "fn": "a"}]
    server.on(FILES, [{**ok(entries), "cid": 0, "count": 2}, {**ok(entries[:1]), "cid": 0, "count": 1}])
    assert run(open_drive(server), lambda drive: drive.find_folder("/a")) == "13"
    assert run(open_drive(server), lambda drive: drive.find_folder("/a")) is None


def test_missing_folders_are_made_level_by_level() -> None:
    """Existing ones are kept, one that appeared meanwhile is looked up."""
    tree = {"/a": "10"}

    def info(request: httpx.Request) -> dict[str, Any]:
        found = tree.get(form_of(request.content)["path"])
        return ok({"file_id": found, "file_category": "0"}) if found else ok([])

    def add(request: httpx.Request) -> dict[str, Any]:
        form = form_of(request.content)
        if form == {"pid": "10", "file_name": "b"}:
            tree["/a/b"] = "11"
            return {"state": False, "code": 20004, "message": "该目录名称已存在。"}
        assert form == {"pid": "11", "file_name": "c"}
        return ok({"file_id": "12", "file_name": "c"})

    server = Scripted115()
    server.on(INFO, info)
    server.on(ADD, add)
    assert run(open_drive(server), lambda drive: drive.make_folders("/a/b/c")) == "12"


def test_a_folder_without_an_id_is_a_protocol_error() -> None:
    """Uploading to '' would end in the root."""
    server = Scripted115()
    server.on(INFO, ok([]))
    server.on(ADD, ok({}))
    with pytest.raises(DriveProtocolError):
        run(open_drive(server), lambda drive: drive.make_folders("/a"))


def test_files_are_found_by_content() -> None:
    """Newest first, folders and other contents left out."""
    entry = {"fid": "9", "pid": "77", "fc": "1", "fn": "n", "fs": "3000000", "sha1": SHA1.lower(), "pc": "pc9"}
    server = Scripted115()
    entries = [{**entry, "fid": "7", "fc": "0"}, entry, {**entry, "fid": "8"}, {**entry, "fid": "6", "fs": 1}]
    server.on(FILES, {**ok(entries), "cid": 77, "count": 4})
    found = run(open_drive(server), lambda drive: drive.find_files("77", SHA1, 3_000_000))
    assert [file.file_id for file in found] == ["9", "8"]
    params = server.requests[0].url.params
    assert (params["o"], params["asc"], params["cid"]) == ("user_ptime", "0", "77")


def test_a_listing_of_another_folder_is_not_believed() -> None:
    """An unknown id lists the root."""
    server = Scripted115()
    server.on(FILES, {**ok([]), "cid": 0, "count": 0})
    with pytest.raises(TargetError):
        run(open_drive(server), lambda drive: drive.find_files("77", SHA1, 1))


def test_an_account_nobody_owns_is_a_login_error() -> None:
    """Instead of uploads for user 0."""
    server = Scripted115()
    server.on(USER, ok([]))
    with pytest.raises(LoginError):
        run(open_drive(server), lambda drive: drive.account())


# -- make_drive ------------------------------------------------------------------------------------------------


def test_one_kind_of_credentials_is_needed() -> None:
    """None or two at once is refused, not guessed."""
    cookie = "UID=1_A1_2; CID=ab; SEID=cd"
    assert make_drive(Credentials(cookie)).route == "cookie"
    assert make_drive(Credentials(access_token="a")).route == "open"
    assert make_drive(Credentials(refresh_token="r")).route == "open"
    for wrong in (
        {},
        {"cookie": cookie, "access_token": "a"},
        {"cookie": cookie, "refresh_token": "r"},
        {"cookie": ""},
    ):
        with pytest.raises(CredentialsError):
            make_drive(Credentials(**wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("token", [" ", "a b", "a\nb", "令牌"])
def test_a_token_no_header_can_carry_is_reported_without_showing_it(token: str) -> None:
    """Instead of a UnicodeEncodeError inside httpx."""
    with pytest.raises(CredentialsError) as caught:
        OpenDrive(Credentials(access_token=token))
    assert token not in str(caught.value).replace("access_token is empty or has", "") or token == " "
