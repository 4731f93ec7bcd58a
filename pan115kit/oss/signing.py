"""From a call to OSS to a signed request: address, query, headers (protocol §4.1, §4.2)."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import oss2
import oss2.http
import oss2.utils

from ..errors import ConfigError, DriveProtocolError
from ..models import OssToken

#: Where 115's bucket is (protocol §2.2); V4 signatures name the region, and an endpoint given as an IP does not.
_DEFAULT_REGION = "cn-shenzhen"
_ALIYUN = ".aliyuncs.com"


@dataclass(frozen=True, slots=True)
class Callback:
    """How OSS is to tell 115 that the object is there: 115's two JSON texts, verbatim (protocol §4.2)."""

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
    parts = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise DriveProtocolError(f"115 named {endpoint!r} as the address of OSS, which is none", retryable=False)
    scheme, place = parts.scheme, parts.netloc
    if parts.hostname.endswith(_ALIYUN) and parts.port is None:
        scheme = "https"
    path = quote(key, safe="")
    if oss2.utils.is_ip_or_localhost(place) or not oss2.utils.is_valid_bucket_name(bucket):
        return f"{scheme}://{place}/{bucket}/{path}"
    return f"{scheme}://{bucket}.{place}/{path}"


def region_of(endpoint: str) -> str:
    """The region of an endpoint, for V4 signatures."""
    host = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}").hostname or ""
    found = re.fullmatch(r"(?:oss-(\w+(?:-\w+)*?)(?:-internal)?|(\w+(?:-\w+)*)\.oss)\.aliyuncs\.com", host)
    return (found[1] or found[2]) if found else _DEFAULT_REGION


def sign(call: Call, token: OssToken, bucket: str, *, version: str = "v1") -> SignedCall:
    """Address ``call`` and sign it with oss2's own signer (V1 header form, or V4).

    Raises:
        ConfigError: ``version`` is neither ``v1`` nor ``v4``.
        DriveProtocolError: The token names no usable endpoint.
    """
    check_signature_version(version)
    url = object_url(token.endpoint, bucket, call.key)
    request = oss2.http.Request(
        call.method,
        url,
        params=dict(call.params),
        headers={"Accept-Encoding": "identity", "User-Agent": "pan115kit", **call.headers},
        region=region_of(token.endpoint),
        product="oss",
    )
    signer = oss2.StsAuth(token.access_key_id, token.access_key_secret, token.security_token, auth_version=version)
    signer._sign_request(request, bucket, call.key)
    query = "&".join(_pair(name, value) for name, value in call.params.items())
    return SignedCall(f"{url}?{query}" if query else url, dict(request.headers))


def check_signature_version(version: str) -> str:
    """``version``, if there is such a signature.

    Raises:
        ConfigError: It is neither ``v1`` nor ``v4``.
    """
    if version not in (oss2.AUTH_VERSION_1, oss2.AUTH_VERSION_4):
        raise ConfigError(f"signature {version!r} is not one of 'v1', 'v4'")
    return version


def _pair(name: str, value: str) -> str:
    return f"{quote(name, safe='')}={quote(value, safe='')}" if value else quote(name, safe="")


def _tells_no_secret(record: logging.LogRecord) -> bool:
    """oss2 writes headers and the text to be signed, security token and all, to its debug log."""
    return record.levelno > logging.DEBUG


for _name in ("oss2.auth", "oss2.http", "oss2.api"):
    logging.getLogger(_name).addFilter(_tells_no_secret)
