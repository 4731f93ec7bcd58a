"""Parts of pages that are made from the code, so that they cannot differ from it."""

from __future__ import annotations

import tomllib
from pathlib import Path


def contracts(pyproject: Path) -> str:
    """What import-linter holds, as Markdown: the floors from top to bottom, then what else may not be imported."""
    tool = tomllib.loads(pyproject.read_text("utf-8"))["tool"]["importlinter"]
    text = []
    for contract in tool["contracts"]:
        text.append(f"**{contract['name']}**\n")
        if contract["type"] == "layers":
            text += [f"{number}. {_rooms(layer)}" for number, layer in enumerate(contract["layers"], 1)]
        else:
            text.append(
                f"{_named(contract['source_modules'])} may not import {_named(contract['forbidden_modules'])}."
            )
        text.append("")
    return "\n".join(text)


def _rooms(layer: str) -> str:
    # "a | b" may not know each other, "a : b" may
    return layer.replace(" : ", ", ").replace(" | ", " beside ")


def _named(modules: list[str]) -> str:
    return ", ".join(f"`{name.removeprefix('pan115kit.')}`" for name in modules)
