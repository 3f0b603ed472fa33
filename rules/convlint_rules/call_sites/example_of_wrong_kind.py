from __future__ import annotations

from convlint.events import Argument, ExportCall
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

TRACE = Harm(jit_trace=Level.breaks)
EXPORT = Harm(torch_export=Level.breaks)


class ExampleOfWrongKind(Rule):
    """
    ## What it does
    Finds example inputs that are no tensors in `torch.jit.trace` (`None`, numbers, strings), and a bare tensor or a
    list in the place of the tuple that `torch.export.export` wants.

    ## Why it breaks
    `torch.jit.trace` takes tensors and what holds tensors. At anything else it stops: `Type 'Tuple[Tensor, NoneType]'
    cannot be traced`. An input that has a default need not be given, and keeps it. `torch.export.export` takes numbers
    and `None`, but its `args` must be a tuple, even of one tensor.

    ## Fix safety
    Safe for `torch.export.export`: the call stops as it is. There is no fix for a trace: whether the default of the
    parameter is what was meant is not in the call.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.jit.trace.html
    """

    code, name, since = "CVL909", "example-of-wrong-kind", "0.1"
    events, callees = (ExportCall,), ("torch.jit.trace", "torch.export.export")
    examples = [
        Example(
            title="No tensor",
            bad=script(
                """
                model = Model().eval()
                exported = torch.jit.trace(model, (torch.randn(3, 4), None))  # <-
                """,
                "return self.layer(x if mask is None else x * mask)",
                parameters="x, mask=None",
            ),
            good=script(
                """
                model = Model().eval()
                exported = torch.jit.trace(model, (torch.randn(3, 4),))
                """,
                "return self.layer(x if mask is None else x * mask)",
                parameters="x, mask=None",
            ),
            inputs="x: float32[3, 4]",
            harm=TRACE,
            script=("jit_trace",),
        ),
        Example(
            title="No tuple",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.export.export(model, x)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.export.export(model, (x,))
            """),
            inputs="x: float32[3, 4]",
            harm=EXPORT,
            fix=Applicability.safe,
            script=("torch_export",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks the route of the call."""
        given = event.examples
        if given is None:
            return None
        if event.callee == "torch.export.export":
            if not (given.sizes is not None or isinstance(given.value, list)):
                return None
            message = (
                f"`torch.export.export` stops at `{event.quote(given.span)}`: its `args` must be a tuple, even of one "
                f"tensor; write `{_tuple(event, given)}`"
            )
            fixable = Applicability.safe if given.sizes is not None else None
            return self.finding(event, message, EXPORT, context, fixable=fixable)
        wrong = next((one for one in given.parts if _is_no_tensor(one)), None)
        if wrong is None:
            return None
        message = (
            f"`torch.jit.trace` takes tensors only and stops at `{event.quote(wrong.span)}`: leave it out where the "
            f"parameter has a default, or make it an attribute of the model"
        )
        return self.finding(event, message, TRACE, context)

    def fix(self, event: ExportCall, context: Context) -> Fix | None:
        """The tensor as a tuple of one."""
        given = event.examples
        if given is None:
            return None
        made = edit(given.span, "({given},)", given=event.cst_at(given.span))
        return Fix("Write a tuple", (made,), Applicability.safe)


def _is_no_tensor(given: Argument) -> bool:
    return given.value is None or isinstance(given.value, (bool, int, float, str))


def _tuple(event: ExportCall, given: Argument) -> str:
    return f"({event.quote(given.span)},)" if given.sizes is not None else f"tuple({event.quote(given.span)})"
