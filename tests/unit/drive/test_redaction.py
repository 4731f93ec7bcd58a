"""Secrets that a server echoes: in whatever form it does, a shared notebook does not show them."""

from __future__ import annotations

import base64
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit.drive.redaction import Redactor

UID, SEID = "100000001_A1_1700000000", "77cc00dd11ee22ff/+x="
COOKIE = f"UID={UID}; CID=5e2c81f0aa; SEID={SEID}"
REDACTOR = Redactor([UID, SEID, "5e2c81f0aa", ""])


@pytest.mark.parametrize(
    "echo",
    [
        COOKIE,
        COOKIE.upper(),
        COOKIE.lower(),
        COOKIE.encode().hex(),
        COOKIE.encode().hex().upper(),
        quote(COOKIE, safe=""),
        *(base64.b64encode(f"{'x' * n}{COOKIE}{'y' * n}".encode()).decode() for n in range(6)),
        *(base64.urlsafe_b64encode(f"{'x' * n}{SEID}".encode()).decode() for n in range(3)),
    ],
)
def test_an_echo_is_cut_out_in_every_form(echo: str) -> None:
    """115's firewall and proxies quote what they were sent; issue reports are public."""
    shown = REDACTOR.redact(f"no: {echo} (refused)")
    assert shown.startswith("no: ")
    assert shown.endswith(" (refused)")
    assert_none_of(shown)


@pytest.mark.parametrize("form", [COOKIE, COOKIE.upper(), base64.b64encode(COOKIE.encode()).decode()])
def test_an_echo_that_is_cut_off_anywhere_shows_no_beginning(form: str) -> None:
    """Long words of a server are cut to a line."""
    for size in range(len(form)):
        assert_none_of(REDACTOR.redact(form[:size]))


def assert_none_of(shown: str) -> None:
    low = shown.lower()
    for secret in (UID, SEID, "5e2c81f0aa"):
        assert secret[:6].lower() not in low
        assert secret.encode().hex()[:12] not in low
    for start in range(len(shown)):
        piece = "".join(c for c in shown[start:] if c in string.ascii_letters + string.digits + "+/")
        decoded = base64.b64decode(piece[: len(piece) // 4 * 4])
        assert b"77cc00" not in decoded
        assert b"100000001_" not in decoded


@given(
    st.text(string.ascii_letters + string.digits + "._-~+/=", min_size=8, max_size=40),
    st.binary(max_size=9),
    st.binary(max_size=9),
)
def test_no_secret_survives_base64_whatever_stands_around_it(secret: str, before: bytes, after: bytes) -> None:
    """A whole header or body may be echoed so."""
    packed = base64.b64encode(before + secret.encode() + after).decode()
    assert packed not in Redactor([secret]).redact(f"<{packed}>")


@given(st.text(max_size=60))
def test_other_words_stay(text: str) -> None:
    """They say what to do."""
    assert Redactor([]).redact(text) == text


def test_words_that_only_look_alike_stay() -> None:
    assert (
        REDACTOR.redact("参数错误 code 990002, user 100000001 is fine")
        == "参数错误 code 990002, user 100000001 is fine"
    )
