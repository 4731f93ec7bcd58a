"""Links that log a browser in once: what a notebook shows is saved with it, and must not open the door later."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

#: Seconds for which a code can be used; running the cell again shows a new one.
CODE_LIFE = 3600.0
#: Codes that can be used at a time; the oldest goes.
MAX_CODES = 100


class LoginCodes:
    """Codes of one server; each stands for its token once.

    Args:
        clock: Steady seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: dict[str, float] = {}  # code -> when it ends, the oldest first

    def __repr__(self) -> str:
        return f"<LoginCodes, {len(self._ends)} of them>"

    def new(self) -> str:
        """A code of 256 random bits; from any thread."""
        code = secrets.token_urlsafe(32)
        self._ends[code] = self._clock() + CODE_LIFE
        for oldest in list(self._ends)[:-MAX_CODES]:
            self._ends.pop(oldest, None)
        return code

    def redeem(self, code: str) -> bool:
        """Whether ``code`` is one of ours, not used before and not too old; it is used now."""
        return self._ends.pop(code, 0.0) > self._clock()
