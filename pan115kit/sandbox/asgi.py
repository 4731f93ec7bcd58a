"""The ASGI application: finds the endpoint that is meant, applies faults, records the traffic."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from .call import Call, ConnectionGone
from .control import Control
from .drive.account_router import AccountRouter
from .drive.download_router import DownloadRouter
from .drive.login_router import LoginRouter
from .drive.open_file_router import OpenFileRouter
from .drive.open_upload_router import OpenUploadRouter
from .drive.replies import Handler, Refusal, answer, open_error
from .drive.web_change_router import WebChangeRouter
from .drive.web_file_router import WebFileRouter
from .drive.web_upload_router import WebUploadRouter
from .faults import OSS_ROUTES, Fault, FaultKind
from .oss.address import locate
from .oss.service import fault_reply, operation
from .oss.xml import OssFault
from .services import Services
from .traffic_log import RequestRecord

_STALL_STEP = 0.02
_CLOSE_TIMEOUT = 5.0
_WAF_PAGE = """<!doctypehtml><html lang="zh-cn"><head><meta charset="utf-8"><title>405</title></head><body>
<div data-spm="a3c0e.12537653"><p>很抱歉，由于您访问的URL有可能对网站造成安全威胁，您的访问被阻断。</p>
<p>您的请求ID是: sandbox</p></div><script src="https://errors.aliyun.com/error.js"></script></body></html>"""
_STATUS_CODES = {
    400: "InvalidRequest",
    403: "AccessDenied",
    404: "NoSuchUpload",
    408: "RequestTimeout",
    429: "TooManyRequests",
    500: "InternalError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}

Message = MutableMapping[str, Any]


class SandboxApp:
    """The ASGI application.

    Args:
        services: What it serves.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._control = Control(services)
        drive = services.drive
        routers = (
            AccountRouter(drive),
            LoginRouter(drive),
            WebUploadRouter(drive),
            WebFileRouter(drive),
            WebChangeRouter(drive),
            OpenUploadRouter(drive),
            OpenFileRouter(drive),
            DownloadRouter(drive),
        )
        self._endpoints = [
            (frozenset(methods.split()), re.compile(path), name, handler)
            for router in routers
            for methods, path, name, handler in router.endpoints()
        ]
        self._active: set[Call] = set()
        self._closing = asyncio.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if self._closing.is_set():
            await _hang_up(request.state.transport, receive)
            return
        if scope["path"].startswith("/sandbox"):
            await (await self._control.handle(request))(scope, receive, send)
            return
        place = locate(request.headers.get("host", ""), scope["path"], request.headers, dict(request.query_params))
        if place is not None:
            route = operation(request.method, place[1], dict(request.query_params))
            handler: Handler | None = None
        else:
            route, handler = self._find(request.method, scope["path"])
        record = self._services.traffic.begin(
            request.method, route, scope["path"], request.query_params.multi_items()
        )
        call = Call(request, route, self._services.traffic, record, self._stall)
        await self._run(call, record, place, handler, scope, receive, send)

    def _find(self, method: str, path: str) -> tuple[str, Handler | None]:
        for methods, pattern, name, handler in self._endpoints:
            if pattern.fullmatch(path) and (method in methods or (method == "HEAD" and "GET" in methods)):
                return name, handler
        return "unknown", None

    async def _run(
        self,
        call: Call,
        record: RequestRecord,
        place: tuple[str, str] | None,
        handler: Handler | None,
        scope: Any,
        receive: Any,
        send: Any,
    ) -> None:
        status = sent = 0

        async def counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        self._active.add(call)
        try:
            reply = await self._reply(call, place, handler)
            if "expect" in call.headers and not call.received:
                reply.headers["connection"] = "close"  # the client may keep its body to itself
            await reply(scope, receive, counted)
        except ConnectionGone:
            status = 0
            await _hang_up(call.request.state.transport, receive)
        finally:
            self._active.discard(call)
            self._services.traffic.end(record, status=status, received=call.received, sent=sent)

    async def _reply(self, call: Call, place: tuple[str, str] | None, handler: Handler | None) -> Response:
        call.fault = fault = self._services.faults.take(call.route)
        if fault is not None:
            call.note(f"⚡ {fault.kind}")
            early = await self._before(call, fault)
            if early is not None:
                return early
        if place is None:
            await call.body()  # so that a client that leaves while we wait has still asked
        await self._wait(self._services.settings.latency_ms / 1000)
        if fault is not None and fault.kind is FaultKind.SLOW:
            await self._wait(fault["seconds"])
        if place is not None:
            reply = await self._services.oss.handle(call, *place)
        elif handler is not None:
            reply = await handler(call)
        else:
            reply = answer({"state": False, "errno": 980006, "error": "404 Not Found"}, 404)
        return reply if fault is None else await self._after(call, fault, reply)

    # -- faults

    async def _before(self, call: Call, fault: Fault) -> Response | None:
        match fault.kind:
            case FaultKind.STATUS:
                return _refusal(call, fault)
            case FaultKind.HTML_405:
                return HTMLResponse(_WAF_PAGE, 405)
            case FaultKind.STATE_FALSE if call.route not in _ANSWERS_LATER:
                return _state_false(call, fault)
            case FaultKind.EMPTY:
                return answer({"state": True, "code": 0, "message": "", "data": []})
            case FaultKind.EXPIRE_STS:
                self._services.drive.accounts.expire_sts()
            case FaultKind.RESET_BEFORE if not fault["after_bytes"]:
                call.reset()
                raise ConnectionGone
            case FaultKind.STALL if fault["when"] == "before" and not fault["after_bytes"]:
                await self._stall(call)
        return None

    async def _after(self, call: Call, fault: Fault, reply: Response) -> Response:
        match fault.kind:
            case FaultKind.RESET_AFTER:
                call.reset()
                raise ConnectionGone
            case FaultKind.STALL if fault["when"] == "after":
                await self._stall(call)
            case FaultKind.TRUNCATED_JSON:
                body = bytes(reply.body)[: len(reply.body) // 2]
                reply.body = body
                reply.headers["content-length"] = str(len(body))
        return reply

    async def _stall(self, call: Call) -> None:
        """Until ``release()``; a client that leaves, or the end of the sandbox, ends it, too."""
        faults = self._services.faults
        mark = faults.releases
        faults.stalled += 1
        try:
            while True:
                # asked first: what its client has given up is not carried out when the others are released
                if self._closing.is_set() or call.client_gone():
                    raise ConnectionGone
                if faults.releases != mark:
                    return
                await asyncio.sleep(_STALL_STEP)
        finally:
            faults.stalled -= 1

    async def _wait(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return
        raise ConnectionGone

    async def close(self) -> None:
        """Cut every connection that is being served, as a killed server would; the port must be closed by now."""
        self._closing.set()
        give_up = time.monotonic() + _CLOSE_TIMEOUT
        while self._active and time.monotonic() < give_up:
            for call in list(self._active):
                call.request.state.transport.abort()
            await asyncio.sleep(0.005)
        await self._services.close()


#: Routes that show ``state: false`` in their own way.
_ANSWERS_LATER = frozenset({"initupload", "put_object", "post_object", "complete"})


async def _hang_up(transport: asyncio.Transport, receive: Any) -> None:
    transport.abort()
    while (await receive())["type"] != "http.disconnect":  # uvicorn must know before we return
        pass


def _refusal(call: Call, fault: Fault) -> Response:
    status = int(fault["status"])
    code = str(fault["code"] or _STATUS_CODES.get(status, "InternalError"))
    message = str(fault["message"] or "Please try again later.")
    if call.route in OSS_ROUTES:
        reply = fault_reply(call, OssFault(status, code, message))
    else:
        number = fault["code"] or status
        reply = JSONResponse({"state": False, "code": number, "message": message, "error": message}, status)
    for name, value in fault["headers"].items():
        reply.headers[name] = str(value)
    return reply


def _state_false(call: Call, fault: Fault) -> Response:
    code, message = fault["code"], fault["message"]
    if call.route == "gettoken":
        return answer({"StatusCode": "400", "ErrorCode": str(code), "ErrorMessage": message})
    if call.route.startswith("open_"):
        return open_error(Refusal(code, message))
    return answer({"state": False, "code": code, "message": message, "errno": code, "error": message})
