"""initupload's encryption: if any of this is off by one bit, 115 answers "please upgrade" to every upload."""

from __future__ import annotations

import base64
import hashlib

import lz4.block
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from pan115kit.config import SERVER_PUBLIC_KEY
from pan115kit.drive.cipher import (
    FIXED_IV,
    FIXED_KEY,
    FIXED_PUBLIC_KEY,
    FRAME_PLAIN_LIMIT,
    Channel,
    ClientCipher,
    ServerCipher,
    _compressed,
    decode_k_ec,
    encode_k_ec,
    make_signature,
    make_token,
)
from pan115kit.errors import ConfigError, DriveProtocolError

# The vectors of protocol §2.4.
USER_ID = "100000001"
USER_KEY = "0123456789abcdef0123456789abcdef01234567"
FILEID = "090AB50BA0472161E944BB2F5709F7C8D134576F"
TARGET = "U_1_0"
T = 1_700_000_000
VERSION = "36.2.28"
FIXED = Channel(FIXED_KEY, FIXED_IV)
REPLY = b'{"status":2,"statuscode":0,"pickcode":"abc"}'
REPLY_BODY = bytes.fromhex(
    "1a08c30f5ba58fd0257045de5d02484dc92674b542e64e7cc6053202feea3f4c1142f3e76a1bc9f87bd179b802a91538"
)

SERVER = ServerCipher(0x115_115_115)
CLIENT = ClientCipher(SERVER.public_key)
forms = st.text("abcdefghijklmnopqrstuvwxyz0123456789=&%+", min_size=1, max_size=400).map(str.encode)
bytes_values = st.integers(0, 255)


def test_fileid_of_the_vectors_is_the_sha1_of_the_content() -> None:
    """The vectors belong together."""
    assert hashlib.sha1(b"hello 115").hexdigest().upper() == FILEID


def test_signature_vector() -> None:
    """A wrong sig is 'sig invalid' for every file."""
    assert make_signature(USER_ID, USER_KEY, FILEID, TARGET) == "61B7BC11342225248B910DE1EC946B389705F0F7"


def test_token_vectors() -> None:
    """A wrong token is refused, on the first call or only after the second check."""
    assert make_token(FILEID, 9, "", "", USER_ID, T, VERSION) == "1e37975696548dc9ed6044244e6970dc"
    assert make_token(FILEID, 9, "ABC", "DEF", USER_ID, T, VERSION) == "dd2751d90dce1dfc4e47a7d3d29ec798"


def test_k_ec_vectors() -> None:
    """A wrong k_ec leaves 115 without our public key."""
    plain = "HQMOgKF43O7OzaN33hKNAHMAAAAA8VNljtndz1WuYe1G6hIaHPyBAAEAAACWHoRq"
    masked = "R1lU2vsihrSUl/kthEjXWilaWlpaqwk/TRoeDJZtoi6FKdHZ3z9Cw8LDw8OA/GwB"
    assert encode_k_ec(FIXED_PUBLIC_KEY, T, 0, 0) == plain
    assert encode_k_ec(FIXED_PUBLIC_KEY, T, 0x5A, 0xC3) == masked
    assert decode_k_ec(plain) == decode_k_ec(masked) == (FIXED_PUBLIC_KEY, T)


def test_aes_vectors() -> None:
    """Requests as the real server decrypts them, with and without PKCS#7."""
    assert FIXED.encrypt_request(b"a=1&b=2").hex() == "17af4f95c1e7ebd16e913a207cce773c"
    unpadded = bytes.fromhex("9ffc4333351194126766d96259fba76a")
    assert FIXED.decrypt_request(unpadded) == b"0123456789abcdef"


def test_reply_vector() -> None:
    """A real-shaped reply: frames, zero padding, and bytes after the last whole block are ignored."""
    assert FIXED.decrypt_reply(REPLY_BODY) == REPLY
    assert FIXED.decrypt_reply(REPLY_BODY + b"tail") == REPLY


def test_the_constant_key_pair_belongs_to_115s_key_and_is_recognised() -> None:
    """p115client uploads to a sandbox only if its constant key is known there."""
    assert FIXED_KEY[12:] == FIXED_IV[:4]
    channel = SERVER.open_request(encode_k_ec(FIXED_PUBLIC_KEY, T, 3, 9))
    assert (channel.key, channel.iv) == (FIXED_KEY, FIXED_IV)


def test_115s_own_key_is_a_point_and_others_are_refused() -> None:
    """A mistyped key is told before anything is sent."""
    ClientCipher(SERVER_PUBLIC_KEY)
    for wrong in (b"", bytes(56), SERVER_PUBLIC_KEY[:-1], SERVER_PUBLIC_KEY[:-1] + b"\x00"):
        with pytest.raises(ConfigError, match="P-224"):
            ClientCipher(wrong)


def test_two_clients_have_two_keys() -> None:
    """A key shared by all users would let anyone read the cookie-route traffic."""
    assert decode_k_ec(CLIENT.k_ec(T))[0] != decode_k_ec(ClientCipher(SERVER.public_key).k_ec(T))[0]


@given(public=st.binary(min_size=30, max_size=30), t=st.integers(0, 2**48), r1=bytes_values, r2=bytes_values)
def test_k_ec_round_trip(public: bytes, t: int, r1: int, r2: int) -> None:
    """Any key, time (also milliseconds: low 32 bits) and mask is read back."""
    assert decode_k_ec(encode_k_ec(public, t, r1, r2)) == (public, t & 0xFFFFFFFF)


@given(position=st.integers(0, 47), flip=st.integers(1, 255))
def test_a_changed_byte_of_k_ec_is_noticed(position: int, flip: int) -> None:
    """A damaged k_ec is refused, not decrypted to rubbish."""
    raw = bytearray(base64.b64decode(encode_k_ec(FIXED_PUBLIC_KEY, T, 0x5A, 0xC3)))
    raw[position] ^= flip
    with pytest.raises(ValueError, match="CRC"):
        decode_k_ec(base64.b64encode(raw).decode())


@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(bytes(47)).decode()])
def test_malformed_k_ec_is_refused(text: str) -> None:
    """Anything but base64 of 48 bytes."""
    with pytest.raises(ValueError, match="k_ec"):
        decode_k_ec(text)


def test_k_ec_needs_a_whole_public_key() -> None:
    """A key of another length would shift every field."""
    with pytest.raises(ValueError, match="30 bytes"):
        encode_k_ec(bytes(29), T, 0, 0)


@given(form=forms)
def test_request_round_trip_through_ecdh(form: bytes) -> None:
    """What the client encrypts the server reads, with keys agreed over k_ec."""
    assert SERVER.open_request(CLIENT.k_ec(T)).decrypt_request(CLIENT.encrypt(form)) == form


@given(number=st.integers(2, 2**200))
def test_the_clients_key_is_sent_as_a_compressed_point(number: int) -> None:
    """The mark tells Y's parity: half of all processes have an odd one, and 115 must find the same point."""
    key = ec.derive_private_key(number, ec.SECP224R1()).public_key()
    compressed = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert _compressed(key) == b"\x1d" + compressed


@given(data=st.binary(min_size=1, max_size=3 * FRAME_PLAIN_LIMIT))
def test_reply_round_trip_over_frames(data: bytes) -> None:
    """Replies of any size and compressibility come back whole."""
    body = FIXED.encrypt_reply(data)
    assert len(body) % 16 == 0
    assert FIXED.decrypt_reply(body) == data


def test_a_long_reply_goes_in_frames_of_8192() -> None:
    """Other clients allocate 8192 bytes per frame."""
    data = b"0123456789abcdef" * 2048
    text = FIXED._decrypt(FIXED.encrypt_reply(data))
    size = int.from_bytes(text[:2], "little")
    assert lz4.block.decompress(text[2 : 2 + size], uncompressed_size=FRAME_PLAIN_LIMIT) == data[:8192]


@pytest.mark.parametrize("body", [b"", b"short", bytes(16), b"<html>" * 40, REPLY_BODY[:16], REPLY_BODY[16:]])
def test_an_unreadable_reply_is_a_protocol_error(body: bytes) -> None:
    """HTML, another key or a cut body ends in a clear error, not in JSON of rubbish."""
    with pytest.raises(DriveProtocolError):
        ClientCipher(SERVER.public_key).decrypt(body)


@pytest.mark.parametrize("body", [b"", b"fifteen bytes!!", bytes(17)])
def test_a_request_of_broken_blocks_is_refused(body: bytes) -> None:
    """The sandbox answers 'sig invalid' instead of crashing."""
    with pytest.raises(ValueError, match="16-byte"):
        FIXED.decrypt_request(body)


def test_no_key_is_shown() -> None:
    """A traceback with locals shows no key."""
    for shown in (repr(FIXED), repr(CLIENT), repr(SERVER)):
        assert FIXED_KEY.hex() not in shown
        assert str(FIXED_KEY) not in shown
