"""Does 115 have this content already, and if not, where should it go?  The same decision for both routes.

Second check, instant hit, tickets and completion: protocol.md §2.3, §3.1, §5.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass

from ..database import Database
from ..keys import BUCKET
from ..object_store import ObjectStore, StoredObject
from ..settings import Settings
from .entry_names import encode_pick_code, short_name
from .replies import DriveError, Refusal
from .tree import ROOT, Entry, Tree

#: Bytes of the range a second check asks for.
_CHECK_SPAN = 128
_SHA1 = re.compile(r"[0-9A-F]{40}")
_TARGET = re.compile(r"U_1_(\d+)")

_CALLBACK_URL = "http://uplb.115.com/3.0/completeupload.php"
_CALLBACK_BODY = (
    "bucket=${bucket}&object=${object}&size=${size}&sha1=${sha1}&pick_code=${x:pick_code}&user_id=${x:user_id}"
    "&behavior_type=${x:behavior_type}&source=${x:source}&target=${x:target}&task_uid=${x:task_uid}"
)
_SAMPLE_CALLBACK_URL = "http://uplb.115.com/3.0/samplecompleteupload.php"


@dataclass(frozen=True, slots=True)
class InitRequest:
    """An init call, as both routes make it.

    Attributes:
        sha1: ``fileid`` as sent.
        path: Folders below the target to make first (p115client).
        pick_code: Of an earlier init of the same upload.
    """

    name: str
    size: str
    sha1: str
    target: str
    sign_key: str = ""
    sign_val: str = ""
    path: str = ""
    pick_code: str = ""


@dataclass(frozen=True, slots=True)
class InstantUpload:
    """115 has it: the entry is in the drive."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class RangeCheck:
    """115 wants the SHA-1 of ``first``-``last``, both inclusive.

    Attributes:
        status: 7, or 6/8 when an answer was wrong.
        code: 701, or 700/702.
    """

    status: int
    code: int
    sign_key: str
    first: int
    last: int

    @property
    def range(self) -> str:
        """``first-last``."""
        return f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """The bytes are wanted, at this object, with this pick code."""

    pick_code: str
    file_id: int
    name: str
    size: int
    sha1: str
    parent_id: int
    bucket: str
    object: str
    done: bool = False

    @property
    def target(self) -> str:
        """``U_1_<folder>``."""
        return f"U_1_{self.parent_id}"


class Uploads:
    """What 115 knows of uploads: contents it has, challenges it set, tickets it gave."""

    def __init__(self, database: Database, settings: Settings, tree: Tree, store: ObjectStore, user_id: int) -> None:
        self._database = database
        self._settings = settings
        self._tree = tree
        self._store = store
        self._user_id = user_id

    # -- init

    def init(self, request: InitRequest) -> InstantUpload | RangeCheck | UploadTicket | Refusal:
        """The answer to an init call."""
        refused = self._refuse(request)
        if refused is not None:
            return refused
        size, sha1 = int(request.size), request.sha1.upper()
        if size >= self._settings.second_check_size:
            check = self._second_check(request, size, sha1)
            if check is not None:
                return check
        try:
            parent_id = self._tree.make_path(int(request.target.removeprefix("U_1_")), request.path)
            name = short_name(request.name)
            if self.knows(sha1, size):
                return InstantUpload(self._tree.add_file(self._tree.new_id(), parent_id, name, size, sha1))
        except DriveError as error:
            return error.refusal
        again = self.ticket(request.pick_code) if request.pick_code else None
        if again is not None and not again.done and (again.sha1, again.size) == (sha1, size):
            return again
        return self._issue(name, size, sha1, parent_id)

    def _refuse(self, request: InitRequest) -> Refusal | None:
        if not (request.size.isascii() and request.size.isdigit()) or int(request.size) > self._settings.size_limit:
            return Refusal(402, "filesize invalid")
        if not request.name or "/" in request.name:
            return Refusal(402, "filename invalid")
        if _SHA1.fullmatch(request.sha1.upper()) is None:
            return Refusal(402, "fileid invalid")
        target = _TARGET.fullmatch(request.target)
        if target is None:
            return Refusal(402, "target invalid")
        if not self._tree.is_folder(int(target.group(1))):
            return Refusal(10014, "云端目录不存在，请恢复后重新上传")
        if int(request.size) > self._settings.space_left:
            return Refusal(91005, "空间不足，上传失败。")
        return None

    def _second_check(self, request: InitRequest, size: int, sha1: str) -> RangeCheck | None:
        """None once a set challenge is answered rightly."""
        if not request.sign_key:
            return self._challenge(7, 701, sha1, size)
        row = self._database.row("SELECT * FROM challenge WHERE sign_key=?", request.sign_key)
        if row is None or (row["sha1"], row["size"]) != (sha1, size):
            return self._challenge(8, 702, sha1, size)
        self._database.run("DELETE FROM challenge WHERE sign_key=?", request.sign_key)
        if _SHA1.fullmatch(request.sign_val) is None:
            return self._challenge(6, 700, sha1, size)
        stored = self.content(sha1, size)
        if stored is not None:
            digest = hashlib.sha1()
            for chunk in self._store.read(stored.segments, row["first"], row["last"] - row["first"] + 1):
                digest.update(chunk)
            if digest.hexdigest().upper() != request.sign_val:
                return self._challenge(6, 700, sha1, size)
        return None  # 115 cannot check what it does not have; the callback will (protocol.md §2.3)

    def _challenge(self, status: int, code: int, sha1: str, size: int) -> RangeCheck:
        span = min(_CHECK_SPAN, size)
        first = secrets.randbelow(size - span + 1)
        check = RangeCheck(status, code, secrets.token_hex(20).upper(), first, first + span - 1)
        self._database.run("INSERT INTO challenge VALUES(?,?,?,?,?)", check.sign_key, sha1, size, first, check.last)
        return check

    def _issue(self, name: str, size: int, sha1: str, parent_id: int) -> UploadTicket:
        file_id = self._tree.new_id()
        ticket = UploadTicket(
            encode_pick_code(file_id), file_id, name, size, sha1, parent_id, BUCKET, secrets.token_hex(20)
        )
        self._database.run(
            "INSERT INTO ticket VALUES(?,?,?,?,?,?,?,?,0)",
            ticket.pick_code,
            file_id,
            name,
            size,
            sha1,
            parent_id,
            BUCKET,
            ticket.object,
        )
        return ticket

    # -- contents

    def knows(self, sha1: str, size: int) -> bool:
        """Has 115 seen this content?"""
        return self._database.row("SELECT 1 FROM content WHERE sha1=? AND size=?", sha1, size) is not None

    def learn(self, sha1: str, size: int, bucket: str = "", key: str = "") -> None:
        """115 has this content from now on; without an object it has it elsewhere."""
        self._database.run("INSERT OR IGNORE INTO content VALUES(?,?,?,?)", sha1, size, bucket, key)

    def content(self, sha1: str, size: int) -> StoredObject | None:
        """The bytes of a content; None when 115 knows it without having got it here."""
        row = self._database.row("SELECT * FROM content WHERE sha1=? AND size=?", sha1, size)
        return None if row is None or not row["object"] else self._store.object(row["bucket"], row["object"])

    def content_of(self, entry: Entry) -> StoredObject | None:
        """The bytes behind a file entry; None when 115 knows the content without having got it here."""
        return self.content(entry.sha1, entry.size)

    # -- tickets

    def ticket(self, pick_code: str) -> UploadTicket | None:
        """A ticket by its pick code."""
        row = self._database.row("SELECT * FROM ticket WHERE pick_code=?", pick_code)
        if row is None:
            return None
        return UploadTicket(
            row["pick_code"],
            row["file_id"],
            row["name"],
            row["size"],
            row["sha1"],
            row["parent_id"],
            row["bucket"],
            row["object"],
            bool(row["done"]),
        )

    def sample(self, name: str, parent_id: int) -> UploadTicket:
        """A ticket for a form upload: neither size nor SHA-1 is known before (protocol.md §2.6)."""
        return self._issue(short_name(name), -1, "", parent_id if self._tree.is_folder(parent_id) else ROOT)

    def callback(self, ticket: UploadTicket) -> dict[str, str]:
        """The ``callback`` object of an init or resume answer: two JSON texts (protocol.md §2.3)."""
        variables = {
            "x:pick_code": ticket.pick_code,
            "x:user_id": str(self._user_id),
            "x:behavior_type": "0",
            "x:source": "5",
            "x:target": ticket.target,
            "x:task_uid": secrets.token_hex(8),
        }
        fields = {"callbackUrl": _CALLBACK_URL, "callbackBody": _CALLBACK_BODY}
        return {"callback": php_json(fields), "callback_var": php_json(variables)}

    def sample_callback(self, ticket: UploadTicket) -> str:
        """The callback of a form upload, its pick code written into the body."""
        body = _CALLBACK_BODY.split("&pick_code")[0] + f"&pick_code={ticket.pick_code}&user_id={self._user_id}"
        return php_json({"callbackUrl": _SAMPLE_CALLBACK_URL, "callbackBody": f"{body}&target={ticket.target}"})

    # -- completion

    def finish(self, bucket: str, key: str, sha1: str, size: str, pick_code: str, user_id: str) -> Entry | Refusal:
        """OSS says an object is there: look at it, and put the file into the drive (protocol.md §5).

        115 believes OSS, not the words of the callback: the object's own SHA-1 counts, and a multipart upload
        without ``sequential`` has none (protocol.md §4.3).
        """
        ticket, stored = self.ticket(pick_code), self._store.object(bucket, key)
        failed = Refusal(10002, "校验文件失败")
        if ticket is None or stored is None or user_id != str(self._user_id):
            return failed
        if (ticket.bucket, ticket.object) != (bucket, key) or not stored.sha1 or sha1 != stored.sha1:
            return failed
        if size != str(stored.size) or ticket.size not in (-1, stored.size):
            return failed
        if ticket.sha1 not in ("", stored.sha1):
            return failed
        found = self._tree.entry(ticket.file_id)
        if found is not None:  # the callback came twice
            return found
        try:
            entry = self._tree.add_file(ticket.file_id, ticket.parent_id, ticket.name, stored.size, stored.sha1)
        except DriveError as error:
            return error.refusal
        self.learn(stored.sha1, stored.size, bucket, key)
        self._database.run("UPDATE ticket SET done=1 WHERE pick_code=?", pick_code)
        return entry


def php_json(data: dict[str, str]) -> str:
    r"""JSON as 115's PHP writes it: no spaces, slashes escaped."""
    return json.dumps(data, separators=(",", ":")).replace("/", "\\/")
