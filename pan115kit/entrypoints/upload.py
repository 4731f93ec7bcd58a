"""``python -m pan115kit upload PATH... --to /dir``."""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .._base.local_paths import local_path
from .._base.safe_output import OutputError, print_err, print_out
from ..config import UploadConfig
from ..i18n import format_bytes, format_duration, format_speed, say, visible
from ..models import UploadResult
from .command_line import ExitCode, add_state_dir, json_line, open_client, size_in_bytes, whole_number

if TYPE_CHECKING:
    from ..client import Pan115Client
    from ..folders.plan import Skipped
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
    parser.add_argument("--skip-existing", action="store_true", help=say("cli.upload.skip_existing"))
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
        jobs, left_out = _submit(client, options)
        for file in left_out:
            print_err(say("cli.upload.skipped", path=visible(str(file.file_path)), reason=file.reason))
        if not jobs and not left_out:
            print_err(say("upload.nothing"))
        try:
            with client.show("none" if options.no_progress else "tqdm", jobs):
                all_arrived = _follow(client, jobs, as_json=options.json)
        except KeyboardInterrupt:
            client.close()
            raise KeyboardInterrupt(say("cli.upload.stopped")) from None
    return ExitCode.OK if all_arrived and not any(file.missed for file in left_out) else ExitCode.FAILED


def _submit(client: Pan115Client, options: argparse.Namespace) -> tuple[list[UploadJob], list[Skipped]]:
    jobs: list[UploadJob] = []
    left_out: list[Skipped] = []
    # a file named twice is uploaded once
    for path in dict.fromkeys(map(local_path, options.paths)):
        if os.path.isdir(path):
            target = f"{options.to.rstrip('/')}/{Path(path).resolve().name}"
            batch = client.submit_folder(path, target, skip_existing=options.skip_existing)
            jobs.extend(batch)
            left_out.extend(batch.plan.skipped)
        else:
            jobs.append(client.submit(path, options.to, skip_existing=options.skip_existing))
    return jobs, left_out


def _follow(client: Pan115Client, jobs: list[UploadJob], *, as_json: bool) -> bool:
    """Print each file's end as it comes; True if all are on the drive.

    Raises:
        OutputError: Stdout could not be written; every file was brought to its end all the same.
    """
    ended: queue.SimpleQueue[UploadJob] = queue.SimpleQueue()
    for job in jobs:
        job.future.add_done_callback(lambda _, job=job: ended.put(job))  # type: ignore[misc]
    all_arrived, lost = True, None
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
            try:
                _print_result(result, as_json=as_json)
            except OutputError as error:
                lost = error
    if lost is not None:
        raise lost
    return all_arrived


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
