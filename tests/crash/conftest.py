"""The stage of the sandbox tests is the stage here, too."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "sandbox"))

from upload_support import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A sandbox, and files."""
    made = Stage(tmp_path)
    try:
        yield made
    finally:
        made.close()
