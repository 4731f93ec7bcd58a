"""``/sandbox/…``: the page for people, and JSON for other processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from ..errors import ConfigError
from .accounts import QrStatus
from .page import render
from .state import Dials
from .views import all_files, all_uploads
from .world import World


class Control:
    """Looking at a sandbox and turning its dials over HTTP.

    Changes must be sent as ``application/json``, which no foreign web page can do unasked.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._reads: dict[str, Callable[[Request], object]] = {
            "requests": lambda r: [asdict(x) for x in world.story.records(int(r.query_params.get("after", 0)))],
            "log": lambda _: world.story.text(),
            "files": lambda _: [asdict(f) for f in all_files(world)],
            "uploads": lambda _: [asdict(u) for u in all_uploads(world)],
            "faults": lambda _: [asdict(f) for f in world.faults.waiting()],
        }
        self._writes: dict[str, Callable[[dict[str, Any]], object]] = {
            "faults": lambda d: asdict(world.faults.add(**d)),
            "clear_faults": lambda _: world.faults.clear(),
            "release": lambda _: world.faults.release(),
            "set": lambda d: turn(world.dials, d),
            "login": lambda d: step_login(world, str(d.get("status", "confirmed")), d.get("uid")),
            "expire_access_token": lambda _: world.accounts.expire_access_tokens(),
            "revoke_refresh_token": lambda _: world.accounts.revoke(),
            "expire_sts": lambda _: world.accounts.expire_sts(),
            "add_instant": lambda d: world.uploads.learn(str(d["sha1"]).upper(), int(d["size"])),
        }

    async def handle(self, request: Request) -> Response:
        """Answer one of them."""
        name = request.url.path.removeprefix("/sandbox").strip("/")
        if request.method == "GET":
            if not name:
                return HTMLResponse(render(self._world))
            read = self._reads.get(name)
            return _unknown(name) if read is None else JSONResponse(read(request))
        write = self._writes.get(name)
        if write is None or request.method != "POST":
            return _unknown(name)
        if not request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": "send application/json"}, 415)
        try:
            data = json.loads(await request.body() or b"{}")
            return JSONResponse({"ok": True, "result": write(data)})
        except (ConfigError, ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)


def turn(dials: Dials, values: dict[str, Any]) -> None:
    """Change dials.

    Raises:
        ConfigError: There is no such dial.
    """
    known = {f.name for f in fields(Dials)}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"the sandbox has no {name!r}", hint=f"it has {', '.join(sorted(known))}")
        setattr(dials, name, value)


def step_login(world: World, status: str, uid: str | None = None) -> None:
    """What the person with the phone does: ``scanned``, ``confirmed``, ``cancelled``; or ``expired``.

    Raises:
        ConfigError: Nobody is logging in, or there is no such status.
    """
    try:
        step = QrStatus[status.upper()]
    except KeyError:
        raise ConfigError(f"no login status {status!r}", hint="scanned, confirmed, cancelled, expired") from None
    login = world.accounts.qr(uid) if uid else world.accounts.last_qr()
    if login is None:
        raise ConfigError("nobody is logging in", hint="ask for a QR code first")
    login.status = step


def _unknown(name: str) -> Response:
    return JSONResponse({"error": f"the sandbox has no {name!r}"}, 404)
