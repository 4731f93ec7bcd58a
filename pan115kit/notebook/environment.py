"""Where we are: a kernel, a terminal, a script; and the one private corner of ipykernel we touch."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any


def shell() -> Any:
    """The running IPython shell, or None; IPython is not imported for the question."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return get_ipython()


def in_kernel() -> bool:
    """Whether this is a notebook's kernel (not IPython in a terminal).

    Example:
        >>> in_kernel()
        False
    """
    return getattr(shell(), "kernel", None) is not None


def has_widgets() -> bool:
    """Whether ipywidgets is installed; it is not imported for the question."""
    return importlib.util.find_spec("ipywidgets") is not None


def free_comm(widget: Any) -> None:
    """Let the front end's own subshell answer this widget's clicks, so that they arrive while a cell blocks.

    ipykernel 7.4 routes a reply to the (sub)shell that last published on the comm, which is the blocked main one.
    The name is private, so it is tested for, and nothing is lost where it is not there.
    """
    comm = getattr(widget, "comm", None)
    if comm is not None and callable(getattr(comm, "_reply_subshell_for", None)):
        comm._reply_subshell_for = None
