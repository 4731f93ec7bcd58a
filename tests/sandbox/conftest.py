"""What the tests against the sandbox share."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from upload_support import Stage


@pytest.fixture(autouse=True, scope="session")
def _certificates_once() -> Iterator[None]:
    """Reading the certificates takes longer than many a test; nothing here is encrypted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A sandbox, clients of it, files; see :class:`upload_support.Stage`."""
    made = Stage(tmp_path)
    try:
        yield made
    finally:
        made.close()
