"""Many small files: what one more costs, whatever their number (laws.md 14).

``python tests/benchmarks/small_files.py 100 1000 10000`` uploads so many files of some bytes to a sandbox in a
process of its own and prints, for each number, the CPU time of ours per file, and what a waiting file takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pan115kit import Pan115Client, UploadConfig


@dataclass(frozen=True, slots=True)
class Figures:
    """What so many files have cost.

    Attributes:
        submit_ms: Milliseconds of CPU that submitting one takes.
        cpu_ms: Milliseconds of CPU per file, from submit to its end.
        seconds: From the first submit to the last end.
    """

    files: int
    submit_ms: float
    cpu_ms: float
    seconds: float


@contextmanager
def sandbox() -> Iterator[dict[str, str]]:
    """A sandbox whose CPU time is not ours."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pan115kit.sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def upload(count: int, directory: Path) -> Figures:
    """Upload ``count`` files of different content into one folder."""
    source = directory / f"{count} files"
    source.mkdir()
    paths = [source / f"{n}.bin" for n in range(count)]
    for n, path in enumerate(paths):
        path.write_bytes(b"%d" % n * 50)
    with sandbox() as box:
        os.environ["PAN115_ECDH_PUBLIC_KEY"] = box["ecdh_public_key"]
        config = UploadConfig(api_rate=0.0)
        with Pan115Client(
            user_key=box["cookie"], endpoint=box["endpoint"], state_dir=directory / f"state {count}", config=config
        ) as client:
            _ = client.queue
            begun, cpu = time.monotonic(), time.process_time()
            batch = client.submit_many(paths, "/small")
            submitted = time.process_time() - cpu
            report = batch.wait()
            assert report.done + report.instant == count, report
            spent = time.process_time() - cpu
            return Figures(count, 1000 * submitted / count, 1000 * spent / count, time.monotonic() - begun)


def bytes_of_a_waiting_file(directory: Path, count: int = 20_000) -> float:
    """What a file takes that is queued and whose turn has not come."""
    with Pan115Client(
        user_key="UID=1_A1_2; CID=ab; SEID=cd", endpoint="http://127.0.0.1:9", state_dir=directory / "state waiting"
    ) as client:
        queue = client.queue
        queue._limit = 0  # nothing's turn comes
        paths = [f"{directory}/waiting/{n}.bin" for n in range(count)]
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        batch = client.submit_many(paths, "/small")
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(batch) == count
        return (after - before) / count


def main() -> None:
    """Print a line for each number of files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=[100, 1000])
    counts = parser.parse_args().counts
    with tempfile.TemporaryDirectory() as name:
        first: Figures | None = None
        for count in counts:
            found = upload(count, Path(name))
            first = first or found
            ratio = found.cpu_ms / first.cpu_ms
            print(
                f"{found.files:6} files: {found.cpu_ms:5.2f} ms CPU a file ({ratio:.2f} x that of {first.files}), "
                f"submit {found.submit_ms:.3f} ms, {found.seconds:.1f} s",
                flush=True,
            )
        print(f"a waiting file takes {bytes_of_a_waiting_file(Path(name)):.0f} bytes")


if __name__ == "__main__":
    main()
