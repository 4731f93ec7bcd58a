"""A real JupyterLab in Chromium: started on loopback with throw-away directories, driven through its own commands."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import nbformat
from playwright.sync_api import Locator, Page, expect, sync_playwright

CHROME = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("google-chrome")
_ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
_CELLS = ".jp-Notebook .jp-Cell"
#: Seconds to wait for what must come, and for what a machine takes long for (JupyterLab, a kernel): only a failing
#: test waits them out.
PATIENCE, LONG = 60.0, 180.0
expect.set_options(timeout=PATIENCE * 1000)


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
        options = [
            "--no-browser",
            "--ip=127.0.0.1",
            "--port=0",  # any free one; its runtime file tells which
            "--allow-root",
            f"--ServerApp.root_dir={self.root}",
            "--IdentityProvider.token=",
            "--ServerApp.password=",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=",
        ]
        with contextlib.ExitStack() as opened:
            self._log = opened.enter_context(open(self.scratch / "lab.log", "w"))
            self._server = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                stdout=self._log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
            opened.callback(self._end)
            _until(self._answers, LONG)
            browser = opened.enter_context(sync_playwright()).chromium.launch(executable_path=CHROME, args=_ARGS)
            opened.callback(browser.close)
            self._context = browser.new_context(viewport={"width": 1000, "height": 900})
            self._opened = opened.pop_all()
        return self

    def _answers(self) -> bool:
        assert self._server.poll() is None, (self.scratch / "lab.log").read_text()[-3000:]
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError, urllib.error.URLError, ConnectionError):
            told = json.loads((self.scratch / "runtime" / f"jpserver-{self._server.pid}.json").read_text())
            self.url = f"http://127.0.0.1:{told['port']}"
            self.ask("status")
            return True
        return False

    def ask(self, what: str) -> Any:
        """One of the server's own REST answers."""
        with urllib.request.urlopen(f"{self.url}/api/{what}", timeout=PATIENCE) as answer:
            return json.load(answer)

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

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Notebook]:
        """A notebook of the root folder in a page of its own."""
        page = self._context.new_page()
        page.set_default_timeout(LONG * 1000)  # most of it for JupyterLab itself to load
        try:
            notebook = Notebook(page)
            page.goto(f"{self.url}/doc/tree/{name}")
            notebook.ready()
            yield notebook
        finally:
            page.close()

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _end(self) -> None:
        os.killpg(self._server.pid, signal.SIGTERM)  # the server and its kernels: a session of our own
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait(10)


class Notebook:
    """A notebook in a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def ready(self) -> None:
        """Wait until its kernel is idle and no cell runs."""
        self.loaded()
        self.until(lambda: self._state() == ["idle", 0], LONG)

    def loaded(self) -> None:
        """Wait until it is shown, with or without a kernel."""
        self.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.content?.widgets?.length")

    def _state(self) -> Any:
        return self.page.evaluate(
            """() => { const w = window.jupyterapp.shell.currentWidget; const s = w?.sessionContext?.session;
            if (!s) return null;
            const busy = [...w.content.widgets].filter(c => c.promptNode?.textContent.includes('*')).length;
            return [s.kernel?.status, busy]; }"""
        )

    def run(self, cell: int) -> None:
        """Run one cell to its end."""
        self.page.evaluate(_SELECT + "return window.jupyterapp.commands.execute('notebook:run-cell'); }", cell)
        self.ready()

    def begin(self, cell: int, mark: Path) -> None:
        """Start a cell, and return when it has left its mark (a file): it runs, and goes on."""
        self.page.evaluate(_SELECT + "window.jupyterapp.commands.execute('notebook:run-cell'); }", cell)
        self.until(mark.exists)

    def command(self, name: str) -> None:
        """One of JupyterLab's commands, to its end."""
        self.page.evaluate("async name => { await window.jupyterapp.commands.execute(name); }", name)

    def reload(self) -> None:
        """Load the page again; what the page that is left complains about while it goes is nobody's mistake."""
        assert self.errors == []
        self.page.once("framenavigated", lambda _: self.errors.clear())
        self.page.reload()
        self.loaded()

    def output(self, cell: int) -> Locator:
        """The output area of a cell."""
        return self.page.locator(_CELLS).nth(cell).locator(".jp-Cell-outputArea")

    def text(self, cell: int) -> str:
        """What is read in a cell's output."""
        return str(self.output(cell).evaluate(_ALL_TEXT))

    def badge(self, cell: int) -> Locator:
        """The status that a cell's output shows first."""
        return self.output(cell).locator(".badge").first

    def mimes(self, cell: int) -> list[str]:
        """What a cell's first output is made of, as it would be saved."""
        return list(
            self.page.evaluate(
                """i => { const o = window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON();
                return o.length ? Object.keys(o[0].data || {}) : []; }""",
                cell,
            )
        )

    def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until something is so."""
        _until(condition, seconds, self.page)

    def press(self, cell: int, name: str) -> None:
        """Press the first button of a cell's output with this word or tooltip."""
        self.output(cell).get_by_role("button", name=name).first.click()
        if name == "Cancel":  # it asks first where something was sent already
            yes, badge = self.output(cell).locator("dialog [value=yes]").first, self.badge(cell)
            self.until(lambda: yes.is_visible() or "Cancelled" in (badge.text_content() or ""))
            if yes.is_visible():
                yes.click()


#: What is read in a node, inside its custom elements too.
_ALL_TEXT = """node => {
    const read = node => [...node.childNodes].map(c => c.nodeType === 3 ? c.data : read(c.shadowRoot ?? c)).join(" ");
    return read(node); }"""
_SELECT = """i => { const n = window.jupyterapp.shell.currentWidget.content; n.deselectAll(); n.activeCellIndex = i;
"""


def _until(condition: Callable[[], bool], seconds: float, page: Page | None = None) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen in {seconds:g} s"
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
