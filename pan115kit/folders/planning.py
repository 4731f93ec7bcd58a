"""From what a user named to a plan: the local tree is looked through, the target is listed, what may be the same is
hashed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from ..errors import LocalFileError, NetworkError
from ..models import FileIdentity
from ..store import Store
from ..transfer.hashing import sha1_file
from ..transfer.local_file import LocalFile
from ..transfer.network_watch import Network
from ..transfer.upload_context import UploadContext
from ..transfer.upload_options import UploadOptions
from .ignore_rules import IgnoreRules
from .listing import DriveTree, list_tree, with_ancestors
from .local_tree import LocalEntry, LocalTree, Source, scan
from .plan import FolderPlan, make_plan, to_hash

T = TypeVar("T")

#: Sums that are looked up or written down in one go.
_CHUNK = 1000


async def scan_sources(sources: Sequence[Source], rules: IgnoreRules) -> LocalTree:
    """:func:`scan`, off the loop."""
    return await asyncio.to_thread(scan, sources, rules)


async def plan_tree(context: UploadContext, tree: LocalTree, options: UploadOptions) -> FolderPlan:
    """Plan by listing: one call for 1,150 entries, none for a file (laws.md 14).

    Folders that are found, and those that are known to be missing, are made known to the uploads.

    Args:
        context: Of the client.
        tree: What is here.
        options: Where it goes and how.

    Raises:
        Pan115Error: 115 gives no list.
    """
    wanted = set(with_ancestors(file.folder for file in tree.files)) | set(tree.folders)
    there = await waiting_out(
        context, lambda: list_tree(context.drive, options.target_path, wanted, target_dir_id=options.target_dir_id)
    )
    sums = await hash_files(context.store, to_hash(tree, there))
    plan = await asyncio.to_thread(
        partial(
            make_plan,
            tree,
            there,
            sums,
            on_conflict=options.on_conflict,
            after=options.after,
            api_rate=context.config.api_rate,
            api_burst=context.config.api_burst,
        )
    )
    if not options.target_dir_id:
        context.folders.know(_ids(there), (folder.target_path for folder in plan.folders))
    return plan


def _ids(there: DriveTree) -> dict[str, str]:
    base = there.target_path.rstrip("/")
    places = ((f"{base}/{folder}" if folder else base or "/", listed) for folder, listed in there.folders.items())
    return {path: listed.folder_id for path, listed in places}


async def waiting_out(context: UploadContext, attempt: Callable[[], Awaitable[T]]) -> T:
    """``attempt``, again after an outage of the network is over (laws.md 18)."""
    while True:
        try:
            return await attempt()
        except NetworkError:
            if await context.network.wait(context.config.network_patience, lambda _: None) is not Network.BACK:
                raise


async def hash_files(store: Store, files: Iterable[LocalEntry]) -> dict[str, str]:
    """SHA-1 of files by path, from the cache where that is safe; those that cannot be read are missing.

    Args:
        store: Has the cache.
        files: As they were looked at.
    """
    sums: dict[str, str] = {}
    asked = list(files)
    for start in range(0, len(asked), _CHUNK):
        await _hash_chunk(store, asked[start : start + _CHUNK], sums)
    return sums


async def _hash_chunk(store: Store, files: list[LocalEntry], sums: dict[str, str]) -> None:
    looked_at = [file for file in files if file.identity is not None]
    known = await store.call(store.hashes.get_many, [file.identity for file in looked_at if file.identity])
    fresh: list[tuple[FileIdentity, str]] = []

    async def remember(identity: FileIdentity, sha1: str) -> None:
        fresh.append((identity, sha1))

    try:
        for file, sha1 in zip(looked_at, known, strict=True):
            if sha1:
                sums[file.file_path] = sha1
                continue
            try:
                with LocalFile.open(file.file_path) as opened:
                    sums[file.file_path] = await sha1_file(opened, remember=remember)
            except LocalFileError:
                continue  # its upload says what is wrong with it
    finally:
        if fresh:
            await store.call(store.hashes.put_many, fresh)
