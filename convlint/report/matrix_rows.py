"""What of a matrix is shown, and in which words: what its text and its Markdown have in common."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convlint.backends.chains import in_words, is_chain
from convlint.backends.exporters import TITLES, exporters
from convlint.backends.matrix import ORDER, Cell, Column, Matrix, MatrixResult, Supported, Target, Window, in_short
from convlint.backends.uses import FILE, Operator, OperatorUse
from convlint.report.plain import one_line, shown_path
from convlint.report.summary import plural

if TYPE_CHECKING:
    from convlint.backends.really import Ran

WORDS: dict[Supported, str] = {"yes": "yes", "partial": "part", "unknown": "?", "no": "no"}
MOST_PLACES = 4
MOST_OBSTACLES = 8
_RUN: dict[Supported, str] = {**WORDS, "yes": "runs", "no": "fails"}
_STALE_DAYS = 180


@dataclass(frozen=True)
class Head:
    """A column as shown: of one target, or of opsets at which one target is the same throughout."""

    title: str
    target: Target
    opsets: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A use, with what it is in each column shown."""

    use: OperatorUse
    place: int
    """Of the use among all."""
    texts: tuple[str, ...]
    worst: tuple[Supported, ...]
    """Of each column."""
    refusals: tuple[str, ...]
    """Why it is not taken, or not known to be, with who does not."""
    restrictions: tuple[str, ...]
    """Why it is taken in part only."""


def heads(matrix: Matrix) -> list[Head]:
    """The columns; a target of which nothing at all is known has none."""
    if len(matrix.targets) == 1 and len(matrix.opsets) > 1:
        return list(_by_opset(matrix, matrix.targets[0]))
    found = []
    for target in matrix.targets:
        known = tuple(opset for opset in matrix.opsets if not matrix.at(target, opset).reason)
        if known:
            found.append(Head(target.asked, target, known))
    return found


def _by_opset(matrix: Matrix, target: Target) -> Iterator[Head]:
    """Neighbouring opsets together where all cells are the same."""
    group: list[int] = []
    for opset in matrix.opsets:
        column = matrix.at(target, opset)
        if group and _looks(column) != _looks(matrix.at(target, group[-1])):
            yield Head(spans(group), target, tuple(group))
            group = []
        if not column.reason:
            group.append(opset)
    if group:
        yield Head(spans(group), target, tuple(group))


def _looks(column: Column) -> object:
    return column.reason, [cell.supported for cell in column.cells]


def rows(matrix: Matrix, columns: Sequence[Head]) -> list[Row]:
    """All uses, those that most stands in the way of first."""
    found = [_row(matrix, columns, place, use) for place, use in enumerate(matrix.uses)]
    return sorted(found, key=lambda row: sorted(map(ORDER.index, row.worst)))


def _row(matrix: Matrix, columns: Sequence[Head], place: int, use: OperatorUse) -> Row:
    texts, worst = [], []
    refusals, restrictions = dict[str, dict[str, None]](), dict[str, dict[str, None]]()
    for head in columns:
        cells = {opset: matrix.at(head.target, opset).cells[place] for opset in head.opsets}
        texts.append(_text(cells))
        worst.append(min((cell.supported for cell in cells.values()), key=ORDER.index))
        for cell in cells.values():
            if cell.supported != "yes":
                why = restrictions if cell.supported == "partial" else refusals
                why.setdefault(told(cell), {})[head.target.asked] = None
    return Row(use, place, tuple(texts), tuple(worst), _said(refusals), _said(restrictions))


def _said(why: dict[str, dict[str, None]]) -> tuple[str, ...]:
    return tuple(f"{', '.join(who)}: {reason}" for reason, who in why.items())


def _text(cells: dict[int, Cell]) -> str:
    """One word where all opsets agree, else those at which it is taken."""
    words = {word(cell) for cell in cells.values()}
    if len(words) == 1:
        return words.pop()
    taken = [opset for opset, cell in cells.items() if cell.supported in ("yes", "partial")]
    if len(taken) == len(cells):
        return WORDS["partial"]
    return spans(taken) if taken else WORDS["unknown"]


def word(cell: Cell) -> str:
    """What stands in a cell."""
    return (_RUN if cell.measured else WORDS)[cell.supported]


def told(cell: Cell) -> str:
    """Why a cell is what it is."""
    verdict = cell.verdict
    if cell.measured:
        return verdict.reason
    if cell.supported == "partial":
        if verdict.tests > verdict.passed:
            return f"{verdict.named} passes {verdict.passed} of {plural(verdict.tests, 'test')} of {cell.operator}"
        return f"{verdict.named} takes {cell.operator} with restrictions"
    if cell.supported == "no" and verdict.named:
        failed = f"none of {plural(verdict.tests, 'test')} passes" if not verdict.passed else "measured"
        how = failed if verdict.tests else "documented, not measured"
        return f"{verdict.reason} ({how})"
    return verdict.reason


def title(use: OperatorUse) -> str:
    """``Clip int64``, ``torch.clamp``."""
    if FILE not in use.graphs:
        return f"{', '.join(use.calls)} {use.dtype}".strip()
    return " ".join(_named(one) for _, operators in use.graphs[FILE] for one in operators)


def _named(operator: Operator) -> str:
    if is_chain(operator.name):
        return in_words(operator.name)
    dtypes = dict.fromkeys(filter(None, (operator.dtype, *(dtype for _, dtype in operator.types))))
    return f"{operator.name} {', '.join(dtypes)}".strip()


def origin(use: OperatorUse, matrix: Matrix) -> str:
    """What it comes from or becomes, and on which lines."""
    parts = []
    if FILE in use.graphs:
        if use.calls:
            parts.append(f"from {some(use.calls)}")
    elif told := becomes(use, matrix):
        parts.append(told)
    if use.places:
        parts.append(places(use))
    return "; ".join(parts)


def becomes(use: OperatorUse, matrix: Matrix) -> str:
    """``becomes Shape, Gather``: the operators of a call in the graphs that are read, empty where none is known."""
    graphs = {column.graph for column in matrix.columns.values()}
    onnx = sorted(graph for graph in graphs if graph.startswith("onnx"))
    names = dict.fromkeys(
        _named(one) for graph in onnx or sorted(graphs) for one in use.operators(graph, matrix.opsets[-1]) or ()
    )
    return f"becomes {some(tuple(names), 6)}" if names else ""


def some(names: Sequence[str], most: int = 3) -> str:
    """``a, b and 3 more``."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def places(use: OperatorUse) -> str:
    """``net.py:12, 40, head.py:7 and 3 more``."""
    shown, last = [], ""
    for path, row in sorted(use.places)[:MOST_PLACES]:
        shown.append(str(row) if path == last else f"{shown_path(path)}:{row}")
        last = path
    left = len(use.places) - MOST_PLACES
    return ", ".join(shown) + (f" and {left} more" if left > 0 else "")


def spans(opsets: Iterable[int]) -> str:
    """``7-11, 13``."""
    groups: list[list[int]] = []
    for opset in sorted(opsets):
        if groups and groups[-1][-1] == opset - 1:
            groups[-1].append(opset)
        else:
            groups.append([opset])
    return ", ".join(f"{one[0]}-{one[-1]}" if len(one) > 1 else str(one[0]) for one in groups)


def subject(result: MatrixResult) -> str:
    """What the matrix is about, in one line."""
    about = result.subject
    if about.opset is None:
        calls = len({use.calls for use in result.matrix.uses})
        return f"{one_line(about.name)}: calls of {calls} functions and layers of torch, as far as the source tells"
    by = f", written by {about.producer}" if about.producer else ""
    named = {one.name for use in result.matrix.uses for _, operators in use.graphs.get(FILE, ()) for one in operators}
    names = [name for name in named if not is_chain(name)]
    counted = f"{plural(about.nodes, 'node')}, {plural(len(names), 'operator')}"
    return f"{one_line(about.name)}: opset {about.opset}, {counted}{by}"


# --- summary -----------------------------------------------------------------------------------------------------


def outcome(matrix: Matrix, target: Target) -> tuple[Supported, str]:
    """What becomes of the whole model on a target."""
    columns = {opset: matrix.at(target, opset) for opset in matrix.opsets}
    taken = [opset for opset, column in columns.items() if column.takes]
    left = [opset for opset in columns if opset not in taken]
    at = f"at opset {taken[0]}" if len(taken) == 1 else f"at the opsets {spans(taken)}"
    if not left and len(taken) == 1 and (run := columns[taken[0]].ran):
        return "yes", f"runs it {at} (measured with version {run.runtime}){_by(columns[taken[0]])}"
    if not left:
        what = "it" if matrix.is_whole else "all that is seen"
        means_opsets = target.facts is not None and target.facts.reads_onnx
        return "yes", f"takes {what} {at if means_opsets else ''}".strip() + _by(columns[taken[-1]])
    if len(columns) == 1 and (run := columns[left[0]].ran):
        return "no", _failed(matrix, columns[left[0]], run)
    best = min(left, key=lambda opset: (columns[opset].count("no"), columns[opset].count("unknown"), -opset))
    stands = _stands(matrix, columns[best])
    if taken:
        return "partial", f"takes it {at}{_by(columns[taken[-1]])}; at {best}: {stands}"
    where = f"at opset {best}: " if len(columns) > 1 and not columns[best].reason else ""
    return columns[best].supported, f"{where}{stands}{_by(columns[best])}"


def _failed(matrix: Matrix, column: Column, run: Ran) -> str:
    """What a runtime did that did not take the file."""
    names = [
        title(use)
        for use, cell in zip(matrix.uses, column.cells, strict=True)
        if cell.measured and cell.supported == "no"
    ]
    alone = f"; alone it fails at {len(names)}: {some(tuple(names), 4)}" if names else ""
    if run.operators and not names:
        alone = "; it takes each of its operators alone"
    return f"{in_short(run.said)} (measured with version {run.runtime}){alone}"


def _by(column: Column) -> str:
    return f", as {TITLES[column.graph]} writes it" if column.graph in TITLES else ""


def _stands(matrix: Matrix, column: Column) -> str:
    """What stands in the way."""
    if column.reason:
        return f"not known: {column.reason}"
    parts = [f"refuses the file: {column.refusal}"] if column.refusal else []
    for supported, words in (("no", "refuses"), ("unknown", "not known of")):
        names = [title(use) for use, cell in zip(matrix.uses, column.cells, strict=True) if cell.supported == supported]
        if names:
            parts.append(f"{words} {len(names)}: {some(tuple(dict.fromkeys(names)), 4)}")
    return "; ".join(parts)


def not_run(result: MatrixResult) -> str:
    """Of which targets nothing was measured though that was asked, empty where nothing is to be said."""
    if result.subject.ran is None:
        return ""
    from convlint.trial.runtimes import INSTALLS

    runs = result.subject.ran
    lacking = [name for name, run in runs.items() if not run.runtime]
    told = [
        f"{name} (what goes in or comes out cannot be handed over: {run.said.why})"
        for name, run in runs.items()
        if run.is_unasked
    ]
    if absent := [name for name in lacking if name in INSTALLS]:
        told.append(f"{', '.join(absent)} (not installed here: `{' && '.join(INSTALLS[name] for name in absent)}`)")
    if others := [name for name in lacking if name not in INSTALLS]:
        told.append(f"{', '.join(others)} (only {', '.join(INSTALLS)} can be run)")
    return f"not run: {'; '.join(told)}" if told else ""


def evidence(target: Target) -> str:
    """Which version the facts are of, who said so and when."""
    known = target.facts
    if known is None:
        return ""
    if target.live:
        return f"{known.title} {known.version}, asked of the package installed here"
    dated = f" of {known.date}{age(known.date)}" if known.date else " (no date)"
    return f"{known.title} {known.version}: {known.source}{dated}"


def age(date: str) -> str:
    """How old facts are that are old, else nothing."""
    days = (datetime.datetime.now(datetime.timezone.utc).date() - datetime.date.fromisoformat(date)).days
    if days < _STALE_DAYS:
        return ""
    years, months = days // 365, days % 365 // 30
    return f", {plural(years, 'year')} old" if years else f", {plural(months, 'month')} old"


def in_part(matrix: Matrix, columns: Sequence[Head], folded: Sequence[Row]) -> Iterator[str]:
    """Of the rows that are folded, by target, what it takes in part."""
    for i, head in enumerate(columns):
        names = []
        for row in folded:
            if row.worst[i] == "partial":
                cell = matrix.at(head.target, head.opsets[-1]).cells[row.place]
                verdict = cell.verdict
                measured = f" {verdict.passed}/{verdict.tests}" if verdict.tests > verdict.passed else ""
                names.append(f"{cell.operator}{measured}")
        unique = tuple(dict.fromkeys(names))
        if unique:
            at = f" at {head.title}" if head.title != head.target.asked else ""
            yield f"{head.target.asked} takes {len(unique)} of them in part{at}: {some(unique, 5)}"


def who(windows: Window) -> str:
    """Whose opsets a window is of."""
    if windows.graph == FILE:
        return "the operators of this file"
    one = exporters()[windows.graph]
    return f"{TITLES[windows.graph]} (torch {one.version}: {one.oldest} to {one.newest})"


def window_lines(matrix: Matrix) -> Iterator[tuple[str, list[str]]]:
    """What each window says; where there is none, with the uses that stand in the way, of the one with the fewest."""
    free = any(window.opsets for window in matrix.windows)
    fewest = min((len(window.obstacles) for window in matrix.windows if window.nearest), default=0)
    for window in matrix.windows:
        if not window.shared:
            yield f"{who(window)}: no opset that all know", []
        elif window.opsets:
            of = f" (all know {spans(window.shared)})" if window.opsets != window.shared else ""
            yield f"{who(window)}: {spans(window.opsets)}{of}", []
        else:
            unknown = sum(not one.refused for one in window.obstacles)
            count = plural(len(window.obstacles), "operator") + (f", of which {unknown} not known" if unknown else "")
            first = f"{who(window)}: none of {spans(window.shared)}; fewest in the way at {window.nearest}: {count}"
            told = (
                []
                if free or len(window.obstacles) > fewest
                else [_obstacle(one.use, one.targets) for one in window.obstacles]
            )
            left = len(told) - MOST_OBSTACLES
            yield first, told[:MOST_OBSTACLES] + ([f"and {left} more (`--output-format json` has all)"] * (left > 0))


def fusion_lines(matrix: Matrix) -> Iterator[str]:
    """What is one operator at a later opset, for those targets that take it."""
    for use, opset, operator, takers in matrix.fusions:
        if takers:
            yield f"{title(use)} is one operator from opset {opset} on: {operator}, taken by {', '.join(takers)}"


def _obstacle(use: OperatorUse, targets: Sequence[str]) -> str:
    lines = f"  {places(use)}" if use.places else ""
    return f"{title(use)} ({', '.join(targets)}){lines}"
