"""From the board to a scene: which buttons, which rows, which words.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..i18n import both
from ..presentation import labels
from ..presentation.rows import Action, Filter, Group, Row, settle
from ..presentation.upload_list import Board, Totals
from . import markup
from .view import ButtonScene, RowScene, Scene

_NOTHING = ButtonScene("")


@dataclass(slots=True)
class Look:
    """What the reader has chosen to see; changed by the panel's filter and page buttons.

    Attributes:
        single: The panel is about one upload: its row becomes the head.
        size: Rows per page.
        shown: The rows in their slots at the last painting.
        drawn: What was drawn of them; a row that has not changed is not drawn again.
    """

    title: str
    single: bool = False
    size: int = 10
    which: Filter = Filter.ALL
    number: int = 0
    shown: tuple[str, ...] = ()
    drawn: dict[str, tuple[Row, RowScene]] = field(default_factory=dict)

    def choose(self, command: str) -> bool:
        """Take a filter or page button; whether it was one."""
        kind, _, value = command.partition(":")
        if kind == "filter":
            self.which, self.number = Filter(value), 0
        elif kind == "page":
            self.number = int(value)
        else:
            return False
        self.shown = ()
        return True


def compose(board: Board, look: Look, now: float, wall: float) -> Scene:
    """The scene of this moment.

    Args:
        board: The uploads.
        look: What is wanted of them; ``shown`` and ``number`` are brought up to date.
        now: Seconds on the board's steady clock.
        wall: Epoch seconds.
    """
    totals = board.totals(now, wall)
    tools = tool_buttons(totals, single=look.single)
    if look.single:
        row = next(iter(board), None)
        return Scene(markup.card(row, board.curve.points) if row else "", tools)
    unfinished = board.count(Filter.UNFINISHED)
    head = markup.head(look.title, totals, unfinished, board.curve.points)
    if not board.count(Filter.ALL):
        return Scene(head, foot=f'<span class="p-soft">{both("还没有上传任务", "No uploads yet")}</span>')
    page = board.page(look.which, look.number, look.size)
    look.number = page.number
    rows = {row.key: row for row in page.rows}
    look.shown = tuple(settle(look.shown, list(rows)))
    scene_rows = _rows(look, rows)
    if page.matching <= look.size and look.which is Filter.ALL:
        return Scene(head, tools, scene_rows)
    told = both(
        f"第 {page.number + 1} / {page.pages} 页，共 {page.matching} 项",
        f"page {page.number + 1} of {page.pages}, {page.matching} rows",
    )
    if page.pages == 1:
        told = ""
    filters = (*_filters(board, look.which), *_pages(page.number, page.pages))
    return Scene(head, tools, scene_rows, filters, told and f'<span class="p-small">{told}</span>')


def tool_buttons(totals: Totals, *, single: bool) -> tuple[ButtonScene, ...]:
    """The buttons over all rows.  Pause, resume and retry share one place, so cancel never slides under a finger."""
    count = totals.counts.get
    moving, paused = count(Group.ACTIVE, 0) + count(Group.WAITING, 0), count(Group.PAUSED, 0)
    failed, cancelled = count(Group.FAILED, 0), count(Group.CANCELLED, 0)
    wanted: list[Action] = []
    if moving:
        wanted.append(Action.PAUSE)
    elif paused:
        wanted.append(Action.RESUME)
    if moving or paused:
        wanted.append(Action.CANCEL)
    if moving and paused:
        wanted.append(Action.RESUME)
    if failed or (single and cancelled):
        wanted.append(Action.RETRY)
    word = labels.action_word if single else labels.action_word_all
    return tuple(ButtonScene(str(action), word(action), labels.ACTION_ICONS[action]) for action in wanted)


def _rows(look: Look, rows: dict[str, Row]) -> tuple[RowScene, ...]:
    drawn = {}
    for key in look.shown:
        before = look.drawn.get(key)
        # the board keeps the very object of a row that did not change
        drawn[key] = before if before is not None and before[0] is rows[key] else (rows[key], _row(rows[key]))
    look.drawn = drawn
    return tuple(scene for _, scene in drawn.values())


def _row(row: Row) -> RowScene:
    main = next((action for action in row.actions if action not in (Action.CANCEL, Action.DISCARD)), None)
    cancel = Action.CANCEL if Action.CANCEL in row.actions else None
    return RowScene(row.key, markup.item(row), (_mini(main, row), _mini(cancel, row)))


def _mini(action: Action | None, row: Row) -> ButtonScene:
    if action is None:
        return _NOTHING
    name = f"{labels.action_word(action)} {row.shot.file_name}"
    return ButtonScene(str(action), "", labels.ACTION_ICONS[action], name)


def _filters(board: Board, which: Filter) -> tuple[ButtonScene, ...]:
    return tuple(
        ButtonScene(f"filter:{choice}", f"{labels.filter_word(choice)} {count}", on=choice is which)
        for choice in Filter
        if (count := board.count(choice)) or choice in (Filter.ALL, which)
    )


def _pages(number: int, pages: int) -> tuple[ButtonScene, ...]:
    if pages == 1:
        return ()
    back, on = both("上一页", "Previous page"), both("下一页", "Next page")
    return (
        ButtonScene(f"page:{number - 1}", "", "chevron-left", back, enabled=number > 0),
        ButtonScene(f"page:{number + 1}", "", "chevron-right", on, enabled=number < pages - 1),
    )
