"""Pure decisions of OSS: which parts a Complete names, and whether it may have them (protocol.md §4.2, §4.3)."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

from ...config import MAX_PARTS, MIN_PART_SIZE
from ..object_store import Part
from .xml import OssFault, invalid_argument, malformed_xml, part_not_sequential

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def listed_parts(body: bytes) -> list[tuple[int, str]]:
    """Part numbers and ETags of a Complete's XML, in its order.

    Raises:
        OssFault: 400 MalformedXML.
    """
    if b"<!" in body:  # no document type, no entities: nothing of the kind belongs here
        raise malformed_xml()
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise malformed_xml() from None
    listed = []
    for element in root.iter():
        # Some clients send a namespace.
        if element.tag.rpartition("}")[2] != "Part":
            continue
        fields = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
        number = fields.get("PartNumber", "")
        if not number.isdigit() or "ETag" not in fields:
            raise malformed_xml()
        listed.append((int(number), fields["ETag"].strip('"').upper()))
    if not listed or len(listed) > MAX_PARTS:
        raise malformed_xml()
    return listed


def chosen_parts(listed: list[tuple[int, str]], stored: list[Part], *, sequential: bool) -> list[Part]:
    """The parts that make the object.

    Args:
        listed: What Complete names.
        stored: What is there.

    Raises:
        OssFault: 400 InvalidPartOrder, InvalidPart, PartNotSequential or EntityTooSmall.
    """
    numbers = [number for number, _ in listed]
    if any(b <= a for a, b in pairwise(numbers)):
        raise OssFault(
            400,
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts list must specified in order by part number.",
            "0042-00000204",
        )
    by_number = {p.number: p for p in stored}
    for number, etag in listed:
        part = by_number.get(number)
        if part is None or part.md5 != etag:
            raise OssFault(
                400,
                "InvalidPart",
                "One or more of the specified parts could not be found or the specified entity tag might not"
                " have matched the part's entity tag.",
                "0042-00000211",
                PartNumber=str(number),
            )
    if sequential:
        for expected, number in enumerate(numbers, start=1):
            if number != expected:
                raise part_not_sequential(number)
    chosen = [by_number[n] for n in numbers]
    for part in chosen[:-1]:
        if part.size < MIN_PART_SIZE:
            raise OssFault(
                400,
                "EntityTooSmall",
                "Your proposed upload smaller than the minimum allowed size.",
                "0042-00000213",
                MinSizeAllowed=str(MIN_PART_SIZE),
                ProposedSize=str(part.size),
                PartNumber=str(part.number),
                ETag=part.md5,
            )
    return chosen


def number_between(text: str, name: str, low: int, high: int, default: int) -> int:
    """A whole number of a query.

    Raises:
        OssFault: 400 InvalidArgument.
    """
    if text == "":
        return default
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise invalid_argument(f"Argument {name} must be an integer between {low} and {high}.", name, text)
    return int(text)


def byte_range(header: str, size: int) -> tuple[int, int, int]:
    """First byte, one past the last, and the HTTP status for a ``Range`` header; one it does not fit is ignored."""
    match = _RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return 0, size, 200
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size, 206
    start, end = int(first), min(size, int(last) + 1) if last else size
    return (start, end, 206) if start < end else (0, size, 200)
