"""A second environment beside the present one, which differs only in its ipykernel: 6.31 takes messages one by one.

Run as ``python tests/support/ipykernel6.py DIRECTORY`` it makes the environment; it is cheap, because everything but
ipykernel comes from the present one.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from pan115kit._base.file_locks import opening_lock

VERSION = "6.31.0"


def make(directory: Path) -> Path:
    """The environment's Python; made if it is not there."""
    directory.mkdir(exist_ok=True)
    with opening_lock(directory, patience=300):  # tests that run side by side make one
        return _make(directory)


def _make(directory: Path) -> Path:
    python = directory / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = directory / f"ipykernel-{VERSION}"
    if done.exists():
        return python
    venv.create(directory, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", f"ipykernel=={VERSION}"], check=True, timeout=300)
    # only now: pip must not take the other environment's ipykernel for one to be replaced
    own = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    root = Path(__file__).resolve().parents[2]
    Path(own, "everything_else.pth").write_text(f"{sysconfig.get_path('purelib')}\n{root}\n")
    done.touch()
    return python


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve())
