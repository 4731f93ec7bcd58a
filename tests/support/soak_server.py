"""A server in a process of its own, with uploads that move: ``soak_server.py UPLOADS MOVING``.

Prints ``{url, token, pid}``, then moves until it gets a line on stdin, finishes every moving upload and serves
on until stdin ends.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading

from server_support import QuietQueue, begin

from pan115kit.models import UploadStatus
from pan115kit.progress.tracker import ProgressTracker
from pan115kit.server import serve
from pan115kit.store import Store

SIZE = 10**12


def main(uploads: int, moving: int) -> None:
    tracker = ProgressTracker()
    recorders = [begin(tracker, number, size=SIZE) for number in range(uploads)]
    for recorder in recorders[:moving]:
        recorder.set_status(UploadStatus.UPLOADING)
    over = threading.Event()

    def move() -> None:
        done = 0
        while not over.wait(0.05):
            done += 1_000_000
            for recorder in recorders[:moving]:
                recorder.set_uploaded(done)
        for recorder in recorders[:moving]:
            recorder.set_status(UploadStatus.SUCCESS, file_id="42")

    with tempfile.TemporaryDirectory() as folder, Store(folder) as store:
        worker = threading.Thread(target=move)
        worker.start()
        with serve(QuietQueue(), tracker, store) as server:  # type: ignore[arg-type]
            print(json.dumps({"url": server.url, "token": server.token, "pid": os.getpid()}), flush=True)
            sys.stdin.readline()
            over.set()
            worker.join()
            sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
