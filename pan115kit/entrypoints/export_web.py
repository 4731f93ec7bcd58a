"""``python -m pan115kit export-web DIR``: the list and its React components for a web project."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .._base.safe_output import print_out
from ..i18n import say
from ..presentation.web_files import export_web
from .command_line import ExitCode

if TYPE_CHECKING:
    from .command_line import Commands


def add_command(commands: Commands) -> None:
    """Add ``export-web`` to the command line."""
    parser = commands.add_parser("export-web", help=say("cli.export_web"), description=say("cli.export_web"))
    parser.add_argument("folder", type=Path, metavar="DIR", help=say("cli.export_web.folder"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the files and name each."""
    for path in export_web(options.folder):
        print_out(str(path))
    return ExitCode.OK
