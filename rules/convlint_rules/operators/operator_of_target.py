from __future__ import annotations

from collections.abc import Iterator

from convlint.events import OperatorCall
from convlint.findings import MADE_BY, Finding, Harm, Level
from convlint.rule import DEFAULT_OPSET, Context, Example, Fact, Rule, Verdict
from convlint_rules.examples import forward


class OperatorOfTarget(Rule):
    """
    ## What it does
    Finds functions and layers of torch that become an operator which a target of the run (`--target tensorrt,coreml`)
    does not have, or takes only of other dtypes. Which operators each becomes was measured, by exporter and opset, and
    only those count that every measured call has; what the targets take is from the fact files in `convlint/backends`,
    each of one version of the target.

    ## Why it breaks
    The converter stops at the operator, often at the first one only, and names it, not the line. What the facts do not
    say is not reported: another version of the target, a newer opset, an operator that they do not list. Where the
    chosen exporters write a call in two ways, one of which the target takes, nothing is reported either. Where a list
    only leaves out a dtype, and nobody has measured that, the finding is a warning.

    ## Fix safety
    There is no fix: write it with operators that the target has, or leave it outside of what is exported.

    ## References
    - onnx/onnx-tensorrt, docs/operators.md
    - apple/coremltools, torch_op_registry
    """

    code, name, since = "CVL804", "operator-of-target", "0.1"
    events = (OperatorCall,)
    for_targets = True
    facts = (
        Fact(
            "tensorrt",
            "the parser has no BitwiseAnd, Det, Unique...",
            "onnx/onnx-tensorrt docs/operators.md",
            "2024-06-17",
        ),
        Fact(
            "coreml", "no conversion of cummax, addcmul, bitwise_xor...", "coremltools 9.0, its registry", "2026-11-25"
        ),
    )
    examples = [
        Example(
            title="Bits, for TensorRT",
            bad=forward("return torch.bitwise_and(x.long(), 1)  # <-"),
            good=forward("return torch.remainder(x.long(), 2)"),
            inputs="x: int64[N=3, 4]",
            harm=Harm(),
            targets=("tensorrt",),
        ),
    ]

    def check(self, event: OperatorCall, context: Context) -> Finding | None:
        """Breaks the targets that refuse what it becomes on every route."""
        refusals = [
            (target, *refusal)
            for target in context.chosen  # what ONNX Runtime refuses is for other rules to say
            if (refusal := _refusal(event, target, context)) is not None
        ]
        if not refusals:
            return None
        told = ", and ".join(_told(operator, dtype, verdict) for _, operator, dtype, verdict in refusals)
        message = f"`{event.callee}` becomes {told}; write it with operators that the target has, or leave it outside"
        only_of_dtypes = all(verdict.dtypes and not verdict.tests for *_, verdict in refusals)
        if only_of_dtypes and event.dynamic:
            return None  # CVL401 tells what a target makes of its shape
        harm = Harm(targets=tuple((target, Level.breaks) for target, *_ in refusals))
        return self.finding(event, message, harm, context, at_most="warning" if only_of_dtypes else "error")


def _refusal(event: OperatorCall, target: str, context: Context) -> tuple[str, str, Verdict] | None:
    """What a target refuses of a call, None where it takes one of the graphs that it may be given."""
    refused = None
    for graph in context.reads(target):
        if MADE_BY[graph] not in event.routes.intersection(context.routes):
            continue
        operators = event.operators(graph, context.opset or DEFAULT_OPSET)
        if operators is None and graph == "onnx_torchscript":
            continue  # that exporter refuses it, for other rules to say
        if operators is None:
            return None  # not measured
        first = next(_refused(operators, target, context), None)
        if first is None:
            return None
        refused = refused or first
    return refused


def _refused(operators: list[tuple[str, str]], target: str, context: Context) -> Iterator[tuple[str, str, Verdict]]:
    for operator, dtype in operators:
        verdict = context.supports(operator, (dtype,) if dtype else (), target)
        if verdict.supported == "no":
            yield operator, dtype, verdict


def _told(operator: str, dtype: str, verdict: Verdict) -> str:
    """What is refused, and how that is known."""
    failed = "measured" if verdict.passed else f"measured: 0 of {verdict.tests} tests pass"
    how = failed if verdict.tests else "documented, not measured"
    evidence = f"{how}; {verdict.source}" + (f" of {verdict.date}" if verdict.date else "")
    if verdict.dtypes:
        taken = ", ".join(verdict.dtypes)
        return f"{operator} of {dtype} tensors, which {verdict.named} takes only of {taken} ({evidence})"
    return f"{operator}, which {verdict.named} does not have ({evidence})"
