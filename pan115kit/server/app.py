"""The application: REST, WebSocket and page over a queue, a tracker and a store."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.openapi.utils import get_openapi

from ..errors import StoreError
from ..progress.tracker import ProgressTracker
from ..store import Store
from ..transfer.queue import UploadQueue
from .access import Access, make_access
from .all_uploads import AllUploads
from .allowed_folders import AllowedFolder, AllowedFolders
from .dependencies import VERSION, ServerDependencies
from .guard import MAX_BODY, Guard
from .login_codes import LoginCodes
from .responses import COMMON, add_error_answers
from .routes.about import about_router
from .routes.history import history_router
from .routes.local import local_router
from .routes.pages import pages_router
from .routes.sessions import sessions_router
from .routes.spool import spool_router
from .routes.uploads import uploads_router
from .spool import Spool
from .websocket import WebSocketHub

logger = logging.getLogger("pan115kit")

#: A router per resource; their order is that in which they are asked.
ROUTERS = (sessions_router, history_router, about_router, local_router, spool_router, uploads_router)
WEBSOCKET_PATH = "/ws/upload/progress"

_DESCRIPTION = """
115上传断点续传和进度显示：REST、WebSocket 与网页。 Uploads to the 115 cloud drive: progress, sessions, commands.

Every call needs the server's token: `Authorization: Bearer …`, `?token=…`, or the cookie that the server's link sets.

**WS `/ws/upload/progress`**: `{"type":"upload_progress","data":{"uploads":[…]}}`, at once and then at most every
500 ms, only on change. Up to 200 uploads each message is the whole list. Beyond that the list comes once in pages
(`page`, `pages`, `total` beside `uploads`), then only what changed (`"partial": true`, and `removed`, a list of job
ids). `{"type":"ping","timestamp":…}` is answered with `{"type":"pong","timestamp":…}`. Code 1013: too slow or too
many clients, come back later.
"""


def create_app(
    queue: UploadQueue,
    tracker: ProgressTracker,
    store: Store,
    *,
    token: str | None = None,
    roots: Iterable[str | os.PathLike[str] | AllowedFolder] = (),
    host: str = "127.0.0.1",
    allowed_hosts: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
    access: Access | None = None,
    hub: Callable[[AllUploads], WebSocketHub] = WebSocketHub,
    max_body: int = MAX_BODY,
) -> FastAPI:
    """The ASGI application.

    Args:
        queue: Runs the uploads that are started and commanded here.
        tracker: The uploads of this process.
        store: The state directory: sessions, history, uploads of other processes.
        token: Opens everything; None makes a random one (``app.state.access.token``).
        roots: Local folders that may be uploaded from; none by default.
        host: Where the server is bound; anything but loopback makes IP addresses and this machine's name valid
            ``Host`` headers.
        allowed_hosts: Further names the server goes by, e.g. behind a proxy.
        allowed_origins: Origins of other pages that may use it, e.g. ``http://localhost:5173``; they must send the
            token themselves.
        access: Ready-made rules instead of ``token``, ``host`` and the two ``allowed_…``.
        hub: Makes the WebSocket side (tests shorten its patience).
        max_body: Bytes of a request body.

    Returns:
        The application; ``app.state.access`` has its rules, ``app.state.login_codes`` its links that log a browser in
        once, ``app.state.hub`` its WebSocket side.

    Raises:
        ConfigError: A root is no folder, a token is too weak.
    """
    rules = access or make_access(
        token,
        host=host,
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
        own_names=(socket.gethostname(), socket.getfqdn()) if host not in ("127.0.0.1", "localhost") else (),
    )
    uploads = AllUploads(tracker, store)
    dependencies = ServerDependencies(queue, uploads, store, AllowedFolders(roots), Spool(store.directory))
    clients = hub(uploads)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        cleaning = asyncio.create_task(_clean(dependencies), name="remove old spooled files")
        yield
        cleaning.cancel()
        await asyncio.wait([cleaning])
        await clients.close()

    app = FastAPI(
        title="pan115kit",
        version=VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url=None,  # both would load their scripts from elsewhere
        redoc_url=None,
        responses=COMMON,
        redirect_slashes=False,
    )
    app.state.access = rules
    app.state.hub = clients
    app.state.login_codes = LoginCodes()
    add_error_answers(app)
    for router in ROUTERS:
        app.include_router(router(dependencies))
    app.include_router(pages_router())

    @app.websocket(WEBSOCKET_PATH)
    async def progress(socket: WebSocket) -> None:
        await clients.attend(socket)

    app.add_middleware(Guard, access=rules, codes=app.state.login_codes, max_body=max_body)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


async def _clean(dependencies: ServerDependencies) -> None:
    try:
        await dependencies.remove_old_files()
    except StoreError as error:
        logger.warning("old spooled files were not looked for: %s", error)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The schema, with the token that every call needs."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemes = {"token": {"type": "http", "scheme": "bearer", "description": "the server's token"}}
        schema.setdefault("components", {})["securitySchemes"] = schemes
        schema["security"] = [{"token": []}]
        app.openapi_schema = schema
    return app.openapi_schema
