"""A running server, in a thread of its own beside a notebook or script."""

from __future__ import annotations

import asyncio
import html
import os
import socket
import threading
import warnings
from collections.abc import Iterable
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from .._base import event_loops
from .._base.http_server import HttpServer
from ..errors import ConfigError
from ..i18n import say
from ..progress.tracker import ProgressTracker
from ..store import Store
from ..transfer.queue import UploadQueue
from .access import is_loopback
from .allowed_folders import AllowedFolder
from .app import create_app
from .connections import ConnectionLimit, LimitedHttp, LimitedWebSocket, connection_limit

#: Seconds that answers under way may take when the server stops.
GRACE = 2
#: Seconds to wait for it to begin; a busy machine takes a while.
STARTING = 60
#: Milliseconds after which the system drops a connection whose other end takes nothing.
_USER_TIMEOUT = 30_000


class Server:
    """REST, WebSocket and page, served from a thread of its own.

    Made by :func:`serve` (or ``client.serve()``).  As a cell's last line it is a link.

    Args:
        app: From :func:`create_app`.
        token: What every call needs.
        listener: A bound socket.
        host: Where it is bound.

    Raises:
        ConfigError: It did not start.

    Example:
        >>> server = client.serve()                 # doctest: +SKIP
        >>> server.link                             # doctest: +SKIP
        'http://127.0.0.1:8115/?token=…'
        >>> server.stop()                           # doctest: +SKIP
    """

    def __init__(self, app: FastAPI, token: str, listener: socket.socket, host: str) -> None:
        self._token = token
        self._pid = os.getpid()
        self._host = host
        self.port: int = listener.getsockname()[1]
        self.app = app
        config = uvicorn.Config(
            app,
            http=LimitedHttp,
            log_config=None,  # the host program's logging is its own
            log_level="warning",  # uvicorn's "info" lines would carry ?token=
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws=LimitedWebSocket,  # from 0.53 on it waits for a slow client instead of filling the memory
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,  # a compressor per client costs more than a loopback saves
            timeout_graceful_shutdown=GRACE,
            lifespan="on",
        )
        self._started = threading.Event()
        self._ready = False
        self._http = HttpServer(config, listener, self._on_ready, admit=ConnectionLimit(connection_limit()).admit)
        self._thread = threading.Thread(target=self._run, name="pan115-server", daemon=True)
        self._thread.start()
        self._started.wait(STARTING)
        if not self.running:
            raise ConfigError(say("server.not_started"), hint=say("server.not_started.hint"))
        event_loops.at_exit(self.stop)

    def _on_ready(self) -> None:
        self._ready = True
        self._started.set()

    def _run(self) -> None:
        # new_event_loop, not asyncio.run: a user may have patched the latter (nest_asyncio)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._http.serve())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            self._started.set()

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self._pid == os.getpid() and self._thread.is_alive() and self._ready

    @property
    def url(self) -> str:
        """Where it is, without the token."""
        everywhere = self._host in ("", "0.0.0.0", "::")
        name = socket.gethostname() if everywhere else self._host
        return f"http://[{name}]:{self.port}/" if ":" in name else f"http://{name}:{self.port}/"

    @property
    def token(self) -> str:
        """What every call needs."""
        return self._token

    @property
    def link(self) -> str:
        """Open this in a browser: it logs the browser in.

        It carries the token; what a notebook shows of a server does not.
        """
        return f"{self.url}?token={quote(self._token, safe='')}"

    def stop(self) -> None:
        """End all connections and the thread; uploads go on.  Stopping twice does nothing."""
        if self._pid != os.getpid():
            return  # a forked child has neither thread nor listener
        event_loops.not_at_exit(self.stop)
        self._http.end()
        if threading.current_thread() is not self._thread:
            self._thread.join(GRACE + 5)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Server {self.url} {'running' if self.running else 'stopped'}>"

    def _repr_html_(self) -> str:
        if not self.running:
            stopped = html.escape(say("server.stopped"))
            return f"<span>{stopped}</span>"
        # a code that works once: the output is saved with the notebook, and must not carry the token
        link = html.escape(f"{self.url}?code={self.app.state.login_codes.new()}")
        title, url = html.escape(say("server.open_page")), html.escape(self.url)
        return f'<a href="{link}" target="_blank" rel="noopener noreferrer">{title}</a> <code>{url}</code>'


def serve(
    queue: UploadQueue,
    tracker: ProgressTracker,
    store: Store,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    roots: Iterable[str | os.PathLike[str] | AllowedFolder] = (),
    allow_remote: bool = False,
    allowed_hosts: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
) -> Server:
    """Serve beside the running program, from a thread of its own.

    Args:
        queue: Runs the uploads that are started and commanded here.
        tracker: The uploads of this process.
        store: The state directory.
        host: Where to listen; loopback by default.
        port: 0 takes a free one.
        token: None takes ``PAN115_SERVER_TOKEN``, else a random one.
        roots: Local folders that may be uploaded from; none by default.
        allow_remote: Needed for a ``host`` that others can reach.
        allowed_hosts: Further names the server goes by.
        allowed_origins: Origins of other pages that may use it.

    Returns:
        The running server.

    Raises:
        ConfigError: The port is taken, the host needs ``allow_remote``, a root is no folder, the token is too weak.
    """
    given = token if token is not None else os.environ.get("PAN115_SERVER_TOKEN") or None
    if not is_loopback(host):
        _check_remote(host, allow_remote)
    app = create_app(
        queue,
        tracker,
        store,
        token=given,
        roots=roots,
        host=host,
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
    )
    listener = _listen(host, port)
    try:
        return Server(app, app.state.access.token, listener, host)
    except ConfigError:
        listener.close()
        raise


def _check_remote(host: str, allow_remote: bool) -> None:
    if not allow_remote:
        raise ConfigError(say("server.needs_allow_remote", host=host), hint=say("server.needs_allow_remote.hint"))
    warnings.warn(say("server.reachable", host=host), UserWarning, stacklevel=3)


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is known at once, and which one port 0 has become."""
    if not 0 <= port <= 65_535:  # the system would take the rest of a division
        raise ConfigError(say("server.not_a_port", port=port), hint=say("server.not_a_port.hint"))
    address_text = f"{host}:{port}"
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, number)
    except OSError as error:
        message = say("server.cannot_listen", address=address_text, why=error)
        raise ConfigError(message, hint=say("server.cannot_listen.hint")) from None
    try:
        if os.name == "posix":  # elsewhere it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        message = say("server.cannot_listen", address=address_text, why=error)
        raise ConfigError(message, hint=say("server.port_taken.hint")) from None
    return listener
