"""The encryption of download links ("m115"): RSA-1024 around a XOR with derived keys (protocol-drive.md D3.2).

115 answers with its *private* key: what it sends is read with the same public key that a request is encrypted for.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field

from ..errors import DriveProtocolError
from ..i18n import say

_TABLE = bytes.fromhex(
    "f0e569aebfdcbf8a1a45e8be7da673b8de8fe7c445da86c49b648b146ab4f1aa3801359e26692c86006b4fa5363462a62a966818f24afdbd"
    "6b978f4d8f8913b76c8e93ed0e0d483ed72f88d8fefe7e8650954fd1eb832634db667b9c7e9d7a8132eab633de3aa95934663baaba816048"
    "b9d5819cf86c8477ff5478265fbee81e369f34805c452c9b76d51b8fccc3b8f5"
)
_CLIENT_KEY = bytes.fromhex("7806ad4c33865d184c013f46")
#: Of 115's RSA key, and of a sandbox's.
EXPONENT = 65537
_SEED = 16
_BLOCK = 128
#: PKCS#1 v1.5 takes 11 bytes of a block.
_PLAIN_BLOCK = _BLOCK - 11


def derive(seed: bytes, size: int) -> bytes:
    """A key of 4 or 12 bytes from a seed of as many or more."""
    last = size - 1
    return bytes(((seed[i] + _TABLE[size * i]) & 0xFF) ^ _TABLE[size * (last - i)] for i in range(size))


def mix(data: bytes, key: bytes) -> bytes:
    """XOR with a key that begins again at each of its lengths, after the first ``len(data) % 4`` bytes."""
    head = len(data) % 4
    first = bytes(byte ^ key[i] for i, byte in enumerate(data[:head]))
    return first + bytes(byte ^ key[i % len(key)] for i, byte in enumerate(data[head:]))


def hide(plain: bytes, seed: bytes, key: bytes = _CLIENT_KEY) -> bytes:
    """What stands in a message after its seed: ``plain`` under the seed's key, reversed, under ``key``."""
    return mix(mix(plain, derive(seed, 4))[::-1], key)


def show(hidden: bytes, seed: bytes, key: bytes = _CLIENT_KEY) -> bytes:
    """What :func:`hide` hid with this ``key`` and seed."""
    return mix(mix(hidden, key)[::-1], derive(seed, 4))


@dataclass(frozen=True, slots=True)
class DownloadCipher:
    """One request and its answer.

    Attributes:
        modulus: Of the server's RSA key: 115's own, or a sandbox's.
        seed: 16 bytes, new for each request.
    """

    modulus: int
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(_SEED), repr=False)

    def encrypt(self, plain: bytes) -> str:
        """A request's ``data``."""
        message = self.seed + hide(plain, self.seed)
        blocks = (message[at : at + _PLAIN_BLOCK] for at in range(0, len(message), _PLAIN_BLOCK))
        return base64.b64encode(b"".join(self._power(_padded(block)) for block in blocks)).decode()

    def decrypt(self, text: str) -> bytes:
        """An answer's ``data``.

        Raises:
            DriveProtocolError: It is not for this request.
        """
        try:
            packed = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            packed = b""
        message = b"".join(self._unpadded(packed[at : at + _BLOCK]) for at in range(0, len(packed), _BLOCK))
        if len(packed) % _BLOCK or len(message) < _SEED:
            raise DriveProtocolError(say("drive.cipher.unreadable"), hint=say("drive.cipher.unreadable.hint"))
        return show(message[_SEED:], self.seed, derive(message[:_SEED], 12))

    def _unpadded(self, block: bytes) -> bytes:
        """Without its padding: all up to the first zero after the leading one."""
        plain = self._power(block)
        return plain[plain.find(b"\0", 1) + 1 :]

    def _power(self, block: bytes) -> bytes:
        number = pow(int.from_bytes(block, "big"), EXPONENT, self.modulus)
        return number.to_bytes(_BLOCK, "big")


def _padded(block: bytes) -> bytes:
    # 115 takes a constant filling; a random one is said to be refused at times.
    return b"\0\x02" + b"\x02" * (_BLOCK - 3 - len(block)) + b"\0" + block
