from __future__ import annotations

from convlint.events import OverlappingWrite
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.wrong)


class OverlappingWriteToItself(Rule):
    """
    ## What it does
    Finds writes whose value is a view of the memory that they write to, where the write overtakes the read:
    `y[:, 1:] = y[:, :-1]` shifts towards the end, `y -= y[:, :1]` subtracts a column that is itself among those
    written.

    ## Why it breaks
    Eager writes one element after the other and reads, further on, what it has just written; which elements, depends
    on the layout, on vector instructions and threads: torch calls the result undefined, and raises only where it can
    tell cheaply. An ONNX graph has no memory to write to: both exporters compute the value first, from the old
    elements. So the exported model is another one than that which was trained and evaluated, on the very input that
    was traced, without a warning. A shift towards the beginning (`y[:, :-1] = y[:, 1:]`) reads each element before it
    is written, and is not reported.

    ## Fix safety
    Unsafe: with `.clone()` of the value eager computes what the exported graph does, which is another result than
    before. It is what the line says, and no longer depends on the machine.

    ## References
    - `torch.Tensor.expand`, on writing to memory that several elements share
    - pytorch/pytorch#18027
    """

    code, name, since = "CVL107", "overlapping-write", "0.1"
    events = (OverlappingWrite,)
    examples = [
        Example(
            title="A shift towards the end",
            bad=forward("""
                y = x.clone()
                y[:, 1:] = y[:, :-1]  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y[:, 1:] = y[:, :-1].clone()
                return y
            """),
            inputs="x: float32[N=3, 6]",
            harm=HARM,
            fix=Applicability.unsafe,
            same_in_eager=False,
        ),
        Example(
            title="A column taken from all columns",
            bad=forward("""
                y = x.clone()
                y -= y[:, :1]  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y -= y[:, :1].clone()
                return y
            """),
            inputs="x: float32[N=3, 6]",
            harm=HARM,
            fix=Applicability.unsafe,
            same_in_eager=False,
        ),
        Example(
            title="A view with a name, and a method",
            bad=forward("""
                y = x.clone()
                before = y[:, 1:4]
                y[:, 2:5].add_(before)  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                before = y[:, 1:4]
                y[:, 2:5].add_(before.clone())
                return y
            """),
            inputs="x: float32[N=3, 6]",
            harm=HARM,
            fix=Applicability.unsafe,
            same_in_eager=False,
        ),
    ]

    def check(self, event: OverlappingWrite, context: Context) -> Finding | None:
        """Wrong in ONNX; the other routes write as eager does."""
        text = event.quote(event.value.span)
        what = f"`{text}`" if text == event.view_text else f"`{text}`, a view (`{event.view_text}`),"
        message = (
            f"{what} is part of what is written here, and is overwritten before it is read: eager's result is "
            f"undefined, and the ONNX exporters compute another; write `{text}.clone()`"
        )
        return self.finding(event, message, HARM, context, fixable=Applicability.unsafe)

    def fix(self, event: OverlappingWrite, context: Context) -> Fix | None:
        """A copy of the value, made before anything is written."""
        value = primary(event.cst_at(event.value.span))
        copied = edit(event.value.span, "{value}.clone()", value=value)
        return Fix("Copy what is read", (copied,), Applicability.unsafe)
