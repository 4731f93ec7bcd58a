"""How an answer of 115 is read: its HTTP status, its envelope, its code, as errors of the kit's tree.  Pure.

What the codes themselves mean stands in :mod:`pan115kit._base.drive_codes` (protocol.md §1.2, §1.3, §7).
"""

from __future__ import annotations

import email.utils
import json
from collections.abc import Mapping
from typing import Any

from .._base.drive_codes import FIREWALL, TOKEN_EXPIRED, TOO_OFTEN, Code, as_int, error_for_code
from ..errors import DriveError, DriveProtocolError
from ..i18n import say
from .auth.credentials import Route
from .secret import RedactedDict


def error_for(code: int | str | None, message: str = "", *, route: Route = Route.COOKIE) -> DriveError:
    """The error 115's code and words stand for.

    Args:
        code: ``code``, ``errno`` or ``statuscode`` of the answer.
        message: 115's own words.
        route: ``99`` ends a cookie but is only an expired access token in the Open API (protocol.md §1.3).
    """
    if route is Route.OPEN and as_int(code) == Code.LOGIN_ENDED:
        return TOKEN_EXPIRED.error(Code.LOGIN_ENDED.value, message)
    return error_for_code(code, message)


def error_for_http(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float, route: Route = Route.COOKIE
) -> DriveError | None:
    """The error an HTTP answer is by itself, or None where its body must be read.

    A body is never taken for JSON by its content type: 115 sends JSON as ``text/html`` and pages where JSON belongs.

    Args:
        now: Epoch seconds, to read ``X-RateLimit-Reset`` against.
    """
    if status == 405 or b"errors.aliyun.com" in body[:4096]:
        return FIREWALL.error(Code.FIREWALL.value)
    if status == 429:
        error = TOO_OFTEN.error(429)
        error.retry_after = wait_from_headers(headers, now=now)
        return error
    if 200 <= status < 300:
        return None if not is_html(body) else _web_page(status)
    said = _error_in_body(body, route)
    if said is not None and type(said) is not DriveError:
        return said
    if status == 401 and route is Route.OPEN:
        return TOKEN_EXPIRED.error(401)
    if status in (401, 408) or status >= 500:
        # initupload answers a plain 401 now and then; the next try succeeds (protocol.md §2.3).
        words = said.server_message if said else ""
        return DriveError(
            say("drive.http_status", status=status),
            hint=say("drive.try_again"),
            code=status,
            server_message=words,
            retryable=True,
        )
    if 300 <= status < 400 or is_html(body):
        return _web_page(status)
    return said or DriveError(say("drive.http_status", status=status), code=status)


def _web_page(status: int) -> DriveProtocolError:
    return DriveProtocolError(
        say("drive.web_page"),
        hint=say("drive.web_page.hint"),
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
    """Whether this is a page."""
    return body[:256].lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith((b"<!doctype", b"<html", b"<head"))


def wait_from_headers(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds to wait by ``X-RateLimit-Reset`` (seconds, or epoch in s or ms) or ``Retry-After``."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    for name in ("x-ratelimit-reset", "retry-after"):
        text = lower.get(name, "")
        try:
            value = float(text)
        except ValueError:
            if (moment := http_date(text)) is not None:
                return max(0.0, moment - now)
            continue
        if value != value or value < 0:
            continue
        if value > 1e11:
            value /= 1000
        return max(0.0, value - now) if value > 1e9 else value
    return None


def http_date(text: str) -> float | None:
    """Epoch seconds of an HTTP header's date, or None."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        DriveProtocolError: It is cut off, a page, or no object.
    """
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        reply = ValueError
    body = b""  # half an answer may hold whole keys: it must not stand in a traceback
    if reply is ValueError:
        raise DriveProtocolError(say("drive.cut_off"), hint=say("drive.cut_off.hint"))
    if not isinstance(reply, dict):
        raise DriveProtocolError(say("drive.no_object"), hint=say("drive.try_again"))
    return RedactedDict(reply)


def check_reply(reply: Mapping[str, Any], *, route: Route = Route.COOKIE) -> None:
    """Raise what an answer's envelope says.

    ``state`` decides where it is there, else a code other than 0 (the envelopes differ by host, protocol.md §1.2).

    Raises:
        DriveError: By :func:`error_for`.
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
    for name in ("code", "errno", "errNo", "errcode", "errCode", "msg_code"):
        value = reply.get(name)
        if isinstance(value, int | str) and value not in (0, "", "0", False):
            number = as_int(value)
            return value if number is None else number
    return None


def reply_message(reply: Mapping[str, Any]) -> str:
    """115's own words in an answer, or ``""``."""
    names = ("message", "error", "msg", "error_msg", "statusmsg")
    return next((value for name in names if isinstance(value := reply.get(name), str) and value), "")


def is_true(value: object) -> bool:
    """115's many ways to say yes: ``true``, ``1``, ``"1"``, ``"true"``."""
    return value in (True, 1, "1", "true")
