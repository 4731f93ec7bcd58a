"""The live panel: uploads of a queue, and unfinished sessions of its store, with buttons that work.

One painter per panel, a coroutine on the kit's UI thread, is the only writer of its widget.  Buttons post a command
to the queue and nothing else, because the thread a click arrives on differs between ipykernel versions.  At the end,
and on :meth:`Panel.freeze`, a static report takes the display's place: the saved notebook says what became of it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from .._base import event_loops
from .._base.environment import in_kernel
from .._base.safe_output import out_width
from ..errors import StoreError
from ..i18n import say
from ..models import UploadSession
from ..presentation.rows import Action, Group, Row, row_json
from ..presentation.upload_list import Totals, UploadList
from ..presentation.upload_table import uploads_table
from ..store import LeaseOwner, Store
from ..transfer.queue import UploadQueue
from .report import uploads_report

if TYPE_CHECKING:
    from .widget import UploadsWidget

logger = logging.getLogger("pan115kit")

#: Seconds between two looks at what changed; there is at most one message a look.
TICK = 0.25
#: Seconds between two messages while only clocks run.
IDLE = 1.0
#: Seconds between two looks into the store.
STORE = 2.0
#: Seconds from the end to the frozen report; where there is something left to read or to retry, there is time for it.
LINGER, LINGER_LONG = 1.2, 60.0
#: Rows in one message; more wait for the next one.
ROWS_PER_MESSAGE = 1000

_WIDGET = "application/vnd.jupyter.widget-view+json"
_live: weakref.WeakSet[Panel] = weakref.WeakSet()


class Panel:
    """A live view of uploads.

    Args:
        queue: Whose uploads; commands go there.
        job_ids: Only these uploads; None shows all of the queue, later ones too, and the store's unfinished sessions.
        title: Its head; for one upload its file is the head.
        rows: Rows that are seen before the list scrolls.
        many: Draw a list also for one upload.
        note: The last line of the report, e.g. a batch's sum.
        store: Where unfinished sessions are looked for; None shows none.
        clock: Steady seconds.
        wall_clock: Epoch seconds.
    """

    def __init__(
        self,
        queue: UploadQueue,
        job_ids: Collection[str] | None = None,
        *,
        title: str = "",
        rows: int = 10,
        many: bool = False,
        note: Callable[[], str] = str,
        store: Store | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._job_ids = None if job_ids is None else frozenset(job_ids)
        self._store = store
        self._clock = clock
        self._wall_clock = wall_clock
        self._note = note
        self._title = title or say("panel.title")
        self._rows = rows
        self._single = job_ids is not None and len(job_ids) == 1 and not many
        self._lock = threading.RLock()  # the list is the painter's; show() and report() look in
        self._list = UploadList(clock())
        self._version = -1
        self._unsent: dict[str, None] = {}  # keys of rows that the page has not, or has older
        self._clocks: dict[str, None] = {}  # rows of which nothing but the clocks has moved
        self._gone: list[str] = []
        self._widget: UploadsWidget | None = None  # once shown
        self._handles: list[Any] = []
        self._wake: asyncio.Event | None = None
        self._painter: concurrent.futures.Future[None] | None = None
        self._painted = self._looked = self._quiet_since = float("-inf")
        self._resent = self._reported = False
        self._frozen = False
        self._stopped = False
        self._closed = False
        self._discarding: set[asyncio.Task[None]] = set()
        if self._single:
            before = queue.store.history.samples(next(iter(self._job_ids or ())))
            self._list.curve.recall(before, clock() - wall_clock())
        self._take_in()
        _live.add(self)

    # -- showing -----------------------------------------------------------------------------------------------

    @property
    def widget(self) -> UploadsWidget:
        """The ipywidgets widget, to be put into boxes of your own; it lives until :meth:`close`.

        Raises:
            ModuleNotFoundError: anywidget is not installed.
        """
        from .widget import UploadsWidget

        with self._lock:
            if self._widget is None or not self._widget.alive:
                self._widget = UploadsWidget(self._look(), self._whole, self._heard)
                # its first state had everything
                self._unsent.clear()
                self._gone.clear()
            widget = self._widget
        self._start()
        return widget

    def _look(self) -> dict[str, Any]:
        return {"heading": self._title, "single": self._single, "rows": self._rows, "readonly": self._frozen}

    def _whole(self) -> dict[str, Any]:
        with self._lock:
            now = self._clock()
            curve = [(round(now - moment, 1), round(speed)) for moment, speed in self._list.curve.points]
            return {"uploads": [row_json(row) for row in self._list.everything()], "curve": curve}

    @property
    def frozen(self) -> bool:
        """Whether the static report has taken its place."""
        return self._frozen

    @property
    def closed(self) -> bool:
        """Whether it is gone for good."""
        return self._closed

    @property
    def page_size(self) -> int:
        """Rows that are seen before the list scrolls."""
        return self._rows

    def show(self) -> None:
        """Display it in the running cell; each cell that shows it has a live view of its own."""
        if in_kernel():
            from IPython.display import display

            # a display id makes the output replaceable later, which is how the report gets there
            self._handles.append(display(self._bundle(), raw=True, display_id=True))

    def _ipython_display_(self) -> None:
        if not in_kernel():
            raise NotImplementedError  # IPython then shows the repr
        self.show()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self._bundle()

    def _display_(self) -> UploadsWidget:
        """As marimo shows it."""
        return self.widget

    def _bundle(self) -> dict[str, Any]:
        text = repr(self) if in_kernel() else self.text()
        bundle: dict[str, Any] = {"text/plain": text, "text/html": self.report()}
        if in_kernel() and not self._closed and not self._is_over():
            self._thaw()
            with contextlib.suppress(ModuleNotFoundError):
                bundle[_WIDGET] = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return bundle

    def _is_over(self) -> bool:
        """Whether a report says all there is: nothing will move, nothing can be retried."""
        return self._stopped or (not self._follows and (self._frozen or self._totals().counts.keys() <= {Group.DONE}))

    def _only_row(self) -> Row | None:
        return next(iter(self._list), None) if self._single else None

    def __repr__(self) -> str:
        # no figures: executed notebooks are compared by their text
        row = self._only_row()
        return f"<Panel {row.shot.file_name if row else self._title}>"

    def text(self) -> str:
        """Its content now as a table of text that fits the terminal."""
        with self._lock:
            self._take_in()
            rows = self._list.everything()
        return uploads_table(rows, out_width())

    def report(self) -> str:
        """Its content now as static HTML."""
        with self._lock:
            self._take_in()
            row = self._only_row()
            title = f"{row.shot.file_name} → {row.shot.target_path}" if row else self._title
            now, wall = self._clock(), self._wall_clock()
            return uploads_report(title, self._list, now, wall, note=self._note(), single=row is not None)

    # -- ending ------------------------------------------------------------------------------------------------

    @property
    def _follows(self) -> bool:
        """Whether uploads begun later belong here too, so that a frozen panel may come alive again."""
        return self._job_ids is None

    def freeze(self) -> None:
        """Let a static report take its place, now and in the saved notebook."""
        self._on_ui_loop(self._freeze)

    def stop(self) -> None:
        """Freeze it for good: its client is closed, nothing will move any more."""

        def stop() -> None:
            if self._frozen:
                # again: nbclient, which runs notebooks for nbconvert and papermill, hears nothing between two cells
                self._send_report()
            self._freeze()
            self._stopped = True
            if self._wake is not None:
                self._wake.set()

        self._on_ui_loop(stop)
        if self._painter is not None and not event_loops.ui_loop().is_current:
            self._painter.result(10)

    def close(self) -> None:
        """Freeze it and close its widget; idempotent."""
        if not self._closed:
            self.stop()
            with self._lock:
                self._closed = True
                if self._widget is not None:
                    self._widget.close()

    def _on_ui_loop(self, function: Callable[[], None]) -> None:
        loop = event_loops.ui_loop()
        if loop.is_current:
            function()
            return

        async def run() -> None:
            function()

        loop.submit(run(), fresh_context=True).result(10)

    def _freeze(self) -> None:
        with self._lock:
            if self._frozen or self._closed:
                return
            self._take_in()
            self._frozen = True
            if self._widget is not None and self._widget.alive:
                # a page opened again later finds the end: the display's own replacement reaches only pages open now
                self._widget.send_whole()
                self._widget.set_look(readonly=True)
        self._send_report()

    def _send_report(self) -> None:
        html = self.report()
        for handle in self._handles:
            handle.update({"text/plain": repr(self), "text/html": html}, raw=True)

    def _thaw(self) -> None:
        """Work has come: be live again."""
        with self._lock:
            was, self._frozen, self._resent = self._frozen, False, False
            self._quiet_since = self._clock()
            if was and self._widget is not None and self._widget.alive:
                self._widget.set_look(readonly=False)

    # -- painting ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._stopped or (self._painter is not None and not self._painter.done()):
                return
            self._painter = event_loops.ui_loop().submit(self._paint_on(), fresh_context=True)

    async def _paint_on(self) -> None:
        """Look four times a second; send what changed, and running clocks once a second."""
        self._wake = asyncio.Event()
        while not self._stopped:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK)
                self._wake.clear()
                await asyncio.sleep(0.05)  # what the button asked for has happened by then
            await self._look_into_store()
            try:
                self._tick()
            except Exception:  # a broken painting must not stop the next one
                logger.exception("painting %r", self)
            if self._frozen and not self._follows:
                return

    def refresh(self) -> None:
        """Look and send what changed now."""

        async def now() -> None:
            await self._look_into_store(now=True)
            self._tick(now=True)

        if event_loops.ui_loop().is_current:
            raise RuntimeError("refresh() cannot be called from the UI thread")
        event_loops.ui_loop().submit(now(), fresh_context=True).result(10)

    def _tick(self, *, now: bool = False) -> None:
        with self._lock:
            if self._stopped:
                return
            changed = self._take_in()
            moment = self._clock()
            if self._frozen:
                if not (changed and self._follows and not self._totals().ended):
                    return
                self._thaw()
                self._refresh_report()
            widget = self._widget
            if widget is None or not widget.alive:
                return
            if now or moment - self._painted >= IDLE:
                self._unsent |= self._clocks
                self._clocks.clear()
                self._painted = moment
            self._send_changes(widget)
            if changed:
                self._quiet_since, self._resent, self._reported = moment, False, False
            self._maybe_end(moment)

    def _send_changes(self, widget: UploadsWidget) -> None:
        keys = list(self._unsent)[:ROWS_PER_MESSAGE]
        if not keys and not self._gone:
            return
        rows = [row for key in keys if (row := self._list.get(key)) is not None]
        widget.send_changes([row_json(row) for row in rows], self._gone)
        for key in keys:
            del self._unsent[key]
        self._gone.clear()

    def _maybe_end(self, moment: float) -> None:
        """A second after the end say how many messages there were, then let the report take over."""
        quiet = moment - self._quiet_since
        totals = self._totals()
        if not totals.ended or quiet < LINGER or self._unsent:
            return
        if not self._resent and self._widget is not None:
            self._resent = True
            self._widget.send_number()
        more = self._follows or totals.counts.get(Group.CANCELLED) or totals.files > self._rows
        linger = LINGER_LONG if more else LINGER
        unsolved = totals.counts.get(Group.FAILED) or self._list.free_sessions()
        if not self._handles or not totals.files:
            return
        if not unsolved and quiet >= linger:
            self._freeze()
        elif not self._reported:
            self._reported = True
            self._refresh_report()

    def _refresh_report(self) -> None:
        """The buttons stay, but what a saved notebook would show without them is true from now on."""
        bundle = self._bundle()
        for handle in self._handles:
            handle.update(bundle, raw=True)

    def _totals(self) -> Totals:
        return self._list.totals(self._clock(), self._wall_clock())

    def _take_in(self) -> bool:
        """Bring the list up to date; whether there was anything new."""
        self._version, shots = self._queue.tracker.changed_since(self._version)
        mine = [shot for shot in shots if self._is_mine(shot.job_id)]
        for shot in mine:
            before = self._list.get(shot.job_id)
            still = before is not None and before.shot.version == shot.version
            (self._clocks if still else self._unsent)[shot.job_id] = None
        self._list.update(mine, self._clock())
        return bool(mine)

    def _is_mine(self, job_id: str) -> bool:
        return self._queue.get(job_id) is not None if self._job_ids is None else job_id in self._job_ids

    async def _look_into_store(self, *, now: bool = False) -> None:
        """Unfinished sessions of earlier runs and of other processes, with whoever works on them."""
        store = self._store
        if store is None or (not now and self._clock() - self._looked < STORE):
            return

        def read() -> list[tuple[UploadSession, LeaseOwner | None]]:
            owners = store.leases.owners()
            return [(session, owners.get(session.session_id)) for session in store.sessions.list()]

        begun = self._clock()
        try:
            found = await store.call(read)
        except StoreError as error:
            self._store = None  # closed, or broken: what was last seen stays on show
            logger.debug("sessions for %r: %s", self, error)
            return
        with self._lock:
            changed, gone = self._list.set_sessions(found)
            self._unsent |= {row.key: None for row in changed}
            self._gone += gone
        # a store with thousands of sessions is looked at less often
        self._looked = self._clock() + 20 * (self._clock() - begun)

    # -- buttons -----------------------------------------------------------------------------------------------

    def _heard(self, message: Mapping[str, Any]) -> None:
        """On whatever thread handles the page's message: post and return."""
        event_loops.ui_loop().call(self._obey, message)

    def _obey(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            if message["kind"] == "whole":
                if self._widget is not None and self._widget.alive:
                    self._widget.answer(message["number"])
                return
            for row, action in self._meant(message["action"], message["job_ids"]):
                self._command(row, action)
            self._painted, self._quiet_since = float("-inf"), self._clock()
            self._looked = float("-inf")
        if self._wake is not None:
            self._wake.set()

    def _meant(self, asked: str, keys: list[str] | None) -> list[tuple[Row, Action]]:
        """Which rows a button means, and what is to be done with each; rows that changed meanwhile are left alone."""
        word, _, sessions = asked.partition("_")
        action = Action(word)
        if keys is not None:
            rows = [row for key in keys if (row := self._list.get(key)) is not None]
        else:
            rows = self._list.rows({Group.UNFINISHED} if sessions else action.groups_of_all)
        return [(row, action) for row in rows if action in row.actions]

    def _command(self, row: Row, action: Action) -> None:
        """On the engine's own loop a command takes effect at once and waits for nobody."""
        queue, post = self._queue, event_loops.engine().call
        if row.session is None:
            do = {
                Action.PAUSE: queue.pause,
                Action.RESUME: queue.resume,
                Action.RETRY: queue.retry,
                Action.CANCEL: queue.cancel,
            }[action]
            post(partial(do, row.key))
        elif action is Action.RESUME:
            post(partial(queue.resume_session, row.session))
        elif self._store is not None:
            task = asyncio.ensure_future(self._discard(self._store, row.session.session_id))
            self._discarding.add(task)
            task.add_done_callback(self._discarding.discard)

    async def _discard(self, store: Store, session_id: str) -> None:
        try:
            await store.call(store.sessions.discard, session_id)
        except StoreError as error:
            logger.warning("session %s cannot be discarded: %s", session_id, error)
        self._queue.start_chores()  # what it left at OSS is aborted
        self._looked = float("-inf")


def stop_panels(queue: UploadQueue) -> None:
    """Freeze every panel of a queue that is closed."""
    for panel in list(_live):
        if panel._queue is queue:
            panel.stop()
