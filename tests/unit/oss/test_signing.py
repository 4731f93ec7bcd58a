"""Addressing and signing: one wrong byte and OSS refuses every request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import oss2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oss_support import SECRETS, keys

from pan115kit.errors import DriveProtocolError
from pan115kit.oss.signing import Call, Callback, object_url, sign

DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
CALLS = [
    Call("PutObject", "PUT", "67c7e820", {}, Callback('{"a":"é"}', "{}").headers()),
    Call("Initiate", "POST", "67c7e820", {"sequential": "", "uploads": ""}, {}),
    Call("UploadPart", "PUT", "dir/a b+c%é.bin", {"partNumber": "3", "uploadId": "AB+/="}, {}),
    Call("ListParts", "GET", "k", {"max-parts": "1000", "part-number-marker": "0", "uploadId": "AB"}, {}),
    Call("Complete", "POST", "k", {"uploadId": "AB"}, Callback("{}", "{}").headers()),
    Call("Abort", "DELETE", "k", {"uploadId": "AB"}, {}),
]


@pytest.fixture(autouse=True)
def _fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oss2.utils.http_date", lambda *_: DATE)


class Captured(Exception):
    pass


class CapturingSession:
    """Stands in for oss2's HTTP layer and keeps the signed request."""

    request: Any = None

    def do_request(self, request: Any, timeout: Any) -> Any:
        self.request = request
        raise Captured


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "https://oss-cn-shenzhen.aliyuncs.com"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_the_signature_is_the_one_oss2_itself_sends(call: Call, endpoint: str) -> None:
    """oss2 is known to work against OSS; whatever differs from it would be refused."""
    token = keys(endpoint=endpoint)
    session = CapturingSession()
    auth = oss2.StsAuth(token.access_key_id, token.access_key_secret, token.security_token)
    bucket = oss2.Bucket(auth, endpoint, "fhnfile", session=session)
    with pytest.raises(Captured):
        bucket._do(call.method, "fhnfile", call.key, params=dict(call.params), headers=dict(call.headers))
    theirs = session.request
    ours = sign(call, token, "fhnfile")

    assert ours.headers["authorization"] == theirs.headers["authorization"]
    for name in ("x-oss-security-token", "x-oss-callback", "x-oss-callback-var", "date"):
        assert ours.headers.get(name) == theirs.headers.get(name)
    assert ours.url.partition("?")[0] == theirs.url
    assert dict(parse_qsl(urlsplit(ours.url).query, keep_blank_values=True)) == dict(theirs.params)


def test_sequential_is_in_the_signed_text_as_the_protocol_has_it() -> None:
    """Independent of oss2: the V1 formula, written out; 115 needs ``sequential`` (10002 otherwise)."""
    token = keys()
    signed = sign(CALLS[1], token, "fhnfile")
    text = f"POST\n\n\n{DATE}\nx-oss-security-token:{token.security_token}\n/fhnfile/67c7e820?sequential&uploads"
    digest = hmac.new(token.access_key_secret.encode(), text.encode(), hashlib.sha1).digest()
    assert signed.headers["authorization"] == f"OSS STS.1:{base64.b64encode(digest).decode()}"
    assert signed.url.endswith("/67c7e820?sequential&uploads")


def test_the_callback_goes_as_base64_of_its_exact_bytes() -> None:
    """115's texts are opaque; re-encoding them would break the callback."""
    text = '{"callbackUrl":"http:\\/\\/uplb.115.com\\/3.0","callbackBody":"sha1=${sha1}&n=é"}'
    headers = Callback(text, '{"x:pick_code":"p"}').headers()
    assert base64.b64decode(headers["x-oss-callback"]).decode() == text
    assert base64.b64decode(headers["x-oss-callback-var"]) == b'{"x:pick_code":"p"}'


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://oss-cn-shenzhen.aliyuncs.com", "https://fhnfile.oss-cn-shenzhen.aliyuncs.com/k"),
        ("https://oss-cn-shenzhen.aliyuncs.com/", "https://fhnfile.oss-cn-shenzhen.aliyuncs.com/k"),
        ("oss-cn-shenzhen.aliyuncs.com", "https://fhnfile.oss-cn-shenzhen.aliyuncs.com/k"),
        ("http://oss-cn-shenzhen-internal.aliyuncs.com", "https://fhnfile.oss-cn-shenzhen-internal.aliyuncs.com/k"),
        ("http://oss-cn-shenzhen.aliyuncs.com:8080", "http://fhnfile.oss-cn-shenzhen.aliyuncs.com:8080/k"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/fhnfile/k"),
        ("http://localhost:9000", "http://localhost:9000/fhnfile/k"),
        ("http://[::1]:9000", "http://[::1]:9000/fhnfile/k"),
        ("https://minio.example:444", "https://fhnfile.minio.example:444/k"),
        ("http://minio.example", "http://fhnfile.minio.example/k"),
    ],
)
def test_the_object_is_addressed_where_oss_expects_it(endpoint: str, url: str) -> None:
    """Virtual-host or path-style, port kept; to Aliyun never in the clear."""
    assert object_url(endpoint, "fhnfile", "k") == url


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(lambda key: key not in (".", "..")))
def test_any_key_arrives_as_it_is(key: str) -> None:
    """Odd characters must neither end the path nor begin a query, also after httpx has parsed the URL."""
    url = httpx.URL(object_url("http://127.0.0.1:9000", "fhnfile", key))
    path, _, query = url.raw_path.decode().partition("?")
    assert unquote(path) == f"/fhnfile/{key}"
    assert query == ""


@pytest.mark.parametrize("endpoint", ["", "ftp://host", "http://", "http://user:pw@host"])
def test_an_endpoint_that_is_none_is_an_error_that_says_so(endpoint: str) -> None:
    """Not a stack of urllib frames."""
    with pytest.raises(DriveProtocolError):
        object_url(endpoint, "fhnfile", "k")


def test_a_debug_log_of_everything_holds_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """oss2 logs the text it signs, security token included; people paste debug logs into issues."""
    caplog.set_level(logging.DEBUG)
    signed = sign(CALLS[2], keys(), "fhnfile")
    assert not any(secret in caplog.text for secret in SECRETS)
    assert not any(secret in repr(signed) for secret in SECRETS)
