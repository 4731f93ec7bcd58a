"""The "m115" cipher of the download calls, 115's end of it (protocol-drive.md D3.2).

115 "encrypts" its replies with its private key, which nobody has: a sandbox has a key pair of its own, and clients
are given its modulus.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa

EXPONENT = 65537

_KEY_SIZE = 16
_BLOCK = 128
_PLAIN_BLOCK = 117
_TABLE = bytes.fromhex(
    "f0e569aebfdcbf8a1a45e8be7da673b8de8fe7c445da86c49b648b146ab4f1aa3801359e26692c86006b4fa5363462a62a966818f24afdbd"
    "6b978f4d8f8913b76c8e93ed0e0d483ed72f88d8fefe7e8650954fd1eb832634db667b9c7e9d7a8132eab633de3aa95934663baaba816048"
    "b9d5819cf86c8477ff5478265fbee81e369f34805c452c9b76d51b8fccc3b8f5"
)
_CLIENT_KEY = bytes.fromhex("7806ad4c33865d184c013f46")


def derive(seed: bytes, size: int) -> bytes:
    """A mixing key of 4 or 12 bytes."""
    return bytes(((seed[i] + _TABLE[size * i]) & 255) ^ _TABLE[size * (size - 1 - i)] for i in range(size))


def mix(data: bytes, key: bytes) -> bytes:
    """XOR: the first ``len(data) % 4`` bytes with the key's start, the rest in blocks that each begin with it."""
    head = len(data) % 4
    return bytes(b ^ key[i if i < head else (i - head) % len(key)] for i, b in enumerate(data))


def scramble(plain: bytes, first: bytes, second: bytes) -> bytes:
    """Both directions' way to hide a text: mix, reverse, mix."""
    return mix(mix(plain, first)[::-1], second)


@dataclass(frozen=True, slots=True)
class M115Key:
    """A sandbox's RSA key pair.

    Attributes:
        modulus: N, which clients use in place of 115's own.
    """

    modulus: int
    private_exponent: int = field(repr=False)

    @classmethod
    def generate(cls) -> M115Key:
        """A new pair of 1024 bits, as 115's."""
        numbers = rsa.generate_private_key(EXPONENT, _BLOCK * 8).private_numbers()
        return cls(numbers.public_numbers.n, numbers.d)

    def open_request(self, data: str) -> tuple[bytes, bytes]:
        """A request's plain text, and the client's key for the reply.

        Args:
            data: The form's ``data``: base64.

        Raises:
            ValueError: It was not made for this key.
        """
        try:
            body = base64.b64decode(data.replace(" ", "+"), validate=True)
        except binascii.Error:
            raise ValueError("not base64") from None
        if not body or len(body) % _BLOCK:
            raise ValueError("not whole blocks")
        buffer = b"".join(
            self._unpad(pow(int.from_bytes(body[i : i + _BLOCK], "big"), self.private_exponent, self.modulus))
            for i in range(0, len(body), _BLOCK)
        )
        key, hidden = buffer[:_KEY_SIZE], buffer[_KEY_SIZE:]
        if len(key) < _KEY_SIZE:
            raise ValueError("too short")
        return scramble(hidden, _CLIENT_KEY, derive(key, 4)), key

    @staticmethod
    def _unpad(number: int) -> bytes:
        block = number.to_bytes(_BLOCK, "big")
        end = block.find(b"\x00", 2)
        if block[:2] != b"\x00\x02" or end < 10:
            raise ValueError("not for this key")
        return block[end + 1 :]

    def make_reply(self, plain: bytes, client_key: bytes) -> str:
        """The reply's ``data``."""
        key = secrets.token_bytes(_KEY_SIZE)
        buffer = reply_buffer(plain, key, client_key)
        blocks = [buffer[i : i + _PLAIN_BLOCK] for i in range(0, len(buffer), _PLAIN_BLOCK)]
        return base64.b64encode(b"".join(self._encrypt(block) for block in blocks)).decode()

    def _encrypt(self, block: bytes) -> bytes:
        padding = bytes(1 + secrets.randbelow(255) for _ in range(_BLOCK - 3 - len(block)))
        number = int.from_bytes(b"\x00\x02" + padding + b"\x00" + block, "big")
        return pow(number, self.private_exponent, self.modulus).to_bytes(_BLOCK, "big")


def reply_buffer(plain: bytes, key: bytes, client_key: bytes) -> bytes:
    """What of a reply goes into RSA: the server's key and the hidden text."""
    return key + scramble(plain, derive(client_key, 4), derive(key, 12))
