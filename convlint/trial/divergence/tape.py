"""What eager computes: every operator with its line, what it reads and what it gives."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from convlint.source.place import innermost, is_of_user
from convlint.trial.divergence.kept import Kept

_LONGEST = 8
"""Lists of numbers that are looked at."""
OUTSIDE = "outside"
"""The operator of what no operator of torch made: NumPy, another library."""


class Budget(NamedTuple):
    """What a search may still take."""

    until: float
    """By ``time.monotonic``."""
    memory: int
    """Bytes, for the values that are kept of one run."""

    @property
    def over(self) -> bool:
        """Whether there is no time left."""
        return time.monotonic() > self.until


class OverBudgetError(Exception):
    """The budget does not suffice."""


class Line(NamedTuple):
    """A line that runs, and how deep in calls."""

    path: str
    row: int
    depth: int


Number = int | float | bool | complex


class Call(NamedTuple):
    """An operator that runs: its name, the line of the user's code, and how many lines had begun by then."""

    operator: str
    path: str
    row: int
    lines: int
    numbers: tuple[Number, ...] = ()
    """The Python numbers that it is called with."""
    taken: Number | None = None
    """The Python number that it gives."""
    names: Mapping[str, Any] = {}
    """The variables of the line that are Python numbers."""

    @property
    def key(self) -> tuple[str, str, int]:
        """What is the same when the same line does the same again."""
        return self.operator, self.path, self.row


@dataclass(frozen=True)
class Result:
    """A tensor that an operator gave, or the whole of one into a part of which it wrote."""

    call: int
    slot: int
    """Which of the call's results."""
    value: Kept
    reads: tuple[int, ...]
    """The results that it is made of."""
    inputs: tuple[Kept, ...] = ()
    view: bool = False
    """Whether it only shows what it reads."""
    write: bool = False
    """Whether it is the whole of what was written into in part."""


@dataclass
class Tape:
    """A run of a model."""

    calls: list[Call] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    outputs: list[tuple[int, ...]] = field(default_factory=list)
    """For each tensor of the model's result the results that it is made of."""
    complete: bool = True
    """Whether the budget sufficed."""
    error: Exception | None = None
    """What ended it."""

    def place(self, result: Result) -> tuple[str, int]:
        """The user's line of a result."""
        call = self.calls[result.call]
        return call.path, call.row


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While open, writes a tape."""

    def __init__(self, budget: Budget, known: Sequence[torch.Tensor], without: Callable[[str, int], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tape = Tape()
        self._budget = budget
        self._without = without
        self._bytes = 0
        self._writers: dict[int, int] = {}
        self._views: dict[tuple[Any, ...], int] = {}
        self._alive: dict[int, StorageWeakRef] = {}
        for tensor in known:
            self._note(tensor)

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        path, row, names = _caller()
        mutable = function._schema.is_mutable
        if mutable and self._without(path, row) and isinstance(args[0], torch.Tensor) and args[0]._base is not None:
            return args[0]
        tape = self.tape
        if not tape.complete or self._budget.over or self._bytes > self._budget.memory:
            tape.complete = False
            return function(*args, **kwargs)
        leaves = pytree.tree_leaves((args, kwargs))
        numbers = tuple(leaf for leaf in leaves if isinstance(leaf, (int, float, complex)))
        tape.calls.append(Call(_name(function), path, row, len(tape.lines), numbers, None, names))
        given = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        for tensor in given:
            self._found(tensor)
        reads = tuple(dict.fromkeys(read for tensor in given for read in self.reads(tensor)))
        inputs = tuple(_form(tensor) for tensor in given)
        made = function(*args, **kwargs)
        if isinstance(made, (int, float, complex)):
            tape.calls[-1] = tape.calls[-1]._replace(taken=made)
        self._made(made, given, reads, inputs, mutable)
        return made

    def _made(
        self, made: Any, given: list[torch.Tensor], reads: tuple[int, ...], inputs: tuple[Kept, ...], mutable: bool
    ) -> None:
        read_from = {_storage(tensor) for tensor in given}
        for slot, tensor in enumerate(pytree.tree_leaves(made)):
            if not _plain(tensor):
                continue
            alias = _storage(tensor) in read_from
            base = tensor._base
            if mutable and base is not None:
                before = self._writers.get(_storage(tensor))
                whole = reads if before is None or before in reads else (*reads, before)
                self._keep(base, 2 * slot + 1, whole, inputs, write=True)
            index = self._keep(tensor, 2 * slot, reads, inputs, view=alias and not mutable)
            if alias:
                self._views[_view(tensor)] = index
            if not alias or (mutable and base is None):
                self._writers[_storage(tensor)] = index
            elif mutable:
                self._writers[_storage(tensor)] = index - 1

    def _keep(
        self, tensor: torch.Tensor, slot: int, reads: tuple[int, ...], inputs: tuple[Kept, ...], **kind: bool
    ) -> int:
        self._note(tensor)
        value = Kept.of(tensor)
        self._bytes += value.size
        self.tape.results.append(Result(len(self.tape.calls) - 1, slot, value, reads, inputs, **kind))
        return len(self.tape.results) - 1

    def _note(self, tensor: torch.Tensor) -> None:
        if _plain(tensor):
            alive = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
            self._alive.setdefault(_storage(tensor), alive)

    def reads(self, tensor: torch.Tensor) -> tuple[int, ...]:
        """The results that a tensor is made of."""
        if not _plain(tensor):
            return ()
        writer, view = self._writers.get(_storage(tensor), -1), self._views.get(_view(tensor), -1)
        return (view,) if view > writer else tuple(index for index in (writer, view) if index >= 0)

    def _found(self, tensor: torch.Tensor) -> None:
        """Notes a tensor that comes from outside, before the call that reads it."""
        if not _plain(tensor) or _storage(tensor) in self._alive:
            return
        tape = self.tape
        tape.calls.insert(len(tape.calls) - 1, tape.calls[-1]._replace(operator=OUTSIDE))
        index = self._keep(tensor, 0, (), ())
        tape.results[index] = Result(len(tape.calls) - 2, 0, tape.results[index].value, ())
        self._writers[_storage(tensor)] = index


@contextmanager
def _lines(tape: Tape) -> Iterator[None]:
    """While open, notes the user's lines that run."""

    def enter(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG001 - Python's signature
        return note if is_of_user(frame.f_code.co_filename) else None

    def note(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG001
        if event == "line":
            tape.lines.append(Line(frame.f_code.co_filename, frame.f_lineno, _depth(frame)))
        return note

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def record(
    model: torch.nn.Module,
    args: tuple[Any, ...],
    budget: Budget,
    without: Callable[[str, int], bool] = lambda path, row: False,  # noqa: ARG005
) -> tuple[Tape, Any]:
    """A run of a model and its result, without the writes into parts of tensors at some lines.

    Raises:
        OverBudgetError: it takes too much.
    """
    known = [*model.parameters(), *model.buffers(), *(leaf for leaf in args if isinstance(leaf, torch.Tensor))]
    recorder = _Recorder(budget, known, without)
    made = None
    try:
        with torch.no_grad(), _lines(recorder.tape), recorder:
            made = model(*args)
    except Exception as error:
        recorder.tape.error = error
    if not recorder.tape.complete:
        raise OverBudgetError
    leaves = [leaf for leaf in pytree.tree_leaves(made) if isinstance(leaf, torch.Tensor)]
    recorder.tape.outputs = [recorder.reads(leaf) for leaf in leaves]
    return recorder.tape, made


def _caller() -> tuple[str, int, dict[str, Any]]:
    """The user's line that runs, and those of its variables that are numbers."""
    frame = innermost(sys._getframe(2), is_of_user)
    if frame is None:
        return "", 0, {}
    names = {name: value for name, value in frame.f_locals.items() if _numeric(value)}
    return frame.f_code.co_filename, frame.f_lineno, names


def _numeric(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= _LONGEST and all(isinstance(part, (int, float)) for part in value)
    return isinstance(value, (int, float, complex))


def _depth(frame: FrameType | None) -> int:
    depth = 0
    while frame:
        depth, frame = depth + 1, frame.f_back
    return depth


def _name(function: Any) -> str:
    return str(function._schema.name)


def _form(tensor: torch.Tensor) -> Kept:
    """A tensor without its values, but for single ones."""
    if not _plain(tensor):
        return Kept(tensor.dtype, tuple(tensor.shape), torch.empty(0))
    flat = tensor.detach().reshape(-1) if tensor.numel() == 1 else torch.empty(0, dtype=tensor.dtype)
    return Kept(tensor.dtype, tuple(tensor.shape), flat.clone())


def _plain(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_quantized


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata if _plain(tensor) else 0


def _view(tensor: torch.Tensor) -> tuple[Any, ...]:
    return _storage(tensor), tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.dtype
