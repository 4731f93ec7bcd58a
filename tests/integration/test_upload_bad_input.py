"""What cannot work is said at once, in one clear line, and before anything is sent."""

from __future__ import annotations

import dataclasses
import gc
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, cast

import pytest
from script_support import finish, run, start
from upload_support import PART, Stage, settings

from pan115kit import (
    ConfigError,
    CredentialsError,
    FileMissingError,
    FileNameError,
    NotAFileError,
    Pan115Client,
    Pan115Error,
    TargetError,
    UploadConfig,
)


def _missing(folder: Path) -> Path:
    return folder / "missing.bin"


def _directory(folder: Path) -> Path:
    (folder / "directory.bin").mkdir()
    return folder / "directory.bin"


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "fifo.bin")
    return folder / "fifo.bin"


def _socket(folder: Path) -> Path:
    short = Path(tempfile.mkdtemp(prefix="s"))  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(short / "socket.bin"))
    return short / "socket.bin"


def _device(_: Path) -> Path:
    return Path("/dev/null")


def _not_unicode(folder: Path) -> Path:
    path = folder / os.fsdecode(b"\xff\xfe.bin")
    path.write_bytes(b"x")
    return path


def _dangling(folder: Path) -> Path:
    (folder / "link.bin").symlink_to(folder / "nowhere")
    return folder / "link.bin"


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (_missing, FileMissingError, "missing.bin"),
        (_directory, NotAFileError, "directory"),
        (_fifo, NotAFileError, "FIFO"),
        (_socket, NotAFileError, "socket"),
        (_device, NotAFileError, "device"),
        (_not_unicode, FileNameError, "Unicode"),
        (_dangling, FileMissingError, "link.bin"),
    ],
)
def test_what_is_no_file(
    stage: Stage, make: Callable[[Path], Path], error: type[Pan115Error], said: str, tmp_path: Path
) -> None:
    """Neither a hang on a FIFO nor an upload of a directory's bytes."""
    path = make(tmp_path)
    client = stage.client()
    with pytest.raises(error) as caught:
        client.upload(path, "/x", progress="none")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert stage.box.requests == []
    assert len(client.sessions()) == 0
    if path.parent.name.startswith("s"):
        shutil.rmtree(path.parent, ignore_errors=True)


NO_PERMISSION = """
import tempfile
place = tempfile.mkdtemp(dir="/tmp")
client = Pan115Client(state_dir=place + "/state")
client.queue                     # all is open before the rights go
os.chmod(place, 0o755); os.chmod(place + "/state", 0o777)
path = os.path.join(place, "secret.bin")
with open(path, "wb") as file:
    file.write(b"x" * 1000)
os.chmod(path, 0)
if os.geteuid() == 0:
    os.seteuid(65534)           # root may read everything
result = client.upload(path, "/x", progress="none", check=False)
os.seteuid(os.getuid())
kind = type(client.jobs()[0].exception).__name__
client.close()
print(kind, result.success, "secret.bin" in result.error_message)
import shutil; shutil.rmtree(place)
"""


def test_no_permission(stage: Stage) -> None:
    """Said as what it is, not as a missing file."""
    assert run(stage, NO_PERMISSION, "unused") == "FileUnreadableError False True\n"
    assert stage.box.requests == []


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "   ",
        "hello",
        "UID=; CID=; SEID=",
        "UID=100_A1_1",
        "UID=abc_A1_1; CID=x; SEID=y",
        "CID=x; SEID=y",
        "UID=1_A1_1; CID=电影; SEID=c",
        '{"UID": "1_A1_1"}',
    ],
)
def test_cookie_of_a_wrong_shape(stage: Stage, cookie: str) -> None:
    """Told when the client is made, not after a folder has been hashed; without showing the cookie."""
    with pytest.raises(CredentialsError) as caught:
        Pan115Client(user_key=cookie, endpoint=stage.box.endpoint, state_dir=stage.state_dir)
    assert caught.value.hint
    for value in ("hello", "abc_A1_1", "电影"):
        assert value not in str(caught.value)
    assert stage.box.requests == []


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "电影", "nul\0"])
def test_token_of_a_wrong_shape(stage: Stage, token: str) -> None:
    """The same for tokens."""
    with pytest.raises(CredentialsError):
        Pan115Client(access_token=token, endpoint=stage.box.endpoint, state_dir=stage.state_dir)
    assert stage.box.requests == []


def test_two_kinds_of_credentials(stage: Stage) -> None:
    """Which account would it be?"""
    with pytest.raises(CredentialsError, match=r"both|two|either"):
        Pan115Client(user_key=stage.box.cookie, access_token="t", endpoint=stage.box.endpoint)


def test_no_credentials(stage: Stage) -> None:
    """The message says what to do, the sandbox included."""
    with pytest.raises(CredentialsError, match="PAN115_COOKIE"):
        Pan115Client(endpoint=stage.box.endpoint)


@pytest.mark.parametrize(
    "wrong",
    [
        {"part_size": 100 * 1024 - 1},
        {"part_size": 0},
        {"part_size": 6 * 1024**3},
        {"part_size": 1.5e6},
        {"multipart_threshold": -1},
        {"max_concurrent_uploads": 0},
        {"retries": -1},
        {"bandwidth_limit": 0},
        {"read_timeout": 0},
        {"app_version": ""},
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, object]) -> None:
    """Parts under 100 KiB would be refused by OSS at the very end of the upload."""
    with pytest.raises(ConfigError) as caught:
        UploadConfig(**wrong)  # type: ignore[arg-type]
    assert next(iter(wrong)) in str(caught.value)


def test_part_size_in_the_environment_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error in a profile is told with the variable's name."""
    monkeypatch.setenv("PAN115_PART_SIZE", "10MB")
    with pytest.raises(ConfigError, match="PAN115_PART_SIZE"):
        UploadConfig.from_environment()


#: Every setting that is a number, so that a new one is checked, too.
NUMBERS = [
    part.name
    for part in dataclasses.fields(UploadConfig)
    if part.name == "bandwidth_limit" or type(getattr(UploadConfig(), part.name)) not in (bool, str)
]


@pytest.mark.parametrize("wrong", [{n: v} for n in NUMBERS for v in ("2M", True, float("nan"))])
def test_settings_that_are_no_numbers(wrong: dict[str, object]) -> None:
    """``client.bandwidth_limit = "2M"`` is told by name, not as a TypeError from within."""
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be a .*number"):
        UploadConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"file_path": None}, ConfigError, "a local path must be"),
        ({"file_path": ["a.bin"]}, ConfigError, "a local path must be"),
        ({"file_path": ""}, FileNameError, "empty"),
        ({"file_path": "a\0b"}, FileNameError, "NUL"),
        ({"target_path": None}, TargetError, "must be a folder's path, not None"),
        ({"target_path": 2429}, TargetError, "must be a folder's path, not 2429"),
        ({"target_path": b"/x"}, TargetError, "must be a folder's path"),
        ({"target_dir_id": "/x"}, TargetError, "is not a folder's id"),
        ({"target_dir_id": [1]}, TargetError, "is not a folder's id"),
        ({"priority": "high"}, ConfigError, "priority"),
        ({"priority": float("nan")}, ConfigError, "priority"),
    ],
    ids=repr,
)
def test_arguments_of_a_wrong_kind(
    stage: Stage, arguments: dict[str, object], error: type[Pan115Error], said: str
) -> None:
    """One clear line instead of a traceback out of the engine, and the other uploads of the client go on."""
    client, path = stage.client(), stage.file()
    given: dict[str, Any] = {"file_path": path, "target_path": "/x", **arguments}
    with pytest.raises(error, match=said):
        client.upload(**given, progress="none")
    assert stage.box.requests == []
    assert client.upload(path, "/x", progress="none").success


def test_one_path_where_a_list_is_wanted(stage: Stage) -> None:
    """``submit_many("ab.bin")`` must not look for files called a, b, …"""
    with pytest.raises(ConfigError, match="a list of paths"):
        stage.client().submit_many("ab.bin", "/x")


class _Table:
    """What a DataFrame is to whoever takes it for a list: its columns, and a wall of text."""

    columns = ("file_path", "size")

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __repr__(self) -> str:
        return "row\n" * 100_000


def test_a_table_pasted_where_a_path_or_a_list_is_wanted(stage: Stage) -> None:
    """Its columns' names are no files, and its rows do not belong into the message."""
    client, table = stage.client(), cast("Any", _Table())
    for call in (
        lambda: client.upload(table, progress="none"),
        lambda: client.submit_many(table),
        lambda: client.submit_many({"a.bin": 1}),
        lambda: client.upload(stage.file(), table, progress="none"),
        lambda: client.upload(stage.file(), target_dir_id=table, progress="none"),
        lambda: client.resume(table),
        lambda: client.samples(table),
        lambda: client.result_of(table),
    ):
        with pytest.raises(Pan115Error) as caught:
            call()
        assert len(str(caught.value)) < 250
        assert "row" not in str(caught.value)
    assert stage.box.requests == []


def test_names_of_uploads_that_are_none(stage: Stage) -> None:
    """A typing error in a job's id is no empty curve, and a text is no job: not an AttributeError either."""
    client = stage.client()
    with pytest.raises(ConfigError, match=r"there is no upload 'nope': look at client\.history"):
        client.samples("nope")
    with pytest.raises(ConfigError, match="an UploadJob is needed, not 'x'"):
        client.result_of(cast("Any", "x"))
    result = client.upload(stage.file("a.bin", 1), "/x", progress="none")
    assert list(client.samples(result.job_id).columns) == ["time", "uploaded_bytes", "speed_mbps", "phase"]


def _forget(what: object) -> None:
    del what
    gc.collect()


def test_a_forgotten_await_is_said(stage: Stage) -> None:
    """The file was never sent, and nothing said so."""
    client = stage.client()
    with pytest.warns(RuntimeWarning, match=r"client\.upload_file\(.*film\.mkv.* was not awaited"):
        _forget(client.upload_file(stage.file("film.mkv", 1)))
    assert stage.box.requests == []


@pytest.mark.parametrize("name", ["user_key", "access_token"])
def test_credentials_that_are_no_text(name: str) -> None:
    """Told by kind; the value may be a secret all the same."""
    with pytest.raises(CredentialsError, match="not bytes") as caught:
        Pan115Client(**{name: b"UID=1_A1_2; CID=ab; SEID=secret"})  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_paths_in_every_usual_form(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As text, as a Path, as bytes from ``os.listdir(b".")``, under ``~``; a folder as a PurePosixPath."""
    path = stage.file("film.mkv", 1000)
    monkeypatch.setenv("HOME", str(path.parent))
    client = stage.client()
    forms: list[Any] = [str(path), path, os.fsencode(path), "~/film.mkv"]
    for n, form in enumerate(forms):
        result = client.upload(form, PurePosixPath(f"/x{n}"), progress="none")
        assert result.file_path == str(path)
        stage.assert_arrived(path, f"/x{n}/film.mkv")
    monkeypatch.chdir(path.parent)
    literal = stage.file("~film.mkv", 1000)
    assert client.upload("~film.mkv", "/x", progress="none").file_path == str(literal)


@pytest.mark.parametrize("target", ['/a"b', "/a<b", "/a>b", "/" + "长" * 300, "/a\nb\0"])
def test_target_that_115_would_refuse(stage: Stage, target: str) -> None:
    """Before hashing, not after."""
    with pytest.raises((TargetError, FileNameError)):
        stage.client().upload(stage.file(), target, progress="none")
    assert stage.box.requests == []


def test_folder_id_that_does_not_exist(stage: Stage) -> None:
    """An unknown id must not become the root folder."""
    with pytest.raises((TargetError, FileNameError)):
        stage.client().upload(stage.file(), target_dir_id="123456789012345678", progress="none")
    assert stage.box.files() == []


def test_progress_word_that_does_not_exist(stage: Stage) -> None:
    """Told before anything is sent."""
    with pytest.raises(ConfigError, match="progress"):
        stage.client().upload(stage.file(), "/x", progress="shiny")
    assert stage.box.requests == []


# -- a full disk -------------------------------------------------------------------------------------------------

FULL_FROM_THE_BEGINNING = """
import resource
client = Pan115Client()
client.history()
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))     # no file may grow
result = client.upload(PATH, "/x", progress="none", check=False)
error = client.jobs()[0].exception
print(type(error).__name__, result.success, bool(error.hint))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(client.upload(PATH, "/x", progress="none").success)
client.close()
"""


def test_full_disk_for_the_state(stage: Stage) -> None:
    """Without a place for the upload_id nothing is begun; with room again it works, in the same process."""
    code, out, err = finish(start(stage, FULL_FROM_THE_BEGINNING, stage.file()))
    assert (code, out) == (0, "StoreError False True\nTrue\n"), err
    assert "Traceback" not in err
    routes = [record.route for record in stage.box.requests]
    assert routes.count("initiate") == 1


FULL_IN_THE_MIDDLE = """
import resource, time
client = Pan115Client()
job = client.submit(PATH, "/x")
while job.progress.uploaded_parts < 4:
    time.sleep(0.01)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
print("full", flush=True)
sys.stdin.readline()
try:
    job.wait(120)
except Exception as error:
    print(type(error).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
job.retry()
result = job.wait(120)
print(result.success, result.resumed)
client.close()
"""


def test_disk_that_fills_up_in_the_middle(stage: Stage) -> None:
    """A part whose arrival cannot be written down ends the run; OSS still knows it, and no part is sent twice."""
    stage.hold("upload_part", after=4)
    process = start(stage, FULL_IN_THE_MIDDLE, stage.file())
    assert process.stdout is not None
    assert process.stdout.readline() == "full\n"
    stage.go_on()
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    code, out, err = finish(process)
    assert (code, out) == (0, "StoreError\nTrue True\n"), err
    assert set(stage.parts(whole=PART).values()) == {1}
    assert stage.box.read("/x/film.mkv") == (stage.folder / "local/film.mkv").read_bytes()


def test_state_directory_that_cannot_be_used(stage: Stage) -> None:
    """Told when the client is made."""
    blocker = stage.folder / "file"
    blocker.write_bytes(b"")
    with pytest.raises(Pan115Error, match="file"):
        Pan115Client(
            user_key=stage.box.cookie,
            endpoint=stage.box.endpoint,
            state_dir=blocker / "state",
            config=settings(),
        )
