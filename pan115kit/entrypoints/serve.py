"""``python -m pan115kit serve``: REST, WebSocket and the live page until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from .._base.safe_output import print_out
from ..i18n import say
from .command_line import ExitCode, add_state_dir, json_line, open_client

if TYPE_CHECKING:
    from .command_line import Commands

#: Seconds between two looks at whether the server still runs; a signal ends the wait at once.
LOOK_INTERVAL = 0.5


def add_command(commands: Commands) -> None:
    """Add ``serve`` to the command line."""
    parser = commands.add_parser("serve", help=say("cli.serve"), description=say("cli.serve"))
    parser.add_argument("--host", default="127.0.0.1", help=say("cli.serve.host"))
    parser.add_argument("--port", type=int, default=8115, help=say("cli.serve.port"))
    parser.add_argument("--json", action="store_true", help=say("cli.serve.json"))
    parser.add_argument("--root", action="append", default=[], metavar="DIR", help=say("cli.serve.root"))
    parser.add_argument("--allow-remote", action="store_true", help=say("cli.serve.allow_remote"))
    add_state_dir(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until the process is asked to stop.

    Raises:
        ConfigError: The port is taken, an option makes no sense, or the extra ``server`` is not installed.
        CredentialsError: There are no credentials.
        OutputError: Nobody can read the address and the token.
    """
    with _stop_signals() as stopped, open_client(options.state_dir) as client:
        server = client.serve(
            host=options.host,
            port=options.port,
            roots=[Path(root) for root in options.root],
            allow_remote=options.allow_remote,
        )
        if options.json:
            print_out(json_line({"url": server.url, "token": server.token}))
        else:
            print_out(say("cli.serve.address", link=server.link))
        while server.running and not stopped.wait(LOOK_INTERVAL):
            pass
    return ExitCode.OK


@contextlib.contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM or Ctrl-C sets while the ``with`` block lasts."""
    stopped = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopped.set()

    before = {which: signal.signal(which, stop) for which in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
