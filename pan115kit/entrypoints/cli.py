"""The terminal face: ``python -m pan115kit upload PATH... --to /dir``, and the commands around it."""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .. import __version__
from .._base import safe_output
from .._base.local_paths import local_path
from .._base.safe_output import print_err, print_out
from ..client import Pan115Client
from ..config import UploadConfig, state_directory
from ..drive.auth.credentials_file import CredentialStore
from ..errors import ConfigError, CredentialsError, Pan115Error
from ..folders.plan import Skipped
from ..i18n import both, format_bytes, format_duration, format_speed, say
from ..job import UploadJob
from ..models import UploadResult
from .listing import history_command, sessions_command, state_dir_option
from .login import sign_in

if TYPE_CHECKING:
    from .listing import Commands

#: Exit codes, as shells know them.
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; ``sys.argv`` if None.

    Returns:
        The exit code: 0 only if everything asked for was done.

    Example:
        >>> main(["history", "--json", "--state-dir", "/tmp/pan115kit-doc"])
        0
    """
    safe_output.prepare()
    options = _parser().parse_args(arguments)
    lost: safe_output.OutputError | None = None
    try:
        code = int(options.run(options))
    except safe_output.OutputError as error:
        code, lost = FAILED, error
    except Pan115Error as error:
        _say_error(error)
        code = USAGE if isinstance(error, CredentialsError) else FAILED
    except KeyboardInterrupt as error:
        print_err(f"\n{error}" if str(error) else "")
        code = INTERRUPTED
    lost = safe_output.finish() or lost
    if lost is not None and lost.user_message:
        print_err(lost.user_message)
    return code if lost is None else code or FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pan115kit",
        description=both(
            "把文件上传到 115 网盘：秒传、断点续传、实时进度。",
            "Upload files to the 115 cloud drive: instant upload, resume, live progress.",
        ),
    )
    parser.add_argument("--version", action="version", version=f"pan115kit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _upload_command(commands)
    sessions_command(commands)
    history_command(commands)
    _login_command(commands)
    _serve_command(commands)
    _demo_command(commands)
    return parser


# -- upload ----------------------------------------------------------------------------------------------------


def _upload_command(commands: Commands) -> None:
    parser = commands.add_parser("upload", help=both("上传文件或文件夹", "upload files or folders"))
    parser.add_argument("paths", nargs="+", metavar="PATH", help=both("文件或文件夹", "files and folders"))
    parser.add_argument("--to", default="/", metavar="DIR", help=both("网盘目标目录", "folder on the drive"))
    parser.add_argument(
        "--json",
        action="store_true",
        help=both("每个文件输出一行 JSON", "one JSON object per finished file on stdout"),
    )
    parser.add_argument("--no-progress", action="store_true", help=both("不显示进度条", "no bars on stderr"))
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help=both("跳过已存在的同名同内容文件", "skip files that are there already"),
    )
    parser.add_argument(
        "--part-size",
        type=int,
        metavar="BYTES",
        help=both("分片大小", "bytes of a part (default 10 MiB, grown if needed)"),
    )
    parser.add_argument(
        "--threshold",
        type=int,
        metavar="BYTES",
        dest="multipart_threshold",
        help=both("从多大起分片上传", "from how many bytes on a file goes in parts and can resume (default 100 MiB)"),
    )
    parser.add_argument("--files", type=int, metavar="N", help=both("同时上传的文件数", "files at once (default 3)"))
    parser.add_argument(
        "--limit", type=int, metavar="BYTES_PER_S", help=both("总限速", "limit of all uploads together")
    )
    state_dir_option(parser)
    parser.set_defaults(run=_upload)


def _upload(options: argparse.Namespace) -> int:
    given = {
        "part_size": options.part_size,
        "multipart_threshold": options.multipart_threshold,
        "max_concurrent_uploads": options.files,
        "bandwidth_limit": options.limit,
    }
    config = UploadConfig.from_environment(**{name: value for name, value in given.items() if value is not None})
    with _stoppable(), _client(options, config) as client:
        jobs, left_out = _submit(client, options)
        for left in left_out:
            print_err(both(f"跳过 {left.file_path}：{left.reason}", f"skipped {left.file_path}: {left.reason}"))
        if not jobs and not left_out:
            print_err(both("没有要上传的文件", "nothing to upload"))
        bars = "none" if options.no_progress else "tqdm"
        try:
            with client.show(bars, jobs):
                good = _follow(client, jobs, as_json=options.json)
        except KeyboardInterrupt:
            client.close()
            kept = both(
                "已停止，会话已保留；再次运行将从断点继续。", "Stopped; sessions are kept: run it again to go on."
            )
            raise KeyboardInterrupt(kept) from None
    return OK if good and not any(left.missed for left in left_out) else FAILED


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
    """Tell each file's end as it comes; True if all are on the drive.

    Raises:
        OutputError: Stdout could not be written; every file was brought to its end all the same.
    """
    good, lost = True, None
    waiting = {job.future: job for job in jobs}
    while waiting:
        done, _ = concurrent.futures.wait(waiting, timeout=0.2, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            result = client.result_of(waiting.pop(future))
            good = good and result.success
            if lost is None:
                try:
                    _tell(result, as_json=as_json)
                except safe_output.OutputError as error:
                    lost = error
    if lost is not None:
        raise lost
    return good


def _tell(result: UploadResult, *, as_json: bool) -> None:
    if as_json:
        print_out(json.dumps(result.to_dict(), ensure_ascii=True))
        return
    mark = result.status.icon or ("✅" if result.success else "❌")
    line = f"{mark} {result.file_name}  {result.status.label}"
    if not result.success:
        print_err(f"{line}  {result.error_message}")
        return
    line += f"  {format_bytes(result.file_size)}  {format_duration(result.elapsed_seconds)}"
    if result.bytes_sent and result.elapsed_seconds:
        line += f"  {format_speed(result.bytes_sent / result.elapsed_seconds)}"
    print_out(f"{line}  {both('文件ID', 'file id')}: {result.file_id}")


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM stops as Ctrl-C does: sessions are kept, nothing is left half-written."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _client(options: argparse.Namespace, config: UploadConfig | None = None) -> Pan115Client:
    """Credentials from the environment, else what ``login --save`` kept."""
    try:
        return Pan115Client(state_dir=options.state_dir, config=config)
    except CredentialsError:
        if any(os.environ.get(name) for name in ("PAN115_COOKIE", "PAN115_ACCESS_TOKEN", "PAN115_REFRESH_TOKEN")):
            raise
        for kept in _places(state_directory(options.state_dir)):
            if (found := kept.load()) is not None:
                return Pan115Client._of(found, kept, state_dir=options.state_dir, config=config)
        hint = "log in with: python -m pan115kit login --save file; or set PAN115_COOKIE"
        raise CredentialsError("no credentials", hint=hint) from None


def _places(directory: Path) -> Iterator[CredentialStore]:
    """Where a login may be kept; the keyring is asked only if the file has none."""
    yield CredentialStore(directory)
    with contextlib.suppress(ConfigError):  # there is no keyring: then nothing is kept there
        yield CredentialStore(directory, keyring=True)


# -- login and serve -------------------------------------------------------------------------------------------


def _login_command(commands: Commands) -> None:
    parser = commands.add_parser("login", help=both("扫码登录", "log in with a QR code"))
    parser.add_argument("--route", choices=("cookie", "open"), default="cookie")
    parser.add_argument("--app", default=None, help=both("设备类型（cookie）", "device type (cookie route)"))
    parser.add_argument("--client-id", default=None, help=both("开放平台应用 ID", "app id of the open platform"))
    parser.add_argument(
        "--save", choices=("file", "keyring"), help=both("保存凭证", "keep the credentials (0600 file or keyring)")
    )
    state_dir_option(parser)
    parser.set_defaults(run=_login)


def _login(options: argparse.Namespace) -> int:
    asyncio.run(
        sign_in(
            route=options.route,
            app=options.app,
            client_id=options.client_id,
            save=options.save,
            state_dir=state_directory(options.state_dir),
        )
    )
    return OK


def _serve_command(commands: Commands) -> None:
    parser = commands.add_parser("serve", help=both("REST、WebSocket 与网页", "REST, WebSocket and a live page"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8115)
    parser.add_argument(
        "--json", action="store_true", help=both("打印一行 {url, token}", "print one line {url, token}")
    )
    parser.add_argument(
        "--root",
        action="append",
        default=[],
        metavar="DIR",
        help=both("允许上传的本地目录", "local folder that may be uploaded from; repeatable"),
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help=both("允许非本机访问", "bind beyond this machine")
    )
    state_dir_option(parser)
    parser.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    from ..server import serve_forever

    with _client(options) as client:
        queue, tracker, store = client.parts
        serve_forever(
            queue,
            tracker,
            store,
            host=options.host,
            port=options.port,
            token=os.environ.get("PAN115_SERVER_TOKEN") or None,
            roots=[Path(root) for root in options.root],
            allow_remote=options.allow_remote,
            json_line=options.json,
        )
    return OK


def _demo_command(commands: Commands) -> None:
    parser = commands.add_parser("demo", help=both("本地演示（无需账号）", "the whole story on a local sandbox"))
    parser.add_argument("--file", metavar="PATH")
    parser.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from . import demo

    return demo.run(options.file)


def _say_error(error: Pan115Error) -> None:
    print_err(say("cli.error", error=error))
