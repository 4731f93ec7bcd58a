"""Answers and errors: one JSON encoder, one shape of error (``{"detail": …}``) for everything."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ..errors import (
    AccountBlockedError,
    ConfigError,
    FileMissingError,
    LocalFileError,
    OutsideFolderError,
    Pan115Error,
    SessionBusyError,
    StoreError,
    TargetError,
)
from .json_text import encode
from .routes.schemas import Invalid, Problem
from .spool import SpoolDiskError, SpoolFullError, WrongOffsetError

_Documented = dict[int | str, dict[str, Any]]


def _problem(status: int, description: str, model: type[Problem] = Problem) -> _Documented:
    return {status: {"model": model, "description": description}}


FORBIDDEN = _problem(403, "Foreign Host or Origin, or a path that is not allowed")
NOT_FOUND = _problem(404, "There is no such thing")
CONFLICT = _problem(409, "It makes no sense now, or another process has it")
NO_ROOM = _problem(507, "This machine's disk cannot be written")
#: What every route may answer.
COMMON: _Documented = {
    **_problem(400, "Not HTTP as it should be"),
    **_problem(401, "No token, or another one"),
    **FORBIDDEN,
    **_problem(413, "The body is too large"),
    **_problem(422, "The request makes no sense", Invalid),
    **_problem(503, "The state directory cannot be used now"),
}

_STATUS: tuple[tuple[type[Pan115Error], int], ...] = (
    (OutsideFolderError, 403),
    (WrongOffsetError, 409),
    (SpoolDiskError, 507),
    (SpoolFullError, 409),
    (FileMissingError, 404),
    (SessionBusyError, 409),
    (AccountBlockedError, 409),
    (StoreError, 503),
    (LocalFileError, 422),
    (TargetError, 422),
    (ConfigError, 422),
)


def json_answer(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``data`` as JSON; unlike FastAPI's own it takes names that are no valid Unicode."""
    return Response(encode(data), status_code=status, media_type="application/json", headers=headers)


def status_of(error: Pan115Error) -> int:
    """The HTTP status that fits an error of the kit; 500 where none does."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def invalid(error: RequestValidationError) -> dict[str, Any]:
    """What is wrong with a request, field by field; its values are not repeated."""
    problems = [
        {"field": ".".join(str(step) for step in found["loc"]), "message": str(found["msg"])}
        for found in error.errors()
    ]
    return {"detail": "; ".join(f"{p['field']}: {p['message']}" for p in problems), "errors": problems}


def add_error_answers(app: FastAPI) -> None:
    """Give every error the one shape; our own bugs are the :mod:`.guard`'s."""

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> Response:
        return json_answer(invalid(error), status=422)

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> Response:
        return json_answer({"detail": str(error.detail)}, status=error.status_code, headers=dict(error.headers or {}))

    @app.exception_handler(Pan115Error)
    async def on_kit(_: Request, error: Pan115Error) -> Response:
        return json_answer({"detail": str(error)}, status=status_of(error))
