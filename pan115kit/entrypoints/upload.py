"""``python -m pan115kit upload PATH... --to /dir``."""

from __future__ import annotations

import argparse
import contextlib
import queue
import signal
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from .._base.safe_output import OutputError, out_width, print_err, print_out
from .._base.text_table import Column, render_table
from ..config import UploadConfig
from ..i18n import format_bytes, format_duration, format_speed, say, visible
from ..models import After, OnConflict, UploadResult
from .command_line import ExitCode, add_state_dir, json_line, open_client, size_in_bytes, whole_number

if TYPE_CHECKING:
    from ..client import Pan115Client
    from ..folders.local_tree import Skipped
    from ..folders.plan import FolderPlan
    from ..job import UploadJob
    from .command_line import Commands

#: Seconds between two looks at whether Ctrl-C was pressed; an upload's end is felt at once.
LOOK_INTERVAL = 0.1


#: Seconds that an outage of the network is waited out: who started a command may look again within the hour.
DEFAULT_PATIENCE = 3600


def add_command(commands: Commands) -> None:
    """Add ``upload`` to the command line."""
    parser = commands.add_parser("upload", help=say("cli.upload"), description=say("cli.upload"))
    parser.add_argument("paths", nargs="+", metavar="PATH", help=say("cli.upload.paths"))
    parser.add_argument("--to", default="/", metavar="DIR", help=say("cli.upload.to"))
    parser.add_argument("--json", action="store_true", help=say("cli.upload.json"))
    parser.add_argument("--no-progress", action="store_true", help=say("cli.upload.no_progress"))
    parser.add_argument("--dry-run", action="store_true", help=say("cli.upload.dry_run"))
    parser.add_argument("--include", action="append", default=[], metavar="PATTERN", help=say("cli.upload.include"))
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help=say("cli.upload.exclude"))
    parser.add_argument("--on-conflict", choices=[*OnConflict], default="keep", help=say("cli.upload.on_conflict"))
    parser.add_argument("--after", choices=[*After], default="keep", help=say("cli.upload.after"))
    parser.add_argument("--part-size", type=size_in_bytes, metavar="BYTES", help=say("cli.upload.part_size"))
    parser.add_argument(
        "--threshold",
        type=size_in_bytes,
        metavar="BYTES",
        dest="multipart_threshold",
        help=say("cli.upload.threshold"),
    )
    parser.add_argument("--files", type=whole_number, metavar="N", help=say("cli.upload.files"))
    parser.add_argument("--limit", type=whole_number, metavar="BYTES_PER_S", help=say("cli.upload.limit"))
    parser.add_argument(
        "--patience",
        type=whole_number,
        metavar="SECONDS",
        default=DEFAULT_PATIENCE,
        help=say("cli.upload.patience"),
    )
    add_state_dir(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Upload what was named.

    Returns:
        ``ExitCode.OK`` only if every file is on the drive.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; sessions are kept, the message says so.
        OutputError: Stdout could not be written; every file was brought to its end all the same.
        Pan115Error: Nothing could be begun.
    """
    given = {
        "part_size": options.part_size,
        "multipart_threshold": options.multipart_threshold,
        "max_concurrent_uploads": options.files,
        "bandwidth_limit": options.limit,
        "network_patience": options.patience,
    }
    config = UploadConfig.from_environment(**{name: value for name, value in given.items() if value is not None})
    with _sigterm_as_ctrl_c(), open_client(options.state_dir, config) as client:
        batch = client.submit_many(
            options.paths,
            options.to,
            include=options.include,
            exclude=options.exclude,
            on_conflict=options.on_conflict,
            after=options.after,
            dry_run=options.dry_run,
        )
        try:
            plan = batch.plan
            _print_left_out(plan.skipped)
            if options.dry_run:
                return _print_plan(plan)
            if not plan.total:
                print_err(say("upload.nothing"))
            jobs = list(batch)
            with client.show("none" if options.no_progress else "tqdm", jobs):
                all_arrived = _follow(client, jobs, batch.unchanged, as_json=options.json)
                report = batch.wait()
        except KeyboardInterrupt:
            client.close()
            raise KeyboardInterrupt(say("cli.upload.stopped")) from None
    missed = any(file.missed for file in plan.skipped)
    return ExitCode.OK if all_arrived and report.success and not missed else ExitCode.FAILED


def _print_left_out(skipped: Iterable[Skipped]) -> None:
    """Say what is not uploaded and why; of what was to be left out, only how much."""
    excluded = 0
    for file in skipped:
        excluded += file.excluded
        if not file.excluded:
            print_err(say("cli.upload.skipped", path=visible(file.file_path), reason=file.reason))
    if excluded:
        print_err(say("cli.upload.excluded", count=excluded))


def _print_plan(plan: FolderPlan) -> int:
    """Say what would be done; exit code 1 where something cannot be."""
    from ..folders.plan import Action

    columns = (
        Column(say("column.action")),
        Column(say("column.file"), cut=True),
        Column(say("column.size"), right=True),
        Column(say("column.target"), cut=True),
        Column(say("column.reason")),
    )
    rows = [(str(Action.MAKE_FOLDER), "", "", folder.target_path, "") for folder in plan.folders]
    rows += [
        (str(file.action), visible(file.file_path), format_bytes(file.file_size), file.target_path, file.reason)
        for file in plan.files
    ]
    if rows:
        print_out(render_table(columns, rows, out_width()))
    excluded = sum(file.excluded for file in plan.skipped)
    print_out(
        say(
            "cli.upload.plan",
            files=len(plan.files),
            bytes=format_bytes(plan.total_bytes),
            unchanged=len(plan.unchanged),
            excluded=excluded,
            calls=plan.calls,
            time=format_duration(plan.seconds),
        )
    )
    failing = any(file.action is Action.ERROR for file in plan.files) or any(file.missed for file in plan.skipped)
    return ExitCode.FAILED if failing else ExitCode.OK


def _follow(
    client: Pan115Client, jobs: Sequence[UploadJob], unchanged: Iterable[UploadResult], *, as_json: bool
) -> bool:
    """Print each file's end as it comes, those that are there already first; True if all are on the drive.

    Raises:
        OutputError: Stdout could not be written; every file was brought to its end all the same.
    """
    ended: queue.SimpleQueue[UploadJob] = queue.SimpleQueue()
    for job in jobs:
        job.future.add_done_callback(lambda _, job=job: ended.put(job))  # type: ignore[misc]
    all_arrived, lost = True, None
    for result in unchanged:
        if as_json and lost is None:
            lost = _try_to_print(result, as_json=as_json)
    left = len(jobs)
    while left:
        try:
            job = ended.get(timeout=LOOK_INTERVAL)  # in ticks: on Windows Ctrl-C is felt only between them
        except queue.Empty:
            continue
        left -= 1
        result = client.result_of(job)
        all_arrived = all_arrived and result.success
        if lost is None:
            lost = _try_to_print(result, as_json=as_json)
    if lost is not None:
        raise lost
    return all_arrived


def _try_to_print(result: UploadResult, *, as_json: bool) -> OutputError | None:
    try:
        _print_result(result, as_json=as_json)
    except OutputError as error:
        return error
    return None


def _print_result(result: UploadResult, *, as_json: bool) -> None:
    if as_json:
        print_out(json_line(result.to_dict()))
        return
    mark = result.status.icon or ("✅" if result.success else "❌")
    line = f"{mark} {visible(result.file_name)}  {result.status.label}"
    if not result.success:
        print_err(f"{line}  {result.error_message}")
        return
    line += f"  {format_bytes(result.file_size)}  {format_duration(result.elapsed_seconds)}"
    if result.bytes_sent and result.elapsed_seconds:
        line += f"  {format_speed(result.bytes_sent / result.elapsed_seconds)}"
    file_id = say("cli.upload.file_id", file_id=result.file_id)
    print_out(f"{line}  {file_id}")


@contextlib.contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM stops as Ctrl-C does: sessions are kept, nothing is left half-written."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
