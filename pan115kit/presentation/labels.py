"""A row in words, for whatever draws it in Python: static reports and terminal bars."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..i18n import format_bytes, format_duration, say
from ..models import UploadStatus
from ..progress.snapshot import UploadProgress
from .rows import Group, Row

_ICONS: Mapping[str, str] = {
    "📹": "mkv mp4 avi mov wmv flv webm m4v ts m2ts rmvb mpg mpeg 3gp",
    "🎵": "mp3 flac wav aac ogg m4a ape wma opus",
    "🖼️": "jpg jpeg png gif webp bmp tif tiff heic svg raw psd",
    "📦": "zip rar 7z tar gz xz bz2 zst tgz iso img dmg",
    "📕": "pdf epub mobi azw3 djvu",
    "📊": "csv tsv xls xlsx parquet feather arrow h5 hdf5 npz db sqlite",
    "📝": "txt md rst doc docx odt rtf srt ass tex",
    "📓": "ipynb",
    "⚙️": "exe msi deb rpm apk appimage bin",
    "💻": "py js html css json xml yaml yml toml c cpp h java go rs sh",
}
_ICON_OF = {extension: icon for icon, extensions in _ICONS.items() for extension in extensions.split()}


def file_icon(name: str) -> str:
    """A sign for the kind of file, by its extension."""
    return _ICON_OF.get(os.path.splitext(name)[1].lower().lstrip("."), "📄")


def badge(row: Row) -> str:
    """The status in words, with the specification's sign."""
    if row.session is not None:
        return say("view.resumable" if row.process is None else "view.elsewhere")
    return f"{row.shot.label} {row.shot.status.icon}".rstrip()


def group_count(group: Group, count: int) -> str:
    """``3 进行中`` for a head line."""
    return say(f"view.count.{group}", count=count)


def percent(value: float) -> str:
    """``45.5%``; 100 only when it is all."""
    return "100%" if value >= 100.0 else f"{min(value, 99.9):.1f}%"


def amount(shot: UploadProgress) -> str:
    """``456 MB / 1.07 GB``, or the size alone where nothing or everything is done."""
    done = shot.hashed_bytes if shot.status is UploadStatus.HASHING else shot.uploaded_bytes
    if shot.status.is_success or not done:
        return format_bytes(shot.file_size)
    return f"{format_bytes(done)} / {format_bytes(shot.file_size)}"


def used(seconds: float) -> str:
    """``已用时 3分12秒``; empty for nothing."""
    return say("view.used", time=format_duration(seconds)) if seconds >= 0.5 else ""


def note(row: Row) -> str:
    """What a row has to say beyond figures: where it was, what went wrong; one line."""
    if row.process is not None:
        return say("view.other_process", process=row.process)
    if row.shot.error_message:
        return " ".join(row.shot.error_message.split())
    return say("view.left_unfinished") if row.session is not None else ""


def file_id(shot: UploadProgress) -> str:
    """115's name of the finished file."""
    return f"{say('view.detail.file_id')}: {shot.file_id}" if shot.file_id else ""
