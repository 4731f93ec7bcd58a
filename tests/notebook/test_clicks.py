"""Clicks on an ipykernel that queues messages: heard as they come in, each acted on once; nothing else touched."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import ipywidgets
import pytest
import zmq
from jupyter_client.session import Session

from pan115kit.notebook import clicks


class _Kernel:
    """The part of ipykernel 6 that takes messages in."""

    def __init__(self) -> None:
        self.session = Session(key=b"secret")
        self.msg_queue = asyncio.Queue[Any]()
        self.shell_stream = self.io_loop = self
        self.queued: list[Any] = []
        self.received: Callable[[list[Any]], None]

    def add_callback(self, function: Callable[..., None], *arguments: Any) -> None:
        function(*arguments)

    def on_recv(self, received: Callable[[list[Any]], None], copy: bool) -> None:
        assert not copy
        self.received = received

    def dispatch_shell(self, frames: list[Any]) -> None: ...

    def schedule_dispatch(self, dispatch: object, frames: list[Any]) -> None:
        assert dispatch == self.dispatch_shell
        self.queued.append(frames)

    def take(self, kind: str, content: dict[str, Any], *, key: bytes = b"secret") -> None:
        sender = Session(key=key, session=self.session.session)
        self.received([zmq.Frame(part) for part in sender.serialize(sender.msg(kind, content), ident=b"lab")])


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> _Kernel:
    made = _Kernel()
    monkeypatch.setattr(clicks, "shell", lambda: type("Shell", (), {"kernel": made}))
    return made


def press(widget: ipywidgets.Widget, number: int) -> dict[str, Any]:
    content = {"kind": "action", "id": f"page-{number}"}
    return {"comm_id": widget.model_id, "data": {"method": "custom", "content": content}}


def deliver(widget: ipywidgets.Widget, message: dict[str, Any]) -> None:
    """The cell has ended, and the queue delivers what waited."""
    widget._handle_custom_msg(message["data"]["content"], [])


def test_a_click_is_heard_as_it_comes_in_and_acted_on_once(kernel: _Kernel) -> None:
    """While a cell awaits on ipykernel 6 its queue stands still: pause must not wait for that, nor happen twice."""
    widget, acted = ipywidgets.DOMWidget(), []
    clicks.on_message(widget, acted.append)
    waiting = [press(widget, number) for number in range(3)]
    for message in waiting:
        kernel.take("comm_msg", message)
    assert [content["id"] for content in acted] == ["page-0", "page-1", "page-2"]
    assert len(kernel.queued) == 3
    for message in waiting:
        deliver(widget, message)
    assert len(acted) == 3
    deliver(widget, press(widget, 4))
    assert len(acted) == 4
    widget.close()


def test_every_message_goes_where_ipykernel_sends_it(kernel: _Kernel) -> None:
    """Listening must not cost the kernel a message, whatever it is."""
    widget, acted = ipywidgets.DOMWidget(), []
    clicks.on_message(widget, acted.append)
    kernel.take("execute_request", {"code": "1"})
    kernel.take("comm_msg", press(widget, 1) | {"comm_id": "somebody else's"})
    kernel.take("comm_msg", {"comm_id": widget.model_id, "data": {"method": "update", "state": {}}})
    kernel.take("comm_msg", {"comm_id": widget.model_id})
    kernel.take("comm_msg", {"comm_id": widget.model_id, "data": {"method": "custom", "content": {"event": "click"}}})
    kernel.take("comm_msg", press(widget, 2), key=b"forged")
    kernel.received([zmq.Frame(b"no message at all")])
    assert len(kernel.queued) == 7
    assert acted == []
    widget.close()


def test_a_panel_that_is_gone_leaves_nothing_behind(kernel: _Kernel) -> None:
    widget = ipywidgets.DOMWidget()
    clicks.on_message(widget, lambda content: None)
    message = press(widget, 1)
    assert message["comm_id"] in clicks._listeners
    widget.close()
    del widget
    gc.collect()
    assert message["comm_id"] not in clicks._listeners
    kernel.take("comm_msg", message)
    assert len(kernel.queued) == 1
