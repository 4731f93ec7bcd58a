"""115 itself, put together: the account, its drive, its uploads, and who may come in."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from starlette.responses import Response

from ...drive.cipher import ServerCipher
from ...i18n import format_bytes
from ..call import Call
from ..database import Database
from ..keys import BUCKET, CallbackKey
from ..object_store import ObjectStore
from ..settings import Settings
from .accounts import Accounts
from .changes import Changes
from .links import DownloadLinks
from .listing import ListQuery
from .m115 import M115Key
from .replies import DriveError, Handler, Refusal, cookie_error, open_error
from .tree import ROOT, Area, Entry, FolderOrder, Tree
from .uploads import Uploads, UploadTicket


@dataclass(frozen=True, slots=True)
class DriveService:
    """What 115's endpoints work with.

    Attributes:
        address: ``http://host:port`` of the sandbox.
        callback_key: Tells OSS's callbacks from a client's own words.
    """

    address: str
    settings: Settings
    accounts: Accounts
    tree: Tree
    store: ObjectStore
    changes: Changes
    uploads: Uploads
    links: DownloadLinks
    cipher: ServerCipher
    m115: M115Key
    callback_key: CallbackKey

    @classmethod
    def create(
        cls, address: str, settings: Settings, database: Database, store: ObjectStore, callback_key: CallbackKey
    ) -> DriveService:
        """115 on a database; an account that was there before goes on."""
        accounts = Accounts(database, settings)
        tree = Tree(database, settings)
        private = int(database.once("ecdh_private", lambda: str(1 + secrets.randbelow(1 << 220))))
        return cls(
            address=address,
            settings=settings,
            accounts=accounts,
            tree=tree,
            changes=Changes(tree, settings),
            store=store,
            uploads=Uploads(database, settings, tree, store, accounts.user_id),
            links=DownloadLinks(
                address, database.once("link_secret", lambda: secrets.token_hex(32)), accounts.user_id, settings
            ),
            cipher=ServerCipher(private),
            m115=_m115_key(database),
            callback_key=callback_key,
        )

    def add_content(self, data: bytes) -> str:
        """Let 115 have some bytes; their SHA-1."""
        segment = self.store.add_bytes(data)
        digest = segment.digest
        stored = self.store.single(BUCKET, secrets.token_hex(20), "", segment)
        self.store.put(stored)
        self.uploads.learn(digest.sha1, digest.size, stored.bucket, stored.key)
        return digest.sha1

    def space(self) -> dict[str, object]:
        """The account's space in the fields that the Open API and webapi share (protocol.md §6.2)."""
        left, used = self.settings.space_left, self.tree.used()
        sizes = {"all_total": left + used, "all_use": used, "all_remain": left}
        return {name: {"size": size, "size_format": format_bytes(size)} for name, size in sizes.items()}

    # -- listings, as all routes see them

    def known_folder(self, query: ListQuery) -> ListQuery:
        """The query, about the root where its folder is not there (D0.1).

        Raises:
            DriveError: 990002, if the settings say so.
        """
        if self.tree.is_folder(query.folder_id):
            return query
        if not self.settings.unknown_folder_is_root:
            raise DriveError(990002, "参数错误。")
        return replace(query, folder_id=ROOT, selection=replace(query.selection, folder_id=ROOT))

    def listed(self, query: ListQuery, order: FolderOrder, offset: int, limit: int) -> tuple[list[Entry], int]:
        """A page of a listing, and how many entries there are in all."""
        if query.area == Area.BIN:
            return self.tree.in_bin(offset, limit), self.tree.bin_count()
        if query.area != Area.DRIVE:
            return [], 0
        page = self.tree.page(query.selection, order, offset, limit, natural=query.natural)
        return page, self.tree.count(query.selection)

    def searched(self, query: ListQuery) -> tuple[list[Entry], int]:
        """A page of a search; what is too new is not in its index yet."""
        selection = query.selection
        if self.settings.search_lag_ms:
            indexed = time.time() - self.settings.search_lag_ms / 1000
            selection = replace(selection, added_before=min(selection.added_before or indexed, indexed))
        page = self.tree.page(selection, self.tree.order_of(query.folder_id), query.offset, query.limit)
        return page, self.tree.count(selection)

    def count_folders(self, query: ListQuery) -> int:
        """How many of the entries are folders."""
        if query.area != Area.DRIVE or not query.selection.folders:
            return 0
        return self.tree.count(replace(query.selection, files=False))

    # -- uploads

    def object_name(self, ticket: UploadTicket) -> str:
        """The object's name, or its full URL for clients that need one (protocol.md §11.3, §11.5)."""
        if not self.settings.object_as_url:
            return ticket.object
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}/{ticket.bucket}/{ticket.object}"

    # -- who may come in, and how they are refused

    def by_cookie(self, handler: Handler) -> Handler:
        """Let only a valid cookie in."""

        async def guarded(call: Call) -> Response:
            refusal = self.accounts.check_cookie(call.headers.get("cookie", ""))
            if refusal is not None:
                return cookie_error(refusal)
            try:
                return await handler(call)
            except DriveError as error:
                call.note(str(error.refusal.code))
                return cookie_error(error.refusal)

        return guarded

    def by_token(self, handler: Handler) -> Handler:
        """Let only a valid access token in."""

        async def guarded(call: Call) -> Response:
            refusal = self.accounts.check_bearer(call.headers.get("authorization", "")) or self._over_quota()
            if refusal is not None:
                return open_error(refusal)
            try:
                return await handler(call)
            except DriveError as error:
                call.note(str(error.refusal.code))
                return open_error(error.refusal)

        return guarded

    def _over_quota(self) -> Refusal | None:
        left = self.settings.open_calls_left
        if left is None:
            return None
        if left <= 0:
            return Refusal(770004, "已达到当前访问上限，请稍后再试")
        self.settings.open_calls_left = left - 1
        return None


def _m115_key(database: Database) -> M115Key:
    """The key pair of this data directory; it takes a moment to make one."""

    def make() -> str:
        key = M115Key.generate()
        return f"{key.modulus:x} {key.private_exponent:x}"

    modulus, exponent = database.once("m115_key", make).split()
    return M115Key(int(modulus, 16), int(exponent, 16))
