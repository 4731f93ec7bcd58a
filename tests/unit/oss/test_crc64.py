"""CRC-64: a wrong one would either let damage through or refuse every good upload."""

from __future__ import annotations

from fastcrc.crc64 import xz
from hypothesis import given
from hypothesis import strategies as st

from pan115kit.models import Part
from pan115kit.oss.bucket import combined_crc
from pan115kit.oss.crc64 import crc64, crc64_combine


def test_it_is_the_crc_that_oss_computes() -> None:
    """OSS's crc64ecma is CRC-64/XZ, with this published check value."""
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA
    assert crc64(b"") == 0


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_two_pieces_combine_to_the_crc_of_both(first: bytes, second: bytes) -> None:
    """Else every Complete would end in a checksum error."""
    assert crc64_combine(crc64(first), crc64(second), len(second)) == xz(first + second)


@given(st.binary(max_size=500), st.binary(max_size=500))
def test_a_crc_goes_on_over_any_bytes_like_object(first: bytes, second: bytes) -> None:
    """Bodies pass in memoryviews; a part's CRC must not depend on how it was cut."""
    assert crc64(memoryview(second), crc64(bytearray(first))) == xz(first + second)


@given(
    first=st.integers(0, 2**64 - 1),
    second=st.integers(0, 2**64 - 1),
    third=st.integers(0, 2**64 - 1),
    sizes=st.tuples(st.integers(0, 5 << 30), st.integers(0, 5 << 30)),
)
def test_combining_is_associative_for_parts_of_any_size(
    first: int, second: int, third: int, sizes: tuple[int, int]
) -> None:
    """Parts of up to 5 GiB cannot be tried out; the law that makes folding over them right can."""
    left = crc64_combine(crc64_combine(first, second, sizes[0]), third, sizes[1])
    right = crc64_combine(first, crc64_combine(second, third, sizes[1]), sum(sizes))
    assert left == right


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_an_object_has_the_crc_of_its_parts_in_order(pieces: list[bytes]) -> None:
    """Whatever order the parts are listed in."""
    parts = [Part(number, len(piece), "", crc64(piece)) for number, piece in enumerate(pieces, 1)]
    assert combined_crc(parts[::-1]) == xz(b"".join(pieces))


def test_an_unknown_part_makes_the_whole_unknown() -> None:
    """A guess here would refuse a good file."""
    assert combined_crc([Part(1, 5, "", 7), Part(2, 5, "", None)]) is None
