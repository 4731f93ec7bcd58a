"""The figures of the README and the notes: ``python tests/benchmarks/run.py [--mib 1024] [--pairs 3]``.

Machines differ: what counts are the ratios within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@contextmanager
def sink(*options: str) -> Iterator[int]:
    """A sink in its own process; gives its port."""
    process = subprocess.Popen([sys.executable, str(HERE / "sink.py"), *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def send(who: str, port: int, path: Path) -> dict[str, Any]:
    """One sender's figures."""
    told = subprocess.run(
        [sys.executable, str(HERE / "senders.py"), who, str(port), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    figures: dict[str, Any] = json.loads(told)
    return figures


def send_by_curl(port: int, path: Path) -> dict[str, float]:
    """One plain PUT of the whole file: seconds, and CPU seconds."""
    url = f"http://127.0.0.1:{port}/bucket/key"
    begun, used = time.perf_counter(), sum(os.times()[2:4])
    subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--header", "Expect:", "--upload-file", str(path), url],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return {"seconds": time.perf_counter() - begun, "cpu": sum(os.times()[2:4]) - used}


def against_curl(path: Path, pairs: int) -> dict[str, float]:
    """Ours and curl in turn, to the same sink; empty where there is no curl."""
    if shutil.which("curl") is None:
        return {}
    gigabytes = path.stat().st_size / 1e9
    ratios, cpu = [], []
    with sink() as port:
        for _ in range(pairs):
            mine, theirs = send("ours", port, path)["send"], send_by_curl(port, path)
            ratios.append(theirs["seconds"] / mine["seconds"])
            cpu.append(theirs["cpu"] / gigabytes)
    return {"share_of_curl_plain": statistics.median(ratios), "cpu_seconds_per_gb_of_curl": statistics.median(cpu)}


def make_file(folder: str, mib: int) -> Path:
    """Random bytes, in the page cache."""
    path = Path(folder, "file.bin")
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(block)
    os.utime(path, (1_700_000_000, 1_700_000_000))  # not just written: the second send finds its hash
    return path


def against_oss2(path: Path, pairs: int) -> dict[str, float]:
    """Ours and oss2 in turn, to the same sink."""
    size = path.stat().st_size
    ratios, whole, cpu = [], [], []
    with sink() as port:
        for _ in range(pairs):
            mine, theirs = send("ours", port, path), send("oss2", port, path)
            ratios.append(theirs["send"]["seconds"] / mine["send"]["seconds"])
            whole.append(theirs["send"]["seconds"] / mine["first"]["seconds"])
            cpu.append(mine["send"]["cpu"] / (size / 1e9))
    return {
        "times_faster_than_oss2": statistics.median(ratios),
        "times_faster_with_hashing": statistics.median(whole),
        "cpu_seconds_per_gb": statistics.median(cpu),
    }


def share_of_link(path: Path, *, latency_ms: float = 80, bandwidth: float = 10e6) -> float:
    """How much of a slow, far line one upload uses."""
    with sink("--latency-ms", str(latency_ms), "--bandwidth", str(bandwidth)) as port:
        seconds: float = send("ours", port, path)["send"]["seconds"]
    return path.stat().st_size / bandwidth / seconds


def memory_growth(folder: str, gib: int) -> float:
    """MiB of growth over an upload of ``gib`` GiB (a sparse file)."""
    path = Path(folder, "sparse.bin")
    with path.open("wb") as file:
        file.truncate(gib << 30)
    with sink() as port:
        grown: float = send("ours", port, path)["grown_mib"]
    path.unlink()
    return grown


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = make_file(folder, options.mib)
        figures = against_oss2(path, options.pairs) | against_curl(path, options.pairs)
        for name, value in figures.items():
            print(f"{name}: {value:.2f}", flush=True)
        print(f"memory growth over 4 GiB: {memory_growth(folder, 4):.1f} MiB", flush=True)
        path = make_file(folder, min(options.mib, 400))
        print(f"share of a 10 MB/s line with 80 ms: {100 * share_of_link(path):.1f} %", flush=True)


if __name__ == "__main__":
    main()
