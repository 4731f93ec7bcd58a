"""OSS's callback (protocol.md §4.9): OSS posts a form to 115 and hands 115's answer to the client."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from ..keys import CallbackKey
from .xml import OssFault, callback_failed, invalid_argument

FORM = "application/x-www-form-urlencoded"
_MAX_URLS = 5
_MAX_ANSWER = 1024 * 1024
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Callback:
    """What to post where.

    Attributes:
        variables: ``x:`` variables of callback-var.
    """

    urls: tuple[str, ...]
    host: str
    body: str
    body_type: str
    variables: Mapping[str, str]

    def fill(self, system: Mapping[str, str | int]) -> bytes:
        """The body with ``${…}`` replaced; unknown variables are empty.

        Args:
            system: OSS's own variables (bucket, object, size, sha1 …).
        """
        values: dict[str, str | int] = {**system, **self.variables}

        def value(match: re.Match[str]) -> str:
            found = values.get(match.group(1), "")
            if self.body_type == FORM:
                return quote(str(found), safe="")
            return json.dumps(found, ensure_ascii=False)

        return _VARIABLE.sub(value, self.body).encode()


def parse(callback: str, callback_var: str) -> Callback:
    """From the two base64 headers (or query parameters, or form fields).

    Raises:
        OssFault: 400 InvalidArgument, saying what is wrong.
    """
    fields = _decode(callback, "callback")
    url, body = fields.get("callbackUrl"), fields.get("callbackBody")
    if not isinstance(url, str) or not url:
        raise invalid_argument("The callback configuration should contain callbackUrl.")
    if not isinstance(body, str) or not body:
        raise invalid_argument("The callback configuration should contain callbackBody.")
    urls = tuple(u if "://" in u else f"http://{u}" for u in url.split(";") if u)
    if len(urls) > _MAX_URLS:
        raise invalid_argument("The callback configuration contains too many callbackUrl.")
    body_type = str(fields.get("callbackBodyType") or FORM)
    if body_type not in (FORM, "application/json"):
        raise invalid_argument("The callback body type is not supported.", "callbackBodyType", body_type)
    variables = _decode(callback_var, "callback-var") if callback_var else {}
    for name, value in variables.items():
        if not name.startswith("x:") or name != name.lower() or not isinstance(value, str):
            raise invalid_argument("The callback var should start with x: and be lower case.", "callback-var", name)
    return Callback(
        urls,
        str(fields.get("callbackHost") or ""),
        body,
        body_type,
        {k: str(v) for k, v in variables.items()},
    )


def _decode(text: str, name: str) -> dict[str, object]:
    try:
        data = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_argument(f"The {name} configuration is not base64 encoded.", name) from None
    except json.JSONDecodeError:
        raise invalid_argument(f"The {name} configuration is not json format.", name) from None
    if not isinstance(data, dict):
        raise invalid_argument(f"The {name} configuration is not json format.", name)
    return data


def reachable(url: str, sandbox: str) -> str | None:
    """The address to post to: 115's hosts are the sandbox, this machine is itself, all else is out of reach."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "115.com" or host.endswith(".115.com"):
        home = urlsplit(sandbox)
        return urlunsplit((home.scheme, home.netloc, parts.path, parts.query, ""))
    if host == "localhost":
        return url
    try:
        return url if ipaddress.ip_address(host).is_loopback else None
    except ValueError:
        return None


class CallbackSender:
    """Posts callbacks.

    Args:
        sandbox: The sandbox's own address.
        key: Signs what is posted.
    """

    def __init__(self, sandbox: str, key: CallbackKey) -> None:
        self._sandbox = sandbox
        self._key = key
        self._client: httpx.AsyncClient | None = None

    async def fire(self, callback: Callback, body: bytes, headers: Mapping[str, str], timeout: float) -> bytes:
        """115's JSON, as it came.

        Args:
            timeout: Seconds for all of it (OSS: 5).

        Raises:
            OssFault: 203 CallbackFailed.
        """
        failed = callback_failed("Error status : -1.")
        for url in callback.urls:
            try:
                async with asyncio.timeout(timeout):
                    return await self._post(url, callback, body, headers)
            except TimeoutError:
                failed = callback_failed(
                    "Error status : -1. OSS can not connect to your callbackUrl or cost too long time."
                )
            except httpx.HTTPError:
                failed = callback_failed("Error status : -1. OSS can not connect to your callbackUrl.")
            except OssFault as fault:
                failed = fault
        raise failed

    async def _post(self, url: str, callback: Callback, body: bytes, headers: Mapping[str, str]) -> bytes:
        address = reachable(url, self._sandbox)
        if address is None:
            raise callback_failed("Error status : -1. OSS can not connect to your callbackUrl.")
        if self._client is None:
            self._client = httpx.AsyncClient(trust_env=False, timeout=None)
        sent = {
            "Content-Type": callback.body_type,
            "Host": callback.host or urlsplit(url).netloc,
            "User-Agent": "aliyun-oss-callback",
            "Authorization": self._key.sign(body),
            **headers,
        }
        reply = await self._client.post(address, content=body, headers=sent)
        if reply.status_code != 200:
            raise callback_failed(f"Error status : {reply.status_code}.")
        try:
            json.loads(reply.content)
        except ValueError:
            raise callback_failed("Response body is not valid json format.") from None
        if len(reply.content) > _MAX_ANSWER:
            raise callback_failed("Response body is too large.")
        return reply.content

    async def close(self) -> None:
        """Drop kept connections."""
        if self._client is not None:
            await self._client.aclose()
