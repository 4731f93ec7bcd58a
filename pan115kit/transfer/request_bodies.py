"""The bodies of an upload's requests, straight from the file: counted, and held to the bandwidth limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..oss.bucket import Body
from ..progress.recorder import ProgressRecorder
from .bandwidth import Bandwidth
from .local_file import LocalFile
from .transfer_stats import TransferStats

#: Bytes of a piece while a bandwidth limit holds, so that progress does not jump.
LIMITED_STEP = 64 * 1024
#: Bytes of a piece otherwise.
STEP = 1024 * 1024


@dataclass(slots=True, eq=False)
class RequestBodies:
    """Makes the bodies of one upload's requests; memory does not grow with the file (laws.md 6).

    Attributes:
        all_sent: Whether the last body was handed over to its last byte: after an error then, the request may have
            arrived.
    """

    file: LocalFile
    recorder: ProgressRecorder
    bandwidth: Bandwidth
    stats: TransferStats
    all_sent: bool = False

    def of_range(self, offset: int, length: int) -> Body:
        """A maker of bodies for ``length`` bytes from ``offset``; each call of it starts from the first byte."""

        def make() -> AsyncIterator[bytes | memoryview]:
            return self._pieces(offset, length)

        return make

    async def _pieces(self, offset: int, length: int) -> AsyncIterator[bytes | memoryview]:
        self.all_sent = length == 0
        sent = 0
        step = LIMITED_STEP if self.bandwidth.limit else STEP
        async for piece in self.file.stream(offset, length, step=step):
            await self.bandwidth.take(len(piece))
            if sent + len(piece) == length:
                # set before the yield: the receiver may not come back for more after the last byte
                self.all_sent = True
            yield piece
            sent += len(piece)
            self.stats.bytes_sent += len(piece)
            self.recorder.set_uploaded(offset + sent)
