"""Clicks that are answered while a cell runs; the private corners of ipykernel we touch, all of them here.

What a kernel does with a click while a cell awaits or blocks differs by version.  ipykernel 7 handles it on its own,
on 7.4 while a cell blocks after a hint (:func:`_free_comm`).  ipykernel 6 puts every message into one queue that the
running cell holds up; but its event loop runs while a cell awaits, so we look at each message as it comes in
(:class:`_Overheard`).  Each name is tested for, and where it is missing a click only waits for the end of the cell.
"""

from __future__ import annotations

import hmac
import logging
import weakref
from collections.abc import Callable
from typing import Any

from .._base.environment import shell

logger = logging.getLogger("pan115kit")

#: model_id of a button -> who answers it.
_answers: weakref.WeakValueDictionary[str, _Answer] = weakref.WeakValueDictionary()
#: Kernels we listen to; there is one, but for tests.
_listening: weakref.WeakSet[Any] = weakref.WeakSet()


def on_click(button: Any, act: Callable[[], None]) -> None:
    """Call ``act`` once for every click on ``button``, also while a cell awaits (or blocks, where that can be had).

    Args:
        button: An ipywidgets button.
        act: Returns at once; the thread it is called on differs between versions.

    Example:
        >>> on_click(button, lambda: queue.pause_all())     # doctest: +SKIP
    """
    answer = _Answer(act)
    button.on_click(answer.delivered)  # which keeps the answer alive as long as the button
    _free_comm(button)
    kernel = getattr(shell(), "kernel", None)
    if kernel is not None and button.model_id and _queues_messages(kernel):
        _answers[button.model_id] = answer
        # on the kernel's loop, which may not be the thread we are on
        kernel.io_loop.add_callback(_listen, kernel)


class _Answer:
    """One button's clicks: each is heard when it comes in or when it is delivered, but acted on once."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._ahead = 0  # acted on already, still to be delivered

    def heard(self) -> None:
        self._ahead += 1
        self._act()

    def delivered(self, _: object) -> None:
        if self._ahead:
            self._ahead -= 1
        else:
            self._act()


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
        model_id = _clicked(kernel.session, frames)
        # what ipykernel itself does with a message; the click is then delivered a second time, and let pass
        kernel.schedule_dispatch(kernel.dispatch_shell, frames)
        answer = _answers.get(model_id) if model_id else None
        if answer is not None:
            answer.heard()

    kernel.shell_stream.on_recv(received, copy=False)


def _clicked(session: Any, frames: list[Any]) -> str:
    """The model_id of the button a message says was clicked, or nothing; the message is left as it is."""
    try:
        _, (signature, *signed) = session.feed_identities(frames, copy=False)
        parts = [bytes(frame.buffer) for frame in signed[:4]]
        if session.unpack(parts[0])["msg_type"] != "comm_msg":
            return ""
        if session.auth is not None and not hmac.compare_digest(session.sign(parts), bytes(signature.buffer)):
            return ""
        content = session.unpack(parts[3])
        said = content["data"]
        if said.get("method") == "custom" and said["content"] == {"event": "click"}:
            return str(content["comm_id"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        logger.debug("a message that is no click: %r", error)  # ipykernel will tell what is wrong with it
    return ""
