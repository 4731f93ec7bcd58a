"""REST, WebSocket and a live page over the uploads (extra ``server``).

``client.serve()`` starts it from a cell, ``python -m pan115kit serve`` from a terminal.

Example:
    >>> server = client.serve()          # doctest: +SKIP
    >>> server.link                      # doctest: +SKIP
    'http://127.0.0.1:45321/?token=…'
"""

from .allowed_folders import AllowedFolder, default_folders
from .app import create_app
from .thread import Server, serve

__all__ = ["AllowedFolder", "Server", "create_app", "default_folders", "serve"]
