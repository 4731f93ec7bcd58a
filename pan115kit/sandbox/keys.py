"""The keys that 115 and OSS share: temporary ones for clients, the one that signs forms, the one of the callback."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field

#: The bucket that 115 uploads to.
BUCKET = "fhnfile"


@dataclass(frozen=True, slots=True)
class StsKey:
    """Temporary keys as gettoken hands them out.

    Attributes:
        expires: Epoch seconds.
    """

    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class FormKey:
    """The lasting key with which 115 signs upload forms."""

    key_id: str
    secret: str = field(repr=False)

    def sign(self, policy: str) -> str:
        """The form's ``signature`` for a base64 policy: base64(HMAC-SHA1)."""
        return base64.b64encode(hmac.digest(self.secret.encode(), policy.encode(), "sha1")).decode()


@dataclass(frozen=True, slots=True)
class CallbackKey:
    """Signs what OSS posts to 115, so that 115 can tell it from a client's own words."""

    secret: str = field(repr=False)

    def sign(self, body: bytes) -> str:
        """The ``Authorization`` of a callback with this body."""
        return base64.b64encode(hmac.digest(self.secret.encode(), body, "sha256")).decode()

    def matches(self, body: bytes, authorization: str) -> bool:
        """Did OSS post that body?"""
        return hmac.compare_digest(self.sign(body).encode(), authorization.encode())
