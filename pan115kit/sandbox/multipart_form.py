"""multipart/form-data: small forms at once, and PostObject's with a file that is streamed (protocol.md §2.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import Message

_FIELDS_LIMIT = 1024 * 1024


class FormError(ValueError):
    """Not a multipart form, cut off, or with too much before its file."""


def boundary_of(content_type: str) -> bytes:
    """The boundary that the Content-Type names.

    Raises:
        FormError: It names none.
    """
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise FormError("no boundary")
    return boundary.encode("latin-1", "replace")


def read_form(body: bytes, content_type: str) -> dict[str, str]:
    """All fields of a small form.

    Raises:
        FormError: It is malformed.
    """
    delimiter = b"\r\n--" + boundary_of(content_type)
    pieces = (b"\r\n" + body).split(delimiter)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise FormError("no closing boundary")
    fields: dict[str, str] = {}
    for piece in pieces[1:-1]:
        head, separator, value = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not separator:
            raise FormError("a field without a header")
        fields[_names(head)[0]] = value.decode("utf-8", "replace")
    return fields


class FileForm:
    """A form whose last field is a file: the fields first, then the file as a stream.

    Args:
        chunks: The body.
        content_type: Its Content-Type.
    """

    def __init__(self, chunks: AsyncIterator[bytes], content_type: str) -> None:
        self._chunks = chunks
        self._delimiter = b"\r\n--" + boundary_of(content_type)
        self._buffer = b"\r\n"
        self.file_name = ""
        self.file_type = ""

    async def fields(self) -> dict[str, str]:
        """Every field before ``file``; names in lower case, as OSS takes them.

        Raises:
            FormError: Malformed, or there is no file.
        """
        fields: dict[str, str] = {}
        await self._until(self._delimiter)
        while True:
            head = await self._until(b"\r\n\r\n")
            if head.startswith(b"--"):
                raise FormError("no file")
            name, file_name, file_type = _names(head)
            if name == "file":
                self.file_name, self.file_type = file_name, file_type
                return fields
            fields[name.lower()] = (await self._until(self._delimiter)).decode("utf-8", "replace")

    async def file(self) -> AsyncIterator[bytes]:
        """The file's bytes.

        Raises:
            FormError: The form ends before its boundary.
        """
        keep = len(self._delimiter)
        while True:
            at = self._buffer.find(self._delimiter)
            if at >= 0:
                if at:
                    yield self._buffer[:at]
                break
            if len(self._buffer) > keep:
                yield self._buffer[:-keep]
                self._buffer = self._buffer[-keep:]
            await self._more()
        async for _ in self._chunks:  # what follows the file does not count
            pass

    async def _until(self, mark: bytes) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > _FIELDS_LIMIT:
                raise FormError("too much before the file")
            await self._more()
        found, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        return found

    async def _more(self) -> None:
        async for chunk in self._chunks:
            self._buffer += chunk
            return
        raise FormError("the form is cut off")


def _names(head: bytes) -> tuple[str, str, str]:
    message = Message()
    for text in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = text.partition(":")
        if name.strip():
            message[name.strip().lower()] = value.strip()
    field_name = message.get_param("name", header="content-disposition")
    if not isinstance(field_name, str):
        raise FormError("a field without a name")
    return field_name, message.get_filename() or "", message.get("content-type", "")
