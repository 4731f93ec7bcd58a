"""Locks of the operating system: given back when asked, also beside a forked child."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pan115kit._base.file_locks import opening_lock, try_lock, unlock
from pan115kit.drive.auth.credentials import Credentials
from pan115kit.drive.auth.credentials_file import CredentialStore
from pan115kit.drive.auth.saved_tokens import SavedTokens
from pan115kit.errors import StoreError


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Every file that is opened from now on is held by a child as well, as after a fork."""
    held: list[int] = []
    really = os.open

    def open_for_two(*arguments: object) -> int:
        descriptor = really(*arguments)  # type: ignore[arg-type]
        held.append(os.dup(descriptor))
        return descriptor

    monkeypatch.setattr(os, "open", open_for_two)
    yield held
    for descriptor in held:
        os.close(descriptor)


def test_only_one_has_it(tmp_path: Path) -> None:
    """Two processes would create one database, or renew one pair of tokens."""
    first, second = (os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert (try_lock(first), try_lock(second)) == (True, False)
    unlock(second)  # who has none gives nothing back
    assert not try_lock(second)
    unlock(first)
    assert try_lock(second)
    os.close(first)
    os.close(second)


def test_a_directory_opened_before_a_fork_can_be_opened_again(tmp_path: Path, children: list[int]) -> None:
    """multiprocessing forks while a client starts: its next client would wait for as long as the child lives."""
    with opening_lock(tmp_path), pytest.raises(StoreError), opening_lock(tmp_path, patience=0):
        pass  # while it is open nobody else gets in
    with opening_lock(tmp_path, patience=0):
        assert len(children) == 3


def test_tokens_renewed_during_a_fork_can_be_renewed_again(tmp_path: Path, children: list[int]) -> None:
    """Else every process of the login would wait for the child, and give up."""
    tokens = SavedTokens(CredentialStore(tmp_path), Credentials(access_token="a", refresh_token="r"))

    async def twice() -> None:
        for _ in range(2):
            async with tokens.renewing():
                pass

    asyncio.run(asyncio.wait_for(twice(), 60))
    assert len(children) == 2
