"""What OSS answered: errors, XML, 115's callback reply (protocol §4.7, §5).  Pure: the clock is passed in."""

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

from ..errors import (
    CallbackFailedError,
    ChecksumMismatchError,
    DriveError,
    DriveProtocolError,
    NoSpaceError,
    NoSuchUploadError,
    OssCredentialsError,
    OssError,
    PartAlreadyExistError,
    PartNotSequentialError,
    RateLimitedError,
    TargetError,
    VerificationError,
)
from ..i18n import format_duration
from ..models import Part

#: 403 codes that mean the STS keys are stale (protocol §4.6).
STALE_KEYS = frozenset({"SecurityTokenExpired", "InvalidAccessKeyId", "InvalidSecurityToken"})
#: 403 codes after which new keys are tried once; the last two often have another cause (protocol §4.7).
WORTH_NEW_KEYS = STALE_KEYS | {"SignatureDoesNotMatch", "AccessDenied"}

_BUSY = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "ServerBusy"})
_BY_CODE: dict[str, type[OssError]] = {
    "NoSuchUpload": NoSuchUploadError,
    "PartAlreadyExist": PartAlreadyExistError,
    "PartNotSequential": PartNotSequentialError,
    "CallbackFailed": CallbackFailedError,
}
_HINTS = {
    "NoSuchUpload": "the upload was completed, aborted or has expired: start it anew",
    "PartAlreadyExist": "compare it with ListParts",
    "PartNotSequential": "ask ListParts where to go on",
    "CallbackFailed": "the object is stored, but 115 does not know of it yet",
    "EntityTooSmall": "a part other than the last is smaller than 100 KiB",
    "EntityTooLarge": "a part or a single PUT carries at most 5 GiB",
    "InvalidPart": "ask ListParts which parts there are",
    "InvalidPartOrder": "ask ListParts which parts there are",
    "SignatureDoesNotMatch": "check this computer's clock",
    "AccessDenied": "115 gave keys that do not allow this upload; start it anew",
    "NoSuchBucket": "start the upload anew",
    "NoSuchKey": "start the upload anew",
}
_CALLBACK_ERRORS: dict[int, tuple[type[DriveError], str]] = {
    10002: (VerificationError, "115 found other content than it was told; upload the file again"),
    10014: (TargetError, "the target folder is gone"),
    20009: (TargetError, "the target folder is gone"),
    91005: (NoSpaceError, "make room in the drive"),
    # not a no: 115 had no time to take the file in (protocol §7, §9)
    590075: (RateLimitedError, "115 was asked too often; the upload is tried again"),
    990005: (RateLimitedError, "115 is busy; the upload is tried again"),
    990009: (RateLimitedError, "115 is busy; the upload is tried again"),
    990019: (RateLimitedError, "115 is busy; the upload is tried again"),
}


@dataclass(frozen=True, slots=True)
class CallbackReply:
    """115's record of the finished file, as OSS relays it (protocol §5).

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
    kind, retryable, hint = _BY_CODE.get(code, OssError), None, _HINTS.get(code, "")
    if status == 203:
        kind, hint = CallbackFailedError, _HINTS["CallbackFailed"]
    elif code in STALE_KEYS:
        kind, hint = OssCredentialsError, "OSS refused fresh keys as well; check this computer's clock"
    elif kind is OssError:
        retryable = status >= 500 or status == 429 or code in _BUSY
        if code == "RequestTimeTooSkewed":
            hint = _clock_hint(reply, now)
    return kind(
        f"OSS refused {what} with HTTP {status}",
        status=status,
        request_id=reply.headers.get("x-oss-request-id", "") or fields.get("RequestId", ""),
        hint=hint,
        code=code or None,
        server_message=fields.get("Message", ""),
        retryable=retryable,
    )


def _error_fields(reply: httpx.Response) -> dict[str, str]:
    """The children of OSS's ``<Error>``, from the body or, where there is none, the header (protocol §4.7)."""
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
        return "set this computer's clock; OSS allows 15 minutes"
    way = "fast" if off > 0 else "slow"
    return f"this computer's clock is {format_duration(abs(off), lang='en')} {way}; set it (OSS allows 15 minutes)"


def check_crc(reply: httpx.Response, ours: int | None, what: str) -> int | None:
    """OSS's CRC-64 of what it stored; None where OSS does not say or says something else than a number.

    Raises:
        ChecksumMismatchError: It is not ours.
    """
    told = reply.headers.get("x-oss-hash-crc64ecma", "").strip()
    if not (told.isascii() and told.isdigit()):
        return None
    theirs = int(told)
    if ours is not None and theirs != ours:
        raise ChecksumMismatchError(
            f"{what}: OSS stored bytes with CRC-64 {theirs}, sent were bytes with {ours}",
            status=reply.status_code,
            request_id=reply.headers.get("x-oss-request-id", ""),
            hint="they were damaged on the way; send them again",
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
    """The XML of CompleteMultipartUpload: parts in ascending order (protocol §4.2)."""
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
        raise DriveProtocolError(
            "115's reply to the finished upload is not its JSON", hint="look whether the file is in the drive"
        )
    if answer["state"] not in (True, 1, "true"):
        raise _refused(answer)
    data = answer.get("data")
    if not isinstance(data, dict):
        raise DriveProtocolError(
            "115's reply to the finished upload names no file", hint="look whether the file is in the drive"
        )
    return CallbackReply(
        file_id=_text(data, "file_id"),
        file_name=_text(data, "file_name"),
        file_size=_number(data.get("file_size")),
        sha1=_text(data, "sha1").upper(),
        pick_code=_text(data, "pick_code") or _text(data, "pickcode"),
        cid=_text(data, "cid"),
        crc64=crc64,
        raw=data,
    )


def _refused(answer: dict[str, Any]) -> DriveError:
    code = _number(answer.get("code", answer.get("errno")))
    # a no we do not know: 115 is asked anew once, as after 10002 (protocol §9)
    kind, hint = _CALLBACK_ERRORS.get(code or 0, (VerificationError, "the file is not in the drive"))
    said = str(answer.get("message") or answer.get("error") or "")
    return kind("115 did not accept the uploaded file", hint=hint, code=code, server_message=said)


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value)


def _number(value: object) -> int | None:
    """115 writes numbers as numbers or as strings (protocol §5)."""
    try:
        return int(str(value))
    except ValueError:
        return None


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
        f"OSS answered HTTP {reply.status_code} with something that is no {what}",
        status=reply.status_code,
        request_id=reply.headers.get("x-oss-request-id", ""),
        hint="a proxy or portal may be in the way",
        retryable=True,
    )
