"""The panel where it lives: a real JupyterLab in Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from lab_support import CHROME, Lab, Notebook, write_notebook
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

WIDGET = "application/vnd.jupyter.widget-view+json"
# The line is so slow that what is looked at does not end by itself; the last cell opens it.
SETUP = """
import os, pathlib, time, asyncio
from pan115kit import Pan115Client, UploadConfig
config = UploadConfig(api_rate=0, part_size=200_000, multipart_threshold=200_000)
client = Pan115Client.sandbox(config=config, bandwidth=100_000)
def make(name, size):
    path = pathlib.Path(name); path.write_bytes(os.urandom(size)); return path
job = client.submit(make("影片 <b>one.mkv", 60_000_000), "/影视")
"""
AWAIT, BLOCK, SHORT, PANEL, WIDEN = range(2, 7)
CELLS = [
    SETUP,
    "job",
    "pathlib.Path('awaits').touch()\nwhile not pathlib.Path('enough-awaited').exists(): await asyncio.sleep(0.1)",
    "pathlib.Path('blocks').touch()\nwhile not pathlib.Path('enough-blocked').exists(): time.sleep(0.1)",
    "short = client.submit(make('short.bin', 6_000_000), '/影视')\nshort",
    "client.panel()",
    "client.local_sandbox.set(bandwidth=None)",
]


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab per theme."""
    assert CHROME, "no Chromium found: install it, or name it with CHROME"
    root, scratch = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("lab")
    write_notebook(root / "panel.ipynb", *CELLS)
    with Lab(root, scratch, request.param) as made:
        yield made


def press(notebook: Notebook, button: str, becomes: str) -> None:
    notebook.press(1, button)
    expect(notebook.badge(1)).to_contain_text(becomes)


@pytest.mark.parametrize("lab", ["light"], indirect=True)
def test_the_panels_life_in_a_notebook(lab: Lab) -> None:
    """Buttons while idle, while a cell awaits, while one blocks; the page reloaded; reopened without a kernel."""
    with lab.open("panel.ipynb") as notebook:
        notebook.run(0)
        notebook.run(1)
        expect(notebook.badge(1)).to_contain_text("Uploading")
        assert "影片 <b>one.mkv" in notebook.text(1), "the name is text, not HTML"

        # nothing runs
        press(notebook, "Pause", "Paused")
        press(notebook, "Resume", "Uploading")

        # a cell awaits, until it is told that it was enough: the buttons do not wait for its end
        notebook.begin(AWAIT, lab.root / "awaits")
        press(notebook, "Pause", "Paused")
        press(notebook, "Resume", "Uploading")
        (lab.root / "enough-awaited").touch()
        notebook.ready()

        # a cell blocks the kernel: the painter goes on, and so do the buttons
        notebook.begin(BLOCK, lab.root / "blocks")
        before = notebook.text(1)
        notebook.until(lambda: notebook.text(1) != before)
        press(notebook, "Pause", "Paused")
        press(notebook, "Resume", "Uploading")
        (lab.root / "enough-blocked").touch()
        notebook.ready()

        # the keyboard alone
        notebook.output(1).get_by_role("button", name="Pause").first.focus()
        notebook.page.keyboard.press("Enter")
        expect(notebook.badge(1)).to_contain_text("Paused")

        # the page is reloaded: the panel is live again
        notebook.command("docmanager:save")
        notebook.reload()
        notebook.ready()
        expect(notebook.badge(1)).to_contain_text("Paused")
        press(notebook, "Resume", "Uploading")

        # an upload that ends becomes a report, and the reloaded page's older panel is still live
        notebook.run(SHORT)
        assert WIDGET in notebook.mimes(SHORT)
        press(notebook, "Pause", "Paused")
        notebook.run(WIDEN)
        notebook.until(lambda: WIDGET not in notebook.mimes(SHORT))
        expect(notebook.output(SHORT)).to_contain_text("Uploaded ✅")
        notebook.run(PANEL)
        expect(notebook.output(PANEL)).to_contain_text("1 of 2 files")
        press(notebook, "Cancel", "Cancelled")
        assert notebook.errors == []

        # the saved notebook, reopened without its kernel, still tells what became of the upload
        notebook.command("docmanager:save")
        saved = json.loads((lab.root / "panel.ipynb").read_text("utf-8"))["cells"][SHORT]["outputs"]
        assert "Uploaded ✅" in "".join(saved[0]["data"]["text/html"])
        notebook.command("kernelmenu:shutdown")
        notebook.until(lambda: lab.ask("kernels") == [])
        notebook.reload()
        expect(notebook.output(SHORT)).to_contain_text("Uploaded ✅")
        expect(notebook.output(SHORT)).to_contain_text("short.bin")


@pytest.mark.parametrize("lab", ["light", "dark"], indirect=True)
def test_text_can_be_read_on_the_theme(lab: Lab) -> None:
    """Dark grey on black, or white on white: the panel takes its colours from the theme."""
    with lab.open("panel.ipynb") as notebook:
        expect(notebook.page.locator("body")).to_have_attribute(
            "data-jp-theme-light", str(lab.theme == "light").lower()
        )
        notebook.run(0)
        notebook.run(1)
        expect(notebook.badge(1)).to_contain_text("Uploading")
        for part in (".name", ".facts", ".badge"):
            expect(notebook.output(1).locator(part).first).to_be_visible()
            contrast = notebook.output(1).evaluate(CONTRAST, part)
            assert contrast > 3.0, f"{part} has a contrast of {contrast:.1f}"
        notebook.press(1, "Cancel")
        expect(notebook.badge(1)).to_contain_text("Cancelled")


#: WCAG's contrast of an element's text to what lies behind it.
CONTRAST = """(output, part) => {
  const element = output.querySelector("[heading]").shadowRoot.querySelector(part);
  const rgb = text => { const c = document.createElement('canvas').getContext('2d');
    c.fillStyle = text; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] / 255 + under[i] * (1 - top[3] / 255));
  const chain = [];
  for (let e = element; e; e = e.parentElement ?? e.getRootNode().host) {
    chain.unshift(getComputedStyle(e).backgroundColor);
  }
  const ground = chain.reduce((under, colour) => over(rgb(colour), under), [255, 255, 255]);
  const light = colour => { const [r, g, b] = colour.map(v => { v /= 255;
      return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const [a, b] = [light(over(rgb(getComputedStyle(element).color), ground)), light(ground)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05); }"""
