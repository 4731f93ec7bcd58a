"""The XML that OSS speaks (protocol.md §4.2, §4.7, §11.3): errors, replies to Initiate, ListParts and Complete.

No ``xmlns`` anywhere, and ``Part`` elements after the scalar ones: real clients' parsers need both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from ..object_store import Part, Upload

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


class OssFault(Exception):
    """An error reply of OSS.

    Args:
        status: HTTP status.
        code: OSS's code, e.g. ``NoSuchUpload``.
        message: OSS's words.
        ec: OSS's own diagnosis number, where it is known.
        extra: More elements of the error, in order.
    """

    def __init__(self, status: int, code: str, message: str, ec: str = "", **extra: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.ec = ec
        self.extra = extra


def error_xml(fault: OssFault, *, request_id: str, host_id: str) -> str:
    """The body of an error reply."""
    fields = {"Code": fault.code, "Message": fault.message, "RequestId": request_id, "HostId": host_id}
    fields |= fault.extra
    if fault.ec:
        fields["EC"] = fault.ec
    return _HEAD + _element("Error", fields)


def initiate_xml(bucket: str, key: str, upload_id: str, *, url_encoded: bool = False) -> str:
    """Reply to InitiateMultipartUpload; with ``encoding-type=url`` the key is percent-encoded."""
    encoding = {"EncodingType": "url"} if url_encoded else {}
    name = quote(key, safe="") if url_encoded else key
    return _HEAD + _element(
        "InitiateMultipartUploadResult", {**encoding, "Bucket": bucket, "Key": name, "UploadId": upload_id}
    )


def complete_xml(bucket: str, key: str, etag: str, location: str) -> str:
    """Reply to CompleteMultipartUpload without a callback."""
    fields = {"Location": location, "Bucket": bucket, "Key": key, "ETag": etag}
    return _HEAD + _element("CompleteMultipartUploadResult", fields)


def post_xml(bucket: str, key: str, etag: str, location: str) -> str:
    """Reply to PostObject with ``success_action_status=201``."""
    fields = {"Bucket": bucket, "Location": location, "Key": key, "ETag": etag}
    return _HEAD + _element("PostResponse", fields)


@dataclass(frozen=True, slots=True)
class PartPage:
    """One page of ListParts.

    Attributes:
        marker: Part number after which the page starts.
        max_parts: Parts a page may hold, 1-1000.
        parts: The parts of the page, ascending.
        truncated: More pages follow.
        url_encoded: The client asked for ``encoding-type=url``.
    """

    marker: int
    max_parts: int
    parts: list[Part]
    truncated: bool
    url_encoded: bool = False

    @property
    def next_marker(self) -> int:
        """The last part number of this page, 0 when the page is empty."""
        return self.parts[-1].number if self.parts else 0


def list_parts_xml(upload: Upload, page: PartPage) -> str:
    """Reply to ListParts; ``IsTruncated`` in lower case, parts last (protocol.md §11.3)."""
    fields = {
        "Bucket": upload.bucket,
        **({"EncodingType": "url"} if page.url_encoded else {}),
        "Key": quote(upload.key, safe="") if page.url_encoded else upload.key,
        "UploadId": upload.upload_id,
        "StorageClass": "Standard",
        "PartNumberMarker": str(page.marker),
        "NextPartNumberMarker": str(page.next_marker),
        "MaxParts": str(page.max_parts),
        "IsTruncated": "true" if page.truncated else "false",
    }
    return _HEAD + _element("ListPartsResult", fields, (_part(p) for p in page.parts))


def _part(part: Part) -> str:
    return _element(
        "Part",
        {
            "PartNumber": str(part.number),
            "LastModified": iso_time(part.stored_at),
            "ETag": f'"{part.md5}"',
            "HashCrc64ecma": str(part.crc64),
            "Size": str(part.size),
        },
    )


@dataclass(frozen=True, slots=True)
class UploadPage:
    """One page of ListMultipartUploads."""

    bucket: str
    prefix: str
    key_marker: str
    upload_id_marker: str
    max_uploads: int
    uploads: list[Upload] = field(default_factory=list)
    truncated: bool = False


def list_uploads_xml(page: UploadPage) -> str:
    """Reply to ListMultipartUploads."""
    last = page.uploads[-1] if page.uploads else None
    fields = {
        "Bucket": page.bucket,
        "KeyMarker": page.key_marker,
        "UploadIdMarker": page.upload_id_marker,
        "NextKeyMarker": last.key if last else "",
        "NextUploadIdMarker": last.upload_id if last else "",
        "Delimiter": "",
        "Prefix": page.prefix,
        "MaxUploads": str(page.max_uploads),
        "IsTruncated": "true" if page.truncated else "false",
    }
    rows = (
        _element(
            "Upload",
            {
                "Key": u.key,
                "UploadId": u.upload_id,
                "StorageClass": "Standard",
                "Initiated": iso_time(u.initiated_at),
            },
        )
        for u in page.uploads
    )
    return _HEAD + _element("ListMultipartUploadsResult", fields, rows)


def iso_time(epoch: float) -> str:
    """``2026-01-01T00:00:00.000Z``, as OSS writes times."""
    # Always .000: oss2 accepts nothing else.
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def _element(name: str, fields: Mapping[str, str], children: Iterable[str] = ()) -> str:
    inner = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in fields.items())
    return f"<{name}>{inner}{''.join(children)}</{name}>"


# The errors that more than one place raises.


def no_such_upload(upload_id: str) -> OssFault:
    """404: never initiated, aborted, completed, or of another object."""
    return OssFault(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been"
        " aborted or completed.",
        "0042-00000002",
        UploadId=upload_id,
    )


def part_not_sequential(number: int) -> OssFault:
    """400: a part before this one is missing (protocol.md §4.3)."""
    return OssFault(
        400,
        "PartNotSequential",
        "For sequential multipart upload, you must upload or complete parts with sequential part number.",
        "0042-00000105",
        PartNumber=str(number),
    )


def part_already_exist(number: int) -> OssFault:
    """409: sequential parts cannot be overwritten (protocol.md §4.3)."""
    return OssFault(
        409,
        "PartAlreadyExist",
        "For sequential multipart upload, you can't overwrite uploaded parts.",
        "0042-00000108",
        PartNumber=str(number),
    )


def invalid_argument(message: str, name: str = "", value: str = "") -> OssFault:
    """400 InvalidArgument, naming the argument where there is one."""
    extra = {"ArgumentName": name, "ArgumentValue": value} if name else {}
    return OssFault(400, "InvalidArgument", message, "0002-00000204", **extra)


def invalid_digest() -> OssFault:
    """400: Content-MD5 is malformed or not that of the bytes received."""
    return OssFault(400, "InvalidDigest", "The Content-MD5 you specified was invalid.", "0016-00000204")


def malformed_xml() -> OssFault:
    """400: the body of Complete is not what it should be."""
    return OssFault(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema.",
        "0042-00000201",
    )


def callback_failed(message: str) -> OssFault:
    """203: stored, but the callback did not work (protocol.md §4.7, §4.9)."""
    return OssFault(203, "CallbackFailed", message, "0007-00000203")
