"""The pages and the code speak of the same things."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pan115kit import UploadConfig

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
HEADING = re.compile(r"^#{1,4} (?:§([\d.]+)|(D\d(?:\.\d)?)|(\d+)\.) ", re.MULTILINE)
CITED = re.compile(r"protocol(?:\.md)? §([\d.]*\d)|\b(?:protocol-drive\.md )(D\d(?:\.\d+)?)|laws?(?:\.md)? (\d+)\b")
VARIABLE = re.compile(r"\bPAN115_[A-Z0-9_]*[A-Z0-9]\b")
#: Files and folders of the repository as a page names them.
NAMED = re.compile(
    r"`((?:pan115kit|docs|tests|notebooks|_base|client|config|drive|entrypoints|errors|folders|i18n|job|models|notebook"
    r"|oss|presentation|progress|sandbox|server|store|transfer|web)(?:/[\w./-]*|\.py))`"
)


def sections(page: str) -> set[str]:
    return {next(filter(None, found)) for found in HEADING.findall((DOCS / page).read_text("utf-8"))}


def sources() -> Iterator[Path]:
    for folder in ("pan115kit", "tests"):
        yield from (path for path in (ROOT / folder).rglob("*.py") if path != Path(__file__))


def test_every_section_that_code_cites_exists() -> None:
    """A reader who follows ``protocol.md §4.3`` from the code finds the evidence, not a page without it."""
    upload, drive, laws = sections("protocol.md"), sections("protocol-drive.md"), sections("laws.md")
    # D0.6 is a numbered line of the page's opening list
    drive |= {f"D0.{number}" for number in range(1, 16)}
    wrong, seen = [], 0
    for path in sources():
        for one, two, three in CITED.findall(path.read_text("utf-8")):
            seen += 1
            if (one and one not in upload) or (two and two not in drive) or (three and three not in laws):
                wrong.append(f"{path.relative_to(ROOT)}: {one or two or three}")
    assert seen > 100
    assert not wrong


@pytest.mark.parametrize(
    "page", ["architecture.md", "laws.md", "recipes.md", "state-machine.md", "../CONTRIBUTING.md"]
)
def test_what_a_page_names_is_there(page: str) -> None:
    """A newcomer who follows a recipe to a file does not look for one that has moved."""
    named = set(NAMED.findall((DOCS / page).read_text("utf-8")))
    missing = [name for name in named if not (ROOT / name).exists() and not (ROOT / "pan115kit" / name).exists()]
    assert not missing


def test_every_setting_is_described() -> None:
    """A setting that is on no page is one that nobody finds."""
    page = (DOCS / "settings.md").read_text("utf-8")
    used = {
        name for path in (ROOT / "pan115kit").rglob("*.py") for name in VARIABLE.findall(path.read_text("utf-8"))
    } | {field.name for field in dataclasses.fields(UploadConfig)}
    assert len(used) > 20
    assert {name for name in used if f"`{name}`" not in page} == set()
