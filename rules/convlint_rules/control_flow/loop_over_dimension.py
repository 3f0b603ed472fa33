from __future__ import annotations

from convlint.events import OF_PARTS, LoopOverDim, Taint, one_line
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.row_loop import guessed, is_vectorisable, vectorised

FROZEN = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
PIECES = Harm(Level.frozen, Level.frozen, Level.frozen, Level.frozen)
WHOLE = "compute on the whole axis at once"
PARTS = {
    ("join", "split"): "make the parts an axis by `unflatten(dim, (-1, size))`",
    ("join", "unbind"): "keep it an axis: `movedim` puts it elsewhere, `flatten` joins it with another",
    ("sum", "split"): "make the parts an axis by `unflatten(dim, (-1, size))`, and add along it",
    ("sum", "unbind"): "add along the axis: `sum(dim)`",
    ("part", "split"): "take the part by a slice",
    ("part", "unbind"): "index the axis instead",
}
"""What to write instead, by what is done with the parts, and of which method."""
DATA = Harm(Level.wrong, Level.breaks, Level.wrong, Level.breaks)
READ = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class LoopOverDimension(Rule):
    """
    ## What it does
    Finds Python loops whose length is a size of a tensor: `for i in range(x.shape[0])`, comprehensions,
    `[None] * x.shape[1]`, loops over `x.split(2)`; those as long as a number in a buffer says,
    `range(self.steps.item())`; and the parts of `x.split(2)` and `x.unbind(1)`, whose number is a size, where they are
    put together, added, or the last is taken.

    ## Why it breaks
    The loop is unrolled for the traced size. The TorchScript routes do it silently: `range` prints no warning, and the
    graph handles exactly that many steps. `torch.export` and the dynamo exporter stop with
    `Constraints violated ... specialized it to be a constant`, without the loop's line; for the parts of a `split`
    they keep the traced number of parts. The `Split` that the TorchScript exporter writes of `split` and `unbind` is
    refused by ONNX Runtime at any other size. What a buffer holds the dynamo routes do not know either.

    ## Fix safety
    Unsafe, and only where `torch.stack` puts together what was made of each row alone, by arithmetic with numbers, by
    functions of each element, and by sums, means and extremes: it is written for all rows at once. Sums are added in
    another order, those of small whole numbers in a larger dtype; equal maxima share their gradient; without any row
    the result is empty instead of an error. A tensor without a second axis whose rows are summed stops with an error.
    Where each row goes through something else and is stacked, the form without a loop is for display only: only the
    author knows whether `self.head(x)` is `self.head(x[i])` for each row, which is so for a linear layer and not
    for a softmax over the first axis. Elsewhere use an operator over the whole axis, a recurrent layer, or
    `torch.scan`/`torch.while_loop` on the dynamo routes.

    ## References
    - pytorch/pytorch#133653, #140011
    """

    code, name, since = "CVL303", "loop-over-dimension", "0.1"
    events = (LoopOverDim,)
    examples = [
        Example(
            title="Row by row",
            bad=forward("""
                out = []
                for i in range(x.shape[0]):  # <-
                    out.append(x[i] - x[i].mean())
                return torch.stack(out)
            """),
            good=forward("""
                out = x.flatten(1)
                return (out - out.mean(1, keepdim=True)).reshape(x.shape)
            """),
            inputs="x: float32[N=3, 4]",
            harm=FROZEN,
            fix=Applicability.unsafe,
        ),
        Example(
            title="Row by row through a layer",
            bad=forward(
                """
                out = []
                for i in range(x.shape[0]):  # <-
                    out.append(self.head(x[i]).relu())
                return torch.stack(out)
                """,
                init="self.head = nn.Linear(4, 2)",
            ),
            good=forward("return self.head(x).relu()", init="self.head = nn.Linear(4, 2)"),
            inputs="x: float32[N=3, 4]",
            harm=FROZEN,
            fix=Applicability.display,
        ),
        Example(
            title="Part by part",
            bad=forward("""
                s = x.new_zeros(())
                for part in x.split(2):  # <-
                    s = s * 2 + part.sum()
                return s
            """),
            good=forward("""
                n = x.shape[0]
                i = (n - 1) // 2 - torch.arange(n) // 2
                return (x.sum(1) * torch.pow(2.0, i.to(x.dtype))).sum()
            """),
            inputs="x: float32[N=4, 3]",
            harm=PIECES,
        ),
        Example(
            title="All parts put together",
            bad=forward("""
                _, n, _ = x.shape
                return torch.cat(x.split(2, dim=1), dim=2)  # <-
            """),
            good=forward("""
                return x.unflatten(1, (-1, 2)).transpose(1, 2).flatten(2)
            """),
            inputs="x: float32[3, N=4..12:2, 5]",
            harm=FROZEN,
        ),
        Example(
            title="An axis that is moved part by part",
            bad=forward("""
                return torch.stack(x.unbind(1))  # <-
            """),
            good=forward("""
                return x.movedim(1, 0)
            """),
            inputs="x: float32[3, N=4, 5]",
            harm=FROZEN,
        ),
        Example(
            title="The last part",
            bad=forward("""
                _, n, _ = x.shape
                return x.split(2, dim=1)[-1]  # <-
            """),
            good=forward("""
                return x[:, -2:]
            """),
            inputs="x: float32[3, N=4..12:2, 5]",
            harm=PIECES,
        ),
        Example(
            title="One row",
            bad=forward("""
                return x.unbind(1)[-1]  # <-
            """),
            good=forward("""
                return x[:, -1]
            """),
            inputs="x: float32[3, N=4, 5]",
            harm=FROZEN,
        ),
        Example(
            title="A count in a buffer",
            bad=forward(
                """
                for _ in range(self.steps.item()):  # <-
                    x = x + 1
                return x
                """,
                init='self.register_buffer("steps", torch.tensor(3))',
            ),
            good=forward(
                """
                for _ in range(self.steps):
                    x = x + 1
                return x
                """,
                init="self.steps = 3",
            ),
            inputs="x: float32[N=3, 4]",
            harm=READ,
        ),
        Example(
            title="As many steps as a mask selects",
            bad=forward("""
                k = x[x > 0]
                total = x.sum() * 0
                for i in range(k.shape[0]):  # <-
                    total = total + k[i] * (i + 1)
                return total
            """),
            good=forward("""
                m = (x > 0).reshape(-1)
                return (x.reshape(-1) * m * m.to(torch.int64).cumsum(0)).sum()
            """),
            inputs="x: float32[3, 4]",
            harm=DATA,
        ),
    ]

    def check(self, event: LoopOverDim, context: Context) -> Finding | None:
        """Frozen or breaking by the size, wrong or breaking by a data-dependent count."""
        if event.taint is Taint.state:
            message = (
                f"the length of this loop, `{event.short}`, is read out of a tensor, at which `torch.export` stops: "
                f"keep the count as a plain Python number"
            )
            return self.finding(event, message, READ, context)
        of_split = event.pieces == "split" and event.form not in ("join", "sum")
        harm = DATA if event.taint is Taint.data else PIECES if of_split else FROZEN
        what = "a count that depends on values" if event.taint is Taint.data else "a size of an input"
        if event.form in OF_PARTS:
            told = f"the number of parts, `{event.short}`, is {what}: it is fixed to that of the traced input"
            message = f"{told}; {PARTS[event.form, event.pieces]}"
            return self.finding(event, message, harm, context)
        if event.form == "list-repeat":
            message = (
                f"the length of `{event.short}` is {what}: it is as long as when traced; "
                f"make a tensor with such an axis (`torch.full`, `.expand()`) instead of a list"
            )
            return self.finding(event, message, harm, context)
        fixable = Applicability.unsafe if is_vectorisable(event) else None
        guess = guessed(event) if fixable is None else None
        advice = WHOLE
        if guess is not None:
            fixable = Applicability.display
            advice = f"if each row is treated alone, `{one_line(guess.stacked)}` is `{one_line(guess.lifted)}`"
        message = f"the length of this loop, `{event.short}`, is {what}: it is unrolled for the traced input; {advice}"
        return self.finding(event, message, harm, context, fixable=fixable)

    def fix(self, event: LoopOverDim, context: Context) -> Fix | None:
        """The same arithmetic on all rows at once; as a suggestion, where that is not known to be the same."""
        edits = vectorised(event)
        if edits:
            return Fix("Compute on all rows at once", edits, Applicability.unsafe)
        guess = guessed(event)
        message = "Compute on all rows at once, if each is treated alone"
        return Fix(message, guess.edits, Applicability.display) if guess else None
