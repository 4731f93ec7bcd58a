"""Where we are: a kernel, a terminal, a script."""

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
    """Whether this is a notebook's kernel (not IPython in a terminal)."""
    return getattr(shell(), "kernel", None) is not None


def has_widgets(package: str = "ipywidgets") -> bool:
    """Whether ipywidgets (or what is built on it) is installed; it is not imported for the question."""
    return importlib.util.find_spec(package) is not None
