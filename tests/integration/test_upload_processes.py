"""Several processes on one state directory: a session is worked on by one of them, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess

from script_support import finish, start
from upload_support import PART, Stage

from pan115kit.drive.auth.credentials import Credentials
from pan115kit.drive.auth.credentials_file import CredentialStore

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

#: Eight uploaders with one saved login, each of a file of its own.
ONE_LOGIN = """
children = []
for n in range(8):
    child = os.fork()
    if child == 0:
        with Pan115Client.from_saved() as client:
            result = client.upload(f"{PATH}.{n}", sys.argv[2], progress="none", check=False)
        os.write(1, f"{n} {result.success} {result.error_message}\\n".encode())
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


def test_eight_processes_with_one_saved_login_renew_it_once(stage: Stage) -> None:
    """A notebook, a terminal and a server beside each other: nobody is logged out by another's renewal."""
    kept = CredentialStore(stage.state_dir)
    kept.save(Credentials(access_token=stage.box.access_token, refresh_token=stage.box.refresh_token))
    paths = [stage.file(f"film.mkv.{n}", PART + 7, seed=n) for n in range(8)]
    for renewals in (1, 2):
        stage.box.expire_access_token()
        asked = stage.box.count("open_user_info")
        stage.hold("refresh_token")
        process = start(stage, ONE_LOGIN, paths[0].with_suffix(""), f"/{renewals}")
        stage.wait_asked("open_user_info", asked + 8)  # all of them were refused with the old token
        stage.wait_held("refresh_token", renewals)
        stage.go_on()
        assert sorted(_lines(process, 8)) == [[str(n), "True", "None"] for n in range(8)]
        assert finish(process)[0] == 0
        assert stage.box.count("refresh_token") == renewals
        pair = kept.load()
        assert pair is not None
        assert (pair.access_token, pair.refresh_token) == (stage.box.access_token, stage.box.refresh_token)
        for path in paths:
            stage.assert_arrived(path, f"/{renewals}/{path.name}")
