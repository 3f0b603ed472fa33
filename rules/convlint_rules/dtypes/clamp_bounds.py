from __future__ import annotations

from convlint.events import Clamp, Operand
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

INTEGERS = Harm(onnx_torchscript=Level.wrong)
MIXED = Harm(onnx_dynamo=Level.breaks)
BOTH = Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.breaks)


class ClampBounds(Rule):
    """
    ## What it does
    Finds `clamp` of an integer tensor to a fraction, `mask.sum(1).clamp(min=1e-6)`, and `clamp` of any tensor between
    an integer and a float, `x.clamp(0, 0.5)`.

    ## Why it breaks
    In eager a float bound makes floats of integers. The TorchScript exporter keeps the integers and cuts the bound to
    one: `1e-6` becomes 0, without a warning, and the division that it was to protect divides by 0. The dynamo exporter
    takes `clamp` apart, finds no overload of it for an integer and a float, and stops with a `ConversionError`,
    whatever the tensor's dtype is. `clamp` of integers to integers and of floats to one integer are exported correctly.

    ## Fix safety
    Safe where only a bound is written as a float (`0` becomes `0.0`). Unsafe where the tensor is made a float first: in
    eager that is what happens anyway, in the default dtype.

    ## References
    - `torch.clamp`
    """

    code, name, since = "CVL503", "clamp-bounds", "0.1"
    events = (Clamp,)
    examples = [
        Example(
            title="A count that must not be 0",
            bad=forward("""
                m = x > 0
                return (x * m).sum(1) / m.sum(1).clamp(min=1e-6)  # <-
            """),
            good=forward("""
                m = x > 0
                return (x * m).sum(1) / m.sum(1).float().clamp(min=1e-6)
            """),
            inputs="x: float32[N=3, 4]",
            harm=INTEGERS,
            fix=Applicability.unsafe,
        ),
        Example(
            title="An integer and a float",
            bad=forward("return x.clamp(0, 0.5)  # <-"),
            good=forward("return x.clamp(0.0, 0.5)"),
            inputs="x: float32[N=3, 4]",
            harm=MIXED,
            fix=Applicability.safe,
        ),
        Example(
            title="Integers, between an integer and a float",
            bad=forward("return torch.clamp(x.argmax(1), min=0, max=2.5)  # <-"),
            good=forward("return torch.clamp(x.argmax(1).float(), min=0.0, max=2.5)"),
            inputs="x: float32[N=3, 4]",
            harm=BOTH,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: Clamp, context: Context) -> Finding | None:
        """By the dtypes of the tensor and of its bounds."""
        integers, mixed = event.operand.dtype == "int", len({bound.dtype for bound in event.bounds}) > 1
        if integers:
            message = (
                f"`{event.quote(event.operand.span)}` holds integers: in the file of the TorchScript "
                f"exporter they stay integers, and the float bound is cut to one; make it a float before `clamp`"
            )
            return self.finding(event, message, BOTH if mixed else INTEGERS, context, fixable=_applicability(event))
        message = (
            f"`{event.short}` has an integer and a float for bounds, for which the dynamo ONNX exporter has no "
            f"operator: write both as floats"
        )
        return self.finding(event, message, MIXED, context, fixable=_applicability(event))

    def fix(self, event: Clamp, context: Context) -> Fix | None:
        """Floats for integers."""
        applicability = _applicability(event)
        if applicability is None:
            return None
        edits = [Edit(bound.span, f"{event.document.segment(bound.span)}.0") for bound in _integers(event)]
        if event.operand.dtype == "int":
            edits.insert(
                0, edit(event.operand.span, "{tensor}.float()", tensor=primary(event.cst_at(event.operand.span)))
            )
        return Fix("Clamp floats to floats", tuple(edits), applicability)


def _integers(event: Clamp) -> list[Operand]:
    return [bound for bound in event.bounds if bound.dtype == "int"]


def _applicability(event: Clamp) -> Applicability | None:
    texts = [event.document.segment(bound.span).lstrip("-") for bound in _integers(event)]
    if not all(text.isdecimal() for text in texts):
        return None
    surely_float = event.operand.sure and event.operand.dtype != "int"
    return Applicability.safe if surely_float else Applicability.unsafe
