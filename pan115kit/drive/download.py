"""Reading a file of the drive: a link for a while, and byte ranges of what it leads to (protocol-drive.md D3)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from urllib.parse import parse_qs, urlsplit

import httpx

from .._base.drive_codes import as_int
from ..errors import DriveError, DriveProtocolError, NetworkError, RateLimitedError
from ..i18n import say
from .data import DownloadLink, Entry
from .http_client import FIREWALL_COOKIE, ApiClient, network_error
from .secret import RedactedDict

#: A link is asked for again this many seconds before its end.
EARLY = 10.0
# How a refusal's own words are read no further than this.
_LONGEST_REFUSAL = 4096
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


def make_link(url: object, user_agent: str, headers: httpx.Headers) -> DownloadLink:
    """A link from an answer.

    Args:
        url: As 115 named it.
        user_agent: Of the call that asked.
        headers: The answer's, for the cookie that the file's host wants.

    Raises:
        DriveProtocolError: It is no address: 115 also sends ``http:///…``.
    """
    text = url if isinstance(url, str) else ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DriveProtocolError(say("drive.link.none"), hint=say("drive.try_again"))
    ends = as_int((parse_qs(parts.query).get("t") or [""])[0])
    cookie = file_cookie(headers.get_list("Set-Cookie"))
    return DownloadLink(text, user_agent, cookie, float(ends) if ends else None)


def file_cookie(answers: list[str]) -> str:
    """The cookie for the file's host among those that came with its link: not the firewall's, a path's if any."""
    found: dict[bool, list[str]] = {True: [], False: []}
    for answer in answers:
        pair, *attributes = (part.strip() for part in answer.split(";"))
        if "=" in pair and pair.partition("=")[0] != FIREWALL_COOKIE:
            path = next((a.partition("=")[2] for a in attributes if a.lower().startswith("path=")), "/")
            found[path not in ("", "/")].append(pair)
    return "; ".join(found[True] or found[False])


class RemoteReader:
    """Byte ranges of one file.

    The link is asked for when first needed and again when it ends; a line that breaks is taken up where it broke.

    Args:
        entry: The file.
        ask_link: Asks 115 for a link to it.
        api: The account's client: retries, and the connection to the file's host.
    """

    def __init__(self, entry: Entry, ask_link: Callable[[], Awaitable[DownloadLink]], api: ApiClient) -> None:
        self.entry = entry
        self._ask_link = ask_link
        self._api = api
        self._link: DownloadLink | None = None

    def __repr__(self) -> str:
        return f"<RemoteReader of {self.entry.name!r}, {self.entry.size} bytes>"

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes from ``start`` to before ``stop`` (the end if None).

        Raises:
            DriveError: 115 gives no link, or the file's host refuses it.
            NetworkError: No answer, also after retries.
        """
        return b"".join([block async for block in self.stream(start, stop)])

    async def stream(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """As :meth:`read`, block by block.

        Raises:
            DriveError: 115 gives no link, or the file's host refuses it.
            NetworkError: No answer, also after retries.
        """
        end = self.entry.size if stop is None else min(stop, self.entry.size)
        at, breaks = max(0, start), 0
        while at < end:  # nothing is asked for an empty file: its host answers 416
            response = await self._api.retrying(partial(self._open, at, end))
            broken: NetworkError | None = None
            try:
                async for block in response.aiter_bytes():
                    wanted = block[: end - at]
                    at += len(wanted)
                    breaks = 0
                    yield wanted
                    if at >= end:
                        return
            except httpx.HTTPError as error:
                broken = network_error(str(response.url), error)
            finally:
                await response.aclose()
            breaks += 1
            if breaks > self._api.config.retries:
                raise broken or DriveProtocolError(say("drive.link.short"), hint=say("drive.try_again"))

    async def _open(self, at: int, end: int) -> httpx.Response:
        """One answer whose body begins at byte ``at``."""
        link = self._link
        if link is None or (link.expires_at is not None and link.expires_at - EARLY <= self._api.server_time()):
            link = self._link = await self._ask_link()
        headers = RedactedDict(
            {
                "User-Agent": link.user_agent,
                "Range": f"bytes={at}-{end - 1}",
                "Accept-Encoding": "identity",
            }
        )
        if link.cookie:
            headers["Cookie"] = link.cookie
        response = await self._api.open_download(link.url, headers)
        try:
            failure = await self._failure(response, at)
        except httpx.HTTPError as error:
            failure = network_error(link.url, error)
        if failure is not None:
            await response.aclose()
            raise failure from None
        return response

    async def _failure(self, response: httpx.Response, at: int) -> DriveError | NetworkError | None:
        """What is wrong with an answer, or None where its body is what was asked for."""
        status = response.status_code
        if response.headers.get("Content-Encoding", "identity") != "identity":
            return DriveProtocolError(say("drive.link.no_range"), hint=say("drive.try_again"), code=status)
        if status == 206:
            return self._wrong_range(response.headers, at)
        if status == 200 and at == 0:  # the whole file, from a server that knows no ranges
            size = as_int(response.headers.get("Content-Length"))
            return None if size in (None, self.entry.size) else _other_file()
        if status in (401, 403, 404, 410):
            self._link = None
        if status == 403:
            body = await _beginning(response)
            if b"no cookie" in body:
                return DriveError(say("drive.link.no_cookie"), hint=say("drive.link.no_cookie.hint"), code=status)
            # over, too often open at once, or too fast: they look the same
            return RateLimitedError(say("drive.link.refused"), hint=say("refusal.busy.hint"), code=status)
        if status in (200, 416):
            return DriveProtocolError(
                say("drive.link.no_range"), hint=say("drive.try_again"), code=status, retryable=False
            )
        passing = status >= 500 or status in (401, 404, 408, 410, 429)
        return DriveError(
            say("drive.link.status", status=status), hint=say("drive.try_again"), code=status, retryable=passing
        )

    def _wrong_range(self, headers: httpx.Headers, at: int) -> DriveError | None:
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if found is None or int(found[1]) != at:
            return DriveProtocolError(say("drive.link.no_range"), hint=say("drive.try_again"))
        return _other_file() if found[3] not in ("*", str(self.entry.size)) else None


async def _beginning(response: httpx.Response) -> bytes:
    body = b""
    async for block in response.aiter_bytes():
        body += block
        if len(body) >= _LONGEST_REFUSAL:
            break
    return body


def _other_file() -> DriveProtocolError:
    return DriveProtocolError(say("drive.link.other_size"), hint=say("drive.link.other_size.hint"), retryable=False)
