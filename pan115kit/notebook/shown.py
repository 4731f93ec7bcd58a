"""How clients, jobs, batches and results show themselves as a cell's last line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._base.environment import in_kernel, shell

if TYPE_CHECKING:
    from ..transfer.queue import UploadQueue
    from .panel import Panel


class Shown:
    """Shown as its panel: live in a notebook, a static report in viewers, its repr elsewhere.

    Example:
        >>> class Uploads(Shown):
        ...     def panel(self): return Panel(queue)
    """

    def panel(self) -> Panel:
        """Its live panel."""
        raise NotImplementedError

    def _static_html(self) -> str | None:
        """What is shown instead of a panel, where there is nothing to follow."""
        return None

    def _ipython_display_(self) -> None:
        if not in_kernel():
            raise NotImplementedError  # IPython then shows the repr
        html = self._static_html()
        if html is None:
            self.panel().show()
            return
        from IPython.display import display

        display({"text/plain": repr(self), "text/html": html}, raw=True)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        html = self._static_html()
        if html is not None or not in_kernel():
            return {"text/plain": repr(self), "text/html": html or self.panel().report()}
        return self.panel()._repr_mimebundle_()

    def _repr_html_(self) -> str:
        return self._static_html() or self.panel().report()


def _result(result: Any) -> str:
    from .report import result_report

    return result_report(result)


def _session(session: Any) -> str:
    from .report import sessions_report

    return sessions_report([session])


_FORMATS: dict[str, Callable[[Any], str]] = {"UploadResult": _result, "UploadSession": _session}


def register_formatters() -> None:
    """Teach the running IPython shell, if any, to show the kit's plain data as HTML.

    The data lives on the ground floor and knows no notebook, so it carries no ``_repr_html_`` itself.

    Example:
        >>> register_formatters()
    """
    formatter = getattr(shell(), "display_formatter", None)
    if formatter is not None:
        for name, function in _FORMATS.items():
            formatter.formatters["text/html"].for_type_by_name("pan115kit.models", name, function)


def end_panels(queue: UploadQueue) -> None:
    """Freeze the panels of a client that was closed; nothing is imported where none was shown."""
    panels = sys.modules.get(f"{__package__}.panel")
    if panels is not None:
        panels.stop_panels(queue)
