"""Start-up: who imports the kit, or asks the command line for help, pays only for what is used."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pan115kit

#: Each takes a tenth of a second or more.
HEAVY = {
    "pandas",
    "numpy",
    "oss2",
    "matplotlib",
    "IPython",
    "ipywidgets",
    "anywidget",
    "fastapi",
    "uvicorn",
    "qrcode",
}
#: What uploads need, and a table of sessions does not.
NETWORK = {"httpx", "cryptography", "aiolimiter"}


def loaded(*arguments: str) -> set[str]:
    """The modules that a fresh Python has after this."""
    report = (
        "import atexit, json, sys; atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))"
    )
    code = f"{report}\n" + arguments[0] if len(arguments) == 1 else report
    if len(arguments) > 1:
        code += f"\nfrom pan115kit.entrypoints.cli import main\nsys.exit(main({list(arguments[1:])!r}))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    return set(json.loads(ended.stderr.splitlines()[-1]))


def test_the_import_alone_loads_nothing() -> None:
    """``import pan115kit`` in the first cell was seven times as slow as ``import httpx``."""
    names = loaded("import pan115kit")
    assert not names & (HEAVY | NETWORK | {"asyncio", "sqlite3"})
    assert {name for name in names if name.startswith("pan115kit")} == {"pan115kit"}


def test_a_client_loads_no_tables_plots_or_widgets() -> None:
    """A script that uploads waits for neither pandas nor the parts of OSS's library it may never need."""
    assert not loaded("from pan115kit import Pan115Client") & HEAVY


@pytest.mark.parametrize(
    "command",
    [["sessions"], ["sessions", "--json"], ["history"], ["history", "--json"], ["sessions", "clean"]],
    ids=" ".join,
)
def test_the_tables_of_the_command_line_need_no_pandas(command: list[str], tmp_path: Path) -> None:
    """A look at what is unfinished took 1.6 s."""
    assert not loaded("command", *command, "--state-dir", str(tmp_path)) & (HEAVY | NETWORK)


def test_help_loads_nothing_that_it_does_not_show() -> None:
    names = loaded(
        "from pan115kit.entrypoints.cli import main\ntry: main(['upload', '--help'])\nexcept SystemExit: print()"
    )
    assert not names & (HEAVY | NETWORK | {"asyncio", "sqlite3"})


def test_every_public_name_is_there() -> None:
    """A name promised by ``__all__`` that fails when it is asked for breaks ``from pan115kit import *``."""
    for name in pan115kit.__all__:
        assert getattr(pan115kit, name) is not None
    assert set(pan115kit.__all__) <= set(dir(pan115kit))
    assert pan115kit.errors.NoSpaceError is pan115kit.NoSpaceError
    assert not hasattr(pan115kit, "nonsense")
    with pytest.raises(ImportError):
        exec("from pan115kit import nonsense")


def test_type_checkers_see_the_same_names() -> None:
    """A name that only one of the two lists has is either unknown to an editor or fails when the program runs."""
    tree = ast.parse(Path(pan115kit.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
    assert typed == pan115kit._MODULE_OF
    assert set(typed) | {"__version__"} == set(pan115kit.__all__)
    for name, module in typed.items():
        home = importlib.import_module(f"pan115kit.{module}")
        assert getattr(home, name) is getattr(pan115kit, name)
