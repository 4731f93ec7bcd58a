"""``pan115kit login``: from the code in the terminal to an upload with what was kept."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from scripts import environment
from upload_support import PATIENCE, Stage

from pan115kit.drive.credentials_file import CredentialStore

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
    assert "Cancelled on the phone" in err
    assert "Traceback" not in err
    assert CredentialStore(stage.state_dir).load() is None
