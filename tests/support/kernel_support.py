"""A real kernel, spoken to as a front end does."""

from __future__ import annotations

import os
import queue
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from panel_support import FrontEnd, action

#: Seconds to wait for what must come; only a test that fails waits so long.
PATIENCE = 120.0
WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass
class Cell:
    """What a cell's run gave."""

    status: str = ""
    text: str = ""
    displays: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    traceback: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Kernel:
    """A kernel process.

    Args:
        directory: Its working directory; its Jupyter files too.
        python: Its interpreter.
    """

    def __init__(self, directory: Path, python: Path | str = sys.executable) -> None:
        self.directory = directory
        self._manager = KernelManager(transport="ipc", connection_file=str(directory / f"k{time.time_ns()}.json"))
        argv = [str(python), "-W", "ignore", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self._manager._kernel_spec = KernelSpec(argv=argv, display_name="test", language="python")
        self.updates: list[dict[str, Any]] = []
        self.page = FrontEnd()

    def __enter__(self) -> Self:
        env = dict(os.environ, IPYTHONDIR=str(self.directory / "ipython"), JUPYTER_RUNTIME_DIR=str(self.directory))
        env["PAN115_LANG"] = "en"
        self._manager.start_kernel(cwd=str(self.directory), env=env)
        self.client: BlockingKernelClient = self._manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def forget(self) -> None:
        """Forget what was said to earlier tests."""
        self.updates, self.page = [], FrontEnd()
        for told in self.directory.glob("*.told"):
            told.unlink()

    def restart(self) -> None:
        """As the front end's button does."""
        self._manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=PATIENCE)

    def shut_down(self) -> None:
        """As the front end's button does: the kernel may tidy up."""
        self._manager.request_shutdown()

    def interrupt(self) -> None:
        """As ■ does."""
        self._manager.interrupt_kernel()

    def start(self, code: str) -> str:
        """Begin a cell; give its id to :meth:`finish`."""
        return self.client.execute(code)

    def run(self, code: str, timeout: float = PATIENCE) -> Cell:
        """Run a cell; it must not fail."""
        cell = self.finish(self.start(code), timeout)
        assert cell.status == "ok", "\n".join(cell.traceback)
        return cell

    def finish(self, message_id: str, timeout: float = PATIENCE) -> Cell:
        """Wait for a cell's end."""
        cell, begun = Cell(), time.monotonic()
        while not cell.status or cell.status == "wait":
            message = self._next(begun + timeout - time.monotonic())
            mine = message["parent_header"].get("msg_id") == message_id
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and mine and content["execution_state"] == "idle":
                break
            if kind == "stream" and mine:
                cell.text += content["text"]
            elif kind in ("display_data", "execute_result") and mine:
                cell.displays.append(content)
            elif kind == "error" and mine:
                cell.errors.append(content["ename"])
                cell.traceback = content["traceback"]
        cell.seconds = time.monotonic() - begun
        while True:
            reply = self.client.get_shell_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == message_id:
                cell.status = reply["content"]["status"]
                return cell

    def collect(self, condition: Any, timeout: float = PATIENCE) -> None:
        """Take in messages until ``condition()`` holds; the test fails if it never does."""
        end = time.monotonic() + timeout
        while not condition():
            self._next(end - time.monotonic())

    def _next(self, seconds: float) -> dict[str, Any]:
        try:
            message = self.client.get_iopub_msg(timeout=max(0.01, seconds))
        except queue.Empty:
            raise AssertionError("the kernel said nothing in time") from None
        kind, content = message["msg_type"], message["content"]
        if kind == "update_display_data":
            self.updates.append(content)
        elif kind.startswith("comm"):
            self.page.take(kind, content["comm_id"], content["data"])
        return message

    def wait_until_told(self, word: str) -> None:
        """Until something in the kernel has called ``tell(word)``, also while a cell blocks."""
        end = time.monotonic() + PATIENCE
        while not Path(self.directory, f"{word}.told").exists():
            assert time.monotonic() < end, f"nobody said {word}"
            time.sleep(0.01)

    def press(self, word: str) -> None:
        """Press a row's button as the front end does, once there is a row that has it."""
        self.collect(lambda: self._rows_with(word))
        model_id, key = self._rows_with(word)[0]
        content = {"comm_id": model_id, "data": {"method": "custom", "content": action(word, key)}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def _rows_with(self, word: str) -> list[tuple[str, str]]:
        lists = self.page.lists.items()
        return [(i, key) for i, found in lists for key, row in found["rows"].items() if word in row["actions"]]

    def statuses(self) -> list[str]:
        """How every upload stands, as the front end has it."""
        return [row["status"] for row in self.page.rows()]
