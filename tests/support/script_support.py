"""Scripts of users in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from upload_support import PART, PATIENCE, Stage

#: What every script begins with: a file, a client of the sandbox (told by the environment), nothing else.
_HEAD = """
import asyncio, os, sys, threading
from pan115kit import Pan115Client, UploadInterrupted
PATH = sys.argv[1]
"""


def environment(stage: Stage, **more: str) -> dict[str, str]:
    """All that a process needs to upload to the sandbox in small parts."""
    return os.environ | {
        "PAN115_ENDPOINT": stage.box.endpoint,
        "PAN115_COOKIE": stage.box.cookie,
        "PAN115_ECDH_PUBLIC_KEY": stage.box.ecdh_public_key,
        "PAN115_STATE_DIR": str(stage.state_dir),
        "PAN115_PART_SIZE": str(PART),
        "PAN115_MULTIPART_THRESHOLD": "1",
        "PAN115_API_RATE": "0",
        "PAN115_LANG": "en",
        "PYTHONUTF8": "1",
        **more,
    }


def start(stage: Stage, script: str, *arguments: str | Path, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Run ``script``; its first argument is what it uploads."""
    place = stage.folder / "script.py"
    place.write_text(_HEAD + textwrap.dedent(script), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-W", "always", *options, str(place), *map(str, arguments)],
        env=environment(stage),
        stdin=subprocess.PIPE,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    stage.processes.append(process)
    return process


def finish(process: subprocess.Popen[str], *, seconds: float = PATIENCE) -> tuple[int, str, str]:
    """Wait for its end; return code, stdout, stderr.  A script that hangs is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its forks, too: they hold the pipes
        out, err = process.communicate()
        raise AssertionError(f"the script hangs\n{out}\n{err}") from None
    return process.returncode, out, err


def run(stage: Stage, script: str, *arguments: str | Path) -> str:
    """Run a script that must end well and quietly; what it printed."""
    code, out, err = finish(start(stage, script, *arguments))
    assert (code, err) == (0, ""), err
    return out
