"""Run the tutorials and keep their outputs: ``make notebooks``, or ``python notebooks/execute.py 01 03``.

Every notebook is run from its first cell in a fresh kernel and written back executed, without what changes from run
to run (times, interpreter version, unused widget state).  A failing cell, or an output that shows a path of this machine
or a secret, leaves the file as it was.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).resolve().parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
#: How one widget names another in its state.
MODEL = re.compile(r"IPY_MODEL_(\w+)")
#: Credentials, whoever's they are: a cookie's parts, bearer tokens, STS keys.
SECRET = re.compile(r"\b(?:SEID|CID|KID)=\w{8,}|\bSTS\.\w{8,}|\bBearer \w{8,}")


def main(names: list[str]) -> int:
    """Run the notebooks whose file name begins with one of ``names`` (all, if there are none)."""
    wanted = [path for path in sorted(HERE.glob("*.ipynb")) if not names or path.name.startswith(tuple(names))]
    if not wanted:
        print(f"no notebook begins with {' or '.join(names)}", file=sys.stderr)
        return 2
    failed = 0
    for path in wanted:
        begun = time.monotonic()
        problem = execute(path)
        failed += bool(problem)
        print(f"{path.name:<36}{time.monotonic() - begun:6.1f} s  {problem or 'ok'}", flush=True)
    return 1 if failed else 0


def execute(path: Path) -> str:
    """Run one notebook and write it back; what went wrong, or an empty string."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="pan115kit-tutorials-") as own:
        client = NotebookClient(
            notebook,
            timeout=120,
            kernel_name="python3",
            resources={"metadata": {"path": str(HERE)}},
            store_widget_state=True,
            record_timing=False,
        )
        manager = client.create_kernel_manager()
        if sys.platform != "win32":
            # Unix sockets instead of TCP, about which kernels warn on the terminal.
            manager.transport, manager.ip = "ipc", os.path.join(own, "kernel")
        try:
            client.execute(env=environment(own))
        except CellExecutionError as error:
            return str(error)
    tidy(notebook)
    if leaked := leaks(notebook):
        return f"not written, an output shows {leaked!r}"
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return ""


def environment(state_dir: str) -> dict[str, str]:
    """The kernel's environment: nothing of the user's account, sessions and settings."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PAN115_")}
    return others | {"PAN115_STATE_DIR": state_dir, "PAN115_LANG": "zh"}


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Drop what differs from run to run, so that a diff shows what a change of the kit changed."""
    widgets = shown_widgets(notebook)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    if widgets:
        notebook.metadata["widgets"] = nbformat.from_dict(widgets)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: value for key, value in cell.metadata.items() if key == "tags"})


def shown_widgets(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """The widget state that the outputs still show: panels that have become reports leave theirs behind."""
    stored = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {})
    models = stored.get("state", {})
    wanted = {data[WIDGET_VIEW]["model_id"] for data in _bundles(notebook) if WIDGET_VIEW in data}
    found: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name in models and name not in found:
            found[name] = models[name]
            wanted |= set(MODEL.findall(json.dumps(models[name])))
    return {WIDGET_STATE: {**stored, "state": found}} if found else {}


def leaks(notebook: nbformat.NotebookNode) -> str:
    """The first secret or path of this machine in the outputs, or an empty string."""
    homes = [str(place) for place in (HERE.parent, Path.home()) if len(str(place)) > 5]
    for data in _bundles(notebook):
        for value in data.values():
            text = str(value)
            for place in homes:
                if place in text:
                    return place
            if found := SECRET.search(text):
                return found[0]
    return ""


def _bundles(notebook: nbformat.NotebookNode) -> list[dict[str, Any]]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.get("data") or {"text/plain": output.get("text", "")} for output in outputs]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
