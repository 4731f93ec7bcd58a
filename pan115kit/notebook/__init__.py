"""Faces for notebooks and terminals: the live panel, bars, reports, plots, QR logins.

They read the tracker and the store and post commands to the queue; nothing below knows them.
"""

from __future__ import annotations

from .loops import enable_nested_loops

__all__ = ["enable_nested_loops"]
