"""Tables for terminals: as wide as the terminal, columns straight also where names are Chinese.  Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ..i18n import visible

#: Between two columns.
GAP = "  "
#: Columns that may be cut are never cut below this many cells.
NARROWEST = 8
_EMOJI_FORM = "\ufe0f"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its head.
        right: Whether it is aligned to the right, as numbers are.
        cut: Whether its cells may be cut in the middle where the table is too wide: names and paths.
    """

    title: str
    right: bool = False
    cut: bool = False


def text_width(text: str) -> int:
    """How many cells of a terminal ``text`` takes: two for a Chinese sign or an emoji, none for a combining mark."""
    if text.isascii():
        return len(text)
    width = last = 0
    for sign in text:
        if sign == _EMOJI_FORM:  # draws the sign before it as an emoji
            width += 2 - last if last == 1 else 0
            last = 2
        else:
            last = _sign_width(sign)
            width += last
    return width


def _sign_width(sign: str) -> int:
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in ("W", "F") else 1


def shorten(text: str, width: int) -> str:
    """``text`` in at most ``width`` cells; what is cut is its middle, since the end of a file's name has its kind.

    Args:
        text: What to show.
        width: Cells, at least 1.
    """
    if text_width(text) <= width:
        return text
    left = (width - 1) // 2
    head = _fit(text, left)
    tail = _fit(text[::-1], width - 1 - text_width(head))[::-1]
    return f"{head}…{tail}"


def _fit(text: str, width: int) -> str:
    taken = 0
    for index, sign in enumerate(text):
        taken += _sign_width(sign)
        if taken > width:
            return text[:index]
    return text


def render_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """A table of text: heads, then a line a row; control characters in cells are shown as escapes.

    Args:
        columns: From the most to the least important: where the terminal is very narrow, the last ones are left out.
        rows: Cells as text, as many in each row as there are columns.
        width: Cells of a line, or None where nothing is to be cut (a file, a pipe).
    """
    lines = [[column.title for column in columns], *([visible(cell) for cell in row] for row in rows)]
    widths = [max(text_width(line[index]) for line in lines) for index in range(len(columns))]
    if width is not None:
        widths = _fitted(columns, widths, width)
    return "\n".join(_line(columns, line, widths) for line in lines)


def _fitted(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Widths that fit into ``width``: the widest of those that may be cut give way; then the last columns go."""
    widths = list(widths)
    while len(widths) > 1:
        least = [min(w, NARROWEST) if column.cut else w for column, w in zip(columns, widths, strict=False)]
        if sum(least) + len(GAP) * (len(widths) - 1) <= width:
            break
        widths.pop()
    over = sum(widths) + len(GAP) * (len(widths) - 1) - width
    while over > 0:
        cuttable = [i for i, column in enumerate(columns[: len(widths)]) if column.cut and widths[i] > NARROWEST]
        if not cuttable:
            break
        widest = max(cuttable, key=lambda i: widths[i])
        widths[widest] -= 1
        over -= 1
    return widths


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> str:
    shown = []
    for column, cell, width in zip(columns, cells, widths, strict=False):
        text = shorten(cell, width)
        space = " " * (width - text_width(text))
        shown.append(space + text if column.right else text + space)
    return GAP.join(shown).rstrip()
