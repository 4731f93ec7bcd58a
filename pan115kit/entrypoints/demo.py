"""``make demo``: the whole story on this machine, with a real SIGKILL in the middle; no account, no network.

A sandbox (a local 115 + OSS) runs in a process of its own.  One process uploads a file and is killed; a second one
goes on where it stopped; what the sandbox has stored is compared with the file; the same file again is instant.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._base.local_paths import local_path
from .._base.safe_output import SafeStream, print_err, print_out
from ..config import CREDENTIAL_VARIABLES, KIB, MIB
from ..errors import Pan115Error
from ..i18n import format_bytes, say
from ..models import UploadSession
from .command_line import ExitCode
from .listing import history_table, sessions_table

if TYPE_CHECKING:
    from ..drive import Entry
    from .command_line import Commands

#: Size of the file that the demo makes when none is given.
DEMO_BYTES = 256 * MIB
#: The local line is slowed down to this many bytes per second, so that there is something to see.
DEMO_BANDWIDTH = 60_000_000
#: Where the first process is killed, in percent.
KILL_AT = 40.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo runs: a folder that is removed at the end, and the sandbox."""

    directory: Path
    environment: dict[str, str]
    endpoint: str
    cookie: str
    public_key: bytes


def add_command(commands: Commands) -> None:
    """Add ``demo`` to the command line."""
    parser = commands.add_parser("demo", help=say("cli.demo"), description=say("cli.demo"))
    parser.add_argument("--file", metavar="PATH", help=say("cli.demo.file"))
    parser.set_defaults(run=lambda options: run(options.file))


def run(file: str | None = None) -> int:
    """Run the demo.

    Args:
        file: The user's own file, or None for 256 MiB of random bytes.

    Returns:
        ``ExitCode.OK``: every step was as it should be.

    Raises:
        Pan115Error: A step was not.
    """
    with tempfile.TemporaryDirectory(prefix="pan115kit-demo-") as name, _stage(Path(name)) as stage:
        path = _checked(file) if file else _make_file(stage.directory)
        size = path.stat().st_size
        stage.environment.update(_part_settings(size))
        _title(say("demo.step.kill", name=path.name, size=format_bytes(size), percent=f"{KILL_AT:.0f}"))
        killed = _upload_and_kill(stage, path)
        _note(say("demo.killed", done=len(killed.uploaded_parts), total=killed.total_parts))
        _title(say("demo.step.resume"))
        second = _upload(stage, path)
        _expect(second["success"] and second["resumed"], say("demo.not_resumed", error=second["error_message"]))
        _note(say("demo.resumed", sent=format_bytes(second["bytes_sent"]), size=format_bytes(size)))
        _title(say("demo.step.verify"))
        _verify(stage, path, second)
        _title(say("demo.step.instant"))
        third = _upload(stage, path, "/demo/again")
        _expect(third["quick_upload"] and third["bytes_sent"] == 0, say("demo.not_instant"))
        _note(say("demo.instant"))
        _tables(stage)
    _title(say("demo.complete"))
    return ExitCode.OK


@contextlib.contextmanager
def _stage(directory: Path) -> Iterator[Stage]:
    """A sandbox in its own process, and an environment that leads there."""
    log_file = directory / "sandbox.log"
    with log_file.open("w") as log:
        box = subprocess.Popen(
            [sys.executable, "-m", "pan115kit.sandbox", "--port", "0", "--bandwidth", str(DEMO_BANDWIDTH)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert box.stdout is not None
        line = box.stdout.readline()
        _expect(bool(line), say("demo.no_sandbox", log=log_file.read_text()[-500:]))
        box_says = json.loads(line)
        environment = {name: value for name, value in os.environ.items() if name not in CREDENTIAL_VARIABLES}
        environment |= {
            "PAN115_ENDPOINT": box_says["endpoint"],
            "PAN115_COOKIE": box_says["cookie"],
            "PAN115_ECDH_PUBLIC_KEY": box_says["ecdh_public_key"],
            "PAN115_STATE_DIR": str(directory / "state"),
            "PAN115_API_RATE": "0",
        }
        _note(say("demo.sandbox", url=f"{box_says['endpoint']}/sandbox/"))
        yield Stage(
            directory,
            environment,
            box_says["endpoint"],
            box_says["cookie"],
            bytes.fromhex(box_says["ecdh_public_key"]),
        )
    finally:
        box.terminate()
        box.wait(10)
        if box.stdout is not None:
            box.stdout.close()


def _checked(file: str) -> Path:
    """The user's own file; what is wrong with it is said before anything is begun."""
    from ..transfer.local_file import LocalFile

    path = Path(local_path(file))
    LocalFile.open(path).close()
    return path


def _make_file(directory: Path) -> Path:
    path = directory / "电影 movie.mkv"
    with path.open("wb") as file:
        for _ in range(DEMO_BYTES // MIB):
            file.write(os.urandom(MIB))
    return path


def _part_settings(size: int) -> dict[str, str]:
    """Small parts for small files, so that their upload too can be killed in the middle."""
    part = min(10 * MIB, max(100 * KIB, size // 20))
    return {"PAN115_PART_SIZE": str(part), "PAN115_MULTIPART_THRESHOLD": str(min(100 * MIB, max(1, size // 2)))}


def _command(path: Path, target: str) -> list[str]:
    return [sys.executable, "-m", "pan115kit", "upload", str(path), "--to", target, "--json"]


def _upload_and_kill(stage: Stage, path: Path) -> UploadSession:
    from ..store import open_store

    child = subprocess.Popen(_command(path, "/demo"), env=stage.environment, stdout=subprocess.DEVNULL)
    store = open_store(stage.directory / "state")
    killed = False
    try:
        while child.poll() is None:
            rows = store.sessions.list()
            if rows and rows[0].get_progress() >= KILL_AT:
                killed = True
                child.kill()  # SIGKILL; on Windows TerminateProcess, which asks nobody either
                break
            time.sleep(0.02)  # a person watches meanwhile; nothing is synchronised by this
        child.wait()
        print_err("")
        _expect(killed and child.returncode != 0, say("demo.too_fast"))
        return store.sessions.list()[0]
    finally:
        store.close()


def _upload(stage: Stage, path: Path, target: str = "/demo") -> dict[str, Any]:
    done = subprocess.run(
        _command(path, target), env=stage.environment, stdout=subprocess.PIPE, text=True, check=False
    )
    _expect(bool(done.stdout.strip()), say("demo.no_result", code=done.returncode))
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _verify(stage: Stage, path: Path, result: dict[str, Any]) -> None:
    import asyncio

    with path.open("rb") as file:
        ours = hashlib.file_digest(file, "sha1").hexdigest().upper()
    stored = asyncio.run(_stored(stage, ours, path.stat().st_size))
    _expect(any(there.file_id == result["file_id"] for there in stored), say("demo.not_listed"))
    _note(say("demo.sha1", local=ours, stored=stored[0].sha1))


async def _stored(stage: Stage, sha1: str, size: int) -> list[Entry]:
    from ..config import Endpoints, UploadConfig
    from ..drive import Credentials, make_drive

    config = UploadConfig(api_rate=0)
    drive = make_drive(
        Credentials(stage.cookie),
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
    from ..store import open_store

    with open_store(stage.directory / "state") as store:
        sessions, history = store.sessions.list(), store.history.list()
    _title(say("demo.step.tables"))
    print_out(sessions_table(sessions) if sessions else say("cli.sessions.none"))
    print_out("")
    print_out(history_table(history))


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Pan115Error(otherwise)


def _title(text: str) -> None:
    print_out(f"\n\033[1m{text}\033[0m" if SafeStream(sys.stdout).isatty() else f"\n== {text}")


def _note(text: str) -> None:
    print_out(f"   {text}")
