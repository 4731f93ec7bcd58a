"""A real JupyterLab in Chromium: started on loopback with throw-away directories, driven through its own commands."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import nbformat
from playwright.sync_api import Page, sync_playwright

CHROME = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("google-chrome")
_ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
_CELLS = ".jp-Notebook .jp-Cell"


class Lab:
    """A JupyterLab server and a browser.

    Args:
        root: Folder with the notebooks.
        scratch: For its settings and logs.
        theme: ``light`` or ``dark``.
    """

    def __init__(self, root: Path, scratch: Path, theme: str = "light") -> None:
        self.root, self.scratch, self.theme = root, scratch, theme

    def __enter__(self) -> Self:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = [
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={port}",
            "--allow-root",
            f"--ServerApp.root_dir={self.root}",
            "--IdentityProvider.token=",
            "--ServerApp.password=",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=",
        ]
        self._log = open(self.scratch / "lab.log", "w")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            start_new_session=True,
        )
        _until(self._answers, 90)
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROME, args=_ARGS)
        self._context = self._browser.new_context(viewport={"width": 1000, "height": 900})
        return self

    def _answers(self) -> bool:
        assert self._server.poll() is None, (self.scratch / "lab.log").read_text()[-3000:]
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{self.url}/api/status", timeout=2).read()
            return True
        return False

    def _environment(self) -> dict[str, str]:
        settings = {
            "apputils-extension/themes": {"theme": f"JupyterLab {self.theme.capitalize()}"},
            "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
            "notebook-extension/tracker": {"windowingMode": "none"},
        }
        for name, values in settings.items():
            file = self.scratch / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        places = {
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
        }
        return {
            **os.environ,
            **{name: str(self.scratch / place) for name, place in places.items()},
            "JUPYTER_PREFER_ENV_PATH": "1",
            "PAN115_LANG": "en",
        }

    def open(self, name: str) -> Notebook:
        """Open a notebook of the root folder in a page of its own."""
        page = self._context.new_page()
        page.set_default_timeout(30_000)
        notebook = Notebook(page)
        page.goto(f"{self.url}/doc/tree/{name}")
        notebook.ready()
        return notebook

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()
        os.killpg(self._server.pid, signal.SIGTERM)  # the server and its kernels: a session of our own
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait(10)
        self._log.close()


class Notebook:
    """A notebook in a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def ready(self) -> None:
        """Wait until its kernel is idle."""
        self.page.wait_for_function("() => window.jupyterapp && window.jupyterapp.shell.currentWidget")
        _until(lambda: self._state() == ["idle", 0], 60, self.page)

    def _state(self) -> Any:
        return self.page.evaluate(
            """() => { const w = window.jupyterapp.shell.currentWidget; const s = w?.sessionContext?.session;
            if (!s) return null;
            const busy = [...w.content.widgets].filter(c => c.promptNode?.textContent.includes('*')).length;
            return [s.kernel?.status, busy]; }"""
        )

    def run(self, cell: int, *, wait: bool = True) -> None:
        """Run one cell."""
        self.page.evaluate(
            """i => { const n = window.jupyterapp.shell.currentWidget.content; n.deselectAll();
            n.activeCellIndex = i; window.jupyterapp.commands.execute('notebook:run-cell'); }""",
            cell,
        )
        if wait:
            self.page.wait_for_timeout(150)
            self.ready()

    def command(self, name: str) -> None:
        """One of JupyterLab's commands."""
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def output(self, cell: int) -> Any:
        """The output area of a cell."""
        return self.page.locator(_CELLS).nth(cell).locator(".jp-Cell-outputArea")

    def text(self, cell: int) -> str:
        """What is read in a cell's output."""
        return str(self.output(cell).inner_text())

    def mimes(self, cell: int) -> list[str]:
        """What a cell's first output is made of, as it would be saved."""
        return list(
            self.page.evaluate(
                """i => { const o = window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON();
                return o.length ? Object.keys(o[0].data || {}) : []; }""",
                cell,
            )
        )

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> float:
        """Wait until something is so; how many seconds it took."""
        begun = time.monotonic()
        _until(condition, seconds, self.page)
        return time.monotonic() - begun

    def press(self, cell: int, name: str) -> None:
        """Press the first button of a cell's output with this word or tooltip."""
        self.output(cell).get_by_role("button", name=name).first.click()


def _until(condition: Callable[[], bool], seconds: float, page: Page | None = None) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        if page is not None:
            page.wait_for_timeout(30)
        else:
            time.sleep(0.1)


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernel}
    )
    nbformat.write(made, path)
