"""The terminal face: exit codes that scripts can trust, JSON on stdout, everything for people on stderr."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from script_support import environment
from upload_support import PART, PATIENCE, Stage, content, until

from pan115kit._base.text_table import text_width
from pan115kit.entrypoints import cli

#: What a reader of ``--json`` may rely on.
PROMISED = {"success", "status", "file_id", "quick_upload", "file_name", "file_size", "sha1", "error_message"}

Run = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def run(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: exit code, the JSON objects on stdout, stderr."""
    for name, value in environment(stage).items():
        if name.startswith("PAN115_"):
            monkeypatch.setenv(name, value)

    def command(*arguments: str | Path) -> tuple[int, list[dict[str, Any]], str]:
        code = cli.main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        objects = [json.loads(line) for line in shown.out.splitlines()] if "--json" in arguments else []
        return code, objects, shown.err

    return command


def _process(stage: Stage, *arguments: str | bytes | Path, **more: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-W", "always", "-m", "pan115kit", *arguments],
        env=environment(stage, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=4096,  # what is not read soon makes it wait
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
    )
    stage.processes.append(process)
    return process


# -- upload ------------------------------------------------------------------------------------------------------


def test_json_of_uploaded_files(stage: Stage, run: Run) -> None:
    """One object per file, on stdout alone; exit code 0."""
    paths = [stage.file("one.mkv", seed=1), stage.file("zwei.mkv", seed=2)]
    code, objects, err = run("upload", *paths, "--to", "/影视", "--json")
    assert code == 0
    assert len(objects) == 2
    for told in objects:
        assert told.keys() >= PROMISED
        assert (told["success"], told["status"], told["error_message"]) == (True, "success", None)
        path = stage.folder / "local" / told["file_name"]
        assert told["file_size"] == path.stat().st_size
        assert told["sha1"] == stage.box.sha1(f"/影视/{path.name}")
        stage.assert_arrived(path, f"/影视/{path.name}")
    assert "one.mkv" in err or "2/2" in err  # progress goes to stderr
    again = run("upload", paths[0], "--to", "/影视/again", "--json", "--no-progress")
    assert again[1][0]["quick_upload"] is True
    assert again[2] == ""


def test_one_failed_file_is_exit_code_1(stage: Stage, run: Run) -> None:
    """A script must not believe that all is there when one file is not."""
    path = stage.file("good.mkv")
    code, objects, _ = run("upload", path, stage.folder / "missing.mkv", "--to", "/x", "--json", "--no-progress")
    assert code == 1
    told = {one["file_name"]: one for one in objects}
    assert told["good.mkv"]["success"] is True
    assert told["missing.mkv"]["success"] is False
    assert told["missing.mkv"]["status"] == "failed"
    assert "missing.mkv" in told["missing.mkv"]["error_message"]
    stage.assert_arrived(path, "/x/good.mkv")


def test_words_for_people(stage: Stage, capsys: pytest.CaptureFixture[str], run: Run) -> None:
    """Without --json: a line per file, failures on stderr with what to do."""
    path = stage.file("good.mkv")
    cli.main(["upload", str(path), str(stage.folder / "missing.mkv"), "--to", "/x", "--no-progress"])
    shown = capsys.readouterr()
    assert "good.mkv" in shown.out
    assert stage.box.files()[0].file_id in shown.out
    assert "missing.mkv" in shown.err
    assert "Traceback" not in shown.err


def test_folder_goes_where_the_library_puts_it(stage: Stage, run: Run) -> None:
    """``upload photos --to /backup`` is ``submit_folder("photos", "/backup")``: /backup/a.jpg, with its folders."""
    for name in ("photos/a.jpg", "photos/夏 2024/b.jpg"):
        stage.file(name, size=PART, seed=len(name))
    code, objects, _ = run("upload", stage.folder / "local/photos", "--to", "/backup", "--json", "--no-progress")
    assert (code, len(objects)) == (0, 2)
    assert {f.path for f in stage.box.files()} == {"/backup/a.jpg", "/backup/夏 2024/b.jpg"}
    code, objects, _ = run(
        "upload", stage.folder / "local/photos", "--to", "/backup", "--json", "--no-progress", "--on-conflict", "skip"
    )
    assert (code, [one["quick_upload"] for one in objects]) == (0, [True, True])
    assert len(stage.box.files()) == 2


def test_dry_run_and_patterns_on_the_command_line(stage: Stage, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Look first, then upload just that."""
    for name in ("photos/a.jpg", "photos/b.tmp", "photos/c.txt"):
        stage.file(name, size=PART, seed=len(name))
    given = [str(stage.folder / "local/photos"), "--to", "/x", "--exclude", "*.tmp", "--no-progress"]
    assert cli.main(["upload", *given, "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "a.jpg" in shown.out
    assert "2 files to upload" in shown.out
    assert "b.tmp" not in shown.out
    assert stage.box.files(folders=True) == []
    assert cli.main(["upload", *given, "--after", "delete"]) == 0
    assert {f.path for f in stage.box.files()} == {"/x/a.jpg", "/x/c.txt"}
    assert [path.name for path in (stage.folder / "local/photos").iterdir()] == ["b.tmp"]


def test_file_of_a_folder_that_cannot_be_sent_is_exit_code_1(stage: Stage, run: Run) -> None:
    """A photo with a broken name is not on the drive: 0 would be a lie."""
    stage.file("photos/a.jpg", size=PART)
    (stage.folder / "local/photos" / b"b\xff.jpg".decode("utf-8", "surrogateescape")).write_bytes(b"x")
    (stage.folder / "local/photos/link").symlink_to(stage.folder)  # no file: nobody misses it
    code, objects, err = run("upload", stage.folder / "local/photos", "--to", "/", "--json", "--no-progress")
    assert code == 1
    assert [one["success"] for one in objects] == [True]
    assert "not valid Unicode" in err
    assert "link" in err


def test_settings_on_the_command_line(stage: Stage, run: Run) -> None:
    """Part size, threshold and number of files are what was asked for."""
    path = stage.file(size=4 * PART)
    run("upload", path, "--to", "/a", "--json", "--no-progress", "--part-size", str(2 * PART), "--threshold", "1")
    assert stage.box.count("upload_part") == 2
    run("upload", stage.file(seed=2), "--to", "/b", "--json", "--no-progress", "--threshold", str(10**9))
    assert stage.box.count("put_object") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["upload"],
        ["upload", "x", "--part-size", "many"],
        ["no such command"],
        ["sessions", "clean", "--days", "some"],
        [],
    ],
)
def test_wrong_usage_is_exit_code_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As every command of a shell."""
    with pytest.raises(SystemExit) as ended:
        cli.main(wrong)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PAN115_COOKIE": ""}, "no credentials"),
        ({"PAN115_COOKIE": "not a cookie"}, "cookie"),
        ({"PAN115_ACCESS_TOKEN": "t"}, "both set"),
        ({"PAN115_COOKIE": "", "PAN115_ACCESS_TOKEN": "with blanks in it"}, "access_token"),
    ],
)
def test_bad_credentials_are_exit_code_2(
    stage: Stage, run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    """Told before anything is sent, in one line, without the credentials themselves."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, _, err = run("upload", stage.file(), "--to", "/x")
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert all(not value or value == "t" or value not in err for value in variables.values())
    assert stage.box.requests == []


def test_logged_out_cookie_is_told_per_file(stage: Stage, run: Run) -> None:
    """115 refuses the login: exit code 1, and what to do."""
    stage.box.log_out()
    code, objects, _ = run("upload", stage.file(), "--to", "/x", "--json", "--no-progress")
    assert code == 1
    assert "log in again" in objects[0]["error_message"]


def test_blocked_account_ends_instead_of_waiting(stage: Stage, run: Run) -> None:
    """A cron job must not hang until somebody solves a puzzle."""
    stage.box.fault("initupload", "html_405", times=None)
    paths = [stage.file(f"{n}.bin", PART, n) for n in range(5)]
    code, objects, _ = run("upload", *paths, "--to", "/x", "--json", "--no-progress")
    assert code == 1
    assert [one["status"] for one in objects] == ["paused"] * 5
    stage.go_on()
    assert run("upload", *paths, "--to", "/x", "--json", "--no-progress")[0] == 0


ODD = [b"-rf.bin", "电影 😀.bin".encode(), b'quote"&<>%#?.bin', b" space .bin", b"new\nline.bin", b"broken-\xff.bin"]


def test_odd_names_through_a_real_shell_interface(stage: Stage) -> None:
    """Names arrive as bytes from the system: what 115 can carry arrives, what it cannot is said, nothing crashes."""
    folder = stage.folder / "odd"
    folder.mkdir()
    for name in ODD:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(content(PART, len(name)))
    paths = [os.fsencode(folder) + b"/" + name for name in ODD]
    process = _process(stage, "upload", "--to", "/odd", "--json", "--no-progress", "--", *paths)
    out, err = process.communicate(timeout=PATIENCE)
    objects = {one["file_name"]: one for one in map(json.loads, out.splitlines())}
    assert process.returncode == 1
    assert "Traceback" not in err
    good = {name.decode() for name in ODD[:-1]}
    assert {name for name, one in objects.items() if one["success"]} == good
    assert {file.name for file in stage.box.files()} == good
    for arguments in (["history"], ["history", "--json"]):
        process = _process(stage, *arguments)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, ""), arguments
    process = _process(stage, "upload", "--to", "/again", "--", *paths)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop(stage: Stage, how: signal.Signals) -> None:
    """systemd or Ctrl-C: one line, sessions kept, the next run goes on."""
    path = stage.file()
    stage.hold("upload_part", after=4)
    process = _process(stage, "upload", path, "--to", "/x", "--no-progress")
    stage.wait_held("upload_part", 5)
    process.send_signal(how)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "Stopped; sessions are kept: run it again to go on."
    stage.wait_ended()
    stage.go_on()
    process = _process(stage, "upload", path, "--to", "/x", "--no-progress", "--json")
    out, err = process.communicate(timeout=PATIENCE)
    told = json.loads(out)
    assert (process.returncode, told["resumed"], told["bytes_sent"]) == (0, True, path.stat().st_size - 4 * PART)
    stage.assert_arrived(path, "/x/film.mkv")


def test_reader_that_goes_away(stage: Stage) -> None:
    """``pan115kit history | head -1`` ends without a traceback."""
    client = stage.client()
    for n in range(60):
        client.upload(stage.file(f"{n}.bin", 1, n), "/x", progress="none")
    client.close()
    process = _process(stage, "history", "--json", "-n", "60", PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(PATIENCE)


def test_a_file_named_twice_is_uploaded_once(stage: Stage, run: Run) -> None:
    """``upload a.bin ./*.bin``: no failure about an upload that is one's own."""
    path = stage.file("a.bin", PART)
    twice = path.parent / "." / ".." / path.parent.name / "a.bin"
    code, objects, _ = run("upload", path, twice, path, "--to", "/x", "--json", "--no-progress")
    assert (code, [one["success"] for one in objects]) == (0, [True])


def test_an_empty_folder_is_told(stage: Stage, run: Run) -> None:
    """Silence would look like success."""
    (stage.folder / "empty").mkdir()
    code, _, err = run("upload", stage.folder / "empty", "--to", "/x")
    assert (code, err) == (0, "nothing to upload\n")


def test_without_credentials_the_way_in_is_told(stage: Stage, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal that is the login, not an argument of the Python class."""
    monkeypatch.delenv("PAN115_COOKIE")
    code, _, err = run("upload", stage.file())
    assert (code, "python -m pan115kit login --save file" in err) == (2, True)


@pytest.mark.parametrize("rows", ["0", "-3", "many", "٣"])
def test_rows_that_make_no_sense(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``history -n 0`` must not say that there is no history."""
    with pytest.raises(SystemExit):
        cli.main(["history", "-n", rows])
    assert "-n" in capsys.readouterr().err


#: Ways for a stream to be of no use; each is a shell's redirection, after which the program's own end is told.
USELESS = {"closed": "-", "full disk": "/dev/full", "reader gone": "gone"}


def _with_useless(stage: Stage, stream: int, how: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command whose stdout (1) or stderr (2) cannot be written; the other one is captured."""
    command = [sys.executable, "-m", "pan115kit", *map(str, arguments)]
    redirection = f"{stream}>&-" if how == "-" else f"{stream}>{how}"
    shell = ["sh", "-c", f'"$@" {redirection}', "sh", *command]
    useless: int | None = None
    streams: dict[str, int] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if how == "gone":
        reading, useless = os.pipe()
        os.close(reading)
        shell, streams[("stdout", "stderr")[stream - 1]] = command, useless
    try:
        return subprocess.run(shell, env=environment(stage), timeout=PATIENCE, text=True, check=False, **streams)
    finally:
        if useless is not None:
            os.close(useless)


@pytest.mark.parametrize("how", USELESS.values(), ids=USELESS)
def test_bars_that_cannot_be_drawn_cost_no_upload(stage: Stage, how: str) -> None:
    """``2>&1 | head -1``, ``2>&-``, a full disk under the log: both files arrive, the program ends and says 0."""
    paths = [stage.file(f"{n}.bin", PART, n) for n in range(2)]
    ended = _with_useless(stage, 2, how, "upload", *paths, "--to", "/x", "--json")
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [one["success"] for one in told] == [True, True]
    assert ended.returncode == 0
    for path in paths:
        stage.assert_arrived(path, f"/x/{path.name}")


def test_a_failure_that_nobody_can_read_stops_no_other_upload(stage: Stage) -> None:
    """The line about the file that is missing has nowhere to go; the other file arrives all the same."""
    missing, path = stage.folder / "missing.bin", stage.file("0.bin", PART)
    stage.hold("initupload")
    arguments = "--to /x --no-progress"
    ended = subprocess.Popen(
        [
            "sh",
            "-c",
            f'"$@" {arguments} 2>/dev/full',
            "sh",
            sys.executable,
            "-m",
            "pan115kit",
            "upload",
            missing,
            path,
        ],
        env=environment(stage),
        stdout=subprocess.PIPE,
        text=True,
    )
    stage.processes.append(ended)
    stage.wait_held("initupload", 1)
    stage.go_on()
    out, _ = ended.communicate(timeout=PATIENCE)
    assert (ended.returncode, "0.bin" in out) == (1, True)
    stage.assert_arrived(path, "/x/0.bin")


@pytest.mark.parametrize("how", USELESS.values(), ids=USELESS)
def test_results_that_nobody_reads_cost_no_upload(stage: Stage, how: str) -> None:
    """``upload … --json | head -1``: all files arrive; that the output is not whole is said by the exit code."""
    paths = [stage.file(f"{n}.bin", PART, n) for n in range(3)]
    ended = _with_useless(stage, 1, how, "upload", *paths, "--to", "/x", "--json", "--no-progress", "--files", "1")
    for path in paths:
        stage.assert_arrived(path, f"/x/{path.name}")
    assert "Traceback" not in ended.stderr
    assert ended.returncode == (0 if how == "-" else 1)


@pytest.mark.parametrize("how", USELESS.values(), ids=USELESS)
def test_a_server_whose_address_nobody_reads_ends_without_a_traceback(stage: Stage, how: str) -> None:
    """Nobody would know its token; with stdout closed on purpose it serves until it is told to stop."""
    if how == "-":
        process = _process(stage, "serve", "--port", "0", "--json")
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["url"]
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
        return
    ended = _with_useless(stage, 1, how, "serve", "--port", "0", "--json")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("how", USELESS.values(), ids=USELESS)
def test_output_that_cannot_be_written_is_one_line(stage: Stage, how: str) -> None:
    """``history > /mnt/full``: what is wrong with the output is said, without a traceback."""
    stage.client().upload(stage.file("a.bin", 1), "/x", progress="none")
    ended = _with_useless(stage, 1, how, "history")
    expected = {"-": "", "gone": "", "/dev/full": "error: the output cannot be written: No space left on device\n"}
    assert ended.stderr == expected[how]
    assert ended.returncode == (0 if how == "-" else 1)


# -- sessions and history ----------------------------------------------------------------------------------------


def test_sessions_are_listed_and_cleaned(stage: Stage, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """What is unfinished, in a table and as JSON; and how to get rid of it, on OSS too."""
    assert run("sessions")[0] == 0
    client = stage.client()
    stage.hold("upload_part", after=4)
    job = client.submit(stage.file("电影.mkv"), "/x")
    stage.wait_held("upload_part", 5)
    client.close()
    assert job.done
    stage.wait_ended()
    stage.go_on()
    code, objects, _ = run("sessions", "--json")
    assert code == 0
    assert (objects[0]["file_name"], objects[0]["uploaded_parts"]) == ("电影.mkv", [1, 2, 3, 4])
    cli.main(["sessions"])
    assert "电影.mkv" in capsys.readouterr().out
    assert run("sessions", "clean", "--days", "1")[0] == 0
    assert len(run("sessions", "--json")[1]) == 1
    assert run("sessions", "clean", "--days", "0", "--json")[:2] == (0, [{"removed": 1}])
    assert run("sessions", "--json")[1] == []
    assert run("upload", stage.file("other.bin", 5), "--to", "/x", "--json", "--no-progress")[0] == 0
    until(lambda: stage.box.uploads() == [], "the abort, at the next run")


def test_options_may_stand_before_the_word_clean(stage: Stage, run: Run, tmp_path: Path) -> None:
    """``sessions --state-dir X clean`` must not give up the sessions of another directory."""
    client = stage.client()
    stage.hold("upload_part", after=4)
    client.submit(stage.file(), "/x")
    stage.wait_held("upload_part", 5)
    client.close()
    elsewhere = tmp_path / "elsewhere"
    assert run("sessions", "--state-dir", elsewhere, "--json", "clean", "--days", "0")[:2] == (0, [{"removed": 0}])
    assert any(elsewhere.iterdir())
    assert len(run("sessions", "--json")[1]) == 1
    assert run("sessions", "clean", "--state-dir", elsewhere, "--days", "0", "--json")[1] == [{"removed": 0}]
    assert len(run("sessions", "--json")[1]) == 1


def test_history_as_json(stage: Stage, run: Run) -> None:
    """Every end, newest first."""
    run("upload", stage.file("one.bin", 5), "--to", "/x")
    run("upload", stage.folder / "missing.bin", "--to", "/x")
    code, objects, _ = run("history", "--json")
    assert code == 0
    assert [(one["file_name"], one["status"]) for one in objects] == [
        ("missing.bin", "failed"),
        ("one.bin", "success"),
    ]


def test_state_dir_option(stage: Stage, run: Run, tmp_path: Path) -> None:
    """``--state-dir`` wins over the environment."""
    run("upload", stage.file("one.bin", 5), "--to", "/x", "--state-dir", tmp_path / "mine")
    assert run("history", "--json")[1] == []
    assert len(run("history", "--json", "--state-dir", tmp_path / "mine")[1]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["no-such-command"],
        ["upload"],
        ["upload", "x", "--part-size", "many"],
        ["upload", "x", "--to"],
        ["upload", "x", "--nonsense"],
        ["history", "-n", "0"],
        ["sessions", "clean", "--days", "some"],
        ["serve", "--port", "x"],
        ["login", "--s", "elsewhere"],
    ],
    ids=" ".join,
)
def test_in_chinese_the_command_line_is_chinese(
    wrong: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who reads no English learns how a command is written; argparse alone says it in English."""
    monkeypatch.setenv("PAN115_LANG", "zh")
    with pytest.raises(SystemExit):
        cli.main(wrong)
    usage, problem = capsys.readouterr().err.split("用法错误：")
    assert usage.startswith("用法：")
    assert re.search("[一-鿿]", problem)
    assert not re.search("required|invalid|expected|unrecognized|argument|choose|ambiguous", problem)


@pytest.mark.parametrize("command", [[], ["upload"], ["sessions"], ["sessions", "clean"], ["history"], ["login"]])
def test_help_is_in_one_language(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Headings and every option's line, in both languages."""
    monkeypatch.setenv("COLUMNS", "200")
    for lang, words in (("zh", r"usage|options|positional|show this"), ("en", "[一-鿿]")):
        monkeypatch.setenv("PAN115_LANG", lang)
        with pytest.raises(SystemExit) as ended:
            cli.main([*command, "--help"])
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        assert not re.search(words, shown), lang
        options = re.findall(r"^  -.*(?:\n {9,}.*)?", shown, re.MULTILINE)
        assert options
        assert all(re.search(r"\S\s\s+\S", option.strip()) for option in options), "an option without a word about it"


def test_json_is_readable_and_what_a_terminal_obeys_stays_an_escape(stage: Stage, run: Run) -> None:
    """``\\u7535\\u5f71`` is nobody's film; a name that sets the title of the window must not do so on the way."""
    name = "电影\x1b]0;x\x07\u202e\x9b.mkv"
    path = stage.file(name, PART)
    ended = _process(stage, "upload", str(path), "--to", "/影视", "--json", "--no-progress")
    out, _ = ended.communicate(timeout=PATIENCE)
    assert "电影" in out
    assert "/影视" in out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)
    assert json.loads(out)["file_name"] == name
    old = _process(stage, "history", "--json", PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    out, _ = old.communicate(timeout=PATIENCE)
    assert json.loads(out)["file_name"] == name, "an encoding without Chinese signs gets JSON's escapes"


def _in_terminal(stage: Stage, width: int, *arguments: str) -> list[str]:
    """The lines that a command shows in a terminal of so many cells."""
    pty = pytest.importorskip("pty", reason="a terminal to look at needs POSIX")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "pan115kit", *arguments],
        env=environment(stage, COLUMNS=str(width), TERM="xterm"),
        stdout=theirs,
        stderr=subprocess.PIPE,
    ):
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return shown.decode().replace("\r\n", "\n").splitlines()


def test_tables_fit_the_terminal_and_are_for_people(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes as MB, times of this place without microseconds, Chinese names in straight columns, no wrapped lines."""
    client = stage.client()
    long_name = "一个很长很长的电影名字" * 4 + " S01E07.mkv"
    client.upload(stage.file(long_name, 1_500_000), "/影视", progress="none")
    client.upload(stage.file("a\x1b[2J.bin", 12), "/x", progress="none")
    lines = _in_terminal(stage, 80, "history")
    assert len(lines) == 3
    assert all(text_width(line) <= 80 for line in lines)
    assert "1.5 MB" in lines[2]
    assert "E07.mkv" in lines[2]
    assert r"a\x1b[2J.bin" in lines[1]
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d(\s|$)", lines[1])
    assert (
        len(
            {
                text_width(line[: line.index(word)])
                for line, word in zip(lines, ("folder", "/x", "/影视"), strict=True)
            }
        )
        == 1
    )
    wide = subprocess.run(
        [sys.executable, "-m", "pan115kit", "history"],
        env=environment(stage),
        capture_output=True,
        text=True,
        check=True,
    )
    assert long_name in wide.stdout, "a pipe gets whole names"


def test_times_in_tables_are_local(stage: Stage, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "19:40" in UTC is not when somebody in Beijing saw it end."""
    stage.client().upload(stage.file("a.bin", 1), "/x", progress="none")
    shown = {
        zone: subprocess.run(
            [sys.executable, "-m", "pan115kit", "history"],
            env=environment(stage, TZ=zone),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in ("UTC", "UTC-8")  # POSIX counts westwards: this is east of Greenwich
    }
    hours = {zone: int(re.search(r" (\d\d):\d\d", text)[1]) for zone, text in shown.items()}  # type: ignore[index]
    assert (hours["UTC-8"] - hours["UTC"]) % 24 == 8


def test_ls_and_verify_on_the_command_line(stage: Stage, run: Run) -> None:
    """A script that wipes the disk after ``verify`` must be stopped by its exit code."""
    for name in ("photos/a.jpg", "photos/b/c.jpg"):
        stage.file(name, size=PART, seed=len(name))
    photos = stage.folder / "local/photos"
    assert run("verify", photos, "--to", "/x", "--json")[0] == 1
    run("upload", photos, "--to", "/x", "--json", "--no-progress")
    code, objects, _ = run("verify", photos, "--to", "/x", "--json")
    assert (code, {one["path"]: one["state"] for one in objects}) == (0, {"a.jpg": "same", "b/c.jpg": "same"})
    code, objects, _ = run("ls", "/x", "-r", "--json")
    assert (code, {one["path"] for one in objects}) == (0, {"/x/a.jpg", "/x/b", "/x/b/c.jpg"})
    (photos / "a.jpg").write_bytes(b"changed")
    assert run("verify", photos, "--to", "/x", "--json")[0] == 1
