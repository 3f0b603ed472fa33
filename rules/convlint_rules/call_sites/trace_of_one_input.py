from __future__ import annotations

from convlint.events import ExportCall
from convlint.findings import Finding, Harm
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script


class TraceOfOneInput(Rule):
    """
    ## What it does
    Finds `torch.jit.trace` without `check_inputs`, unless `check_trace=False` says that nothing is to be compared.

    ## Why it breaks
    `torch.jit.trace` runs what it has made beside the model, but on the inputs that it was traced with. A branch that
    another value takes, a number that was frozen, a loop of another length stay unseen, where one other input in
    `check_inputs` stops the trace (`Graphs differed across invocations`). It does no harm by itself: what goes wrong is
    reported at its own line, and this by `--show-harmless` only.

    ## Fix safety
    There is no fix: another value is easily made, but which sizes the model is to take is not in the source.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.jit.trace.html
    """

    code, name, since = "CVL911", "trace-of-one-input", "0.1"
    events, callees = (ExportCall,), ("torch.jit.trace",)
    examples = [
        Example(
            bad=script("""
                model = Model().eval()
                exported = torch.jit.trace(model, torch.randn(3, 4))
            """),
            good=script("""
                model = Model().eval()
                other = torch.randn(5, 4)
                exported = torch.jit.trace(model, torch.randn(3, 4), check_inputs=[(other,)])
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(),
            script=("jit_trace",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Harmless by itself."""
        if not event.complete or event.argument("check_inputs") or event.argument("check_trace"):
            return None
        message = (
            "`torch.jit.trace` compares what it makes with the model on the traced inputs only: give others in "
            "`check_inputs`, of other values and sizes, at which a trace that fits one input stops"
        )
        return self.finding(event, message, Harm(), context)
