"""The panel as a front end sees it: an anywidget around ``<upload-progress-list>``, sent only what changed.

The first state and every answer to a page that has missed something is the whole list; between them numbered messages
carry the rows that changed.  A page that finds a number missing asks for the whole.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from ..i18n import language
from ..presentation.web_files import bundled, view_texts
from .clicks import on_message

#: ``act(message)``: what the page asks for, as JSON.
Act = Callable[[Mapping[str, Any]], None]


def _module() -> str:
    """The widget's module.  One JupyterLab may show several versions of the kit: each has its own tag."""
    text = bundled("widget.js")
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    return text.replace("TAG_OF_THIS_VERSION", f"upload-progress-list-{version}")


class UploadsWidget(anywidget.AnyWidget):
    """The list in a notebook.

    Args:
        look: ``heading``, ``single``, ``rows``, ``readonly``: the element's attributes.
        whole: Gives every row as JSON and the curve, ``{"uploads": …, "curve": …}``.
        act: Gets the page's messages; it is called on whatever thread the kernel has for them, and must only post.
    """

    _esm = _module()

    #: What :data:`web/widget.js` keeps its rows by, across the views of this model.
    key = traitlets.Unicode().tag(sync=True)
    texts = traitlets.Dict().tag(sync=True)
    look = traitlets.Dict().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(self, look: Mapping[str, Any], whole: Callable[[], Mapping[str, Any]], act: Act) -> None:
        self._whole = whole
        self._number = 0
        texts = view_texts(language())
        super().__init__(key=secrets.token_hex(8), texts=texts, look=dict(look))
        on_message(self, act)

    @property
    def alive(self) -> bool:
        """Whether it can be shown: a user may close it too."""
        return self.comm is not None

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """As ipywidgets asks for it: for a page that has nothing yet the list is made at that moment."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if key is None:
            state["snapshot"] = self._numbered()
        return state

    def set_look(self, **values: Any) -> None:
        """Change some of the element's attributes."""
        self.look = self.look | values

    def send_changes(self, uploads: Sequence[Mapping[str, Any]], removed: Sequence[str] = ()) -> None:
        """Send rows that are new or different, and the keys of those that are gone."""
        self._number += 1
        self.send({"kind": "changes", "number": self._number, "uploads": [*uploads], "removed": [*removed]})

    def send_number(self) -> None:
        """Say how many messages there were: servers drop some under load, and the page asks for what it missed."""
        self.send({"kind": "number", "number": self._number})

    def send_whole(self) -> None:
        """Send everything, to be kept by the page's model: what is opened later without the kernel shows this."""
        self.snapshot = self._numbered()

    def answer(self, number: object) -> None:
        """A page has all messages up to ``number``: send it the whole where that is not all."""
        if number != self._number:
            self.send({"kind": "whole", **self._numbered()})

    def close(self) -> None:
        """Close it and its layout; ipywidgets closes only what it is told."""
        if self.comm is not None:
            self.layout.close()
        super().close()

    def _numbered(self) -> dict[str, Any]:
        return {"number": self._number, **self._whole()}
