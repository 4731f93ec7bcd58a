"""The live panel: uploads of a queue, and unfinished sessions of its store, with buttons that work.

One painter per panel, a coroutine on the kit's face thread, is the only writer of its widgets.  Buttons post a
command to the queue and nothing else, because the thread a click arrives on differs between ipykernel versions.  At
the end, and on :meth:`Panel.freeze`, a static report takes the display's place, so that the saved notebook tells the
truth.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Callable, Collection
from typing import Any

from .._base import event_loops
from .._base.environment import in_kernel
from ..errors import StoreError
from ..i18n import both
from ..models import UploadSession
from ..presentation.rows import Action, Filter, Group
from ..presentation.upload_list import Board, Totals
from ..store import LeaseOwner, Store
from ..transfer.queue import UploadQueue
from .button_commands import orders
from .report import board_report
from .scenes import Look, compose
from .view import View

logger = logging.getLogger("pan115kit")

#: Seconds between two looks at what changed; a painting is at most as frequent.
TICK = 0.25
#: Seconds between two paintings while only clocks run.
IDLE = 1.0
#: Seconds between two looks into the store.
STORE = 2.0
#: Seconds from the end to the frozen report; where there is something left to read or to retry, there is time for it.
LINGER, LINGER_LONG = 1.2, 60.0

_WIDGET = "application/vnd.jupyter.widget-view+json"
_live: weakref.WeakSet[Panel] = weakref.WeakSet()


class Panel:
    """A live view of uploads.

    Args:
        queue: Whose uploads; commands go there.
        job_ids: Only these uploads; None shows all of the queue, later ones too, and the store's unfinished sessions.
        title: Its head; for one upload its file is the head.
        rows: Rows per page; the rest is counted and reached by page and filter.
        many: Draw a list also for one upload.
        note: The last line of the report, e.g. a batch's sum.
        store: Where unfinished sessions are looked for; None shows none.
        clock: Steady seconds.
        wall_clock: Epoch seconds.

    Example:
        >>> panel = Panel(queue, title="/影视")       # doctest: +SKIP
        >>> panel.show()                               # doctest: +SKIP
        >>> panel.freeze()                             # doctest: +SKIP
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
        single = job_ids is not None and len(job_ids) == 1 and not many
        self._look = Look(title or both("115 上传任务", "115 uploads"), single, rows)
        self._lock = threading.RLock()  # the board and the view are the painter's; show() and report() look in
        self._board = Board(clock())
        self._version = -1
        self.view: View | None = None  # once shown
        self._handles: list[Any] = []
        self._wake: asyncio.Event | None = None
        self._painter: concurrent.futures.Future[None] | None = None
        self._painted = self._looked = self._quiet_since = float("-inf")
        self._resent = self._told = False
        self._frozen = False
        self._stopped = False
        self._closed = False
        if single:
            before = queue.store.history.samples(next(iter(self._job_ids or ())))
            self._board.curve.recall(before, clock() - wall_clock())
        self._take_in()
        _live.add(self)

    # -- showing -----------------------------------------------------------------------------------------------

    @property
    def widget(self) -> Any:
        """The ipywidgets box, to be put into other boxes; it lives until :meth:`close`.

        Raises:
            ModuleNotFoundError: ipywidgets is not installed.
        """
        with self._lock:
            if self.view is None:
                self.view = View(self._pressed, self._clock)
                self.view.apply(self._scene())
        self._start()
        return self.view.root

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
        """Rows per page."""
        return self._look.size

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

    def _bundle(self) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self.report()}
        if in_kernel() and not self._closed and not self._is_over():
            self._thaw()
            with contextlib.suppress(ModuleNotFoundError):
                bundle[_WIDGET] = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return bundle

    def _is_over(self) -> bool:
        """Whether a report says all there is: nothing will move, nothing can be retried."""
        return self._stopped or (not self._follows and (self._frozen or self._totals().counts.keys() <= {Group.DONE}))

    def __repr__(self) -> str:
        # no figures: executed notebooks are compared by their text
        row = next(iter(self._board), None) if self._look.single else None
        return f"<Panel {row.shot.file_name if row else self._look.title}>"

    def report(self) -> str:
        """Its content now as static HTML."""
        with self._lock:
            self._take_in()
            row = next(iter(self._board), None) if self._look.single else None
            title = f"{row.shot.file_name} → {row.shot.target_path}" if row else self._look.title
            now, wall = self._clock(), self._wall_clock()
            return board_report(title, self._board, now, wall, note=self._note(), single=row is not None)

    # -- ending ------------------------------------------------------------------------------------------------

    @property
    def _follows(self) -> bool:
        """Whether uploads begun later belong here too, so that a frozen panel may come alive again."""
        return self._job_ids is None

    def freeze(self) -> None:
        """Let a static report take its place, now and in the saved notebook."""
        self._on_faces(self._freeze)

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

        self._on_faces(stop)
        if self._painter is not None and not event_loops.ui_loop().is_current:
            self._painter.result(10)

    def close(self) -> None:
        """Freeze it and close every widget; again is no more."""
        if not self._closed:
            self.stop()
            with self._lock:
                self._closed = True
                if self.view is not None:
                    self.view.close()

    def _on_faces(self, function: Callable[[], None]) -> None:
        faces = event_loops.ui_loop()
        if faces.is_current:
            function()
            return

        async def run() -> None:
            function()

        faces.submit(run(), fresh_context=True).result(10)

    def _freeze(self) -> None:
        with self._lock:
            if self._frozen or self._closed:
                return
            self._frozen = True
            if self.view is not None and self.view.alive:
                self.view.settle(self.report())
        self._send_report()

    def _send_report(self) -> None:
        html = self.report()
        for handle in self._handles:
            handle.update({"text/plain": repr(self), "text/html": html}, raw=True)

    def _thaw(self) -> None:
        """Work has come: be live again."""
        with self._lock:
            self._frozen, self._resent = False, False
            self._quiet_since = self._clock()
            if self.view is not None and not self.view.alive:
                self.view = None

    # -- painting ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._stopped or (self._painter is not None and not self._painter.done()):
                return
            self._painter = event_loops.ui_loop().submit(self._paint_on(), fresh_context=True)

    async def _paint_on(self) -> None:
        """Look four times a second; paint what changed, and running clocks once a second."""
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
        """Look and paint now."""

        async def now() -> None:
            await self._look_into_store(now=True)
            self._tick(now=True)

        if event_loops.ui_loop().is_current:
            raise RuntimeError("refresh() cannot be called from the face thread")
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
                self._revive()
            view = self.view
            if view is None or not view.alive:
                return
            if now or changed or moment - self._painted >= IDLE:
                self._painted = moment
                view.apply(self._scene())
            if changed:
                self._quiet_since, self._resent, self._told = moment, False, False
            self._maybe_end(moment)

    def _revive(self) -> None:
        self._thaw()
        self._refresh_report()

    def _maybe_end(self, moment: float) -> None:
        """A second after the end say the last word again, then let the report take over."""
        quiet = moment - self._quiet_since
        totals = self._totals()
        if not totals.ended or quiet < LINGER:
            return
        if not self._resent and self.view is not None:
            self._resent = True
            self.view.resend()
        more = self._follows or totals.counts.get(Group.CANCELLED) or totals.files > self._look.size
        linger = LINGER_LONG if more else LINGER
        unsolved = totals.counts.get(Group.FAILED) or self._board.count(Filter.UNFINISHED)
        if not self._handles or not totals.files:
            return
        if not unsolved and quiet >= linger:
            self._freeze()
        elif not self._told:
            self._told = True
            self._refresh_report()

    def _refresh_report(self) -> None:
        """The buttons stay, but what a saved notebook would show without them is true from now on."""
        bundle = self._bundle()
        for handle in self._handles:
            handle.update(bundle, raw=True)

    def _scene(self) -> Any:
        return compose(self._board, self._look, self._clock(), self._wall_clock())

    def _totals(self) -> Totals:
        return self._board.totals(self._clock(), self._wall_clock())

    def _take_in(self) -> bool:
        """Bring the board up to date; whether there was anything new."""
        tracker = self._queue.tracker
        before = self._version
        self._version, changed = tracker.changed_since(before)
        mine = [shot for shot in changed if self._is_mine(shot.job_id)]
        self._board.update(mine, self._clock())
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
            self._board.set_sessions(found)
        # a store with thousands of sessions is looked at less often
        self._looked = self._clock() + 20 * (self._clock() - begun)

    # -- buttons -----------------------------------------------------------------------------------------------

    def _pressed(self, command: str, key: str) -> None:
        """On whatever thread handles the click: post and return."""
        event_loops.ui_loop().call(self._obey, command, key)

    def _obey(self, command: str, key: str) -> None:
        with self._lock:
            if not self._look.choose(command):
                for post in orders(self._queue, self._board, Action(command), key, single=self._look.single):
                    # on the engine's own loop a command takes effect at once and waits for nobody
                    event_loops.engine().call(post)
            self._painted, self._quiet_since = float("-inf"), self._clock()
        if self._wake is not None:
            self._wake.set()


def stop_panels(queue: UploadQueue) -> None:
    """Freeze every panel of a queue that is closed."""
    for panel in list(_live):
        if panel._queue is queue:
            panel.stop()
