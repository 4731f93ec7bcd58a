"""Clicks that are answered while a cell runs; the private corners of ipykernel we touch, all of them here.

What a kernel does with a click while a cell awaits or blocks differs by version.  ipykernel 7 handles it on its own,
on 7.4 while a cell blocks after a hint (:func:`_free_comm`).  ipykernel 6 puts every message into one queue that the
running cell holds up; but its event loop runs while a cell awaits, so we look at each message as it comes in
(:class:`_Listener`).  Each name is tested for, and where it is missing a click only waits for the end of the cell.
"""

from __future__ import annotations

import hmac
import logging
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from .._base.environment import shell

logger = logging.getLogger("pan115kit")

#: model_id of a widget -> who answers it.
_listeners: weakref.WeakValueDictionary[str, _Listener] = weakref.WeakValueDictionary()
#: Kernels we listen to; there is one, but for tests.
_listening: weakref.WeakSet[Any] = weakref.WeakSet()


def on_message(widget: Any, act: Callable[[Mapping[str, Any]], None]) -> None:
    """Call ``act`` once for every message a page sends to ``widget``, also while a cell awaits (or blocks, where that
    can be had).

    Args:
        widget: An ipywidgets widget whose pages send objects with an ``id`` of their own.
        act: Returns at once; the thread it is called on differs between versions.
    """
    listener = _Listener(act)
    widget.on_msg(listener.delivered)  # which keeps the listener alive as long as the widget
    _free_comm(widget)
    kernel = getattr(shell(), "kernel", None)
    if kernel is not None and widget.model_id and _queues_messages(kernel):
        _listeners[widget.model_id] = listener
        # on the kernel's loop, which may not be the thread we are on
        kernel.io_loop.add_callback(_listen, kernel)


class _Listener:
    """One widget's messages: each is heard when it comes in and when it is delivered, but acted on once."""

    def __init__(self, act: Callable[[Mapping[str, Any]], None]) -> None:
        self._act = act
        self._ahead: set[object] = set()  # acted on already, still to be delivered

    def heard(self, content: Mapping[str, Any]) -> None:
        self._ahead.add(content["id"])
        self._act(content)

    def delivered(self, _: object, content: Mapping[str, Any], buffers: object) -> None:
        if content.get("id") in self._ahead:
            self._ahead.remove(content["id"])
        else:
            self._act(content)


def _free_comm(widget: Any) -> None:
    """Let the front end's own subshell answer this widget's clicks, so that they arrive while a cell blocks.

    ipykernel 7.4 routes a reply to the (sub)shell that last published on the comm, which is the blocked main one.
    """
    comm = getattr(widget, "comm", None)
    if comm is not None and callable(getattr(comm, "_reply_subshell_for", None)):
        comm._reply_subshell_for = None


def _queues_messages(kernel: Any) -> bool:
    """Whether this is ipykernel 6, where every message waits in one queue for the running cell."""
    return all(hasattr(kernel, name) for name in ("msg_queue", "schedule_dispatch", "dispatch_shell", "shell_stream"))


def _listen(kernel: Any) -> None:
    if kernel in _listening or kernel.shell_stream is None:
        return
    _listening.add(kernel)

    def received(frames: list[Any]) -> None:
        message = _custom_message(kernel.session, frames)
        # what ipykernel itself does with a message; it is then delivered a second time, and let pass
        kernel.schedule_dispatch(kernel.dispatch_shell, frames)
        listener = _listeners.get(message[0]) if message else None
        if message and listener is not None:
            listener.heard(message[1])

    kernel.shell_stream.on_recv(received, copy=False)


def _custom_message(session: Any, frames: list[Any]) -> tuple[str, Mapping[str, Any]] | None:
    """To which widget (model_id) a page sent what, or None; the message is left as it is."""
    try:
        _, (signature, *signed) = session.feed_identities(frames, copy=False)
        parts = [bytes(frame.buffer) for frame in signed[:4]]
        if session.unpack(parts[0])["msg_type"] != "comm_msg":
            return None
        content = session.unpack(parts[3])
        if content["comm_id"] not in _listeners or content["data"]["method"] != "custom":
            return None
        if session.auth is not None and not hmac.compare_digest(session.sign(parts), bytes(signature.buffer)):
            return None
        said = content["data"]["content"]
        return (content["comm_id"], said) if "id" in said else None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        logger.debug("a message that is none of ours: %r", error)  # ipykernel itself reports what it cannot read
    return None
