"""``python -m pan115kit COMMAND``: finds the command, which is a file of this folder, and says how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from .. import __version__
from .._base import safe_output
from .._base.safe_output import print_err
from ..errors import CredentialsError, Pan115Error
from ..i18n import say
from . import demo, drive_listing, export_web, listing, login, serve, upload
from .command_line import CommandParser, ExitCode

#: In the order of the help.
_COMMANDS = (
    upload.add_command,
    drive_listing.add_ls,
    drive_listing.add_verify,
    listing.add_sessions,
    listing.add_history,
    login.add_command,
    serve.add_command,
    export_web.add_command,
    demo.add_command,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name; ``sys.argv`` if None.

    Returns:
        The exit code: 0 only if everything asked for was done.

    Raises:
        SystemExit: Help was asked for, or the command line makes no sense (exit code 2).

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
        code, lost = ExitCode.FAILED, error
    except Pan115Error as error:
        print_err(say("cli.error", error=error))
        code = ExitCode.USAGE if isinstance(error, CredentialsError) else ExitCode.FAILED
    except KeyboardInterrupt as error:
        print_err(f"\n{error}" if str(error) else "")
        code = ExitCode.INTERRUPTED
    lost = safe_output.finish() or lost
    if lost is not None and lost.user_message:
        print_err(lost.user_message)
    return int(code if lost is None else code or ExitCode.FAILED)


def _parser() -> CommandParser:
    parser = CommandParser(prog="pan115kit", description=say("cli.description"))
    parser.add_argument(
        "--version", action="version", version=f"pan115kit {__version__}", help=say("cli.option.version")
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title=say("cli.help.commands"), parser_class=CommandParser
    )
    for add_command in _COMMANDS:
        add_command(commands)
    return parser
