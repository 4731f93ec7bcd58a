"""What every command shares: exit codes, help and usage errors in the user's language, the client of a command.

Commands import what is heavy (the client, pandas) only when they run, so that ``--help`` and the tables are quick.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn

from .._base.safe_output import print_err
from ..config import CREDENTIAL_VARIABLES
from ..i18n import INVISIBLE, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..client import Pan115Client
    from ..config import UploadConfig

    Commands = argparse._SubParsersAction["CommandParser"]


class ExitCode(IntEnum):
    """Exit codes, as shells know them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


#: argparse's own sentences, which it makes in English only, and the keys of ours.
_USAGE_ERRORS = (
    (r"argument (?P<name>.+?): (?P<problem>.+)", "cli.usage.argument"),
    (r"the following arguments are required: (?P<names>.+)", "cli.usage.required"),
    (r"unrecognized arguments: (?P<words>.+)", "cli.usage.unrecognized"),
    (r"invalid choice: (?P<value>.+) \(choose from (?P<choices>.+)\)", "cli.usage.choice"),
    (r"invalid \w+ value: (?P<value>.+)", "cli.usage.value"),
    (r"expected (?:one|at least one) argument", "cli.usage.expected_value"),
    (r"ambiguous option: (?P<name>.+) could match (?P<options>.+)", "cli.usage.ambiguous"),
)
_HEADINGS = {
    "positional arguments": "cli.help.positional",
    "options": "cli.help.options",
    "optional arguments": "cli.help.options",
}


def usage_error(message: str) -> str:
    """What argparse found wrong with a command line, in the user's language.

    Args:
        message: As argparse says it; what is not known is returned as it is.
    """
    for pattern, key in _USAGE_ERRORS:
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            parts = found.groupdict()
            if "problem" in parts:
                parts["problem"] = usage_error(parts["problem"])
            return say(key, **parts)
    return message


class _HelpFormatter(argparse.HelpFormatter):
    """argparse's help with its headings in the user's language."""

    def start_section(self, heading: str | None) -> None:
        super().start_section(say(_HEADINGS[heading]) if heading in _HEADINGS else heading)

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, say("cli.help.usage") if prefix is None else prefix)


class CommandParser(argparse.ArgumentParser):
    """A parser whose help and errors are in the user's language.

    Args:
        prog: As for :class:`argparse.ArgumentParser`.
        description: One sentence above the options.
    """

    def __init__(self, prog: str | None = None, description: str | None = None, **more: object) -> None:
        # add_subparsers hands down options of its own kind (help is kept by it, prog is composed)
        super().__init__(prog=prog, description=description, formatter_class=_HelpFormatter, add_help=False)
        if more:
            raise TypeError(f"unknown options of a command: {', '.join(more)}")
        self.add_argument("-h", "--help", action="help", help=say("cli.help.help"))

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line and end with exit code 2.

        Raises:
            SystemExit: Always.
        """
        self.print_usage(sys.stderr)
        print_err(say("cli.usage.error", prog=self.prog, problem=usage_error(message)))
        raise SystemExit(int(ExitCode.USAGE))


def add_state_dir(parser: argparse.ArgumentParser, *, default: str | None = None) -> None:
    """Add the option that every command has."""
    parser.add_argument("--state-dir", metavar="DIR", default=default, help=say("cli.option.state_dir"))


def whole_number(text: str) -> int:
    """A whole number from 1 as an option's value.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(say("cli.usage.whole_number", text=repr(text)))
    return min(int(text), 2**63 - 1)


def size_in_bytes(text: str) -> int:
    """A number of bytes as an option's value; whether it is in range is UploadConfig's to say.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(say("cli.usage.bytes", text=repr(text)))
    return int(text)


def open_client(state_dir: str | None, config: UploadConfig | None = None) -> Pan115Client:
    """The client of the credentials in the environment, else of what ``login --save`` kept.

    Raises:
        CredentialsError: There are none, two kinds at once, or they are of the wrong shape.
    """
    from ..client import Pan115Client

    if any(os.environ.get(name) for name in CREDENTIAL_VARIABLES):
        return Pan115Client(state_dir=state_dir, config=config)
    return Pan115Client.from_saved(state_dir=state_dir, config=config)


def json_line(values: object) -> str:
    """One line of JSON for other programs: readable, but what a terminal would obey stays an escape of JSON's.

    Args:
        values: What ``json.dumps`` takes.
    """
    text = INVISIBLE.sub(lambda found: json.dumps(found[0])[1:-1], json.dumps(values, ensure_ascii=False))
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # an old encoding: its program gets what every encoding has
        return json.dumps(values)
    return text
