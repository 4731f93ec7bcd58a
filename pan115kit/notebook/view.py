"""The panel's widgets: a fixed pool of rows with real buttons, reused while paging.

:class:`View` knows no upload: it is handed a :class:`Scene` and sets what differs.  One thread writes (the painter);
buttons only call ``act``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ipywidgets as widgets

from .clicks import on_click
from .markup import STYLE


@dataclass(frozen=True, slots=True)
class ButtonScene:
    """One button: what it says, and what :class:`View` passes to ``act`` when it is pressed.

    Attributes:
        command: e.g. ``pause``; empty hides the button but keeps its place.
        text: Its word; empty for an icon alone.
        icon: A FontAwesome name.
        tooltip: Also its name for a screen reader.
        on: Drawn as chosen.
    """

    command: str
    text: str = ""
    icon: str = ""
    tooltip: str = ""
    on: bool = False
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class RowScene:
    """One row: whose it is, its HTML and its buttons."""

    key: str
    html: str
    buttons: tuple[ButtonScene, ButtonScene]


@dataclass(frozen=True, slots=True)
class Scene:
    """All there is to see."""

    head: str
    tools: tuple[ButtonScene, ...] = ()
    rows: tuple[RowScene, ...] = ()
    filters: tuple[ButtonScene, ...] = ()
    foot: str = ""


#: ``act(command, key)``: a button was pressed; ``key`` is the row's, empty for the panel's own buttons.
Act = Callable[[str, str], None]


@dataclass(slots=True, eq=False)
class _Slot:
    box: Any
    html: Any
    buttons: tuple[_Press, ...]
    key: str = ""
    since: float = 0.0  # when it was given to another row


@dataclass(slots=True, eq=False)
class _Press:
    """A button and what it means now."""

    widget: Any
    scene: ButtonScene = field(default_factory=lambda: ButtonScene(""))


class View:
    """The widget tree.

    Args:
        act: Called on the thread that handles the click; it must only post a command.
        clock: Steady seconds.

    Example:
        >>> view = View(lambda command, key: print(command), clock=lambda: 0.0)
        >>> view.apply(Scene("<b>head</b>", tools=(ButtonScene("pause", "Pause"),)))
        >>> view.button("pause").click()
        pause
        >>> view.close()
    """

    #: Seconds for which a row's buttons are deaf after it was given to another upload: the press was meant for
    #: the one that was there.
    REBOUND_GUARD = 0.4

    def __init__(self, act: Act, clock: Callable[[], float]) -> None:
        self._act = act
        self._clock = clock
        self._layouts: dict[str, Any] = {}
        self._styles: dict[type, Any] = {}
        self._made: list[Any] = []
        self.root = widgets.VBox(_dom_classes=("p115",))
        self._lasting = (self.root, self.root.layout)
        self._report: Any = None
        self._build()

    def _build(self) -> None:
        self._spare: list[_Slot] = []
        self._slots: list[_Slot] = []
        self._tools: list[_Press] = []
        self._filters: list[_Press] = []
        self._head = self._html()
        self._toolbar = self._box(widgets.HBox, "p-tools")
        self._rows = self._box(widgets.VBox, "p-rows")
        self._foot = self._html()
        self._filter_bar = self._box(widgets.HBox, "p-tools")
        style = self._html()
        style.value = STYLE
        style.layout = self._layout("none", display="none")
        self._parts = [style, self._head, self._toolbar, self._rows, self._filter_bar, self._foot]
        self._children(self.root, self._parts[:2])

    @property
    def alive(self) -> bool:
        """Whether the widgets are still there: a user may close them too."""
        return self.root.comm is not None

    def button(self, command: str, key: str = "") -> Any:
        """The button that means ``command`` now, on the row ``key``; for tests and keyboard shortcuts.

        Raises:
            LookupError: There is none.
        """
        presses = [*self._tools, *self._filters]
        if key:
            presses = [press for slot in self._slots if slot.key == key for press in slot.buttons]
        for press in presses:
            if press.scene.command == command:
                return press.widget
        raise LookupError(f"no button {command!r} {key!r}")

    # -- painting ----------------------------------------------------------------------------------------------

    def apply(self, scene: Scene) -> None:
        """Show ``scene``; only what differs is sent."""
        if self._report is not None:
            self._close(self._report, self._report.layout, self._report.style)
            self._report = None
            self._build()
        self._head.value = scene.head
        self._foot.value = scene.foot
        self._dress(self._toolbar, self._tools, scene.tools)
        self._dress(self._filter_bar, self._filters, scene.filters)
        self._dress_rows(scene.rows)
        shown = (True, True, scene.tools, scene.rows, scene.filters, scene.foot)
        self._children(self.root, [part for part, there in zip(self._parts, shown, strict=True) if there])

    def resend(self) -> None:
        """Send the texts once more: the server drops messages under load, and the last state must be seen."""
        for html in (self._head, self._foot, *(slot.html for slot in self._slots)):
            html.send_state("value")

    def settle(self, html: str) -> None:
        """Become one text, for good or until the next :meth:`apply`; everything else is closed.

        A page opened again later finds this text: the display's own replacement reaches only pages open now.
        """
        if self._report is None:
            self._report = widgets.HTML(html)
            self.root.children = (self._report,)
            self._close_parts()
        self._report.value = html

    def _dress(self, bar: Any, presses: list[_Press], scenes: Sequence[ButtonScene]) -> None:
        while len(presses) < len(scenes):
            presses.append(self._press(""))
        for press, scene in zip(presses, scenes, strict=False):
            self._mean(press, scene)
        self._children(bar, [press.widget for press in presses[: len(scenes)]])

    def _dress_rows(self, scenes: Sequence[RowScene]) -> None:
        while len(self._slots) > len(scenes):
            slot = self._slots.pop()
            slot.key = ""
            self._spare.append(slot)
        while len(self._slots) < len(scenes):
            self._slots.append(self._spare.pop() if self._spare else self._slot())
        for slot, scene in zip(self._slots, scenes, strict=True):
            if slot.key != scene.key:
                slot.since = self._clock() if slot.key else -self.REBOUND_GUARD
                slot.key = scene.key
            slot.html.value = scene.html
            for press, button in zip(slot.buttons, scene.buttons, strict=True):
                self._mean(press, button)
        self._children(self._rows, [slot.box for slot in self._slots])

    def _mean(self, press: _Press, scene: ButtonScene) -> None:
        if press.scene == scene:
            return
        press.scene = scene
        button = press.widget
        with button.hold_sync():  # one message; safe, because only the painter writes
            button.description, button.icon, button.tooltip = scene.text, scene.icon, scene.tooltip or scene.text
            button.disabled = not scene.enabled or not scene.command
            button.layout = self._layout("button") if scene.command else self._layout("away", visibility="hidden")
            (button.add_class if scene.on else button.remove_class)("p-on")

    @staticmethod
    def _children(box: Any, children: Sequence[Any]) -> None:
        # compared by hand: a tuple of widgets is never equal for traitlets
        if [id(child) for child in box.children] != [id(child) for child in children]:
            box.children = tuple(children)

    # -- making ------------------------------------------------------------------------------------------------

    def _slot(self) -> _Slot:
        html = self._html("p-item")
        buttons = (self._press("p-mini"), self._press("p-mini"))
        box = self._box(widgets.HBox, "p-line", children=[html, *(press.widget for press in buttons)])
        slot = _Slot(box, html, buttons)
        for press in buttons:
            self._listen(press, lambda: slot.key, lambda: self._clock() - slot.since >= self.REBOUND_GUARD)
        return slot

    def _press(self, css: str) -> _Press:
        style = self._style(widgets.widget_button.ButtonStyle)
        button = widgets.Button(layout=self._layout("button"), style=style, _dom_classes=(css,) if css else ())
        self._made.append(button)
        press = _Press(button)
        if css != "p-mini":
            self._listen(press, lambda: "", lambda: True)
        return press

    def _listen(self, press: _Press, key: Callable[[], str], heard: Callable[[], bool]) -> None:
        def clicked() -> None:
            if press.scene.command and heard():
                self._act(press.scene.command, key())

        on_click(press.widget, clicked)

    def _html(self, css: str = "") -> Any:
        style = self._style(widgets.widget_string.HTMLStyle)
        html = widgets.HTML(layout=self._layout("html"), style=style, _dom_classes=(css,) if css else ())
        self._made.append(html)
        return html

    def _box(self, kind: type, css: str, children: Sequence[Any] = ()) -> Any:
        box = kind(children=tuple(children), layout=self._layout("box"), _dom_classes=(css,))
        self._made.append(box)
        return box

    def _layout(self, name: str, **values: str) -> Any:
        """Layouts and styles are shared by all widgets of a kind: fewer models, fewer messages."""
        if name not in self._layouts:
            self._layouts[name] = widgets.Layout(**values)
        return self._layouts[name]

    def _style(self, kind: type) -> Any:
        if kind not in self._styles:
            self._styles[kind] = kind()
        return self._styles[kind]

    def _close_parts(self) -> None:
        parts = [*reversed(self._made), *self._layouts.values(), *self._styles.values()]
        self._close(*(part for part in parts if part not in self._lasting))
        self._made.clear()
        self._layouts.clear()
        self._styles.clear()

    def close(self) -> None:
        """Close every widget, layout and style; ipywidgets closes only what it is told."""
        self._close_parts()
        if self._report is not None:
            self._close(self._report, self._report.layout, self._report.style)
        self._close(*self._lasting)

    @staticmethod
    def _close(*parts: Any) -> None:
        for part in parts:
            if part.comm is not None:
                part.close()
