"""A stage for the tests of the transfer core: a sandbox, clients of it, files, and ways to see what happened."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pan115kit import Pan115Client, UploadConfig, UploadJob
from pan115kit.config import KIB
from pan115kit.errors import ConfigError
from pan115kit.sandbox import Sandbox

#: The smallest part OSS takes: small files still make many parts.
PART = 100 * KIB
#: Seconds after which a test that waits in vain fails.  Nothing here takes long, but on a busy machine.
PATIENCE = 120.0

_PART_NUMBER = re.compile(r"part (\d+) of")


def until(condition: Callable[[], Any], what: str = "", *, seconds: float = PATIENCE) -> Any:
    """Look again until ``condition`` holds; what it gave.  Fails loudly instead of hanging."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what or condition}"
        time.sleep(0.005)
    return found


def content(size: int, seed: int = 0) -> bytes:
    """Bytes that are the same in every run and that no two seeds share."""
    return random.Random(f"{size}/{seed}").randbytes(size)


def settings(**changes: Any) -> UploadConfig:
    """Quick retries, no rate, small parts; and no request that is given up because the machine is busy."""
    values: dict[str, Any] = {
        "part_size": PART,
        "multipart_threshold": 3 * PART,
        "retries": 3,
        "retry_base": 0.01,
        "retry_cap": 0.05,
        "network_patience": 0.0,
        "api_rate": 0.0,
        "connect_timeout": PATIENCE,
        "read_timeout": PATIENCE,
    }
    return UploadConfig(**(values | changes))


class Stage:
    """One sandbox and what is around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        self.box = Sandbox(data_dir=folder / "sandbox").start()
        #: Processes that end with the stage, if their test has not ended them.
        self.processes: list[subprocess.Popen[Any]] = []
        self._clients: list[Pan115Client] = []

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
        self.box.clear_faults()
        for client in self._clients:
            client.close()
        self.box.stop()

    def client(
        self, route: str = "cookie", *, state_dir: Path | None = None, endpoint: str | None = None, **config: Any
    ) -> Pan115Client:
        """A client of the sandbox whose looks at the drive and back-offs take no time.

        Args:
            endpoint: Where the sandbox is reached, if not directly.
        """
        login: dict[str, Any] = (
            {"user_key": self.box.cookie}
            if route == "cookie"
            else {"access_token": self.box.access_token, "refresh_token": self.box.refresh_token}
        )
        if "on_tokens" in config:
            login["on_tokens"] = config.pop("on_tokens")
        client = Pan115Client(
            **login,
            endpoint=endpoint or self.box.endpoint,
            state_dir=state_dir or self.state_dir,
            config=settings(**config),
            _server_public_key=bytes.fromhex(self.box.ecdh_public_key),
        )
        client.queue.context.sleep = self._short_sleep
        self._clients.append(client)
        return client

    def file(self, name: str = "film.mkv", size: int = 10 * PART + 7, seed: int = 0) -> Path:
        """A local file of known content."""
        path = self.folder / "local" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(size, seed))
        return path

    # -- what arrived

    def assert_arrived(self, local: Path, remote: str, *, times: int = 1) -> None:
        """The drive has exactly this file, byte for byte, and OSS has nothing left of it."""
        there = [file for file in self.box.files() if file.path == remote]
        assert len(there) == times, [file.path for file in self.box.files()]
        assert self.box.read(remote) == local.read_bytes()
        assert self.box.uploads() == []

    def assert_nothing_sent(self) -> None:
        """Neither 115 was asked to take a file nor has OSS got a byte."""
        assert self.calls() & {"initupload", "open_init", "put_object", "initiate", "upload_part"} == set()

    def calls(self) -> set[str]:
        """The routes that were asked."""
        return {record.route for record in self.box.requests}

    def parts(self, *, whole: int = 0) -> Counter[int]:
        """How often each part was sent; with ``whole`` only those of at least so many bytes."""
        found: Counter[int] = Counter()
        for record in self.box.requests:
            match = _PART_NUMBER.search(record.summary) if record.route == "upload_part" else None
            if match and record.received >= whole:
                found[int(match[1])] += 1
        return found

    # -- stopping an upload at a known place

    def hold(self, route: str, *, after: int = 0, **details: Any) -> None:
        """Let the next request of ``route`` (after some) hang until :meth:`go_on`."""
        self.box.fault(route, "stall", after=after, **details)

    def wait_asked(self, route: str, count: int = 1) -> None:
        """Until ``count`` requests of ``route`` have come in."""
        until(lambda: self.box.count(route) >= count, f"{count} x {route}")

    def wait_held(self, route: str, count: int = 1, *, hanging: int = 1) -> None:
        """Until ``count`` requests of ``route`` have come in and ``hanging`` of them are held by the fault."""
        self.wait_asked(route, count)
        until(lambda: self.box.stalled >= hanging, f"{hanging} x {route} to hang")

    def wait_ended(self) -> None:
        """Until every request has had its answer or has found its client gone: none is carried out any more."""
        until(lambda: all(record.seconds for record in self.box.requests), "all requests to end")

    def go_on(self) -> None:
        """Faults are gone; returns when whatever was held has had its answer (or found its client gone)."""
        held = {record.number for record in self.box.requests if not record.seconds}
        self.box.clear_faults()

        def answered() -> bool:
            self.box.release()  # again: a request may have begun to hang only just now
            return not held & {record.number for record in self.box.requests if not record.seconds}

        until(answered, "held requests to be answered")

    async def _short_sleep(self, seconds: float) -> None:
        """A pause of the engine's, which is there to let 115 finish what it is at: over as soon as it has."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        await asyncio.sleep(min(seconds, 0.01))
        while clock() < end and self._is_at_work():  # noqa: ASYNC110 - another thread's, which sets no event
            await asyncio.sleep(0.01)

    def _is_at_work(self) -> bool:
        try:
            return sum(not record.seconds for record in self.box.requests) > self.box.stalled
        except ConfigError:  # it is being restarted
            return False


def ended(job: UploadJob) -> bool:
    """For :func:`until`."""
    return job.done


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A sandbox, clients of it, files; see :class:`Stage`."""
    made = Stage(tmp_path)
    try:
        yield made
    finally:
        made.close()
