"""Pause, resume, cancel and retry: what makes sense when, and what is said about it.  Pure."""

from __future__ import annotations

from enum import StrEnum

from ..i18n import both
from ..models import UploadStatus


class Command(StrEnum):
    """What can be told to an upload."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"

    def fits(self, status: UploadStatus) -> bool:
        """Whether it makes sense for an upload in ``status``.

        Example:
            >>> Command.RETRY.fits(UploadStatus.FAILED), Command.PAUSE.fits(UploadStatus.SUCCESS)
            (True, False)
        """
        if self is Command.RETRY:
            return status in (UploadStatus.FAILED, UploadStatus.CANCELLED)
        return not status.is_final

    def fits_all(self, status: UploadStatus) -> bool:
        """Whether it is meant where it is told to all: who cancelled something does not want it retried."""
        wanted = {
            Command.PAUSE: not status.is_final and status is not UploadStatus.PAUSED,
            Command.RESUME: status is UploadStatus.PAUSED,
            Command.CANCEL: not status.is_final,
            Command.RETRY: status is UploadStatus.FAILED,
        }
        return wanted[self]

    @property
    def user_message(self) -> str:
        """That it was passed on."""
        return {
            Command.PAUSE: both("已暂停", "paused"),
            Command.RESUME: both("已继续", "resumed"),
            Command.CANCEL: both("已取消", "cancelled"),
            Command.RETRY: both("已重新开始", "started again"),
        }[self]


def does_not_fit(command: Command, status: UploadStatus) -> str:
    """Why a command was not passed on."""
    if command is Command.RETRY:
        return both(
            f"只有失败或已取消的任务可以重试（当前：{status.label}）",
            f"only failed or cancelled ones can be retried, this is {status}",
        )
    return both(f"任务已结束（{status.label}）", f"the upload has ended ({status})")


def runs_elsewhere(process: str) -> str:
    """Why an upload of another process cannot be commanded here."""
    return both(
        f"该任务由另一个进程（{process}）上传，请在那里操作",
        f"another process ({process}) runs this upload: command it there",
    )


def not_in_this_queue() -> str:
    """Why an upload of another client of this process cannot be commanded here."""
    return both(
        "该任务属于本进程中的另一个客户端，请在那里操作",
        "another client of this process runs this upload: command it there",
    )


def no_such_job() -> str:
    """There is no such upload."""
    return both("没有这个上传任务", "there is no such upload")


def no_such_session() -> str:
    """There is no such session."""
    return both("没有这个会话", "there is no such session")
