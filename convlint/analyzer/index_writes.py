"""Index assignments of forms that the TorchScript ONNX exporter lays out otherwise than eager does."""

from __future__ import annotations

import ast

from convlint.analyzer.indexing import classify, parts_of
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import NONE, List, Tensor, Value
from convlint.events import UnusualIndexWrite


def note(run: Run, frame: Frame, target: ast.Subscript, tensor: Tensor, index: Value, value: Value) -> None:
    """Notes an assignment under ``None``, or under positions, that is written otherwise or refused."""
    parts = parts_of(target.slice, index)
    if not tensor.sure or (isinstance(target.slice, ast.Name) and len(parts) > 1):
        return
    how = "none" if any(one == NONE for _, one in parts) else ""
    if not how and classify(target.slice, index) == "tensor":
        at = [i for i, (_, one) in enumerate(parts) if isinstance(one, (Tensor, List))]
        if any(isinstance(part, ast.Constant) and part.value is Ellipsis for part, _ in parts[: at[0] if at else 0]):
            how = "dots"
        elif at and at[-1] - at[0] >= len(at):
            how = "apart"
        elif at and _is_broadcast(tensor, [parts[i][1] for i in at], len(parts), value):
            how = "broadcast"
    if how:
        run.emit(frame, UnusualIndexWrite, target, "", (), how=how)


def _is_broadcast(tensor: Tensor, positions: list[Value], given: int, value: Value) -> bool:
    """Whether a value surely has fewer axes than the elements at some positions, numbers aside."""
    ranks = {one.rank if isinstance(one, Tensor) else 1 for one in positions}
    if tensor.rank is None or ranks != {1} or given > len(positions):
        return False
    return isinstance(value, Tensor) and value.sure and 0 < (value.rank or 0) < tensor.rank - len(positions) + 1
