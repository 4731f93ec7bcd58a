"""``%load_ext pan115kit``: ``%upload``, ``%uploads`` and ``%%upload``.

::

    %upload movie.mkv --to /影视            one file; the cell waits and shows it
    %uploads                                the live panel of all uploads
    %%upload --to /备份                      a list: one path per line, # begins a comment
    ~/a.bin
    ~/b c.bin
"""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..batch import BatchReport
from ..client import Pan115Client
from ..config import CREDENTIAL_VARIABLES
from ..errors import ConfigError, CredentialsError
from ..i18n import say
from ..job import UploadJob
from ..models import UploadResult

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_USAGE = "%upload PATH [PATH...] --to /folder [--client NAME] [--background]"


class Options:
    """What a magic's line says.

    Args:
        line: As typed after the magic's name; quotes and backslashes as in a shell.

    Raises:
        ConfigError: It makes no sense; the hint shows how it is written.
    """

    def __init__(self, line: str) -> None:
        self.paths: list[str] = []
        self.to = "/"
        self.client = ""
        self.background = False
        try:
            words = shlex.split(line, posix=os.name == "posix")
        except ValueError:
            raise ConfigError(say("magic.unbalanced", line=line), hint=_USAGE) from None
        rest = iter(words)
        for word in rest:
            name, joined, value = word.partition("=")
            if name in ("--to", "-t", "--client", "-c"):
                value = value if joined else next(rest, "")
                if not value:
                    raise ConfigError(say("magic.needs_value", option=name), hint=_USAGE)
                setattr(self, "to" if name in ("--to", "-t") else "client", value)
            elif word in ("--background", "-b"):
                self.background = True
            elif word.startswith("--"):
                raise ConfigError(say("magic.unknown_option", option=word), hint=_USAGE)
            else:
                self.paths.append(word)


def find_client(namespace: dict[str, Any], name: str = "") -> Pan115Client:
    """The client that a magic uses: the one named, ``client``, the only one, else one from the environment.

    Args:
        namespace: The user's variables.
        name: A variable's name.

    Raises:
        ConfigError: The variable is no client, or there are several and none is called ``client``.
        CredentialsError: There is none, and the environment names no credentials.
    """
    if name:
        if not isinstance(namespace.get(name), Pan115Client):
            raise ConfigError(say("magic.no_such_client", name=name), hint=say("magic.no_such_client.hint"))
        return namespace[name]  # type: ignore[no-any-return]
    found = {key: value for key, value in namespace.items() if isinstance(value, Pan115Client) and key[0] != "_"}
    open_ones = {key: value for key, value in found.items() if not value.closed}
    if "client" in open_ones:
        return open_ones["client"]
    different = {id(value): value for value in open_ones.values()}
    if len(different) == 1:
        return next(iter(different.values()))
    if different:
        names = ", ".join(sorted(open_ones))
        raise ConfigError(say("magic.which_client", names=names), hint=say("magic.which_client.hint"))
    if not any(os.environ.get(variable) for variable in CREDENTIAL_VARIABLES):
        raise CredentialsError(say("magic.no_client"), hint=say("magic.no_client.hint"))
    client = namespace["client"] = Pan115Client()
    return client


class Magics:
    """The magics of one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def upload(self, line: str, cell: str | None = None) -> UploadResult | BatchReport | UploadJob | Any:
        """Upload what the line (and the cell) names.

        Raises:
            ConfigError: The line makes no sense, or no client is found.
            Pan115Error: What went wrong with the only file.
        """
        options = Options(line)
        paths = [*options.paths, *_lines(cell or "")]
        if not paths:
            raise ConfigError(say("upload.nothing"), hint=_USAGE)
        client = find_client(self._shell.user_ns, options.client)
        files = [file for path in paths for file in _expand(path)]
        if len(files) == 1 and cell is None and not os.path.isdir(files[0]):
            if options.background:
                return client.submit(files[0], options.to)
            return client.upload(files[0], options.to)
        if len(files) == 1 and os.path.isdir(files[0]):
            batch = client.submit_folder(files[0], options.to)
        else:
            batch = client.submit_many(files, options.to)
        if options.background:
            return batch
        with client.show("auto", batch.jobs):
            return batch.wait(on_interrupt="stop")

    def uploads(self, line: str = "") -> Any:
        """The live panel of all uploads; in a terminal, a line for each."""
        client = find_client(self._shell.user_ns, Options(line).client)
        if getattr(self._shell, "kernel", None) is not None:
            client.panel().show()
            return None
        return client.jobs()


def _lines(cell: str) -> list[str]:
    stripped = (line.strip() for line in cell.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def _expand(path: str) -> Sequence[str]:
    """``~`` and, unless there is a file of this very name, ``*``."""
    path = os.path.expanduser(path)
    if os.path.exists(path):
        return [path]
    return sorted(glob.glob(path)) or [path]


def complete_paths(text: str) -> list[str]:
    """Local paths that begin with ``text``, spaces escaped as the magic's line wants them."""
    plain = text.replace("\\ ", " ")
    found = sorted(glob.glob(glob.escape(os.path.expanduser(plain)) + "*"))
    home = os.path.expanduser("~")
    if plain.startswith("~"):
        found = ["~" + path.removeprefix(home) for path in found]
    return [path.replace(" ", "\\ ") + ("/" if os.path.isdir(os.path.expanduser(path)) else "") for path in found]


def load(shell: InteractiveShell) -> None:
    """Register the magics and their completion in a shell."""
    magics = Magics(shell)
    shell.register_magic_function(magics.upload, "line_cell", "upload")
    shell.register_magic_function(magics.uploads, "line", "uploads")

    def complete(_: Any, event: Any) -> list[str]:
        return complete_paths(event.symbol)

    shell.set_hook("complete_command", complete, str_key="%upload")
    shell.set_hook("complete_command", complete, str_key="%%upload")
