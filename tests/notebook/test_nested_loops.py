"""Nested loops: the right package for the place, and clear words where there is none."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import types

import pytest

from pan115kit import ConfigError
from pan115kit.notebook import loops
from pan115kit.notebook.loops import enable_nested_loops, package_for


@pytest.mark.parametrize(
    ("ipykernel", "python", "package"),
    [
        (0, (3, 11), "nest-asyncio"),
        (6, (3, 11), "nest-asyncio"),
        (6, (3, 13), "nest-asyncio"),
        (7, (3, 11), "nest-asyncio2"),
        (8, (3, 13), "nest-asyncio2"),
        (6, (3, 14), "nest-asyncio2"),
    ],
)
def test_the_package_that_is_known_to_work(ipykernel: int, python: tuple[int, int], package: str) -> None:
    """nest-asyncio on ipykernel 7 leaves the rest of the notebook at [*] for ever."""
    assert package_for(ipykernel, python) == package


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """ImportError deep in a stack does not say what to install."""
    monkeypatch.setitem(sys.modules, "nest_asyncio", None)
    monkeypatch.setitem(sys.modules, "nest_asyncio2", None)
    with pytest.raises(ConfigError, match=r"nest-asyncio2? is not installed: pip install nest-asyncio"):
        enable_nested_loops()


def test_an_applied_nest_asyncio_is_told_where_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be undone: only a restart helps, and the user has to be told."""
    monkeypatch.setattr(loops, "in_kernel", lambda: True)
    monkeypatch.setattr(loops, "_ipykernel_major", lambda: 7)
    patched = types.FunctionType((lambda: None).__code__, {"__name__": "nest_asyncio"})
    patched.__module__ = "nest_asyncio"
    monkeypatch.setattr(asyncio, "run", patched)
    with pytest.raises(ConfigError, match="restart the kernel"):
        enable_nested_loops()


SCRIPT = """
import asyncio, os, sys
{patch}
from pan115kit import Pan115Client
path = sys.argv[1]
open(path, "wb").write(os.urandom(300_000))
with Pan115Client.sandbox() as client:
    assert client.upload(path, "/a", progress="none").success
    async def main():
        assert (await client.upload_file(path, "/b")).success
        return await client.submit(path, "/c")
    assert asyncio.run(main()).success
    async def outer():
        return {nested}
    assert asyncio.run(outer()).success
print("ok")
"""


@pytest.mark.parametrize(
    ("patch", "nested"),
    [
        ("", "await main()"),
        ("import nest_asyncio; nest_asyncio.apply(asyncio.new_event_loop())", "asyncio.run(main())"),
        ("import nest_asyncio2; nest_asyncio2.apply()", "asyncio.run(main())"),
        ("from pan115kit.notebook import enable_nested_loops; enable_nested_loops()", "asyncio.run(main())"),
    ],
    ids=["plain", "nest-asyncio", "nest-asyncio2", "enable_nested_loops"],
)
def test_uploads_work_with_and_without_patched_loops(tmp_path: object, patch: str, nested: str) -> None:
    """The kit's own loops must not be touched by a patch made before or after they began."""
    code = SCRIPT.format(patch=patch, nested=nested)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, f"{tmp_path}/a.bin"], capture_output=True, text=True, timeout=240
    )
    assert done.stdout.strip() == "ok", done.stderr
