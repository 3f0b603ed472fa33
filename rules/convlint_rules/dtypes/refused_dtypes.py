from __future__ import annotations

from typing import TYPE_CHECKING

from convlint.events import RefusedDtypes
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rewrite import code, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.masked import filled
from convlint_rules.rewriting import DTYPES, in_its_place

if TYPE_CHECKING:
    import libcst as cst

DYNAMO = Harm(onnx_dynamo=Level.breaks)
TORCHSCRIPT = Harm(onnx_torchscript=Level.breaks)
BOTH = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
EXPORTERS = {"onnx_torchscript": "TorchScript", "onnx_dynamo": "dynamo"}
REPAIRS = {
    ("bool",): "make it integers before",
    ("bool", "bool"): "combine masks with `&` and `|`, or make them integers before",
    ("int",): "make it floats before, and integers again after",
    ("int", "int"): "make them floats before, and integers again after",
    ("bfloat16",): "compute in float32, and leave the precision to the runtime",
    ("bfloat16", "bfloat16"): "compute in float32, and leave the precision to the runtime",
}


class RefusedDtypesOfOperator(Rule):
    """
    ## What it does
    Finds operators on tensors of dtypes that make the ONNX file one that nobody takes: `torch.stack` of floats and
    integers, `cumsum` of a mask, `torch.where` between two masks, `mask_a + mask_b`, `keep.masked_fill(mask, 0)` of a
    mask. It was measured which operators that are, for each mix of floats, integers and booleans, and for integers of
    64 bits and `bfloat16` alone where the source names them. A tensor whose dtype the source does not tell is silent.

    ## Why it breaks
    Eager converts the operands to one dtype, or computes with booleans. The exporters leave some of these conversions
    out, and write the ONNX operator for dtypes that its definition or the CPU of ONNX Runtime does not have: the file
    is written, and loading it fails (`Type parameter (T) bound to different types`, `NOT_IMPLEMENTED`). Other
    operators convert, so that most mixes are harmless: `torch.cat`, `+` of a mask and a float.

    ## Fix safety
    Safe, and offered where every call of the function gives the same dtypes: a running sum of a mask, which eager makes
    of integers anyway, becomes `mask.long().cumsum(1)`; of two stacked tensors the lesser becomes what eager makes it,
    `stack((scores, classes.to(scores.dtype)))`; `torch.where` between masks by a short condition becomes
    `(c & a) | (~c & b)`, a mask filled by another `keep & ~mask`, and a sum of which one side is seen to be a mask,
    `(x > 1) + other`, `(x > 1) | other`. Elsewhere there is no fix: convert the tensors before, and combine masks with
    `&` and `|`.

    ## References
    - microsoft/onnxruntime#6470
    - pytorch/pytorch#109235
    """

    code, name, since = "CVL510", "refused-dtypes", "0.1"
    events = (RefusedDtypes,)
    examples = [
        Example(
            title="Scores and classes, stacked",
            bad=forward("""
                scores, classes = x.softmax(1).max(1)
                return torch.stack((scores, classes), dim=1)  # <-
            """),
            good=forward("""
                scores, classes = x.softmax(1).max(1)
                return torch.stack((scores, classes.to(scores.dtype)), dim=1)
            """),
            inputs="x: float32[N=3, 4]",
            harm=DYNAMO,
            fix=Applicability.safe,
        ),
        Example(
            title="Positions from a mask",
            bad=forward("return (x > 0).cumsum(1) * 2  # <-"),
            good=forward("return (x > 0).long().cumsum(1) * 2"),
            inputs="x: float32[N=3, 4]",
            harm=TORCHSCRIPT,
            fix=Applicability.safe,
        ),
        Example(
            title="One mask or the other",
            bad=forward("return torch.where(x > 1, x > 2, x < 0)  # <-"),
            good=forward("return ((x > 1) & (x > 2)) | (~(x > 1) & (x < 0))"),
            inputs="x: float32[N=3, 4]",
            harm=BOTH,
            fix=Applicability.safe,
        ),
        Example(
            title="A mask filled by another",
            bad=forward("return x * (x > 1).masked_fill(x > 2, 0)  # <-"),
            good=forward("return x * ((x > 1) & ~(x > 2))"),
            inputs="x: float32[N=3, 4]",
            harm=BOTH,
            fix=Applicability.safe,
        ),
        Example(
            title="The sum of two masks",
            bad=forward("return x * ((x > 1) + (x < 0))  # <-"),
            good=forward("return x * ((x > 1) | (x < 0))"),
            inputs="x: float32[N=3, 4]",
            harm=BOTH,
            fix=Applicability.safe,
        ),
        Example(
            title="Integers that are cut off at 0",
            bad=forward("return nn.functional.relu((x * 4).long()) * 2  # <-"),
            good=forward("return nn.functional.relu((x * 4).long().float()).long() * 2"),
            inputs="x: float32[N=3, 4]",
            harm=BOTH,
        ),
        Example(
            title="Reduced precision",
            bad=forward("return (x.bfloat16() * 2).float()  # <-"),
            good=forward("return x * 2"),
            inputs="x: float32[N=3, 4]",
            harm=BOTH,
            same_in_eager=False,
        ),
    ]

    def check(self, event: RefusedDtypes, context: Context) -> Finding | None:
        """Breaks the routes that were seen to refuse it."""
        dtypes = dict.fromkeys(event.dtypes)
        exporters = " and ".join(name for route, name in EXPORTERS.items() if route in event.refusing & event.routes)
        repair = "make them one dtype before" if len(dtypes) > 1 else REPAIRS[event.dtypes]
        message = (
            f"`{event.short}` takes {' and '.join(dtypes)} values, and ONNX Runtime refuses what the {exporters} "
            f"exporter writes for that: {repair}"
        )
        harm = Harm().with_levels(dict.fromkeys(event.refusing, Level.breaks))
        fixable = Applicability.safe if event.repair else None
        return self.finding(event, message, harm, context, fixable=fixable)

    def fix(self, event: RefusedDtypes, context: Context) -> Fix | None:
        """Integers for a mask, one mask for three, or one dtype for two."""
        import libcst as cst

        call = event.cst
        if event.repair == "fill" and isinstance(call, cst.Call):
            keep, (mask, number) = cst.ensure_type(call.func, cst.Attribute).value, (one.value for one in call.args)
            joined = in_its_place(event, filled(keep, mask, code(number)))
            return Fix("Join the masks", (Edit(event.span, code(joined)),), Applicability.safe)
        if event.repair == "join" and isinstance(call, cst.BinaryOperation):
            either = cst.BinaryOperation(primary(call.left), cst.BitOr(), primary(call.right))
            return Fix("Join the masks", (Edit(event.span, code(in_its_place(event, either))),), Applicability.safe)
        if not event.repair or not isinstance(call, cst.Call):
            return None
        match event.repair:
            case "argument":
                message, first = "Sum integers", _method(call.args[0].value, "long")
            case "receiver":
                func = cst.ensure_type(call.func, cst.Attribute)
                summed = call.with_changes(func=func.with_changes(value=_method(func.value, "long")))
                return Fix("Sum integers", (Edit(event.span, code(summed)),), Applicability.safe)
            case "convert":
                message, first = "Stack one dtype", _of_one_dtype(event, call.args[0].value)
            case "select":
                joined = in_its_place(event, _joined(*(primary(arg.value) for arg in call.args)))
                return Fix("Combine the masks", (Edit(event.span, code(joined)),), Applicability.safe)
        repaired = call.with_changes(args=(call.args[0].with_changes(value=first), *call.args[1:]))
        return Fix(message, (Edit(event.span, code(repaired)),), Applicability.safe)


def _joined(by: cst.BaseExpression, one: cst.BaseExpression, other: cst.BaseExpression) -> cst.BaseExpression:
    """``(by & one) | (~by & other)``."""
    import libcst as cst

    without = cst.UnaryOperation(cst.BitInvert(), by)
    arms = (cst.BinaryOperation(by, cst.BitAnd(), one), cst.BinaryOperation(without, cst.BitAnd(), other))
    left, right = map(primary, arms)
    return cst.BinaryOperation(left, cst.BitOr(), right)


def _of_one_dtype(event: RefusedDtypes, parts: cst.BaseExpression) -> cst.BaseExpression:
    """Two tensors, the one of the lesser dtype as eager converts it."""
    import libcst as cst

    assert isinstance(parts, (cst.Tuple, cst.List))
    lesser = min((0, 1), key=lambda i: DTYPES.index(event.dtypes[i]))
    dtype = cst.Attribute(primary(parts.elements[1 - lesser].value), cst.Name("dtype"))
    made = _method(parts.elements[lesser].value, "to", cst.Arg(dtype))
    elements = [one.with_changes(value=made) if i == lesser else one for i, one in enumerate(parts.elements)]
    return parts.with_changes(elements=elements)


def _method(tensor: cst.BaseExpression, name: str, *args: cst.Arg) -> cst.BaseExpression:
    import libcst as cst

    return cst.Call(cst.Attribute(primary(tensor), cst.Name(name)), args)
