"""The door: every request and WebSocket passes here before anything else looks at it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..i18n import say
from . import access as rules
from .access import Access
from .json_text import encode
from .login_codes import LoginCodes
from .spool import MAX_PIECE

logger = logging.getLogger("pan115kit")

#: Where pieces of files are sent.
SPOOL = "/api/spool/"
#: Bytes of a request body; the largest real one is two paths.
MAX_BODY = 64 * 1024
#: Seconds a caller has to send its body.
BODY_PATIENCE = 10.0

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_SECURITY_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_Headers = list[tuple[bytes, bytes]]


class Guard:
    """ASGI middleware that lets in only who belongs (see :mod:`.access`), and bounds what they may send.

    The page's own files hold nothing secret and are open to everybody who reaches this server: a browser that
    follows the link from another site sends a ``SameSite=Strict`` cookie only with the page's own requests.

    Args:
        app: What is behind the door.
        access: The rules.
        codes: Let a browser in once each.
        max_body: Bytes of a request body.
    """

    def __init__(self, app: ASGIApp, access: Access, codes: LoginCodes, *, max_body: int = MAX_BODY) -> None:
        self._app = app
        self._access = access
        self._codes = codes
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        extra = self._cors(headers)
        guarded = _with_headers(send, extra)
        if _is_preflight(scope, headers) and extra:
            await _answer(guarded, HTTPStatus.NO_CONTENT, b"", [])
            return
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, receive, guarded, *refusal)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        login = self._login(scope)
        if login is not None:
            await self._welcome(scope, headers["host"], guarded, logged_in=login)
            return
        body = await self._body(scope, headers, receive)
        if isinstance(body, HTTPStatus):
            await _refuse(scope, receive, guarded, body, say(_TOO_MUCH[body]))
            return
        await self._answer_from_app(scope, _replay(body, receive), guarded)

    async def _answer_from_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's answer; a bug of ours is logged whole, and a caller learns nothing of our insides."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:  # a bug of ours: logged whole, and the client gets an answer
            if started:
                raise  # the half answer is cut off
            logger.exception("answering %s %s", scope["method"], scope["path"])
            await _refuse(scope, receive, send, HTTPStatus.INTERNAL_SERVER_ERROR, say("server.internal_error"))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[HTTPStatus, str] | None:
        """Why this one is not let in, or None."""
        host = headers.get("host", "")
        if not self._access.knows_host(host):
            return HTTPStatus.FORBIDDEN, say("server.refused_host")
        if _is_page(scope):
            return None
        origin = headers.get("origin")
        foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        if origin is not None:
            foreign = not self._access.trusts_origin(origin, host)
        if foreign:
            return HTTPStatus.FORBIDDEN, say("server.refused_origin")
        if not self._access.opens(rules.tokens_given(headers, _query(scope), rules.cookie_name(host))):
            return HTTPStatus.UNAUTHORIZED, say("server.refused_token")
        return None

    def _login(self, scope: Scope) -> bool | None:
        """Whether a link's token or code lets its browser in; None where this is no such link."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            return None
        if codes := rules.values_of(_query(scope), "code"):
            return any(self._codes.redeem(code) for code in codes)
        return True if self._access.opens(rules.tokens_given({}, _query(scope), "")) else None

    async def _welcome(self, scope: Scope, host: str, send: Send, *, logged_in: bool) -> None:
        """The link was opened: the token goes into a cookie, and the address bar becomes the page's own.

        A code that was used already changes nothing: the browser that used it has the cookie.
        """
        headers = [(b"location", b"./")]
        if logged_in:
            cookie = rules.cookie_header(host, self._access.token, secure=scope["scheme"] == "https")
            headers.append((b"set-cookie", cookie.encode("latin-1")))
        await _answer(send, HTTPStatus.SEE_OTHER, b"", headers)

    def _cors(self, headers: dict[str, str]) -> _Headers:
        """Pages of the origins the user named may read answers; they send the token themselves, never the cookie."""
        origin = headers.get("origin", "")
        if origin not in self._access.origins:
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-headers", b"authorization, content-type"),
            (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
            (b"vary", b"Origin"),
        ]

    async def _body(self, scope: Scope, headers: dict[str, str], receive: Receive) -> bytes | HTTPStatus:
        """The whole body, which is small, or what is wrong with it."""
        most = MAX_PIECE if _is_piece(scope) else self._max_body
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > most:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_PATIENCE):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    if len(body) > most:
                        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            return HTTPStatus.REQUEST_TIMEOUT


_TOO_MUCH = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "server.body_too_large",
    HTTPStatus.REQUEST_TIMEOUT: "server.body_too_late",
}


def _is_page(scope: Scope) -> bool:
    path: str = scope["path"]
    readable = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    return readable and (path in ("/", "/favicon.ico") or path.startswith("/static/"))


def _is_piece(scope: Scope) -> bool:
    """Whether a piece of a file is sent, which is larger than everything else."""
    return scope["method"] == "PUT" and str(scope["path"]).startswith(SPOOL)


def _is_preflight(scope: Scope, headers: dict[str, str]) -> bool:
    return scope["type"] == "http" and scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _query(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    return query.decode("latin-1")


def _with_headers(send: Send, extra: Iterable[tuple[bytes, bytes]]) -> Send:
    """Every answer carries the security headers, and is not kept by anybody unless it says otherwise."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *_SECURITY_HEADERS, *extra]
            if b"cache-control" not in present:
                message["headers"].append((b"cache-control", b"no-store"))
        await send(message)

    return guarded


def _replay(body: bytes, receive: Receive) -> Receive:
    replayed = False

    async def again() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(scope: Scope, receive: Receive, send: Send, status: HTTPStatus, detail: str) -> None:
    headers: _Headers = [(b"content-type", b"application/json")]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="pan115kit"'))
    if scope["type"] == "websocket":
        await receive()  # the handshake
        await send({"type": "websocket.close", "code": 1008, "reason": detail})  # before accept: HTTP 403
        return
    await _answer(send, status, encode({"detail": detail}).encode(), headers)


async def _answer(send: Send, status: HTTPStatus, body: bytes, headers: _Headers) -> None:
    length = [(b"content-length", str(len(body)).encode())] if status is not HTTPStatus.NO_CONTENT else []
    await send({"type": "http.response.start", "status": int(status), "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})
