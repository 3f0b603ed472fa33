"""What ``convlint preflight`` saw: a table of routes, then the lines that matter; or JSON."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, get_args

from convlint.backends.matrix import MatrixResult
from convlint.findings import ROUTES, TRACERS, Finding, Level
from convlint.graph.problems import BadNode
from convlint.judge import TRIAL_CODES, agreeing, is_origin
from convlint.preflighter import Preflighted, PreflightResult
from convlint.report import summary, text
from convlint.report.as_json import dump, finding_as_json
from convlint.report.diagnosis import place_of
from convlint.report.formats import Report
from convlint.report.matrix_rows import outcome as targets
from convlint.report.matrix_text import in_short
from convlint.report.plain import printable
from convlint.report.style import Painter
from convlint.source.discovery import INSTALLED, absolute
from convlint.trial.job import A_TUPLE, CUT, LOOSE, Event, Kind, Outcome, Reference, Trial

_KINDS: tuple[Kind, ...] = get_args(Kind)
_COUNTED: dict[Kind, tuple[str, str]] = {
    "values": ("other values", "other values"),
    "calls": ("a second call", "second calls"),
    "batch": ("another batch", "other batches"),
    "sizes": ("another size", "other sizes"),
}
"""One and several of them."""
_ENDED: dict[str, str] = {
    "export": "gets no verdict, ended during the export",
    "checker": "gets no verdict, ended in the checker",
    "runtime": "gets no verdict, ended while the runtime loads it",
}
_LONGEST = 110
_LEAST_WIDTH = 120
"""Of tables, whatever the terminal: a table that is folded to fit is hard to read."""
_MOST_NODES = 2
_MOST_NAMES, _MOST_ROWS = 3, 6
_LEAST_FINDINGS, _MOST_FINDINGS = 3, 10
_ROWS, _NARROWEST = 40, 100
"""Of a screen: as many lines as fit on it, and what is never taken for its width."""
_Groups = Sequence[Sequence[Finding]]
_PAINT = re.compile(r"\x1b\[[\d;]*m")
_DOES = re.compile(rf": (?={'|'.join(ROUTES)})")
"""Between what a trial saw and what the routes do for it."""


def lines(
    result: PreflightResult, painter: Painter, out: TextIO, *, verbose: bool, unsafe_fixes: bool
) -> Iterator[str]:
    """A model on one screen; of several a line each, and their screens with ``verbose``."""
    several = len(result.models) + len(result.errors) > 1
    if not several or verbose:
        for model in result.models:
            yield from _screen(model, painter, out, verbose=verbose, unsafe_fixes=unsafe_fixes)
            yield from [""] * several
    if several:
        yield from _overview(result.models, out, painter.width)
        yield from (f"{painter('not run', 'bold red')} {label}: {why}" for label, why in result.errors.items())
        right = sum(model.passes for model in result.models)
        yield ""
        yield f"{right} of {len(result.models) + len(result.errors)} models pass; `-v` says why the others do not."


def _overview(models: Sequence[Preflighted], out: TextIO, width: int) -> Iterator[str]:
    """A line a model."""
    routes = list(dict.fromkeys(route for model in models for route in model.trial.outcomes))
    rows = []
    for model in models:
        outcomes = model.trial.outcomes
        cells = [in_a_word(outcomes[route]) if route in outcomes else "" for route in routes]
        counts = Counter(finding.severity for finding in model.judged.findings)
        found = ", ".join(summary.plural(counts[one], one) for one in ("error", "warning") if counts[one])
        rows.append((model.label, [*cells, found, _taken_by(model.matrix)]))
    yield from _tabled(("model", *routes, "findings", "targets"), rows, out, width)


def _taken_by(result: MatrixResult | None) -> str:
    """Which targets take the file that a model became: ``all``, ``not tensorrt``, nothing where it became none."""
    if result is None:
        return ""
    left = [target.asked for target in result.matrix.targets if targets(result.matrix, target)[0] != "yes"]
    return f"not {', '.join(left)}" if left else "all"


def in_a_word(outcome: Outcome) -> str:
    """What a route made of a model: ``equal``, ``stops``, ``refused``, ``wrong``, ``3 differ``."""
    if outcome.stage:
        return "ended" if outcome.ended else "stops" if outcome.stage == "export" else "refused"
    if outcome.given == A_TUPLE:
        return "stops"
    if outcome.ended and not outcome.failed:
        return "ended"
    if "traced" in outcome.failed:
        return "wrong"
    return f"{len(outcome.failed)} differ" if outcome.failed else "equal"


def _screen(model: Preflighted, painter: Painter, out: TextIO, *, verbose: bool, unsafe_fixes: bool) -> Iterator[str]:
    """A model: what it was run on, what each route made of it, and the findings."""
    head, tail = list(_head(model, painter, out, verbose=verbose)), list(_tail(model, painter))
    yield from head
    if findings := model.judged.findings:
        if verbose:
            yield from text.full(Report(findings, text.read, painter, unsafe_fixes, Path.cwd()))
        else:
            yield from _fitting(model, painter, unsafe_fixes, [*head, "", *tail])
        yield ""
    yield from tail


def _head(model: Preflighted, painter: Painter, out: TextIO, *, verbose: bool) -> Iterator[str]:
    """Above the findings: on what it was run, and what each route made of it."""
    reference = model.trial.reference
    guess = f" (guessed from {reference.guess}; say otherwise with --input)" if reference.guess else ""
    mode = " in training mode" if model.spec and model.spec.training else ""
    yield f"{painter(model.label, 'bold')}{mode} on {reference.inputs}{guess}"
    yield f"  compared {tried(model.trial)}"
    yield from _skipped(reference, verbose=verbose)
    if reference.unsteady:
        yield painter(f"  the model itself is not steady: {reference.unsteady}", "yellow")
    yield ""
    yield from _table(model.trial, out, painter.width)
    yield ""
    said = [*_wrongs(model, painter, verbose=verbose), *_besides(model, painter, verbose=verbose)]
    yield from [*said, ""] if said else []


def _skipped(reference: Reference, *, verbose: bool) -> Iterator[str]:
    """Which inputs do not count, once for those that do not for one reason; if nobody wants all, for the first."""
    alike: dict[str, list[str]] = {}
    for name, reason in reference.skipped.items():
        alike.setdefault(reason, []).append(name)
    for reason, names in list(alike.items())[: None if verbose else 1]:
        yield f"  without {', '.join(names) if verbose else _enumerated(names)}: {_short(reason, verbose)}"
    if more := 0 if verbose else sum(map(len, list(alike.values())[1:])):
        yield f"  and without {more} more, see -v"


def _tail(model: Preflighted, painter: Painter) -> Iterator[str]:
    """Below them: what it comes to."""
    yield _conclusion(model, painter)
    if model.departures is not None:
        yield from _departures(model, painter)
    if model.matrix:
        yield from in_short(model.matrix, painter)
    if model.judged.elsewhere:
        files = summary.plural(model.judged.elsewhere, "finding")
        yield f"{files} more on lines that this model does not run: `convlint check` lists them."


def _wrongs(model: Preflighted, painter: Painter, *, verbose: bool) -> Iterator[str]:
    """Why routes are not right: once for those that fail alike."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for route, outcome in model.trial.every.items():
        for what, why in wrongs(outcome, model.trial.reference.refused):
            here = outcome.place and (outcome.stage or why == model.trial.reference.refused)
            at = f" at {_in_package(outcome.place)}" if here else ""
            alike.setdefault((what, at, why), []).append(route)
    for (what, at, why), routes in alike.items():
        nodes = [node for route in routes if route in model.diagnoses for node in model.diagnoses[route].bad]
        is_told = any(wrong.message in why for node in nodes for wrong in node.wrongs)  # by its node, which follows
        told = f"{agreeing(what, routes)}{at}{'' if is_told else f': {_short(why, verbose)}'}"
        yield f"  {painter(' and '.join(routes), 'bold')}: {told}"
        yield from _nodes(nodes, painter, verbose=verbose)


def _nodes(nodes: Sequence[BadNode], painter: Painter, *, verbose: bool) -> Iterator[str]:
    """What is wrong with the nodes of a file that is refused: of those alike the first, if nobody wants all."""
    alike = {bad(replace(node, name="")): node for node in reversed(nodes)}
    shown = nodes if verbose else list(alike.values())[::-1][:_MOST_NODES]
    for node in shown:
        wrapped = textwrap.wrap(printable(_in_package(bad(node))), max(60, painter.width) - 4, break_on_hyphens=False)
        yield from (f"    {line}" for line in wrapped)
    if more := len(nodes) - len(shown):
        yield f"    and {summary.plural(more, 'node')} more, see -v"


def _besides(model: Preflighted, painter: Painter, *, verbose: bool) -> Iterator[str]:
    """What else is to be known of each route: once for those of which the same is."""
    alike: dict[str, list[str]] = {}
    for route, outcome in model.trial.every.items():
        outputs = model.trial.reference.outputs if verbose or route == "jit_trace" else ()
        for told in besides(outcome, outputs):
            alike.setdefault(told, []).append(route)
    yield from (f"  {painter(' and '.join(routes), 'bold')}: {told}" for told, routes in alike.items())


def besides(outcome: Outcome, outputs: Sequence[str] = ()) -> Iterator[str]:
    """What is to be known of a route whether it is right or not; ``outputs`` are those of the model by name."""
    if outcome.unsure:
        on = _enumerated(outcome.unsure)
        yield f"nothing can be said on {on}: there other roundings, or another order of equal values, change eager too"
    if outcome.vanished:
        gone = ", ".join(f"`{name}`" for name in outcome.vanished)
        yield f"the exported graph has no input {gone} any more"
    if outcome.given == LOOSE:
        yield f"traced with `{LOOSE}`, without which it takes no dict among the outputs"
    if outputs and outcome.outputs and list(outputs) != list(outcome.outputs):
        ours, theirs = (", ".join(f"`{name}`" for name in names) for names in (outputs, outcome.outputs))
        yield f"the file calls its outputs {theirs}, the model {ours}: export it with `output_names`"


def _enumerated(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def tried(trial: Trial) -> str:
    """With what and on how many inputs of which kinds a model was compared."""
    kinds = Counter(trial.reference.kinds.values())
    told = [one if kinds[k] == 1 else f"{kinds[k]} {several}" for k, (one, several) in _COUNTED.items() if kinds[k]]
    inputs = summary.plural(len(trial.reference.kinds), "input")
    return f"with eager on {inputs}: as traced{''.join(f', {one}' for one in told)}"


def _table(trial: Trial, out: TextIO, width: int) -> Iterator[str]:
    head, rows = table(trial)
    yield from _tabled((f"  {head[0]}", *head[1:]), [(f"  {route}", cells) for route, cells in rows], out, width)


def table(trial: Trial) -> tuple[Sequence[str], Sequence[tuple[str, Sequence[str]]]]:
    """What each route made of the model: the names of the columns, and the cells by route."""
    kinds = [kind for kind in _KINDS if kind in trial.reference.kinds.values()]
    rows = []
    for route, outcome in trial.every.items():
        cells = [_exports(outcome), _accepted(outcome)]
        cells += ["" if outcome.stage else verdict(trial, outcome, kind) for kind in kinds]
        rows.append((route, cells))
    return ("route", "exports", "runs", *kinds), rows


def _tabled(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], out: TextIO, width: int) -> Iterator[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="")
    for i, name in enumerate(head):
        table.add_column(name, no_wrap=i > 0, overflow="fold")  # the name of a model may be long
    for first, cells in rows:
        table.add_row(Text(first), *(Text(cell, style=_style(cell)) for cell in cells))
    written = io.StringIO()
    console = Console(file=written, width=max(width, _LEAST_WIDTH), force_terminal=out.isatty(), legacy_windows=False)
    console.print(table)
    yield from (line.rstrip() for line in written.getvalue().splitlines())


def _exports(outcome: Outcome) -> str:
    if outcome.stage == "export":
        return "ended" if outcome.ended else "no"
    return f"as {A_TUPLE}" if outcome.given == A_TUPLE else outcome.given or "yes"


def _accepted(outcome: Outcome) -> str:
    """Whether checker and runtime take the file."""
    if outcome.stage == "export":
        return ""
    return "ended" if outcome.ended else "no" if outcome.stage else "yes"


def verdict(trial: Trial, outcome: Outcome, kind: Kind) -> str:
    """``equal``, ``differs``, ``fails``, ``unsure``, ``not run``, or how many inputs of several do."""
    alike = [name for name, of in trial.reference.kinds.items() if of == kind and name not in outcome.unsure]
    if not alike:
        return "unsure"
    names = [name for name in alike if name not in outcome.unrun]
    if not names:
        return "not run"
    fail = sum(name in outcome.raised for name in names)
    differ = sum(name in outcome.failed for name in names) - fail
    if not fail and not differ:
        return "equal" if len(names) == len(alike) else f"{len(names)} of {len(alike)} run"
    if len(alike) == 1:
        return "fails" if fail else "differs"
    if fail and differ:
        return f"{differ} of {len(names)} differ, {fail} fail"
    return f"{fail or differ} of {len(names)} {'fail' if fail else 'differ'}"


def _style(cell: str) -> str:
    if cell in ("yes", "equal"):
        return "green"
    if cell in ("unsure", "ended", "not run", LOOSE) or cell.endswith(" run"):
        return "yellow"
    return "red" if cell else ""


def wrongs(outcome: Outcome, refused: str) -> Iterator[tuple[str, str]]:
    """What a route does that is not right, and why; ``refused`` is what of the outputs is no tensor."""
    if outcome.given == A_TUPLE:
        yield f"refuses the outputs (the table is of {A_TUPLE} of their tensors)", refused
    if outcome.failed or (outcome.stage and not outcome.ended):
        yield _wrong(outcome)
    if outcome.ended:
        yield _ENDED.get(outcome.stage, "is ended while it runs"), outcome.ended


def _wrong(outcome: Outcome) -> tuple[str, str]:
    if outcome.stage:
        cause = next((event.message for event in outcome.events if event.kind == "fail"), outcome.message)
        cause = outcome.message if outcome.message.startswith(cause.removesuffix(CUT)) else cause
        return "stops" if outcome.stage == "export" else f"is refused by the {outcome.stage}", cause
    word = "fails" if outcome.on in outcome.raised else "differs"
    on = "on the traced inputs" if outcome.on == "traced" else f"on {outcome.on}"
    return f"{word} {on}", outcome.message


def _departures(model: Preflighted, painter: Painter) -> Iterator[str]:
    """In what a model is not the one of its lock."""
    found = model.departures or []
    if not any(one.matters for one in found):
        yield painter("It is the model of its lock.", "green")
    else:
        yield painter("It is not the model of its lock any more:", "bold red")
    for one in found:
        yield f"  {painter(one.what, 'bold red' if one.matters else 'bold')}: {one.message}"


def bad(node: BadNode) -> str:
    """What is wrong with a node."""
    place = f"{place_of(node.line)}: " if node.line.path else ""
    wrong = "; ".join(one.message for one in node.wrongs)
    return f"{place}{node.operator}-{node.since_version} `{node.name}`: {wrong}" + f"; {node.repair}" * bool(
        node.repair
    )


def _in_package(place: str) -> str:
    """A line of what is installed, without the folder that it is installed in: that takes half a line of a screen."""
    return re.sub(rf"^.*[/\\\\](?:{'|'.join(INSTALLED)})[/\\\\]", "", place)


def _short(message: str, verbose: bool = False, longest: int = _LONGEST) -> str:
    message = printable(message)
    return message if verbose or len(message) <= longest else f"{message[:longest]}..."


def _short_evidence(evidence: str, longest: int) -> str:
    """What a trial saw, rather cut in the values that it saw than in what the routes do for them."""
    does = _DOES.search(evidence)
    if does is None or len(evidence) <= longest:
        return _short(evidence, longest=longest)
    told = _short(evidence[does.start() :], longest=longest // 2)
    return _short(evidence[: does.start()], longest=longest - len(told)) + told


def _fitting(model: Preflighted, painter: Painter, unsafe_fixes: bool, around: Sequence[str]) -> Iterator[str]:
    """A line a finding and what the trial saw of it, of as many as fit on a screen with the lines around them.

    Where not all do, those of one rule in one file are told together, and what the trial saw is cut, and left out of
    the last ones, before any is left out.
    """
    ranked, told = _ranked(model), list[str]()
    for groups, most, seen, longest in _rooms([[one] for one in ranked], _grouped(ranked)):
        told = list(_in_short(groups[:most], painter, unsafe_fixes, seen, longest))
        if left := sum(map(len, groups[most:])):
            more = summary.plural(left, "finding")
            told.append(f"and {more} more on lines that it runs, see -v")
        if sum(_rows(line, max(painter.width, _NARROWEST)) for line in (*around, *told)) <= _ROWS:
            break
    yield from told


def _rooms(single: _Groups, groups: _Groups) -> Iterator[tuple[_Groups, int, int, int]]:
    """What is shown, how many of it, of how many of these what the trial saw, and how long that may be."""
    if len(single) <= _MOST_FINDINGS:
        yield single, len(single), len(single), 2 * _LONGEST
    most = min(len(groups), _MOST_FINDINGS)
    yield groups, most, most, 2 * _LONGEST
    for shown in range(most, min(most, _LEAST_FINDINGS) - 1, -1):
        yield from ((groups, shown, seen, _LONGEST - 20) for seen in range(shown, -1, -1))


def _rows(line: str, width: int) -> int:
    """How many rows of a screen a line takes."""
    return max(1, math.ceil(len(_PAINT.sub("", line)) / width))


def _in_short(groups: _Groups, painter: Painter, unsafe_fixes: bool, seen: int, longest: int) -> Iterator[str]:
    """A line a group, and of the first ones what the trial saw; `-v` has the whole paths of what is installed."""
    firsts = [group[0] for group in groups]
    shown = [replace(one, path=_in_package(one.path)) for one in firsts]
    report = Report(shown, text.read, painter, unsafe_fixes, Path.cwd())
    for i, (group, line) in enumerate(zip(groups, text.concise(report), strict=True)):
        yield line + _others(group)
        if i < seen and group[0].evidence and _is_new(group[0], firsts[i + 1 : i + 2]):
            yield f"    {painter('trial:', 'bold')} {_short_evidence(group[0].evidence, longest)}"


def _others(group: Sequence[Finding]) -> str:
    """Where else in the file the same rule finds something."""
    rows = sorted({one.span.row for one in group[1:]} - {group[0].span.row})
    more = f" and {len(rows) - _MOST_ROWS} more" if len(rows) > _MOST_ROWS else ""
    told = f"{'line' if len(rows) == 1 else 'lines'} {', '.join(map(str, rows[:_MOST_ROWS]))}{more}"
    return f" (likewise {told})" if rows else ""


def _is_new(finding: Finding, following: Sequence[Finding]) -> bool:
    """Whether evidence says more than its finding, and the finding that follows on the line has not the same."""
    same = ((one.path, one.span.row, one.evidence) for one in following)
    return finding.evidence not in finding.message and (finding.path, finding.span.row, finding.evidence) not in same


def _grouped(ranked: Sequence[Finding]) -> _Groups:
    """Findings of one rule in one file belong together, where the first of them is."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for one in ranked:
        own = id(one) if one.code in TRIAL_CODES else None  # these say what an exporter said
        groups.setdefault((one.path, one.code, one.severity, own), []).append(one)
    return list(groups.values())


def _ranked(model: Preflighted) -> list[Finding]:
    """Findings by what they explain: what stops an exporter, one for each other route that is wrong, then the worst."""
    outcomes = model.trial.outcomes
    ranked = sorted(model.judged.findings, key=lambda one: (-_harm(one, outcomes), one.seen == "static"))
    explain = {id(one) for outcome in outcomes.values() if (one := _explaining(ranked, outcome, outcomes))}
    return sorted(ranked, key=lambda one: (not _stops(one, outcomes), id(one) not in explain))


def _harm(finding: Finding, outcomes: Mapping[str, Outcome]) -> Level:
    """The worst that a finding says of the routes, but nothing worse than what became of them."""
    harm = finding.harm
    return max((min(harm.on(route), done.level) for route, done in outcomes.items() if harm), default=Level.harmless)


def _stops(finding: Finding, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether an exporter ended at a finding, or at a number that is made there."""
    return any(
        event.kind == "fail" and (_is_at(finding, event) or is_origin(finding, event))
        for outcome in outcomes.values()
        for event in outcome.events
    )


def _is_at(finding: Finding, event: Event) -> bool:
    first, last = event.statement
    span = finding.statement or finding.span
    return absolute(event.file) == absolute(finding.path) and span.row <= last and first <= span.end_row


def _explaining(ranked: Sequence[Finding], outcome: Outcome, outcomes: Mapping[str, Outcome]) -> Finding | None:
    """The first finding that says of a route what became of it, and not what became of the trace that it begins with.

    That only where it is worse: where it is wrong on the traced inputs, and the trace is right.
    """
    if outcome.level is Level.harmless:
        return None
    route, before = outcome.route, outcomes.get(TRACERS.get(outcome.route, ""))
    says = [one for one in ranked if one.harm and one.harm.on(route) is outcome.level]
    if before and "traced" in outcome.failed and "traced" not in before.failed:
        alone = [one for one in says if one.harm and one.harm.on(before.route) is Level.harmless]
        says = alone or says
    return next(iter(says), None)


def _conclusion(model: Preflighted, painter: Painter) -> str:
    is_right, told = conclusion(model)
    return told if is_right is None else painter(told, "green" if is_right else "red")


def conclusion(model: Preflighted) -> tuple[bool | None, str]:
    """Whether all routes are right on all inputs, or none (else None), and in words which are."""
    unsure = {name for outcome in model.trial.every.values() for name in outcome.unsure}
    total = len(model.trial.reference.kinds) - len(unsure)
    if model.right and not total:
        return (
            None,
            "Nothing can be said of the numbers: other roundings, or orders of equal values, change eager's too.",
        )
    on = f"on {total} of {total + len(unsure)} inputs, unsure on the others," if unsure else f"on all {total} inputs"
    if model.right == list(model.trial.every):
        return True, f"Right {on} by every route: {', '.join(model.right)}."
    if model.right:
        return None, f"Right {on} by {', '.join(model.right)} alone."
    known = "known to be " if any(outcome.ended for outcome in model.trial.every.values()) else ""
    return False, f"No route is {known}right on all inputs."


def as_json(result: PreflightResult) -> str:
    """An object with one entry a model: its inputs, each route's verdict, and the findings as ``check`` writes them."""
    value = {"models": [_model(one) for one in result.models], "errors": result.errors}
    return dump(value)


def _model(model: Preflighted) -> dict[str, Any]:
    reference = model.trial.reference
    return {
        "model": model.label,
        "inputs": reference.inputs,
        "guessed_from": reference.guess,
        "versions": model.trial.versions,
        "samples": reference.kinds,
        "skipped": reference.skipped,
        "unsteady": reference.unsteady,
        "outputs": list(reference.outputs),
        "odd": reference.odd,
        "right": model.right,
        "routes": {route: _outcome(model.trial, outcome) for route, outcome in model.trial.every.items()},
        "findings": [finding_as_json(finding) for finding in model.judged.findings],
        "findings_elsewhere": model.judged.elsewhere,
        "departures": None if model.departures is None else [one._asdict() for one in model.departures],
        "targets": _targets(model.matrix) if model.matrix else {},
    }


def _targets(result: MatrixResult) -> dict[str, Any]:
    named = {target.asked: targets(result.matrix, target) for target in result.matrix.targets}
    return {name: {"verdict": verdict, "message": message} for name, (verdict, message) in named.items()}


def _outcome(trial: Trial, outcome: Outcome) -> dict[str, Any]:
    return {
        "level": outcome.level.name,
        "stopped_at": outcome.stage,
        "message": outcome.message,
        "place": outcome.place,
        "verdicts": {}
        if outcome.stage
        else {kind: verdict(trial, outcome, kind) for kind in _KINDS if kind in trial.reference.kinds.values()},
        "on": outcome.on,
        "worst": outcome.worst,
        "failed": outcome.failed,
        "unsure": list(outcome.unsure),
        "ended": outcome.ended,
        "unrun": list(outcome.unrun),
        "given": outcome.given,
        "refused": outcome.refused,
        "vanished": list(outcome.vanished),
        "outputs": list(outcome.outputs),
        "seconds": outcome.seconds,
    }
