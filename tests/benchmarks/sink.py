"""A fast OSS-shaped sink for benchmarks: takes everything, computes CRC-64, keeps nothing.

``python sink.py [--latency-ms MS] [--bandwidth BYTES_PER_S]`` prints its port and serves until it is terminated.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from typing import Any

from fastcrc import crc64

#: The answer of 115's callback; the benchmark's drive says what the file is.
DONE = json.dumps({"state": True, "code": 0, "message": "", "data": {"file_id": "1", "pick_code": "p"}}).encode()

#: Nothing is kept, so a new upload has no part.
NO_PARTS = (
    b"<ListPartsResult><Bucket>bucket</Bucket><Key>key</Key><UploadId>U</UploadId><PartNumberMarker>0</PartNumberMarker>"
    b"<NextPartNumberMarker>0</NextPartNumberMarker><MaxParts>1000</MaxParts><IsTruncated>false</IsTruncated>"
    b"</ListPartsResult>"
)


class Connection(asyncio.BufferedProtocol):
    """One HTTP/1.1 connection; bodies go through one buffer and a CRC."""

    def __init__(self, latency: float, bandwidth: float) -> None:
        self._latency = latency
        self._bandwidth = bandwidth
        self._buffer = memoryview(bytearray(1 << 20))
        self._filled = 0
        self._left = -1  # of the body; -1 while a head is read
        self._crc = 0
        self._head = ""
        self._owed = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._filled :]

    def buffer_updated(self, count: int) -> None:
        end = self._filled + count
        start = 0
        while start < end or self._left == 0:
            if self._left < 0:
                at = bytes(self._buffer[start:end]).find(b"\r\n\r\n")
                if at < 0:
                    break
                self._head = bytes(self._buffer[start : start + at]).decode("latin-1")
                start += at + 4
                length = re.search(r"(?im)^content-length: *(\d+)", self._head)
                self._left, self._crc = int(length[1]) if length else 0, 0
            taken = min(self._left, end - start)
            self._crc = crc64.xz(self._buffer[start : start + taken], self._crc) if taken else self._crc
            self._throttle(taken)
            start += taken
            self._left -= taken
            if self._left == 0:
                self._left = -1
                asyncio.get_running_loop().call_later(self._latency, self._answer, self._head, self._crc)
                if start >= end:
                    break
        rest = end - start
        self._buffer[:rest] = bytes(self._buffer[start:end])
        self._filled = rest

    def _throttle(self, count: int) -> None:
        if not self._bandwidth or not count:
            return
        loop = asyncio.get_running_loop()
        self._owed = max(self._owed, loop.time()) + count / self._bandwidth
        wait = self._owed - loop.time()
        if wait > 0.005 and not self._transport.is_closing():
            self._transport.pause_reading()
            loop.call_later(wait, self._go_on)

    def _go_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _answer(self, head: str, crc: int) -> None:
        method, target, _ = head.split(" ", 2)
        body = b""
        if method == "POST" and "uploads" in target:
            body = b"<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>"
        elif method == "POST":
            body = DONE
        elif method == "GET":
            body = NO_PARTS
        head = (
            "HTTP/1.1 200 OK\r\nServer: sink\r\nx-oss-request-id: 000000000000000000000000\r\n"
            f'ETag: "{crc:032X}"\r\n'
            + (f"x-oss-hash-crc64ecma: {crc}\r\n" if method == "PUT" else "")
            + f"Content-Length: {len(body)}\r\n\r\n"
        )
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


async def serve(latency: float, bandwidth: float) -> None:
    """Serve on a free port, told on stdout."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(latency, bandwidth), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--bandwidth", type=float, default=0)
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.latency_ms / 1000, options.bandwidth))
    except KeyboardInterrupt:
        sys.exit(0)
