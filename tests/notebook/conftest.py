"""What notebook tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import ipykernel6
import pytest
from kernel_support import Kernel

_ROOT = Path(__file__).resolve().parents[2]


def _python(which: str) -> Path | str:
    if which == "present":
        return sys.executable
    if os.environ.get("PAN115_TEST_NO_IPYKERNEL6"):
        pytest.skip("PAN115_TEST_NO_IPYKERNEL6 is set")
    return ipykernel6.make(_ROOT / ".venv-ipykernel6")


@pytest.fixture(params=["present", "ipykernel6"], scope="module")
def _running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for a whole file of tests: starting one takes longer than most of them."""
    with Kernel(tmp_path_factory.mktemp("kernel"), _python(request.param)) as made:
        yield made


@pytest.fixture
def kernel(_running: Kernel) -> Kernel:
    """A kernel with a new local 115 in it, on the present ipykernel and on 6.31."""
    _running.forget()
    _running.run(SETUP)
    return _running


@pytest.fixture(params=["present", "ipykernel6"])
def fresh_kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kernel]:
    """As ``kernel``, for tests that patch it or restart it."""
    with Kernel(tmp_path, _python(request.param)) as made:
        made.run(SETUP)
        yield made


SETUP = """
import asyncio, os, pathlib, threading, time
if "client" in globals():
    client.close()
from pan115kit import Pan115Client, UploadConfig
config = UploadConfig(api_rate=0, part_size=200_000, multipart_threshold=200_000)
client = Pan115Client.sandbox(config=config)
box = client.local_sandbox
def make(name, size):
    path = pathlib.Path(name); path.write_bytes(os.urandom(size)); return path
def hold(after):
    "OSS answers so many parts and no more, until box.clear_faults(): the upload stands still in its middle."
    box.fault("upload_part", "stall", times=None, after=after)
def tell(word):
    "A file, not a line: a thread that prints may hang on ipykernel 6, if it has the number of an earlier one."
    pathlib.Path(f"{word}.told").touch()
def tell_when(condition, word):
    "Tell word as soon as condition() holds, also while a cell blocks."
    def look():
        while not condition():
            time.sleep(0.01)
        tell(word)
    threading.Thread(target=look, daemon=True).start()
def blocked(job):
    "Whether somebody sits in job.wait(): in the wait itself, where an interrupt is meant for it."
    return bool(job.future._condition._waiters)
"""
