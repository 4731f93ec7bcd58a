"""What OSS answered: errors, XML, 115's callback reply (protocol.md §4.7, §5).  Pure: the clock is passed in."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree

import httpx

from .._base.drive_codes import RULES, as_int
from ..errors import (
    CallbackFailedError,
    ChecksumMismatchError,
    DriveError,
    DriveProtocolError,
    NoSuchUploadError,
    OssCredentialsError,
    OssError,
    PartAlreadyExistError,
    PartNotSequentialError,
    VerificationError,
)
from ..i18n import format_duration, say
from ..models import Part


@dataclass(frozen=True, slots=True)
class OssCode:
    """What one of OSS's codes means to an upload.

    Attributes:
        kind: The error it is raised as.
        hint: The catalogue's key of what to do, if the kind's own advice is not enough.
        retryable: Whether the same may succeed later; None leaves it to the kind, or to the HTTP status.
        new_keys: With HTTP 403: new STS keys are tried once.
    """

    kind: type[OssError] = OssError
    hint: str = ""
    retryable: bool | None = None
    new_keys: bool = False


_STALE_KEYS = OssCode(OssCredentialsError, "oss.fresh_keys_refused.hint", new_keys=True)
_ASK_PARTS = OssCode(hint="oss.ask_which_parts.hint")
_START_AGAIN = OssCode(hint="oss.start_again.hint")
_CALLBACK_FAILED = OssCode(CallbackFailedError, "oss.not_in_drive_yet.hint")
_BUSY = OssCode(retryable=True)

#: Every code that is more than its HTTP status (protocol.md §4.6, §4.7).
CODES: dict[str, OssCode] = {
    "NoSuchUpload": OssCode(NoSuchUploadError, "oss.upload_gone.hint"),
    "PartAlreadyExist": OssCode(PartAlreadyExistError, "oss.compare_parts.hint"),
    "PartNotSequential": OssCode(PartNotSequentialError, "oss.ask_where_to_go_on.hint"),
    "CallbackFailed": _CALLBACK_FAILED,
    "SecurityTokenExpired": _STALE_KEYS,
    "InvalidAccessKeyId": _STALE_KEYS,
    "InvalidSecurityToken": _STALE_KEYS,
    # these two often have another cause than stale keys
    "SignatureDoesNotMatch": OssCode(hint="oss.check_clock.hint", new_keys=True),
    "AccessDenied": OssCode(hint="oss.keys_not_allowed.hint", new_keys=True),
    "EntityTooSmall": OssCode(hint="oss.part_too_small.hint"),
    "EntityTooLarge": OssCode(hint="oss.part_too_large.hint"),
    "InvalidPart": _ASK_PARTS,
    "InvalidPartOrder": _ASK_PARTS,
    "NoSuchBucket": _START_AGAIN,
    "NoSuchKey": _START_AGAIN,
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "InternalError": _BUSY,
    "RequestTimeout": _BUSY,
    "ServerBusy": _BUSY,
}
_OTHER_CODE = OssCode()


@dataclass(frozen=True, slots=True)
class CallbackReply:
    """115's record of the finished file, as OSS relays it (protocol.md §5).

    Attributes:
        file_size: Bytes, or None where 115 did not say.
        sha1: Upper-case hex.
        crc64: The object's CRC-64 as OSS computed it, or None where OSS did not say.
        raw: 115's whole ``data`` object.
    """

    file_id: str = ""
    file_name: str = ""
    file_size: int | None = None
    sha1: str = ""
    pick_code: str = ""
    cid: str = ""
    crc64: int | None = None
    raw: dict[str, Any] = field(default_factory=dict)


def error_code(reply: httpx.Response) -> str:
    """OSS's code, e.g. ``NoSuchUpload``, or an empty string."""
    return _error_fields(reply).get("Code", "")


def error_from(reply: httpx.Response, what: str, now: float) -> OssError:
    """The error for an answer that is not a success.

    Args:
        reply: The answer, read.
        what: What was asked, e.g. ``UploadPart 3``.
        now: Epoch seconds, to tell how wrong this computer's clock is.
    """
    fields = _error_fields(reply)
    code = fields.get("Code", "")
    status = reply.status_code
    meaning = _CALLBACK_FAILED if status == 203 else CODES.get(code, _OTHER_CODE)
    hint = say(meaning.hint) if meaning.hint else ""
    retryable = meaning.retryable
    if meaning.kind is OssError:
        retryable = bool(retryable) or status >= 500 or status == 429
        if code == "RequestTimeTooSkewed":
            hint = _clock_hint(reply, now)
    return meaning.kind(
        say("oss.refused", what=what, status=status),
        status=status,
        request_id=reply.headers.get("x-oss-request-id", "") or fields.get("RequestId", ""),
        hint=hint,
        code=code or None,
        server_message=fields.get("Message", ""),
        retryable=retryable,
    )


def needs_new_keys(reply: httpx.Response) -> bool:
    """Whether OSS refuses the STS keys, so that new ones are worth a try (protocol.md §4.6)."""
    return reply.status_code == 403 and CODES.get(error_code(reply), _OTHER_CODE).new_keys


def _error_fields(reply: httpx.Response) -> dict[str, str]:
    """The children of OSS's ``<Error>``, from the body or, where there is none, the header (protocol.md §4.7)."""
    text = reply.content
    if not text and (encoded := reply.headers.get("x-oss-err")):
        try:
            text = base64.b64decode(encoded)
        except (binascii.Error, ValueError):
            return {}
    try:
        root = _parsed(text)
    except (ElementTree.ParseError, ValueError):
        return {}
    return {child.tag: (child.text or "").strip() for child in root} if root.tag == "Error" else {}


def _clock_hint(reply: httpx.Response, now: float) -> str:
    try:
        off = now - parsedate_to_datetime(reply.headers.get("Date", "")).timestamp()
    except ValueError:
        return say("oss.set_clock.hint")
    key = "oss.clock_fast.hint" if off > 0 else "oss.clock_slow.hint"
    return say(key, duration=format_duration(abs(off)))


def check_crc(reply: httpx.Response, ours: int | None, what: str) -> int | None:
    """OSS's CRC-64 of what it stored; None where OSS does not say or says something else than a number.

    Raises:
        ChecksumMismatchError: It is not ours.
    """
    header = reply.headers.get("x-oss-hash-crc64ecma", "").strip()
    if not (header.isascii() and header.isdigit()):
        return None
    theirs = int(header)
    if ours is not None and theirs != ours:
        raise ChecksumMismatchError(
            say("oss.crc_differs", what=what, theirs=theirs, ours=ours),
            status=reply.status_code,
            request_id=reply.headers.get("x-oss-request-id", ""),
            hint=say("oss.crc_differs.hint"),
        )
    return theirs


def upload_id_from(reply: httpx.Response) -> str:
    """The upload id that InitiateMultipartUpload gave.

    Raises:
        OssError: The answer has none.
    """
    found = (_xml(reply, "InitiateMultipartUploadResult").findtext("UploadId") or "").strip()
    if not found:
        raise _unreadable(reply, "InitiateMultipartUploadResult")
    return found


def parts_from(reply: httpx.Response) -> tuple[list[Part], int | None]:
    """One page of ListParts, and where the next begins (None at the end).

    Raises:
        OssError: The answer is no ListPartsResult.
    """
    root = _xml(reply, "ListPartsResult")
    try:
        parts = [_part(element) for element in root.iter("Part")]
        more = (root.findtext("IsTruncated") or "").strip().lower() == "true"
        return parts, int(root.findtext("NextPartNumberMarker") or "") if more else None
    except ValueError:
        raise _unreadable(reply, "ListPartsResult") from None


def _part(element: ElementTree.Element) -> Part:
    crc = (element.findtext("HashCrc64ecma") or "").strip()
    return Part(
        number=int(element.findtext("PartNumber") or ""),
        size=int(element.findtext("Size") or ""),
        etag=clean_etag(element.findtext("ETag") or ""),
        crc64=int(crc) if crc else None,
    )


def clean_etag(text: str) -> str:
    """An ETag as the kit keeps it: upper-case, without quotes."""
    return text.strip().strip('"').upper()


def complete_body(parts: Iterable[Part]) -> bytes:
    """The XML of CompleteMultipartUpload: parts in ascending order (protocol.md §4.2)."""
    root = ElementTree.Element("CompleteMultipartUpload")
    for part in sorted(parts, key=lambda part: part.number):
        element = ElementTree.SubElement(root, "Part")
        ElementTree.SubElement(element, "PartNumber").text = str(part.number)
        ElementTree.SubElement(element, "ETag").text = f'"{part.etag}"'
    body: bytes = ElementTree.tostring(root, encoding="us-ascii")
    return body


def callback_reply(reply: httpx.Response, crc64: int | None) -> CallbackReply:
    """115's answer to the callback, as the body of a 200.

    Raises:
        VerificationError: 115 says the content is not what was claimed (10002), or does not say why it refuses it.
        RateLimitedError: 115 is busy; the upload may be tried again.
        DriveError: 115 refuses the file for a reason we know.
        DriveProtocolError: The body is not 115's JSON.
    """
    try:
        answer = json.loads(reply.content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "state" not in answer:
        raise DriveProtocolError(say("oss.callback.not_json"), hint=say("oss.callback.look_in_drive.hint"))
    if answer["state"] not in (True, 1, "true"):
        raise _refused(answer)
    data = answer.get("data")
    if not isinstance(data, dict):
        raise DriveProtocolError(say("oss.callback.no_file"), hint=say("oss.callback.look_in_drive.hint"))
    return CallbackReply(
        file_id=_text(data, "file_id"),
        file_name=_text(data, "file_name"),
        file_size=as_int(data.get("file_size")),
        sha1=_text(data, "sha1").upper(),
        pick_code=_text(data, "pick_code") or _text(data, "pickcode"),
        cid=_text(data, "cid"),
        crc64=crc64,
        raw=data,
    )


def _refused(answer: dict[str, Any]) -> DriveError:
    code = as_int(answer.get("code", answer.get("errno")))
    said = str(answer.get("message") or answer.get("error") or "")
    rule = RULES.get(code or 0)
    if rule is not None and rule.kind is not DriveError:
        return rule.error(code, said)
    # for a refusal we do not know, 115 is asked once more, as after 10002 (protocol.md §9)
    return VerificationError(
        say("oss.callback.refused"), hint=say("oss.callback.not_in_drive.hint"), code=code, server_message=said
    )


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value)


def _parsed(text: bytes) -> ElementTree.Element:
    """XML by its local names: Aliyun's manual shows answers with a namespace, 115's bucket sends none."""
    root = ElementTree.fromstring(text)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _xml(reply: httpx.Response, root: str) -> ElementTree.Element:
    try:
        element = _parsed(reply.content)
    except (ElementTree.ParseError, ValueError):
        raise _unreadable(reply, root) from None
    if element.tag != root:
        raise _unreadable(reply, root)
    return element


def _unreadable(reply: httpx.Response, what: str) -> OssError:
    return OssError(
        say("oss.unreadable", status=reply.status_code, what=what),
        status=reply.status_code,
        request_id=reply.headers.get("x-oss-request-id", ""),
        hint=say("oss.something_in_the_way.hint"),
        retryable=True,
    )
