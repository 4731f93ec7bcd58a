"""Who may come in: the token, the names this server goes by, the pages that may talk to it.  Pure.

A server on 127.0.0.1 is still reachable from every web page the user has open.  So a request must (1) name this
server in ``Host`` (else a foreign name was pointed at us: DNS rebinding), (2) not come from a foreign page
(``Origin``, ``Sec-Fetch-Site``: cross-site requests and WebSockets) and (3) carry the token.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ..errors import ConfigError
from ..i18n import say

#: Names of this machine that no DNS answer can give to a foreign page.
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
#: A token that protects a server others can reach must not be guessable.
MIN_REMOTE_TOKEN = 16


def new_token() -> str:
    """A random token of 256 bits."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether a server bound to ``host`` is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_address(name: str) -> bool:
    """Whether ``name`` is an IP address; such a ``Host`` cannot come from DNS rebinding, which needs a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def split_host(header: str) -> tuple[str, int | None] | None:
    """Name (lower case, no brackets) and port of a ``Host`` header, or None if it is none."""
    try:
        url = urlsplit(f"//{header}")
        name, port = url.hostname, url.port
    except ValueError:
        return None
    if not name or "@" in header or url.path or url.query or url.fragment:
        return None
    return name.rstrip("."), port


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """The rules of one server.  Its repr does not tell the token.

    Attributes:
        token: Opens everything.
        hosts: Names this server goes by, lower case, without ports.
        origins: Pages of other origins that may talk to it, e.g. ``http://localhost:5173``.
        any_address: Every IP address counts as one of our names (a server bound to all interfaces).
    """

    token: str
    hosts: frozenset[str]
    origins: frozenset[str] = frozenset()
    any_address: bool = False

    def __repr__(self) -> str:
        return f"<Access hosts={sorted(self.hosts)}>"

    def knows_host(self, header: str) -> bool:
        """Whether a ``Host`` header names this server."""
        found = split_host(header)
        return found is not None and (found[0] in self.hosts or (self.any_address and is_address(found[0])))

    def trusts_origin(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` may talk to this server, which was addressed as ``host``."""
        if origin in self.origins:
            return True
        scheme, separator, rest = origin.partition("://")
        return bool(separator) and scheme in ("http", "https") and rest.lower() == host.lower()

    def opens(self, given: Iterable[str]) -> bool:
        """Whether one of the tokens given is ours; takes the same time whatever they are."""
        ours = self.token.encode("utf-8", "surrogateescape")
        found = False
        for token in given:
            found |= hmac.compare_digest(token.encode("utf-8", "surrogateescape"), ours)
        return found


def make_access(
    token: str | None,
    *,
    host: str = "127.0.0.1",
    allowed_hosts: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
    own_names: Iterable[str] = (),
) -> Access:
    """The rules for a server bound to ``host``.

    Args:
        token: None makes a random one.
        host: Where it is bound.
        allowed_hosts: Further names it goes by (behind a proxy, in a container).
        allowed_origins: Origins of other pages that may talk to it.
        own_names: This machine's names; used only where the bind is not loopback.

    Raises:
        ConfigError: An empty token, a short one for a server that others can reach, or something that is no origin.
    """
    remote = not is_loopback(host)
    if token is not None and not token.strip():
        raise ConfigError(say("server.token_empty"), hint=say("server.token.hint"))
    if token is not None and remote and len(token) < MIN_REMOTE_TOKEN:
        raise ConfigError(say("server.token_short", length=MIN_REMOTE_TOKEN), hint=say("server.token.hint"))
    names = {
        *LOOPBACK_NAMES,
        *(name.lower() for name in allowed_hosts),
        *([] if host in ("", "*") else [host.lower()]),
    }
    if remote:
        names.update(name.lower() for name in own_names)
    origins = frozenset(_origin(origin) for origin in allowed_origins)
    return Access(token or new_token(), frozenset(names), origins, any_address=remote)


def _origin(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/"):
        raise ConfigError(say("server.not_an_origin", text=repr(text)), hint=say("server.not_an_origin.hint"))
    return f"{url.scheme}://{url.netloc.lower()}"


def tokens_given(headers: Mapping[str, str], query: str, cookie: str) -> list[str]:
    """The tokens a request carries: ``Authorization: Bearer``, ``?token=`` and the cookie.

    Args:
        headers: Lower-case names.
        query: The raw query string.
        cookie: The name of our cookie.
    """
    given = []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        given.append(value.strip())
    given += values_of(query, "token")
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        jar.clear()
    if cookie in jar:
        given.append(unquote(jar[cookie].value))
    return given


def values_of(query: str, name: str) -> list[str]:
    """The values of one field of a query string; none of a query with a hundred fields."""
    return parse_qs(query, max_num_fields=100).get(name, []) if query.count("&") < 100 else []


def cookie_name(host: str) -> str:
    """Our cookie's name for a browser that calls us ``host``.

    Cookies know no ports, and two servers must not share one.
    """
    found = split_host(host)
    return f"pan115kit-{found[1]}" if found and found[1] else "pan115kit"


def cookie_header(host: str, token: str, *, secure: bool) -> str:
    """The ``Set-Cookie`` that lets a browser in until it is closed."""
    flags = "Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")
    return f"{cookie_name(host)}={quote(token, safe='')}; {flags}"
