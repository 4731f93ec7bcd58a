"""The cipher of download links, against the vectors of protocol-drive.md D3.2: 115 says nothing to a wrong byte."""

from __future__ import annotations

import base64

import pytest
from download_support import MODULUS, signed, unpacked
from hypothesis import given, settings
from hypothesis import strategies as st

from pan115kit.config import DOWNLOAD_MODULUS, download_modulus
from pan115kit.drive.download_cipher import DownloadCipher, derive, hide, mix, show
from pan115kit.errors import ConfigError, DriveProtocolError

ZERO, COUNTING = bytes(16), bytes(range(16))
PLAIN = b'{"pickcode":"abc123def456ghi78"}'


@pytest.mark.parametrize(
    ("seed", "size", "key"),
    [
        (ZERO, 4, "8da5a58d"),
        (ZERO, 12, "ac822114c15858c1142182ac"),
        (COUNTING, 4, "8ddaa370"),
        (COUNTING, 12, "ac81271bc54352d81c587497"),
    ],
)
def test_keys_are_derived_as_115s(seed: bytes, size: int, key: str) -> None:
    assert derive(seed, size).hex() == key


def test_a_request_is_hidden_as_115_expects() -> None:
    hidden = COUNTING + hide(PLAIN, COUNTING)
    assert hidden.hex() == (
        "000102030405060708090a0b0c0d0e0f75874ff62a4de0a3099683ae6c9645f02047e6b7068080af67c61ca22a55a5ee"
    )


def test_a_request_is_encrypted_for_115s_key() -> None:
    """Byte for byte as the reference makes it with a seed of zeros."""
    assert DownloadCipher(DOWNLOAD_MODULUS, ZERO).encrypt(PLAIN) == (
        "CJVSaPFzHCswXy4SYroT1265nXFpMsi2mWixXvE5+vhkhbJ6nS4DlcCfP3Yhmt2Vlq7kKXUuLjNwd/tqbln3ZjoAorm0PQOfM7N8vJ76"
        "e9SY8v+Nr8MhTAOe7ZAeNQ+vDQcjpcBX0iod8frqxmtP0X7AKlRnuzrDKe9odSFo/HY="
    )


def test_an_answer_is_read() -> None:
    """The vector of the page, packed as 115 does: with the private key, in blocks whose filling has no zero."""
    message = bytes.fromhex("000102030405060708090a0b0c0d0e0f5c59a0402eb89c2da39613ceb0bd5b472ef9846ad7d52e")
    assert DownloadCipher(MODULUS, ZERO).decrypt(signed(message)) == b'{"1":{"file_name":"a"}}'


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.binary(max_size=400))
def test_what_was_packed_is_unpacked(seed: bytes, theirs: bytes, plain: bytes) -> None:
    """Names and addresses are of any length."""
    cipher = DownloadCipher(MODULUS, seed)
    answer = theirs + mix(mix(plain, derive(seed, 4))[::-1], derive(theirs, 12))
    assert cipher.decrypt(signed(answer)) == plain
    packed = base64.b64decode(cipher.encrypt(plain))
    opened = b"".join(unpacked(packed[at : at + 128]) for at in range(0, len(packed), 128))
    assert opened[:16] == seed
    assert show(opened[16:], seed, bytes.fromhex("7806ad4c33865d184c013f46")) == plain


@pytest.mark.parametrize("rubbish", ["", "?", "YWJj", base64.b64encode(bytes(8)).decode()])
def test_rubbish_is_an_error_of_the_kit(rubbish: str) -> None:
    """Instead of an IndexError in the middle of reading a file."""
    with pytest.raises(DriveProtocolError):
        DownloadCipher(MODULUS, ZERO).decrypt(rubbish)


def test_the_modulus_can_be_a_sandboxs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local server cannot have 115's private key."""
    monkeypatch.delenv("PAN115_RSA_MODULUS", raising=False)
    assert download_modulus() == DOWNLOAD_MODULUS
    monkeypatch.setenv("PAN115_RSA_MODULUS", f"{MODULUS:x}")
    assert download_modulus() == MODULUS
    for wrong in ("xyz", "ff"):
        monkeypatch.setenv("PAN115_RSA_MODULUS", wrong)
        with pytest.raises(ConfigError, match="256 hex digits"):
            download_modulus()


def test_a_seed_is_new_each_time_and_not_shown() -> None:
    assert DownloadCipher(MODULUS).seed != DownloadCipher(MODULUS).seed
    assert "seed" not in repr(DownloadCipher(MODULUS))
