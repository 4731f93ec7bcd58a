"""Nothing is called uploaded that is not there: 115's record is compared with ours, doubt is settled by asking."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pan115kit.drive.data import Entry
from pan115kit.errors import VerificationError
from pan115kit.models import UploadTicket
from pan115kit.oss.bucket import CallbackReply
from pan115kit.transfer.verify import LOOKS, VerifiedFile, Verifier

SHA1, OTHER_SHA1 = "A" * 40, "B" * 40
TICKET = UploadTicket("bucket", "key", "{}", "{}", "our pick code")


class Listings:
    """A drive whose listing shows something else at every look."""

    def __init__(self, *looks: list[Entry]) -> None:
        self.looks = list(looks)
        self.asked: list[tuple[str, str, int]] = []
        self.waits: list[float] = []

    async def find_files(self, folder_id: str, sha1: str, size: int) -> list[Entry]:
        self.asked.append((folder_id, sha1, size))
        return self.looks.pop(0) if self.looks else []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def verifier(drive: Listings) -> Verifier:
    return Verifier(drive, "7", "a.bin", 10, SHA1, drive.sleep)  # type: ignore[arg-type]


def remote(name: str = "a.bin", pick_code: str = "another", file_id: str = "1") -> Entry:
    return Entry(file_id, name, 10, SHA1, pick_code, "7")


def check(drive: Listings, **reply: Any) -> VerifiedFile:
    return asyncio.run(verifier(drive).check(CallbackReply(**reply), TICKET))


def test_a_record_that_is_ours_is_believed() -> None:
    assert check(Listings(), file_id="5", sha1=SHA1.lower(), file_size=10, pick_code="p") == VerifiedFile("5", "p")


@pytest.mark.parametrize(("sha1", "size"), [(OTHER_SHA1, 10), (SHA1, 9), (SHA1, 11), (SHA1, 0)])
def test_a_record_of_other_content_is_never_a_success(sha1: str, size: int) -> None:
    """The disk, the line or 115 changed a byte: the user must hear of it, not find it in a year."""
    with pytest.raises(VerificationError, match=r"115 recorded a\.bin"):
        check(Listings([remote()]), file_id="5", sha1=sha1, file_size=size)


@pytest.mark.parametrize("reply", [{}, {"sha1": SHA1}, {"file_size": 10}, {"file_id": "5"}])
def test_a_record_without_sha1_or_size_is_looked_up(reply: dict[str, Any]) -> None:
    """115 says yes and not to what: the folder's listing, asked with our sha1 and size, must have it."""
    drive = Listings([], [], [remote(file_id="9")])
    assert check(drive, **reply).file_id == "9"
    assert drive.asked == [("7", SHA1, 10)] * 3
    assert drive.waits == [*LOOKS[:2]]


def test_a_yes_that_is_never_listed_is_no_success() -> None:
    drive = Listings()
    with pytest.raises(VerificationError, match="does not list it"):
        check(drive)
    assert len(drive.asked) == 1 + len(LOOKS)


def test_the_pick_code_says_which_of_several_it_is() -> None:
    """The folder has the same content twice: the id must be that of this upload."""
    files = [remote(file_id="1"), remote(name="b.bin", pick_code=TICKET.pick_code, file_id="2")]
    found = asyncio.run(verifier(Listings(files)).find(TICKET))
    assert found == VerifiedFile("2", TICKET.pick_code)


def test_the_same_content_under_another_name_is_another_file() -> None:
    assert asyncio.run(verifier(Listings([remote(name="b.bin")])).find(TICKET)) is None


def test_who_has_no_patience_looks_once() -> None:
    drive = Listings([], [remote()])
    assert asyncio.run(verifier(drive).find(None)) is None
    assert SimpleNamespace(asked=len(drive.asked), waits=drive.waits) == SimpleNamespace(asked=1, waits=[])
