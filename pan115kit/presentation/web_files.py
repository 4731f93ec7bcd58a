"""The package's JavaScript as others need it: one module for a notebook, a folder for a web project."""

from __future__ import annotations

import functools
import json
import re
from importlib import resources
from pathlib import Path

from ..i18n import catalogue, languages

#: Texts that the list needs.
_TEXTS = ("view.", "status.", "waiting.", "duration.", "language.tag")
_IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=async|function|class|const)", re.MULTILINE)
#: What a web project gets; the modules import each other by these names.
_PROJECT = (
    *(
        "upload-progress-list.js",
        "upload-row.js",
        "upload-rows.js",
        "elements.js",
        "format.js",
        "progress.js",
        "api.js",
    ),
    *("progress.d.ts", "useUploadProgress.js", "useUploadProgress.d.ts", "UploadProgress.js", "UploadProgress.d.ts"),
)
#: Where a project looks for what, as in the specification's imports (``@/components/UploadProgress``).
_DOORS = {"components": "UploadProgress", "hooks": "useUploadProgress"}


def view_texts(lang: str) -> dict[str, str]:
    """The part of a catalogue that the list needs.

    Args:
        lang: One of :func:`pan115kit.i18n.languages`.
    """
    return {key: text for key, text in catalogue(lang).items() if key.startswith(_TEXTS)}


@functools.cache
def bundled(name: str) -> str:
    """A module of ``pan115kit/web`` and all it imports as one module: a widget's has no address to import from.

    Args:
        name: File name; what it imports must name everything differently.
    """
    order: dict[str, str] = {}

    def add(file: str) -> None:
        text = _read(file)
        for imported in _IMPORT.findall(text):
            if imported not in order:
                add(imported)
        order[file] = _IMPORT.sub("", text)

    add(name)
    *libraries, entry = order.values()
    return "\n".join([*(_EXPORT.sub("", text) for text in libraries), entry])


def export_web(folder: Path) -> list[Path]:
    """Lay the list, its React components and their types into a web project.

    Args:
        folder: The project's source folder, e.g. ``src``; what is there of an earlier export is replaced.

    Returns:
        The files that were written.
    """
    texts = json.dumps({lang: view_texts(lang) for lang in languages()}, ensure_ascii=False, indent=1)
    files = {f"pan115kit/{name}": _read(name) for name in _PROJECT}
    files["pan115kit/texts.js"] = (
        f"/** The texts of every language, from the kit's catalogue. */\nexport const TEXTS = {texts};\n"
    )
    for room, name in _DOORS.items():
        files |= {f"{room}/{name}{end}": f'export * from "../pan115kit/{name}.js";\n' for end in (".js", ".d.ts")}
    written = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _read(name: str) -> str:
    return resources.files("pan115kit").joinpath("web", name).read_text(encoding="utf-8")
