"""What an upload has cost so far; all runs of one job count together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class TransferStats:
    """Figures for history and results.

    Attributes:
        bytes_sent: Bytes put on the wire, repeats included.
        retries: Requests made again.
        resumed: Whether parts of an earlier run were used.
    """

    bytes_sent: int = 0
    retries: int = 0
    resumed: bool = False
