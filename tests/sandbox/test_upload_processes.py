"""Several processes on one state directory: a session is worked on by one of them, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess

from scripts import finish, start
from upload_support import PART, Stage

#: Eight uploaders of the same file to the same place at the same moment; each says how it went.
EIGHT = """
children = []
for n in range(8):
    child = os.fork()
    if child == 0:
        client = Pan115Client()
        result = client.upload(PATH, "/x", progress="none", check=False)
        error = client.jobs()[0].exception
        line = f"{os.getpid()} {type(error).__name__ if error else 'done'} {result.resumed} {result.bytes_sent}\\n"
        os.write(1, line.encode())
        client.close()
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""


def _lines(process: subprocess.Popen[str], count: int) -> list[list[str]]:
    assert process.stdout is not None
    return [process.stdout.readline().split() for _ in range(count)]


def test_of_eight_processes_one_works_and_the_next_takes_over(stage: Stage) -> None:
    """Seven are told that somebody is at it; when that one is killed, exactly one goes on where it stopped."""
    path = stage.file()
    stage.hold("upload_part", after=4)
    first = start(stage, EIGHT, path)
    refused = _lines(first, 7)
    assert [line[1] for line in refused] == ["SessionBusyError"] * 7
    stage.wait_held("upload_part", 5)
    assert stage.box.count("upload_part") == 5
    os.killpg(first.pid, signal.SIGKILL)
    assert finish(first)[0] == -signal.SIGKILL
    stage.wait_ended()
    stage.go_on()

    stage.hold("upload_part", after=1)
    second = start(stage, EIGHT, path)
    assert [line[1] for line in _lines(second, 7)] == ["SessionBusyError"] * 7
    stage.wait_held("upload_part", 7)  # it has got where the fault holds it: none of the others went on
    stage.go_on()
    (line,) = _lines(second, 1)
    assert line[1:] == ["done", "True", str(path.stat().st_size - 4 * PART)]
    assert finish(second)[0] == 0
    assert set(stage.parts(whole=PART).values()) == {1}
    stage.assert_arrived(path, "/x/film.mkv")
