"""Is this OSS request signed by a valid STS key?  V1 (header and URL) and V4 (header and URL), protocol.md §4.1.

Pure: the request, the known keys and the time come in, the key or an :class:`OssFault` comes out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from ..keys import StsKey
from .xml import OssFault

#: A client's clock may differ from OSS's by this many seconds (protocol.md §4.1).
MAX_SKEW = 900

#: Query parameters that V1 signs; all others (max-parts, part-number-marker, encoding-type …) it does not.
_V1_NAMES = """
    accessPoint accessPointPolicy acl append asyncFetch bucketArchiveDirectRead bucketInfo callback callback-var
    cname comp continuation-token cors delete encryption endTime group httpsConfig inventory inventoryId lifecycle
    link live location logging metaQuery objectInfo objectMeta partNumber policy position publicAccessBlock qos
    qosInfo qosRequester redundancyTransition referer regionList replication replicationLocation
    replicationProgress requestPayment requesterQosInfo resourceGroup resourcePool resourcePoolBuckets
    resourcePoolInfo response-cache-control response-content-disposition response-content-encoding
    response-content-language response-content-type response-expires restore security-token sequential startTime
    stat status style styleName symlink tagging transferAcceleration uploadId uploads versionId versioning versions
    vod website withHashContext worm wormExtend wormId x-oss-ac-forward-allow x-oss-ac-source-ip
    x-oss-ac-subnet-mask x-oss-ac-vpc-id x-oss-access-point-name x-oss-async-process x-oss-enable-md5
    x-oss-enable-sha1 x-oss-enable-sha256 x-oss-process x-oss-redundancy-transition-taskid x-oss-request-payer
    x-oss-target-redundancy-type x-oss-traffic-limit x-oss-write-get-object-response
    """
V1_SUBRESOURCES = frozenset(_V1_NAMES.split())

_V4_HEADER = re.compile(r"OSS4-HMAC-SHA256\s+(.+)")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers.

    Attributes:
        query: Decoded name-value pairs in the order received.
        headers: Lower-case names.
        host_path: ``/<first label of Host><path>``: p115oss signs this whatever the address style
            (protocol.md §11.3).
    """

    method: str
    bucket: str
    key: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    host_path: str = ""

    @property
    def resources(self) -> Iterator[str]:
        """What may stand for the object in a V1 string to sign."""
        yield f"/{self.bucket}/{self.key}"
        if self.host_path:
            yield self.host_path


KeyFinder = Callable[[str], StsKey | None]


def verify(request: SignedRequest, find_key: KeyFinder, now: float) -> StsKey:
    """The key that signed the request.

    Args:
        find_key: From AccessKeyId to key, expired ones too.
        now: Epoch seconds.

    Raises:
        OssFault: 403 AccessDenied, InvalidAccessKeyId, InvalidSecurityToken, SecurityTokenExpired,
            RequestTimeTooSkewed or SignatureDoesNotMatch.
    """
    query = dict(request.query)
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("OSS4-"):
        return _verify_v4_header(request, authorization, find_key, now)
    if authorization.startswith("OSS "):
        return _verify_v1_header(request, authorization, find_key, now)
    if "x-oss-credential" in query:
        return _verify_v4_url(request, query, find_key, now)
    if "OSSAccessKeyId" in query:
        return _verify_v1_url(request, query, find_key, now)
    raise _denied("You have no right to access this object because of bucket acl.", "0003-00000001")


def _verify_v1_header(request: SignedRequest, authorization: str, find_key: KeyFinder, now: float) -> StsKey:
    key_id, _, signature = authorization.removeprefix("OSS ").partition(":")
    # Aliyun's second Python SDK writes the header without its prefix.
    token = request.headers.get("x-oss-security-token") or request.headers.get("security-token", "")
    key = _valid_key(key_id.strip(), token, find_key, now)
    date = request.headers.get("x-oss-date") or request.headers.get("date", "")
    _check_skew(_http_date(date), date, now)
    return _match_v1(request, key, date, signature.strip())


def _verify_v1_url(request: SignedRequest, query: Mapping[str, str], find_key: KeyFinder, now: float) -> StsKey:
    token = query.get("security-token") or request.headers.get("x-oss-security-token", "")
    key = _valid_key(query["OSSAccessKeyId"], token, find_key, now)
    expires = query.get("Expires", "")
    if not expires.isdigit():
        raise _denied("Invalid date (should be seconds since epoch).", "0002-00000225")
    if now > int(expires):
        raise _denied("Request has expired.", "0002-00000224", Expires=expires, ServerTime=_iso(now))
    return _match_v1(request, key, expires, query.get("Signature", ""))


def _match_v1(request: SignedRequest, key: StsKey, date: str, signature: str) -> StsKey:
    texts = [v1_string(request, date, resource) for resource in request.resources]
    if any(hmac.compare_digest(v1_signature(key.secret, t).encode(), signature.encode()) for t in texts):
        return key
    raise _mismatch(key, signature, texts[0])


def v1_string(request: SignedRequest, date: str, resource: str) -> str:
    """V1's string to sign (protocol.md §4.1)."""
    headers = request.headers
    oss = "".join(f"{k}:{v.strip()}\n" for k, v in sorted(headers.items()) if k.startswith("x-oss-"))
    signed = sorted((k, v) for k, v in request.query if k in V1_SUBRESOURCES)
    query = "&".join(f"{k}={v}" if v else k for k, v in signed)
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date]
    return "\n".join(lines) + f"\n{oss}{resource}" + (f"?{query}" if query else "")


def v1_signature(secret: str, text: str) -> str:
    """base64(HMAC-SHA1)."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()


def _verify_v4_header(request: SignedRequest, authorization: str, find_key: KeyFinder, now: float) -> StsKey:
    match = _V4_HEADER.fullmatch(authorization)
    fields = dict(f.strip().partition("=")[::2] for f in match.group(1).split(",")) if match else {}
    key_id, scope = _credential(fields.get("Credential", ""))
    key = _valid_key(key_id, request.headers.get("x-oss-security-token", ""), find_key, now)
    stamp, when = _v4_time(request.headers)
    day = _day(_check_skew(when, stamp, now))
    additional = [h for h in fields.get("AdditionalHeaders", "").split(";") if h]
    return _match_v4(request, key, scope, stamp, day, additional, fields.get("Signature", ""))


def _verify_v4_url(request: SignedRequest, query: Mapping[str, str], find_key: KeyFinder, now: float) -> StsKey:
    key_id, scope = _credential(query["x-oss-credential"])
    key = _valid_key(key_id, query.get("x-oss-security-token", ""), find_key, now)
    stamp = query.get("x-oss-date", "")
    when, life = _basic_date(stamp), query.get("x-oss-expires", "")
    if when is None or not life.isdigit():
        raise _denied("Invalid signing date or expires.", "0002-00000225")
    if when - now > MAX_SKEW:
        _check_skew(when, stamp, now)
    if now > when + int(life):
        raise _denied("Request has expired.", "0002-00000224", Expires=_iso(when + int(life)))
    additional = [h for h in query.get("x-oss-additional-headers", "").split(";") if h]
    unsigned = replace(request, query=[(k, v) for k, v in request.query if k != "x-oss-signature"])
    return _match_v4(unsigned, key, scope, stamp, _day(when), additional, query.get("x-oss-signature", ""))


def _match_v4(
    request: SignedRequest,
    key: StsKey,
    scope: str,
    stamp: str,
    day: str,
    additional: list[str],
    signature: str,
) -> StsKey:
    digest = hashlib.sha256(v4_canonical_request(request, additional).encode()).hexdigest()
    text = f"OSS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signing_key = f"aliyun_v4{key.secret}".encode()
    for step in scope.split("/"):
        signing_key = hmac.digest(signing_key, step.encode(), "sha256")
    expected = hmac.digest(signing_key, text.encode(), "sha256").hex()
    if scope.startswith(f"{day}/") and hmac.compare_digest(expected.encode(), signature.encode()):
        return key
    raise _mismatch(key, signature, text)


def v4_canonical_request(request: SignedRequest, additional: list[str]) -> str:
    """V4's canonical request: all query parameters, the OSS headers, and the additional ones that are named."""
    query = sorted((quote(k, safe=""), quote(v, safe="")) for k, v in request.query)
    wanted = {"content-type", "content-md5", *additional}
    headers = [(k, v.strip()) for k, v in sorted(request.headers.items()) if k in wanted or k.startswith("x-oss-")]
    return "\n".join(
        [
            request.method,
            quote(f"/{request.bucket}/{request.key}", safe="/"),
            "&".join(f"{k}={v}" if v else k for k, v in query),
            "".join(f"{k}:{v}\n" for k, v in headers),
            ";".join(sorted(additional)),
            request.headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )


def _credential(text: str) -> tuple[str, str]:
    key_id, _, scope = text.partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or parts[2:] != ["oss", "aliyun_v4_request"]:
        raise OssFault(400, "InvalidArgument", "Invalid credential scope in Authorization.", "0002-00000204")
    return key_id, scope


def _valid_key(key_id: str, token: str, find_key: KeyFinder, now: float) -> StsKey:
    key = find_key(key_id)
    if key is None or not token:
        # An STS key id without its token is as unknown to OSS as a made-up one.
        raise OssFault(
            403,
            "InvalidAccessKeyId",
            "The OSS Access Key Id you provided does not exist in our records.",
            "0002-00000902",
            OSSAccessKeyId=key_id,
        )
    if not hmac.compare_digest(key.token.encode(), token.encode()):
        raise OssFault(403, "InvalidSecurityToken", "The security token you provided is invalid.", "0002-00000006")
    if now >= key.expires:
        raise OssFault(403, "SecurityTokenExpired", "The security token you provided has expired.", "0002-00000007")
    return key


def _check_skew(when: float | None, text: str, now: float) -> float:
    """When it was signed."""
    if when is None:
        raise _denied("OSS authentication requires a valid Date.", "0002-00000218")
    if abs(now - when) > MAX_SKEW:
        raise OssFault(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            "0002-00000504",
            MaxAllowedSkewMilliseconds=str(MAX_SKEW * 1000),
            RequestTime=_iso(when),
            ServerTime=_iso(now),
        )
    return when


def _v4_time(headers: Mapping[str, str]) -> tuple[str, float | None]:
    """The time as the client wrote and signed it, and as a number."""
    if "x-oss-date" in headers:
        return headers["x-oss-date"], _basic_date(headers["x-oss-date"])
    # Aliyun's Go SDK sends no x-oss-date and signs the text of Date.
    date = headers.get("date", "")
    return date, _http_date(date)


def _day(when: float) -> str:
    return f"{datetime.fromtimestamp(when, UTC):%Y%m%d}"


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _basic_date(text: str) -> float | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _iso(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%S.000Z}"


def _denied(message: str, ec: str, **extra: str) -> OssFault:
    return OssFault(403, "AccessDenied", message, ec, **extra)


def _mismatch(key: StsKey, signature: str, text: str) -> OssFault:
    return OssFault(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided."
        " RangeCheck your key and signing method.",
        "0002-00000040",
        OSSAccessKeyId=key.key_id,
        SignatureProvided=signature,
        StringToSign=text,
    )
