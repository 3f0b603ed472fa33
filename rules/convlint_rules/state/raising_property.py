from __future__ import annotations

from convlint.events import RaisingProperty
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(jit_trace=Level.breaks)
_PROPERTY = """

    @property
    def classes(self):
        raise {}
"""


def _module(raised: str) -> str:
    """A module with a property that raises."""
    return forward("return self.layer(x)", init="self.layer = nn.Linear(4, 4)").rstrip("\n") + _PROPERTY.format(raised)


class PropertyThatRaises(Rule):
    """
    ## What it does
    Finds properties of a model, or of a part of it, that do nothing but raise: `NotImplementedError` of a base class
    that nobody writes again, `RuntimeError` of one that is gone.

    ## Why it breaks
    `torch.jit.trace` reads every property of every module before it traces, and stops with what one raises, at no line
    of `forward`. It passes over those that raise `AttributeError`. `torch.export` and the ONNX exporters read none.

    ## Fix safety
    Unsafe: who waits for the other exception waits in vain for an `AttributeError`.

    ## References
    - `torch.jit.trace`
    """

    code, name, since = "CVL713", "raising-property", "0.1"
    events = (RaisingProperty,)
    examples = [
        Example(
            title="A property that a subclass should have",
            bad=_module("NotImplementedError  # <-"),
            good=_module("AttributeError"),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A property that is gone",
            bad=_module('RuntimeError("ask the layer")  # <-'),
            good=_module('AttributeError("ask the layer")'),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: RaisingProperty, context: Context) -> Finding | None:
        """Breaks jit_trace."""
        message = (
            f"`torch.jit.trace` reads the properties of all modules, and stops at what `{event.name}` of "
            f"`{event.owner}` raises: raise `AttributeError`, which it passes over, or make it a method"
        )
        return self.finding(event, message, HARM, context, fixable=Applicability.unsafe)

    def fix(self, event: RaisingProperty, context: Context) -> Fix | None:
        """``AttributeError`` instead of the exception."""
        name = event.document.segment(event.span).partition("(")[0].rstrip()
        start = event.span._replace(end_row=event.span.row, end_column=event.span.column + len(name))
        return Fix("Raise `AttributeError`", (Edit(start, "AttributeError"),), Applicability.unsafe)
