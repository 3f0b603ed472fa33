from __future__ import annotations

from convlint.events import FloorDivision
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rewrite import edit, summand
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import stands_alone

TENSOR = Harm(onnx_torchscript=Level.wrong)
SIZE = Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.wrong)
REFUSED = Harm(onnx_dynamo=Level.breaks)
REFUSED_NEGATIVE = Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.breaks)


class FloorDivisionRule(Rule):
    """
    ## What it does
    Finds `//` where ONNX divides otherwise than Python: of tensors that may hold negative numbers, of sizes with a
    minus before them (`-(-n // 4)`), of an integer tensor by a float, and of a number by an integer tensor.

    ## Why it breaks
    Python and torch round down, `Div` of ONNX rounds towards zero: `-7 // 2` is -4 in eager and -3 in the file, without
    any warning. The TorchScript exporter writes that `Div` for tensors, integer or float. Both exporters write it for
    sizes, so that the usual way to round a quotient up comes out one too small, on the traced input itself. For mixed
    dtypes the dynamo exporter stops with a `ConversionError`. `%` is exported correctly, and so is
    `torch.div(..., rounding_mode="floor")`.

    A tensor is not reported where its making says that it is not negative: positions, counts, `arange`, `abs`, a
    comparison, `relu`, `clamp(min=0)`, and sums and products of these.

    ## Fix safety
    Safe for tensors (`torch.div(..., rounding_mode="floor")` is what `//` calls, and `div_` what `//=` does), and for a
    size that is divided by a plain positive number. Unsafe where the divisor has a name: it is written twice, and taken
    for positive.

    ## References
    - pytorch/pytorch#78442
    - ONNX operator `Div`
    """

    code, name, since = "CVL501", "floor-division", "0.1"
    events = (FloorDivision,)
    examples = [
        Example(
            title="Offsets that may be negative",
            bad=forward("return x // 2  # <-", "x: torch.LongTensor"),
            good=forward('return torch.div(x, 2, rounding_mode="floor")', "x: torch.LongTensor"),
            inputs="x: int64[N=3, 4]",
            harm=TENSOR,
            fix=Applicability.safe,
        ),
        Example(
            title="Floats",
            bad=forward("return (x - 0.5) // 0.25  # <-", "x: torch.Tensor"),
            good=forward('return torch.div(x - 0.5, 0.25, rounding_mode="floor")', "x: torch.Tensor"),
            inputs="x: float32[N=3, 4]",
            harm=TENSOR,
            fix=Applicability.safe,
        ),
        Example(
            title="In place",
            bad=forward(
                """
                y = x + 1
                y //= 2  # <-
                return y
                """,
                "x: torch.LongTensor",
            ),
            good=forward(
                """
                y = x + 1
                y.div_(2, rounding_mode="floor")
                return y
                """,
                "x: torch.LongTensor",
            ),
            inputs="x: int64[N=3, 4]",
            harm=TENSOR,
            fix=Applicability.safe,
        ),
        Example(
            title="A size, rounded up",
            bad=forward("""
                n = x.shape[0]
                return nn.functional.pad(x, (0, 0, 0, -(-n // 4) * 4 - n))  # <-
            """),
            good=forward("""
                n = x.shape[0]
                return nn.functional.pad(x, (0, 0, 0, ((n + 3) // 4) * 4 - n))
            """),
            inputs="x: float32[N=6, 4]",
            harm=SIZE,
            fix=Applicability.safe,
        ),
        Example(
            title="A size, divided by a configured number",
            bad=forward("return x + -(-x.shape[0] // self.window)  # <-", init="self.window = 4"),
            good=forward("return x + ((x.shape[0] + self.window - 1) // self.window)", init="self.window = 4"),
            inputs="x: float32[N=6, 4]",
            harm=SIZE,
            fix=Applicability.unsafe,
        ),
        Example(
            title="An integer tensor by a float",
            bad=forward("return x.argmax(1) // 2.0  # <-"),
            good=forward('return torch.div(x.argmax(1), 2.0, rounding_mode="floor")'),
            inputs="x: float32[N=3, 4]",
            harm=REFUSED,
            fix=Applicability.safe,
        ),
        Example(
            title="A number by an integer tensor",
            bad=forward("return 12 // (x.argmax(1) + 1)  # <-"),
            good=forward("return torch.tensor(12) // (x.argmax(1) + 1)"),
            inputs="x: float32[N=3, 4]",
            harm=REFUSED,
        ),
    ]

    def check(self, event: FloorDivision, context: Context) -> Finding | None:
        """By what is divided, and whether anything says that it is positive."""
        dividend, divisor = event.dividend, event.divisor
        if dividend.kind != "tensor" and divisor.kind != "tensor":
            advice = f"write `({_name(event)} + d - 1) // d`" if event.whole else "keep the size positive"
            message = f"`{event.short}` rounds down in Python and towards zero in ONNX, as it is negative: {advice}"
            return self.finding(event, message, SIZE, context, fixable=self._applicability(event))
        if not (dividend.sure and divisor.sure):
            return None
        if _is_refused(event):
            harm = REFUSED_NEGATIVE if event.may_be_negative else REFUSED
            message = (
                f"the dynamo ONNX exporter cannot divide `{event.quote(dividend.span)}` by "
                f"`{event.quote(divisor.span)}`: one is a plain number, of another dtype or on the left; "
                f'use `torch.div(..., rounding_mode="floor")` of two tensors'
            )
            return self.finding(event, message, harm, context, fixable=self._applicability(event))
        if not event.may_be_negative:
            return None
        message = (
            f"`{event.short}` rounds down in eager, and towards zero in the file of the TorchScript exporter: negative "
            f'values come out one too large; use `torch.div(..., rounding_mode="floor")`'
        )
        return self.finding(event, message, TENSOR, context, fixable=self._applicability(event))

    def _applicability(self, event: FloorDivision) -> Applicability | None:
        if event.dividend.kind == "tensor":
            return Applicability.safe if event.torch and _sets_nothing(event) else None
        negated = event.document.segment(event.dividend.span).startswith("-")
        if event.whole is None or not negated or event.divisor.kind == "tensor":
            return None
        if event.dividend.dtype != "int" or not event.dividend.sure:
            return None
        divisor = event.document.segment(event.divisor.span)
        if divisor.isdecimal():
            return Applicability.safe
        return Applicability.unsafe if divisor.replace(".", "").isidentifier() else None

    def fix(self, event: FloorDivision, context: Context) -> Fix | None:
        """A division that is told to round down, or a sum before the division."""
        applicability = self._applicability(event)
        if applicability is None:
            return None
        if event.dividend.kind == "tensor":
            return Fix("Say how to round", (_rounded_down(event),), applicability)
        return Fix("Round up without a minus sign", (_rounded_up(event),), applicability)


def _sets_nothing(event: FloorDivision) -> bool:
    """Not ``self.x //= 2``, which divides in place and then sets the attribute."""
    return event.form != "augmented" or event.document.segment(event.dividend.span).isidentifier()


def _rounded_down(event: FloorDivision) -> Edit:
    dividend, divisor = (
        event.cst_at(one.span).with_changes(lpar=[], rpar=[]) for one in (event.dividend, event.divisor)
    )
    if event.form == "augmented":
        template = '{dividend}.div_({divisor}, rounding_mode="floor")'
        return edit(event.span, template, dividend=dividend, divisor=divisor)
    template = '{torch}.div({dividend}, {divisor}, rounding_mode="floor")'
    return edit(event.span, template, torch=event.torch, dividend=dividend, divisor=divisor)


def _rounded_up(event: FloorDivision) -> Edit:
    import libcst as cst

    negated, divisor = event.cst_at(event.dividend.span), event.cst_at(event.divisor.span)
    assert event.whole is not None
    assert isinstance(negated, cst.UnaryOperation)
    text = event.document.segment(event.divisor.span)
    rest = str(int(text) - 1) if text.isdecimal() else f"{text} - 1"
    divided = f"({{size}} + {rest}) // {{divisor}}"
    template = divided if stands_alone(event, event.whole) else f"({divided})"
    return edit(event.whole, template, size=summand(negated.expression), divisor=divisor)


def _name(event: FloorDivision) -> str:
    return event.document.segment(event.dividend.span).lstrip("-")


def _is_refused(event: FloorDivision) -> bool:
    """An integer tensor by a float, or a plain number by a tensor of its own dtype."""
    dividend, divisor = event.dividend, event.divisor
    if dividend.kind == "tensor":
        return dividend.dtype == "int" and divisor.kind == "number" and divisor.dtype == "float"
    return dividend.kind == "number" and (dividend.dtype == "float" or dividend.dtype == divisor.dtype == "int")
