"""What a trial showed and what reading the source found, made one list of findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from msgspec.structs import replace as changed

from convlint.config import Settings
from convlint.findings import EXPORTERS, ROUTES, SEVERITIES, TRACERS, Finding, Harm, Level, Span, severity
from convlint.source.discovery import absolute
from convlint.source.document import Document, SourceError
from convlint.source.suppressions import suppressions
from convlint.source.uses import is_used
from convlint.trial.job import Event, Kind, Outcome, Trial

_SHOWS_HARM = ("baked-differs", "specialized", "diverges", "excluded")
_OF_SIZE: tuple[Kind, ...] = ("batch", "sizes")
_OTHERS: dict[Kind, str] = {"sizes": "sizes", "batch": "batches"}
_ASKS = "GuardOnDataDependentSymNode"
_RULES = {
    "stops": ("CVL010", "export-stops"),
    "refused": ("CVL011", "graph-refused"),
    "differs": ("CVL012", "result-differs"),
}
"""What a trial finds by itself: the findings that no rule made."""

TRIAL_CODES = tuple(code for code, _ in _RULES.values())

_LOWERED = {Level.breaks: Level.frozen, Level.wrong: Level.frozen, Level.frozen: Level.harmless}
"""What is left of a harm that a trial did not reproduce: an error becomes a warning, a warning an info."""


_TENSORS_ALONE = "return tensors alone, in a tuple, or export a module around it that does"
_Statement = tuple[str, tuple[int, int]]
"""A file, and the first and the last row."""


class Seen(NamedTuple):
    """What a trial showed of one statement on one route."""

    route: str
    level: Level
    event: Event


@dataclass
class Judged:
    """The findings of a model."""

    findings: list[Finding] = field(default_factory=list)
    """Those on lines that the model runs, and those that only the trial found."""
    elsewhere: int = 0
    """How many findings of the same files stand on lines that this model does not run."""


def judge(findings: Iterable[Finding], trial: Trial, settings: Settings) -> Judged:
    """One list: static findings with what the trial showed of them, and what the trial alone found.

    A finding that was run and not reproduced is lowered by one severity, on the routes that gave equal results on all
    inputs; one that was reproduced has the level that was seen.
    """
    findings = [*findings]
    trial = _with_costs_of_cure(trial, findings)
    shown = _shown(trial)
    run = {str(absolute(path)): set(rows) for path, rows in trial.reference.executed.items()}
    judged = Judged()
    on_lines: list[tuple[Finding, list[_Statement]]] = []
    foretold: dict[_Statement, set[str]] = defaultdict(set)
    """By statement the routes on which a finding says harm."""
    for finding in findings:
        path = str(absolute(finding.path))
        first, last = _rows(finding)
        if finding.harm is None or not run.get(path, set()).intersection(range(first, last + 1)):
            judged.elsewhere += finding.severity != "info"
            continue
        on_rows = [key for key, seen in shown.items() if _is_at(finding, key, seen)]
        met = [key for key in on_rows if _may_explain(finding, shown[key])]
        on_lines.append((finding, met))
        for key in met:
            foretold[key].update(route for route in ROUTES if finding.harm.on(route))
    _add_used(on_lines, shown)
    for finding, met in on_lines:
        seen = [one for key in met for one in shown[key] if _is_of(finding, one, foretold[key])]
        judged.findings.append(_with_evidence(finding, seen, trial, settings))
    explained = {key for _, met in on_lines for key in met}
    known = {(one.route, one.event.message) for key in explained for one in shown[key]}
    alone = {key: seen for key, seen in shown.items() if key not in explained and not _repeats(seen, known)}
    judged.findings += (_found(path, rows, seen, trial, settings) for (path, rows), seen in alone.items())
    judged.findings += [*_unexplained(judged.findings, trial, settings), *_ended(trial)]
    judged.findings = [one for one in judged.findings if _is_wanted(one, settings)]
    judged.findings.sort(key=lambda finding: (finding.path, finding.span, finding.code))
    return judged


def _with_costs_of_cure(trial: Trial, findings: Iterable[Finding]) -> Trial:
    """A trial whose advice names the first line that runs only where it is followed, and stops an exporter there."""
    cured = {str(absolute(path)): set(rows) for path, rows in trial.reference.cured.items()}
    for finding in findings:
        path, (first, last) = str(absolute(finding.path)), _rows(finding)
        stops = [route for route in trial.outcomes if finding.harm and finding.harm.on(route) is Level.breaks]
        if stops and cured.get(path, set()).intersection(range(first, last + 1)):
            line = f"line {finding.span.row} of {absolute(finding.path).name}, which runs then"
            cure = f"{trial.reference.cure}; {line}, stops {_listed(stops)} ({finding.code})"
            return replace(trial, reference=changed(trial.reference, cure=cure))
    return trial


def _is_at(finding: Finding, key: _Statement, seen: Iterable[Seen]) -> bool:
    """Whether a finding is on a statement, or on what made the number that an exporter asks for there, as it says."""
    assert finding.harm
    return (key[0] == str(absolute(finding.path)) and _overlap(_rows(finding), key[1])) or any(
        finding.harm.on(one.route) and is_origin(finding, one.event) for one in seen
    )


def is_origin(finding: Finding, event: Event) -> bool:
    """Whether a finding is where the number was made that an exporter asks for elsewhere."""
    path, _, row = event.origin.rpartition(":")
    return bool(path) and absolute(path) == absolute(finding.path) and _is_on(finding, int(row))


def _may_explain(finding: Finding, seen: Iterable[Seen]) -> bool:
    """Whether what was seen can be what a finding is about: where an exporter stops, something harmless is not."""
    harmless = finding.harm == Harm()
    return not (harmless and any(one.event.kind in ("fail", "stops-too") for one in seen))


def _repeats(seen: Iterable[Seen], known: Collection[tuple[str, str]]) -> bool:
    """Whether a statement only fixes sizes that are told to be fixed by another: what reads these next does so too."""
    return all(one.event.kind == "specialized" and (one.route, one.event.message) in known for one in seen)


def _add_used(on_lines: Iterable[tuple[Finding, list[_Statement]]], shown: Mapping[_Statement, list[Seen]]) -> None:
    """Gives what was seen of a statement that assigns a name to the finding on what that name decides after it."""
    explained = {key for _, met in on_lines for key in met}
    for key, seen in shown.items():
        near = [(finding, met) for finding, met in on_lines if key not in explained and _foretells(finding, key, seen)]
        if near:
            min(near, key=lambda one: _rows(one[0]))[1].append(key)


def _foretells(finding: Finding, key: _Statement, seen: Iterable[Seen]) -> bool:
    """Whether a finding says what was seen of a statement before it, of which it uses what that assigns."""
    path, rows = key
    if str(absolute(finding.path)) != path or not any(finding.harm and finding.harm.on(one.route) for one in seen):
        return False
    try:
        return is_used(Document.read(path).text, rows, _rows(finding))
    except SourceError:
        return False


def _is_of(finding: Finding, seen: Seen, foretold: set[str]) -> bool:
    """Whether a finding has to do with what was seen at its statement: not where only another one foretold it.

    What is harmless by itself has not, either, where another one foretold something there.
    """
    assert finding.harm
    return bool(finding.harm.on(seen.route)) or not (foretold if finding.harm == Harm() else seen.route in foretold)


def _is_wanted(finding: Finding, settings: Settings) -> bool:
    """Whether a finding is shown: what no rule made must be selected, too, and its statement without a suppression."""
    if finding.severity == "info" and not settings.show_harmless:
        return False
    return finding.seen != "trial" or (settings.selects(finding.code) and not _is_suppressed(finding))


def _is_suppressed(finding: Finding) -> bool:
    """Whether a comment silences the statement: whatever rule it names, what the trial showed there is meant."""
    try:
        comments, _ = suppressions(Document.read(finding.path))
    except SourceError:
        return False
    span = finding.span
    return any(
        span.row <= one.span.row <= span.end_row if one.kind != "ignore-file" else one.covers(finding)
        for one in comments
    )


def _rows(finding: Finding) -> tuple[int, int]:
    span = finding.statement or finding.span
    return min(span.row, finding.span.row), max(span.end_row, finding.span.end_row)


def _shown(trial: Trial) -> Mapping[_Statement, list[Seen]]:
    """The harm that was seen, by file and statement."""
    shown: dict[_Statement, list[Seen]] = defaultdict(list)
    for tool, outcome in trial.outcomes.items():
        for event in outcome.events:
            for route, level in _levels(tool, event, trial):
                shown[str(absolute(event.file)), event.statement].append(Seen(route, level, event))
    return shown


def _levels(tool: str, event: Event, trial: Trial) -> Iterator[tuple[str, Level]]:
    """The routes on which an event did harm."""
    if event.kind == "fail":
        yield tool, Level.breaks
        return
    if event.kind == "stops-too":
        stopped = (route for route in ROUTES if tool in (route, TRACERS.get(route)) and route in trial.outcomes)
        yield from ((route, Level.breaks) for route in stopped if trial.outcomes[route].stage == "export")
        return
    if event.kind not in _SHOWS_HARM:
        return
    of_size = event.kind in ("specialized", "excluded") or trial.reference.kinds.get(event.on) in _OF_SIZE
    for route in (route for route in ROUTES if tool in (route, TRACERS.get(route))):
        outcome = trial.outcomes.get(route)
        if outcome is None:
            continue
        if outcome.stage == "export":
            if event.kind == "specialized" and not any(one.kind == "fail" for one in outcome.events):
                yield route, Level.breaks  # torch.export refuses at its end that a size has become constant
        elif event.on in outcome.failed or (not event.on and _failed(outcome, trial, of_size)):
            yield route, Level.frozen if of_size else _of_graph(outcome)


def _of_graph(outcome: Outcome) -> Level:
    """The level of what is wrong with a graph, whatever else an exporter does not take."""
    return min(outcome.level, Level.wrong) if outcome.given else outcome.level


def _failed(outcome: Outcome, trial: Trial, of_size: bool) -> list[str]:
    """The inputs on which a route fails or differs, where asked only those of other sizes than the traced ones."""
    return [name for name in outcome.failed if not of_size or trial.reference.kinds[name] in _OF_SIZE]


def _with_evidence(finding: Finding, seen: Sequence[Seen], trial: Trial, settings: Settings) -> Finding:
    assert finding.harm
    levels = {one.route: max(other.level for other in seen if other.route == one.route) for one in seen}
    if seen:
        evidence = _evidence(seen, trial, of=finding)
        return _leveled(replace(finding, seen="both", evidence=evidence), finding.harm.with_levels(levels), settings)
    right = [route for route, outcome in trial.outcomes.items() if _is_equal(outcome)]
    right += [route for route in trial.outcomes if route not in right and _is_of_trace(finding.harm, route, right)]
    lowered = {r: _LOWERED[finding.harm.on(r)] for r in right if finding.harm.on(r)}
    if not lowered or len(trial.reference.kinds) == 1:
        return finding
    evidence = f"not reproduced by {', '.join(lowered)} on {len(trial.reference.kinds)} inputs"
    told = _leveled(replace(finding, evidence=evidence), finding.harm.with_levels(lowered), settings)
    return replace(told, severity=min(finding.severity, told.severity, key=SEVERITIES.index))


def _is_of_trace(harm: Harm, route: str, right: Collection[str]) -> bool:
    """Whether a finding says of an ONNX exporter what it says of the trace that this begins with, which is right."""
    before = TRACERS.get(route)
    return before is not None and before in right and harm.on(route) is harm.on(before)


def _is_equal(outcome: Outcome) -> bool:
    """Whether a graph gives eager's results on all inputs, be it that of a tuple of the tensors alone."""
    return outcome.level is Level.harmless or bool(outcome.given and not outcome.failed and not outcome.ended)


def _leveled(finding: Finding, harm: Harm, settings: Settings) -> Finding:
    worst = harm.worst(EXPORTERS[settings.exporter], [target for target, _ in settings.targets])
    return replace(finding, harm=harm, severity=severity(worst))


def _evidence(seen: Sequence[Seen], trial: Trial, known: str = "", of: Finding | None = None) -> str:
    """``8 on traced, 7 on other values: jit_trace and onnx_torchscript differ on 20 of 21 inputs``.

    ``known`` is what the finding itself says, and is not said again; ``of`` is a finding that what was seen may be
    elsewhere than.
    """
    parts: dict[str, dict[str, list[str]]] = {}
    for one in seen:
        what, does = _told(one, trial, _where(one.event, of) if of else "here")
        routes = parts.setdefault(what, {}).setdefault(does, [])
        if one.route not in routes:
            routes.append(one.route)
    told = []
    for what, doing in parts.items():
        routes_do = ", ".join(f"{_listed(routes)} {agreeing(does, routes)}" for does, routes in doing.items())
        told.append(f"{what}: {routes_do}" if what and what != known else routes_do)
    return "; ".join(told)


def _where(event: Event, of: Finding) -> str:
    """Where something was seen, from the lines of a finding."""
    if absolute(event.file) != absolute(of.path):
        return f"at line {event.line} of {absolute(event.file).name}"
    return "here" if _overlap(_rows(of), event.statement) else f"at line {event.line}"


def _overlap(rows: tuple[int, int], others: tuple[int, int]) -> bool:
    return others[0] <= rows[1] and rows[0] <= others[1]


def _told(seen: Seen, trial: Trial, where: str) -> tuple[str, str]:
    """What was seen, and what the route does, in the singular."""
    outcome = trial.outcomes[seen.route]
    if seen.event.kind == "fail" and outcome.given:
        return "", "refuses the outputs"
    if seen.event.kind == "fail":
        return "", f"stops {where}" if outcome.stage == "export" else f"is refused {where}"
    if seen.event.kind == "stops-too":
        return "", f"would stop {where} next"
    if outcome.stage:
        return seen.event.message, "is ended" if outcome.ended else "stops"
    of_size = seen.level is Level.frozen
    failed = len(_failed(outcome, trial, of_size))
    kinds = [kind for kind in trial.reference.kinds.values() if not of_size or kind in _OF_SIZE]
    others = f"other {' and '.join(of for kind, of in _OTHERS.items() if kind in kinds)}" if of_size else "inputs"
    return seen.event.message, f"{_does(outcome)} on {failed} of {len(kinds)} {others}"


def _does(outcome: Outcome) -> str:
    if set(outcome.failed) == set(outcome.raised):
        return "fails"
    return "is wrong" if outcome.raised else "differs"


def agreeing(does: str, routes: Sequence[str]) -> str:
    """What one route does, as said of some."""
    if len(routes) == 1:
        return does
    verb, _, rest = does.partition(" ")
    return f"{'are' if verb == 'is' else verb.removesuffix('s')} {rest}".rstrip()


def _found(path: str, rows: tuple[int, int], seen: Sequence[Seen], trial: Trial, settings: Settings) -> Finding:
    """A finding that only the trial made."""
    worst = max(seen, key=lambda one: one.level)
    routes = list(dict.fromkeys(one.route for one in seen))
    outcome = trial.outcomes[worst.route]
    if worst.event.kind == "fail" and outcome.given:
        routes = [route for route in routes if trial.outcomes[route].given]
        kind, told = "stops", f"{_listed(routes)} {agreeing('refuses the outputs', routes)}: {worst.event.message}"
        message = f"{told}; {trial.reference.cure or _TENSORS_ALONE}"
    elif worst.event.kind == "fail":
        routes = list(dict.fromkeys(one.route for one in seen if one.event.kind == "fail"))
        kind = "refused" if outcome.stage in ("checker", "runtime") else "stops"
        who = "is refused here" if kind == "refused" else "stops here"
        message = f"{_listed(routes)} {agreeing(who, routes)}: {_advised(worst.event.message)}"
    elif worst.event.kind == "stops-too":
        kind, message = "stops", f"{_listed(routes)} would stop here next: {_advised(worst.event.message)}"
    elif outcome.stage:
        routes = [
            route for route in routes if trial.outcomes[route].stage and not trial.outcomes[route].ended
        ] or routes
        kind, message = "stops", f"{_listed(routes)} {agreeing('stops', routes)}: {worst.event.message}"
    else:
        kind = "differs"
        does = "fails where eager does not" if _does(outcome) == "fails" else "gives another result than eager"
        keeps = "it keeps what was traced here, " if worst.event.kind == "baked-differs" else ""
        repair = "; keep it a tensor, or a size of one" if keeps else ""
        message = f"the exported graph {does}: {keeps}{worst.event.message}{repair}"
    harm = Harm().with_levels({one.route: one.level for one in sorted(seen, key=lambda one: one.level)})
    code, name = _RULES[kind]
    evidence = _evidence(seen, trial, worst.event.message)
    finding = Finding(code, name, message, path, _span(path, rows), "error", harm, seen="trial", evidence=evidence)
    return _leveled(finding, harm, settings)


def _advised(message: str) -> str:
    """A message with what to do where an exporter asks for a number that it cannot know."""
    advice = "; keep a fixed size and a mask of what counts, and `torch.where` instead of a branch"
    return message + advice if message.startswith(_ASKS) else message


def _unexplained(findings: Sequence[Finding], trial: Trial, settings: Settings) -> Iterator[Finding]:
    """What went wrong on routes of which no finding says that anything would: at the model's ``forward``."""
    alike: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for route, outcome in trial.outcomes.items():
        is_known = outcome.failed or not outcome.ended
        if is_known and outcome.level is not Level.harmless and not _is_explained(route, outcome, findings):
            alike[outcome.place, outcome.stage, outcome.message or outcome.refused, outcome.on].append(route)
    for (place, stage, message, on), routes in alike.items():
        path, _, row = (place or trial.reference.forward).rpartition(":")
        code, name = _RULES["differs" if not stage else "stops" if stage == "export" else "refused"]
        does = "stops" if stage == "export" else "is refused" if stage else _does(trial.outcomes[routes[0]])
        where = ", and no line is known" if not place else " here" if stage == "export" else ""
        told = f"{_listed(routes)} {agreeing(does, routes)}{where}: {message}{f' ({on})' if on else ''}"
        harm = Harm().with_levels({route: trial.outcomes[route].level for route in routes})
        span = _span(path, (int(row or 1), int(row or 1)))
        yield _leveled(
            Finding(code, name, told, str(absolute(path)), span, "error", harm, seen="trial"), harm, settings
        )


def _ended(trial: Trial) -> Iterator[Finding]:
    """The routes that were ended, which are not known to be wrong, nor to be right."""
    alike: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for route, outcome in trial.outcomes.items():
        if outcome.ended:
            alike[outcome.place, outcome.stage, outcome.ended].append(route)
    for (place, stage, ended), routes in alike.items():
        path, _, row = (place or trial.reference.forward).rpartition(":")
        code, name = _RULES["stops" if stage else "differs"]
        was = "was" if len(routes) == 1 else "were"
        told = f"{_listed(routes)} {was} ended{' here' if place else ''}, which is no verdict: {ended}"
        span = _span(path, (int(row or 1), int(row or 1)))
        yield Finding(code, name, told, str(absolute(path)), span, "warning", None, seen="trial")


def _is_explained(route: str, outcome: Outcome, findings: Sequence[Finding]) -> bool:
    """Whether a finding says that a route goes wrong, at the line at which it died or hung where one is known."""
    path, _, row = outcome.place.rpartition(":")
    anywhere = outcome.events or not path
    return any(
        _says(finding, route, outcome)
        and (anywhere or (absolute(finding.path) == absolute(path) and _is_on(finding, int(row))))
        for finding in findings
    )


def _says(finding: Finding, route: str, outcome: Outcome) -> bool:
    """Whether a finding that is shown says of a route what became of it: of an export that stops, that it does."""
    if finding.harm is None or finding.severity == "info":
        return False
    level = finding.harm.on(route)
    return level is Level.breaks if outcome.stage == "export" else level is not Level.harmless


def _is_on(finding: Finding, row: int) -> bool:
    first, last = _rows(finding)
    return first <= row <= last


def _listed(routes: Sequence[str]) -> str:
    """Routes in words, in their order."""
    ordered = [route for route in ROUTES if route in routes]
    return " and ".join(ordered) if len(ordered) < 3 else f"{', '.join(ordered[:-1])} and {ordered[-1]}"


def _span(path: str, rows: tuple[int, int]) -> Span:
    """The code of some rows."""
    first, last = rows
    try:
        lines = Document.read(path).lines
        start, end = lines[first - 1], lines[last - 1].rstrip()
    except (SourceError, IndexError):
        return Span(first, 1, last, 1)
    return Span(first, len(start) - len(start.lstrip()) + 1, last, len(end) + 1)
