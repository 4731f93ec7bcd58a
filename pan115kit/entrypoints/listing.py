"""``python -m pan115kit sessions`` and ``history``: what the store knows, as tables for people or JSON lines."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
from typing import TYPE_CHECKING

from .._base.safe_output import print_out
from ..i18n import both
from ..models import HistoryEntry, iso_utc
from ..store import open_store
from ..store.resume_manager import UploadResumeManager

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def state_dir_option(parser: argparse.ArgumentParser, *, default: str | None = None) -> None:
    """The option that every command has."""
    parser.add_argument(
        "--state-dir",
        metavar="DIR",
        default=default,
        help=both("会话与历史的目录", "where sessions and history live (PAN115_STATE_DIR)"),
    )


def sessions_command(commands: Commands) -> None:
    """``pan115kit sessions`` and ``sessions clean``."""
    parser = commands.add_parser("sessions", help=both("未完成的上传", "unfinished uploads"))
    parser.add_argument("--json", action="store_true")
    state_dir_option(parser)
    parser.set_defaults(run=_sessions)
    actions = parser.add_subparsers(metavar="ACTION")
    clean = actions.add_parser("clean", help=both("清理过期会话", "give up old sessions"))
    clean.add_argument(
        "--days", type=float, default=7.0, help=both("多少天未更新（默认 7）", "untouched for so long (default 7)")
    )
    # no defaults of its own: they would overwrite what was said before the word clean
    clean.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help=both("输出一行 JSON", "print one line {removed}"),
    )
    state_dir_option(clean, default=argparse.SUPPRESS)
    clean.set_defaults(run=_clean)


def _sessions(options: argparse.Namespace) -> int:
    with open_store(options.state_dir) as store:
        rows = store.sessions.list()
    if options.json:
        for row in rows:
            print_out(json.dumps(row.to_dict(), ensure_ascii=True))
        return 0
    from ..presentation.dataframes import sessions_frame  # pandas takes a second to import

    frame = sessions_frame(rows)
    columns = ["file_name", "target_path", "status", "progress", "uploaded_parts", "total_parts", "updated_at"]
    print_out(frame[columns].to_string(index=False) if rows else both("没有未完成的上传", "no unfinished uploads"))
    return 0


def _clean(options: argparse.Namespace) -> int:
    with open_store(options.state_dir) as store:
        removed = asyncio.run(UploadResumeManager.of(store).clean_expired_sessions(options.days))
    if options.json:
        print_out(json.dumps({"removed": removed}))
        return 0
    print_out(
        both(
            f"已清理 {removed} 个超过 {options.days:g} 天未更新的会话",
            f"gave up {removed} sessions untouched for {options.days:g} days",
        )
    )
    return 0


def history_command(commands: Commands) -> None:
    """``pan115kit history``."""
    parser = commands.add_parser("history", help=both("上传历史", "ended uploads"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "-n", type=_rows, default=20, metavar="ROWS", help=both("行数（默认 20）", "rows (default 20)")
    )
    state_dir_option(parser)
    parser.set_defaults(run=_history)


def _rows(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(both(f"行数应为正整数，不是 {text!r}", f"rows from 1, not {text!r}"))
    return min(int(text), 2**31)


def _history(options: argparse.Namespace) -> int:
    with open_store(options.state_dir) as store:
        entries = store.history.list(options.n)
    if options.json:
        for entry in entries:
            print_out(json.dumps(_history_object(entry), ensure_ascii=True))
        return 0
    from ..presentation.dataframes import history_frame

    frame = history_frame(entries)
    columns = ["file_name", "file_size", "target_path", "status", "bytes_sent", "mean_speed_mbps", "finished_at"]
    print_out(frame[columns].to_string(index=False) if len(frame) else both("还没有历史", "no history yet"))
    return 0


def _history_object(entry: HistoryEntry) -> dict[str, object]:
    times = {"started_at": iso_utc(entry.started_at), "finished_at": iso_utc(entry.finished_at)}
    return dataclasses.asdict(entry) | times | {"mean_speed_mbps": round(entry.mean_speed_mbps, 3)}
