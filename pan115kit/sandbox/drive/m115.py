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

from ...drive.download_cipher import EXPONENT, derive, hide, show

_KEY_SIZE = 16
_BLOCK = 128
_PLAIN_BLOCK = 117


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
        return show(hidden, key), key

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
    return key + hide(plain, client_key, derive(key, 12))
