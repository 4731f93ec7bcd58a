"""From a call to OSS to a signed request: address, query, headers (protocol.md §4.1, §4.2)."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ..errors import DriveProtocolError
from ..i18n import say
from ..models import OssToken

_ALIYUN = ".aliyuncs.com"


@dataclass(frozen=True, slots=True)
class Callback:
    """How OSS is to tell 115 that the object is there: 115's two JSON texts, verbatim (protocol.md §4.2)."""

    callback: str
    callback_var: str

    def headers(self) -> dict[str, str]:
        """The two request headers: standard base64 of the exact UTF-8 bytes."""
        return {
            "x-oss-callback": base64.b64encode(self.callback.encode()).decode("ascii"),
            "x-oss-callback-var": base64.b64encode(self.callback_var.encode()).decode("ascii"),
        }


@dataclass(frozen=True, slots=True)
class Call:
    """One of the calls to OSS, before it is addressed and signed.

    Attributes:
        params: Query; an empty value stands for a bare name (``?uploads``).
        name: For messages, e.g. ``UploadPart``.
    """

    name: str
    method: str
    key: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class SignedCall:
    """What is sent.  Never shown: its headers carry the signature and the security token."""

    url: str
    headers: dict[str, str]


def object_url(endpoint: str, bucket: str, key: str) -> str:
    """The URL of an object without query, addressed as oss2 does.

    An IP or localhost endpoint is addressed path-style, any other with the bucket in the host.  A plain-http address
    of Aliyun itself becomes https, so that neither the file nor the security token travels readable; OSS serves both.

    Raises:
        DriveProtocolError: The endpoint is no http(s) address.
    """
    from oss2.utils import is_ip_or_localhost, is_valid_bucket_name  # late, as in sign()

    parts = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise DriveProtocolError(say("oss.no_address", endpoint=repr(endpoint)), retryable=False)
    scheme, place = parts.scheme, parts.netloc
    if parts.hostname.endswith(_ALIYUN) and parts.port is None:
        scheme = "https"
    path = quote(key, safe="")
    if is_ip_or_localhost(place) or not is_valid_bucket_name(bucket):
        return f"{scheme}://{place}/{bucket}/{path}"
    return f"{scheme}://{bucket}.{place}/{path}"


def sign(call: Call, token: OssToken, bucket: str) -> SignedCall:
    """Address ``call`` and sign it with oss2's own signer (V1, in the header).

    Raises:
        DriveProtocolError: The token names no usable endpoint.
    """
    # oss2 takes 0.3 s to import, so it is imported when something is sent
    from oss2 import StsAuth
    from oss2.http import Request

    url = object_url(token.endpoint, bucket, call.key)
    headers = {"Accept-Encoding": "identity", "User-Agent": "pan115kit", **call.headers}
    request = Request(call.method, url, params=dict(call.params), headers=headers)
    signer = StsAuth(token.access_key_id, token.access_key_secret, token.security_token)
    signer._sign_request(request, bucket, call.key)
    query = "&".join(_pair(name, value) for name, value in call.params.items())
    return SignedCall(f"{url}?{query}" if query else url, dict(request.headers))


def _pair(name: str, value: str) -> str:
    return f"{quote(name, safe='')}={quote(value, safe='')}" if value else quote(name, safe="")


def _tells_no_secret(record: logging.LogRecord) -> bool:
    """oss2 writes headers and the text to be signed, security token and all, to its debug log."""
    return record.levelno > logging.DEBUG


for _name in ("oss2.auth", "oss2.http", "oss2.api"):
    logging.getLogger(_name).addFilter(_tells_no_secret)
