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


def click(button: ipywidgets.Button) -> dict[str, Any]:
    return {"comm_id": button.model_id, "data": {"method": "custom", "content": {"event": "click"}}}


def test_a_click_is_heard_as_it_comes_in_and_acted_on_once(kernel: _Kernel) -> None:
    """While a cell awaits on ipykernel 6 its queue stands still: pause must not wait for that, nor happen twice."""
    button, acted = ipywidgets.Button(), []
    clicks.on_click(button, lambda: acted.append(1))
    for _ in range(3):
        kernel.take("comm_msg", click(button))
    assert len(acted) == len(kernel.queued) == 3
    for _ in range(3):
        button.click()  # the cell has ended, and the queue delivers them
    assert len(acted) == 3
    button.click()
    assert len(acted) == 4
    button.close()


def test_every_message_goes_where_ipykernel_sends_it(kernel: _Kernel) -> None:
    """Listening must not cost the kernel a message, whatever it is."""
    button, acted = ipywidgets.Button(), []
    clicks.on_click(button, lambda: acted.append(1))
    kernel.take("execute_request", {"code": "1"})
    kernel.take("comm_msg", click(button) | {"comm_id": "somebody else's"})
    kernel.take("comm_msg", {"comm_id": button.model_id, "data": {"method": "update", "state": {}}})
    kernel.take("comm_msg", {"comm_id": button.model_id})
    kernel.take("comm_msg", click(button), key=b"forged")
    kernel.received([zmq.Frame(b"no message at all")])
    assert len(kernel.queued) == 6
    assert acted == []
    button.close()


def test_a_panel_that_is_gone_leaves_nothing_behind(kernel: _Kernel) -> None:
    button = ipywidgets.Button()
    clicks.on_click(button, lambda: None)
    message = click(button)
    assert message["comm_id"] in clicks._answers
    button.close()
    del button
    gc.collect()
    assert message["comm_id"] not in clicks._answers
    kernel.take("comm_msg", message)
    assert len(kernel.queued) == 1
