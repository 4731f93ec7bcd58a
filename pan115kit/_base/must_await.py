"""A coroutine that says so when nobody awaits it."""

from __future__ import annotations

import warnings
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from ..errors import ConfigError
from ..i18n import say

T = TypeVar("T")


class MustAwait(Coroutine[Any, Any, T]):
    """A coroutine, as ``await``, ``create_task``, ``gather`` and ``asyncio.run`` take it, that explains itself.

    Who forgets the ``await`` reads so: Python's own warning names an inner function, and its error about using the
    result names a ``coroutine``.

    Args:
        coroutine: What is done once it is awaited.
        call: How it was called, as the message shows it, e.g. ``client.upload_file('movie.mkv')``.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T], call: str) -> None:
        self._coroutine = coroutine
        self._call = call
        self._taken = False  # by an await or a task; its coroutine may not have begun yet
        self.__name__ = self.__qualname__ = call.partition("(")[0]  # asyncio names its tasks' coroutines by it

    def __await__(self) -> Generator[Any, Any, T]:
        self._taken = True
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        """As a coroutine's."""
        self._taken = True
        return self._coroutine.send(value)

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        """As a coroutine's."""
        self._taken = True
        if value is None and traceback is None:
            return self._coroutine.throw(kind)
        return self._coroutine.throw(kind, value, traceback)

    def close(self) -> None:
        """As a coroutine's."""
        self._taken = True
        self._coroutine.close()

    def __repr__(self) -> str:
        return f"<{self._call}>" if self._taken else say("await.forgotten", call=self._call)

    def __getattr__(self, name: str) -> NoReturn:
        # ``result.success`` of what was never awaited; asyncio and inspect look for cr_..., IPython for _repr_...
        if name.startswith(("_", "cr_", "gi_", "ag_")):
            raise AttributeError(name)
        raise _Forgotten(say("await.forgotten", call=self._call))

    def __getitem__(self, key: object) -> NoReturn:
        raise ConfigError(say("await.forgotten", call=self._call))

    def __del__(self) -> None:
        if not self.__dict__.get("_taken", True):
            self._coroutine.close()  # else Python warns too, in words about an inner function
            warnings.warn(say("await.forgotten", call=self._call), RuntimeWarning, stacklevel=2, source=self)


class _Forgotten(ConfigError, AttributeError):
    """For ``hasattr`` it is an attribute that is not there."""
