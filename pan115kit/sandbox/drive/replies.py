"""How 115 answers: JSON with HTTP 200, also where it refuses (protocol.md §1.2, §7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from ..call import Call

Handler = Callable[[Call], Awaitable[Response]]
#: Methods, path (a regular expression), route name, handler.
Endpoint = tuple[str, str, str, Handler]


@dataclass(frozen=True, slots=True)
class Refusal:
    """115 says no: its code and its words."""

    code: int
    message: str


class DriveError(Exception):
    """115 refuses a change of the drive."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.refusal = Refusal(code, message)


def answer(data: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON reply of 115."""
    return JSONResponse(dict(data), status_code=status)


def cookie_ok(**fields: object) -> Response:
    """A good answer of webapi."""
    return answer({"state": True, "error": "", "errno": 0, **fields})


def cookie_error(refusal: Refusal) -> Response:
    """A refusal in the shape of webapi."""
    return answer({"state": False, "error": refusal.message, "errno": refusal.code, "errtype": "war"})


def open_ok(data: object, **more: object) -> Response:
    """A good answer of proapi: ``state``, ``message``, ``code``, ``data``."""
    return answer({"state": True, "message": "", "code": 0, "data": data, **more})


def open_error(refusal: Refusal) -> Response:
    """A refusal in the shape of proapi.  p115client reads ``errno``."""
    words = {"message": refusal.message, "code": refusal.code, "error": refusal.message, "errno": refusal.code}
    return answer({"state": False, **words, "data": []})
