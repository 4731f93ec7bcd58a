"""The rules of who may come in, as pure decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit.errors import ConfigError
from pan115kit.server.access import (
    Access,
    cookie_header,
    cookie_name,
    is_loopback,
    make_access,
    new_token,
    split_host,
    tokens_given,
)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8115", "localhost:8115", "LOCALHOST", "[::1]:8115", "localhost.:8115", "127.0.0.1"]
)
def test_own_names_are_known(host: str) -> None:
    """Else the user could not open the page."""
    assert make_access("t").knows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "evil.example:8115", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.7",
        "evil@127.0.0.1", "127.0.0.1/evil", "127.0.0.1:99999", "[::1", "localhost:port", "127.0.0.1?x", " ",
        "0.0.0.0",
    ],
)  # fmt: skip
def test_foreign_names_are_not(host: str) -> None:
    """DNS rebinding: a foreign name pointed at this machine would make its page one of ours."""
    assert not make_access("t").knows_host(host)


def test_a_server_for_others_goes_by_addresses_and_its_names_only() -> None:
    """An address cannot be rebound; any name could."""
    access = make_access("t" * 16, host="0.0.0.0", own_names=["MyHost"], allowed_hosts=["pan.example"])
    assert access.knows_host("192.168.1.7:8115")
    assert access.knows_host("myhost:8115")
    assert access.knows_host("pan.example")
    assert not access.knows_host("evil.example")


@pytest.mark.parametrize(
    ("origin", "host", "trusted"),
    [
        ("http://127.0.0.1:8115", "127.0.0.1:8115", True),
        ("https://pan.example", "pan.example", True),
        ("http://127.0.0.1:8888", "127.0.0.1:8115", False),  # another program of this machine, e.g. Jupyter
        ("http://localhost:8115", "127.0.0.1:8115", False),
        ("http://evil.example", "127.0.0.1:8115", False),
        ("null", "127.0.0.1:8115", False),
        ("", "127.0.0.1:8115", False),
        ("file://127.0.0.1:8115", "127.0.0.1:8115", False),
        ("http://localhost:5173", "127.0.0.1:8115", True),
    ],
)
def test_only_our_own_page_and_named_ones_are_trusted(origin: str, host: str, trusted: bool) -> None:
    """A page of another origin could command uploads with the user's cookie."""
    access = make_access("t", allowed_origins=["http://localhost:5173/"])
    assert access.trusts_origin(origin, host) is trusted


@given(st.text(), st.text(min_size=1))
def test_a_token_opens_only_as_it_is(given_token: str, token: str) -> None:
    """Nothing but the token itself opens; odd characters do not break the comparison."""
    assert Access(token, frozenset()).opens([given_token]) is (given_token == token)


def test_no_token_does_not_open() -> None:
    assert not Access("t", frozenset()).opens([])


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_browser_that_got_the_cookie_gives_the_token_back(token: str) -> None:
    """Whatever the user's own token is made of, the cookie carries it."""
    cookie = cookie_header("127.0.0.1:8115", token, secure=False).partition(";")[0]
    assert tokens_given({"cookie": f"other=1; {cookie}"}, "", "pan115kit-8115") == [token]


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites() -> None:
    header = cookie_header("127.0.0.1:8115", "t", secure=True)
    assert {"HttpOnly", "SameSite=Strict", "Secure"} <= {part.strip() for part in header.split(";")}


def test_two_servers_do_not_share_a_cookie() -> None:
    """Cookies know no ports: the second server would log the browser out of the first."""
    assert cookie_name("127.0.0.1:1") != cookie_name("127.0.0.1:2")


@given(st.text(max_size=30))
def test_any_header_is_survived(text: str) -> None:
    """Garbage must be refused, not crash the door."""
    split_host(text)
    tokens_given({"authorization": text, "cookie": text}, text, "c")
    make_access("t").trusts_origin(text, text)


def test_tokens_are_random_and_long() -> None:
    assert len({new_token() for _ in range(50)}) == 50
    assert min(len(new_token()) for _ in range(50)) >= 40


def test_the_token_is_in_no_repr() -> None:
    assert "secret" not in repr(make_access("secret-token"))


@pytest.mark.parametrize(("token", "host"), [("", "127.0.0.1"), ("  ", "127.0.0.1"), ("short", "0.0.0.0")])
def test_weak_tokens_are_refused(token: str, host: str) -> None:
    """An empty or guessable token would leave the door open."""
    with pytest.raises(ConfigError):
        make_access(token, host=host)


@pytest.mark.parametrize("origin", ["*", "localhost:5173", "http://a/b", "ftp://a"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """``*`` would let every page in."""
    with pytest.raises(ConfigError):
        make_access("t", allowed_origins=[origin])


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("", False), ("0.0.0.0", False),
     ("::", False), ("192.168.1.7", False), ("example.org", False)],
)  # fmt: skip
def test_what_is_loopback(host: str, local: bool) -> None:
    """A bind that others reach must not pass for a local one."""
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    ("header", "found"),
    [("LocalHost:8115", ("localhost", 8115)), ("[::1]:80", ("::1", 80)), ("localhost", ("localhost", None)),
     ("a@b", None), ("", None)],
)  # fmt: skip
def test_a_host_header_is_name_and_port(header: str, found: tuple[str, int | None] | None) -> None:
    """What is no host must not be compared with our names."""
    assert split_host(header) == found


def test_tokens_come_from_header_query_and_cookie() -> None:
    """Programs, links and pages each have their own way."""
    given = tokens_given({"authorization": "Bearer a", "cookie": "c=b%20b"}, "x=1&token=d", "c")
    assert given == ["a", "d", "b b"]


def test_a_server_at_the_default_port_has_a_cookie_too() -> None:
    """A proxy's address names no port."""
    assert (cookie_name("127.0.0.1:8115"), cookie_name("localhost")) == ("pan115kit-8115", "pan115kit")
