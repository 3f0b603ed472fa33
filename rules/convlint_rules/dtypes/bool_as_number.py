from __future__ import annotations

from convlint.events import BoolAsNumber
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import torch_in

HARM = Harm(jit_trace=Level.breaks, onnx_torchscript=Level.breaks)


class BoolForNumber(Rule):
    """
    ## What it does
    Finds `True`, `False` and other bools of Python where torch takes any number: `torch.full(size, True)`,
    `x.masked_fill(mask, False)`, `mask == True`, `x * (n > 2)` of plain numbers.

    ## Why it breaks
    To eager a bool is a number. TorchScript's schema has a `Scalar` there, which a bool is not: `torch.jit.trace` runs
    `forward` to its end and then stops with an internal assertion, `We don't have an op for aten::masked_fill but it
    isn't a special case. Argument types: Tensor, Tensor, bool`, without a line of the model. `torch.export` and the
    dynamo exporter take it. Which functions that are was measured by tracing each of torch's with such a parameter
    once. Assignments (`mask[:, 0] = True`) and `torch.ones(size, dtype=torch.bool)` are fine.

    ## Fix safety
    Safe: `True` becomes `1` where eager makes the same of both, whatever the tensor is or because its dtype is known,
    and `torch.full` is told to make booleans. There is no fix where the result would be of another dtype, `mask &
    True`.

    ## References
    - `torch.full`, `torch.Tensor.masked_fill_`
    """

    code, name, since = "CVL513", "bool-as-number", "0.1"
    events = (BoolAsNumber,)
    examples = [
        Example(
            title="A mask of one value",
            bad=forward("""
                keep = torch.full((x.shape[0], 4), True)  # <-
                return torch.where(keep, x, x * 2)
            """),
            good=forward("""
                keep = torch.full((x.shape[0], 4), 1, dtype=torch.bool)
                return torch.where(keep, x, x * 2)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.safe,
        ),
        Example(
            title="A comparison with True",
            bad=forward("return x * ((x > 0) == True)  # <-"),
            good=forward("return x * ((x > 0) == 1)"),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.safe,
        ),
        Example(
            title="A switch that is multiplied",
            bad=forward("return x + torch.sin(x) * self.residual  # <-", init="self.residual = True"),
            good=forward("return x + torch.sin(x) * self.residual", init="self.residual = 1.0"),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
    ]

    def check(self, event: BoolAsNumber, context: Context) -> Finding | None:
        """Breaks the routes that were seen to stop."""
        value = event.quote(event.value)
        if event.number:
            repair = f"write `{event.number}`"
            if event.made:
                repair += " and `dtype=torch.bool`"
            elif not event.same:
                repair = "give a tensor, or combine masks with `&`, `|` and `~`"
        else:
            repair = f"make it a number, `int({value})`" if event.same else "make it a number or a tensor before"
        message = (
            f"`{value}` in `{event.short}` is no number to `torch.jit.trace`, which stops without naming the line: "
            f"{repair}"
        )
        harm = Harm().with_levels(dict.fromkeys(event.refused, Level.breaks))
        fixable = Applicability.safe if _written(event) else None
        return self.finding(event, message, harm, context, fixable=fixable)

    def fix(self, event: BoolAsNumber, context: Context) -> Fix | None:
        """The number for the bool, and booleans for the result of ``torch.full``."""
        written = _written(event)
        return Fix("Write a number", written, Applicability.safe) if written else None


def _written(event: BoolAsNumber) -> tuple[Edit, ...]:
    """What is to be written instead, nothing where eager would not make the same of it."""
    if not event.number or not (event.same or event.made):
        return ()
    if not event.made:
        return (Edit(event.value, event.number),)
    named = torch_in(event)
    return (Edit(event.value, f"{event.number}, dtype={named[0]}.bool"), *named[1]) if named else ()
