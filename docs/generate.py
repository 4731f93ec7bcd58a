"""Parts of pages that are made from the code, so that they cannot differ from it."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pan115kit
from pan115kit.transfer.job_state import TO_RETRY, TRANSITIONS, JobEvent, JobState

_S = JobState


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


# -- the state machine of a job --------------------------------------------------------------------------------------

#: Pictures of the table: where the states of each stand (column, row).
PICTURES: dict[str, dict[JobState, tuple[float, float]]] = {
    "run": {
        _S.WAITING: (0, 1.5),
        _S.RUNNING: (1, 0.8),
        _S.SUCCEEDING: (2.2, 0),
        _S.FAILING: (3, 1),
        _S.STOPPING: (2.3, 2),
        _S.CANCELLING: (1.3, 3.1),
        _S.SUCCEEDED: (4.1, 0),
        _S.FAILED: (4.1, 1),
        _S.STOPPED: (4.1, 2),
        _S.CANCELLED: (4.1, 3.1),
    },
    "rest": {
        _S.PAUSED: (1.3, 0),
        _S.WAITING: (0, 1.1),
        _S.RUNNING: (1.3, 1.1),
        _S.PAUSING: (2.7, 1.1),
        _S.RESUMING: (1.3, 2.2),
        _S.HELD: (0, 3.1),
        _S.HOLDING: (2.7, 3.1),
    },
    "retry": {
        _S.STOPPING: (0, 0),
        _S.CANCELLING: (0, 1),
        _S.FAILING: (0, 2),
        _S.STOPPING_TO_RETRY: (2.1, 0),
        _S.CANCELLING_TO_RETRY: (1.55, 1),
        _S.FAILING_TO_RETRY: (2.1, 2),
        _S.WAITING: (3.4, 1),
    },
}
#: A picture shows all ways among its states; this one only those that begin or end in one of these.
ABOUT = {"retry": TO_RETRY}
_WIDTH, _HEIGHT, _STEP_X, _STEP_Y, _MARGIN = 150, 40, 205, 96, 40


def state_table() -> str:
    """The whole table as Markdown: a row for each state, a column for each event."""
    head = "| state | " + " | ".join(event.name.lower() for event in JobEvent) + " |"
    rows = [head, "|---|" + "---|" * len(JobEvent)]
    for state in JobState:
        cells = [_cell(state, event) for event in JobEvent]
        rows.append(f"| **{_label(state)}** | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def state_list() -> str:
    """What each state and each event means."""
    states = "\n".join(f"| {_label(state)} | {state.value} | {_kind(state)} |" for state in JobState)
    events = "\n".join(f"| {event.name.lower()} | {event.value} |" for event in JobEvent)
    return f"| state | meaning | |\n|---|---|---|\n{states}\n\n| event | meaning |\n|---|---|\n{events}\n"


def state_picture(name: str) -> str:
    """One picture of :data:`PICTURES` as SVG; colours are the theme's."""
    missing = set(JobState) - {state for places in PICTURES.values() for state in places}
    if missing:
        raise ValueError(f"no picture shows {', '.join(state.name for state in missing)}")
    places = PICTURES[name]
    ways: dict[tuple[JobState, JobState], list[str]] = {}
    for state in places:
        for event, after in TRANSITIONS[state].items():
            if after in places and not state.is_final and {state, after} & ABOUT.get(name, set(places)):
                ways.setdefault((state, after), []).append(event.name.lower())
    width = _MARGIN * 2 + _WIDTH + _STEP_X * max(column for column, _ in places.values())
    height = _MARGIN * 2 + _HEIGHT + _STEP_Y * max(row for _, row in places.values())
    lines = [_way(_centre(places[a]), _centre(places[b]), ", ".join(events)) for (a, b), events in ways.items()]
    boxes = [_box(_centre(place), state) for state, place in places.items()]
    return (
        f'<svg class="states" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="states of a job: {name}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>' + "".join(lines) + "".join(boxes) + "</svg>\n"
    )


def _cell(state: JobState, event: JobEvent) -> str:
    after = TRANSITIONS[state].get(event)
    return _label(after) if after else ""


def _label(state: JobState) -> str:
    return state.name.lower().replace("_", " ")


def _kind(state: JobState) -> str:
    return "final" if state.is_final else "rests" if state.rests else "at work"


def _centre(place: tuple[float, float]) -> tuple[float, float]:
    column, row = place
    return _MARGIN + _WIDTH / 2 + column * _STEP_X, _MARGIN + _HEIGHT / 2 + row * _STEP_Y


def _box(centre: tuple[float, float], state: JobState) -> str:
    """A state; a final one says what leads out of it, instead of a line across the picture."""
    x, y = centre[0] - _WIDTH / 2, centre[1] - _HEIGHT / 2
    ways = [
        f"{event.name.lower()} → {_label(after)}" for event, after in TRANSITIONS[state].items() if state.is_final
    ]
    below = (
        f'<text class="event" x="{centre[0]:.0f}" y="{centre[1] + 14:.0f}">{", ".join(ways)}</text>' if ways else ""
    )
    return (
        f'<g class="{_kind(state).replace(" ", "-")}">'
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
        f'<text x="{centre[0]:.0f}" y="{centre[1] + (-2 if ways else 4):.0f}">{_label(state)}</text>{below}</g>'
    )


def _way(start: tuple[float, float], end: tuple[float, float], label: str) -> str:
    """A bent line from box to box, so that the way back does not lie on the way there."""
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1)
    bend = 10 if length < 1.5 * _STEP_X else 0.07 * length
    if abs(x2 - x1) < _WIDTH / 2:
        bend = 28  # room for the words beside a steep line
    bent = ((x1 + x2) / 2 + (y2 - y1) / length * bend * 2, (y1 + y2) / 2 - (x2 - x1) / length * bend * 2)
    (ax, ay), (bx, by) = _edge(start, bent), _edge(end, bent)
    at = ((ax + 2 * bent[0] + bx) / 4, (ay + 2 * bent[1] + by) / 4)
    return (
        f'<path d="M{ax:.0f} {ay:.0f}Q{bent[0]:.0f} {bent[1]:.0f} {bx:.0f} {by:.0f}" marker-end="url(#tip)"/>'
        f'<text class="event" x="{at[0]:.0f}" y="{at[1] + 3:.0f}">{label}</text>'
    )


def _edge(centre: tuple[float, float], toward: tuple[float, float]) -> tuple[float, float]:
    """Where the line from a box's centre leaves the box."""
    dx, dy = toward[0] - centre[0], toward[1] - centre[1]
    part = min(_WIDTH / 2 / abs(dx) if dx else math.inf, _HEIGHT / 2 / abs(dy) if dy else math.inf)
    return centre[0] + dx * part, centre[1] + dy * part


# -- the tree of errors ----------------------------------------------------------------------------------------------


def error_tree() -> str:
    """The public errors as a nested list, with the first line of what each says about itself."""
    lines: list[str] = []
    _errors(pan115kit.Pan115Error, 0, lines)
    lines.append(f"* `UploadInterrupted` (a `KeyboardInterrupt`): {_says(pan115kit.UploadInterrupted)}")
    return "\n".join(lines) + "\n"


def _errors(kind: type[BaseException], depth: int, lines: list[str]) -> None:
    if kind.__name__ in pan115kit.__all__:
        others = [base.__name__ for base in kind.__bases__ if base.__module__ == "builtins" and base is not Exception]
        also = f" (also a `{others[0]}`)" if others else ""
        lines.append(f"{'  ' * depth}* `{kind.__name__}`{also}: {_says(kind)}")
    for heir in kind.__subclasses__():
        _errors(heir, depth + 1, lines)


def _says(kind: type[BaseException]) -> str:
    paragraph = (kind.__doc__ or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split())  # reStructuredText to Markdown
