"""The panel where it lives: a real JupyterLab in Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab_support import CHROME, Lab, Notebook, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDGET = "application/vnd.jupyter.widget-view+json"
SETUP = """
import os, pathlib, time, asyncio
from pan115kit import Pan115Client, UploadConfig
config = UploadConfig(api_rate=0, part_size=200_000, multipart_threshold=200_000, bandwidth_limit=1_000_000)
client = Pan115Client.sandbox(config=config)
def make(name, size):
    path = pathlib.Path(name); path.write_bytes(os.urandom(size)); return path
job = client.submit(make("影片 <b>one.mkv", 20_000_000), "/影视")
"""
CELLS = [
    SETUP,
    "job",
    "await asyncio.sleep(6)",
    "time.sleep(6)",
    "short = client.submit(make('short.bin', 1_500_000), '/影视')\nshort",
    "client.panel()",
]


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab per theme."""
    assert CHROME, "no Chromium found: install it, or name it with CHROME"
    root, scratch = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("lab")
    write_notebook(root / "panel.ipynb", *CELLS)
    with Lab(root, scratch, request.param) as made:
        yield made


def status(notebook: Notebook, cell: int) -> str:
    return str(notebook.output(cell).locator(".p-badge").first.inner_text())


def press_and_wait(notebook: Notebook, button: str, becomes: str) -> float:
    notebook.press(1, button)
    return notebook.until(lambda: becomes in status(notebook, 1), 5)


@pytest.mark.parametrize("lab", ["light"], indirect=True)
def test_the_panels_life_in_a_notebook(lab: Lab) -> None:
    """Buttons while idle, while a cell awaits, while one blocks; the page reloaded; reopened without a kernel."""
    notebook = lab.open("panel.ipynb")
    notebook.run(0)
    notebook.run(1)
    notebook.until(lambda: "Uploading" in status(notebook, 1))
    assert "影片 <b>one.mkv" in notebook.text(1), "the name is text, not HTML"

    # nothing runs
    assert press_and_wait(notebook, "Pause", "Paused") < 1.0
    assert press_and_wait(notebook, "Resume", "Uploading") < 1.0

    # a cell awaits
    notebook.run(2, wait=False)
    notebook.page.wait_for_timeout(500)
    assert press_and_wait(notebook, "Pause", "Paused") < 1.0
    assert press_and_wait(notebook, "Resume", "Uploading") < 1.0
    notebook.ready()

    # a cell blocks the kernel: the painter goes on, and so do the buttons
    notebook.run(3, wait=False)
    notebook.page.wait_for_timeout(500)
    before = notebook.text(1)
    notebook.until(lambda: notebook.text(1) != before, 2)
    assert press_and_wait(notebook, "Pause", "Paused") < 1.0
    assert press_and_wait(notebook, "Resume", "Uploading") < 1.0
    notebook.ready()

    # the keyboard alone
    notebook.output(1).get_by_role("button", name="Pause").first.focus()
    notebook.page.keyboard.press("Enter")
    notebook.until(lambda: "Paused" in status(notebook, 1), 5)

    # the page is reloaded: the panel is live again
    notebook.command("docmanager:save")
    notebook.page.wait_for_timeout(500)
    notebook.page.reload()
    notebook.ready()
    notebook.until(lambda: "Paused" in notebook.text(1))
    assert press_and_wait(notebook, "Resume", "Uploading") < 1.5

    # an upload that ends becomes a report, and the reloaded page's older panel is still live
    notebook.run(4)
    assert WIDGET in notebook.mimes(4)
    notebook.until(lambda: WIDGET not in notebook.mimes(4), 30)
    assert "Uploaded ✅" in notebook.text(4)
    notebook.run(5)
    notebook.until(lambda: "1 of 2 files" in notebook.text(5))
    assert press_and_wait(notebook, "Cancel", "Cancelled") < 1.5
    assert notebook.errors == []

    # the saved notebook, reopened without its kernel, still tells what became of the upload
    notebook.command("docmanager:save")
    notebook.page.wait_for_timeout(500)
    notebook.command("kernelmenu:shutdown")
    notebook.page.wait_for_timeout(500)
    notebook.page.reload()
    notebook.page.wait_for_function("() => window.jupyterapp && window.jupyterapp.shell.currentWidget")
    notebook.until(lambda: "Uploaded ✅" in notebook.text(4))
    assert "short.bin" in notebook.text(4)


@pytest.mark.parametrize("lab", ["light", "dark"], indirect=True)
def test_text_can_be_read_on_the_theme(lab: Lab) -> None:
    """Dark grey on black, or white on white: the panel takes its colours from the theme."""
    notebook = lab.open("panel.ipynb")
    notebook.run(0)
    notebook.run(1)
    notebook.until(lambda: "Uploading" in status(notebook, 1))
    for part in (".p-title", ".p-facts .p-soft", ".p-badge"):
        contrast = notebook.output(1).evaluate(CONTRAST, part)
        assert contrast > 3.0, f"{part} has a contrast of {contrast:.1f}"
    notebook.press(1, "Cancel")
    notebook.until(lambda: "Cancelled" in status(notebook, 1))


#: WCAG's contrast of an element's text to what lies behind it.
CONTRAST = """(output, part) => {
  const element = output.querySelector(part);  // here, because a painting may replace it at any moment
  const rgb = text => { const c = document.createElement('canvas').getContext('2d');
    c.fillStyle = text; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] / 255 + under[i] * (1 - top[3] / 255));
  const chain = []; for (let e = element; e; e = e.parentElement) chain.unshift(getComputedStyle(e).backgroundColor);
  const ground = chain.reduce((under, colour) => over(rgb(colour), under), [255, 255, 255]);
  const light = colour => { const [r, g, b] = colour.map(v => { v /= 255;
      return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const [a, b] = [light(over(rgb(getComputedStyle(element).color), ground)), light(ground)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05); }"""
