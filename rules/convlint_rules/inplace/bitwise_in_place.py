from __future__ import annotations

from typing import TYPE_CHECKING

from convlint.events import BitwiseWrite
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

if TYPE_CHECKING:
    import libcst as cst

HARM = Harm(onnx_torchscript=Level.breaks)


class BitwiseInPlace(Rule):
    """
    ## What it does
    Finds `mask |= other`, `&=`, `^=`, `<<=` and `>>=` on tensors, of an index of one too: `mask[:, 0] |= other`.

    ## Why it breaks
    These operators write in place, as `aten::__ior_` and its like, and the TorchScript ONNX exporter has no operator
    for them: `UnsupportedOperatorError: Exporting the operator 'aten::__ior_'`. `mask | other` it has, for masks. `+=`,
    `*=` and the other operators that write in place are exported by all.

    ## Fix safety
    `mask = mask | other` makes a new tensor, of the dtype that both have together. Safe where both are masks, in all
    calls of the function, and only that local name leads to the tensor, which was computed in the same function and
    kept nowhere; or where `mask[:, 0] = mask[:, 0] | other` writes into the same memory. Unsafe elsewhere: other names
    of the tensor keep the old values, integers may become longer ones.

    ## References
    - `torch.onnx.export`, "Unsupported operators"
    """

    code, name, since = "CVL106", "bitwise-in-place", "0.1"
    events = (BitwiseWrite,)
    examples = [
        Example(
            title="Masks that are joined one after the other",
            bad=forward("""
                mask = x > 1
                mask |= x < 0  # <-
                return torch.where(mask, 0, x)
            """),
            good=forward("""
                mask = x > 1
                mask = mask | (x < 0)
                return torch.where(mask, 0, x)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.safe,
        ),
        Example(
            title="A column of a mask",
            bad=forward("""
                mask = x > 0
                mask[:, 0] &= x[:, 1] > 0  # <-
                return x * mask
            """),
            good=forward("""
                mask = x > 0
                mask[:, 0] = mask[:, 0] & (x[:, 1] > 0)
                return x * mask
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.safe,
        ),
        Example(
            title="Bits of integers",
            bad=forward("""
                places = x + 1
                places &= 3  # <-
                return places
            """),
            good=forward("""
                places = x + 1
                places = places & 3
                return places
            """),
            inputs="x: int64[N=3, 4] in 0..9",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: BitwiseWrite, context: Context) -> Finding | None:
        """Breaks onnx_torchscript."""
        name = event.quote(event.written)
        applicability = _applicability(event)
        advice = f"write `{name} = {name} {event.operator} ...`" if applicability else "compute a new tensor"
        message = (
            f"`{name} {event.operator}= ...` writes in place, for which the TorchScript ONNX exporter has no operator: "
            f"{advice}"
        )
        return self.finding(event, message, HARM, context, fixable=applicability)

    def fix(self, event: BitwiseWrite, context: Context) -> Fix | None:
        """``mask = mask | other``."""
        applicability = _applicability(event)
        if applicability is None:
            return None
        target, value = event.cst_at(event.written), event.cst_at(event.value.span)
        template = f"{{target}} = {{target}} {event.operator} {{value}}"
        made = edit(event.statement, template, target=target, value=_operand(value))
        return Fix(f"Assign to `{event.document.segment(event.written)}`", (made,), applicability)


def _operand(node: cst.BaseExpression) -> cst.BaseExpression:
    """The right side, in parentheses where it needs them."""
    import libcst as cst

    inverted = isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.BitInvert)
    return node if inverted or isinstance(node, cst.Integer) else primary(node)


def _applicability(event: BitwiseWrite) -> Applicability | None:
    refused = event.target.dtype == "int" and event.operator in "|^"  # which the exporter has for masks alone
    if not event.repeatable or refused:
        return None
    masks = event.target.sure and event.target.dtype == event.value.dtype == "bool" and event.value.kind == "tensor"
    return Applicability.safe if masks and (event.indexed or event.replaceable) else Applicability.unsafe
