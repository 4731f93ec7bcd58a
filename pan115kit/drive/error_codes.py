"""What 115's codes, words and HTTP statuses mean, as errors of the kit's tree (protocol §1.3, §7).  Pure."""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from ..errors import (
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
from .secret import RedactedDict

Route = Literal["cookie", "open"]

#: 115 wants the client to leave the refresh token alone for a while (40140117): seconds.
REFRESH_PAUSE = 30.0

_LONGEST_MESSAGE = 200


class Rule(NamedTuple):
    """What a code means."""

    kind: type[DriveError]
    message: str
    hint: str = ""
    retryable: bool | None = None
    retry_after: float | None = None


_LOG_IN = Rule(LoginError, "the login is no longer valid", "log in again")
_LOG_IN_OPEN = Rule(LoginError, "the refresh token is no longer valid", "authorise the app again")
_EXPIRED_TOKEN = Rule(AccessTokenError, "the access token has run out", "log in again")
_CLIENT = Rule(LoginError, "115 refuses the app's registration or its login request", "check client_id")
_BUSY = Rule(RateLimitedError, "115 is busy", "try again in a moment")
_TOO_OFTEN = Rule(RateLimitedError, "115 was asked too often", "lower api_rate, or wait")
_QUOTA = Rule(
    AccountBlockedError, "115 blocks this account's calls for now", "wait at least ten minutes, then resume"
)
_PARAMETER = Rule(DriveError, "115 refuses a parameter", "please report this")
_NO_FOLDER = Rule(TargetError, "the target folder does not exist", "name another folder")
_BAD_FOLDER_NAME = Rule(TargetError, "115 refuses the folder's name", "rename it")
_OUTDATED = Rule(
    ClientOutdatedError, "115 asks for a newer client", "set UploadConfig(app_version=...) to a current one"
)
_NO_SPACE = Rule(NoSpaceError, "the drive is full", "free some space or upload elsewhere")
_PROOF = Rule(
    VerificationError,
    "115 did not accept the proof of the file's content",
    "the file may be changing; try again later",
)
_PASSING = Rule(DriveError, "115 could not handle the request this time", "try again", True)

_RULES: dict[int, Rule] = {
    2: Rule(TargetError, "the target folder is full", "115 takes at most 50,000 entries; name another folder"),
    99: _LOG_IN,
    406: _QUOTA,
    700: _PROOF,
    702: _PROOF,
    911: Rule(
        AccountBlockedError,
        "115 wants this account to be verified",
        "open an official 115 client, solve the puzzle, then resume",
    ),
    1001: _PARAMETER,
    10002: Rule(VerificationError, "115 found other content than was announced", "upload the file again"),
    10014: Rule(TargetError, "the target folder is gone", "make it again or name another one"),
    20001: _BAD_FOLDER_NAME,
    20002: _BAD_FOLDER_NAME,
    20003: _BAD_FOLDER_NAME,
    20004: Rule(TargetError, "the folder exists already"),
    20009: Rule(TargetError, "the parent folder does not exist", "name another folder"),
    20013: _NO_FOLDER,
    20018: _NO_FOLDER,
    430004: _NO_FOLDER,
    50003: Rule(DriveError, "115 does not know this upload (pick_code)", "start it again"),
    70004: Rule(DriveError, "the upload is not complete", "resume it"),
    91005: _NO_SPACE,
    200900: _PARAMETER,
    590075: _TOO_OFTEN,
    770004: _QUOTA,
    990001: _LOG_IN,
    990002: _PARAMETER,
    990005: _BUSY,
    990009: _BUSY,
    990019: _BUSY,
    40101004: Rule(LoginError, "115 finds the IP address of this login abnormal", "log in with another app type"),
    40101009: Rule(LoginError, "the password is wrong", "log in again"),
    40101017: _LOG_IN,
    40101032: _LOG_IN,
    40101035: Rule(LoginError, "another login on the same kind of device ended this one", "log in again"),
    40101037: Rule(LoginError, "another login on the same kind of device ended this one", "log in again"),
    40110000: _PASSING,
    40140108: Rule(LoginError, "115 has not approved this app", "use another client_id"),
    40140109: Rule(LoginError, "115 has disabled this app", "use another client_id"),
    40140110: Rule(LoginError, "this app's registration has expired", "use another client_id"),
    40140114: _LOG_IN_OPEN,
    40140115: _LOG_IN_OPEN,
    40140116: Rule(LoginError, "the app's authorisation was withdrawn or replaced", "authorise the app again"),
    40140117: Rule(
        RateLimitedError, "the access token was renewed too often", "wait a while; it is kept", True, REFRESH_PAUSE
    ),
    40140118: Rule(LoginError, "the app's developer certification has expired", "use another client_id"),
    40140119: Rule(LoginError, "the refresh token has expired", "authorise the app again"),
    40140120: _LOG_IN_OPEN,
    40140121: Rule(DriveError, "115 could not renew the access token this time", "try again", True),
    40140122: Rule(LoginError, "the account has authorised too many apps", "withdraw one in 115's settings"),
    40140123: _EXPIRED_TOKEN,
    40140124: _EXPIRED_TOKEN,
    40140125: _EXPIRED_TOKEN,
    40140126: _EXPIRED_TOKEN,
    40199002: Rule(LoginError, "the QR code has expired", "ask for a new one"),
}
#: 40140100-113 and 127-136 are the app's own parameters (client_id, PKCE, authorisation code).
_CLIENT_CODES = frozenset(range(40140100, 40140114)) | frozenset(range(40140127, 40140137))

#: Where no code helps, 115's words do: the same code means different things at different hosts (protocol §7).
_WORDS: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("访问上限",), _QUOTA),
    (("请验证账号",), _RULES[911]),
    (("请升级",), _OUTDATED),
    (("频繁", "throttling", "too many", "rate limit"), _TOO_OFTEN),
    (("繁忙", "稍后", "请重试", "timeout"), _BUSY),
    (("空间不足", "no space"), _NO_SPACE),
    (("重新登录", "请登录", "登录超时"), _LOG_IN),
    (("目录不存在",), _NO_FOLDER),
)


def error_for(code: int | str | None, message: str = "", *, route: Route = "cookie") -> DriveError:
    """The error 115's code and words stand for.

    Args:
        code: ``code``, ``errno`` or ``statuscode`` of the answer.
        message: 115's own words.
        route: ``99`` ends a cookie but is only an expired access token in the Open API (protocol §1.3).

    Example:
        >>> type(error_for(91005, "空间不足")).__name__, error_for(590075).retryable
        ('NoSpaceError', True)
        >>> type(error_for(99, route="open")).__name__
        'AccessTokenError'
    """
    number = as_int(code)
    rule = _EXPIRED_TOKEN if number == 99 and route == "open" else _RULES.get(number or 0)
    if rule is None and number in _CLIENT_CODES:
        rule = _CLIENT
    if rule is None:
        rule = _rule_by_words(message) or Rule(DriveError, "115 refuses the request")
    shown = " ".join(message.split())[:_LONGEST_MESSAGE]
    error = rule.kind(
        rule.message,
        hint=rule.hint,
        code=code if number is None else number,
        server_message=shown,
        retryable=rule.retryable,
    )
    error.retry_after = rule.retry_after
    return error


def _rule_by_words(message: str) -> Rule | None:
    low = message.lower()
    return next((rule for words, rule in _WORDS if any(word in low for word in words)), None)


def error_for_http(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float, route: Route = "cookie"
) -> DriveError | None:
    """The error an HTTP answer is by itself, or None where its body must be read.

    A body is never taken for JSON by its content type: 115 sends JSON as ``text/html`` and pages where JSON belongs.

    Args:
        now: Epoch seconds, to read ``X-RateLimit-Reset`` against.

    Example:
        >>> type(error_for_http(405, {}, b"<html>", now=0)).__name__
        'AccountBlockedError'
        >>> error_for_http(429, {"X-RateLimit-Reset": "12"}, b"", now=0).retry_after
        12.0
    """
    if status == 405 or b"errors.aliyun.com" in body[:4096]:
        return AccountBlockedError(
            "115's firewall blocks this account or address",
            hint="wait some minutes to hours before going on; a new login may lift it once",
            code=405,
        )
    if status == 429:
        error = RateLimitedError(_TOO_OFTEN.message, hint=_TOO_OFTEN.hint, code=429)
        error.retry_after = wait_from_headers(headers, now=now)
        return error
    if 200 <= status < 300:
        return None if not is_html(body) else _web_page(status)
    said = _error_in_body(body, route)
    if said is not None and type(said) is not DriveError:
        return said
    if status == 401 and route == "open":
        return AccessTokenError(_EXPIRED_TOKEN.message, hint=_EXPIRED_TOKEN.hint, code=401)
    if status in (401, 408) or status >= 500:
        # initupload answers a plain 401 now and then; the next try succeeds (protocol §2.3).
        words = said.server_message if said else ""
        return DriveError(
            f"115 answered HTTP {status}", hint="try again", code=status, server_message=words, retryable=True
        )
    if 300 <= status < 400 or is_html(body):
        return _web_page(status)
    return said or DriveError(f"115 answered HTTP {status}", code=status)


def _web_page(status: int) -> DriveProtocolError:
    return DriveProtocolError(
        "115 answered with a web page instead of data",
        hint="is a proxy or a hotel login between us and 115?",
        code=status,
        retryable=not 300 <= status < 400,
    )


def _error_in_body(body: bytes, route: Route) -> DriveError | None:
    """The coded error in a body that came with an HTTP error status."""
    try:
        reply = read_object(body)
        code = reply_code(reply)
        return error_for(code, reply_message(reply), route=route) if code is not None else None
    except DriveProtocolError:
        return None


def is_html(body: bytes) -> bool:
    """Whether this is a page.

    Example:
        >>> is_html(b" <!DOCTYPE html>"), is_html(b'{"a": "<html>"}')
        (True, False)
    """
    return body[:256].lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith((b"<!doctype", b"<html", b"<head"))


def wait_from_headers(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait by ``X-RateLimit-Reset`` (seconds, or epoch in s or ms) or ``Retry-After``.

    Example:
        >>> wait_from_headers({"x-ratelimit-reset": "1700000030"}, now=1_700_000_000)
        30.0
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    for name in ("x-ratelimit-reset", "retry-after"):
        text = lower.get(name, "")
        try:
            value = float(text)
        except ValueError:
            if (moment := _http_date(text)) is not None:
                return max(0.0, moment - now)
            continue
        if value != value or value < 0:
            continue
        if value > 1e11:
            value /= 1000
        return max(0.0, value - now) if value > 1e9 else value
    return None


def _http_date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        DriveProtocolError: It is cut off, a page, or no object.

    Example:
        >>> read_object(b'{"state": true}')["state"]
        True
    """
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        reply = ValueError
    body = b""  # half an answer may hold whole keys: it must not stand in a traceback
    if reply is ValueError:
        raise DriveProtocolError("115's answer is cut off or no JSON", hint="the connection may be bad; try again")
    if not isinstance(reply, dict):
        raise DriveProtocolError("115's answer is no JSON object", hint="try again")
    return RedactedDict(reply)


def check_reply(reply: Mapping[str, Any], *, route: Route = "cookie") -> None:
    """Raise what an answer's envelope says.

    ``state`` decides where it is there, else a code other than 0 (the envelopes differ by host, protocol §1.2).

    Raises:
        DriveError: By :func:`error_for`.

    Example:
        >>> check_reply({"state": True, "errno": ""})
    """
    code = reply_code(reply)
    if "state" in reply:
        if is_true(reply["state"]):
            return
    elif code is None:
        return
    raise error_for(code, reply_message(reply), route=route)


def reply_code(reply: Mapping[str, Any]) -> int | str | None:
    """The first code of an answer that is not zero or empty."""
    for name in ("code", "errno", "errNo", "errcode"):
        value = reply.get(name)
        if isinstance(value, int | str) and value not in (0, "", "0", False):
            number = as_int(value)
            return value if number is None else number
    return None


def reply_message(reply: Mapping[str, Any]) -> str:
    """115's own words in an answer, or ``""``."""
    names = ("message", "error", "msg", "error_msg", "statusmsg")
    return next((value for name in names if isinstance(value := reply.get(name), str) and value), "")


def as_int(value: object) -> int | None:
    """``12`` and ``"12"`` as 12; anything else is None.

    Example:
        >>> as_int("20004"), as_int("x"), as_int(None), as_int(True)
        (20004, None, None, 1)
    """
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,25}\s*", value):
        return int(value)
    return None


def is_true(value: object) -> bool:
    """115's many ways to say yes: ``true``, ``1``, ``"1"``, ``"true"``."""
    return value in (True, 1, "1", "true")
