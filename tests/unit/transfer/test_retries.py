"""The tries of one request: too few fail a file for one bad second, too many hide that something is wrong."""

from __future__ import annotations

import asyncio

import pytest

from pan115kit.errors import LoginError, NetworkError, Pan115Error
from pan115kit.transfer.retries import Retries


def run(limit: int, errors: list[Pan115Error], outages: int = 0) -> tuple[str, list[int], int]:
    """The outcome of a request that ends with each of ``errors`` before it works; the waits; the tries counted."""
    waits: list[int] = []
    counted = 0
    left = list(errors)
    out = outages

    async def wait(attempt: int) -> None:
        waits.append(attempt)

    def count() -> None:
        nonlocal counted
        counted += 1

    async def over(error: Pan115Error) -> bool:
        nonlocal out
        out -= 1
        return out >= 0

    async def request() -> str:
        if left:
            raise left.pop(0)
        return "done"

    async def main() -> str:
        try:
            return await Retries(limit, wait, count, over).call(request)
        except Pan115Error as error:
            return str(error)

    return asyncio.run(main()), waits, counted


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_it_is_tried_again_as_often_as_allowed(failures: int) -> None:
    assert run(3, [NetworkError(f"{n}", hint="-") for n in range(failures)]) == (
        "done",
        list(range(1, failures + 1)),
        failures,
    )


def test_the_last_error_is_raised_when_no_try_is_left() -> None:
    assert run(2, [NetworkError(f"{n}", hint="-") for n in range(9)]) == ("2: -", [1, 2], 2)


def test_what_a_retry_does_not_help_is_raised_at_once() -> None:
    assert run(9, [LoginError("no", hint="-")]) == ("no: -", [], 0)


def test_an_outage_that_is_over_costs_no_try() -> None:
    """A line that was gone for hours is not the fault of one request: its tries begin again."""
    errors: list[Pan115Error] = [NetworkError(f"{n}", hint="-") for n in range(4)]
    assert run(1, errors, outages=3) == ("done", [1], 4)
