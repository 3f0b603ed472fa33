from __future__ import annotations

import ast

from convlint.events import InplaceWrite
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = {"basic": Level.breaks, "mask": Level.wrong, "tensor": Level.wrong}


class ChainedIndexAssignment(Rule):
    """
    ## What it does
    Finds assignments to an index of a slice: `y[:, 0][mask] = v`, `y[:2][0] = v`, also as `+=`.

    ## Why it breaks
    In eager the first index makes a view and the second writes through it. The TorchScript ONNX exporter cannot
    combine a slice with a further index: with a mask or an index tensor it drops the write (the ONNX file gives the
    old values, without a warning), with a slice or an integer its pass stops with
    `cur_dim == dim INTERNAL ASSERT FAILED`. Leading integers may be chained (`y[0][1:] = v` is exported correctly).

    ## Fix safety
    Unsafe: a mask and a plain number become `torch.where`, which computes every element and may promote the dtype
    before the result is stored.

    ## References
    - pytorch/pytorch#91990, apple/coremltools#2188
    """

    code, name, since = "CVL102", "chained-index-assignment", "0.1"
    events = (InplaceWrite,)
    examples = [
        Example(
            title="A mask on a column",
            bad=forward("""
                y = x.clone()
                y[:, 0][y[:, 0] > 0] = 9.0  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y[:, 0] = torch.where(y[:, 0] > 0, 9.0, y[:, 0])
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong),
            fix=Applicability.unsafe,
        ),
        Example(
            title="A row of the first rows",
            bad=forward("""
                y = x.clone()
                y[:2][0] = 9.0  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y[0] = 9.0
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.breaks),
        ),
    ]

    def check(self, event: InplaceWrite, context: Context) -> Finding | None:
        """Breaks or is wrong on onnx_torchscript, by what the last index is."""
        level = HARM.get(event.chained)
        if level is None:
            return None
        consequence = "stops at this write" if level is Level.breaks else "drops this write"
        message = (
            f"`{event.name}` is a slice that is indexed again: the TorchScript exporter {consequence}; "
            f"write with one index into `{_base(event.name)}`"
        )
        fixable = Applicability.unsafe if event.chained == "mask" and _where(event) is not None else None
        return self.finding(event, message, Harm(onnx_torchscript=level), context, fixable=fixable)

    def fix(self, event: InplaceWrite, context: Context) -> Fix | None:
        """A masked number as ``torch.where``."""
        content = _where(event)
        if content is None:
            return None
        return Fix("Select with `torch.where`", (Edit(event.statement, content),), Applicability.unsafe)


def _base(name: str) -> str:
    node = ast.parse(name, mode="eval").body
    return ast.unparse(node.value) if isinstance(node, ast.Subscript) else name


def _where(event: InplaceWrite) -> str | None:
    """``y[:, 0] = torch.where(mask, number, y[:, 0])``, None where something else than a number is assigned."""
    if event.span != event.statement:
        return None
    statement = ast.parse(event.text).body[0]
    if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript)):
        return None
    value = statement.value.operand if isinstance(statement.value, ast.UnaryOp) else statement.value
    if not isinstance(value, ast.Constant) or len(statement.targets) != 1:
        return None
    mask = ast.get_source_segment(event.text, statement.targets[0].slice)
    number = ast.get_source_segment(event.text, statement.value)
    return f"{event.name} = torch.where({mask}, {number}, {event.name})"
