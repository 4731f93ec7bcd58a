"""115 itself, put together: the account, its drive, its uploads, and who may come in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
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
from .replies import DriveError, Handler, cookie_error, open_error
from .tree import Tree
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
    uploads: Uploads
    cipher: ServerCipher
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
            store=store,
            uploads=Uploads(database, settings, tree, store, accounts.user_id),
            cipher=ServerCipher(private),
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

    def object_name(self, ticket: UploadTicket) -> str:
        """The object's name, or its full URL for clients that need one (protocol.md §11.3, §11.5)."""
        if not self.settings.object_as_url:
            return ticket.object
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}/{ticket.bucket}/{ticket.object}"

    # -- who may come in, and how they are refused

    def by_cookie(self, handler: Handler) -> Handler:
        """Let only a living cookie in."""

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
        """Let only a living access token in."""

        async def guarded(call: Call) -> Response:
            refusal = self.accounts.check_bearer(call.headers.get("authorization", ""))
            if refusal is not None:
                return open_error(refusal)
            try:
                return await handler(call)
            except DriveError as error:
                call.note(str(error.refusal.code))
                return open_error(error.refusal)

        return guarded
