"""Sizes that stand for the batch but come from a configuration: ``x.view(self.batch_size, -1)``."""

from __future__ import annotations

import ast
import re

from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import integer
from convlint.analyzer.values import Const, Number, Value
from convlint.events import FixedBatch, Taint

_BATCH = re.compile(r"_?(b|bs|bsz|batch|n_?batch|num_?batch|(mini_?)?batch_?size)", re.IGNORECASE)
"""Attributes that hold the number of samples in a batch."""


def note_batch(run: Run, frame: Frame, node: ast.expr, callee: str, arguments: Arguments) -> None:
    """Notes that a shape is made with a batch size that ``__init__`` was given."""
    sizes = list(zip(arguments.nodes, arguments.positional, strict=False))
    if len(sizes) == 1 and isinstance(sizes[0][0], (ast.Tuple, ast.List)):
        sizes = [(part, run.evaluate(frame, part)) for part in sizes[0][0].elts]
    for where, value in sizes[: 2 if callee.startswith("torch.") else 1]:  # a hidden state has its layers first
        if isinstance(where, ast.Attribute) and _BATCH.fullmatch(where.attr) and _is_configured(value):
            size = run.operand(frame, where, value)
            inferred = any(integer(other) == -1 for _, other in sizes)
            run.emit(frame, FixedBatch, node, "", (), callee=callee, size=size, inferred=inferred)
            return


def _is_configured(value: Value) -> bool:
    if isinstance(value, Const):
        return isinstance(value.value, int) and value.value > 1
    return isinstance(value, Number) and value.kind == "int" and value.taint is Taint.none
