"""How Python's values look in SQLite: readable where they can be, whole where they cannot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pan115kit.models import FileIdentity
from pan115kit.store.codec import crc_from_sql, crc_to_sql, from_sql, identity_from_sql, identity_to_sql, to_sql


def test_a_text_is_readable_unless_it_cannot_be() -> None:
    """Whoever looks into the database with a tool of their own reads names, not blobs."""
    assert to_sql("影视") == "影视"
    assert to_sql("\udcff") == b"\xed\xb3\xbf"


@given(text=st.text(st.characters(codec=None, categories=None)))
def test_every_text_comes_back(text: str) -> None:
    assert from_sql(to_sql(text)) == text


def test_inodes_beyond_64_signed_bits_are_kept() -> None:
    """ZFS and ReFS have such numbers; SQLite's integers have not."""
    identity = FileIdentity(1, 2**64 - 1, 3, 4, 5)
    assert identity_to_sql(identity) == "1:18446744073709551615:3:4:5"
    assert identity_from_sql("1:18446744073709551615:3:4:5") == identity


def test_a_crc_is_sixteen_digits() -> None:
    assert crc_to_sql(0x995DC9BBDF1939FA) == "995DC9BBDF1939FA"
    assert crc_from_sql(crc_to_sql(7)) == 7
    assert crc_to_sql(None) is None
