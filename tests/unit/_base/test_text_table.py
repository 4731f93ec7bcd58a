"""Tables in a terminal: straight, within its width, with nothing in them that a terminal would obey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit._base.text_table import Column, render_table, shorten, text_width

COLUMNS = (Column("file", cut=True), Column("size", right=True), Column("folder", cut=True), Column("status"))


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("电影", 4),
        ("ｆｕｌｌ", 8),
        ("e\u0301", 1),
        ("😀", 2),
        ("✔\ufe0f", 2),
        ("⚙️x", 3),
        ("한국", 4),
        ("", 0),
    ],
)
def test_widths_are_those_of_a_terminal(text: str, width: int) -> None:
    assert text_width(text) == width


def test_columns_are_straight_where_names_are_chinese() -> None:
    """Each sign takes two cells: counted as one, every later column stands elsewhere in every line."""
    rows = [["电影.mkv", "1.5 GB", "/影视", "Uploaded"], ["a.mkv", "12 B", "/x", "Failed"]]
    lines = render_table(COLUMNS, rows).splitlines()
    assert {
        text_width(line[: line.index(word)])
        for line, word in zip(lines, ("status", "Uploaded", "Failed"), strict=True)
    } == {8 + 2 + 6 + 2 + 6 + 2}
    assert {text_width(line[: line.index(word)]) for line, word in zip(lines[1:], ("/影视", "/x"), strict=True)} == {
        18
    }


def test_a_long_name_gives_way_and_keeps_its_end() -> None:
    """Its kind, and the number of a series, stand at the end."""
    rows = [["a very long name of a film that somebody made S01E07.mkv", "1.5 GB", "/影视/电影", "Uploaded"]]
    line = render_table(COLUMNS, rows, 60).splitlines()[1]
    assert text_width(line) <= 60
    assert "E07.mkv" in line
    assert "…" in line
    assert "1.5 GB" in line
    assert "Uploaded" in line
    assert render_table(COLUMNS, rows).splitlines()[1].startswith(rows[0][0]), "a pipe gets all of it"


def test_a_very_narrow_terminal_gets_fewer_columns() -> None:
    """A phone: half a table that can be read instead of a whole one that breaks its lines."""
    lines = render_table(COLUMNS, [["x" * 50, "1.5 GB", "/" + "y" * 50, "Uploaded"]], 20).splitlines()
    assert all(text_width(line) <= 20 for line in lines)
    assert "size" in lines[0]
    assert "status" not in lines[0]


def test_nothing_in_a_cell_acts() -> None:
    """A name that clears the screen, or forges a row of its own."""
    shown = render_table(COLUMNS, [["a\x1b[2J\nb", "1", "/", "\u202e"]])
    assert len(shown.splitlines()) == 2
    assert r"a\x1b[2J\nb" in shown
    assert r"\u202e" in shown


@given(st.text(max_size=40), st.integers(1, 40))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    shown = shorten(text, width)
    assert text_width(shown) <= width
    assert shown == text or "…" in shown


@given(st.lists(st.tuples(*[st.text(max_size=30)] * 4), max_size=5), st.integers(40, 200))
def test_lines_fit_where_what_may_be_cut_is_enough(rows: list[tuple[str, ...]], width: int) -> None:
    rows = [(name, size[:4], folder, status[:4]) for name, size, folder, status in rows]
    table = render_table(COLUMNS, rows, width)
    assert all(text_width(line) <= width for line in table.split("\n"))
    assert len(table.split("\n")) == len(rows) + 1
