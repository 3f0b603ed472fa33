"""Checks what is open, in a thread and one at a time: always the newest text, never one that nobody waits for."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import traceback
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
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._due: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._run: _Run | None = None
        self._took: dict[str, float] = {}
        self._written: dict[str, float] = {}
        self._runs = 0
        self._checked: dict[str, tuple[int, Checked | None]] = {}
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        gc.disable()  # it would come in the middle of an answer; see `_tidy`
        before = threading.stack_size(_STACK)
        self._thread = ThreadPoolExecutor(1, "convlint")
        self._thread.submit(int)  # which starts it, with that stack
        threading.stack_size(before)

    # --- what changes ------------------------------------------------------------------------------------------------

    def changed(self, opened: Opened) -> None:
        """A text is new: what is being checked may look into it, or stands in its way."""
        now = time.monotonic()
        in_a_row = now - self._written.get(opened.uri, 0.0) < _AT_REST
        self._written[opened.uri] = now
        self._later(opened.uri, min(self._took.get(opened.uri, 0.0), _LONGEST_PAUSE) if in_a_row else 0.0)
        if self._run is not None:
            self._run.stale.set()
        self._others(opened)

    def closed(self, opened: Opened) -> None:
        """A text is gone; to others what is on disk counts again."""
        self._no_timer(opened.uri)
        self._due.pop(opened.uri, None)
        self._took.pop(opened.uri, None)
        self._written.pop(opened.uri, None)
        self._checked.pop(opened.uri, None)
        if self._run is not None and self._run.uri == opened.uri:
            self._run.stale.set()
        self._tell(opened.uri)
        self._notices.right(opened.uri)
        self._others(opened)

    def disk_changed(self) -> None:
        """Files on disk have changed, those of the configuration among them perhaps."""
        self._kept.forget()
        for opened in self._documents:
            self._later(opened.uri, _PAUSE_OF_OTHERS)

    def close(self) -> None:
        """Nobody waits for anything any more."""
        for uri in list(self._timers):
            self._no_timer(uri)
        self._due.clear()
        if self._run is not None:
            self._run.stale.set()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _others(self, changed: Opened) -> None:
        for uri, (_, checked) in self._checked.items():
            if uri != changed.uri and checked is not None and changed.path in checked.files.asked:
                self._later(uri, _PAUSE_OF_OTHERS)

    # --- when --------------------------------------------------------------------------------------------------------

    def _later(self, uri: str, pause: float) -> None:
        self._no_timer(uri)
        self._timers[uri] = asyncio.get_running_loop().call_later(pause, self._now, uri)

    def _now(self, uri: str) -> None:
        self._no_timer(uri)
        self._due[uri] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    def _no_timer(self, uri: str) -> None:
        timer = self._timers.pop(uri, None)
        if timer is not None:
            timer.cancel()

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
            self._took[opened.uri] = time.monotonic() - started
            self._done(opened, None if result is None else Checked(opened, settings, result, files))
        elif self._documents.get(opened.uri) is not None and opened.uri not in self._timers:
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
            self._checked[opened.uri] = opened.revision, checked
            self._publish(opened, checked)
            self._tell(opened.uri)

    def _tell(self, uri: str) -> None:
        for future in self._waiting.pop(uri, ()):
            if not future.done():
                future.set_result(None)

    # --- what is asked -----------------------------------------------------------------------------------------------

    async def newest(self, uri: str) -> Checked | None:
        """What is found in a text as it is now; None where nothing is to be found, or where it changes meanwhile."""
        opened = self._documents.get(uri)
        if opened is None:
            return None
        if self._checked.get(opened.uri, (0, None))[0] != opened.revision:
            future = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(opened.uri, []).append(future)
            if opened.uri in self._timers:
                self._now(opened.uri)
            await future
        revision, checked = self._checked.get(opened.uri, (0, None))
        return checked if revision == opened.revision else None

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
