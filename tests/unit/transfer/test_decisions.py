"""The pure decisions of an upload: a wrong one sends bytes twice, or completes a broken object."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pan115kit import errors
from pan115kit.config import GIB, MAX_PART_SIZE, MAX_PARTS, MIB, MIN_PART_SIZE
from pan115kit.models import Part
from pan115kit.transfer.decisions import (
    LARGEST_GROWN_PART,
    Remedy,
    Start,
    count_parts,
    grown_part_size,
    is_final_no,
    is_md5,
    part_size_for,
    plan_resume,
    remedy_for,
    same_part,
)

sizes = st.integers(0, 200 * 1024 * GIB)
part_sizes = st.integers(MIN_PART_SIZE, MAX_PART_SIZE)


@given(st.integers(1, MAX_PARTS * MAX_PART_SIZE), part_sizes, st.integers(0, MAX_PARTS - 1))
def test_the_parts_cover_the_file_and_oss_takes_them(size: int, wanted: int, done: int) -> None:
    """A plan with 10,001 parts fails after hours of upload."""
    assume(size <= (MAX_PARTS - done) * MAX_PART_SIZE)
    part = part_size_for(size, wanted, done_parts=done)
    count = count_parts(size, part)
    assert wanted <= part <= MAX_PART_SIZE
    assert done + count <= MAX_PARTS
    assert (count - 1) * part < size <= count * part


def test_a_115_gib_file_fits_although_10_mib_parts_would_not_do() -> None:
    """The largest file a VIP may upload (protocol.md §4.5)."""
    assert part_size_for(123_480_309_760, 10 * MIB) == 12 * MIB


def test_what_cannot_fit_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(errors.FileTooLargeError):
        part_size_for(MAX_PARTS * MAX_PART_SIZE + 1, MIB)
    with pytest.raises(errors.FileTooLargeError):
        part_size_for(1, MIB, done_parts=MAX_PARTS)


@given(part_sizes, st.floats(0, 1e4), st.floats(0, 1e4), st.integers(0, 1 << 45))
def test_a_part_grows_at_most_to_the_cap_and_never_shrinks(
    current: int, sending: float, waiting: float, left: int
) -> None:
    """A huge part costs a huge repeat when the line drops."""
    grown = grown_part_size(current, sending, waiting, left)
    assert grown >= current
    assert grown <= max(current, LARGEST_GROWN_PART)


@pytest.mark.parametrize(
    ("waiting", "left", "grown"), [(0.08, 10**9, 20), (0.01, 10**9, 10), (0.08, 30 * MIB, 10), (0.03, 10**9, 10)]
)
def test_parts_grow_where_the_line_idles_between_them(waiting: float, left: int, grown: int) -> None:
    """Answers that take 8 % of the time halve their share; a near line and the last parts stay as they are."""
    assert grown_part_size(10 * MIB, sending=1.0, waiting=waiting, bytes_left=left) == grown * MIB


@pytest.mark.parametrize(("size", "part_size", "count"), [(25, 10, 3), (20, 10, 2), (1, 10, 1), (0, 10, 0)])
def test_a_last_part_may_be_short(size: int, part_size: int, count: int) -> None:
    assert count_parts(size, part_size) == count


@pytest.mark.parametrize(
    ("etag", "tells"),
    [("289DFF07669D7A23DE0EF88D2F7129E7", True), ("289DFF07669D7A23DE0EF88D2F7129E7-3", False), ("", False)],
)
def test_only_an_md5_tells_the_content(etag: str, tells: bool) -> None:
    """An object's ETag with a part count is no hash of bytes: compared as one, good parts would be sent again."""
    assert is_md5(etag) is tells


def listed(*part_sizes: int) -> list[Part]:
    return [Part(n, size, "E") for n, size in enumerate(part_sizes, 1)]


@given(st.lists(st.integers(MIN_PART_SIZE, 64 * MIB), max_size=30), st.integers(0, 1 << 32))
def test_a_resume_goes_on_exactly_behind_what_is_there(there: list[int], rest: int) -> None:
    """One byte off is another file."""
    size = sum(there) + rest
    plan = plan_resume(size, listed(*there))
    assert plan.offset == sum(there)
    assert len(plan.parts) == len(there)
    assert plan.start is (Start.COMPLETE if rest == 0 and there else Start.CONTINUE)


def test_the_listing_may_come_in_any_order() -> None:
    parts = listed(MIB, MIB, 5)
    assert plan_resume(2 * MIB + 5, parts[::-1]).start is Start.COMPLETE


@pytest.mark.parametrize(
    ("parts", "size"),
    [
        ([Part(1, MIB, "A"), Part(3, MIB, "C")], 4 * MIB),
        ([Part(2, MIB, "A")], 4 * MIB),
        (listed(MIB, MIB), MIB),
        (listed(MIB, 6), MIB + 5),
        (listed(MIN_PART_SIZE - 1), MIB),
        (listed(5, MIB), MIB + 5),
    ],
    ids=[
        "gap",
        "first missing",
        "more than the file",
        "one byte too many",
        "too small to go on",
        "small part in the middle",
    ],
)
def test_parts_that_cannot_become_this_file_are_not_continued(parts: list[Part], size: int) -> None:
    assert plan_resume(size, parts).start is Start.ABORT_AND_RESTART


def test_a_dead_upload_id_begins_again() -> None:
    assert plan_resume(5, None).start is Start.FRESH


def test_same_part_wants_number_size_and_content() -> None:
    part = Part(1, 5, "AB", 7)
    assert same_part(part, Part(1, 5, "ab", None))
    assert not same_part(part, Part(2, 5, "AB", 7))
    assert not same_part(part, Part(1, 6, "AB", 7))
    assert not same_part(part, Part(1, 5, "AB", 8))
    assert not same_part(Part(1, 5, "AB"), Part(1, 5, ""))


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (errors.NoSpaceError("x"), True),
        (errors.OssError("x", status=400, code="InvalidDigest"), True),
        (errors.NetworkError("x"), False),
        (errors.RateLimitedError("x"), False),
        (errors.DriveProtocolError("x"), False),
        (errors.CallbackFailedError("x", status=203), False),
        (errors.OssError("x", status=502, retryable=True), False),
        (errors.FileChangedError("x"), False),
    ],
)
def test_only_a_clear_no_needs_no_look_at_the_drive(error: errors.Pan115Error, final: bool) -> None:
    """A doubt taken for a no would send a file twice; a no taken for a doubt keeps the user waiting for seconds."""
    assert is_final_no(error) is final


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (errors.PartAlreadyExistError("x"), Remedy.ASK),
        (errors.PartNotSequentialError("x"), Remedy.ASK),
        (errors.NetworkError("x"), Remedy.ASK),
        (errors.OssError("x", status=500, retryable=True), Remedy.ASK),
        (errors.OssError("x", status=400, code="InvalidPart"), Remedy.ASK),
        (errors.NoSuchUploadError("x"), Remedy.RESTART),
        (errors.ChecksumMismatchError("x"), Remedy.RESTART),
        (errors.OssError("x", status=400, code="InvalidDigest"), Remedy.GIVE_UP),
        (errors.FileChangedError("x"), Remedy.GIVE_UP),
        (errors.LoginError("x"), Remedy.GIVE_UP),
        (errors.AccountBlockedError("x"), Remedy.GIVE_UP),
    ],
)
def test_every_error_of_a_part_has_its_remedy(error: errors.Pan115Error, remedy: Remedy) -> None:
    assert remedy_for(error) is remedy
