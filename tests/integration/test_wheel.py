"""The wheel: what ``pip install dist/*.whl`` brings is whole and runs on its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytest.importorskip("hatchling", reason="builds the wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh build of this source."""
    place = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(place)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(place.glob("*.whl"))


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    """A page without its JavaScript, or texts without their catalogue, shows only after the installation."""
    package = ROOT / "pan115kit"
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("pan115kit/")}
        metadata = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "pan115kit = pan115kit.entrypoints.cli:main" in archive.read(metadata).decode()
    assert packed == ours
    for needed in ("py.typed", "locales/en.json", "locales/zh.json"):
        assert f"pan115kit/{needed}" in packed
    assert any(name.startswith("pan115kit/web/") for name in packed)


def test_the_installed_wheel_runs_without_the_source(wheel: Path, tmp_path: Path) -> None:
    """Installed elsewhere, started elsewhere: the command answers in both languages, and the client is there."""
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*install, "--target", str(site), str(wheel)], check=True, capture_output=True)
    command = site / "bin" / "pan115kit"
    environment = os.environ | {"PYTHONPATH": str(site), "PAN115_STATE_DIR": str(tmp_path / "state")}

    def run(*arguments: str, **more: str) -> str:
        return subprocess.run(
            arguments,
            env=environment | more,
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
        ).stdout

    where = run(sys.executable, "-c", "import pan115kit.client; print(pan115kit.__file__)")
    assert Path(where.strip()).is_relative_to(site)
    assert "usage: pan115kit" in run(sys.executable, "-m", "pan115kit", "--help", PAN115_LANG="en")
    assert "用法：pan115kit" in run(sys.executable, "-m", "pan115kit", "--help", PAN115_LANG="zh", PYTHONUTF8="1")
    if command.exists():  # on Windows it is pan115kit.exe
        assert run(str(command), "--version").startswith("pan115kit ")
    assert run(sys.executable, "-m", "pan115kit", "history", PAN115_LANG="en") == "no history yet\n"
