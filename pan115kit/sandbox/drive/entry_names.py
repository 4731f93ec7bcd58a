"""Pure rules of names and pick codes (protocol.md §6.3, §11.4; protocol-drive.md D4.2)."""

from __future__ import annotations

from collections.abc import Collection

from .replies import DriveError

MAX_NAME = 255

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
#: The scrambled alphabets of the prefixes used here (protocol.md §11.4).
_SCRAMBLED = {"a": "fuln1ytpj3smg8d5a094qh7cxkbi62zvewro", "fa": "fumk0ytpj3sng8d5a194qh7cxlbi62zvewro"}


def encode_pick_code(file_id: int, *, folder: bool = False) -> str:
    """The pick code of an id; clients decode it back (protocol.md §11.4)."""
    prefix = "fa" if folder else "a"
    table = str.maketrans(_SCRAMBLED[prefix], _ALPHABET)
    digits = ""
    number = file_id
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = _ALPHABET[rest] + digits
    return prefix + (digits + "0000").translate(table)


def short_name(name: str) -> str:
    """A file name of at most 255 bytes, cut with ``..`` before its extension as 115 does (protocol.md §6.3)."""
    if len(name.encode()) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 32:
        stem, extension = name, ""
    tail = ".." + (f".{extension}" if extension else "")
    return stem.encode()[: MAX_NAME - len(tail.encode())].decode("utf-8", "ignore") + tail


def suffix_of(name: str) -> str:
    """The extension in lower case, without its dot; empty when there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def check_name(name: str) -> None:
    """Would 115 take this name?

    Raises:
        DriveError: 20001-20003 (protocol.md §6.3, §7).
    """
    if not name.strip():
        raise DriveError(20001, "目录名称不能为空")
    if len(name) > MAX_NAME:
        raise DriveError(20002, "目录名称不能超出255个字。")
    if any(c in name for c in '"<>'):
        raise DriveError(20003, '文件名不能包含以下任意字符之一 “ " < > ”。')


def renamed_file(old: str, new: str) -> str:
    """The name a file gets when it is renamed: its extension never changes (D0.7, D4.2).

    What follows the last dot of the new name is taken for an extension and replaced by the old one.
    """
    if "." not in old:
        return new.rpartition(".")[0] + "." if "." in new else new
    extension = old.rpartition(".")[2]
    stem, dot, ending = new.rpartition(".")
    if not dot:
        return f"{new}.{extension}"
    return new if ending == extension else f"{stem}.{extension}"


def numbered_name(name: str, taken: Collection[str], *, folder: bool = False) -> str:
    """The name itself, or ``name(1).ext``, ``name(2).ext`` … where it is taken (D4.2)."""
    if name not in taken:
        return name
    stem, dot, extension = (name, "", "") if folder else name.rpartition(".")
    if not folder and not dot:
        stem, extension = name, ""
    number = 1
    while (found := f"{stem}({number}){dot}{extension}") in taken:
        number += 1
    return found
