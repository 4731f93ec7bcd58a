"""Pure pieces of the sandbox: what they read and write on the wire, byte for byte."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from pan115kit.sandbox import RequestRecord
from pan115kit.sandbox.call import Pacer
from pan115kit.sandbox.digest import RunningHash, StreamDigest, base64_md5, is_base64_md5
from pan115kit.sandbox.drive.accounts import pkce_matches, utc
from pan115kit.sandbox.drive.rows import size_text
from pan115kit.sandbox.faults import Faults
from pan115kit.sandbox.keys import CallbackKey, FormKey, StsKey
from pan115kit.sandbox.multipart_form import FormError, boundary_of, read_form
from pan115kit.sandbox.object_store import Part
from pan115kit.sandbox.oss import callback, xml
from pan115kit.sandbox.oss.address import locate
from pan115kit.sandbox.oss.part_rules import byte_range, chosen_parts, listed_parts, number_between
from pan115kit.sandbox.oss.service import operation
from pan115kit.sandbox.oss.signature import SignedRequest, v1_signature, v1_string, verify
from pan115kit.sandbox.traffic_log import TrafficLog, line


def test_oss_requests_are_told_from_115s() -> None:
    """A client's upload would be answered by 115's hosts, or a login by OSS."""
    assert locate("127.0.0.1:9", "/fhnfile/k", {}, {}) == ("fhnfile", "k")
    assert locate("fhnfile.oss.test", "/k", {}, {}) == ("fhnfile", "k")
    assert locate("uplb.115.com", "/3.0/gettoken.php", {}, {}) is None
    assert locate("[::1]:9", "/other/k", {"authorization": "OSS a:b"}, {}) == ("other", "k")


def test_operations_have_their_route_names() -> None:
    """Faults and counts would be those of another operation."""
    assert operation("PUT", "k", {"partNumber": "1", "uploadId": "U"}) == "upload_part"
    assert operation("POST", "k", {"uploads": ""}) == "initiate"
    assert operation("DELETE", "k", {}) == "oss_other"


def test_v1_signs_what_oss_signs() -> None:
    """A signature made by a vendor's SDK would not match (protocol.md §4.1)."""
    assert v1_string(SignedRequest("PUT", "b", "k", [("uploadId", "U"), ("x", "1")], {}), "D", "/b/k") == (
        "PUT\n\n\nD\n/b/k?uploadId=U"
    )
    key = StsKey("STS.a", "secret", "token", expires=9e9)
    date = "Thu, 01 Jan 1970 00:00:00 GMT"
    request = SignedRequest("GET", "b", "k", [], {"date": date, "x-oss-security-token": "token"})
    signature = v1_signature("secret", v1_string(request, date, "/b/k"))
    signed = replace(request, headers={**request.headers, "authorization": f"OSS STS.a:{signature}"})
    assert verify(signed, {"STS.a": key}.get, now=60.0) is key
    with pytest.raises(xml.OssFault, match="SignatureDoesNotMatch"):
        verify(replace(signed, key="other"), {"STS.a": key}.get, now=60.0)


def test_a_completes_list_of_parts() -> None:
    """An ETag in other letters, or a document type, would pass or fail wrongly (protocol.md §4.2)."""
    assert listed_parts(b'<C><Part><PartNumber>1</PartNumber><ETag>"aa"</ETag></Part></C>') == [(1, "AA")]
    with pytest.raises(xml.OssFault, match="MalformedXML"):
        listed_parts(b"<!DOCTYPE a><C/>")
    part = Part(1, 5, "AA", 0, "s", 0.0)
    assert chosen_parts([(1, "AA")], [part], sequential=True) == [part]


def test_numbers_and_ranges_of_a_query() -> None:
    """A page's size or a range would be another one than asked for."""
    assert number_between("", "max-parts", 1, 1000, 1000) == 1000
    assert number_between("7", "max-parts", 1, 1000, 1000) == 7
    with pytest.raises(xml.OssFault, match="InvalidArgument"):
        number_between("1001", "max-parts", 1, 1000, 1000)
    assert [byte_range(r, 10) for r in ("bytes=2-3", "bytes=-4", "")] == [(2, 4, 206), (6, 10, 206), (0, 10, 200)]


def test_xml_replies() -> None:
    """A vendor's SDK would not find what it looks for (protocol.md §4.2, §4.7)."""
    missing = xml.error_xml(xml.no_such_upload("AB"), request_id="R" * 24, host_id="h")
    assert "<Code>NoSuchUpload</Code>" in missing
    assert "<UploadId>AB</UploadId>" in missing
    assert "<EC>1</EC>" in xml.error_xml(xml.OssFault(400, "A", "b", "1"), request_id="r", host_id="h")
    assert "<UploadId>U</UploadId>" in xml.initiate_xml("b", "k", "U")
    assert xml.complete_xml("b", "k", '"E-1"', "http://x/k").count("<ETag>") == 1
    assert xml.post_xml("b", "k", '"E"', "l").startswith("<?xml")
    assert xml.iso_time(0) == "1970-01-01T00:00:00.000Z"


def test_callbacks_reach_this_machine_alone() -> None:
    """A test would post to the real 115, or to anybody (protocol.md §4.9)."""
    home = "http://127.0.0.1:9"
    assert callback.reachable("http://uplb.115.com/3.0/completeupload.php", home) == f"{home}/3.0/completeupload.php"
    assert callback.reachable("http://example.org/", home) is None
    header = base64.b64encode(b'{"callbackUrl":"http://uplb.115.com/x","callbackBody":"s=${size}&p=${x:p}"}').decode()
    variables = base64.b64encode(b'{"x:p":"a b"}').decode()
    assert callback.parse(header, variables).fill({"size": 3}) == b"s=3&p=a%20b"


def test_keys_sign_and_hide_their_secret() -> None:
    """A secret would stand in a log, or a client could write a callback itself."""
    assert repr(FormKey("id", "hidden")) == "FormKey(key_id='id')"
    assert "hidden" not in repr(CallbackKey("hidden")) + repr(StsKey("id", "hidden", "hidden"))
    key = CallbackKey("secret")
    assert key.matches(b"body", key.sign(b"body"))
    assert not key.matches(b"other", key.sign(b"body"))
    assert not CallbackKey("another").matches(b"body", key.sign(b"body"))


def test_multipart_forms() -> None:
    """Clients that send form-data would be misread (protocol.md §2.6)."""
    body = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--\r\n'
    assert read_form(body, "multipart/form-data; boundary=B") == {"a": "1"}
    assert boundary_of('multipart/form-data; boundary="x y"') == b"x y"
    with pytest.raises(FormError):
        read_form(body[:-8], "multipart/form-data; boundary=B")


def test_digests_as_oss_gives_them() -> None:
    """SHA-1 of the whole, MD5 of the part, in OSS's letters (protocol.md §4.3)."""
    first = StreamDigest(RunningHash.start())
    first.update(b"hello ")
    second = StreamDigest(first.after)
    second.update(b"115")
    assert second.sha1 == "090AB50BA0472161E944BB2F5709F7C8D134576F"
    assert second.md5 == hashlib.md5(b"115").hexdigest().upper()
    assert StreamDigest(None).sha1 == ""
    assert base64_md5("D41D8CD98F00B204E9800998ECF8427E") == "1B2M2Y8AsgTpgAmY7PhCfg=="
    assert (is_base64_md5("1B2M2Y8AsgTpgAmY7PhCfg=="), is_base64_md5("x")) == (True, False)


def test_a_code_challenge_in_either_alphabet() -> None:
    """A device login with url-safe base64 would fail (protocol.md §1.2)."""
    digest = hashlib.md5(b"0" * 64).digest()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert pkce_matches("0" * 64, encode(digest).decode(), "md5")
    assert not pkce_matches("1" * 64, base64.b64encode(digest).decode(), "md5")


def test_times_and_sizes_as_115_writes_them() -> None:
    """Clients would read another time, people another size."""
    assert utc(0) == "1970-01-01T00:00:00Z"
    assert [size_text(n) for n in (0, 1023, 1024, 1_288_490_188)] == ["0B", "1023B", "1.0KB", "1.2GB"]


def test_paced_bytes_wait_their_turn() -> None:
    """A bandwidth would be per connection, or none."""
    pacer = Pacer()
    assert pacer.delay(1000, bandwidth=None, now=0.0) == 0.0
    assert [pacer.delay(1000, bandwidth=500, now=0.0) for _ in range(2)] == [2.0, 4.0]


def test_faults_hit_when_they_should() -> None:
    """A fault would hit a request too early or too often."""
    faults = Faults()
    faults.add("upload_part", "status", times=1, after=1, status=503)
    assert [f and f.kind.value for f in (faults.take("upload_part") for _ in range(3))] == [None, "status", None]
    assert faults.add("gettoken", "slow", seconds=0.5)["seconds"] == 0.5


def test_the_traffic_log_counts_and_hides() -> None:
    """A token in a query would stand in the log."""
    log = TrafficLog()
    record = log.begin("PUT", "upload_part", "/fhnfile/key", [("partNumber", "1"), ("security-token", "secret")])
    log.note(record, "part 1")
    log.end(record, status=200, received=10, sent=0)
    (found,) = log.records()
    assert (log.count("upload_part"), found.summary, found.query) == (1, "part 1", "partNumber=1")
    assert "upload_part" in line(RequestRecord(1, 0.0, "PUT", "upload_part", "/b/k", status=200))
    assert "secret" not in log.text()
