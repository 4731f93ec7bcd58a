"""The encryption of initupload 4.0: P-224 ECDH, AES-128-CBC, LZ4 block frames, ``k_ec``, ``sig``, ``token``.

Both ends are here: :class:`ClientCipher` talks to 115, :class:`ServerCipher` is 115's part, for the sandbox.
Every constant and layout is from protocol.md §2.3 and §2.4.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import zlib
from dataclasses import dataclass, field

import lz4.block
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ..errors import ConfigError, DriveProtocolError
from ..i18n import say

#: The constant client key of p115client, and the key and IV that belong to it: no ECDH there (protocol.md §2.4).
FIXED_PUBLIC_KEY = bytes.fromhex("1d030e80a178dceececda377de128d8ed9ddcf55ae61ed46ea121a1cfc81")
FIXED_KEY = bytes.fromhex("fb1a19d652f5aaf7bc651d0f69bf422f")
FIXED_IV = bytes.fromhex("69bf422f49960550a0ad44ec3446cb4c")

#: A reply's frame carries at most this many bytes of plain text.
FRAME_PLAIN_LIMIT = 0x2000

_TOKEN_SALT = "Qclm8MGWUv59TnrR0XPg"
_CRC_SALT = b"^j>WD3Kr?J2gLFjD4W2y@"
_BLOCK = 16
_CURVE = ec.SECP224R1
_COORDINATE = 28
_K_EC_SIZE = 48
_PUBLIC_KEY_LENGTH_MARK = 0x1D


def make_signature(user_id: str, user_key: str, fileid: str, target: str) -> str:
    """The form's ``sig`` (protocol.md §2.3).

    Args:
        user_id: Decimal user id.
        user_key: uploadinfo's ``userkey``.
        fileid: SHA-1 of the file, upper-case hex.
        target: ``U_1_<folder id>``.
    """
    inner = hashlib.sha1(f"{user_id}{fileid}{target}0".encode()).hexdigest()
    return hashlib.sha1(f"{user_key}{inner}000000".encode()).hexdigest().upper()


def make_token(
    fileid: str, filesize: int, sign_key: str, sign_val: str, user_id: str, t: int, app_version: str
) -> str:
    """The form's ``token`` (protocol.md §2.3).

    Args:
        fileid: SHA-1 of the file, upper-case hex.
        filesize: Bytes.
        sign_key: The second check's key, empty on the first call.
        sign_val: The second check's SHA-1, empty on the first call.
        user_id: Decimal user id.
        t: The same ``t`` as in the form and in ``k_ec`` (epoch seconds here).
        app_version: The same ``appversion`` as in the form.
    """
    user_hash = hashlib.md5(user_id.encode()).hexdigest()
    text = f"{_TOKEN_SALT}{fileid}{filesize}{sign_key}{sign_val}{user_id}{t}{user_hash}{app_version}"
    return hashlib.md5(text.encode()).hexdigest()


def encode_k_ec(public_key30: bytes, t: int, r1: int, r2: int) -> str:
    """The query parameter ``k_ec``: the client's public key and the time, masked (protocol.md §2.4).

    Args:
        public_key30: ``0x1D``, ``0x02``/``0x03``, then X: 30 bytes.
        t: The form's ``t``; its low 32 bits are sent.
        r1: Mask of the first half, 0-255.
        r2: Mask of the second half, 0-255.

    Raises:
        ValueError: The key is not 30 bytes or a mask not a byte.
    """
    if len(public_key30) != 30:
        raise ValueError(f"a client public key is 30 bytes, not {len(public_key30)}")
    first = public_key30[:15] + b"\x00\x73\x00\x00\x00" + (t & 0xFFFFFFFF).to_bytes(4, "little")
    second = public_key30[15:] + b"\x00\x01\x00\x00\x00"
    body = bytes(b ^ r1 for b in first) + bytes(b ^ r2 for b in second)
    return base64.b64encode(body + _checksum(body)).decode()


def decode_k_ec(k_ec: str) -> tuple[bytes, int]:
    """The 30-byte public key and ``t`` of a ``k_ec``.

    Raises:
        ValueError: It is not base64 of 48 bytes, or its CRC-32 or marks are wrong.
    """
    try:
        raw = base64.b64decode(k_ec, validate=True)
    except binascii.Error:
        raise ValueError("k_ec is not base64") from None
    if len(raw) != _K_EC_SIZE:
        raise ValueError(f"k_ec is {len(raw)} bytes, not {_K_EC_SIZE}")
    body = raw[:44]
    if raw[44:] != _checksum(body):
        raise ValueError("the CRC-32 of k_ec is wrong")
    first = bytes(b ^ raw[15] for b in body[:24])
    second = bytes(b ^ raw[39] for b in body[24:])
    if first[16:20] != b"\x73\x00\x00\x00" or second[16:20] != b"\x01\x00\x00\x00":
        raise ValueError("k_ec lacks its marks")
    return first[:15] + second[:15], int.from_bytes(first[20:24], "little")


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(_CRC_SALT + body).to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class Channel:
    """The AES half: one key and IV, used for requests and for replies."""

    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)

    @classmethod
    def from_secret(cls, secret: bytes) -> Channel:
        """Key and IV are the first and the last 16 bytes of the ECDH secret (28 bytes)."""
        return cls(secret[:_BLOCK], secret[-_BLOCK:])

    def encrypt_request(self, plain: bytes) -> bytes:
        """AES-128-CBC with PKCS#7."""
        count = _BLOCK - len(plain) % _BLOCK
        return self._encrypt(plain + bytes([count]) * count)

    def decrypt_request(self, body: bytes) -> bytes:
        """The form of a request, padded or not: p115client pads only where it must (protocol.md §2.4).

        Raises:
            ValueError: ``body`` is empty or not whole blocks.
        """
        if not body or len(body) % _BLOCK:
            raise ValueError(f"an encrypted request is whole 16-byte blocks, not {len(body)} bytes")
        plain = self._decrypt(body)
        count = plain[-1]
        # A urlencoded form never ends in a control character, so this is no guess.
        padded = 1 <= count <= _BLOCK and plain.endswith(bytes([count]) * count)
        return plain[:-count] if padded else plain

    def encrypt_reply(self, data: bytes) -> bytes:
        """LZ4 block frames of at most 8192 plain bytes each, zero-padded to 16, encrypted without PKCS#7."""
        frames = bytearray()
        for start in range(0, len(data), FRAME_PLAIN_LIMIT):
            block = lz4.block.compress(data[start : start + FRAME_PLAIN_LIMIT], store_size=False)
            frames += len(block).to_bytes(2, "little") + block
        frames += bytes(-len(frames) % _BLOCK)
        return self._encrypt(bytes(frames))

    def decrypt_reply(self, body: bytes) -> bytes:
        """All frames of a reply, joined.

        Raises:
            DriveProtocolError: A frame is cut or not LZ4.
        """
        text = self._decrypt(body[: len(body) // _BLOCK * _BLOCK])
        plain = bytearray()
        offset = 0
        while offset + 2 <= len(text):
            size = int.from_bytes(text[offset : offset + 2], "little")
            if size == 0:
                break
            block = text[offset + 2 : offset + 2 + size]
            if len(block) < size:
                raise _unreadable()
            try:
                plain += lz4.block.decompress(block, uncompressed_size=FRAME_PLAIN_LIMIT)
            except lz4.block.LZ4BlockError:
                raise _unreadable() from None
            offset += 2 + size
        if not plain:
            raise _unreadable()
        return bytes(plain)

    def _encrypt(self, plain: bytes) -> bytes:
        encryptor = Cipher(AES(self.key), CBC(self.iv)).encryptor()
        return encryptor.update(plain) + encryptor.finalize()

    def _decrypt(self, body: bytes) -> bytes:
        decryptor = Cipher(AES(self.key), CBC(self.iv)).decryptor()
        return decryptor.update(body) + decryptor.finalize()


def _unreadable() -> DriveProtocolError:
    return DriveProtocolError(say("drive.cipher.unreadable"), hint=say("drive.cipher.unreadable.hint"))


def _compressed(key: ec.EllipticCurvePublicKey) -> bytes:
    numbers = key.public_numbers()
    return bytes([_PUBLIC_KEY_LENGTH_MARK, 2 + (numbers.y & 1)]) + numbers.x.to_bytes(_COORDINATE, "big")


class ClientCipher:
    """Our end: a random key pair, and the channel to whoever holds the server's private key.

    Args:
        server_public_key: X‖Y on P-224, 56 bytes: 115's own or a sandbox's.

    Raises:
        ConfigError: That is not a point of the curve.
    """

    def __init__(self, server_public_key: bytes) -> None:
        try:
            server = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE(), b"\x04" + server_public_key)
        except ValueError:
            raise ConfigError(say("drive.cipher.bad_key"), hint=say("drive.cipher.bad_key.hint")) from None
        private = ec.generate_private_key(_CURVE())
        self._public30 = _compressed(private.public_key())
        self._channel = Channel.from_secret(private.exchange(ec.ECDH(), server))

    def k_ec(self, t: int) -> str:
        """The query parameter for a request with this ``t``; the masks are new each time."""
        return encode_k_ec(self._public30, t, secrets.randbelow(256), secrets.randbelow(256))

    def encrypt(self, plain: bytes) -> bytes:
        """A request's body."""
        return self._channel.encrypt_request(plain)

    def decrypt(self, body: bytes) -> bytes:
        """A reply's plain text, all frames.

        Raises:
            DriveProtocolError: It was not encrypted for us, or is cut.
        """
        return self._channel.decrypt_reply(body)


class ServerCipher:
    """115's end, for the sandbox.

    Args:
        private_number: The private key, for a fixed key pair; random if None.
    """

    def __init__(self, private_number: int | None = None) -> None:
        if private_number is None:
            self._private = ec.generate_private_key(_CURVE())
        else:
            self._private = ec.derive_private_key(private_number, _CURVE())
        numbers = self._private.public_key().public_numbers()
        #: X‖Y, 56 bytes: what a client must be given.
        self.public_key: bytes = numbers.x.to_bytes(_COORDINATE, "big") + numbers.y.to_bytes(_COORDINATE, "big")

    def open_request(self, k_ec: str) -> Channel:
        """The channel of the client that sent ``k_ec``; knows p115client's constant key.

        Raises:
            ValueError: ``k_ec`` is malformed or its key is not a point of the curve.
        """
        public30, _ = decode_k_ec(k_ec)
        if public30 == FIXED_PUBLIC_KEY:
            return Channel(FIXED_KEY, FIXED_IV)
        if public30[0] != _PUBLIC_KEY_LENGTH_MARK:
            raise ValueError("k_ec carries no 29-byte public key")
        client = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE(), public30[1:])
        return Channel.from_secret(self._private.exchange(ec.ECDH(), client))
