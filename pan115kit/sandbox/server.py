"""uvicorn in a thread of its own, with the transport at hand for faults that cut connections."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .._base.http_server import HttpServer
from .asgi import SandboxApp
from .services import Services
from .settings import Settings

_READY_TIMEOUT = 30.0


class _Protocol(HttpToolsProtocol):
    """Puts the connection's transport where the application finds it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # asyncio does so itself only for sockets made with an explicit protocol number; without it every reply that
        # is written in two pieces waits 40 ms for the client's delayed ACK
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class ServerThread:
    """A running sandbox server.

    Args:
        folder: State and blobs.
        settings: Settings, shared with whoever changes them.
        host: Address to listen on.
        port: 0 for any free one.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, folder: Path, settings: Settings, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self.port: int = self._socket.getsockname()[1]
        shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host
        try:
            self.services = Services.create(folder, settings, f"http://{shown}:{self.port}")
        except BaseException:  # also on Ctrl-C: the port is free again
            self._socket.close()
            raise
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app: SandboxApp | None = None
        self._server: HttpServer | None = None
        self._thread = threading.Thread(target=self._run, name="pan115kit-sandbox", daemon=True)

    def start(self) -> None:
        """Serve; returns when connections are accepted."""
        self._thread.start()
        self._ready.wait(_READY_TIMEOUT)
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Cut connections, end the thread, close the state.  A second call does nothing."""
        if self._loop is not None and self._app is not None and self._server is not None:
            asyncio.run_coroutine_threadsafe(self._close(self._app, self._server), self._loop).result()
            self._loop = None
        if self._thread.is_alive():
            self._thread.join()
            self.services.database.close()

    async def _close(self, app: SandboxApp, server: HttpServer) -> None:
        server.close_listener()  # first, or a quick client comes back to a dying server
        await app.close()
        server.end()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to start()
            self._failure = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._app = SandboxApp(self.services)
        config = uvicorn.Config(
            self._app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
        self._server = HttpServer(config, self._socket, self._ready.set)
        await self._server.serve()
