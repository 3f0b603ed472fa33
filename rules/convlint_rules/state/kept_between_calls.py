from __future__ import annotations

from convlint.events import StateWrite
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

KEPT = Harm(Level.breaks, Level.wrong, Level.wrong, Level.wrong)
BUFFER = Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong, onnx_dynamo=Level.wrong)
BUFFER_OF_PART = Harm(Level.wrong, Level.wrong, Level.wrong, Level.wrong)
MADE_ONCE = Harm(jit_trace=Level.breaks)
BUFFER_MADE_ONCE = Harm(Level.breaks, Level.breaks, Level.harmless, Level.breaks)
_HOLDS = """\
    def __init__(self):
        super().__init__()
        self.part = Part()

    def forward(self, x):
        return self.part.centered(x)
"""


def _part(body: str) -> str:
    """The source of a model that calls a method with this body of one of its modules."""
    init = 'self.register_buffer("mean", torch.zeros(4))'
    part = forward(body, init=init).replace("class Model", "class Part").replace("def forward", "def centered")
    return f"{part}\n\nclass Model(nn.Module):\n{_HOLDS}"


class KeptBetweenCalls(Rule):
    """
    ## What it does
    Finds attributes that `forward` assigns and that the next call reads: counters, running means, the hidden state of a
    stream, features of the frame before, lists and dicts that grow, and what is made in the first call and kept
    (`if self.grid is None: self.grid = ...`). An attribute that each call sets before it reads it is not reported.

    ## Why it breaks
    A graph has inputs and constants. What an earlier call left is a constant to it: the first run is right, the second
    repeats the first, and nothing is printed. `torch.jit.trace` runs the model a second time and stops where that makes
    another graph; it does so too for a tensor, a layer or a traced size that is made once and is the same for ever (a
    plain number leaves no trace). If the model was called before it is exported, such a value, made for the sizes of
    that call, is in the graph. Of the buffers that `forward` assigns, `torch.export` keeps the model's own from call to
    call, and loses those of its parts; one of its own that is replaced by a longer one stops it.

    ## Fix safety
    There is no fix: make the state an input and an output of the model. What is the same for all inputs can be made in
    `__init__`, what depends on their sizes in each call.

    ## References
    - `torch.onnx`, on stateful models; pytorch/pytorch#106217
    """

    code, name, since = "CVL704", "kept-between-calls", "0.1"
    events = (StateWrite,)
    examples = [
        Example(
            title="A hidden state",
            bad=forward(
                """
                self.h = self.cell(x, self.h)  # <-
                return self.h
                """,
                init="self.cell, self.h = nn.GRUCell(4, 4), None",
            ),
            good=forward(
                """
                h = self.cell(x, h)
                return h
                """,
                parameters="x, h",
                init="self.cell = nn.GRUCell(4, 4)",
            ),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; h: float32[N, 4]",
            harm=KEPT,
            same_in_eager=False,
        ),
        Example(
            title="Features of the call before",
            bad=forward(
                """
                if self.first is None:
                    self.first = x.mean(0)  # <-
                return x - self.first
                """,
                init="self.first = None",
            ),
            good=forward("return x - first", parameters="x, first"),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; first: float32[4]",
            harm=KEPT,
            same_in_eager=False,
        ),
        Example(
            title="A counter",
            bad=forward(
                """
                self.calls += 1  # <-
                return x / self.calls
                """,
                init="self.calls = 0",
            ),
            good=forward(
                """
                calls = calls + 1
                return x / calls, calls
                """,
                parameters="x, calls",
            ),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; calls: float32[]",
            harm=KEPT,
            same_in_eager=False,
        ),
        Example(
            title="A list that grows",
            bad=forward(
                """
                self.seen.append(x.mean())  # <-
                return x - torch.stack(self.seen).mean()
                """,
                init="self.seen = []",
            ),
            good=forward(
                "seen = torch.cat([seen, x.mean()[None]])\nreturn x - seen.mean(), seen", parameters="x, seen"
            ),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; seen: float32[K=2]",
            harm=KEPT,
            same_in_eager=False,
        ),
        Example(
            title="A dict",
            bad=forward(
                """
                if "h" in self.state:
                    x = x + self.state["h"]
                self.state["h"] = torch.tanh(x)  # <-
                return x * 2
                """,
                init="self.state = {}",
            ),
            good=forward(
                """
                x = x + h
                return x * 2, torch.tanh(x)
                """,
                parameters="x, h",
            ),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; h: float32[N, 4]",
            harm=KEPT,
            same_in_eager=False,
        ),
        Example(
            title="A buffer that is assigned",
            bad=forward(
                """
                self.mean = 0.9 * self.mean + 0.1 * x.mean(0)  # <-
                return x - self.mean
                """,
                init='self.register_buffer("mean", torch.zeros(4))',
            ),
            good=forward(
                """
                mean = 0.9 * mean + 0.1 * x.mean(0)
                return x - mean, mean
                """,
                parameters="x, mean",
            ),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; mean: float32[4]",
            harm=BUFFER,
            same_in_eager=False,
        ),
        Example(
            title="A buffer of a part of the model",
            bad=_part("""
                self.mean = 0.9 * self.mean + 0.1 * x.mean(0)  # <-
                return x - self.mean
            """),
            good=forward(
                """
                mean = 0.9 * mean + 0.1 * x.mean(0)
                return x - mean, mean
                """,
                parameters="x, mean",
            ),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; mean: float32[4]",
            harm=BUFFER_OF_PART,
            same_in_eager=False,
        ),
        Example(
            title="A grid made in the first call",
            bad=forward(
                """
                if self.grid is None:
                    self.grid = torch.arange(4.0)  # <-
                return x + self.grid
                """,
                init="self.grid = None",
            ),
            good=forward("return x + self.grid", init="self.grid = torch.arange(4.0)"),
            inputs="x: float32[N=3, 4]",
            harm=MADE_ONCE,
        ),
        Example(
            title="A buffer replaced by a longer one",
            bad=forward(
                """
                if self.positions.shape[0] < 4:
                    self.positions = torch.arange(4.0)  # <-
                return x + self.positions
                """,
                init='self.register_buffer("positions", torch.arange(2.0))',
            ),
            good=forward("return x + self.positions", init='self.register_buffer("positions", torch.arange(4.0))'),
            inputs="x: float32[N=3, 4]",
            harm=BUFFER_MADE_ONCE,
        ),
    ]

    def check(self, event: StateWrite, context: Context) -> Finding | None:
        """What is assigned or grows, and is read in the next call."""
        if not (event.assigned or event.what in ("list", "dict")) or not event.kept:
            return None
        if event.made_once and (event.what == "dict" or not event.recorded):
            return None  # a dict's is found by its key or made just so; a plain number leaves no trace
        if event.made_once:
            message = (
                f"`{event.name}` is made in one call and kept for the next: `torch.jit.trace`, which calls the model "
                f"twice, stops at the difference, and an export after a first call holds what that one made; make it "
                f"in `__init__`, or in each call"
            )
            harm = BUFFER_MADE_ONCE if event.what == "buffer" and not event.of_part else MADE_ONCE
            return self.finding(event, message, harm, context, at_most="warning")
        message = (
            f"`{event.name}` is kept from one call to the next: in an exported graph every run starts with what was "
            f"there at the export; make it an input and an output"
        )
        of_buffer = BUFFER_OF_PART if event.of_part else BUFFER
        return self.finding(event, message, of_buffer if event.what == "buffer" else KEPT, context)
