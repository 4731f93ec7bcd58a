"""Uploads that are killed and resumed, and what must hold afterwards."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from upload_support import PART, Stage

from pan115kit.store import Store

FORGE = Path(__file__).with_name("forge.py")


class Forge:
    """The process that forks uploaders (see forge.py)."""

    def __init__(self, stage: Stage, journal_mode: str) -> None:
        self._stage = stage
        environment = os.environ | {
            "PAN115_ENDPOINT": stage.box.endpoint,
            "PAN115_COOKIE": stage.box.cookie,
            "PAN115_ECDH_PUBLIC_KEY": stage.box.ecdh_public_key,
            "PAN115_STATE_DIR": str(stage.state_dir),
            "PAN115_PART_SIZE": str(PART),
            "PAN115_MULTIPART_THRESHOLD": str(3 * PART),
            "PAN115_API_RATE": "0",
            "PAN115_JOURNAL_MODE": journal_mode,
        }
        self._process = subprocess.Popen(
            [sys.executable, str(FORGE)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def upload(
        self,
        path: Path,
        options: Mapping[str, str] = MappingProxyType({}),
        *,
        point: tuple[str, int] | None = None,
        after: float | None = None,
    ) -> dict[str, Any]:
        """One uploader's life, until OSS is through with what it has sent.

        Args:
            options: Of ``client.submit``.
            point: Where it kills itself.
            after: Seconds after which it is killed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"path": str(path), "target": "/x", "options": dict(options), "point": point, "after": after}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        # what a dead process has left in the sockets may yet become a part: not beside its successor's first steps
        self._stage.wait_ended()
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(120)


@contextmanager
def forging(stage: Stage, journal_mode: str = "wal") -> Iterator[Forge]:
    """A forge for the length of a ``with`` block."""
    forge = Forge(stage, journal_mode)
    try:
        yield forge
    finally:
        forge.close()


@dataclass(slots=True)
class Tally:
    """What many kills have cost."""

    uploads: int = 0
    kills: int = 0
    too_late: int = 0
    parts: int = 0
    sent_again: int = 0
    refused: int = 0
    points: list[str] = field(default_factory=list)


def check(stage: Stage, path: Path, kills: int, tally: Tally) -> None:
    """The file is there, whole and once; no more than one part a kill was sent again, none that had arrived."""
    there = [file for file in stage.box.files() if file.path == f"/x/{path.name}"]
    assert len(there) == 1, (path.name, [file.path for file in there], [r.route for r in stage.box.requests])
    assert stage.box.read(there[0].path) == path.read_bytes()
    # killed between OSS's answer and our writing it down, nobody knows the upload_id: it holds no part
    assert not any(upload.parts for upload in stage.box.uploads())
    stored = [record for record in stage.box.requests if record.route == "upload_part"]
    arrived = sum(record.status == 200 for record in stored)
    refused = sum(record.status in (400, 409) for record in stored)
    parts = -(-path.stat().st_size // PART)
    assert refused == 0, "a part that OSS had was sent again"
    assert arrived == parts
    again = len(stored) - parts
    assert 0 <= again <= kills, f"{again} parts sent again after {kills} kills"
    tally.uploads += 1
    tally.kills += kills
    tally.parts += parts
    tally.sent_again += again
    tally.refused += refused


def is_written(stage: Stage, path: Path) -> bool:
    """Whether a dead process had written down its success: uploading the file again is a second upload then."""
    with Store(stage.state_dir) as store:
        return any(row.file_path == str(path) for row in store.history.list())


def random_kills(stage: Stage, forge: Forge, chance: random.Random, kills: int, tally: Tally) -> None:
    """Kill one upload again and again at random moments, then let it end."""
    size = chance.randrange(4 * PART, 40 * PART)
    path = stage.file(f"film {tally.uploads}.mkv", size=size, seed=chance.randrange(1 << 30))
    stage.box.clear_requests()
    landed = 0
    for _ in range(kills):
        ended = forge.upload(path, after=chance.uniform(0.02, 0.6))
        landed += ended["killed"]
        if not ended["killed"] or is_written(stage, path):
            tally.too_late += 1
            break
    else:
        ended = forge.upload(path)
        assert ended["code"] == 0, ended
        assert ended["result"]["success"], ended["result"]
    check(stage, path, landed, tally)
