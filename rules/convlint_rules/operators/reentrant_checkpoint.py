from __future__ import annotations

from convlint.events import Untraceable
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import with_options

HARM = Harm(jit_trace=Level.breaks, onnx_torchscript=Level.breaks)
ADVICE = {
    "reentrant": ("the weights of what it calls", "write `use_reentrant=False`"),
    "function": (
        "what it takes out of a module or list",
        "give it the tensors one by one, or compute without it where `torch.jit.is_tracing()`",
    ),
}
IMPORTS = "torch.utils.checkpoint as checkpoint"
LAYERS = "self.layers = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))"
TRACING = "torch.jit.is_tracing()"
FUNCTION = """\
import torch
from torch import nn


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, layer):
        return layer(x) * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 2, None


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
"""
LISTED = """\
import torch
from torch import nn


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scales):
        return x * scales[0]

    @staticmethod
    def backward(ctx, grad):
        return grad, None


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(4))

    def forward(self, x):
"""


class ReentrantCheckpoint(Rule):
    """
    ## What it does
    Finds gradient checkpoints of what has weights (`torch.utils.checkpoint.checkpoint(self.layer, x)`) that do not say
    `use_reentrant=False`, where they run outside of training too, and functions of the project's own
    (`torch.autograd.Function`) that are given a module with weights, or a list of tensors.

    ## Why it breaks
    Without `use_reentrant=False` a checkpoint is a `torch.autograd.Function`. The tensors that one is given are known
    to the tracer, but the weights that it takes from a module are not, nor are tensors and sizes in a list:
    `torch.jit.trace` and the TorchScript ONNX exporter stop with `unordered_map::at`, in `eval()` and under
    `torch.no_grad()` as well. `torch.export` and the dynamo ONNX exporter look inside.

    ## Fix safety
    Unsafe: what is computed and its gradients are the same, but hooks and what wraps the model for training
    (`DistributedDataParallel`) meet other calls. PyTorch recommends `use_reentrant=False`. Checkpoints only save memory
    while training: `if self.training:` around them is as good. There is no fix for functions of the project's own:
    give them the tensors one by one, or compute without them where `torch.jit.is_tracing()`.

    ## References
    - `torch.utils.checkpoint`
    """

    code, name, since = "CVL808", "reentrant-checkpoint", "0.1"
    events = (Untraceable,)
    examples = [
        Example(
            title="A layer whose activations are not kept",
            bad=forward(
                "return checkpoint.checkpoint(self.layer, x)  # <-",
                imports=IMPORTS,
                init="self.layer = nn.Linear(4, 4)",
            ),
            good=forward(
                "return checkpoint.checkpoint(self.layer, x, use_reentrant=False)",
                imports=IMPORTS,
                init="self.layer = nn.Linear(4, 4)",
            ),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="Layers in two parts",
            bad=forward(
                "return checkpoint.checkpoint_sequential(self.layers, 2, x, use_reentrant=True)  # <-",
                imports=IMPORTS,
                init=LAYERS,
            ),
            good=forward(
                "return checkpoint.checkpoint_sequential(self.layers, 2, x, use_reentrant=False)",
                imports=IMPORTS,
                init=LAYERS,
            ),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A function that is given a layer",
            bad=f"{FUNCTION}        return Doubled.apply(x, self.layer)  # <-\n",
            good=f"{FUNCTION}        return self.layer(x) * 2 if {TRACING} else Doubled.apply(x, self.layer)\n",
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="A function that is given a list",
            bad=f"{LISTED}        return Scaled.apply(x, [x.abs(), self.scale])  # <-\n",
            good=f"{LISTED}        return x * x.abs() if {TRACING} else Scaled.apply(x, [x.abs(), self.scale])\n",
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
    ]

    def check(self, event: Untraceable, context: Context) -> Finding | None:
        """Breaks the TorchScript routes."""
        if event.how not in ADVICE:
            return None
        hidden, advice = ADVICE[event.how]
        message = (
            f"`{event.callee}` hides {hidden} from `torch.jit.trace`, which stops with `unordered_map::at`: {advice}"
        )
        fixable = Applicability.unsafe if event.how == "reentrant" else None
        return self.finding(event, message, HARM, context, at_most="warning", fixable=fixable)

    def fix(self, event: Untraceable, context: Context) -> Fix | None:
        """``use_reentrant=False``."""
        if event.how != "reentrant":
            return None
        added = with_options(event, {"use_reentrant": "False"}, without="use_reentrant")
        return Fix("Write `use_reentrant=False`", (added,), Applicability.unsafe)
