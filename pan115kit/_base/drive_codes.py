"""What 115's numbers and words mean, each once, as errors of the kit's tree (protocol.md §1.3, §7).  Pure.

Here, because two rooms read them: ``drive`` in 115's own answers, ``oss`` in the callback's reply that OSS relays.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from ..errors import (
    AccessTokenError,
    AccountBlockedError,
    ClientOutdatedError,
    DriveError,
    LoginError,
    NoSpaceError,
    RateLimitedError,
    TargetError,
    VerificationError,
)
from ..i18n import has_text, say

#: 115 wants the client to leave the refresh token alone for a while (40140117): seconds.
REFRESH_PAUSE = 30.0

_LONGEST_MESSAGE = 200


class Code(IntEnum):
    """The codes that some decision turns on; all others only have a meaning in :data:`RULES`."""

    #: A cookie's end; in the Open API only an access token's (protocol.md §1.3).
    LOGIN_ENDED = 99
    #: ``sig invalid``: also said when 115's own look-up was too slow (protocol.md §2.3).
    SIGNATURE_INVALID = 400
    FIREWALL = 405
    QUOTA = 406
    RANGE_REFUSED = 700
    RANGE_WANTED = 701
    RANGE_WRONG = 702
    VERIFY_ACCOUNT = 911
    OTHER_CONTENT = 10002
    FOLDER_EXISTS = 20004
    ACCESS_TOKEN_EXPIRED = 40140125
    TOO_LARGE_FOR_WEB = 50028
    CENSORED = 50038
    PARAMETER = 990002
    ORDER_REFUSED = 20130827
    QR_EXPIRED = 40199002


class Rule(NamedTuple):
    """What a code means.

    Attributes:
        kind: The error it is raised as.
        key: The catalogue's ``refusal.KEY`` is what happened, ``refusal.KEY.hint`` (if any) what to do.
        retryable: Overrides the kind's answer.
        retry_after: Seconds to wait before the next try.
    """

    kind: type[DriveError]
    key: str
    retryable: bool | None = None
    retry_after: float | None = None

    def error(self, code: int | str | None, server_message: str = "") -> DriveError:
        """The error, with 115's code and words (one line, cut to 200 characters)."""
        hint = f"refusal.{self.key}.hint"
        error = self.kind(
            say(f"refusal.{self.key}"),
            hint=say(hint) if has_text(hint) else "",
            code=code,
            server_message=" ".join(server_message.split())[:_LONGEST_MESSAGE],
            retryable=self.retryable,
        )
        error.retry_after = self.retry_after
        return error


LOGIN_ENDED = Rule(LoginError, "login_ended")
TOKEN_EXPIRED = Rule(AccessTokenError, "access_token_expired")
TOO_OFTEN = Rule(RateLimitedError, "too_often")
FIREWALL = Rule(AccountBlockedError, "firewall")
OUTDATED = Rule(ClientOutdatedError, "outdated")
UNKNOWN = Rule(DriveError, "unknown")
#: An answer that says yes and holds nothing, not even a count (protocol-drive.md D0.14).
THROTTLED = Rule(RateLimitedError, "throttled")
#: Asked for a link to a file that is gone, is a folder, or is not handed out: 115 just names none.
NO_LINK = Rule(DriveError, "no_link")

_REFRESH_TOKEN_ENDED = Rule(LoginError, "refresh_token_ended")
_APP_REQUEST = Rule(LoginError, "app_request")
_BUSY = Rule(RateLimitedError, "busy")
_QUOTA = Rule(AccountBlockedError, "quota")
_VERIFY = Rule(AccountBlockedError, "verify_account")
_PARAMETER = Rule(DriveError, "parameter")
_NO_FOLDER = Rule(TargetError, "no_folder")
_FOLDER_NAME = Rule(TargetError, "folder_name")
_NO_SPACE = Rule(NoSpaceError, "no_space")
_PROOF = Rule(VerificationError, "range_proof")
_OTHER_LOGIN = Rule(LoginError, "other_login")
_INTO_ITSELF = Rule(TargetError, "into_itself")
_TOO_MANY_ITEMS = Rule(DriveError, "too_many_items")
_GONE = Rule(DriveError, "entry_gone")

RULES: dict[int, Rule] = {
    2: Rule(TargetError, "folder_full"),
    Code.LOGIN_ENDED: LOGIN_ENDED,
    Code.QUOTA: _QUOTA,
    Code.RANGE_REFUSED: _PROOF,
    Code.RANGE_WRONG: _PROOF,
    Code.VERIFY_ACCOUNT: _VERIFY,
    1001: _PARAMETER,
    Code.OTHER_CONTENT: Rule(VerificationError, "other_content"),
    10014: Rule(TargetError, "folder_gone"),
    20001: _FOLDER_NAME,
    20002: _FOLDER_NAME,
    20003: _FOLDER_NAME,
    Code.FOLDER_EXISTS: Rule(TargetError, "folder_exists"),
    20009: Rule(TargetError, "no_parent"),
    20013: _NO_FOLDER,
    20018: _NO_FOLDER,
    31003: _GONE,
    50003: Rule(DriveError, "pick_code_unknown"),
    50015: _GONE,
    Code.TOO_LARGE_FOR_WEB: Rule(DriveError, "too_large_for_web"),
    Code.CENSORED: Rule(DriveError, "censored"),
    70004: Rule(DriveError, "upload_incomplete"),
    70005: _GONE,
    70008: _GONE,
    90008: _GONE,
    91002: _INTO_ITSELF,
    91004: _TOO_MANY_ITEMS,
    91005: _NO_SPACE,
    200900: _PARAMETER,
    231011: _GONE,
    430004: _NO_FOLDER,
    590075: TOO_OFTEN,
    770004: _QUOTA,
    800001: _NO_FOLDER,
    800006: _INTO_ITSELF,
    990001: LOGIN_ENDED,
    Code.PARAMETER: _PARAMETER,
    990003: Rule(DriveError, "passing", True),
    990005: _BUSY,
    990009: _BUSY,
    990019: _BUSY,
    990023: _TOO_MANY_ITEMS,
    40101004: Rule(LoginError, "abnormal_address"),
    40101009: Rule(LoginError, "password"),
    40101017: LOGIN_ENDED,
    40101032: LOGIN_ENDED,
    40101035: _OTHER_LOGIN,
    40101037: _OTHER_LOGIN,
    40110000: Rule(DriveError, "passing", True),
    40140108: Rule(LoginError, "app_not_approved"),
    40140109: Rule(LoginError, "app_disabled"),
    40140110: Rule(LoginError, "app_expired"),
    40140114: _REFRESH_TOKEN_ENDED,
    40140115: _REFRESH_TOKEN_ENDED,
    40140116: Rule(LoginError, "authorisation_withdrawn"),
    40140117: Rule(RateLimitedError, "renewed_too_often", True, REFRESH_PAUSE),
    40140118: Rule(LoginError, "developer_expired"),
    40140119: Rule(LoginError, "refresh_token_expired"),
    40140120: _REFRESH_TOKEN_ENDED,
    40140121: Rule(DriveError, "renewal_failed", True),
    40140122: Rule(LoginError, "too_many_apps"),
    40140123: TOKEN_EXPIRED,
    40140124: TOKEN_EXPIRED,
    Code.ACCESS_TOKEN_EXPIRED: TOKEN_EXPIRED,
    40140126: TOKEN_EXPIRED,
    Code.QR_EXPIRED: Rule(LoginError, "qr_expired"),
    # 40140100-113 and 127-136 are the app's own parameters (client_id, PKCE, authorisation code)
    **dict.fromkeys([*range(40140100, 40140108), *range(40140111, 40140114)], _APP_REQUEST),
    **dict.fromkeys(range(40140127, 40140137), _APP_REQUEST),
}

#: What these speak of is not (or no longer) there; 990002 is said of some ids too (protocol-drive.md D2, D4.3).
GONE = frozenset(code for code, rule in RULES.items() if rule in (_GONE, _NO_FOLDER)) | {10014, 20009}

#: ``statuscode`` of an upload's init, where it means something else than elsewhere (protocol.md §2.3).
INIT_RULES: dict[int, Rule] = {
    Code.SIGNATURE_INVALID: Rule(DriveError, "signature_invalid", True),
    402: Rule(DriveError, "upload_request"),
    403: OUTDATED,
}

#: Where no code helps, 115's words do: the same code means different things at different hosts (protocol.md §7).
WORDS: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("访问上限",), _QUOTA),
    (("请验证账号",), _VERIFY),
    (("请升级",), OUTDATED),
    (("频繁", "throttling", "too many", "rate limit"), TOO_OFTEN),
    (("繁忙", "稍后", "请重试", "timeout"), _BUSY),
    (("空间不足", "no space"), _NO_SPACE),
    (("重新登录", "请登录", "登录超时"), LOGIN_ENDED),
    (("目录不存在",), _NO_FOLDER),
)


def error_for_code(code: int | str | None, message: str = "") -> DriveError:
    """The error 115's code and words stand for.

    Args:
        code: As 115 sent it; a number written as text counts as the number.
        message: 115's own words.
    """
    number = as_int(code)
    rule = RULES.get(number or 0) or _rule_by_words(message) or UNKNOWN
    return rule.error(code if number is None else number, message)


def _rule_by_words(message: str) -> Rule | None:
    lower = message.lower()
    return next((rule for words, rule in WORDS if any(word in lower for word in words)), None)


def as_int(value: object) -> int | None:
    """``12`` and ``"12"`` as 12; anything else is None."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,25}\s*", value):
        return int(value)
    return None
