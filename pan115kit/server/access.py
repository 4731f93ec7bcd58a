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
from ..i18n import both

#: Names of this machine that no DNS answer can give to a foreign page.
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
#: A token that protects a server others can reach must not be guessable.
MIN_REMOTE_TOKEN = 16


def new_token() -> str:
    """A random token of 256 bits.

    Example:
        >>> len(new_token())
        43
    """
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether a server bound to ``host`` is reached from this machine only.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("")
        (True, True, False, False)
    """
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
    """Name (lower case, no brackets) and port of a ``Host`` header, or None if it is none.

    Example:
        >>> split_host("LocalHost:8115"), split_host("[::1]:80"), split_host("a@b"), split_host("")
        (('localhost', 8115), ('::1', 80), None, None)
    """
    try:
        parts = urlsplit(f"//{header}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or "@" in header or parts.path or parts.query or parts.fragment:
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

    Example:
        >>> access = Access("secret", frozenset({"localhost"}))
        >>> access.knows_host("localhost:8115"), access.knows_host("evil.example")
        (True, False)
        >>> access.trusts_origin("http://localhost:8115", "localhost:8115")
        True
        >>> access
        <Access hosts=['localhost']>
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

    Example:
        >>> sorted(make_access("t").hosts)
        ['127.0.0.1', '::1', 'localhost']
    """
    remote = not is_loopback(host)
    if token is not None and not token.strip():
        raise ConfigError("the server's token is empty", hint="leave it out for a random one")
    if token is not None and remote and len(token) < MIN_REMOTE_TOKEN:
        raise ConfigError(
            f"the server's token is shorter than {MIN_REMOTE_TOKEN} characters, and others can reach this server",
            hint="leave it out for a random one",
        )
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
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ConfigError(f"{text!r} is not an origin", hint="e.g. http://localhost:5173")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def tokens_given(headers: Mapping[str, str], query: str, cookie: str) -> list[str]:
    """The tokens a request carries: ``Authorization: Bearer``, ``?token=`` and the cookie.

    Args:
        headers: Lower-case names.
        query: The raw query string.
        cookie: The name of our cookie.

    Example:
        >>> tokens_given({"authorization": "Bearer a", "cookie": "c=b%20b"}, "x=1&token=d", "c")
        ['a', 'd', 'b b']
    """
    given = []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        given.append(value.strip())
    given += parse_qs(query, max_num_fields=100).get("token", []) if query.count("&") < 100 else []
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        jar.clear()
    if cookie in jar:
        given.append(unquote(jar[cookie].value))
    return given


def cookie_name(host: str) -> str:
    """Our cookie's name for a browser that calls us ``host``: cookies know no ports, two servers must not share one.

    Example:
        >>> cookie_name("127.0.0.1:8115"), cookie_name("localhost")
        ('pan115kit-8115', 'pan115kit')
    """
    found = split_host(host)
    return f"pan115kit-{found[1]}" if found and found[1] else "pan115kit"


def cookie_header(host: str, token: str, *, secure: bool) -> str:
    """The ``Set-Cookie`` that lets a browser in until it is closed.

    Example:
        >>> cookie_header("127.0.0.1:8115", "abc", secure=False)
        'pan115kit-8115=abc; Path=/; HttpOnly; SameSite=Strict'
    """
    flags = "Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")
    return f"{cookie_name(host)}={quote(token, safe='')}; {flags}"


def refused_host() -> str:
    """What a caller hears who calls this server by a name it does not have."""
    return both(
        "请求的 Host 不是本服务器的名称；如需使用其他名称，请设置 allowed_hosts",
        "this is not a name of this server; name it in allowed_hosts if it should be",
    )


def refused_origin() -> str:
    """What a foreign page hears."""
    return both(
        "不接受来自其他网页的请求；如需允许，请设置 allowed_origins",
        "requests from other pages are refused; name the page's origin in allowed_origins if it may",
    )


def refused_token() -> str:
    """What a caller hears who has no, or another, token."""
    return both(
        "需要令牌：请打开服务器启动时给出的链接，或使用 Authorization: Bearer",
        "a token is needed: open the link the server gave at its start, or send Authorization: Bearer",
    )
