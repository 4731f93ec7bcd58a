"""Replacing a file on the drive and deleting the local one, killed anywhere: nothing is lost (laws.md 15)."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_support import Forge, forging
from upload_support import PART, Stage, content

OPTIONS = {"on_conflict": "replace", "after": "delete"}


def on_drive(stage: Stage, name: str) -> list[bytes]:
    """The contents that the folder has under this name."""
    paths = [file.path for file in stage.box.files() if file.path == f"/x/{name}"]
    return [stage.box.read(path) for path in paths[:1]] if len(paths) == 1 else [b"two"] * len(paths)


def prepare(stage: Stage, forge: Forge, name: str, size: int, seed: int) -> tuple[Path, bytes, bytes]:
    """The drive has an older file of this name; the local one has new content."""
    path = stage.file(name, size=size, seed=seed)
    old = path.read_bytes()
    assert forge.upload(path)["result"]["success"]
    new = content(size, seed + 100_000)
    path.write_bytes(new)
    return path, old, new


@pytest.mark.parametrize("size", [PART, 4 * PART + 7], ids=["in one request", "in parts"])
@pytest.mark.timeout(900)  # some hundred processes on a busy machine
def test_a_kill_at_every_step_of_a_replacement_loses_nothing(stage: Stage, size: int) -> None:
    """At every moment the old file or the new one is on the drive, and the new content is here or there."""
    kills = 0
    with forging(stage) as forge:
        for seed in (998, 999):  # the first run makes the folder and the database: points that later runs do not have
            path, _, new = prepare(stage, forge, f"whole {seed}.bin", size, seed)
            whole = forge.upload(path, OPTIONS)
            assert whole["result"]["success"], whole
            assert on_drive(stage, path.name) == [new]
            assert not path.exists()
        points = whole["points"]
        for number, name in enumerate(points, 1):
            path, old, new = prepare(stage, forge, f"film {number}.bin", size, number)
            killed = forge.upload(path, OPTIONS, point=(name, points[:number].count(name)))
            assert killed["killed"], (number, name, killed)
            kills += 1
            there = on_drive(stage, path.name)
            assert there, (number, name, "neither the old nor the new file is there")
            if not path.exists():
                assert there == [new], (number, name, "the local file went before the new one was there alone")
                continue
            assert path.read_bytes() == new
            again = forge.upload(path, OPTIONS)
            assert again["result"]["success"], (number, name, again)
            assert on_drive(stage, path.name) == [new], (number, name)
            assert not path.exists(), (number, name)
            assert old != new
    assert kills == len(points) >= 20
