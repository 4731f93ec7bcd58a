"""``python -m pan115kit ls`` and ``verify``: what is on the drive, and whether it is what is here."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .._base.safe_output import out_width, print_err, print_out
from .._base.text_table import Column, render_table
from ..i18n import format_bytes, format_time, say, visible
from .command_line import ExitCode, add_state_dir, json_line, open_client

if TYPE_CHECKING:
    import pandas as pd

    from .command_line import Commands


def add_ls(commands: Commands) -> None:
    """Add ``ls`` to the command line."""
    parser = commands.add_parser("ls", help=say("cli.ls"), description=say("cli.ls"))
    parser.add_argument("path", nargs="?", default="/", metavar="PATH", help=say("cli.ls.path"))
    parser.add_argument("-r", "--recursive", action="store_true", help=say("cli.ls.recursive"))
    parser.add_argument("--json", action="store_true", help=say("cli.listing.json"))
    add_state_dir(parser)
    parser.set_defaults(run=run_ls)


def add_verify(commands: Commands) -> None:
    """Add ``verify`` to the command line."""
    parser = commands.add_parser("verify", help=say("cli.verify"), description=say("cli.verify"))
    parser.add_argument("folder", metavar="FOLDER", help=say("cli.verify.folder"))
    parser.add_argument("--to", default="/", metavar="DIR", help=say("cli.upload.to"))
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help=say("cli.upload.exclude"))
    parser.add_argument("--json", action="store_true", help=say("cli.listing.json"))
    add_state_dir(parser)
    parser.set_defaults(run=run_verify)


def run_ls(options: argparse.Namespace) -> int:
    """List a folder of the drive.

    Raises:
        Pan115Error: It cannot be listed.
    """
    with open_client(options.state_dir) as client:
        rows = _rows(client.ls(options.path, recursive=options.recursive))
    if options.json:
        for row in rows:
            print_out(json_line(row))
    elif rows:
        shown = "path" if options.recursive else "name"
        columns = (Column(say("column.size"), right=True), Column(say("column.modified")), Column(say("column.file")))
        print_out(render_table(columns, [_line(row, shown) for row in rows], out_width()))
    return ExitCode.OK


def _line(row: dict[str, Any], shown: str) -> tuple[str, str, str]:
    modified = format_time(datetime.fromisoformat(row["modified"]).timestamp()) if row["modified"] else ""
    if row["kind"] == "folder":
        return "", modified, f"{visible(row[shown])}/"
    return format_bytes(row["size"]), modified, visible(row[shown])


def run_verify(options: argparse.Namespace) -> int:
    """Compare a folder with its counterpart on the drive.

    Returns:
        ``ExitCode.FAILED`` where something is missing or changed.

    Raises:
        Pan115Error: They cannot be compared.
    """
    with open_client(options.state_dir) as client:
        rows = _rows(client.verify(options.folder, options.to, exclude=options.exclude))
    counts = Counter(row["state"] for row in rows)
    for row in rows:
        if options.json:
            print_out(json_line(row))
        elif row["state"] != "same":
            print_out(f"{say('verify.' + row['state'])}  {visible(row['path'])}")
    if not options.json:
        print_err(
            say(
                "cli.verify.sum",
                same=counts["same"],
                changed=counts["changed"],
                missing=counts["missing"],
                extra=counts["extra"],
            )
        )
    return ExitCode.FAILED if counts["missing"] or counts["changed"] else ExitCode.OK


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows as JSON knows them."""
    return [{str(key): _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    import pandas as pd

    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value
