"""Listing, changing and reading the drive over both routes, against the local 115 and its traps."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from drive_sandbox_support import CONFIG, claim, drive_at, hasher, route_fixture, run, sandbox_fixture, sha1

from pan115kit.drive import Drive, Entry
from pan115kit.errors import (
    AccountBlockedError,
    DriveError,
    FileNameError,
    NetworkError,
    Pan115Error,
    RateLimitedError,
    TargetError,
)
from pan115kit.sandbox import Sandbox

__all__ = ["route_fixture", "sandbox_fixture"]

PATIENT = CONFIG.with_(retries=8, retry_base=0.05, retry_cap=0.3)


async def collected(entries: AsyncIterator[Any]) -> list[Any]:
    return [entry async for entry in entries]


async def folder_of(drive: Drive, path: str) -> str:
    found = await drive.find_folder(path)
    assert found is not None
    return found


async def entry_at(drive: Drive, path: str) -> Entry:
    above, _, name = path.rpartition("/")
    folder = await folder_of(drive, above or "/")
    return next(e for e in await collected(drive.list_folder(folder)) if e.name == name)


# -- listing ---------------------------------------------------------------------------------------------------


def test_a_folder_is_listed_with_what_a_comparison_needs(sandbox: Sandbox, route: str) -> None:
    """Name, size, SHA-1, id: no file is asked for one by one."""
    put = sandbox.put("/a/影片.mkv", b"movie")
    sandbox.put("/a/b/deep.txt", b"deep")

    async def story(drive: Drive) -> list[Entry]:
        return await collected(drive.list_folder(await folder_of(drive, "/a")))

    found = {entry.name: entry for entry in run(drive_at(sandbox, route), story)}
    assert set(found) == {"影片.mkv", "b"}
    movie = found["影片.mkv"]
    assert (movie.file_id, movie.size, movie.sha1, movie.pick_code) == (put.file_id, 5, sha1(b"movie"), put.pick_code)
    assert movie.modified > 1_000_000_000
    assert (movie.complete, movie.is_folder, found["b"].is_folder) == (True, False, True)


def test_a_large_folder_comes_whole_in_few_calls(sandbox: Sandbox, route: str) -> None:
    """1,150 entries a call."""
    for number in range(2400):
        sandbox.put(f"/many/{number}.bin", b"")

    async def story(drive: Drive) -> tuple[list[Entry], int]:
        folder = await folder_of(drive, "/many")
        sandbox.clear_requests()
        return await collected(drive.list_folder(folder)), await drive.count_entries(folder)

    entries, count = run(drive_at(sandbox, route), story)
    assert sorted(int(entry.name.partition(".")[0]) for entry in entries) == list(range(2400))
    assert count == 2400
    assert len(sandbox.requests) == 3 + 1


def test_an_unknown_folder_is_not_the_root(sandbox: Sandbox, route: str) -> None:
    """115 lists the root for it; another setting refuses it."""
    sandbox.put("/root.txt", b"x")
    for as_root in (True, False):
        sandbox.set(unknown_folder_is_root=as_root)
        with pytest.raises(DriveError):
            run(drive_at(sandbox, route), lambda drive: collected(drive.list_folder("31415926")))


def test_a_tree_is_walked_and_its_files_listed_at_once(sandbox: Sandbox, route: str) -> None:
    for path in ("/t/1.txt", "/t/x/2.txt", "/t/x/y/3.txt"):
        sandbox.put(path, path.encode())

    async def story(drive: Drive) -> tuple[list[str], list[str], Any]:
        folder = await folder_of(drive, "/t")
        walked = [path for path, _ in await collected(drive.walk(folder))]
        below = [entry.name for entry in await collected(drive.list_files_below(folder))]
        return walked, below, await drive.count_below(folder)

    walked, below, counts = run(drive_at(sandbox, route), story)
    assert sorted(walked) == ["1.txt", "x", "x/2.txt", "x/y", "x/y/3.txt"]
    assert sorted(below) == ["1.txt", "2.txt", "3.txt"]
    assert (counts.files, counts.folders) == (3, 2)


def test_a_folder_that_keeps_its_own_order_is_listed_whole(sandbox: Sandbox) -> None:
    """webapi refuses every order but the folder's."""
    sandbox.put("/o/1.txt", b"1")
    sandbox.set(order_supported=False)

    async def story(drive: Drive) -> list[Entry]:
        return await collected(drive.list_folder(await folder_of(drive, "/o")))

    assert [entry.name for entry in run(drive_at(sandbox, "cookie"), story)] == ["1.txt"]


def test_an_entry_is_found_by_id_until_it_is_deleted(sandbox: Sandbox, route: str) -> None:
    put = sandbox.put("/i/a.txt", b"abc")
    sandbox.set(open_file_without_utime=True)

    async def story(drive: Drive) -> list[Entry | None]:
        found = await drive.info(put.file_id)
        await drive.delete([put.file_id])
        return [found, await drive.info(put.file_id), await drive.info("31415926")]

    found, deleted, unknown = run(drive_at(sandbox, route), story)
    assert found is not None
    assert (found.name, found.size, found.sha1, found.pick_code) == ("a.txt", 3, sha1(b"abc"), put.pick_code)
    assert (deleted, unknown) == (None, None)


def test_content_is_found_by_sha1_below_a_folder(sandbox: Sandbox, route: str) -> None:
    sandbox.put("/s/x/a.bin", b"same")
    sandbox.put("/elsewhere/a.bin", b"same")

    async def story(drive: Drive) -> list[Entry]:
        return await drive.find_sha1(sha1(b"same"), await folder_of(drive, "/s"))

    (found,) = run(drive_at(sandbox, route), story)
    assert (found.name, found.sha1) == ("a.bin", sha1(b"same"))


def test_space_is_reported_in_bytes(sandbox: Sandbox, route: str) -> None:
    sandbox.put("/x", b"12345")
    space = run(drive_at(sandbox, route), lambda drive: drive.space())
    assert space.used + space.left == space.total
    assert space.used >= 5


def test_an_answer_with_nothing_is_waited_out(sandbox: Sandbox, route: str) -> None:
    """115's throttling in disguise: neither an empty folder nor a missing file."""
    put = sandbox.put("/e/a.txt", b"abc")
    listing, looking = ("files", "file_info") if route == "cookie" else ("open_files", "open_get_info")

    async def story(drive: Drive) -> list[Any]:
        folder = await folder_of(drive, "/e")
        sandbox.fault(listing, "empty", times=2)
        names = [entry.name for entry in await collected(drive.list_folder(folder))]
        sandbox.fault(looking, "empty", times=1)
        return [names, (await drive.info(put.file_id) or put).name]

    assert run(drive_at(sandbox, route), story) == [["a.txt"], "a.txt"]
    sandbox.fault(listing, "empty", times=None)
    with pytest.raises(RateLimitedError):
        run(drive_at(sandbox, route), lambda drive: collected(drive.list_folder()))


def test_what_was_just_changed_may_not_be_listed_yet(sandbox: Sandbox, route: str) -> None:
    """Listings lag by a second or two; what is looked up by id does not."""
    put = sandbox.put("/l/a.txt", b"abc")
    sandbox.set(listing_lag_ms=300)

    async def story(drive: Drive) -> list[str]:
        folder = await folder_of(drive, "/l")
        await drive.delete([put.file_id])
        deadline = asyncio.get_running_loop().time() + 5
        while names := [entry.name for entry in await collected(drive.list_folder(folder))]:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        return names

    assert run(drive_at(sandbox, route), story) == []


# -- changes ---------------------------------------------------------------------------------------------------


def test_files_move_copy_and_change_their_names(sandbox: Sandbox, route: str) -> None:
    put = sandbox.put("/from/a.txt", b"abc")
    sandbox.put("/to/b.txt", b"taken")

    async def story(drive: Drive) -> str:
        entry = await entry_at(drive, "/from/a.txt")
        target = await drive.make_folder("0", "to")
        await drive.copy([entry.file_id], target)
        await drive.move([entry.file_id], target)
        return await drive.rename(await drive.info(entry.file_id) or entry, "b.txt")

    name = run(drive_at(sandbox, route, config=PATIENT), story)
    paths = {file.path: file for file in sandbox.files()}
    assert name == "b(1).txt"
    assert paths["/to/b(1).txt"].file_id == put.file_id  # a move and a rename keep the id
    assert len(paths) == 3
    assert "/from/a.txt" not in paths


def test_a_missing_target_keeps_the_files_where_they_are(sandbox: Sandbox, route: str) -> None:
    """115 would take them out of every folder."""
    put = sandbox.put("/here/a.txt", b"abc")
    with pytest.raises(TargetError):
        run(drive_at(sandbox, route), lambda drive: drive.move([put.file_id], "31415926"))
    assert [file.path for file in sandbox.files()] == ["/here/a.txt"]


def test_deleted_files_are_in_the_bin_and_deleting_again_is_fine(sandbox: Sandbox, route: str) -> None:
    ids = [sandbox.put(f"/d/{n}.txt", b"x").file_id for n in range(3)]
    sandbox.set(refuse_missing_ids=True)

    async def story(drive: Drive) -> None:
        await drive.delete(ids[:1])
        await drive.delete(ids)

    run(drive_at(sandbox, route, config=PATIENT), story)
    assert sandbox.files() == []
    assert sorted(file.file_id for file in sandbox.deleted()) == sorted(ids)


def test_changes_at_once_all_happen(sandbox: Sandbox, route: str) -> None:
    """115 refuses a second one while it works, also after the answer to a folder's deletion."""
    sandbox.set(change_ms=30, folder_change_ms=300)
    for number in range(4):
        sandbox.put(f"/f{number}/x.txt", b"x")
    keep = sandbox.put("/keep/y.txt", b"y")

    async def story(drive: Drive) -> None:
        folders = [await folder_of(drive, f"/f{number}") for number in range(4)]
        entry = await entry_at(drive, "/keep/y.txt")
        await asyncio.gather(*(drive.delete([folder]) for folder in folders), drive.rename(entry, "z.txt"))

    run(drive_at(sandbox, route, config=PATIENT), story)
    assert [(file.path, file.file_id) for file in sandbox.files()] == [("/keep/z.txt", keep.file_id)]


def test_another_extension_is_refused(sandbox: Sandbox, route: str) -> None:
    sandbox.put("/r/a.txt", b"x")

    async def story(drive: Drive) -> None:
        await drive.rename(await entry_at(drive, "/r/a.txt"), "a.md")

    with pytest.raises(FileNameError):
        run(drive_at(sandbox, route), story)


def test_the_same_content_under_the_same_name_is_the_same_entry(sandbox: Sandbox, route: str) -> None:
    """Who deletes "the old one" after such an upload deletes the new one: their ids are equal."""
    data = os.urandom(2 << 20)

    async def story(drive: Drive) -> list[Any]:
        return [await drive.init(claim(data), hasher(data)) for _ in range(2)]

    sandbox.add_content(data)
    first, second = run(drive_at(sandbox, route), story)
    assert first == second
    assert len(sandbox.files()) == 1


# -- reading ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [200 << 20, 100], ids=["plain link", "encrypted link"])
def test_ranges_are_read(sandbox: Sandbox, route: str, limit: int) -> None:
    data = os.urandom(300_000)
    sandbox.put("/v/movie.mkv", data)
    sandbox.set(web_link_limit=limit)

    async def story(drive: Drive) -> list[bytes]:
        reader = drive.open(await entry_at(drive, "/v/movie.mkv"))
        return [await reader.read(), await reader.read(1000, 2000), await reader.read(299_999)]

    assert run(drive_at(sandbox, route), story) == [data, data[1000:2000], data[299_999:]]


@pytest.mark.parametrize("bound", [0, 1, 3])
def test_links_are_used_as_they_are_bound(sandbox: Sandbox, route: str, bound: int) -> None:
    """To nothing, to the User-Agent, to the answer's cookie."""
    sandbox.put("/v/a.txt", b"hello")
    sandbox.set(link_bound=bound, link_bound_open=bound)

    async def story(drive: Drive) -> bytes:
        return await drive.open(await entry_at(drive, "/v/a.txt")).read()

    assert run(drive_at(sandbox, route), story) == b"hello"


def test_a_link_that_ends_is_asked_for_again(sandbox: Sandbox, route: str) -> None:
    sandbox.put("/v/a.txt", b"hello")
    sandbox.set(link_life=1)  # less than the margin before its end

    async def story(drive: Drive) -> list[bytes]:
        reader = drive.open(await entry_at(drive, "/v/a.txt"))
        return [await reader.read(), await reader.read()]

    assert run(drive_at(sandbox, route), story) == [b"hello", b"hello"]


def test_an_empty_file_is_read(sandbox: Sandbox, route: str) -> None:
    sandbox.put("/v/empty", b"")

    async def story(drive: Drive) -> bytes:
        return await drive.open(await entry_at(drive, "/v/empty")).read()

    assert run(drive_at(sandbox, route), story) == b""


def test_the_days_links_are_used_up(sandbox: Sandbox, route: str) -> None:
    """The account's quota, not the file's fault: nothing goes on asking."""
    sandbox.put("/v/a.txt", b"hello")
    sandbox.set(links_left=0)

    async def story(drive: Drive) -> None:
        entry = await entry_at(drive, "/v/a.txt")
        sandbox.clear_requests()
        await drive.download_link(entry)

    with pytest.raises(AccountBlockedError):
        run(drive_at(sandbox, route), story)
    assert len(sandbox.requests) == 1


def test_no_more_links_are_open_than_115_allows(sandbox: Sandbox, route: str) -> None:
    """Two readers of one link, and a third that waits for its turn."""
    data = os.urandom(400_000)
    sandbox.put("/v/movie.mkv", data)
    sandbox.set(link_opens=1, download_bandwidth=4_000_000)

    async def story(drive: Drive) -> list[bytes]:
        reader = drive.open(await entry_at(drive, "/v/movie.mkv"))
        await reader.read(0, 1)
        thirds = [(at, at + 133_334) for at in range(0, 400_000, 133_334)]
        return await asyncio.gather(*(reader.read(*third) for third in thirds))

    assert b"".join(run(drive_at(sandbox, route, config=PATIENT), story)) == data


def test_a_deleted_file_has_no_link(sandbox: Sandbox, route: str) -> None:
    put = sandbox.put("/v/a.txt", b"hello")

    async def story(drive: Drive) -> None:
        entry = await entry_at(drive, "/v/a.txt")
        await drive.delete([put.file_id])
        await drive.open(entry).read()

    with pytest.raises(Pan115Error) as caught:
        run(drive_at(sandbox, route), story)
    assert not isinstance(caught.value, NetworkError | RateLimitedError)
