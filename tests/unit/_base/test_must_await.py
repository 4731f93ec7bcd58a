"""A forgotten ``await``: said clearly, wherever it is noticed."""

from __future__ import annotations

import asyncio
import gc
import inspect
import warnings
from collections.abc import Coroutine
from typing import Any

import pytest

from pan115kit._base.must_await import MustAwait
from pan115kit.errors import ConfigError


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


def begun() -> MustAwait[int]:
    return MustAwait(answer(), "client.upload_file('a.bin', ...)")


def test_it_is_a_coroutine_everywhere() -> None:
    """Tasks, groups, timeouts and ``asyncio.run`` take it; nothing is said when it was awaited."""

    async def main() -> list[int]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(begun())
        return [
            await begun(),
            await task,
            *await asyncio.gather(begun(), asyncio.create_task(begun())),
            await asyncio.wait_for(begun(), 5),
        ]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(main()) == [42] * 5
        assert asyncio.run(begun()) == 42
        begun_and_closed = begun()
        assert isinstance(begun_and_closed, Coroutine)
        assert inspect.isawaitable(begun_and_closed)
        begun_and_closed.close()
        gc.collect()


def test_cancelling_goes_through() -> None:
    """``asyncio.timeout`` around it must reach what it waits for."""
    seen: list[str] = []

    async def long() -> int:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return 0

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await MustAwait(long(), "x()")

    asyncio.run(main())
    assert seen == ["cancelled"]


def _forget(what: object) -> None:
    del what
    gc.collect()


def test_a_forgotten_await_warns_in_words_of_the_caller() -> None:
    """A cell without ``await`` ended without a word, and the file was never sent."""
    with pytest.warns(RuntimeWarning, match=r"client\.upload_file\('a\.bin', \.\.\.\) was not awaited.*await client"):
        _forget(begun())


def test_using_what_was_not_awaited_says_so() -> None:
    """``result["success"]`` on a coroutine: "object is not subscriptable"."""
    waiting: Any = begun()
    for use in (lambda: waiting["success"], lambda: waiting.success, lambda: waiting.file_id):
        with pytest.raises(ConfigError, match="was not awaited, so nothing was uploaded: write await"):
            use()
    assert not hasattr(waiting, "success")
    assert not hasattr(waiting, "_repr_html_")
    assert "was not awaited" in repr(waiting), "a cell's last line"
    waiting.close()
    assert "not awaited" not in repr(waiting)
