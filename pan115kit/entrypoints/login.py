"""``python -m pan115kit login``: a QR code in the terminal, both routes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .._base.safe_output import print_out
from ..errors import ConfigError
from ..i18n import say
from .command_line import ExitCode, add_state_dir

if TYPE_CHECKING:
    from .command_line import Commands


def add_command(commands: Commands) -> None:
    """Add ``login`` to the command line."""
    parser = commands.add_parser("login", help=say("cli.login"), description=say("cli.login"))
    parser.add_argument("--route", type=_login_name, default=None, metavar="NAME", help=say("cli.login.route"))
    parser.add_argument("--app", default=None, help=say("cli.login.app"))
    parser.add_argument("--client-id", default=None, help=say("cli.login.client_id"))
    parser.add_argument("--save", choices=("file", "keyring"), help=say("cli.login.save"))
    parser.add_argument("--profile", metavar="NAME", help=say("cli.login.profile"))
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
    import asyncio

    asyncio.run(_sign_in(options))
    return ExitCode.OK


async def _sign_in(options: argparse.Namespace) -> None:
    from ..client import Pan115Client

    # kept before 115 is asked whose they are: what the scan gave is not lost when 115 does not answer now
    async with await Pan115Client.login(
        options.route or "cookie",
        app=options.app,
        client_id=options.client_id,
        save=options.save,
        profile=options.profile,
        state_dir=options.state_dir,
    ) as client:
        print_out(say("cli.login.done", user_id=(await client.account()).user_id))
        if options.save is None:
            print_out(say("cli.login.not_kept"))
        else:
            print_out(say("cli.login.kept", place=_place(options, client.state_dir)))


def _login_name(text: str) -> str:
    """``text``, one of the logins there are."""
    from ..drive.auth.logins import login_method

    try:
        login_method(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _place(options: argparse.Namespace, directory: Path) -> object:
    from ..drive.auth.credentials_file import CredentialStore

    return (
        say("cli.login.keyring")
        if options.save == "keyring"
        else CredentialStore(directory, profile=options.profile).path
    )
