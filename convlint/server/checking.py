"""Checks what is open, in a thread and one at a time: always the newest text, never one that nobody waits for."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from convlint.config import Settings
from convlint.errors import UsageError
from convlint.fixer import FixResult, fix_paths
from convlint.linter import LintResult, lint
from convlint.server.configured import Configured, Notices, is_left_out
from convlint.server.documents import OpenDocuments, Opened
from convlint.server.kept import Kept, KeptFiles, StaleError

_STACK = 64 * 2**20
"""Bytes of address space for the thread's stack: what is nested deeply is followed as deep as elsewhere."""
_LONGEST_PAUSE = 0.3
"""Seconds that a text must have been left alone at most before it is checked; quick checks wait shorter."""
_AT_REST = 0.5
"""Seconds after which a text counts as left alone: the next change is checked at once."""
_PAUSE_OF_OTHERS = 0.4
"""Seconds before other texts that look into a changed one are checked again."""

_RUNS_BETWEEN = 100
"""After how many runs everything is looked through for what nobody needs."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Checked:
    """A state of what is open, and what was found in it."""

    opened: Opened
    settings: Settings
    result: LintResult
    files: KeptFiles


@dataclass
class _Run:
    """A run in the thread."""

    uri: str
    stale: threading.Event = field(default_factory=threading.Event)

    def pause(self) -> None:
        if self.stale.is_set():
            raise StaleError


@dataclass
class _State:
    """What is known of one text or notebook."""

    timer: asyncio.TimerHandle | None = None
    """When it is to be checked."""
    took: float = 0.0
    """How many seconds the last check took."""
    written: float = 0.0
    """When it was changed last."""
    revision: int = 0
    """The state of the text that was checked last, and what was found."""
    checked: Checked | None = None
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    """Who wants to know when its newest state is checked."""

    def no_timer(self) -> None:
        """It is not to be checked later."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = None

    def tell(self) -> None:
        """Something is known, or will never be."""
        for future in self.waiting:
            if not future.done():
                future.set_result(None)
        self.waiting.clear()


class Checker:
    """Owns the thread; ``publish`` is given each result that is not stale."""

    def __init__(
        self,
        documents: OpenDocuments,
        workspace: Callable[[], Iterable[Path]],
        notices: Notices,
        configured: Configured,
        publish: Callable[[Opened, Checked | None], None],
    ) -> None:
        self._documents = documents
        self._workspace = workspace
        self._notices = notices
        self._configured = configured
        self._publish = publish
        self._kept = Kept()
        self._states: defaultdict[str, _State] = defaultdict(_State)
        self._due: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._run: _Run | None = None
        self._runs = 0
        gc.disable()  # it would come in the middle of an answer; see `_tidy`
        before = threading.stack_size(_STACK)
        self._thread = ThreadPoolExecutor(1, "convlint")
        self._thread.submit(int)  # which starts it, with that stack
        threading.stack_size(before)

    # --- what changes ------------------------------------------------------------------------------------------------

    def changed(self, opened: Opened) -> None:
        """A text is new: what is being checked may look into it, or stands in its way."""
        state, now = self._states[opened.uri], time.monotonic()
        in_a_row = now - state.written < _AT_REST
        state.written = now
        self._later(opened.uri, min(state.took, _LONGEST_PAUSE) if in_a_row else 0.0)
        if self._run is not None:
            self._run.stale.set()
        self._others(opened)

    def closed(self, opened: Opened) -> None:
        """A text is gone; to others what is on disk counts again."""
        state = self._states.pop(opened.uri, _State())
        state.no_timer()
        state.tell()
        self._due.pop(opened.uri, None)
        if self._run is not None and self._run.uri == opened.uri:
            self._run.stale.set()
        self._notices.right(opened.uri)
        self._others(opened)

    def disk_changed(self, *, there: bool) -> None:
        """Files on disk have changed, those of the configuration among them perhaps; ``there`` if some came or went."""
        self._kept.forget(there=there)
        for opened in self._documents:
            self._later(opened.uri, _PAUSE_OF_OTHERS)

    def close(self) -> None:
        """Nobody waits for anything any more."""
        for state in self._states.values():
            state.no_timer()
        self._due.clear()
        if self._run is not None:
            self._run.stale.set()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _others(self, changed: Opened) -> None:
        for uri, state in self._states.items():
            if uri != changed.uri and state.checked is not None and changed.path in state.checked.files.asked:
                self._later(uri, _PAUSE_OF_OTHERS)

    # --- when --------------------------------------------------------------------------------------------------------

    def _later(self, uri: str, pause: float) -> None:
        state = self._states[uri]
        state.no_timer()
        state.timer = asyncio.get_running_loop().call_later(pause, self._now, uri)

    def _now(self, uri: str) -> None:
        self._states[uri].no_timer()
        self._due[uri] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._due:
            uri = next(iter(self._due))
            del self._due[uri]
            opened = self._documents.get(uri)
            if opened is not None:
                await self._check(opened)
            if not self._due:
                await self._in_thread(_Run(""), self._tidy)

    def _tidy(self) -> None:
        """Frees what the last runs left. What they keep is looked through only now and then, for it is large."""
        self._kept.look_again()
        self._runs += 1
        if self._runs % _RUNS_BETWEEN == 0:
            gc.unfreeze()
        gc.collect()
        gc.freeze()

    async def _check(self, opened: Opened) -> None:
        settings = self._settings(opened)
        if settings is None:
            self._done(opened, None)
            return
        run, started = _Run(opened.uri), time.monotonic()
        files = self._files(run)
        result = await self._in_thread(run, partial(lint, (), settings, stdin=opened.document, files=files))
        if not run.stale.is_set():
            self._states[opened.uri].took = time.monotonic() - started
            self._done(opened, None if result is None else Checked(opened, settings, result, files))
        elif self._documents.get(opened.uri) is not None and self._states[opened.uri].timer is None:
            self._due[opened.uri] = None  # it gave way to another one

    def _settings(self, opened: Opened) -> Settings | None:
        """The settings for what is open, None where it is not to be checked."""
        if not any(text.is_python for text in opened.texts):
            return None
        settings = self._configured.settings(opened.path.parent)
        if settings is None or is_left_out(opened.path, settings, self._workspace()):
            return None
        return settings

    def _files(self, run: _Run) -> KeptFiles:
        others = [opened.document for opened in self._documents if opened.uri != run.uri and not opened.is_notebook]
        return KeptFiles(self._kept, others, run.pause)

    def _done(self, opened: Opened, checked: Checked | None) -> None:
        if self._documents.get(opened.uri) is opened:
            state = self._states[opened.uri]
            state.revision, state.checked = opened.revision, checked
            self._publish(opened, checked)
            state.tell()

    # --- what is asked -----------------------------------------------------------------------------------------------

    async def newest(self, uri: str) -> Checked | None:
        """What is found in a text as it is now; None where nothing is to be found, or where it changes meanwhile."""
        opened = self._documents.get(uri)
        if opened is None:
            return None
        state = self._states[opened.uri]
        if state.revision != opened.revision:
            future = asyncio.get_running_loop().create_future()
            state.waiting.append(future)
            if state.timer is not None:
                self._now(opened.uri)
            await future
        return state.checked if state.revision == opened.revision else None

    async def fixed(self, checked: Checked) -> FixResult | None:
        """What all repairs that the settings let be made make of a text; None where it is changed meanwhile."""
        run = _Run(checked.opened.uri)
        make = partial(
            fix_paths, (), checked.settings, write=False, stdin=checked.opened.document, files=self._files(run)
        )
        return await self._in_thread(run, make)

    async def worked_out(self, checked: Checked, work: Callable[[], Result]) -> Result | None:
        """The result of some work on what was found; None where the text is changed meanwhile."""
        return await self._in_thread(_Run(checked.opened.uri), work)

    async def _in_thread(self, run: _Run, work: Callable[[], Result]) -> Result | None:
        async with self._lock:
            self._run = run
            try:
                result = await asyncio.get_running_loop().run_in_executor(self._thread, work)
            except asyncio.CancelledError:
                run.stale.set()
                raise
            except StaleError:
                return None
            except UsageError as error:
                self._notices.wrong(run.uri, str(error))
                return None
            except Exception as error:  # what is wrong with one text must not end the server
                traceback.print_exc(file=sys.stderr)
                what = f"a fault of convlint itself ({type(error).__name__}: {error}); please report it"
                self._notices.wrong(run.uri, what)
                return None
            finally:
                self._run = None
        self._notices.right(run.uri)
        return None if run.stale.is_set() else result
