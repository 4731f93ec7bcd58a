"""The faces' words and signs: file icons, badges, facts; Chinese and English side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..i18n import both, format_bytes, format_duration, format_speed
from ..models import UploadStatus
from ..progress.snapshot import UploadProgress
from .rows import Action, Filter, Group, Row

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
    """A sign for the kind of file.

    Example:
        >>> file_icon("movie.MKV"), file_icon("README")
        ('📹', '📄')
    """
    return _ICON_OF.get(os.path.splitext(name)[1].lower().lstrip("."), "📄")


def badge(row: Row) -> str:
    """The status in words, with the specification's sign."""
    if row.session is not None:
        if row.process is not None:
            return both("其他进程", "Elsewhere")
        return both("可续传", "Resumable")
    return f"{row.shot.label} {row.shot.status.icon}".rstrip()


def action_word(action: Action) -> str:
    """A button's word for one upload."""
    return {
        Action.PAUSE: both("暂停", "Pause"),
        Action.RESUME: both("继续", "Resume"),
        Action.RETRY: both("重试", "Retry"),
        Action.CANCEL: both("取消", "Cancel"),
    }[action]


def action_word_all(action: Action) -> str:
    """A button's word for all uploads."""
    return {
        Action.PAUSE: both("全部暂停", "Pause all"),
        Action.RESUME: both("全部继续", "Resume all"),
        Action.RETRY: both("重试失败", "Retry failed"),
        Action.CANCEL: both("全部取消", "Cancel all"),
    }[action]


#: FontAwesome names, as ipywidgets' buttons take them.
ACTION_ICONS = {Action.PAUSE: "pause", Action.RESUME: "play", Action.RETRY: "refresh", Action.CANCEL: "times"}


def filter_word(which: Filter) -> str:
    """A filter button's word."""
    return {
        Filter.ALL: both("全部", "All"),
        Filter.OPEN: both("进行中", "Open"),
        Filter.FAILED: both("失败 / 取消", "Failed / cancelled"),
        Filter.DONE: both("完成", "Done"),
        Filter.UNFINISHED: both("未完成的会话", "Unfinished sessions"),
    }[which]


def group_count(group: Group, count: int) -> str:
    """``3 上传中`` for the head line."""
    return {
        Group.ACTIVE: both(f"{count} 进行中", f"{count} running"),
        Group.FAILED: both(f"{count} 失败", f"{count} failed"),
        Group.PAUSED: both(f"{count} 已暂停", f"{count} paused"),
        Group.UNFINISHED: both(f"{count} 可续传", f"{count} resumable"),
        Group.WAITING: both(f"{count} 待上传", f"{count} waiting"),
        Group.DONE: both(f"{count} 完成", f"{count} done"),
        Group.CANCELLED: both(f"{count} 已取消", f"{count} cancelled"),
    }[group]


def percent(value: float) -> str:
    """``45.5%``; 100 only when it is all.

    Example:
        >>> percent(45.54), percent(99.97), percent(100.0)
        ('45.5%', '99.9%', '100%')
    """
    return "100%" if value >= 100.0 else f"{min(value, 99.9):.1f}%"


def shown_percentage(shot: UploadProgress) -> float:
    """What the row's bar shows: the hash while hashing, else the upload."""
    return shot.hash_percentage if shot.status is UploadStatus.HASHING else shot.percentage


def amount(shot: UploadProgress) -> str:
    """``456 MB / 1.07 GB``, or the size alone where nothing or everything is done."""
    done = shot.hashed_bytes if shot.status is UploadStatus.HASHING else shot.uploaded_bytes
    if shot.status.is_success or not done:
        return format_bytes(shot.file_size)
    return f"{format_bytes(done)} / {format_bytes(shot.file_size)}"


def parts(shot: UploadProgress) -> str:
    """``分片 5/10``; empty for a file sent in one piece, and once all are there."""
    if not shot.total_parts or shot.status.is_success:
        return ""
    return both(f"分片 {shot.uploaded_parts}/{shot.total_parts}", f"part {shot.uploaded_parts}/{shot.total_parts}")


def speed(shot: UploadProgress) -> str:
    """The speed now, or the mean one of what was sent; empty while nothing should move."""
    if shot.status in (UploadStatus.HASHING, UploadStatus.UPLOADING):
        return format_speed(shot.speed_mbps * 1e6)
    if shot.status is UploadStatus.SUCCESS and shot.elapsed_seconds > 0:
        mean = format_speed((shot.file_size - shot.resumed_bytes) / shot.elapsed_seconds)
        return both(f"平均 {mean}", f"mean {mean}")
    return ""


def used(seconds: float) -> str:
    """``已用 3分12秒``; empty for nothing."""
    return both(f"已用 {format_duration(seconds)}", f"{format_duration(seconds)} used") if seconds >= 0.5 else ""


def remaining(seconds: float | None) -> str:
    """``剩余 2分8秒``, with a dash while unknown."""
    return both(f"剩余 {format_duration(seconds)}", f"{format_duration(seconds)} left")


def note(row: Row) -> str:
    """What a row has to say beyond figures: where it was, what went wrong; one line."""
    if row.process is not None:
        return both(f"另一个进程（{row.process}）正在处理", f"another process ({row.process}) works on it")
    if row.shot.error_message:
        return " ".join(row.shot.error_message.split())
    if row.session is not None:
        return both("上次运行未完成，可从断点继续", "left unfinished by an earlier run; it can go on from there")
    return ""


def file_id(shot: UploadProgress) -> str:
    """115's name of the finished file."""
    return both(f"文件ID {shot.file_id}", f"file id {shot.file_id}") if shot.file_id else ""


def resumed(shot: UploadProgress) -> str:
    """That it went on from an earlier run's bytes."""
    if not shot.resumed_bytes or shot.status is UploadStatus.QUICK_SUCCESS:
        return ""
    return both(f"从 {format_bytes(shot.resumed_bytes)} 续传", f"resumed at {format_bytes(shot.resumed_bytes)}")
