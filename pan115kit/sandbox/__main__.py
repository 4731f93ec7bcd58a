"""``python -m pan115kit.sandbox --port 8115``: a sandbox as a process of its own."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from ..errors import ConfigError
from ..i18n import say
from .app import Sandbox


def parser() -> argparse.ArgumentParser:
    """The command line."""
    text = argparse.ArgumentParser(
        prog="python -m pan115kit.sandbox",
        description=say("sandbox.cli.description"),
    )
    text.add_argument("--port", type=int, default=0, help=say("sandbox.cli.port"))
    text.add_argument("--host", default="127.0.0.1", help=say("sandbox.cli.host"))
    text.add_argument("--data-dir", help=say("sandbox.cli.data_dir"))
    text.add_argument("--sts-life", type=float, default=3600.0, metavar="SECONDS", help=say("sandbox.cli.sts_life"))
    text.add_argument(
        "--access-token-life",
        type=float,
        default=7200.0,
        metavar="SECONDS",
        help=say("sandbox.cli.access_token_life"),
    )
    text.add_argument("--latency-ms", type=float, default=0.0, metavar="MS", help=say("sandbox.cli.latency"))
    text.add_argument("--bandwidth", type=float, metavar="BYTES_PER_S", help=say("sandbox.cli.bandwidth"))
    text.add_argument("--qr-polls", type=int, default=3, help=say("sandbox.cli.qr_polls"))
    text.add_argument("--object-as-url", action="store_true", help=say("sandbox.cli.object_as_url"))
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; one JSON line on stdout says where and with which credentials."""
    options = parser().parse_args(arguments)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    sandbox = Sandbox(
        options.data_dir,
        host=options.host,
        port=options.port,
        sts_life=options.sts_life,
        access_token_life=options.access_token_life,
        latency_ms=options.latency_ms,
        bandwidth=options.bandwidth,
        qr_polls=None if options.qr_polls < 0 else options.qr_polls,
        object_as_url=options.object_as_url,
    )
    try:
        sandbox.start()
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    with sandbox:
        print(json.dumps(sandbox.credentials), flush=True)
        print(f"{sandbox.endpoint}/sandbox/", file=sys.stderr, flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
