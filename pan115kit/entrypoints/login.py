"""``python -m pan115kit login``: a QR code in the terminal, both routes."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from .._base.safe_output import print_out
from ..i18n import say
from .command_line import ExitCode, add_state_dir

if TYPE_CHECKING:
    from .command_line import Commands


def add_command(commands: Commands) -> None:
    """Add ``login`` to the command line."""
    parser = commands.add_parser("login", help=say("cli.login"), description=say("cli.login"))
    parser.add_argument("--route", choices=("cookie", "open"), default="cookie", help=say("cli.login.route"))
    parser.add_argument("--app", default=None, help=say("cli.login.app"))
    parser.add_argument("--client-id", default=None, help=say("cli.login.client_id"))
    parser.add_argument("--save", choices=("file", "keyring"), help=say("cli.login.save"))
    add_state_dir(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show a QR code, follow it, and keep the credentials where asked.

    Raises:
        ConfigError: The keyring is wanted, but there is none; no code was shown.
        LoginError: It was cancelled on the phone, or no code was scanned in time.
        Pan115Error: 115 did not answer, or refused.
        OutputError: Stdout could not be written; what was asked to be kept is kept.
    """
    asyncio.run(_sign_in(options))
    return ExitCode.OK


async def _sign_in(options: argparse.Namespace) -> None:
    from ..client import Pan115Client

    # kept before 115 is asked whose they are: what the scan gave is not lost when 115 does not answer now
    async with await Pan115Client.login(
        options.route, app=options.app, client_id=options.client_id, save=options.save, state_dir=options.state_dir
    ) as client:
        print_out(say("cli.login.done", user_id=(await client.account()).user_id))
        if options.save is None:
            print_out(say("cli.login.not_kept"))
        else:
            print_out(say("cli.login.kept", place=_place(options.save, client.state_dir)))


def _place(save: str, directory: Path) -> object:
    from ..drive.auth.credentials_file import CredentialStore

    return say("cli.login.keyring") if save == "keyring" else CredentialStore(directory).path
