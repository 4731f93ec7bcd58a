"""Choosing files in the page: what lies on this machine's disk, and nothing that may not be uploaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from server_support import http

from pan115kit.server import AllowedFolder, Server
from pan115kit.server.routes import local


@pytest.fixture
def shown(start: Callable[..., Server], tmp_path: Path) -> Iterator[httpx.Client]:
    root = tmp_path / "root"
    (root / "Videos").mkdir(parents=True)
    (root / "a").mkdir()
    (root / ".ssh").mkdir()
    (root / "b.bin").write_bytes(b"12345")
    (root / "A.txt").write_bytes(b"")
    os.utime(root / "b.bin", (0, 0))
    (root / "inside").symlink_to(root / "a")
    (root / "outside").symlink_to(tmp_path)
    (root / "broken").symlink_to(root / "none")
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "fifo")
    with http(start(roots=[AllowedFolder(root, hidden=False)])) as api:
        yield api


def folder(api: httpx.Client, path: Path | str, **more: int) -> httpx.Response:
    return api.get("api/local", params={"path": str(path), **more})


def test_without_a_path_the_allowed_folders_are_listed(shown: httpx.Client, tmp_path: Path) -> None:
    """Where choosing begins."""
    body = shown.get("api/local").json()
    assert [entry["path"] for entry in body["entries"]] == [str(tmp_path / "root")]
    assert (body["path"], body["parent"]) == ("", None)


def test_folders_come_first_and_what_may_not_be_uploaded_is_not_shown(shown: httpx.Client, tmp_path: Path) -> None:
    """Hidden ones, links that lead out, broken links and FIFOs would only be refused later."""
    body = folder(shown, tmp_path / "root").json()
    assert [(e["name"], e["kind"]) for e in body["entries"]] == [
        ("a", "folder"), ("inside", "folder"), ("Videos", "folder"), ("A.txt", "file"), ("b.bin", "file"),
    ]  # fmt: skip
    assert body["entries"][-1] == {
        "name": "b.bin",
        "path": str(tmp_path / "root" / "b.bin"),
        "kind": "file",
        "size": 5,
        "modified": "1970-01-01T00:00:00+00:00",
    }
    assert (body["total"], body["parent"]) == (5, "")
    assert folder(shown, tmp_path / "root" / "a").json()["parent"] == str(tmp_path / "root")


def test_what_is_listed_can_be_uploaded_from(shown: httpx.Client, tmp_path: Path) -> None:
    """A path that the list gives is one that the list takes."""
    for entry in folder(shown, tmp_path / "root").json()["entries"]:
        if entry["kind"] == "folder":
            assert folder(shown, entry["path"]).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("{root}/..", 403), ("/etc", 403), ("/none", 403), ("{root}/outside", 403), ("{root}/.ssh", 403),
     ("{root}/none", 404), ("{root}/b.bin", 422), ("", 422)],
)  # fmt: skip
def test_other_places_are_not_shown(shown: httpx.Client, tmp_path: Path, path: str, status: int) -> None:
    """Whether they exist or not is not said."""
    answer = folder(shown, path.format(root=tmp_path / "root"))
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


def test_a_large_folder_comes_in_pages(
    start: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand photos do not make one answer of megabytes."""
    monkeypatch.setattr(local, "PAGE", 3)
    for number in range(7):
        (tmp_path / f"{number}.jpg").touch()
    (tmp_path / ".hidden").touch()
    root = tmp_path
    with http(start(roots=[root])) as api:
        names = [entry["name"] for page in (1, 2, 3) for entry in folder(api, root, page=page).json()["entries"]]
        assert [name for name in names if name != "state"] == [".hidden", *(f"{number}.jpg" for number in range(7))]
        assert folder(api, root, page=9).json()["entries"] == []
        assert folder(api, root).json()["pages"] == 3


def test_without_allowed_folders_nothing_is_shown(api: httpx.Client) -> None:
    assert api.get("api/local").json()["entries"] == []
    assert folder(api, "/").status_code == 403
