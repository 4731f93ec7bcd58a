"""``python -m pan115kit sessions`` and ``history``: what the store knows, as tables for people or JSON lines."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._base.safe_output import out_width, print_out
from .._base.text_table import Column, render_table
from ..i18n import format_bytes, format_speed, format_time, say
from ..models import HistoryEntry, UploadSession
from .command_line import ExitCode, add_state_dir, json_line, whole_number

if TYPE_CHECKING:
    from .command_line import Commands


def add_sessions(commands: Commands) -> None:
    """Add ``sessions`` and ``sessions clean`` to the command line."""
    parser = commands.add_parser("sessions", help=say("cli.sessions"), description=say("cli.sessions"))
    parser.add_argument("--json", action="store_true", help=say("cli.listing.json"))
    add_state_dir(parser)
    parser.set_defaults(run=run_sessions)
    actions = parser.add_subparsers(metavar="ACTION", title=say("cli.help.commands"))
    clean = actions.add_parser("clean", help=say("cli.sessions.clean"), description=say("cli.sessions.clean"))
    clean.add_argument("--days", type=days, default=7.0, help=say("cli.sessions.clean.days"))
    # no defaults of its own: they would overwrite what was said before the word clean
    clean.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=say("cli.sessions.clean.json"))
    add_state_dir(clean, default=argparse.SUPPRESS)
    clean.set_defaults(run=run_clean)


def add_history(commands: Commands) -> None:
    """Add ``history`` to the command line."""
    parser = commands.add_parser("history", help=say("cli.history"), description=say("cli.history"))
    parser.add_argument("--json", action="store_true", help=say("cli.listing.json"))
    parser.add_argument("-n", type=whole_number, default=20, metavar="ROWS", help=say("cli.history.rows"))
    add_state_dir(parser)
    parser.set_defaults(run=run_history)


def days(text: str) -> float:
    """A number of days as an option's value; 0 means all.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(say("cli.usage.days", text=repr(text)))
    return number


def run_sessions(options: argparse.Namespace) -> int:
    """List unfinished uploads.

    Raises:
        StoreError: The state directory cannot be used.
        OutputError: Stdout could not be written.
    """
    from ..store import open_store

    with open_store(options.state_dir) as store:
        rows = store.sessions.list()
    if options.json:
        for row in rows:
            print_out(json_line(row.to_dict()))
        return ExitCode.OK
    print_out(sessions_table(rows) if rows else say("cli.sessions.none"))
    return ExitCode.OK


def sessions_table(rows: Sequence[UploadSession]) -> str:
    """Unfinished uploads as a table that fits the terminal."""
    columns = (
        Column(say("column.file"), cut=True),
        Column(say("column.progress"), right=True),
        Column(say("column.size"), right=True),
        Column(say("column.status")),
        Column(say("column.target"), cut=True),
        Column(say("column.parts"), right=True),
        Column(say("column.updated")),
    )
    lines = [
        (
            row.file_name,
            f"{math.floor(row.get_progress() * 10) / 10}%",  # 99.97 % is not all
            format_bytes(row.file_size),
            row.status.label,
            row.target_path,
            f"{len(row.uploaded_parts)}/{row.total_parts}" if row.total_parts else "",
            format_time(row.updated_at),
        )
        for row in rows
    ]
    return render_table(columns, lines, out_width())


def run_clean(options: argparse.Namespace) -> int:
    """Give up old sessions.

    Raises:
        StoreError: The state directory cannot be used.
        OutputError: Stdout could not be written.
    """
    import asyncio

    from ..store import open_store
    from ..store.resume_manager import UploadResumeManager

    with open_store(options.state_dir) as store:
        removed = asyncio.run(UploadResumeManager.of(store).clean_expired_sessions(options.days))
    if options.json:
        print_out(json_line({"removed": removed}))
    else:
        print_out(say("cli.sessions.clean.done", removed=removed, days=f"{options.days:g}"))
    return ExitCode.OK


def run_history(options: argparse.Namespace) -> int:
    """List ended uploads, the newest first.

    Raises:
        StoreError: The state directory cannot be used.
        OutputError: Stdout could not be written.
    """
    from ..store import open_store

    with open_store(options.state_dir) as store:
        entries = store.history.list(options.n)
    if options.json:
        for entry in entries:
            print_out(json_line(entry.to_dict()))
        return ExitCode.OK
    print_out(history_table(entries) if entries else say("cli.history.none"))
    return ExitCode.OK


def history_table(entries: Sequence[HistoryEntry]) -> str:
    """Ended uploads as a table that fits the terminal."""
    columns = (
        Column(say("column.file"), cut=True),
        Column(say("column.status")),
        Column(say("column.size"), right=True),
        Column(say("column.target"), cut=True),
        Column(say("column.finished")),
        Column(say("column.sent"), right=True),
        Column(say("column.speed"), right=True),
    )
    lines = [
        (
            entry.file_name,
            entry.status.label,
            format_bytes(entry.file_size),
            entry.target_path,
            format_time(entry.finished_at),
            format_bytes(entry.bytes_sent),
            format_speed(entry.mean_speed_mbps * 1e6) if entry.bytes_sent else "",
        )
        for entry in entries
    ]
    return render_table(columns, lines, out_width())
