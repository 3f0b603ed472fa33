"""What became of each repair under ``--prove``, and what the models did before and after: text, and JSON."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

from convlint.findings import Finding, Level
from convlint.prover import Help, Proved, Verdict, better, told
from convlint.report.as_json import dump, finding_as_json
from convlint.report.plain import printable, shown_path
from convlint.report.style import Painter
from convlint.trial.job import Outcome

_STYLES = {"proven": "bold green", "dropped": "bold red", "not exercised": "bold yellow"}
_WORDS = {"proven": "repaired", "dropped": "dropped", "not exercised": "not exercised"}
_MODES = {"outputs": "outputs", "gradients": "gradients", "training": "training mode"}
_MOST_SKIPPED = 3
_LONGEST = 160


def lines(verdicts: Sequence[Verdict], proved: Sequence[Proved], painter: Painter) -> Iterator[str]:
    """Each repair with its proof or the reason against it, then each model."""
    if not verdicts:
        yield "There is no repair to prove."
        return
    models = {model.label: model for model in proved}
    for verdict, others in _alike(sorted(verdicts, key=lambda one: (list(_STYLES).index(one.kind), one.finding.path))):
        finding = verdict.finding
        place = f"{shown_path(finding.path)}:{finding.span.row}:{finding.span.column}"
        word = painter(_WORDS[verdict.kind], _STYLES[verdict.kind])
        why = verdict.reason or _evidence(verdict, [models[label] for label in verdict.models])
        why += f" (nor line {', '.join(map(str, others))})" if others else ""
        yield f"{painter(place, 'bold')}: {finding.code} {word}: {printable(why)}"
    yield ""
    for model in proved:
        yield from _model(model, painter)
        yield ""


def _alike(verdicts: Sequence[Verdict]) -> Iterator[tuple[Verdict, list[int]]]:
    """Each verdict; what no model runs only once for a rule and file, with the lines of the others."""
    lines: dict[tuple[str, ...], list[int]] = {}
    for one in verdicts:
        if one.kind == "not exercised":
            lines.setdefault(_unrun(one), []).append(one.finding.span.row)
    for one in verdicts:
        if one.kind != "not exercised":
            yield one, []
        elif rows := lines.pop(_unrun(one), None):
            yield one, sorted(set(rows) - {one.finding.span.row})


def _unrun(verdict: Verdict) -> tuple[str, ...]:
    return verdict.finding.path, verdict.finding.code, verdict.reason


def _evidence(verdict: Verdict, models: Sequence[Proved]) -> str:
    """``equal on 20 inputs, also in gradients; jit_trace was frozen on 3 inputs, now right``."""
    compared = {mode: sum(len(one.after.reference.compared.get(mode, ())) for one in models) for mode in _MODES}
    gap = max((one.after.reference.gap for one in models), default=0.0)
    equal = f"equal on {compared['outputs']} inputs" + (f" to within {gap:.1g}" if gap else " to the bit")
    equal += f", gradients on {compared['gradients']}" if compared["gradients"] else ", gradients not compared"
    equal += f", in training mode on {compared['training']}" if compared["training"] else ""
    helped = [
        f"{one.route} was {told(one.before)}, now {told(one.after)}{_with(one.model, models)}" for one in verdict.helped
    ]
    seen = {(one.model, one.route) for one in verdict.helped}
    right = (part for model in models if (part := _also_right(model, seen, models)))
    return "; ".join([equal, *helped, *_unshown(verdict, models), *right])


def _unshown(verdict: Verdict, models: Sequence[Proved]) -> Iterator[str]:
    """``whether it helps is not seen: torch_export is stopped at boxes.py:86, before and after``."""
    parts = [
        f"{one.route} is {told(one.after)}{f' at {one.after.place}' if one.after.place else ''}"
        f"{_with(one.model, models)}"
        for one in verdict.unshown
    ]
    if parts:
        yield f"whether it helps is not seen: {', '.join(parts)}, before and after"


def _also_right(model: Proved, seen: Container[tuple[str, str]], models: Sequence[Proved]) -> str:
    """The other routes that make the right thing of a model."""
    outcomes = model.after.outcomes.items()
    routes = [r for r, one in outcomes if one.level is Level.harmless and (model.label, r) not in seen]
    return f"right by {', '.join(routes)}{_with(model.label, models)}" if routes else ""


def _with(label: str, models: Sequence[Proved]) -> str:
    return f" ({label})" if len(models) > 1 else ""


def _model(model: Proved, painter: Painter) -> Iterator[str]:
    reference = model.after.reference
    guess = f" (guessed from {reference.guess}; say otherwise with --input)" if reference.guess else ""
    yield f"{painter(printable(model.label), 'bold')} on {printable(f'{reference.inputs}{guess}')}"
    for name, why in list(reference.skipped.items())[:_MOST_SKIPPED]:
        yield f"  without {name}: {_short(why)}"
    if len(reference.skipped) > _MOST_SKIPPED:
        yield f"  and without {len(reference.skipped) - _MOST_SKIPPED} more"
    for mode, why in reference.uncompared.items():
        yield f"  {_MODES[mode]} not compared{'' if reference.compared.get(mode) else ' at all'}: {_short(why)}"
    for route, before in model.before.outcomes.items():
        after = model.after.outcomes[route]
        change = told(after) if told(before) == told(after) else f"{told(before)}, now {told(after)}"
        shown = painter(change, "green") if better(before, after) or after.level is Level.harmless else change
        place = f" at {printable(after.place)}" if after.place else ""
        yield f"  {route:17} {shown}{place}{f': {_short(after.message)}' if after.message else ''}"


def _short(message: str) -> str:
    message = printable(message)
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST]}..."


def as_json(left: Sequence[Finding], verdicts: Sequence[Verdict], proved: Sequence[Proved]) -> str:
    """An object: the findings that are left (as ever), each repair's verdict, each model's outcomes."""
    value = {
        "findings": [finding_as_json(finding) for finding in left],
        "repairs": [_verdict(verdict) for verdict in verdicts],
        "models": [_model_as_json(model) for model in proved],
    }
    return dump(value)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return finding_as_json(verdict.finding) | {
        "verdict": verdict.kind,
        "reason": verdict.reason,
        "models": list(verdict.models),
        "helped": [_help(one) for one in verdict.helped],
        "unshown": [_help(one) for one in verdict.unshown],
    }


def _help(one: Help) -> dict[str, Any]:
    return {"model": one.model, "route": one.route, "before": told(one.before), "after": told(one.after)}


def _model_as_json(model: Proved) -> dict[str, Any]:
    reference = model.after.reference
    return {
        "model": model.label,
        "inputs": reference.inputs,
        "guessed_from": reference.guess,
        "compared": reference.compared,
        "uncompared": reference.uncompared,
        "skipped": reference.skipped,
        "gap": reference.gap,
        "routes": {
            route: {"before": _outcome(before), "after": _outcome(model.after.outcomes[route])}
            for route, before in model.before.outcomes.items()
        },
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "level": outcome.level.name,
        "told": told(outcome),
        "message": outcome.message,
        "place": outcome.place,
        "failed": outcome.failed,
        "vanished": list(outcome.vanished),
    }
