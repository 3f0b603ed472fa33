"""What each target makes of each operator, at each opset: the table, and the opsets at which all of them take it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from convlint import backends
from convlint.backends import live
from convlint.backends.chains import fault, in_words, is_chain, why
from convlint.backends.exporters import TITLES, exporters
from convlint.backends.facts import OLDEST_OPSET, Facts, facts, newest_known, removed_at, same_version, since_version
from convlint.backends.uses import FILE, NEVER, Definition, Operator, OperatorUse, Subject
from convlint.findings import EXPORTERS, MADE_BY
from convlint.rule import Verdict

if TYPE_CHECKING:
    from convlint.backends.really import Ran
    from convlint.trial.runtime_process import Said

Supported = Literal["yes", "partial", "unknown", "no"]
ORDER: tuple[Supported, ...] = ("no", "unknown", "partial", "yes")
"""The worst first. Unknown is not no, nor is it yes."""
RESTRICTED = "restricted"
_LONGEST = 200
"""Characters of what a runtime says."""


@dataclass(frozen=True)
class Target:
    """A target as asked for, with the facts that judge it."""

    name: str
    version: str | None
    facts: Facts | None = field(compare=False)
    live: bool = False
    """Whether the installed runtime said so itself."""

    @property
    def asked(self) -> str:
        """``tensorrt==8.6``."""
        return f"{self.name}=={self.version}" if self.version else self.name


class Cell(NamedTuple):
    """What a target makes of one use."""

    supported: Supported
    operator: str
    """The one that decides, empty where it is not about one."""
    verdict: Verdict
    measured: bool = False
    """Whether it was run here."""


@dataclass(frozen=True)
class Column:
    """What a target makes of all uses at an opset, as one exporter writes them."""

    graph: str
    """What the target reads: ``onnx``, ``onnx_dynamo``, ``torch_export``; empty where it can be given nothing."""
    cells: tuple[Cell, ...] = ()
    reason: str = ""
    """Why nothing is known of any use, empty where something is."""
    refusal: str = ""
    """Why the file itself is refused, whatever is in it."""
    ran: Ran | None = None
    """What the installed runtime did with the file, where it was run."""

    def count(self, supported: Supported) -> int:
        """How many uses are taken so."""
        return sum(cell.supported == supported for cell in self.cells)

    @property
    def supported(self) -> Supported:
        """Of the model as a whole: what became of it where it was run, else what its worst operator is."""
        if self.ran:
            return "yes" if self.ran.said.passed else "no"
        if self.reason or self.refusal:
            return "unknown" if self.reason else "no"
        return min((cell.supported for cell in self.cells), key=ORDER.index, default="yes")

    @property
    def takes(self) -> bool:
        """Whether nothing stands in the way."""
        return self.supported in ("yes", "partial")


class Obstacle(NamedTuple):
    """A use that has to be changed, and for which targets."""

    use: OperatorUse
    targets: tuple[str, ...]
    refused: bool
    """Whether one of them refuses it, and not all are just unknown."""


@dataclass(frozen=True)
class Window:
    """The opsets of one exporter at which all chosen targets take the model."""

    graph: str
    shared: tuple[int, ...]
    """The opsets that the exporter and all targets know."""
    opsets: tuple[int, ...]
    """Of these, those at which every target takes every use."""
    nearest: int | None = None
    """Where there is none, the opset at which the fewest uses stand in the way, the highest such."""
    obstacles: tuple[Obstacle, ...] = ()
    """These uses."""


class Fusion(NamedTuple):
    """A use that becomes several operators, and from a later opset on one."""

    use: OperatorUse
    opset: int
    operator: str
    targets: tuple[str, ...]
    """Those that take that one."""


@dataclass(frozen=True)
class Matrix:
    """What targets make of a model."""

    uses: tuple[OperatorUse, ...]
    targets: tuple[Target, ...]
    opsets: tuple[int, ...]
    columns: Mapping[tuple[str, int], Column]
    """By name of the target and opset."""
    windows: tuple[Window, ...] = ()
    """By exporter, of the targets that read ONNX and of which something is known."""
    outside: tuple[str, ...] = ()
    """The targets that the windows are not about."""
    fusions: tuple[Fusion, ...] = ()
    """What an exporter takes apart at the last of the opsets, and would not at a later one."""

    def at(self, target: Target, opset: int) -> Column:
        """A column."""
        return self.columns[target.name, opset]

    @property
    def is_whole(self) -> bool:
        """Whether these are all operators of the model: of a file they are, of sources those that are understood."""
        return _is_file(self.uses)

    @property
    def takes(self) -> bool:
        """Whether each target takes the model at one of the opsets at least."""
        return all(any(self.at(target, opset).takes for opset in self.opsets) for target in self.targets)


@dataclass(frozen=True)
class MatrixResult:
    """What targets make of a model."""

    subject: Subject
    matrix: Matrix


def matrix(
    operators: Iterable[OperatorUse],
    targets: Iterable[tuple[str, str | None]],
    opsets: Sequence[int],
    exporter: str = "any",
    *,
    ir: int = 0,
    contradiction: str = "",
    ask_installed: bool = True,
) -> Matrix:
    """What targets, each with a version or None, make of operators at opsets.

    Where an exporter is free to choose, that is taken of which a target takes more. What an installed runtime says of
    itself beats the shipped facts, unless it is not to be asked. ``ir`` is the IR version of a file, ``contradiction``
    why no runtime can take it.
    """
    uses = tuple(operators)
    chosen = tuple(_target(name, version, ask_installed) for name, version in targets)
    columns = {(one.name, opset): _best(uses, one, opset, exporter, ir) for one in chosen for opset in opsets}
    if contradiction:
        columns = {key: replace(one, refusal=one.refusal or contradiction) for key, one in columns.items()}
    read_onnx = [one for one in chosen if _windowed(one)]
    return Matrix(
        uses,
        chosen,
        tuple(opsets),
        columns,
        tuple(_window(uses, read_onnx, graph) for graph in _onnx_graphs(uses, exporter)) if read_onnx else (),
        tuple(one.asked for one in chosen if one not in read_onnx),
        tuple(_fusions(uses, read_onnx, _onnx_graphs(uses, exporter), max(opsets))),
    )


def with_runs(result: Matrix, runs: Mapping[str, Ran], opset: int) -> Matrix:
    """A matrix with what the runtimes did with a file of an opset, by target: that beats whatever was known."""
    columns = dict(result.columns)
    for name, run in runs.items():
        if run.said.what != "unable" and (name, opset) in columns:
            columns[name, opset] = _run_column(columns[name, opset], run, name, len(result.uses))
    return replace(result, columns=columns)


def _run_column(column: Column, run: Ran, target: str, uses: int) -> Column:
    cells = column.cells or (Cell("unknown", "", Verdict("unknown", column.reason)),) * uses
    found = tuple(_run_cell(cell, run, target, place) for place, cell in enumerate(cells))
    return Column(column.graph or FILE, found, ran=run)


def _run_cell(cell: Cell, run: Ran, target: str, place: int) -> Cell:
    said = run.said if run.said.passed else (run.operators or {}).get(place)
    if said is None or said.what == "unable":
        return cell
    who = f"{target} {run.runtime}"
    reason = "" if said.passed else f"{who} {in_short(said)}, run alone on what flows through it here"
    supported: Supported = "yes" if said.passed else "no"
    return Cell(supported, cell.operator, Verdict(supported, reason, "run here", live.today(), who), measured=True)


def in_short(said: Said) -> str:
    """``refuses it: ...``."""
    words = {"refused": "refuses it", "wrong": "gets it wrong", "ended": "ends", "hung": "hangs"}
    why = " ".join(said.why.split())
    return f"{words[said.what]}: {why[:_LONGEST]}{'…' * (len(why) > _LONGEST)}"


def _target(name: str, version: str | None, ask_installed: bool) -> Target:
    shipped, here = facts(name, version), live.installed(name) if ask_installed else None
    if here is not None and (version is None or not backends.out_of_reach(here, version, here.newest_opset)):
        return Target(name, version, here, live=True)
    return Target(name, version, shipped)


def _windowed(target: Target) -> bool:
    """Whether opsets mean something to a target, and something is known of it."""
    known = target.facts
    return known is not None and known.reads_onnx and not backends.out_of_reach(known, target.version, _some(known))


def _some(known: Facts) -> int:
    return known.newest_opset or newest_known()


def _is_file(uses: Sequence[OperatorUse]) -> bool:
    return any(FILE in use.graphs for use in uses)


def _onnx_graphs(uses: Sequence[OperatorUse], exporter: str) -> list[str]:
    if _is_file(uses):
        return [FILE]
    return [graph for graph in EXPORTERS[exporter] if graph in exporters()]


# --- columns -----------------------------------------------------------------------------------------------------


def _best(uses: Sequence[OperatorUse], target: Target, opset: int, exporter: str, ir: int) -> Column:
    """The column of the graph of which the target takes most."""
    if target.facts is None:
        return Column("", reason=f"nothing is known of {target.name}")
    if reason := backends.out_of_reach(target.facts, target.version, opset):
        return Column("", reason=reason)
    readable = _readable(uses, target, exporter)
    if not readable:
        what = "programs of torch, not ONNX files; name the sources" if _is_file(uses) else "nothing of this exporter"
        return Column("", reason=f"{target.facts.title} reads {what}")
    writable = [graph for graph in readable if graph not in exporters() or exporters()[graph].writes(opset)]
    if not writable:
        windows = " and ".join(f"{TITLES[graph]} {_span(graph)}" for graph in readable)
        return Column("", reason=f"no exporter writes opset {opset}: {windows}")
    return min((_column(uses, target, opset, graph, ir) for graph in writable), key=_trouble)


def _trouble(column: Column) -> tuple[bool, int, int, int]:
    no, unknown = column.count("no"), column.count("unknown")
    return bool(column.refusal), no + unknown, no, column.count("partial")


def _readable(uses: Sequence[OperatorUse], target: Target, exporter: str) -> list[str]:
    """The graphs that a target can be given."""
    assert target.facts is not None
    if _is_file(uses):
        return [FILE] if target.facts.reads_onnx else []
    routes = EXPORTERS[exporter]
    return [graph for graph in target.facts.reads if MADE_BY[graph] in routes]


def _span(graph: str) -> str:
    return f"{exporters()[graph].oldest} to {exporters()[graph].newest}"


def _column(uses: Sequence[OperatorUse], target: Target, opset: int, graph: str, ir: int) -> Column:
    cells = tuple(_cell(use, target, opset, graph) for use in uses)
    written = exporters()[graph].ir.get(opset, 0) if graph in exporters() else ir
    return Column(graph, cells, refusal=_too_new(target, written, TITLES.get(graph, "")))


def _too_new(target: Target, ir: int, writer: str) -> str:
    """Why a target does not read a file of an IR version, empty where it does or nothing is known."""
    known = target.facts
    if known is None or not known.newest_ir or ir <= known.newest_ir:
        return ""
    has = f"{writer} writes {ir}" if writer else f"this file has {ir} (`model.ir_version = {known.newest_ir}` mends it)"
    return f"{known.title} {known.version} reads files of IR version {known.newest_ir} at most, {has}"


def _cell(use: OperatorUse, target: Target, opset: int, graph: str) -> Cell:
    operators = use.operators(graph, opset)
    if operators is None:
        return _unwritten(use, opset, graph)
    if use.is_fixed and target.facts is not None and target.facts.folds:
        return Cell("yes", "", Verdict("yes"))
    made_of = use.definitions.get(opset)
    cells = [_judged(target, operator, opset, made_of, is_fixed=use.is_fixed) for operator in operators]
    return min(cells, key=lambda cell: ORDER.index(cell.supported), default=Cell("yes", "", Verdict("yes")))


def _unwritten(use: OperatorUse, opset: int, graph: str) -> Cell:
    """What is known of a use that an exporter does not write, as far as was measured."""
    since, lacking = use.below.get(graph, (0, ""))
    who = TITLES.get(graph, graph)
    if since == NEVER:
        return Cell("no", "", Verdict("no", f"{who} has no {lacking}"))
    if opset < since:
        named = f" (it lacks {lacking})" if lacking != "?" else ""
        return Cell("no", "", Verdict("no", f"{who} writes it from opset {since} on{named}"))
    if graph == "onnx_torchscript":
        return Cell("unknown", "", Verdict("unknown", f"{who} wrote none of the calls that were measured"))
    return Cell("unknown", "", Verdict("unknown", f"what {who} makes of it was not measured"))


@functools.lru_cache(maxsize=1 << 16)
def _judged(
    target: Target, operator: Operator, opset: int, made_of: Definition = None, *, is_fixed: bool = False
) -> Cell:
    name = operator.name
    if is_chain(name):
        return _of_chain(target, operator)
    if removed := _gone(name, opset):
        return Cell("no", name, Verdict("no", removed, source="onnx"))
    dtypes = (operator.dtype,) if operator.dtype else ()
    verdict = backends.verdict(target.name, target.version, name, opset, dtypes, operator.types, target.facts, made_of)
    since = since_version(name, opset)
    shown = f"{name}-{since}" if since else name
    if verdict.supported == "no" and is_fixed and _is_folded(target, operator, opset):
        return Cell("yes", shown, Verdict("yes"))
    if verdict.supported != "yes":
        return Cell("no" if verdict.supported == "no" else "unknown", shown, verdict)
    part = 0 < verdict.passed < verdict.tests or verdict.reason == RESTRICTED
    return Cell("partial" if part else "yes", shown, verdict)


def _is_folded(target: Target, operator: Operator, opset: int) -> bool:
    """Whether a target computes beforehand what it refuses of this dtype."""
    row = backends.row_of(target.facts, operator.name, opset) if target.facts is not None else None
    return row is not None and operator.dtype in row.folded.split()


def _of_chain(target: Target, operator: Operator) -> Cell:
    """What a target makes of operators where they stand, which are judged by themselves besides."""
    chain = operator.name
    seen = fault(target.name, chain, operator.dtype)
    if seen is None or (target.version and not same_version(seen.version, target.version)):
        return Cell("yes", "", Verdict("yes"))
    reason = f"{target.name} {why(seen)}"
    return Cell("no", in_words(chain), Verdict("no", reason, "graphs that were run", seen.date))


def _gone(name: str, opset: int) -> str:
    """Why a graph of this opset cannot have an operator of ONNX."""
    if since_version(name, opset) is not None:
        return ""
    if removed := removed_at(name, opset):
        return f"ONNX has no {name} from opset {removed} on"
    later = next((one for one in range(opset + 1, newest_known() + 1) if since_version(name, one)), None)
    return f"ONNX has {name} from opset {later} on" if later else ""


def _fusions(
    uses: Sequence[OperatorUse], targets: Sequence[Target], graphs: Sequence[str], opset: int
) -> Iterator[Fusion]:
    for use in uses:
        for graph in graphs:
            whole = use.whole_at(graph, opset)
            if whole is not None:
                since, operator = whole
                takers = (one.asked for one in targets if _judged(one, operator, since).supported in ("yes", "partial"))
                yield Fusion(use, since, operator.name, tuple(takers))


# --- the opsets at which all take it -----------------------------------------------------------------------------


def _window(uses: Sequence[OperatorUse], targets: Sequence[Target], graph: str) -> Window:
    shared = [opset for opset in range(OLDEST_OPSET, newest_known() + 1) if _known_to_all(targets, graph, opset)]
    obstacles = {opset: _obstacles(uses, targets, graph, opset) for opset in shared}
    free = tuple(opset for opset in shared if not obstacles[opset])
    if free or not shared:
        return Window(graph, tuple(shared), free)
    nearest = min(shared, key=lambda opset: (len(obstacles[opset]), -opset))
    return Window(graph, tuple(shared), (), nearest, tuple(obstacles[nearest]))


def _known_to_all(targets: Sequence[Target], graph: str, opset: int) -> bool:
    if graph in exporters():
        ir = exporters()[graph].ir.get(opset, 0)
        if not exporters()[graph].writes(opset) or any(_too_new(one, ir, "") for one in targets):
            return False
    return all(one.facts and not backends.out_of_reach(one.facts, one.version, opset) for one in targets)


def _obstacles(uses: Sequence[OperatorUse], targets: Sequence[Target], graph: str, opset: int) -> list[Obstacle]:
    found = []
    for use in uses:
        cells = {one.asked: _cell(use, one, opset, graph) for one in targets}
        refusing = tuple(name for name, cell in cells.items() if cell.supported in ("no", "unknown"))
        if refusing:
            found.append(Obstacle(use, refusing, any(cell.supported == "no" for cell in cells.values())))
    return found
