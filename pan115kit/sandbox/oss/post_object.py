"""PostObject: the browser form whose policy 115 has signed (protocol.md §2.6)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..keys import FormKey
from ..multipart_form import FileForm, FormError
from .xml import OssFault


@dataclass(slots=True)
class PostForm:
    """A checked form, its file not yet read.

    Attributes:
        fields: All fields before the file, names in lower case.
        key: The object it makes.
    """

    fields: dict[str, str]
    key: str
    _form: FileForm
    _sizes: tuple[int, int]

    @property
    def file_type(self) -> str:
        """The file's Content-Type."""
        return self._form.file_type

    @property
    def callback_variables(self) -> str:
        """``x:`` fields as a callback-var, or empty."""
        variables = {k: v for k, v in self.fields.items() if k.startswith("x:")}
        return base64.b64encode(json.dumps(variables).encode()).decode() if variables else ""

    async def file(self) -> AsyncIterator[bytes]:
        """The file's bytes.

        Raises:
            OssFault: 400 when the form is cut off.
        """
        try:
            async for chunk in self._form.file():
                yield chunk
        except FormError as error:
            raise _malformed(str(error)) from None

    def check_size(self, size: int) -> None:
        """Does the policy allow this many bytes?

        Raises:
            OssFault: 400 EntityTooSmall or EntityTooLarge.
        """
        low, high = self._sizes
        if size < low:
            raise OssFault(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size.")
        if size > high:
            raise OssFault(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")


async def check_form(
    chunks: AsyncIterator[bytes], headers: Mapping[str, str], key: FormKey, bucket: str, now: float
) -> PostForm:
    """Read the fields and check policy and signature.

    Args:
        now: Epoch seconds.

    Raises:
        OssFault: 400 or 403, as OSS refuses forms.
    """
    try:
        form = FileForm(chunks, headers.get("content-type", ""))
        fields = await form.fields()
    except FormError as error:
        raise _malformed(str(error)) from None
    if not fields.get("key"):
        raise OssFault(400, "InvalidArgument", "Bucket POST must contain a field named 'key'.")
    object_key = fields["key"].replace("${filename}", form.file_name)
    policy = fields.get("policy", "")
    if not policy:
        raise OssFault(403, "AccessDenied", "You have no right to access this object because of bucket acl.")
    if fields.get("ossaccesskeyid") != key.key_id:
        raise OssFault(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.")
    if not hmac.compare_digest(key.sign(policy).encode(), fields.get("signature", "").encode()):
        raise OssFault(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided."
            " RangeCheck your key and signing method.",
        )
    sizes = _check_policy(policy, {**fields, "bucket": bucket, "key": object_key}, now)
    return PostForm(fields, object_key, form, sizes)


def _check_policy(policy: str, fields: Mapping[str, str], now: float) -> tuple[int, int]:
    try:
        document = json.loads(base64.b64decode(policy, validate=True))
        expires = datetime.strptime(document["expiration"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        conditions: list[Any] = document["conditions"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise OssFault(400, "InvalidPolicyDocument", "Invalid Policy: Invalid JSON.") from None
    if now > expires.timestamp():
        raise OssFault(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
    sizes = (0, 5 * 1024**3)
    for condition in conditions:
        if isinstance(condition, dict):
            ok = all(fields.get(k.lower()) == v for k, v in condition.items())
        else:
            rule, name, value = condition
            if rule == "content-length-range":
                sizes = (int(name), int(value))
                continue
            field_value = fields.get(str(name).lstrip("$").lower(), "")
            ok = field_value == value if rule == "eq" else field_value.startswith(value)
        if not ok:
            raise OssFault(
                403,
                "AccessDenied",
                f"Invalid according to Policy: Policy Condition failed: {json.dumps(condition)}",
            )
    return sizes


def _malformed(message: str) -> OssFault:
    return OssFault(
        400,
        "MalformedPOSTRequest",
        f"The body of your POST request is not well-formed multipart/form-data: {message}.",
    )
