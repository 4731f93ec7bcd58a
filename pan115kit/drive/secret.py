"""Wrappers that keep secrets out of tracebacks which show local variables (pytest, rich, error trackers)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

V = TypeVar("V")


class Secret:
    """A text that is only shown on request."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "<secret>"


class RedactedDict(dict[str, V]):
    """A dict, e.g. of headers, whose repr shows only its keys."""

    def __repr__(self) -> str:
        return f"<RedactedDict {', '.join(self)}>"


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Access token and refresh token of the Open API.

    Attributes:
        lifetime: Seconds the access token lives, or None where 115 did not say.
    """

    access: Secret
    refresh: Secret
    lifetime: float | None = None
