"""``make demo``: the whole story on this machine, with a real SIGKILL in the middle; no account, no network.

A sandbox (a local 115 + OSS) runs in a process of its own.  One process uploads a file and is killed; a second one
goes on where it stopped; what the sandbox has stored is compared with the file; the same file again is instant.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._base.local_paths import local_path
from .._base.safe_output import SafeStream, print_err, print_out
from ..config import KIB, MIB, Endpoints, UploadConfig
from ..drive import make_drive
from ..drive.interface import RemoteFile
from ..errors import Pan115Error
from ..i18n import both, format_bytes
from ..models import UploadSession
from ..presentation.dataframes import history_frame, sessions_frame
from ..store import open_store
from ..transfer.local_file import LocalFile

#: Size of the file that the demo makes when none is given.
DEMO_BYTES = 256 * MIB
#: The local line is slowed down to this many bytes per second, so that there is something to see.
DEMO_BANDWIDTH = 60_000_000
#: Where the first process is killed, in percent.
KILL_AT = 40.0
#: What the demo says when the child ended before it could be killed.
TOO_FAST = "the upload ended before it could be killed; give a larger file"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays."""

    directory: Path
    environment: dict[str, str]
    endpoint: str
    cookie: str
    public_key: bytes


def run(file: str | None = None) -> int:
    """Play the demo.

    Args:
        file: The user's own file, or None for 256 MiB of random bytes.

    Returns:
        0 if every step was as it should be.

    Raises:
        Pan115Error: A step was not.
    """
    with tempfile.TemporaryDirectory(prefix="pan115kit-demo-") as name, _stage(Path(name)) as stage:
        path = _given(file) if file else _make_file(stage.directory)
        size = path.stat().st_size
        stage.environment.update(_part_settings(size))
        _title(both(f"1  上传 {path.name}（{format_bytes(size)}），约 40% 处 kill -9", "1  upload, kill -9 at 40 %"))
        killed = _upload_and_kill(stage, path)
        _note(
            both(
                f"进程已被 SIGKILL。磁盘上的会话：{len(killed.uploaded_parts)}/{killed.total_parts} 个分片已确认",
                f"killed; on disk: {len(killed.uploaded_parts)} of {killed.total_parts} parts acknowledged",
            )
        )
        _title(both("2  另一个进程从断点继续", "2  another process goes on from there"))
        second = _upload(stage, path)
        _expect(second["success"] and second["resumed"], f"the second run did not resume: {second['error_message']}")
        _note(
            both(
                f"第二个进程只发送了 {format_bytes(second['bytes_sent'])} / {format_bytes(size)}",
                f"the second process sent {format_bytes(second['bytes_sent'])} of {format_bytes(size)}",
            )
        )
        _title(both("3  校验：沙箱存储的 sha1", "3  verify: the sha1 the sandbox has stored"))
        _verify(stage, path, second)
        _title(both("4  再传一次：秒传", "4  the same file again: instant"))
        third = _upload(stage, path, "/demo/again")
        _expect(third["quick_upload"] and third["bytes_sent"] == 0, "the same file again was not instant")
        _note(both("秒传成功，发送了 0 字节", "instant: 0 bytes sent"))
        _tables(stage)
    _title(both("演示完成 ✅", "demo complete ✅"))
    return 0


@contextlib.contextmanager
def _stage(directory: Path) -> Iterator[Stage]:
    """A sandbox in its own process, and an environment that leads there."""
    said = directory / "sandbox.log"
    with said.open("w") as log:
        box = subprocess.Popen(
            [sys.executable, "-m", "pan115kit.sandbox", "--port", "0", "--bandwidth", str(DEMO_BANDWIDTH)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert box.stdout is not None
        line = box.stdout.readline()
        _expect(bool(line), f"the sandbox did not start: {said.read_text()[-500:]}")
        told = json.loads(line)
        environment = dict(os.environ)
        for name in ("PAN115_ACCESS_TOKEN", "PAN115_REFRESH_TOKEN"):
            environment.pop(name, None)
        environment |= {
            "PAN115_ENDPOINT": told["endpoint"],
            "PAN115_COOKIE": told["cookie"],
            "PAN115_ECDH_PUBLIC_KEY": told["ecdh_public_key"],
            "PAN115_STATE_DIR": str(directory / "state"),
            "PAN115_API_RATE": "0",
        }
        _note(
            both(
                f"本地沙箱（无需账号），它看到的一切：{told['endpoint']}/sandbox/",
                f"a local 115, no account needed; all it sees: {told['endpoint']}/sandbox/",
            )
        )
        yield Stage(directory, environment, told["endpoint"], told["cookie"], bytes.fromhex(told["ecdh_public_key"]))
    finally:
        box.terminate()
        box.wait(10)
        if box.stdout is not None:
            box.stdout.close()


def _given(file: str) -> Path:
    path = Path(local_path(file))
    LocalFile.open(path).close()  # what is wrong with it is told here
    return path


def _make_file(directory: Path) -> Path:
    path = directory / "电影 movie.mkv"
    with path.open("wb") as file:
        for _ in range(DEMO_BYTES // MIB):
            file.write(os.urandom(MIB))
    return path


def _part_settings(size: int) -> dict[str, str]:
    """Small files are cut small, so that they too can be killed in the middle."""
    part = min(10 * MIB, max(100 * KIB, size // 20))
    return {"PAN115_PART_SIZE": str(part), "PAN115_MULTIPART_THRESHOLD": str(min(100 * MIB, max(1, size // 2)))}


def _command(path: Path, target: str) -> list[str]:
    return [sys.executable, "-m", "pan115kit", "upload", str(path), "--to", target, "--json"]


def _upload_and_kill(stage: Stage, path: Path) -> UploadSession:
    child = subprocess.Popen(_command(path, "/demo"), env=stage.environment, stdout=subprocess.DEVNULL)
    store = open_store(stage.directory / "state")
    try:
        while child.poll() is None:
            rows = store.sessions.list()
            if rows and rows[0].get_progress() >= KILL_AT:
                child.send_signal(signal.SIGKILL)
                break
            time.sleep(0.02)  # a person watches meanwhile; nothing is synchronised by this
        code = child.wait()
        print_err("")
        _expect(code == -signal.SIGKILL, TOO_FAST)
        return store.sessions.list()[0]
    finally:
        store.close()


def _upload(stage: Stage, path: Path, target: str = "/demo") -> dict[str, Any]:
    done = subprocess.run(
        _command(path, target), env=stage.environment, stdout=subprocess.PIPE, text=True, check=False
    )
    _expect(bool(done.stdout.strip()), f"the upload ended with code {done.returncode} and no result")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _verify(stage: Stage, path: Path, result: dict[str, Any]) -> None:
    with path.open("rb") as file:
        ours = hashlib.file_digest(file, "sha1").hexdigest().upper()
    stored = asyncio.run(_stored(stage, ours, path.stat().st_size))
    _expect(any(there.file_id == result["file_id"] for there in stored), "the sandbox does not list the file")
    _note(f"{both('本地', 'local')}  {ours}")
    _note(f"{both('沙箱', 'stored')} {stored[0].sha1}  ✅")


async def _stored(stage: Stage, sha1: str, size: int) -> list[RemoteFile]:
    config = UploadConfig(api_rate=0)
    drive = make_drive(
        cookie=stage.cookie,
        endpoints=Endpoints.at(stage.endpoint),
        config=config,
        server_public_key=stage.public_key,
    )
    try:
        folder = await drive.find_folder("/demo")
        return await drive.find_files(folder or "0", sha1, size)
    finally:
        await drive.close()


def _tables(stage: Stage) -> None:
    store = open_store(stage.directory / "state")
    try:
        sessions, history = sessions_frame(store.sessions.list()), history_frame(store.history.list())
    finally:
        store.close()
    _title(both("5  会话（空：没有未完成的上传）与历史", "5  sessions (none: nothing is unfinished) and history"))
    print_out(f"sessions(): {len(sessions)} rows\n")
    columns = ["file_name", "status", "quick_upload", "resumed", "bytes_sent", "elapsed_seconds", "mean_speed_mbps"]
    print_out(history[columns].to_string(index=False))


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Pan115Error(otherwise)


def _title(text: str) -> None:
    print_out(f"\n\033[1m{text}\033[0m" if SafeStream(sys.stdout).isatty() else f"\n== {text}")


def _note(text: str) -> None:
    print_out(f"   {text}")
