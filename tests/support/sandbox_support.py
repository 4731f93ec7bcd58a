"""Plain clients for the sandbox's own tests: httpx for 115, oss2 and raw signing for OSS; nothing of the engine."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import os
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import oss2
import pytest
from upload_support import PATIENCE

from pan115kit.drive.cipher import ClientCipher, make_signature, make_token
from pan115kit.sandbox import Sandbox

MIB = 1 << 20
PART = 100 * 1024


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest().upper()


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest().upper()


@dataclass
class OpenPeer:
    """The Open API route as a client writes it by hand."""

    sandbox: Sandbox
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=120))
    token: str = ""

    def __enter__(self) -> OpenPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def call(self, method: str, path: str, /, **form: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token or self.sandbox.access_token}"}
        where = "params" if method == "GET" else "data"
        reply = self.http.request(method, self.sandbox.endpoint + path, headers=headers, **{where: form})
        assert reply.status_code == 200
        found: dict[str, Any] = reply.json()
        return found

    def ask(self, name: str, data: bytes, target: str = "U_1_0", **more: str) -> dict[str, Any]:
        """One init call."""
        form = {"file_name": name, "file_size": str(len(data)), "fileid": sha1(data), "target": target, **more}
        return self.call("POST", "/open/upload/init", **form)

    def init(self, name: str, data: bytes, target: str = "U_1_0") -> dict[str, Any]:
        """Init with the second check answered; ``data`` of the reply."""
        answer: dict[str, Any] = self.ask(name, data, target)["data"]
        if answer["status"] == 7:
            first, last = map(int, answer["sign_check"].split("-"))
            more = {"sign_key": answer["sign_key"], "sign_val": sha1(data[first : last + 1])}
            answer = self.ask(name, data, target, **more)["data"]
        return answer

    def keys(self) -> dict[str, str]:
        found: dict[str, str] = self.call("GET", "/open/upload/get_token")["data"]
        return found

    def bucket(self, version: str = "v1", keys: dict[str, str] | None = None) -> oss2.Bucket:
        keys = keys or self.keys()
        auth = oss2.StsAuth(keys["AccessKeyId"], keys["AccessKeySecret"], keys["SecurityToken"], auth_version=version)
        return oss2.Bucket(auth, self.sandbox.endpoint, "fhnfile", region="cn-shenzhen")


def callback_headers(answer: dict[str, Any]) -> dict[str, str]:
    """``x-oss-callback`` and ``x-oss-callback-var`` of an init answer (protocol §4.2)."""
    callback = answer["callback"]
    return {
        "x-oss-callback": base64.b64encode(callback["callback"].encode()).decode(),
        "x-oss-callback-var": base64.b64encode(callback["callback_var"].encode()).decode(),
    }


def said(result: Any) -> dict[str, Any]:
    """115's JSON in the result of an oss2 call."""
    found: dict[str, Any] = json.loads(result.resp.read())
    return found


def send_parts(
    bucket: oss2.Bucket, key: str, data: bytes, *, sequential: bool = True, part: int = PART
) -> tuple[str, list[oss2.models.PartInfo]]:
    """Initiate and send all parts in order."""
    params = {"sequential": ""} if sequential else None
    upload_id = bucket.init_multipart_upload(key, params=params).upload_id
    done = []
    for number, start in enumerate(range(0, len(data), part), start=1):
        result = bucket.upload_part(key, upload_id, number, data[start : start + part])
        done.append(oss2.models.PartInfo(number, result.etag))
    return upload_id, done


def upload(peer: OpenPeer, name: str, data: bytes, target: str = "U_1_0") -> dict[str, Any]:
    """A whole upload in parts; 115's JSON."""
    answer = peer.init(name, data, target)
    bucket = peer.bucket()
    upload_id, parts = send_parts(bucket, answer["object"], data)
    result = bucket.complete_multipart_upload(answer["object"], upload_id, parts, headers=callback_headers(answer))
    return said(result)


class CookiePeer:
    """The cookie route as a client writes it by hand, encryption and all."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(trust_env=False, timeout=120, headers={"Cookie": sandbox.cookie})
        self.cipher = ClientCipher(bytes.fromhex(sandbox.ecdh_public_key))
        self.app_version = "36.2.28"
        self.user: dict[str, Any] = {}

    def __enter__(self) -> CookiePeer:
        self.user = self.get("/app/uploadinfo")
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str, /, **params: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(self.sandbox.endpoint + path, params=params).json()
        return found

    def post(self, path: str, /, **form: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.http.post(self.sandbox.endpoint + path, data=form).json()
        return found

    def form(self, name: str, data: bytes, target: str = "U_1_0", **more: str) -> dict[str, str]:
        """The plain form of initupload, rightly signed."""
        user_id, t = str(self.user["user_id"]), int(time.time())
        sign_key, sign_val = more.get("sign_key", ""), more.get("sign_val", "")
        return {
            "appid": "0",
            "appversion": self.app_version,
            "userid": user_id,
            "filename": name,
            "filesize": str(len(data)),
            "fileid": sha1(data),
            "target": target,
            "sig": make_signature(user_id, self.user["userkey"], sha1(data), target),
            "t": str(t),
            "token": make_token(sha1(data), len(data), sign_key, sign_val, user_id, t, self.app_version),
            **more,
        }

    def send(self, form: dict[str, str], t: int | None = None) -> dict[str, Any]:
        """Encrypt, send, decrypt."""
        reply = self.http.post(
            self.sandbox.endpoint + "/4.0/initupload.php",
            params={"k_ec": self.cipher.k_ec(t if t is not None else int(form["t"]))},
            content=self.cipher.encrypt(urlencode(form).encode()),
        )
        found: dict[str, Any] = json.loads(self.cipher.decrypt(reply.content))
        return found

    def init(self, name: str, data: bytes, target: str = "U_1_0") -> dict[str, Any]:
        answer = self.send(self.form(name, data, target))
        if answer["status"] == 7:
            first, last = map(int, answer["sign_check"].split("-"))
            more = {"sign_key": answer["sign_key"], "sign_val": sha1(data[first : last + 1])}
            answer = self.send(self.form(name, data, target, **more))
        return answer


def signed_headers(
    keys: dict[str, str], method: str, resource: str, *, date: float | None = None, **headers: str
) -> dict[str, str]:
    """V1 headers made by hand, so that a test can get them wrong (protocol §4.1)."""
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    headers["x-oss-security-token"] = keys["SecurityToken"]
    headers["date"] = formatdate(time.time() if date is None else date, usegmt=True)
    oss = "".join(f"{k}:{v}\n" for k, v in sorted(headers.items()) if k.startswith("x-oss-"))
    text = "\n".join([method, headers.get("content-md5", ""), headers.get("content-type", ""), headers["date"]])
    digest = hmac.digest(keys["AccessKeySecret"].encode(), f"{text}\n{oss}{resource}".encode(), "sha1")
    headers["authorization"] = f"OSS {keys['AccessKeyId']}:{base64.b64encode(digest).decode()}"
    return headers


def eventually(check: Callable[[], object]) -> None:
    """Look again until ``check`` holds."""
    deadline = time.monotonic() + 120
    while not check():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def random_bytes(size: int) -> bytes:
    return os.urandom(size)


def body_fields(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode()))


@pytest.fixture(autouse=True, scope="session")
def certificates_once() -> Iterator[None]:
    """Reading the certificates takes longer than many a test; nothing here is encrypted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture(autouse=True, scope="session")
def httpx_is_patient() -> Iterator[None]:
    """The five seconds that ``httpx.get`` and its kin wait by default are no test of ours."""
    with pytest.MonkeyPatch.context() as patch:
        for wait in ("connect", "read", "write", "pool"):
            patch.setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, wait, PATIENCE)
        yield


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard() -> None:
    """A shell's background job ignores SIGINT, and so do its children: the tests of Ctrl-C would wait for ever."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def peer(sandbox: Sandbox) -> Iterator[OpenPeer]:
    with OpenPeer(sandbox) as found:
        yield found


@pytest.fixture
def cookie(sandbox: Sandbox) -> Iterator[CookiePeer]:
    with CookiePeer(sandbox) as found:
        yield found
