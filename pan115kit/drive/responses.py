"""What initupload, upload/init, resume and get_token answer, as data (protocol.md §2.2-2.5, §3).  Pure."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .._base.drive_codes import INIT_RULES, NO_LINK, OUTDATED, Code, as_int, error_for_code
from ..errors import DriveError, DriveProtocolError
from ..i18n import say
from ..models import OssToken, UploadTicket
from .data import FileClaim, Instant, NeedsUpload, SecondCheck, Space
from .pickcode import file_id_of

#: The inner codes that mean a status, where an answer carries only the code (protocol.md §3.1).
_STATUS_BY_CODE: dict[int, int] = {Code.RANGE_REFUSED: 6, Code.RANGE_WANTED: 7, Code.RANGE_WRONG: 8}
_RANGE = re.compile(r"\s*(\d{1,18})[-_](\d{1,18})\s*")


def read_init(reply: Mapping[str, Any], claim: FileClaim) -> Instant | NeedsUpload | SecondCheck:
    """One answer of initupload 4.0 or of ``data`` of upload/init.

    Args:
        reply: The decrypted object (``pickcode``, ``statuscode``) or the Open API's ``data`` (``pick_code``,
            ``code``).
        claim: What was asked, to check the range of a second check against.

    Raises:
        VerificationError: 115 did not accept the second check's proof (700, 702).
        ClientOutdatedError: "Please upgrade".
        DriveError: Anything else that is not a yes; 400 is worth another init.
        DriveProtocolError: Fields are missing.
    """
    code = as_int(reply.get("statuscode")) or as_int(reply.get("code")) or 0
    status = _STATUS_BY_CODE.get(code) or as_int(reply.get("status"))
    if status == 2:
        return Instant(_file_id(reply), pick_code_of(reply))
    if status == 1:
        return NeedsUpload(read_ticket(reply))
    if status == 7 or (status in (6, 8) and reply.get("sign_check")):
        return _second_check(reply, claim)
    raise _refusal(status, code, str(reply.get("statusmsg") or reply.get("message") or ""))


def _refusal(status: int | None, code: int, message: str) -> DriveError:
    if status in (6, 8):
        return error_for_code((Code.RANGE_WRONG if status == 8 else Code.RANGE_REFUSED).value, message)
    if status == 4:
        return OUTDATED.error(code or status, message)
    if rule := INIT_RULES.get(code):
        return rule.error(code, message)
    if status is None and not code:
        return DriveProtocolError(say("drive.init.no_status"), hint=say("drive.try_again"))
    return error_for_code(code or None, message)


def _second_check(reply: Mapping[str, Any], claim: FileClaim) -> SecondCheck:
    text = str(reply.get("sign_check") or "")
    found = _RANGE.fullmatch(text)
    key = str(reply.get("sign_key") or "")
    if found is None or not key:
        raise DriveProtocolError(say("drive.init.no_range"), code=Code.RANGE_WANTED.value)
    start, end = int(found[1]), int(found[2])
    if not start <= end < claim.file_size:
        raise DriveProtocolError(
            say("drive.init.bad_range", start=start, end=end, size=claim.file_size),
            code=Code.RANGE_WANTED.value,
            retryable=False,
        )
    return SecondCheck(key, start, end, pick_code_of(reply))


def read_ticket(reply: Mapping[str, Any], *, pick_code: str = "") -> UploadTicket:
    """Where to send the object; ``callback`` may be an object, ``[]`` or a list of one (protocol.md §3.1).

    Raises:
        DriveProtocolError: Bucket, object or callback are missing.
    """
    callback = one_object(reply.get("callback")) or {}
    ticket = UploadTicket(
        bucket=_text(reply, "bucket"),
        object_key=_text(reply, "object"),
        callback=_text(callback, "callback"),
        callback_var=_text(callback, "callback_var"),
        pick_code=pick_code_of(reply) or pick_code,
    )
    # Without the callback OSS would keep the bytes and 115 would never hear of them.
    if not (ticket.bucket and ticket.object_key and ticket.callback):
        raise DriveProtocolError(say("drive.init.no_ticket"), hint=say("drive.try_again"))
    return ticket


def read_token(reply: Mapping[str, Any], endpoint: str) -> OssToken:
    """STS keys; ``Expiration`` is UTC whatever the local clock's zone (protocol.md §2.2).

    Raises:
        DriveProtocolError: A field is missing.
    """
    token = OssToken(
        endpoint=oss_endpoint(endpoint),
        access_key_id=_text(reply, "AccessKeyId"),
        access_key_secret=_text(reply, "AccessKeySecret"),
        security_token=_text(reply, "SecurityToken"),
        expires_at=_utc(_text(reply, "Expiration") or _text(reply, "expiration")),
    )
    if not (token.access_key_id and token.access_key_secret and token.security_token):
        raise DriveProtocolError(say("drive.keys.incomplete"), hint=say("drive.try_again"))
    return token


def oss_endpoint(text: str) -> str:
    """The address of OSS as 115 names it, scheme and host; who sends there decides about TLS.

    Raises:
        DriveProtocolError: It is no http(s) URL.
    """
    try:
        parts = urlsplit(text.strip() if "://" in text else f"http://{text.strip()}")
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        raise DriveProtocolError(say("drive.keys.no_endpoint"), hint=say("drive.try_again"))
    return f"{parts.scheme}://{parts.netloc}"


def read_space(info: object) -> Space:
    """The account's space (protocol-drive.md D5).

    Raises:
        DriveProtocolError: A figure is missing.
    """
    total, used, left = (space_figure(info, name) for name in ("all_total", "all_use", "all_remain"))
    if total is None or used is None or left is None:
        raise DriveProtocolError(say("drive.no_space_info"), hint=say("drive.try_again"))
    return Space(total, used, left)


def space_figure(info: object, name: str) -> int | None:
    """One of the account's figures in bytes: ``all_total``, ``all_use``, ``all_remain``."""
    part = info.get(name) if isinstance(info, dict) else None
    return whole_number(part.get("size")) if isinstance(part, dict) else None


def link_address(files: Mapping[str, Any]) -> object:
    """The address in an answer that names one file by its id; ``""`` where there is none.

    Raises:
        DriveError: It names none: gone, a folder, or refused.
    """
    file = next((value for value in files.values() if isinstance(value, dict)), {})
    url = file.get("url")
    if not isinstance(url, dict):  # a folder has ``"url": false``
        raise NO_LINK.error(None)
    return url.get("url")


def whole_number(value: object) -> int | None:
    """Bytes as a number, as text, or as 1.23E+12 in either."""
    if isinstance(value, float):
        return int(value) if value == value and abs(value) < 1e20 else None
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(\.\d+)?[eE]\+?\d{1,2}\s*", value):
        return int(float(value))
    return as_int(value)


def one_object(value: object) -> dict[str, Any] | None:
    """An object that may have come as a list of one, or as ``[]`` for none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) and value else None


def pick_code_of(reply: Mapping[str, Any]) -> str:
    """``pickcode`` (cookie) or ``pick_code`` (Open API)."""
    return _text(reply, "pick_code") or _text(reply, "pickcode")


def id_text(value: object) -> str:
    """An id that 115 sends as a number or as text; ``""`` for none."""
    number = as_int(value)
    return str(number) if number else ""


def _file_id(reply: Mapping[str, Any]) -> str:
    """The cookie route names an instant file by its pick_code only; the id is in there (protocol.md §11.4)."""
    given = id_text(reply.get("file_id")) or id_text(reply.get("fileid"))
    return given or file_id_of(pick_code_of(reply))


def _text(reply: Mapping[str, Any], name: str) -> str:
    value = reply.get(name)
    return value if isinstance(value, str) else ""


def _utc(text: str) -> float:
    try:
        return float(calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        raise DriveProtocolError(say("drive.keys.no_end"), hint=say("drive.try_again")) from None
