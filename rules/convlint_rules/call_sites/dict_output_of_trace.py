from __future__ import annotations

from convlint.events import ExportCall
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script
from convlint_rules.rewriting import with_options

HARM = Harm(jit_trace=Level.breaks)
_FORWARD = 'return {"scores": self.layer(x), "mean": x.mean(1)}'


class DictOutputOfTrace(Rule):
    """
    ## What it does
    Finds `torch.jit.trace` of a model whose `forward` returns a dict.

    ## Why it breaks
    `torch.jit.trace` refuses it (`Encountering a dict at the output of the tracer might cause the trace to be
    incorrect`), since the keys of the trace are those of the example, whatever they would be for another input. With
    `strict=False` it takes them. The other routes take dicts as they are; in an ONNX file the outputs stand in the
    order of the keys, under names that the exporter chooses.

    ## Fix safety
    Unsafe: `strict=False` is right where the keys are the same for all inputs, which a branch on them that is
    reported for itself may show.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.jit.trace.html
    """

    code, name, since = "CVL910", "dict-output-of-trace", "0.1"
    events, callees = (ExportCall,), ("torch.jit.trace",)
    examples = [
        Example(
            bad=script(
                """
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.jit.trace(model, (x,))  # <-
                """,
                _FORWARD,
            ),
            good=script(
                """
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.jit.trace(model, (x,), strict=False)
                """,
                _FORWARD,
            ),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
            script=("jit_trace",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks the trace unless it is told not to be strict."""
        strict = event.argument("strict")
        loose = strict is not None and strict.value is not True
        if event.model is None or not event.model.gives_dict or loose or not event.complete:
            return None
        message = (
            f"`{event.model.name}.forward` returns a dict, at which `torch.jit.trace` stops: pass `strict=False` if "
            f"its keys are the same for all inputs, or return a tuple"
        )
        fixable = None if strict is not None else Applicability.unsafe
        return self.finding(event, message, HARM, context, fixable=fixable)

    def fix(self, event: ExportCall, context: Context) -> Fix | None:
        """A trace that is not strict."""
        return Fix("Pass `strict=False`", (with_options(event, {"strict": "False"}),), Applicability.unsafe)
