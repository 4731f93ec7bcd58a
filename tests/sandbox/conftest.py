"""What the tests against the sandbox share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from upload_support import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A sandbox, clients of it, files; see :class:`upload_support.Stage`."""
    made = Stage(tmp_path)
    try:
        yield made
    finally:
        made.close()
