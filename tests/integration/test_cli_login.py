"""``pan115kit login``: from the code in the terminal to an upload with what was kept."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from script_support import environment
from upload_support import PATIENCE, Stage

from pan115kit.drive.auth.credentials import Credentials
from pan115kit.drive.auth.credentials_file import CredentialStore

LOGIN = {"cookie": ("--app", "tv"), "open": ("--route", "open", "--client-id", "100195125")}


def _command(stage: Stage, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """A command of somebody who has no credentials yet."""
    settings = environment(stage, **more)
    del settings["PAN115_COOKIE"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pan115kit", *arguments],
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stage.processes.append(process)
    return process


def _wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"it ended without saying {words!r}")


@pytest.mark.parametrize("route", LOGIN)
def test_a_scan_is_all_that_an_upload_needs(stage: Stage, route: str) -> None:
    """Every call of the login, the last one too, goes to ``PAN115_ENDPOINT``; what was kept uploads."""
    login = _command(stage, "login", *LOGIN[route], "--save", "file")
    _wait_for(login, "Waiting for a scan")
    stage.box.login_step("scanned")
    _wait_for(login, "confirm on the phone")
    stage.box.login_step("confirmed")
    out, err = login.communicate(timeout=PATIENCE)
    assert login.returncode == 0, err
    assert out.startswith("logged in as user ")
    assert str(CredentialStore(stage.state_dir).path) in out
    path = stage.file("film.mkv", 1000)
    upload = _command(stage, "upload", str(path), "--to", "/x", "--no-progress")
    out, err = upload.communicate(timeout=PATIENCE)
    assert upload.returncode == 0, err
    stage.assert_arrived(path, "/x/film.mkv")


def test_a_second_login_stands_beside_the_first(stage: Stage) -> None:
    """Work and home on one machine: each by its name, neither ends or replaces the other."""
    CredentialStore(stage.state_dir).save(Credentials("UID=7_A1_7; CID=ab; SEID=cd"))
    login = _command(stage, "login", *LOGIN["cookie"], "--save", "file", "--profile", "work")
    _wait_for(login, "Waiting for a scan")
    stage.box.login_step("scanned")
    stage.box.login_step("confirmed")
    out, err = login.communicate(timeout=PATIENCE)
    assert login.returncode == 0, err
    assert str(CredentialStore(stage.state_dir, profile="work").path) in out
    path = stage.file("film.mkv", 1000)
    arguments = ("upload", str(path), "--to", "/x", "--no-progress")
    upload = _command(stage, *arguments, PAN115_PROFILE="work")
    out, err = upload.communicate(timeout=PATIENCE)
    assert upload.returncode == 0, err
    stage.assert_arrived(path, "/x/film.mkv")
    unnamed = _command(stage, *arguments)
    assert unnamed.wait(PATIENCE) != 0  # the login without a name is the made-up one, as before
    misspelt = _command(stage, *arguments, PAN115_PROFILE="wrok")
    assert "--profile wrok" in misspelt.communicate(timeout=PATIENCE)[1]
    assert misspelt.returncode == 2


def test_nothing_is_kept_unasked(stage: Stage) -> None:
    """A look at who one is leaves nothing on the disk."""
    login = _command(stage, "login")
    _wait_for(login, "Waiting for a scan")
    stage.box.login_step("scanned")
    stage.box.login_step("confirmed")
    out, _ = login.communicate(timeout=PATIENCE)
    assert "nothing was kept" in out
    assert CredentialStore(stage.state_dir).load() is None


def test_a_system_without_a_keyring_is_told_before_the_code(stage: Stage) -> None:
    """One line, no code, exit code 2: nothing that was scanned is lost."""
    none = "keyring.backends.fail.Keyring"
    login = _command(stage, "login", "--save", "keyring", PYTHON_KEYRING_BACKEND=none)
    out, err = login.communicate(timeout=PATIENCE)
    assert (login.returncode, out) == (2, "")
    assert err.splitlines() == [
        "error: this system has no keyring: keep the credentials in a file: save='file', --save file"
    ]
    assert not stage.box.requests


#: A keyring in a file, for processes that come one after the other.
KEYRING = """
import json, pathlib
from keyring.backend import KeyringBackend

FILE = pathlib.Path(__file__).with_name("kept.json")

class Keyring(KeyringBackend):
    priority = 1
    def _all(self): return json.loads(FILE.read_text()) if FILE.exists() else {}
    def get_password(self, service, username): return self._all().get(f"{service} {username}")
    def set_password(self, service, username, password):
        FILE.write_text(json.dumps(self._all() | {f"{service} {username}": password}))
    def delete_password(self, service, username): FILE.unlink()
"""


def test_what_the_keyring_keeps_uploads(stage: Stage) -> None:
    """The commands find it by themselves, and the login says how Python does."""
    (stage.folder / "keyring_for_test.py").write_text(KEYRING)
    more = {"PYTHONPATH": str(stage.folder), "PYTHON_KEYRING_BACKEND": "keyring_for_test.Keyring"}
    login = _command(stage, "login", "--save", "keyring", **more)
    _wait_for(login, "Waiting for a scan")
    stage.box.login_step("scanned")
    stage.box.login_step("confirmed")
    out, err = login.communicate(timeout=PATIENCE)
    assert login.returncode == 0, err
    assert "from_saved(keyring=True)" in err
    assert "the system's keyring" in out
    assert CredentialStore(stage.state_dir).load() is None
    path = stage.file("film.mkv", 1000)
    upload = _command(stage, "upload", str(path), "--to", "/x", "--no-progress", **more)
    out, err = upload.communicate(timeout=PATIENCE)
    assert upload.returncode == 0, err
    stage.assert_arrived(path, "/x/film.mkv")


def test_a_code_that_nobody_can_see_ends_without_a_traceback(stage: Stage) -> None:
    """Stderr on a full disk: the login goes on for whoever scans the code elsewhere."""
    settings = environment(stage)
    process = subprocess.Popen(
        ["sh", "-c", '"$@" 2>/dev/full', "sh", sys.executable, "-m", "pan115kit", "login"],
        env=settings,
        stdout=subprocess.PIPE,
        text=True,
    )
    stage.processes.append(process)
    stage.wait_asked("qr_status")
    stage.box.login_step("scanned")
    stage.box.login_step("confirmed")
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out.startswith("logged in as user ")) == (0, True)


def test_ctrl_c_ends_the_login(stage: Stage) -> None:
    """At once and without a traceback; nothing is kept."""
    login = _command(stage, "login", "--save", "file")
    _wait_for(login, "Waiting for a scan")
    login.send_signal(signal.SIGINT)
    _, err = login.communicate(timeout=PATIENCE)
    assert login.returncode == 130
    assert "Traceback" not in err
    assert CredentialStore(stage.state_dir).load() is None


def test_cancelled_on_the_phone(stage: Stage) -> None:
    """Told as such; nothing is kept."""
    login = _command(stage, "login", "--save", "file")
    _wait_for(login, "Waiting for a scan")
    stage.box.login_step("cancelled")
    _, err = login.communicate(timeout=PATIENCE)
    assert login.returncode == 1
    assert err.count("error: ") == 1
    assert "error: Cancelled on the phone: log in again" in err
    assert "Traceback" not in err
    assert CredentialStore(stage.state_dir).load() is None
