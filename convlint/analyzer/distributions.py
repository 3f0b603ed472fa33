"""Distributions of ``torch.distributions``: where they check values, which `torch.export` does not know."""

from __future__ import annotations

import ast

from convlint.analyzer.calls import Arguments, opaque
from convlint.analyzer.library_facts import distributions, distributions_asked
from convlint.analyzer.run import DYNAMO, Frame, Run
from convlint.analyzer.values import FALSE, NONE, TRUE, Distribution, Method, Value, taint_of, tensors_in
from convlint.events import ChecksArguments, Taint


def made(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.distributions.Normal(mean, std)``: made of tensors while tracing it is reported, and not again."""
    avoidable = distributions().get(name)
    tensors = [tensor for value in arguments.all() for tensor in tensors_in(value, 1)]
    validated = arguments.keywords.get("validate_args", NONE)
    if avoidable is not None and tensors and (validated in (NONE, TRUE) or (validated == FALSE and not avoidable)):
        with run.on_routes(frame, DYNAMO):
            run.emit(frame, ChecksArguments, node, "", (), avoidable=avoidable)
        if frame.traced:
            return opaque(arguments, True)
    if validated in (NONE, TRUE) and name in distributions_asked():
        return Distribution(name, max((taint_of(value) for value in arguments.all()), default=Taint.none))
    return opaque(arguments, True)


def call(run: Run, frame: Frame, node: ast.expr, method: Method, arguments: Arguments) -> Value:
    """``normal.log_prob(x)``."""
    tensors = [tensor for value in arguments.all() for tensor in tensors_in(value, 1)]
    if tensors:
        with run.on_routes(frame, DYNAMO):
            run.emit(frame, ChecksArguments, node, "", (), avoidable=True, asked=True)
    return opaque(arguments, True)
