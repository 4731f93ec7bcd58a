"""The bytes on their way from the file to OSS, counted and held to the bandwidth limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ..oss.bucket import Body
from ..progress.recorder import ProgressRecorder
from .bandwidth import Bandwidth
from .local_file import LocalFile

#: Steps are this small while a bandwidth limit holds, so that progress does not jump.
LIMITED_STEP = 64 * 1024
STEP = 1024 * 1024


@dataclass(slots=True, eq=False)
class Tally:
    """What a run has cost so far.

    Attributes:
        bytes_sent: Bytes put on the wire, repeats included.
        retries: Calls made again.
        resumed: Whether parts of an earlier run were used.
    """

    bytes_sent: int = 0
    retries: int = 0
    resumed: bool = False


@dataclass(slots=True, eq=False)
class Wire:
    """Makes the bodies of an upload's requests, straight from the file (law 6).

    Attributes:
        all_sent: Whether the last body was handed over to its last byte; what follows an error then is doubt.
    """

    file: LocalFile
    recorder: ProgressRecorder
    bandwidth: Bandwidth
    tally: Tally = field(default_factory=Tally)
    all_sent: bool = False

    def body(self, offset: int, length: int) -> Body:
        """A maker of bodies for ``length`` bytes from ``offset``; each call of it starts from the first byte."""

        def make() -> AsyncIterator[bytes | memoryview]:
            return self._steps(offset, length)

        return make

    async def _steps(self, offset: int, length: int) -> AsyncIterator[bytes | memoryview]:
        self.all_sent = length == 0
        sent = 0
        step = LIMITED_STEP if self.bandwidth.limit else STEP
        async for chunk in self.file.stream(offset, length, step=step):
            await self.bandwidth.take(len(chunk))
            if sent + len(chunk) == length:
                # set before the yield: the receiver may not come back for more after the last byte
                self.all_sent = True
            yield chunk
            sent += len(chunk)
            self.tally.bytes_sent += len(chunk)
            self.recorder.set_uploaded(offset + sent)
