"""115's codes: a code read wrongly stops a whole queue for nothing, or lets it run into a longer block."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit._base.drive_codes import FIREWALL, INIT_RULES, NO_LINK, RULES, THROTTLED, TOO_OFTEN, UNKNOWN, WORDS
from pan115kit.drive.auth.credentials import Route
from pan115kit.drive.error_codes import (
    check_reply,
    error_for,
    error_for_http,
    is_html,
    read_object,
    reply_code,
    wait_from_headers,
)
from pan115kit.errors import (
    AccessTokenError,
    AccountBlockedError,
    ClientOutdatedError,
    DriveError,
    DriveProtocolError,
    LoginError,
    NoSpaceError,
    RateLimitedError,
    TargetError,
    VerificationError,
)
from pan115kit.i18n import catalogue, has_text

# (code, error class, does a retry help)
TABLE: list[tuple[int, type[DriveError], bool]] = [
    (2, TargetError, False),
    (99, LoginError, False),
    (406, AccountBlockedError, False),
    (700, VerificationError, False),
    (702, VerificationError, False),
    (911, AccountBlockedError, False),
    (1001, DriveError, False),
    (10002, VerificationError, False),
    (10014, TargetError, False),
    (20001, TargetError, False),
    (20002, TargetError, False),
    (20003, TargetError, False),
    (20004, TargetError, False),
    (20009, TargetError, False),
    (20013, TargetError, False),
    (20018, TargetError, False),
    (430004, TargetError, False),
    (50003, DriveError, False),
    (70004, DriveError, False),
    (91005, NoSpaceError, False),
    (200900, DriveError, False),
    (590075, RateLimitedError, True),
    (770004, AccountBlockedError, False),
    (990001, LoginError, False),
    (990002, DriveError, False),
    (990005, RateLimitedError, True),
    (990009, RateLimitedError, True),
    (990019, RateLimitedError, True),
    (40101004, LoginError, False),
    (40101009, LoginError, False),
    (40101017, LoginError, False),
    (40101032, LoginError, False),
    (40101035, LoginError, False),
    (40101037, LoginError, False),
    (40110000, DriveError, True),
    (40140100, LoginError, False),
    (40140108, LoginError, False),
    (40140112, LoginError, False),
    (40140113, LoginError, False),
    (40140114, LoginError, False),
    (40140115, LoginError, False),
    (40140116, LoginError, False),
    (40140117, RateLimitedError, True),
    (40140118, LoginError, False),
    (40140119, LoginError, False),
    (40140120, LoginError, False),
    (40140121, DriveError, True),
    (40140122, LoginError, False),
    (40140123, AccessTokenError, False),
    (40140124, AccessTokenError, False),
    (40140125, AccessTokenError, False),
    (40140126, AccessTokenError, False),
    (40140127, LoginError, False),
    (40140136, LoginError, False),
    (40199002, LoginError, False),
    (123456, DriveError, False),
]


@pytest.mark.parametrize(("code", "kind", "retryable"), TABLE)
def test_every_code_of_the_tables(code: int, kind: type[DriveError], retryable: bool) -> None:
    """The class decides what the queue does, the flag whether the call is repeated; both forms of the code count."""
    for form in (code, str(code)):
        error = error_for(form, "原话")
        assert type(error) is kind
        assert error.retryable is retryable
        assert (error.code, error.server_message) == (code, "原话")
        assert "原话" in str(error)
        assert str(code) in str(error)


def test_every_rule_has_its_words() -> None:
    """A code whose text is missing would be a KeyError in place of 115's refusal."""
    rules = [*RULES.values(), *INIT_RULES.values(), *(rule for _, rule in WORDS), UNKNOWN, FIREWALL, TOO_OFTEN]
    rules += [THROTTLED, NO_LINK]
    used = {rule.key for rule in rules}
    assert sorted(key for key in used if not has_text(f"refusal.{key}")) == []
    written = {key.split(".")[1] for key in catalogue("en") if key.startswith("refusal.")}
    assert written - used == set()


def test_code_99_is_only_an_expired_token_in_the_open_api() -> None:
    """Otherwise a two-hour-old token would end an overnight upload."""
    assert type(error_for(99, route=Route.OPEN)) is AccessTokenError
    assert type(error_for(99, route=Route.COOKIE)) is LoginError


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("已达到当前访问上限", AccountBlockedError),
        ("请验证账号", AccountBlockedError),
        ("请升级到最新版本", ClientOutdatedError),
        ("操作过于频繁", RateLimitedError),
        ("Throttling.User", RateLimitedError),
        ("系统繁忙", RateLimitedError),
        ("空间不足", NoSpaceError),
        ("请重新登录", LoginError),
        ("不支持的排序", DriveError),
        ("", DriveError),
    ],
)
def test_words_count_where_the_code_is_ambiguous(message: str, kind: type[DriveError]) -> None:
    """20130827 is a wrong order at one host and a rate limit at another."""
    assert type(error_for(20130827, message)) is kind
    assert type(error_for(None, message)) is kind


def test_a_renewal_that_came_too_often_waits() -> None:
    """Asking again at once is what 115 complained about."""
    assert (error_for(40140117).retry_after or 0) >= 10


def test_long_words_are_shortened_to_one_line() -> None:
    """A message never fills the panel."""
    said = error_for(1, "a\nb " * 500).server_message
    assert len(said) <= 200
    assert "\n" not in said


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (405, b"<html>", AccountBlockedError, False),
        (405, b"", AccountBlockedError, False),
        (200, b"<html><a href='https://errors.aliyun.com/x'>", AccountBlockedError, False),
        (429, b"{}", RateLimitedError, True),
        (200, b"<html>hotel login</html>", DriveProtocolError, True),
        (302, b"", DriveProtocolError, False),
        (401, b"unauthorized", DriveError, True),
        (401, b'{"state":false,"code":99}', LoginError, False),
        (403, b'{"state":false,"code":911,"message":"x"}', AccountBlockedError, False),
        (403, b"no", DriveError, False),
        (404, b"<html>", DriveProtocolError, True),
        (408, b"", DriveError, True),
        (500, b"oops", DriveError, True),
        (502, b"<html>bad gateway", DriveError, True),
        (503, b"", DriveError, True),
        (503, b'{"state":false,"code":503,"message":"later"}', DriveError, True),
        (500, b'{"state":false,"code":990001}', LoginError, False),
        (400, b'{"state":false,"code":1001,"message":"x"}', DriveError, False),
    ],
)
def test_http_answers(status: int, body: bytes, kind: type[DriveError], retryable: bool) -> None:
    """A page is never parsed as JSON, and a gateway's hiccup never fails a file."""
    error = error_for_http(status, {}, body, now=0)
    assert type(error) is kind
    assert error is not None
    assert error.retryable is retryable


@pytest.mark.parametrize("body", [b"{}", b"", b"[1]", b'{"t":"<html>"}'])
def test_a_good_answer_is_no_error(body: bytes) -> None:
    """115 sends JSON as text/html: only the body tells."""
    assert error_for_http(200, {"content-type": "text/html"}, body, now=0) is None


def test_http_401_of_the_open_api_is_an_expired_token() -> None:
    """So the token is renewed instead of the call repeated."""
    assert type(error_for_http(401, {}, b"", now=0, route=Route.OPEN)) is AccessTokenError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Reset": "7"}, 7),
        ({"X-RateLimit-Reset": "1700000060"}, 60),
        ({"X-RateLimit-Reset": "1700000060000"}, 60),
        ({"x-ratelimit-reset": "1699999999"}, 0),
        ({"Retry-After": "3"}, 3),
        ({"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}, 60),
        ({"X-RateLimit-Reset": "soon", "Retry-After": "4"}, 4),
        ({"X-RateLimit-Reset": "nan", "Retry-After": "-1"}, None),
        ({}, None),
    ],
)
def test_how_long_115_wants_us_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """Coming back too early lengthens the limit."""
    assert wait_from_headers(headers, now=1_700_000_000) == seconds


@given(text=st.text())
def test_odd_wait_headers_never_break_a_call(text: str) -> None:
    """Whatever a proxy puts there."""
    wait = wait_from_headers({"Retry-After": text}, now=1_700_000_000)
    assert wait is None or wait >= 0


@pytest.mark.parametrize("body", [b"", b"{", b'{"state":tr', b"[]", b'"x"', b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_a_cut_answer_is_a_protocol_error(body: bytes) -> None:
    """Not a JSONDecodeError in the user's face."""
    with pytest.raises(DriveProtocolError):
        read_object(body)


@pytest.mark.parametrize(
    "reply",
    [
        {"state": True},
        {"state": 1, "code": 0, "error": ""},
        {"state": "1"},
        {"state": True, "errno": "", "error": ""},
        {"state": True, "code": 20_000, "data": {}},
        {"endpoint": "x"},
        {"code": 0},
        {"code": "0"},
    ],
)
def test_good_envelopes(reply: dict[str, object]) -> None:
    """Each host has its own envelope; none of them may be taken for a failure."""
    check_reply(reply)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ({"state": False, "errno": 20004, "error": "该目录名称已存在。"}, 20004),
        ({"state": False, "errNo": "990001", "error": "登录超时"}, 990001),
        ({"state": 0, "code": 40140125, "message": "x"}, 40140125),
        ({"state": 0, "code": 0, "errno": 40140116}, 40140116),
        ({"state": False}, None),
        ({"state": "0"}, None),
        ({"code": 99}, 99),
    ],
)
def test_bad_envelopes(reply: dict[str, object], code: int | None) -> None:
    """A refusal with HTTP 200 is still a refusal."""
    with pytest.raises(DriveError) as caught:
        check_reply(reply)
    assert caught.value.code == code


@given(
    reply=st.dictionaries(
        st.sampled_from(["state", "code", "errno", "error", "msg", "data"]),
        st.none() | st.integers() | st.text() | st.booleans() | st.lists(st.integers()),
    )
)
def test_any_envelope_is_good_or_a_drive_error(reply: dict[str, object]) -> None:
    """Nothing 115 sends ends in a TypeError."""
    with contextlib.suppress(DriveError):
        check_reply(reply)
    reply_code(reply)


def test_pages_are_recognised_whatever_is_before_them() -> None:
    """A byte-order mark or blank lines before the page are common."""
    assert is_html(b"\xef\xbb\xbf\n <HTML>")
    assert not is_html(b"")
