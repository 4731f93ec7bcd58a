"""Download links: what they are bound to, and whether a GET may have the bytes (protocol-drive.md D3.3).

A link carries all it needs, signed; nothing is remembered but how many are open.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from ..settings import Settings
from .tree import Entry

#: The first step of a link's path; the object and the file's name follow.
DOWNLOAD_HOST_PATH = "/cdnfhnfile"
#: Seconds that the cookie of a reply lives, which a link may be bound to (D3.1).
COOKIE_LIFE = 900

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class LinkRefused(Exception):
    """The download host answers 403.

    Attributes:
        message: Its words.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class DownloadLink:
    """A link as a download call hands it out.

    Attributes:
        path: Of its object, which the cookie is for.
        cookie: Name and value that the GET must carry; None where the link is bound to none.
        expires: Epoch seconds.
    """

    url: str
    path: str
    cookie: tuple[str, str] | None
    expires: int

    @property
    def set_cookie(self) -> str | None:
        """``Set-Cookie`` of the reply."""
        if self.cookie is None:
            return None
        name, value = self.cookie
        return f"{name}={value}; Max-Age={COOKIE_LIFE}; Path={self.path}"


class DownloadLinks:
    """Makes links and counts those that are open.

    Args:
        address: ``http://host:port`` of the sandbox.
        secret: Signs links.
    """

    def __init__(self, address: str, secret: str, user_id: int, settings: Settings) -> None:
        self._address = address
        self._secret = secret.encode()
        self._user_id = user_id
        self._settings = settings
        self._open: Counter[str] = Counter()

    def make(self, entry: Entry, user_agent: str, *, bound: int, tag: str, now: float) -> DownloadLink:
        """A link to a file.

        Args:
            user_agent: Of the asking call; an empty one makes a link that is bound to nothing (D3.3).
            bound: ``f``: 0 nothing, 1 the User-Agent, 3 also the cookie.
            tag: Which client asks, as ``d`` shows it.
            now: Epoch seconds.
        """
        if not user_agent:
            bound = 0
        name = f"{entry.sha1.lower()}{entry.size:016x}"
        path = f"{DOWNLOAD_HOST_PATH}/{name}"
        fields = {
            "t": str(int(now + self._settings.link_life)),
            "u": str(self._user_id),
            "s": "524288000",
            "d": f"vip-{self._user_id}-{tag}",
            "c": str(self._settings.link_opens),
            "f": str(bound) if bound else "",
        }
        key = self._sign(name, fields, user_agent)
        query = urlencode({**fields, "k": key, "us": "5242880000", "uc": str(self._settings.user_opens), "v": "1"})
        url = f"{self._address}{path}/{quote(entry.name, safe='')}?{query}"
        return DownloadLink(url, path, self._cookie(key) if bound == 3 else None, int(fields["t"]))

    def check(
        self, name: str, query: Mapping[str, str], user_agent: str, cookies: Mapping[str, str], now: float
    ) -> None:
        """May this GET have the bytes?

        Args:
            name: The object.
            now: Epoch seconds.

        Raises:
            LinkRefused: Changed, expired, another User-Agent, or no cookie.
        """
        fields = {n: query.get(n, "") for n in ("t", "u", "s", "d", "c", "f")}
        if not fields["t"].isdigit() or now >= int(fields["t"]):
            raise LinkRefused("url expired")
        # A link that is bound to nothing was signed for no User-Agent.
        signed_for = user_agent if fields["f"] else ""
        if not hmac.compare_digest(self._sign(name, fields, signed_for), query.get("k", "")):
            raise LinkRefused("sign or user agent invalid")
        if fields["f"] == "3":
            cookie, value = self._cookie(query["k"])
            if not cookies:
                raise LinkRefused("no cookie value")
            if cookies.get(cookie) != value:
                raise LinkRefused("cookie invalid")

    def open(self, key: str) -> None:
        """A GET begins; :meth:`close` ends it.

        Raises:
            LinkRefused: The link, or the user's links in all, are open too often.
        """
        of_link, of_user = self._settings.link_opens, self._settings.user_opens
        if (of_link and self._open[key] >= of_link) or self._open.total() >= of_user:
            raise LinkRefused("too many connections")
        self._open[key] += 1

    def close(self, key: str) -> None:
        """A GET has ended."""
        self._open[key] -= 1

    def _sign(self, name: str, fields: Mapping[str, str], user_agent: str) -> str:
        text = "\n".join([name, *(f"{k}={v}" for k, v in fields.items()), user_agent if fields["f"] else ""])
        return hmac.digest(self._secret, text.encode(), "md5").hex()

    def _cookie(self, key: str) -> tuple[str, str]:
        """Name and value are 32 hex digits each (D3.3)."""
        name, value = (hmac.digest(self._secret, f"{part} {key}".encode(), "md5").hex() for part in ("name", "value"))
        return name, value


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes that a GET is answered with.

    Attributes:
        end: One past the last.
        status: 200, 206, or 416 where the file has nothing there.
    """

    start: int
    end: int
    status: int


def requested_range(header: str, size: int) -> ByteRange:
    """What a ``Range`` header means for a file of ``size`` bytes; none, or one of another kind, is the whole file.

    An empty file has no range at all (D3.3).
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return ByteRange(0, size, 200)
    first, last = match.groups()
    if first:
        start, end = int(first), min(size, int(last) + 1) if last else size
    else:
        start, end = max(0, size - int(last)), size
    return ByteRange(start, end, 206) if start < end else ByteRange(0, 0, 416)
