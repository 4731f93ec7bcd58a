"""The oldest versions that pyproject.toml allows, tried: ``python tests/lowest.py DIRECTORY [pytest's arguments]``.

A bound that was never tried is a promise nobody checked.  What the kit itself needs is installed at its lower bound,
what only the tests need is not.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FACES = ("notebook", "server", "keyring")
ENOUGH = [
    "tests/unit",
    "tests/server",
    "tests/integration",
    "tests/sandbox",
    "tests/notebook/test_panel.py",
    "tests/notebook/test_bars.py",
]


def lowest() -> list[str]:
    """``name==lower bound`` of everything the kit and its faces need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(one for face in FACES for one in extras[face])]
    return [re.sub(r">=.*", lambda bound: bound[0].replace(">=", "=="), one) for one in asked]


def for_tests() -> list[str]:
    """What the tests need beyond that."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    return [one for one in extras["dev"] if not one.startswith("pan115kit")]


def main(directory: Path, arguments: list[str]) -> int:
    venv.create(directory, with_pip=True, clear=True)
    python = str(directory / "bin" / "python")
    install = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*install, *lowest(), *for_tests()], check=True)
    subprocess.run([*install, "--no-deps", "-e", str(ROOT)], check=True)
    return subprocess.run([python, "-m", "pytest", *(arguments or ENOUGH)], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
