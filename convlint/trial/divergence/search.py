"""Where an exported graph parts from eager: the first operator that it does not compute.

On the data that it was traced with a graph and eager agree, and so values that are equal there say which tensor of the
graph stands for which of eager's. On other data the first of eager's, in the order in which they run, whose tensors
in the graph are all different is the one. Where the graph is wrong on the traced data already, the first is the one
whose value the graph does not have, between those that it has and the result that is wrong.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.utils import _pytree as pytree

from convlint.source.place import shown
from convlint.trial.compare import Difference
from convlint.trial.divergence.computed import Computed, GraphValues, NodeError
from convlint.trial.divergence.kept import Index, Kept, gap
from convlint.trial.divergence.tape import OUTSIDE, Budget, Line, OverBudgetError, Tape, record
from convlint.trial.divergence.told import Divergence
from convlint.trial.divergence.variables import made_at
from convlint.trial.execute import run_on
from convlint.trial.samples import Sample

SECONDS, MEMORY = 60.0, 1 << 30
"""What a search may take, if nobody says otherwise."""
_Place = tuple[str, int]
_MOST_ALIGNED = 4_000_000
"""Pairs of calls that are looked at where two runs differ in the middle."""
_MOST_TRIES = 24
"""Runs without some of the writes."""


def first_divergence(
    build: Callable[[], torch.nn.Module],
    traced: Sample,
    failing: Sample,
    graph: GraphValues,
    *,
    seconds: float = SECONDS,
    memory: int = MEMORY,
) -> Divergence | None:
    """The first operator of eager that a graph does not compute on a sample; None where it is not found.

    ``build`` gives a new model, with the same weights each time; ``traced`` is what the graph was exported with.
    ``memory`` bounds the bytes of the values that are kept of one run of eager.
    """
    try:
        return _first(build, traced, failing, graph, Budget(time.monotonic() + seconds, memory))
    except OverBudgetError:
        return None


def _first(
    build: Callable[[], torch.nn.Module], traced: Sample, failing: Sample, graph: GraphValues, budget: Budget
) -> Divergence | None:
    on_traced = Run.of(build, traced, budget)
    known = on_traced.index
    pairs: dict[str, list[int]] = {}
    ran = follow(graph, traced, budget, lambda one: pairs.__setitem__(one.name, list(known.equal(one.value))))
    if failing is traced or ran.failed or on_traced.wrong(ran.outputs):
        return _Unpaired(build, traced, on_traced, ran, pairs, budget).find()
    return _Paired(on_traced, Run.of(build, failing, budget), pairs).find(graph, failing, budget)


class Ran(NamedTuple):
    """How a graph ran."""

    outputs: list[Kept | None]
    failed: NodeError | None


def follow(graph: GraphValues, sample: Sample, budget: Budget, see: Callable[[Computed], object]) -> Ran:
    """Shows each tensor of a graph on a sample, not of the calls that come before."""
    values: dict[str, Kept] = {}
    failed = None
    before = len(sample.before)

    def run(args: tuple[Any, ...]) -> None:
        nonlocal failed, before
        before -= 1
        try:
            for one in graph.run(args, budget):
                if before >= 0:
                    continue
                see(one)
                if one.name in graph.outputs:
                    values[one.name] = one.value
        except NodeError as error:
            failed = error

    run_on(sample, run)
    return Ran([values.get(name) for name in graph.outputs], failed)


@dataclass
class Run:
    """Eager on a sample."""

    tape: Tape
    outputs: list[Kept]

    @classmethod
    def of(cls, build: Callable[[], torch.nn.Module], sample: Sample, budget: Budget) -> Run:
        """Runs a new model."""
        model = build()
        tape, made = run_on(sample, lambda args: record(model, args, budget))
        if tape.error:
            raise tape.error
        return cls(tape, _kept(made))

    @cached_property
    def index(self) -> Index:
        """Finds its results by value."""
        return Index((i, result.value) for i, result in enumerate(self.tape.results))

    def wrong(self, outputs: Sequence[Kept | None]) -> list[int]:
        """The outputs that are not eager's."""
        if len(outputs) != len(self.outputs):
            return list(range(len(self.outputs)))
        return [
            i for i, (got, want) in enumerate(zip(outputs, self.outputs, strict=True)) if got is None or gap(got, want)
        ]

    def region(self, wrong: Iterable[int], confirmed: set[int]) -> list[int]:
        """The results that wrong outputs are made of, back to those that are confirmed; in order."""
        return self.region_of((result for output in wrong for result in self.tape.outputs[output]), confirmed)

    def region_of(self, results: Iterable[int], confirmed: set[int]) -> list[int]:
        """The same of some results."""
        pending = list(results)
        found: set[int] = set()
        while pending:
            result = pending.pop()
            if result not in found and result not in confirmed:
                found.add(result)
                pending += self.tape.results[result].reads
        return sorted(found)

    def divergence(self, result: int, **told: Any) -> Divergence:
        """What is told of a result."""
        one = self.tape.results[result]
        call = self.tape.calls[one.call]
        found = Divergence(
            kind="operator",
            place=f"{shown(call.path)}:{call.row}",
            operator="" if call.operator == OUTSIDE else call.operator,
            inputs=tuple(given.told for given in one.inputs),
            want=one.value.told,
        )
        return _replaced(found, told)


def _kept(made: Any) -> list[Kept]:
    return [Kept.of(leaf) for leaf in pytree.tree_leaves(made) if isinstance(leaf, torch.Tensor)]


def _replaced(found: Divergence, told: dict[str, Any]) -> Divergence:
    from msgspec.structs import replace

    return replace(found, **told)


class Aligned:
    """Which calls of two runs are the same."""

    def __init__(self, traced: Tape, other: Tape) -> None:
        self._traced, self._other = traced, other
        a, b = [call.key for call in traced.calls], [call.key for call in other.calls]
        self.calls: dict[int, int] = {j: i for i, j in _common(a, b)}
        """Of the other run to the traced one."""
        slots = {(result.call, result.slot): i for i, result in enumerate(traced.results)}
        self.results = {
            j: slots[(self.calls[result.call], result.slot)]
            for j, result in enumerate(other.results)
            if (self.calls.get(result.call, -1), result.slot) in slots
        }
        """Of the other run to the traced one."""

    def same_sources(self, result: int) -> bool:
        """Whether a result is made of the same ones in both runs."""
        traced = self._traced.results[self.results[result]]
        return {self.results.get(read) for read in self._other.results[result].reads} == set(traced.reads)

    def parting(self, call: int) -> str:
        """The line that decided that eager goes another way before a call: the last one that is common."""
        before = (-1, -1)
        for b in range(-1, call):
            a = self.calls.get(b, -1)
            if (a >= 0 or b < 0) and self.calls.get(b + 1) != a + 1:
                before = a, b
        (a, b), lines, others = before, self._traced.lines, self._other.lines
        i, j = (self._traced.calls[a].lines if a >= 0 else 0), (self._other.calls[b].lines if b >= 0 else 0)
        return parting(lines[: _until(self._traced, a + 1)], others[: _until(self._other, b + 1)], i, j)


def parting(lines: Sequence[Line], others: Sequence[Line], i: int = 0, j: int = 0) -> str:
    """The line that decided that one of two runs goes another way, where they are the same until two of their lines."""
    while i < len(lines) and j < len(others) and lines[i] == others[j]:
        i, j = i + 1, j + 1
    depths = [tape[at].depth for tape, at in ((lines, i), (others, j)) if at < len(tape)]
    common = lines[:i]
    decided = [line for line in common if line.depth == max(depths, default=0)] or common
    return f"{shown(decided[-1].path)}:{decided[-1].row}" if decided else ""


def _until(tape: Tape, call: int) -> int:
    return tape.calls[call].lines if call < len(tape.calls) else len(tape.lines)


def _common(a: list[Any], b: list[Any]) -> Iterable[tuple[int, int]]:
    """Places of the same in two lists, in order."""
    shortest = min(len(a), len(b))
    start = next((i for i in range(shortest) if a[i] != b[i]), shortest)
    rest = shortest - start
    end = next((i for i in range(rest) if a[-1 - i] != b[-1 - i]), rest)
    yield from zip(range(start), range(start), strict=True)
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    if len(middle_a) * len(middle_b) <= _MOST_ALIGNED:
        for i, j, size in SequenceMatcher(None, middle_a, middle_b, autojunk=False).get_matching_blocks():
            yield from ((start + i + k, start + j + k) for k in range(size))
    yield from ((len(a) - end + i, len(b) - end + i) for i in range(end))


class _Departed(NamedTuple):
    """A tensor of the graph that is not what it stands for."""

    one: Computed
    difference: Difference


@dataclass
class _Paired:
    """The search where the graph agrees on the traced data."""

    traced: Run
    other: Run
    pairs: dict[str, list[int]]
    """Tensor of the graph to the results in the traced run that it stands for."""
    confirmed: set[int] = field(default_factory=set)
    departed: dict[int, list[_Departed]] = field(default_factory=lambda: defaultdict(list))

    def find(self, graph: GraphValues, sample: Sample, budget: Budget) -> Divergence | None:
        self.aligned = Aligned(self.traced.tape, self.other.tape)
        self._of_traced = {i: j for j, i in self.aligned.results.items()}
        self._with_partner = {
            self._of_traced[i] for found in self.pairs.values() for i in found if i in self._of_traced
        }
        results = enumerate(self.other.tape.results)
        self._alone = Index((j, result.value) for j, result in results if j not in self._with_partner)
        ran = follow(graph, sample, budget, self._see)
        self._unchanged()
        wrong = self.other.wrong(ran.outputs)
        region = self.other.region(wrong, self.confirmed)
        if ran.failed:
            return self._failed(ran.failed, region)
        return self._first(region)

    def _see(self, one: Computed) -> None:
        results = self.other.tape.results
        for i in self.pairs.get(one.name, ()):
            j = self._of_traced.get(i, -1)
            if j < 0 or j in self.confirmed:
                continue
            found = gap(one.value, results[j].value)
            if found is None:
                self.confirmed.add(j)
            else:
                self.departed[j].append(_Departed(one, found))
        if not one.value.trivial:
            self.confirmed.update(self._alone.equal(one.value))

    def _unchanged(self) -> None:
        """What comes from outside and is the same as on the traced data is a constant."""
        results, tape = self.other.tape.results, self.other.tape
        for j, i in self.aligned.results.items():
            outside = tape.calls[results[j].call].operator == OUTSIDE
            if outside and gap(results[j].value, self.traced.tape.results[i].value) is None:
                self.confirmed.add(j)

    def _first(self, region: list[int]) -> Divergence | None:
        results = self.other.tape.results
        seen = self.departed.keys() | (self._with_partner - self.confirmed)
        for j in region:
            if j not in self.aligned.results or (j in seen and not self.aligned.same_sources(j)):
                return self._branch(j)
            if j in self.departed:
                return self._departure(j)
        if self._sources(self.other, self.aligned.results) != self._sources(self.traced, {}):
            return self._at_end()
        plain = [j for j in region if not results[j].view]
        return self.other.divergence(plain[0]) if plain else None

    def _branch(self, result: int) -> Divergence:
        place = self.aligned.parting(self.other.tape.results[result].call)
        found = self.other.divergence(result, kind="branch")
        return _replaced(found, {"place": place or found.place})

    @staticmethod
    def _sources(run: Run, to_other: Mapping[int, int]) -> list[set[int | None]]:
        return [{to_other.get(i) if to_other else i for i in output} for output in run.tape.outputs]

    def _at_end(self) -> Divergence | None:
        place = self.aligned.parting(len(self.other.tape.calls))
        return Divergence(kind="branch", place=place, operator="") if place else None

    def _departure(self, result: int) -> Divergence:
        """Of a result none of whose tensors in the graph are right."""
        chosen = next((one for one in self.departed[result] if not one.one.constant), self.departed[result][0])
        told = {
            "got": chosen.one.value.told,
            "node": chosen.one.node,
            "message": chosen.difference.message,
            "worst": chosen.difference.worst,
        }
        if chosen.one.constant:
            first = next(j for j in self.other.region_of([result], self.confirmed) if self._changed(j))
            told |= {"kind": "constant", "cause": self._cause(first)}
            return self.other.divergence(first, **(told if first == result else told | {"got": None}))
        return self.other.divergence(result, **told, cause=self._cause(result), since=self._since(result))

    def _since(self, result: int) -> str:
        """The first operator between what is right and a result for whose tensors the graph has none."""
        tape = self.other.tape
        before = self.other.region_of([result], self.confirmed | self._with_partner - {result})
        first = next((j for j in before if j != result and not tape.results[j].view), None)
        if first is None or tape.place(tape.results[first]) == tape.place(tape.results[result]):
            return ""
        call = tape.calls[tape.results[first].call]
        return f"`{call.operator}` (line {call.row} of {Path(call.path).name})"

    def _changed(self, result: int) -> bool:
        """Whether it is another value than on the traced data."""
        results = self.other.tape.results, self.traced.tape.results
        return gap(results[0][result].value, results[1][self.aligned.results[result]].value) is not None

    def _cause(self, result: int) -> str:
        """The line of the number that an operator is called with, where it is another one than on the traced data."""
        call = self.other.tape.results[result].call
        ours, theirs = self.other.tape.calls[call], self.traced.tape.calls[self.aligned.calls[call]]
        if ours.numbers == theirs.numbers:
            return ""
        line = self._taken(call) or made_at(self.other.tape, call, theirs.names)
        return f"{shown(line[0])}:{line[1]}" if line and line != ours[1:3] else ""

    def _taken(self, call: int) -> tuple[str, int] | None:
        """Where a number that differs from the traced one left a tensor."""
        calls, traced = self.other.tape.calls, self.traced.tape.calls
        numbers = zip(calls[call].numbers, traced[self.aligned.calls[call]].numbers, strict=False)
        changed = [pair for pair in numbers if pair[0] != pair[1]]
        for j in range(call - 1, -1, -1):
            if calls[j].taken is None or j not in self.aligned.calls:
                continue
            if (calls[j].taken, traced[self.aligned.calls[j]].taken) in changed:
                return calls[j].path, calls[j].row
        return None

    def _failed(self, failed: NodeError, region: list[int]) -> Divergence | None:
        """What stops the runtime: what departed before, or else the operator that its node stands for."""
        known = [
            self._of_traced[i] for name in failed.outputs for i in self.pairs.get(name, ()) if i in self._of_traced
        ]
        until = self.other.region_of(known, self.confirmed) if known else region
        found = self._first(until)
        if found and (found.kind != "operator" or found.got):
            return found
        if not known:
            return found and _replaced(found, {"kind": "failure", "node": failed.node, "message": str(failed)})
        told = {"node": failed.node, "message": str(failed), "cause": self._cause(min(known))}
        return self.other.divergence(min(known), kind="failure", **told)


@dataclass
class _Unpaired:
    """The search where the graph is wrong on the traced data."""

    build: Callable[[], torch.nn.Module]
    sample: Sample
    run: Run
    ran: Ran
    pairs: dict[str, list[int]]
    budget: Budget

    def find(self) -> Divergence | None:
        tape = self.run.tape
        confirmed = {i for found in self.pairs.values() for i in found}
        confirmed |= {i for i, one in enumerate(tape.results) if tape.calls[one.call].operator == OUTSIDE}
        region = self.run.region(self.run.wrong(self.ran.outputs), confirmed)
        lost = self._lost([i for i in region if tape.results[i].write])
        if lost is not None:
            return lost
        plain = [i for i in region if not tape.results[i].view]
        if not plain:
            return None
        found = self.run.divergence(plain[0])
        if self.ran.failed:
            return _replaced(found, {"kind": "failure", "node": self.ran.failed.node, "message": str(self.ran.failed)})
        return found

    def _lost(self, writes: list[int]) -> Divergence | None:
        """The first write without which eager gives what the graph gives."""
        tape = self.run.tape
        places = list(dict.fromkeys(tape.place(tape.results[i]) for i in writes))
        for without in itertools.islice(_subsets(places), _MOST_TRIES):
            if self._explained(without):
                needed = self._needed(without)
                first = next(i for i in writes if tape.place(tape.results[i]) in needed)
                return self.run.divergence(first, kind="write", proven=True)
        return None

    def _needed(self, without: Sequence[_Place]) -> Sequence[_Place]:
        """Those of some writes that all must be left out for it."""
        if len(without) > _MOST_TRIES:
            return without
        for place in without:
            rest = [other for other in without if other != place]
            if self._explained(rest):
                return self._needed(rest)
        return without

    def _explained(self, without: Sequence[_Place]) -> bool:
        """Whether eager without some writes gives what the graph gives."""
        outputs = self._eager_without(set(without))
        return bool(outputs) and not Run(self.run.tape, outputs).wrong(self.ran.outputs)

    def _eager_without(self, places: set[_Place]) -> list[Kept]:
        model = self.build()
        try:
            made = run_on(
                self.sample,
                lambda args: record(model, args, self.budget, lambda path, row: (path, row) in places)[1],
            )
        except OverBudgetError:
            raise
        except Exception:  # without the write the model may not run
            return []
        return _kept(made)


def _subsets(places: Sequence[_Place]) -> Iterable[tuple[_Place, ...]]:
    """All of them, then single ones, then pairs..."""
    if places:
        yield tuple(places)
    for size in range(1, len(places)):
        yield from itertools.combinations(places, size)
