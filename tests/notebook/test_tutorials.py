"""The tutorials as files: what a reader finds before running anything.  nbval runs their cells (``notebooks/``)."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

from pan115kit import Pan115Client, UploadConfig

FOLDER = Path(__file__).parents[2] / "notebooks"
TUTORIALS = sorted(FOLDER.glob("*.ipynb"))
VIEW = "application/vnd.jupyter.widget-view+json"


def load_execute() -> ModuleType:
    """``notebooks/execute.py``, which is a script and no package's module."""
    spec = importlib.util.spec_from_file_location("execute_tutorials", FOLDER / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


execute = load_execute()


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def notebook_with(data: dict[str, Any]) -> Any:
    output = nbformat.v4.new_output("display_data", data=data)
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])


def test_there_are_six() -> None:
    """A tutorial that is not found is not run by nbval either."""
    assert [path.name[:2] for path in TUTORIALS] == ["01", "02", "03", "04", "05", "06"]


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_reader_sees_outputs_before_running_anything(path: Path) -> None:
    """On GitHub, or before the first run, the outputs are all there is: executed in order, and none is an error."""
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    assert any(cell.outputs for cell in cells)


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_saved_panel_tells_how_it_ended(path: Path) -> None:
    """A reader without a kernel would see "waiting, 0 %", or "model not found", for ever."""
    for cell in code_cells(path):
        for data in (output.get("data", {}) for output in cell.outputs):
            assert VIEW not in data, cell.id
            assert not re.search("待上传|计算哈希|检查秒传|上传中|已暂停", data.get("text/html", "")), cell.id


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_the_outputs_tell_no_secret_and_no_place(path: Path) -> None:
    """A committed cookie, or the paths of whoever ran it last, would be public for ever."""
    assert execute.leaks(read(path)) == ""


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_every_text_is_there_in_chinese_and_in_english(path: Path) -> None:
    """Neither half of the readers is left out of a step."""
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            columns = re.findall(r"<td[^>]*>(.*?)</td>", cell.source, re.DOTALL)
            assert len(columns) == 2, cell.id
            assert re.search("[\u4e00-\u9fff]", columns[0]), cell.id
            assert re.search("[A-Za-z]{3}", columns[1]), cell.id


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    """A renamed tutorial must not leave dead links in the others."""
    targets = re.findall(r"\]\(([^)#:]+\.ipynb)\)", path.read_text("utf-8"))
    assert targets
    assert [target for target in targets if not (FOLDER / target).is_file()] == []


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_tidies_up_and_checks_itself(path: Path) -> None:
    """A tutorial leaves no files and no sandbox behind, and its promises are asserted, not only written."""
    cells = [cell.source for cell in code_cells(path)]
    assert ".cleanup()" in cells[-1]
    assert "client.close()" in cells[-1] or "sandbox.stop()" in cells[-1]
    assert sum("assert " in cell for cell in cells) >= len(cells) // 2


@pytest.mark.parametrize(
    "text",
    [
        "UID=1_A1_2; CID=0123456789ab; SEID=x",
        "SEID=0123456789abcdef",
        "Bearer 0123456789ab",
        "STS.NUgYrLnoC37mZZCNnAbez",
    ],
)
def test_an_output_with_a_secret_is_not_written(text: str) -> None:
    """``make notebooks`` refuses to keep what must not be published."""
    assert execute.leaks(notebook_with({"text/plain": f"cookie: {text}"}))


def test_an_output_with_a_path_of_this_machine_is_not_written() -> None:
    """As above, for the place of the repository."""
    assert execute.leaks(notebook_with({"text/html": f"<b>{FOLDER.parent}/x</b>"})) == str(FOLDER.parent)
    assert execute.leaks(notebook_with({"text/html": "<b>/tmp/x</b>"})) == ""


def test_only_widget_state_that_is_shown_is_kept() -> None:
    """Panels that became reports would else weigh a committed notebook down with dead widgets."""
    notebook = notebook_with({VIEW: {"model_id": "box"}})
    models = {
        "box": {"state": {"children": ["IPY_MODEL_bar"], "layout": "IPY_MODEL_wide"}},
        "bar": {"state": {"value": 1}},
        "wide": {"state": {}},
        "gone": {"state": {"children": ["IPY_MODEL_bar"]}},
    }
    notebook.metadata["widgets"] = {execute.WIDGET_STATE: {"state": models, "version_major": 2}}
    execute.tidy(notebook)
    kept = json.loads(json.dumps(notebook.metadata["widgets"]))[execute.WIDGET_STATE]
    assert sorted(kept["state"]) == ["bar", "box", "wide"]
    assert kept["version_major"] == 2


def test_what_differs_from_run_to_run_is_dropped() -> None:
    """A diff of a notebook shows what a change of the kit changed, and nothing else; tags stay, nbval needs them."""
    notebook = notebook_with({"text/plain": "1"})
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    notebook.cells[0].metadata = {"execution": {"iopub.busy": "now"}, "tags": ["nbval-skip"]}
    execute.tidy(notebook)
    assert notebook.metadata == {"kernelspec": execute.KERNEL, "language_info": {"name": "python"}}
    assert notebook.cells[0].metadata == {"tags": ["nbval-skip"]}


@pytest.mark.parametrize(
    ("config", "rate"),
    [(None, 0.0), (UploadConfig(part_size=1_000_000), 0.0), (UploadConfig(api_rate=5.0), 5.0)],
    ids=["none", "small parts", "a rate of its own"],
)
def test_a_sandbox_is_not_slowed_down_by_the_limit_meant_for_115(config: UploadConfig | None, rate: float) -> None:
    """Who sets a part size for the sandbox would else wait half a second for every call, and not know why."""
    with Pan115Client.sandbox(config=config) as client:
        assert client.config.api_rate == rate
