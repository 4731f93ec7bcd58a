"""115's cookie, as a login gives it or a user pastes it."""

from __future__ import annotations

import re

from ...errors import CredentialsError
from ...i18n import say

_NEEDED = ("UID", "CID", "SEID")
_KNOWN = (*_NEEDED, "KID")
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")


def parse_cookie(cookie: str) -> dict[str, str]:
    """UID, CID, SEID and, where there, KID of a pasted cookie; anything else in it is left out.

    Args:
        cookie: ``UID=…; CID=…; SEID=…; KID=…``, also with ``Cookie:`` before it or over several lines.

    Raises:
        CredentialsError: Says which name is missing or malformed, never a value.
    """
    text = re.sub(r"^\s*cookie\s*:", "", cookie.strip().strip("\"'"), flags=re.IGNORECASE)
    pairs = (pair.partition("=") for pair in re.split(r"[;\r\n]", text))
    found = {name.strip().upper(): value.strip() for name, _, value in pairs}
    missing = [name for name in _NEEDED if not found.get(name)]
    if missing:
        raise CredentialsError(
            say("drive.cookie.lacks", names=", ".join(missing)), hint=say("drive.cookie.lacks.hint")
        )
    values = {name: found[name] for name in _KNOWN if found.get(name)}
    bad = [name for name, value in values.items() if not _COOKIE_VALUE.fullmatch(value)]
    if bad:
        raise CredentialsError(say("drive.cookie.characters", names=", ".join(bad)), hint=say("drive.copy_again"))
    if not re.match(r"\d+(_|$)", values["UID"]):
        raise CredentialsError(say("drive.cookie.user_id"), hint=say("drive.copy_again"))
    return values
