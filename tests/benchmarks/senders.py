"""One upload by us or by a peer, in a process of its own: ``python senders.py ours|oss2 PORT FILE``."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


def ours(port: int, path: Path) -> Callable[[], None]:
    """The whole engine (queue, store, hash, parts) over a drive that always wants the bytes."""
    from pan115kit import UploadConfig
    from pan115kit.drive import (
        Account,
        CookieDrive,
        Credentials,
        Entry,
        FileClaim,
        Instant,
        NeedsUpload,
        SecondCheck,
        SignedRange,
    )
    from pan115kit.job import UploadJob
    from pan115kit.models import OssToken, UploadTicket
    from pan115kit.progress.tracker import ProgressTracker
    from pan115kit.store import Store
    from pan115kit.transfer.engine import Engine
    from pan115kit.transfer.upload_options import UploadOptions

    ticket = UploadTicket("bucket", "key", '{"callbackUrl":"http://127.0.0.1/"}', "{}", "p")

    class WantsAll(CookieDrive):
        async def account(self) -> Account:
            return Account("1")

        async def init_once(
            self, claim: FileClaim, signed: SignedRange | None
        ) -> Instant | NeedsUpload | SecondCheck:
            return NeedsUpload(ticket)

        async def oss_token(self) -> OssToken:
            return OssToken(f"http://127.0.0.1:{port}", "id", "secret", "token", time.time() + 3600)

        async def resume(self, pick_code: str, claim: FileClaim) -> UploadTicket | None:
            return None

        async def find_folder(self, path: str) -> str | None:
            return "1"

        async def make_folders(self, path: str) -> str:
            return "1"

        async def find_files(self, folder_id: str, sha1: str, size: int) -> list[Entry]:
            return [Entry("1", path.name, size, sha1, "p", "1")]

        def reset(self) -> None: ...

        async def close(self) -> None: ...

    folder = tempfile.TemporaryDirectory()
    store = Store(folder.name)
    engine = Engine(
        WantsAll(Credentials("UID=1_A1_2; CID=ab; SEID=cd")),
        store,
        ProgressTracker(),
        UploadConfig(multipart_threshold=1),
    )

    def send() -> None:
        result = UploadJob(*engine.queue.submit(path, UploadOptions.of("/x"))).wait()
        assert result.success
        assert result.bytes_sent == path.stat().st_size

    return send


def oss2(port: int, path: Path) -> Callable[[], None]:
    """oss2.resumable_upload as its users call it: CRC on, one thread, 10 MiB parts."""
    import oss2

    bucket = oss2.Bucket(oss2.Auth("id", "secret"), f"http://127.0.0.1:{port}", "bucket", enable_crc=True)
    folder = tempfile.mkdtemp()

    def send() -> None:
        oss2.resumable_upload(
            bucket,
            "key",
            str(path),
            store=oss2.ResumableStore(root=folder),
            multipart_threshold=1,
            part_size=10 << 20,
            num_threads=1,
        )

    return send


def main() -> None:
    """Time one send; hashing is told apart: ours hashes in the first run and finds the hash in the second."""
    who, port, path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    send = {"ours": ours, "oss2": oss2}[who](port, path)
    figures = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2 if who == "ours" else 1):
        begun, used = time.perf_counter(), sum(os.times()[:2])
        send()
        figures.append({"seconds": time.perf_counter() - begun, "cpu": sum(os.times()[:2]) - used})
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"first": figures[0], "send": figures[-1], "grown_mib": grown / 1024}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
