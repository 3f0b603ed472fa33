from __future__ import annotations

from convlint.events import Untraceable
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(jit_trace=Level.breaks, onnx_torchscript=Level.breaks)
WRITING = Harm(jit_trace=Level.breaks, onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
ADVICE = {
    "control-flow": "`{text}` stops `torch.jit.trace`, only `torch.export` follows it: use `torch.where` instead where "
    "`torch.jit.is_tracing()`",
    "size": "`{text}` stops `torch.jit.trace`, which makes a tensor of every size where a plain number is wanted: call "
    "it only where `not torch.jit.is_tracing()`",
    "compiled": "`{callee}` is compiled by `torch.compile`, which `torch.jit.trace` refuses: compile the whole model "
    "from outside instead, or call what is not compiled where `torch.jit.is_tracing()`",
    "stateless": "`{text}` stops `torch.jit.trace`, under which modules keep their own weights: compute with functions "
    "of `torch.nn.functional` and the weights given",
}


SILENCE = "import torch\nfrom torch import nn\n\n\ndef silence(scores):\n"
MODEL = "class Model(nn.Module):\n    def forward(self, x):\n"
CHOICE = f"{MODEL}        return torch.cond(x.sum() > 0, silence, lambda scores: scores * 1, (x * 3,))"
GUARDED = f"{MODEL}        return torch.where(x.sum() > 0, silence(x * 3), x * 3)\n"
OTHER_WEIGHTS = "self.layer = nn.Linear(4, 4)\nself.weight = nn.Parameter(torch.ones(4, 4))"


class ForExportOnly(Rule):
    """
    ## What it does
    Finds what was written for `torch.export` and stops the TorchScript routes: `torch.cond`, `torch.while_loop`, `map`
    and `scan`; `torch._check` and `torch.sym_max` on a size; functions and layers by `torch.compile`; modules
    called with other weights (`torch.func.functional_call`).

    ## Why it breaks
    `torch.cond` and compiled functions run through TorchDynamo, which `torch.jit.trace` (and so
    `torch.onnx.export(dynamo=False)`) refuses. While it traces, `x.shape[0]` is a tensor, and
    `torch._check(x.shape[0] > 0)` raises a `TypeError`. Of `torch.cond` `torch.export` takes branches that assign to an
    index or write into what they are given, and the dynamo ONNX exporter then stops at them.

    ## Fix safety
    There is no fix. Both can live together: `torch.jit.is_tracing()` is false for `torch.export`. Who exports by
    `torch.export` alone says so with `exporter = "dynamo"`.

    ## References
    - `torch.cond`, `torch.compiler.is_exporting`
    """

    code, name, since = "CVL306", "for-export-only", "0.1"
    events = (Untraceable,)
    examples = [
        Example(
            title="Control flow",
            bad=forward("return torch.cond(x.sum() > 0, lambda t: t * 2, lambda t: t - 3, (x,))  # <-"),
            good=forward("""
                if torch.jit.is_tracing():
                    return torch.where(x.sum() > 0, x * 2, x - 3)
                return torch.cond(x.sum() > 0, lambda t: t * 2, lambda t: t - 3, (x,))
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="A branch that writes in place",
            bad=f"{SILENCE}    scores[:, 0] = 0.0\n    return scores * 2\n\n\n{CHOICE}  # <-\n",
            good=f"{SILENCE}    return scores * torch.tensor([0.0, 2.0, 2.0, 2.0])\n\n\n{GUARDED}",
            inputs="x: float32[N=3, 4]",
            harm=WRITING,
        ),
        Example(
            title="A check of a size",
            bad=forward("""
                torch._check(x.shape[0] <= 64)  # <-
                return x * 2
            """),
            good=forward("""
                if not torch.jit.is_tracing():
                    torch._check(x.shape[0] <= 64)
                return x * 2
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="A compiled layer",
            bad=forward(
                "return self.layer(x)  # <-",
                init='self.layer = torch.compile(nn.Linear(4, 4), backend="eager")',
            ),
            good=forward("return self.layer(x)", init="self.layer = nn.Linear(4, 4)"),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="A layer with other weights",
            bad=forward(
                'return torch.func.functional_call(self.layer, {"weight": self.weight}, x)  # <-', init=OTHER_WEIGHTS
            ),
            good=forward("return nn.functional.linear(x, self.weight, self.layer.bias)", init=OTHER_WEIGHTS),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
    ]

    def check(self, event: Untraceable, context: Context) -> Finding | None:
        """Breaks the TorchScript routes, and where a branch writes in place the dynamo ONNX exporter."""
        if event.how not in ADVICE:
            return None
        if event.writing:
            message = (
                f"{event.writing} writes in place as a branch of `{event.callee}`: the dynamo ONNX exporter refuses "
                f"that, and `torch.jit.trace` any `{event.callee}`; compute a new tensor, or use `torch.where`"
            )
            return self.finding(event, message, WRITING, context)
        return self.finding(event, ADVICE[event.how].format(text=event.short, callee=event.callee), HARM, context)
