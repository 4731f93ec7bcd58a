"""What the routes work with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from ..store import Store
from ..transfer.queue import UploadQueue
from .all_uploads import AllUploads
from .allowed_folders import AllowedFolders


def _version() -> str:
    try:
        return version("pan115kit")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0"


#: The kit's release (of the installed package: the root package is above this floor).
VERSION = _version()


@dataclass(frozen=True, slots=True, eq=False)
class ServerDependencies:
    """Queue, uploads, state directory and allowed folders of one server."""

    queue: UploadQueue
    uploads: AllUploads
    store: Store
    folders: AllowedFolders
