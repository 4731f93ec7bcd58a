"""Is a request for OSS, and for which object?"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from ..keys import BUCKET


def locate(host: str, path: str, headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str] | None:
    """Bucket and key of an OSS request in path style or virtual-host style; None for 115's own hosts."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    label, _, rest = name.partition(".")
    if label == BUCKET and rest:
        return label, path[1:]
    bucket, _, key = path[1:].partition("/")
    if bucket == BUCKET:
        return bucket, key
    signed = headers.get("authorization", "").startswith(("OSS ", "OSS4-"))
    if not signed and "OSSAccessKeyId" not in query and "x-oss-credential" not in query:
        return None
    return (label, path[1:]) if rest and not _is_address(name) else (bucket, key)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
