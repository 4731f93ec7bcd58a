"""The cookie route against a scripted 115: keys, resume, folders, listings."""

from __future__ import annotations

import asyncio
import calendar
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from drive_support import (
    CLAIM,
    LISTED,
    NEEDED,
    NOW,
    SHA1,
    TICKET,
    Scripted115,
    cookie_drive,
    form_of,
    html,
    run,
)

from pan115kit.drive.cookie_route import CookieDrive
from pan115kit.errors import (
    AccountBlockedError,
    DriveError,
    DriveProtocolError,
    FileNameError,
    LoginError,
    NetworkError,
    RateLimitedError,
    TargetError,
)
from pan115kit.oss.signing import object_url

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


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has no tzset")
def test_keys_carry_their_end_in_utc_whatever_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that mistakes the zone keeps dead keys for eight hours."""

    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        token = run(cookie_drive(keys_from(KEYS)), lambda drive: drive.oss_token())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert token.expires_at == calendar.timegm((2023, 11, 14, 23, 13, 20)) == NOW + 3600
    assert (token.access_key_id, token.access_key_secret, token.security_token) == ("STS.a", "b", "c")
    assert object_url(token.endpoint, "bucket", "k") == "https://bucket.oss-cn-shenzhen.aliyuncs.com/k"


def test_the_endpoint_is_asked_once() -> None:
    """It does not change; the keys do."""
    server = keys_from(KEYS)

    async def story(drive: CookieDrive) -> None:
        await drive.oss_token()
        await drive.oss_token()

    run(cookie_drive(server), story)
    assert server.paths() == ["/3.0/getuploadinfo.php", "/3.0/gettoken.php", "/3.0/gettoken.php"]


def test_throttled_keys_are_waited_for() -> None:
    """'Throttling.User' passes."""
    throttled = {"StatusCode": "400", "ErrorCode": "400", "ErrorMessage": "Throttling.User"}
    server = keys_from(throttled, throttled, KEYS)
    assert run(cookie_drive(server), lambda drive: drive.oss_token()).access_key_id == "STS.a"
    with pytest.raises(RateLimitedError, match=r"Throttling\.User"):
        run(cookie_drive(keys_from(throttled)), lambda drive: drive.oss_token())


@pytest.mark.parametrize("missing", ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"])
def test_incomplete_keys_are_refused_without_showing_them(missing: str) -> None:
    """Otherwise OSS answers 403 to every part."""
    server = keys_from({key: value for key, value in KEYS.items() if key != missing})
    with pytest.raises(DriveProtocolError) as caught:
        run(cookie_drive(server), lambda drive: drive.oss_token())
    assert "STS.a" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["", "ftp://x", "http://"])
def test_an_unusable_endpoint_is_reported(endpoint: str) -> None:
    """Not an httpx error during the first part."""
    with pytest.raises(DriveProtocolError, match="endpoint"):
        run(cookie_drive(keys_from(KEYS, endpoint={"endpoint": endpoint})), lambda drive: drive.oss_token())


# -- resume ----------------------------------------------------------------------------------------------------


def resume(reply: Any) -> tuple[Any, Scripted115]:
    server = Scripted115()
    server.on("/3.0/resumeupload.php", reply)
    return run(cookie_drive(server), lambda drive: drive.resume("p9", CLAIM)), server


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
    assert run(cookie_drive(server), lambda drive: drive.find_folder("/影视/电影/")) == "123"
    assert server.requests[-1].url.params["path"] == "影视/电影"


@pytest.mark.parametrize(
    "reply", [{"state": True, "id": 0}, {"state": True, "id": "0"}, {"state": False, "errno": 20018}]
)
def test_id_0_for_a_path_is_no_folder(reply: dict[str, Any]) -> None:
    """0 is the root: the file would land there."""
    server = Scripted115()
    server.on("/files/getid", reply)
    assert run(cookie_drive(server), lambda drive: drive.find_folder("/a")) is None


def test_the_root_needs_no_call() -> None:
    """And is never made."""
    server = Scripted115()

    async def story(drive: CookieDrive) -> tuple[str | None, str]:
        return await drive.find_folder("/"), await drive.make_folders("")

    assert run(cookie_drive(server), story) == ("0", "0")
    assert server.requests == []


def test_an_unusable_path_is_reported_before_a_call() -> None:
    """115 would change it silently."""
    server = Scripted115()
    for path, kind in (('/a"b', TargetError), ("/a\nb", FileNameError)):
        with pytest.raises(kind):
            run(cookie_drive(server), lambda drive, path=path: drive.make_folders(path))  # type: ignore[misc]
    assert server.requests == []


def test_folders_are_made_in_one_call() -> None:
    """add_path makes all levels."""
    server = Scripted115()
    server.on("/files/getid", {"state": True, "id": 0})
    server.on("/app/chrome/add_path", {"state": True, "cid": "55"})
    assert run(cookie_drive(server), lambda drive: drive.make_folders("/a/b")) == "55"
    assert server.forms("/app/chrome/add_path") == [{"path": "a/b", "parent_id": "0"}]


@pytest.mark.parametrize(
    "refusal",
    [
        {"state": False, "errno": 1001},
        httpx.Response(404),
        httpx.Response(404, text="<html>404 Not Found</html>"),
        {"state": True},
        {"state": False, "errno": 20009},
    ],
)
def test_without_add_path_folders_are_made_level_by_level(refusal: Any) -> None:
    """Where 115 takes that call away, folders still come into being; one that appeared meanwhile is looked up."""
    made: dict[str, str] = {"a": "10"}

    def getid(request: httpx.Request) -> dict[str, Any]:
        return {"state": True, "id": made.get(request.url.params["path"], 0)}

    def add(request: httpx.Request) -> dict[str, Any]:
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
    assert run(cookie_drive(server), lambda drive: drive.make_folders("/a/b/c")) == "12"


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
    assert run(cookie_drive(server), lambda drive: drive.make_folders("/a")) == "9"


def test_a_folder_that_cannot_be_made_is_a_target_error() -> None:
    """With 115's words."""
    server = Scripted115()
    server.on("/files/getid", {"state": True, "id": 0})
    server.on("/app/chrome/add_path", {"state": False, "errno": 1001})
    server.on("/files/add", {"state": False, "errno": 2, "error": "目录已满"})
    with pytest.raises(TargetError, match="目录已满"):
        run(cookie_drive(server), lambda drive: drive.make_folders("/a"))


def test_files_of_a_batch_make_their_folder_once() -> None:
    """Three uploads into one new folder."""
    made: list[str] = []

    async def getid(request: httpx.Request) -> httpx.Response:
        answer = {"state": True, "id": made[0] if made else 0}
        await asyncio.sleep(0)
        return httpx.Response(200, json=answer)

    async def add(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        made.append("55")
        return httpx.Response(200, json={"state": True, "cid": "55"})

    server = Scripted115()
    server.on("/files/getid", getid)
    server.on("/app/chrome/add_path", add)

    async def story(drive: CookieDrive) -> list[str]:
        return await asyncio.gather(*(drive.make_folders("/a") for _ in range(3)))

    assert run(cookie_drive(server), story) == ["55"] * 3
    assert made == ["55"]


# -- listing ---------------------------------------------------------------------------------------------------


def test_files_are_found_by_content_over_all_pages() -> None:
    """A doubtful end is decided by what is in the folder, folders and other files left out."""
    pages = {
        "0": [{"cid": "5", "pid": "77", "n": "影片 1.mkv"}, {**LISTED, "fid": "901", "sha": SHA1.lower()}],
        "2": [{**LISTED, "fid": "902", "s": 5}, {**LISTED, "fid": "903", "sta": "0"}, {**LISTED, "s": "3000000"}],
    }

    def files(request: httpx.Request) -> dict[str, Any]:
        return {"state": True, "cid": 77, "count": 5, "data": pages[request.url.params["offset"]]}

    server = Scripted115()
    server.on("/files", files)
    found = run(cookie_drive(server), lambda drive: drive.find_files("77", SHA1.lower(), 3_000_000))
    assert [(f.file_id, f.pick_code, f.parent_id) for f in found] == [("901", "pc9", "77"), ("900", "pc9", "77")]
    first = server.requests[0].url.params
    assert (first["o"], first["asc"], first["cid"], first["limit"]) == ("user_ptime", "0", "77", "1150")


def test_a_listing_of_another_folder_is_not_believed() -> None:
    """An unknown id lists the root: a file there is not in the target."""
    server = Scripted115()
    server.on("/files", {"state": True, "cid": "0", "count": 1, "data": [LISTED]})
    with pytest.raises(TargetError):
        run(cookie_drive(server), lambda drive: drive.find_files("77", SHA1, 3_000_000))


def test_a_count_that_is_too_large_does_not_loop() -> None:
    """115's count may include what it does not list."""
    server = Scripted115()
    pages = [
        {"state": True, "cid": "77", "count": 9, "data": [LISTED]},
        {"state": True, "cid": "77", "count": 9, "data": []},
    ]
    server.on("/files", list(pages))
    assert len(run(cookie_drive(server), lambda drive: drive.find_files("77", SHA1, 3_000_000))) == 1
