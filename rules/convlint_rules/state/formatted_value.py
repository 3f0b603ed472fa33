from __future__ import annotations

from convlint.events import FormatsValue
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

SPEC = Harm(torch_export=Level.breaks)
PERCENT = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class FormattedValue(Rule):
    """
    ## What it does
    Finds tensors, values taken out of them and dynamic sizes that are written into text with a format:
    `f"{loss:.3f}"`, `"{:d}".format(n)`, `"%.2f" % x.mean()`. `print(x)`, `f"{n}"` and `"%s" % n` are not reported, nor
    is the text of an error.

    ## Why it breaks
    `torch.export` runs the code with stand-ins for tensors and dynamic sizes. They can be printed, but know no format:
    `unsupported format string passed to SymInt.__format__`. For `%d` and `%f` they would have to be numbers.

    ## Fix safety
    There is no fix: leave the format out, or the text where `torch.compiler.is_exporting()`.

    ## References
    - `torch.export`, data-dependent errors
    """

    code, name, since = "CVL707", "formatted-value", "0.1"
    events = (FormatsValue,)
    examples = [
        Example(
            title="A mean in an f-string",
            bad=forward('print(f"mean {x.mean():.3f}")  # <-\nreturn x * 2'),
            good=forward('print(f"mean {x.mean()}")\nreturn x * 2'),
            inputs="x: float32[N=3, 4]",
            harm=SPEC,
        ),
        Example(
            title="A size by `str.format`",
            bad=forward('print("{:03d} rows".format(x.shape[0]))  # <-\nreturn x * 2'),
            good=forward('print("{} rows".format(x.shape[0]))\nreturn x * 2'),
            inputs="x: float32[N=3, 4]",
            harm=SPEC,
        ),
        Example(
            title="A mean by `%`",
            bad=forward('print("mean %.3f" % x.mean())  # <-\nreturn x * 2'),
            good=forward('print("mean %s" % x.mean())\nreturn x * 2'),
            inputs="x: float32[N=3, 4]",
            harm=PERCENT,
        ),
    ]

    def check(self, event: FormatsValue, context: Context) -> Finding | None:
        """Stops `torch.export`."""
        what = "size" if event.operand.kind == "dim" else "value"
        message = (
            f"`torch.export` stops where the {what} `{event.short}` is formatted, as a stand-in for it knows no "
            f"format; write it without one, or no text while `torch.compiler.is_exporting()`"
        )
        return self.finding(event, message, PERCENT if event.how == "percent" else SPEC, context)
