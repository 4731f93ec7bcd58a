"""The tutorials are tests: nbval runs every cell in a real kernel (``pytest notebooks --nbval-lax``)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from unittest import mock

import pytest

_state = tempfile.TemporaryDirectory(prefix="pan115kit-tutorials-")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """A kernel starts in the setup of its notebook's first cell: it sees no account and no state of the user."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PAN115_")}
    own = {"PAN115_STATE_DIR": _state.name, "PAN115_LANG": "zh"}
    with mock.patch.dict(os.environ, others | own, clear=True):
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A busy machine may hold up a cell's output for longer than nbval's five seconds.

    And nbval does not measure coverage in its kernels, which it would begin as soon as pytest-cov measures the tests.
    """
    if getattr(config.option, "cov_source", None):
        config.option.cov_source = []  # pytest-cov has read it already
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = 60


def pytest_unconfigure() -> None:
    """Nothing is left behind."""
    _state.cleanup()
