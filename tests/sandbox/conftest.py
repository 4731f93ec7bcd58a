"""What the tests against the sandbox share."""

from __future__ import annotations

import functools
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from upload_support import PATIENCE, Stage


@pytest.fixture(autouse=True, scope="session")
def _certificates_once() -> Iterator[None]:
    """Reading the certificates takes longer than many a test; nothing here is encrypted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture(autouse=True, scope="session")
def _httpx_is_patient() -> Iterator[None]:
    """The five seconds that ``httpx.get`` and its kin wait by default are no test of ours."""
    with pytest.MonkeyPatch.context() as patch:
        for wait in ("connect", "read", "write", "pool"):
            patch.setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, wait, PATIENCE)
        yield


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """A shell's background job ignores SIGINT, and so do its children: the tests of Ctrl-C would wait for ever."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A sandbox, clients of it, files; see :class:`upload_support.Stage`."""
    made = Stage(tmp_path)
    try:
        yield made
    finally:
        made.close()
