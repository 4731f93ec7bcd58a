"""``/sandbox/…``: the page for people, and JSON for other processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from ..errors import ConfigError
from ..i18n import say
from .control_page import render
from .drive.accounts import QrStatus
from .inventory import all_deleted, all_files, all_uploads
from .services import Services
from .settings import Settings


class Control:
    """Looking at a sandbox and changing its settings over HTTP.

    Changes must be sent as ``application/json``, which no foreign web page can do unasked.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reads: dict[str, Callable[[Request], object]] = {
            "requests": lambda r: [asdict(x) for x in services.traffic.records(int(r.query_params.get("after", 0)))],
            "log": lambda _: services.traffic.text(),
            "files": lambda _: [asdict(f) for f in all_files(services)],
            "uploads": lambda _: [asdict(u) for u in all_uploads(services)],
            "faults": lambda _: [asdict(f) for f in services.faults.waiting()],
            "deleted": lambda _: [asdict(f) for f in all_deleted(services)],
            "keys": lambda _: public_keys(services),
        }
        self._writes: dict[str, Callable[[dict[str, Any]], object]] = {
            "faults": lambda d: asdict(services.faults.add(**d)),
            "clear_faults": lambda _: services.faults.clear(),
            "release": lambda _: services.faults.release(),
            "set": lambda d: change_settings(services.settings, d),
            "login": lambda d: step_login(services, str(d.get("status", "confirmed")), d.get("uid")),
            "expire_access_token": lambda _: services.drive.accounts.expire_access_tokens(),
            "revoke_refresh_token": lambda _: services.drive.accounts.revoke(),
            "expire_sts": lambda _: services.drive.accounts.expire_sts(),
            "add_instant": lambda d: services.drive.uploads.learn(str(d["sha1"]).upper(), int(d["size"])),
        }

    async def handle(self, request: Request) -> Response:
        """Answer one of them."""
        name = request.url.path.removeprefix("/sandbox").strip("/")
        if request.method == "GET":
            if not name:
                return HTMLResponse(render(self._services))
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


def public_keys(services: Services) -> dict[str, str]:
    """What clients need in the place of 115's own public keys (protocol.md §2.4, protocol-drive.md D3.2)."""
    drive = services.drive
    return {"ecdh_public_key": drive.cipher.public_key.hex(), "rsa_modulus": f"{drive.m115.modulus:x}"}


def change_settings(settings: Settings, values: dict[str, Any]) -> None:
    """Change settings.

    Raises:
        ConfigError: There is no such setting.
    """
    known = {f.name for f in fields(Settings)}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(
                say("sandbox.no_such_setting", name=repr(name)),
                hint=say("sandbox.no_such_setting.hint", names=", ".join(sorted(known))),
            )
        setattr(settings, name, value)


def step_login(services: Services, status: str, uid: str | None = None) -> None:
    """What the person with the phone does: ``scanned``, ``confirmed``, ``cancelled``; or ``expired``.

    Raises:
        ConfigError: Nobody is logging in, or there is no such status.
    """
    try:
        step = QrStatus[status.upper()]
    except KeyError:
        raise ConfigError(
            say("sandbox.no_login_status", status=repr(status)), hint="scanned, confirmed, cancelled, expired"
        ) from None
    login = services.drive.accounts.qr(uid) if uid else services.drive.accounts.last_qr()
    if login is None:
        raise ConfigError(say("sandbox.no_login"), hint=say("sandbox.no_login.hint"))
    login.status = step


def _unknown(name: str) -> Response:
    return JSONResponse({"error": f"the sandbox has no {name!r}"}, 404)
