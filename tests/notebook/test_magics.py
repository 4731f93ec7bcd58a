"""``%upload``: its line, its client, its paths."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pan115kit import ConfigError, CredentialsError, Pan115Client
from pan115kit.entrypoints.ipython_magics import Magics, Options, complete_paths, find_client


@pytest.mark.parametrize(
    ("line", "paths", "to", "background"),
    [
        ("a.bin --to /影视", ["a.bin"], "/影视", False),
        ("--to=/影视 'a b.bin' c", ["a b.bin", "c"], "/影视", False),
        (r"a\ b.bin -t /x -b", ["a b.bin"], "/x", True),
        ("", [], "/", False),
    ],
)
def test_the_line_is_read_as_in_a_shell(line: str, paths: list[str], to: str, background: bool) -> None:
    """Names with spaces are common; a name cut in two uploads the wrong file, or none."""
    options = Options(line)
    assert (options.paths, options.to, options.background) == (paths, to, background)


@pytest.mark.parametrize("line", ["a --to", "a --tofu /x", "'a --to /x"])
def test_a_line_that_makes_no_sense_says_how_it_is_written(line: str) -> None:
    """``--tofu`` taken for a file would fail with a riddle."""
    with pytest.raises(ConfigError, match="%upload PATH"):
        Options(line)


def test_which_client_is_used(tmp_path: Path) -> None:
    """Files in the wrong account are hard to find again: the choice is by name, by being alone, or an error."""
    with Pan115Client.sandbox() as one, Pan115Client.sandbox() as two:
        assert find_client({"x": one}) is one
        assert find_client({"x": one, "same": one}) is one
        assert find_client({"x": one, "client": two}) is two
        assert find_client({"x": one, "client": two}, "x") is one
        with pytest.raises(ConfigError, match="which client: x, y"):
            find_client({"x": one, "y": two})
        with pytest.raises(ConfigError, match="n is not a Pan115Client"):
            find_client({"n": 1}, "n")
    with pytest.raises(CredentialsError, match="there is no client"):
        find_client({"x": one})


def test_a_client_is_made_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server the cookie is in the environment: ``%upload`` needs nothing else, and makes only one."""
    monkeypatch.setenv("PAN115_COOKIE", "UID=1_A1_2; CID=ab; SEID=cd")
    names: dict[str, Any] = {}
    client = find_client(names)
    assert find_client(names) is client
    client.close()


def test_two_kinds_of_credentials_are_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "There is no client" would send the user looking for the wrong mistake."""
    monkeypatch.setenv("PAN115_COOKIE", "UID=1_A1_2; CID=ab; SEID=cd")
    monkeypatch.setenv("PAN115_ACCESS_TOKEN", "t")
    with pytest.raises(CredentialsError, match="both set"):
        find_client({})


def test_files_patterns_folders_and_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user types: one file, ``*.jpg``, a folder, a list with comments."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "odd[1].jpg"):
        Path(name).write_bytes(name.encode())
    Path("sub").mkdir()
    Path("sub/c.txt").write_bytes(b"c")
    with Pan115Client.sandbox() as client:
        magics = Magics(SimpleNamespace(user_ns={"client": client}))  # type: ignore[arg-type]
        assert magics.upload("a.jpg --to /1").success
        assert magics.upload("'odd[1].jpg' --to /1").file_name == "odd[1].jpg"
        assert magics.upload("*.jpg --to /2").total == 3
        assert magics.upload("sub --to /3").total == 1
        assert magics.upload("--to /4", "a.jpg\n# b.jpg\n\n  b.jpg  \n").total == 2
        job = magics.upload("a.jpg --to /5 -b")
        assert job.wait(60).success
        assert len(magics.uploads()) == len(client.jobs())
        with pytest.raises(ConfigError, match="nothing to upload"):
            magics.upload("--to /6", "# nothing\n")


def test_paths_are_completed_with_spaces_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A completed name with a bare space would be read as two files."""
    monkeypatch.chdir(tmp_path)
    Path("my film.mkv").touch()
    Path("my dir").mkdir()
    Path("x[1].bin").touch()
    assert complete_paths("my") == ["my\\ dir/", "my\\ film.mkv"]
    assert complete_paths("my\\ f") == ["my\\ film.mkv"]
    assert complete_paths("x[") == ["x[1].bin"]
    assert Options(complete_paths("my\\ f")[0]).paths == ["my film.mkv"]
