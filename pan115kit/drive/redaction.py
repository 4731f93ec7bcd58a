"""Secrets cut out of what a server says, in whatever form it echoes them.  Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_MARK = "…"
# A shorter beginning of a secret gives nothing away.
_SHORTEST_CUT = 4
# A shorter piece of base64 or hex would be found by chance.
_SHORTEST_ENCODED = 6
_ENCODED = r"[A-Za-z0-9+/=_%-]*"


class Redactor:
    """Knows an account's secrets and cuts them out of texts.

    A server may quote what it was sent as it was, in other letter case, percent-encoded, in hex or in base64, and cut
    off anywhere.

    Args:
        secrets: To begin with.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._plain: set[str] = set()
        self._encoded: set[str] = set()
        self.add(*secrets)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._plain)}>"

    def add(self, *secrets: str) -> None:
        """Further secrets; empty ones are none."""
        for secret in secrets:
            if secret:
                self._plain.add(secret.lower())
                self._encoded.update(form.lower() for form in _encodings(secret))

    def redact(self, text: str) -> str:
        """``text`` with a mark in place of each secret, also of one that was cut off at its end."""
        for form in self._encoded:
            # with what stands around it in the same alphabet: the secret may be part of something encoded as a whole
            text = re.sub(_ENCODED + re.escape(form) + _ENCODED, _MARK, text, flags=re.IGNORECASE)
        for secret in self._plain:
            text = re.sub(re.escape(secret), _MARK, text, flags=re.IGNORECASE)
        for form, shortest in self._ends():
            text = _without_cut_end(text, form, shortest)
        return text

    def _ends(self) -> Iterator[tuple[str, int]]:
        yield from ((secret, _SHORTEST_CUT) for secret in self._plain)
        yield from ((form, _SHORTEST_ENCODED) for form in self._encoded)


def _encodings(secret: str) -> Iterator[str]:
    data = secret.encode()
    quoted = quote(secret, safe="")
    if quoted != secret:
        yield quoted
    yield data.hex()
    # base64 packs three bytes at once: where the secret begins in the packed text is one of three places
    for before in range(3):
        packed = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        # the first and last characters mix in bits of the neighbours
        inner = packed[(0, 2, 3)[before] : len(packed) - (1 if (before + len(data)) % 3 else 0)]
        if len(inner) >= _SHORTEST_ENCODED:
            yield inner
            if (urlsafe := inner.replace("+", "-").replace("/", "_")) != inner:
                yield urlsafe


def _without_cut_end(text: str, secret: str, shortest: int) -> str:
    lower = text.lower()
    if len(lower) != len(text):  # a letter whose lower case is longer: compare as it is
        lower = text
    for size in range(len(secret) - 1, shortest - 1, -1):
        if lower.endswith(secret[:size]):
            return text[:-size] + _MARK
    return text
