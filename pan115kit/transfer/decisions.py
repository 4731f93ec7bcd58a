"""Pure decisions of an upload: how to cut it, what to do after a crash, what an error means for a part.

No I/O and no clock: everything is an argument, so properties can test it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..config import MAX_PART_SIZE, MAX_PARTS, MIB, MIN_PART_SIZE
from ..errors import (
    CallbackFailedError,
    ChecksumMismatchError,
    DriveError,
    FileTooLargeError,
    NetworkError,
    NoSuchUploadError,
    OssError,
    Pan115Error,
    PartAlreadyExistError,
    PartNotSequentialError,
)
from ..i18n import say
from ..models import Part

#: Growing parts stop here: one lost part should never cost more than this many bytes.
LARGEST_GROWN_PART = 32 * MIB
#: What OSS says when the ticket's place is not there: a new ticket is asked for (protocol §4.7).
WRONG_PLACE = frozenset({"NoSuchBucket", "NoSuchKey"})
#: Seconds of waiting for an answer below which a line counts as near and parts stay as they are.
NEAR = 0.02


def part_size_for(size: int, wanted: int, *, done_parts: int = 0) -> int:
    """The part size for ``size`` bytes that are still to be cut: ``wanted``, grown so that 10,000 parts suffice.

    Args:
        size: Bytes still to send.
        wanted: Preferred part size in bytes.
        done_parts: Parts that are there already and count towards the 10,000 (protocol §4.5).

    Returns:
        Bytes; whole MiB when it had to grow.

    Raises:
        FileTooLargeError: Not even the largest parts would do.
    """
    parts_left = MAX_PARTS - done_parts
    if parts_left <= 0 or size > parts_left * MAX_PART_SIZE:
        message = say("upload.too_many_parts", size=size, parts=max(parts_left, 0))
        raise FileTooLargeError(message, hint=say("upload.too_many_parts.hint"))
    if size <= wanted * parts_left:
        return wanted
    needed = -(-size // parts_left)
    return min(MAX_PART_SIZE, -(-needed // MIB) * MIB)


def count_parts(size: int, part_size: int) -> int:
    """How many parts ``size`` bytes make."""
    return -(-size // part_size)


def grown_part_size(current: int, sending: float, waiting: float, bytes_left: int) -> int:
    """A larger part size where the line is idle between parts for too long, else ``current``.

    Parts go one at a time, so after each the line waits for OSS's answer.  When that is more than 3 % of the time,
    twice as large parts halve it (OSS allows parts of different sizes in one upload).

    Args:
        current: Bytes of the last part.
        sending: Seconds its bytes took.
        waiting: Seconds from its last byte to the answer.
        bytes_left: Bytes still to send; near the end nothing changes.
    """
    total = sending + waiting
    if waiting < NEAR or waiting / total <= 0.03 or bytes_left < 4 * current:
        return current
    return max(current, min(2 * current, LARGEST_GROWN_PART))


class Start(enum.Enum):
    """How an upload begins when an earlier run left something."""

    FRESH = "fresh"
    CONTINUE = "continue"
    COMPLETE = "complete"
    ABORT_AND_RESTART = "abort and restart"


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to go on.

    Attributes:
        start: What to do.
        parts: The parts that count as there.
        offset: The first byte still to send.
        reason: Why: a key of the catalogue of texts.
    """

    start: Start
    parts: tuple[Part, ...] = ()
    offset: int = 0
    reason: str = ""


def plan_resume(file_size: int, listed: Sequence[Part] | None) -> Plan:
    """What to do with what OSS says it has (protocol §4.8; law 1: the server's list wins over our row).

    Args:
        file_size: Bytes of the local file.
        listed: ListParts, or None where the upload_id is dead.
    """
    if listed is None:
        return Plan(Start.FRESH, reason="resume.unknown")
    parts = tuple(sorted(listed, key=lambda part: part.number))
    if [part.number for part in parts] != list(range(1, len(parts) + 1)):
        return Plan(Start.ABORT_AND_RESTART, reason="resume.gap")
    offset = sum(part.size for part in parts)
    if offset > file_size:
        return Plan(Start.ABORT_AND_RESTART, reason="resume.too_many_bytes")
    not_last = parts if offset < file_size else parts[:-1]
    if any(part.size < MIN_PART_SIZE for part in not_last):
        return Plan(Start.ABORT_AND_RESTART, reason="resume.part_too_small")
    if offset == file_size and parts:
        return Plan(Start.COMPLETE, parts, offset, "resume.complete")
    return Plan(Start.CONTINUE, parts, offset, "resume.continue")


def same_part(theirs: Part, ours: Part) -> bool:
    """Whether OSS's part is the one we have: size, and CRC-64 where both know it, else ETag (law 4)."""
    if theirs.number != ours.number or theirs.size != ours.size:
        return False
    if theirs.crc64 is not None and ours.crc64 is not None:
        return theirs.crc64 == ours.crc64
    return bool(ours.etag) and theirs.etag.upper() == ours.etag.upper()


def is_md5(etag: str) -> bool:
    """Whether an ETag tells the content: the MD5 of a part, in hex."""
    return re.fullmatch(r"[0-9A-F]{32}", etag) is not None


def is_final_no(error: Pan115Error) -> bool:
    """Whether an answer says for sure that no file came of the request: there is nothing to look for."""
    answered = isinstance(error, DriveError | OssError) and not isinstance(error, CallbackFailedError)
    return answered and not error.retryable


class Remedy(enum.Enum):
    """What an error of one part (or of a whole PUT) calls for."""

    ASK = "ask ListParts what is there, then go on"
    RESTART = "the upload_id is of no use any more: start again"
    GIVE_UP = "raise it"


def remedy_for(error: Pan115Error) -> Remedy:
    """What to do about an error while a part was sent (protocol §4.7).

    Anything after which the part may or may not be there is settled by ListParts before a byte is sent again.
    """
    match error:
        case NoSuchUploadError() | ChecksumMismatchError():
            # a wrong part cannot be overwritten in a sequential upload (protocol §4.3)
            return Remedy.RESTART
        case PartAlreadyExistError() | PartNotSequentialError() | NetworkError():
            return Remedy.ASK
        case OssError(code="InvalidPart" | "InvalidPartOrder"):
            return Remedy.ASK
        case _:
            return Remedy.ASK if error.retryable else Remedy.GIVE_UP
