"""Nested event loops, for pasted scripts that call ``asyncio.run(...)`` in a cell.

Nothing in the kit needs this: its calls work in a running loop as they are.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from importlib import metadata
from typing import Any

from .._base.environment import in_kernel
from ..errors import ConfigError
from ..i18n import say

#: From here on nest-asyncio leaves cells hanging: its patch re-enters contexts that the kernel holds.
_FIRST_BROKEN_IPYKERNEL = 7


def enable_nested_loops() -> str:
    """Let ``asyncio.run(...)`` and ``loop.run_until_complete(...)`` work where a loop runs already.

    nest-asyncio where it works; nest-asyncio2 in kernels of ipykernel 7 and later and from Python 3.14 on, where
    nest-asyncio is known to leave the rest of a notebook hanging.  It patches asyncio for the whole process, until a
    restart.

    Returns:
        The name of the package that was applied.

    Raises:
        ConfigError: The package this place needs is not installed, nest-asyncio is applied already where it hangs,
            or the running loop (uvloop) cannot be patched.

    Example:
        >>> enable_nested_loops()            # doctest: +SKIP
        'nest-asyncio2'
    """
    name = package_for(_ipykernel_major() if in_kernel() else 0, sys.version_info[:2])
    if name == "nest-asyncio2" and _applied_by("nest_asyncio"):
        raise ConfigError(
            say("loops.already_applied"),
            hint=say("loops.already_applied.hint"),
        )
    try:
        module = importlib.import_module(name.replace("-", "_"))
    except ImportError:
        raise ConfigError(
            say("loops.not_installed", name=name), hint=say("loops.not_installed.hint", name=name)
        ) from None
    try:
        module.apply(_running_loop())
    except ValueError as error:
        raise ConfigError(
            say("loops.cannot_nest", error=error),
            hint=say("loops.cannot_nest.hint"),
        ) from None
    return name


def package_for(ipykernel: int, python: tuple[int, int]) -> str:
    """Which package works here.

    Args:
        ipykernel: Its major version; 0 outside kernels.
        python: Major and minor version.

    Example:
        >>> package_for(6, (3, 11)), package_for(7, (3, 11)), package_for(0, (3, 14))
        ('nest-asyncio', 'nest-asyncio2', 'nest-asyncio2')
    """
    broken = ipykernel >= _FIRST_BROKEN_IPYKERNEL or python >= (3, 14)
    return "nest-asyncio2" if broken else "nest-asyncio"


def _applied_by(package: str) -> bool:
    return getattr(asyncio.run, "__module__", "") == package


def _ipykernel_major() -> int:
    return int(metadata.version("ipykernel").split(".")[0])


def _running_loop() -> Any:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None  # a script: the patch reaches the loops made later
