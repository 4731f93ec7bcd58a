"""p115client as PyPI has it, unchanged, in an environment of its own: every drive method of protocol-drive.md D7.3.

It wants Python 3.12 or newer.  Where no such Python or no package index is found, the test skips and says so.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pan115kit.sandbox import Sandbox

REQUIREMENT = "p115client==0.0.9.7.2"
SCRIPT = Path(__file__).with_name("p115client_methods.py")
FILES = {
    "/dir/a.txt": b"hello",
    "/dir/b.bin": bytes(100_000),
    "/dir/sub/deep.txt": b"deep",
    **{f"/change/{name}.txt": name.encode() for name in ("r", "m1", "m2", "c", "d1", "d2", "d3")},
    "/change/folder/x.txt": b"x",
    "/target": None,
}


def newer_python() -> str | None:
    """A Python of at least 3.12, or None."""
    if sys.version_info >= (3, 12):
        return sys.executable
    named = [shutil.which(f"python3.{minor}") for minor in (14, 13, 12)]
    managed = sorted(glob.glob(str(Path.home() / ".pyenv/versions/3.1[2-9]*/bin/python")), reverse=True)
    for candidate in (*named, *managed):
        if candidate and _runs(candidate):
            return candidate
    return None


def _runs(candidate: str) -> bool:
    check = "import sys, venv; sys.exit(sys.version_info < (3, 12))"
    return subprocess.run([candidate, "-c", check], capture_output=True, timeout=60).returncode == 0


def environment(cache: Path) -> str:
    """The Python of an environment with p115client, made once."""
    home = cache / REQUIREMENT.replace("==", "-")
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (home / "complete").exists():
        found = newer_python()
        if found is None:
            pytest.skip("p115client wants Python 3.12 or newer, and there is none on this machine")
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([found, "-m", "venv", str(home)], check=True, capture_output=True, timeout=250)
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", REQUIREMENT]
        done = subprocess.run(install, capture_output=True, text=True, timeout=250)
        if done.returncode:
            pytest.skip(f"{REQUIREMENT} could not be installed: {done.stderr[-300:]}")
        (home / "complete").touch()
    return str(python)


@pytest.mark.slow
def test_every_drive_method_of_p115client(sandbox: Sandbox, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """The sandbox would serve our own client alone, and be wrong where that one is."""
    cache = pytestconfig.cache.mkdir("p115client") if pytestconfig.cache else tmp_path
    python = environment(cache)
    tree = sandbox._services.drive.tree
    for path, data in FILES.items():
        if data is None:
            tree.make_path(0, path)
        else:
            sandbox.put(path, data)
    given = {
        "endpoint": sandbox.endpoint,
        "cookie": sandbox.cookie,
        "access_token": sandbox.access_token,
        "rsa_modulus": f"{sandbox.rsa_modulus:x}",
        "paths": {
            f.path: {"id": f.file_id, "pick_code": f.pick_code, "sha1": f.sha1} for f in sandbox.files(folders=True)
        },
    }
    done = subprocess.run(
        [python, str(SCRIPT)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=250,
        env={**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)},  # it keeps notes there
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout)
    wrong = {name: text for name, text in results.items() if text is not None}
    assert wrong == {}, "\n".join(f"{name}: {text}" for name, text in wrong.items()) + sandbox.log_text()[-3000:]
    assert len(results) >= 39
