"""The parts of a sandbox, put together: what every endpoint may use."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from ..drive.cipher import ServerCipher
from .accounts import Accounts, Refusal
from .bucket import Oss
from .call import Call, answer
from .callback import Caller
from .faults import Faults
from .initupload import Uploads
from .objects import ObjectStore
from .state import Dials, Shelf
from .story import Story
from .tree import Tree

Handler = Callable[[Call], Awaitable[Response]]
#: Methods, path (a regular expression), route name, handler.
Endpoint = tuple[str, str, str, Handler]


@dataclass(slots=True)
class World:
    """Everything there is.

    Attributes:
        address: ``http://host:port`` of the sandbox.
    """

    address: str
    dials: Dials
    shelf: Shelf
    story: Story
    faults: Faults
    accounts: Accounts
    tree: Tree
    store: ObjectStore
    uploads: Uploads
    caller: Caller
    oss: Oss
    cipher: ServerCipher

    @classmethod
    def create(cls, folder: Path, dials: Dials, address: str) -> World:
        """A world in a folder; one that was there before goes on."""
        folder.mkdir(parents=True, exist_ok=True)
        shelf = Shelf(folder / "sandbox.sqlite3")
        accounts = Accounts(shelf, dials)
        tree = Tree(shelf, dials)
        dials.space_left -= shelf.number("SELECT sum(size) FROM entry")
        store = ObjectStore(folder / "blobs", shelf)
        caller = Caller(address, shelf.once("callback_secret", lambda: secrets.token_hex(32)))
        private = int(shelf.once("ecdh_private", lambda: str(1 + secrets.randbelow(1 << 220))))
        return cls(
            address=address,
            dials=dials,
            shelf=shelf,
            story=Story(),
            faults=Faults(),
            accounts=accounts,
            tree=tree,
            store=store,
            uploads=Uploads(shelf, dials, tree, store, accounts.user_id),
            caller=caller,
            oss=Oss(store, accounts.find_sts, accounts.form_key, caller, dials),
            cipher=ServerCipher(private),
        )

    def add_content(self, data: bytes) -> str:
        """Let 115 have some bytes; their SHA-1."""
        segment = self.store.add_bytes(data)
        digest = segment.digest
        stored = self.store.single("fhnfile", secrets.token_hex(20), "", segment)
        self.store.put(stored)
        self.uploads.learn(digest.sha1, digest.size, stored.bucket, stored.key)
        return digest.sha1

    # -- who is asking

    def by_cookie(self, handler: Handler) -> Handler:
        """Let only a living cookie in."""

        async def guarded(call: Call) -> Response:
            refusal = self.accounts.check_cookie(call.headers.get("cookie", ""))
            return cookie_error(refusal) if refusal is not None else await handler(call)

        return guarded

    def by_token(self, handler: Handler) -> Handler:
        """Let only a living access token in."""

        async def guarded(call: Call) -> Response:
            refusal = self.accounts.check_bearer(call.headers.get("authorization", ""))
            return open_error(refusal) if refusal is not None else await handler(call)

        return guarded


def cookie_error(refusal: Refusal) -> Response:
    """A refusal in the shape of webapi; HTTP 200 as always (protocol §1.2, §7)."""
    return answer({"state": False, "error": refusal.message, "errno": refusal.code, "errtype": "war"})


def open_ok(data: object, **more: object) -> Response:
    """A good answer of proapi: ``state``, ``message``, ``code``, ``data``."""
    return answer({"state": True, "message": "", "code": 0, "data": data, **more})


def open_error(refusal: Refusal) -> Response:
    """A refusal in the shape of proapi; HTTP 200 as always (protocol §1.2).  p115client reads ``errno``."""
    words = {"message": refusal.message, "code": refusal.code, "error": refusal.message, "errno": refusal.code}
    return answer({"state": False, **words, "data": []})
