"""What can go wrong, on demand: named faults on named routes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..errors import ConfigError
from ..i18n import say

#: Routes of 115's hosts.
DRIVE_ROUTES = (
    "uploadinfo",
    "upload_key",
    "getuploadinfo",
    "gettoken",
    "initupload",
    "resumeupload",
    "sampleinitupload",
    "completeupload",
    "samplecompleteupload",
    "open_init",
    "open_get_token",
    "open_resume",
    "open_folder_add",
    "open_files",
    "open_get_info",
    "open_user_info",
    "auth_device_code",
    "device_code_to_token",
    "refresh_token",
    "qr_token",
    "qr_image",
    "qr_status",
    "qr_login",
    "user_status",
    "check_sso",
    "index_info",
    "file_info",
    "app_version",
    "files",
    "files_add",
    "files_search",
    "files_order",
    "getid",
    "get_path_id",
    "add_path",
    "aps_files",
    "app_files",
    "files_file",
    "files_supervision",
    "category_get",
    "files_shasearch",
    "batch_rename",
    "files_move",
    "move_progress",
    "files_copy",
    "rb_delete",
    "app_rb_delete",
    "rb_list",
    "rb_revert",
    "rb_clean",
    "rb_secret_del",
    "files_download",
    "chrome_downurl",
    "app_download",
    "open_search",
    "open_update",
    "open_move",
    "open_copy",
    "open_delete",
    "open_rb_list",
    "open_rb_revert",
    "open_rb_del",
    "open_downurl",
    "download",
)
#: Routes of OSS.
OSS_ROUTES = (
    "put_object",
    "post_object",
    "initiate",
    "upload_part",
    "list_parts",
    "complete",
    "abort",
    "head_object",
    "get_object",
    "list_uploads",
)
#: Every name that :meth:`Sandbox.fault` and :meth:`Sandbox.count` know.
ROUTES = DRIVE_ROUTES + OSS_ROUTES

_CALLBACK_ROUTES = ("put_object", "post_object", "complete")


class FaultKind(StrEnum):
    """The ways to fail."""

    #: Refusal with ``status`` (503) and ``code``/``message`` in the shape of the host; nothing is done.
    STATUS = "status"
    #: A TCP reset before anything is done, after ``after_bytes`` of the body (0).
    RESET_BEFORE = "reset_before"
    #: Everything is done, then a TCP reset in place of the reply.
    RESET_AFTER = "reset_after"
    #: Hangs until ``release()`` or the client leaves: ``when="before"`` (the body is not read beyond
    #: ``after_bytes``) or ``when="after"`` (done, but the reply does not come).
    STALL = "stall"
    #: Done, but half of the reply's body is missing.
    TRUNCATED_JSON = "truncated_json"
    #: 405 with the HTML page of Aliyun's firewall (protocol.md §7); nothing is done.
    HTML_405 = "html_405"
    #: ``state: false`` with ``code`` and ``message``; on put_object, post_object and complete it is 115's
    #: answer to the callback, the object stays stored.
    STATE_FALSE = "state_false"
    #: 203 CallbackFailed (protocol.md §4.7): stored, but 115 does not know; with ``told=True`` 115 knows, but its
    #: answer came too late for OSS.
    CALLBACK_203 = "callback_203"
    #: Done, but ``x-oss-hash-crc64ecma`` in the reply is wrong.
    WRONG_CRC = "wrong_crc"
    #: All STS keys are expired from this request on (protocol.md §4.6).
    EXPIRE_STS = "expire_sts"
    #: Done ``seconds`` (1.0) later.
    SLOW = "slow"
    #: 115's throttled answer in disguise (protocol-drive.md D0.14): a success without message, count or content;
    #: nothing is done.
    EMPTY = "empty"


_DETAILS: dict[FaultKind, dict[str, Any]] = {
    FaultKind.STATUS: {"status": 503, "code": "", "message": "", "headers": {}},
    FaultKind.RESET_BEFORE: {"after_bytes": 0},
    FaultKind.RESET_AFTER: {},
    FaultKind.STALL: {"when": "before", "after_bytes": 0},
    FaultKind.TRUNCATED_JSON: {},
    FaultKind.HTML_405: {},
    FaultKind.STATE_FALSE: {"code": 990009, "message": "操作尚未执行完成，请稍后再试"},
    FaultKind.CALLBACK_203: {"told": False, "message": "Error status : -1."},
    FaultKind.WRONG_CRC: {},
    FaultKind.EXPIRE_STS: {},
    FaultKind.SLOW: {"seconds": 1.0},
    FaultKind.EMPTY: {},
}


@dataclass(slots=True)
class Fault:
    """One installed fault.

    Attributes:
        left: Requests it will still hit; None for all.
        after: Requests it lets pass first.
    """

    route: str
    kind: FaultKind
    left: int | None
    after: int
    details: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.details[name]


class Faults:
    """The installed faults; safe from any thread."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._releases = 0
        #: Requests that hang right now.
        self.stalled = 0

    def add(
        self, route: str, kind: FaultKind | str, *, times: int | None = 1, after: int = 0, **details: Any
    ) -> Fault:
        """Install a fault.

        Args:
            route: A name of ``ROUTES``.
            kind: See :class:`FaultKind`.
            times: How many requests it hits; None for all until it is cleared.
            after: How many requests of the route pass first.
            **details: See :class:`FaultKind`.

        Raises:
            ConfigError: No such route, kind or detail, or a kind that this route cannot show.
        """
        if route not in ROUTES:
            raise ConfigError(
                say("sandbox.fault.no_route", route=repr(route)),
                hint=say("sandbox.fault.one_of", names=", ".join(ROUTES)),
            )
        try:
            kind = FaultKind(kind)
        except ValueError:
            raise ConfigError(
                say("sandbox.fault.no_kind", kind=repr(kind)),
                hint=say("sandbox.fault.one_of", names=", ".join(FaultKind)),
            ) from None
        unknown = details.keys() - _DETAILS[kind].keys()
        if unknown:
            known = ", ".join(_DETAILS[kind])
            raise ConfigError(
                say("sandbox.fault.no_detail", kind=kind, names=", ".join(sorted(unknown))),
                hint=say("sandbox.fault.details", names=known) if known else say("sandbox.fault.no_details"),
            )
        if kind is FaultKind.CALLBACK_203 and route not in _CALLBACK_ROUTES:
            raise ConfigError(
                say("sandbox.fault.no_callback", route=route),
                hint=say("sandbox.fault.use", names=", ".join(_CALLBACK_ROUTES)),
            )
        if kind is FaultKind.WRONG_CRC and route not in OSS_ROUTES:
            raise ConfigError(
                say("sandbox.fault.no_crc", route=route),
                hint=say("sandbox.fault.use", names="upload_part, put_object, complete"),
            )
        if kind is FaultKind.EMPTY and (route in OSS_ROUTES or route == "download"):
            raise ConfigError(say("sandbox.fault.not_json", route=route))
        fault = Fault(route, kind, times, after, {**_DETAILS[kind], **details})
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(self, route: str) -> Fault | None:
        """The fault that hits this request, if any; counts it."""
        with self._lock:
            for fault in self._faults:
                if fault.route != route or fault.left == 0:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.left is not None:
                    fault.left -= 1
                return fault
        return None

    def clear(self) -> None:
        """Remove all faults and let stalled requests go on."""
        with self._lock:
            self._faults.clear()
        self.release()

    def waiting(self) -> list[Fault]:
        """Faults that have not hit all they should."""
        with self._lock:
            return [f for f in self._faults if f.left != 0]

    @property
    def releases(self) -> int:
        """Goes up with each release: a stalled request waits for the next one."""
        return self._releases

    def release(self) -> None:
        """Let every stalled request go on."""
        with self._lock:
            self._releases += 1
