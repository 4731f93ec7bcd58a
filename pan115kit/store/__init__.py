"""What survives a crash: sessions, history, hashes and leases in one SQLite file of the state directory.

Every method is synchronous and safe from any thread; all of them run on the one thread ``pan115-store``.  From an
event loop use :meth:`Store.call`, which does not block it.
"""

from .leases import LeaseOwner
from .sessions import PendingAbort, session_id_for
from .store import Store, open_store

__all__ = ["LeaseOwner", "PendingAbort", "Store", "open_store", "session_id_for"]
