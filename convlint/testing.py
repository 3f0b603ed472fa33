"""For tests: of models, and of rules.

``assert_exportable(model, inputs)`` runs a model on every exporter. A rule's examples are checked by the linter, by its
fix, and by the real tracers: a test of a rule is one line, ``check_rule(NoFloat64)``. It need not be installed for it.
"""

from __future__ import annotations

import atexit
import functools
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlint import api
from convlint.config import Configuration, Exporter, Layer, Options, Settings, parse_targets
from convlint.findings import ROUTES, Applicability, Finding, Harm
from convlint.report.rule_page import sections
from convlint.report.style import Painter
from convlint.rule import Example, Rule, registry
from convlint.trial.prove import prove
from convlint.trial.runner import Runner

if TYPE_CHECKING:
    import torch


def assert_exportable(
    model: torch.nn.Module | str,
    inputs: str | Callable[[], Any] = "",
    *,
    exporter: Exporter = "any",
    opset: int | None = None,
    targets: Sequence[str] | None = None,
) -> None:
    """Makes sure that a model exports, and computes what it does in eager on other data than it was traced with.

    Model and inputs are those of ``convlint.preflight``; ``targets`` are written ``openvino`` or ``tensorrt==10.0``,
    and those of the configuration without any. Needs what ``pip install convlint[trace]`` installs.

    Raises:
        AssertionError: an exporter stops, its graph is refused or differs, or a target that is asked for does not take
            it; the message is preflight's report.
        UsageError: the model does not run in eager, or its inputs are wrong.
    """
    from convlint.preflighter import PreflightResult
    from convlint.report.matrix_rows import outcome
    from convlint.report.preflight import lines

    options = Options(exporter=exporter, opset=opset, target=list(targets) if targets is not None else None)
    done = api.preflight(model, inputs, Configuration([Layer(options, "assert_exportable", Path.cwd())]))
    refused = done.matrix and any(outcome(done.matrix.matrix, one)[0] == "no" for one in done.matrix.matrix.targets)
    if len(done.right) < len(done.trial.outcomes) or (targets and refused):
        out = io.StringIO()
        told = lines(PreflightResult([done]), Painter(out), out, verbose=False, unsafe_fixes=False)
        raise AssertionError("\n".join(told))


def check_rule(rule: type[Rule]) -> None:
    """Makes sure that a rule is documented and does to its examples what they say: linter, fix, and the real tracers.

    Examples without inputs are not run. The others need what ``pip install convlint[trace]`` installs.

    Raises:
        AssertionError: an example does something else, or something is missing; the message says what.
    """
    written = sections(rule)[1]
    todo = [title for title, text in written.items() if "TODO" in text]
    if "What it does" not in written or todo:
        raise AssertionError(f"{rule.code}: write the section {todo[0] if todo else 'What it does'} of its docstring")
    if not rule.examples:
        raise AssertionError(f"{rule.code} has no examples; add one that shows what the rule finds")
    for example in rule.examples:
        check_example(rule, example)
        check_fix(rule, example)
        if example.inputs:
            prove_example(rule, example)


def check_example(rule: type[Rule], example: Example) -> None:
    """Makes sure that the linter finds each marked line of bad, with the stated harm, and nothing else in both sides.

    Raises:
        AssertionError: it does not; the message says on which line.
    """
    with _known(rule):
        _complain(rule, example, _lint_complaints(rule, example))


def check_fix(rule: type[Rule], example: Example) -> None:
    """Makes sure that the fix of bad is good, to the letter, with the options that the example names and no fewer.

    Raises:
        AssertionError: it is not; the message shows the text that came instead.
    """
    with _known(rule):
        _complain(rule, example, _fix_complaints(rule, example))


def prove_example(rule: type[Rule], example: Example) -> None:
    """Makes sure that bad does exactly the stated harm, and that good is its equal and does none.

    Raises:
        AssertionError: it does not; the message says on which route and input.
    """
    _complain(rule, example, prove(example, _runner()).complaints)


@contextmanager
def _known(rule: type[Rule]) -> Iterator[None]:
    """The rule stands in the registry, though its pack may not be installed."""
    rules = registry()
    before = rules.get(rule.code)
    rules[rule.code] = rule
    try:
        yield
    finally:
        if before is None:
            del rules[rule.code]
        else:
            rules[rule.code] = before


@functools.cache
def _runner() -> Runner:
    """One worker for a whole test session."""
    runner = Runner()
    atexit.register(runner.close)
    return runner


def _complain(rule: type[Rule], example: Example, complaints: Iterable[str]) -> None:
    said = [f"{rule.code} {example.title}".strip() + f": {complaint}" for complaint in complaints]
    if said:
        raise AssertionError("\n".join(said))


def _lint_complaints(rule: type[Rule], example: Example) -> Iterator[str]:
    found = _lint(rule, example, example.source)
    rows = [finding.span.row for finding in found if finding.code == rule.code]
    for row in example.marked_rows:
        if row not in rows:
            yield f"line {row} is marked, but nothing harmful is found there"
    for finding in found:
        if finding.code != rule.code or finding.span.row not in example.marked_rows:
            yield f"bad, line {finding.span.row}: a finding that is not marked: {finding.code} {finding.message}"
    if rows:
        yield from _harm_complaints(example.harm, Harm.worst_of(finding.harm for finding in found if finding.harm))
    for finding in _lint(rule, example, example.good):
        if finding.harm is None or finding.harm.worst(example.good_routes or ROUTES, _names(example)):
            yield f"good, line {finding.span.row}: {finding.code} {finding.message}"


def _harm_complaints(proven: Harm, stated: Harm) -> Iterator[str]:
    for route in ROUTES:
        if stated.on(route) is not proven.on(route):
            yield f"the finding says {stated.on(route).name} on {route}; the example says {proven.on(route).name}"


def _fix_complaints(rule: type[Rule], example: Example) -> Iterator[str]:
    if example.fix is Applicability.display:
        fixes = [finding.fix for finding in _lint(rule, example, example.source) if finding.code == rule.code]
        if not any(fix and fix.applicability is Applicability.display for fix in fixes):
            yield "the example has a repair to show, but the finding has none"
    for unsafe in (False, True):
        fixed = _fixed(rule, example, unsafe=unsafe)
        applies = example.fix is Applicability.safe or (unsafe and example.fix is Applicability.unsafe)
        want = example.good if applies else example.source
        if fixed != want:
            how = "--fix --unsafe-fixes" if unsafe else "--fix"
            yield f"`{how}` gives\n{fixed}\ninstead of\n{want}"


def _settings(example: Example) -> Settings:
    targets = (("onnxruntime", None), *parse_targets(example.targets))
    return Settings(targets=targets, opset=example.opset, cache=False, preview=True, jobs=1)


def _names(example: Example) -> list[str]:
    """The targets of an example without versions."""
    return [target for target, _ in parse_targets(example.targets)]


@contextmanager
def _on_disk(source: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        path = Path(folder, "model.py")
        path.write_bytes(source.encode())
        yield path


def _lint(rule: type[Rule], example: Example, source: str) -> list[Finding]:
    """What the rules of the same pack find, and whether the source can be read at all."""
    from convlint.linter import lint

    settings = replace(_settings(example), select=(rule.code.rstrip("0123456789"), "CVL0"), show_harmless=True)
    with _on_disk(source) as path:
        findings = lint([path], settings, want_fixes=True).findings
    return [one for one in findings if one.harm is None or one.harm.worst(ROUTES, _names(example))]


def _fixed(rule: type[Rule], example: Example, *, unsafe: bool) -> str:
    from convlint.fixer import fix_paths

    settings = replace(_settings(example), select=(rule.code,), fix=True, unsafe_fixes=unsafe)
    with _on_disk(example.source) as path:
        fix_paths([path], settings, write=True)
        return path.read_bytes().decode()
