"""115's side of the encrypted download link, with a key of the tests' own."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import rsa

_NUMBERS = rsa.generate_private_key(65537, 1024).private_numbers()
MODULUS, PRIVATE = _NUMBERS.public_numbers.n, _NUMBERS.d


def signed(message: bytes) -> str:
    """An answer: in blocks under the private key, whose filling has no zero."""
    blocks = []
    for at in range(0, len(message), 117):
        part = message[at : at + 117]
        padded = b"\0\x02" + b"\xa7" * (125 - len(part)) + b"\0" + part
        blocks.append(pow(int.from_bytes(padded, "big"), PRIVATE, MODULUS).to_bytes(128, "big"))
    return base64.b64encode(b"".join(blocks)).decode()


def unpacked(block: bytes) -> bytes:
    """A block of a request as the holder of the private key reads it."""
    plain = pow(int.from_bytes(block, "big"), PRIVATE, MODULUS).to_bytes(128, "big")
    assert plain[:2] == b"\0\x02"
    return plain[2:].partition(b"\0")[2]
