from __future__ import annotations

from convlint.events import HiddenInt
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.measured import harm_of, needs_number

EXPORT = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)
SPLIT = Harm(Level.frozen, Level.harmless, Level.frozen, Level.breaks)
REFUSED = Harm(Level.breaks, Level.breaks, Level.breaks, Level.breaks)
POOLED = REFUSED.without(["jit_trace"])
REPEATED = Harm(onnx_dynamo=Level.breaks)
TRACED = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)


def _scripted(parameters: str, length: str, call: str) -> str:
    """A module that calls a function which TorchScript compiles."""
    function = f"""
import torch


@torch.jit.script
def padded({parameters}):
    return torch.cat([x, torch.zeros([{length}, 2])])
"""
    return f"{function.lstrip()}\n\n{forward(call)}"


class HiddenIntArgument(Rule):
    """
    ## What it does
    Finds sizes of an input that are given for a parameter which an exporter takes only as a plain number: the `steps`
    of `torch.linspace`, the size of the pieces of `x.split(n)`, the kernel of pooling; and comparisons of sizes that
    are given for the `is_causal` of attention. Which these are was measured, parameter by parameter and route by route.
    The `groups` of a convolution have a rule of their own, CVL208. Every `int` of a function of your own under
    `@torch.jit.script` is such a parameter too.

    ## Why it breaks
    Most functions take a size that is symbolic in a graph: `x.view(n, -1)`, `torch.arange(n)`. Others need the number
    while the graph is made, in their own Python code or for an attribute of the ONNX node. The TorchScript routes then
    keep the number of the traced input, as they do where a trace calls a scripted function; the dynamo routes stop
    where the axis is declared dynamic (`Constraints violated`), or write a file that the runtime refuses. For one fixed
    size all of them are fine, and the finding is a warning.

    ## Fix safety
    There is no fix: what computes the same from the size itself depends on the function.

    ## References
    - pytorch/pytorch#98497
    - pytorch/pytorch#184939
    """

    code, name, since = "CVL207", "hidden-int", "0.1"
    events = (HiddenInt,)
    examples = [
        Example(
            title="As many steps as columns",
            bad=forward("return x * torch.linspace(0.0, 1.0, x.shape[1])  # <-"),
            good=forward("return x * (torch.arange(x.shape[1]) / (x.shape[1] - 1))"),
            inputs="x: float32[2, T=6..9]",
            harm=EXPORT,
        ),
        Example(
            title="Halves by their size",
            bad=forward("""
                a, b = x.split(x.shape[1] // 2, dim=1)  # <-
                return a * b
            """),
            good=forward("""
                n = x.shape[1] // 2
                return x[:, :n] * x[:, n:]
            """),
            inputs="x: float32[2, T=8]",
            harm=SPLIT,
            good_routes=("jit_trace", "onnx_torchscript", "onnx_dynamo"),  # `torch.export` tells a half of 1 apart
        ),
        Example(
            title="Rows repeated as often as there are columns",
            bad=forward("return x.repeat_interleave(x.shape[1], dim=0)  # <-"),
            good=forward("return x[:, None].expand(-1, x.shape[1], -1).flatten(0, 1)"),
            inputs="x: float32[2, T=4]",
            harm=REPEATED,
        ),
        Example(
            title="Enlarged by the number of channels",
            bad=forward("return nn.functional.interpolate(x, scale_factor=x.shape[1])  # <-"),
            good=forward("""
                n = x.shape[1]
                return nn.functional.interpolate(x, size=(x.shape[2] * n, x.shape[3] * n))
            """),
            inputs="x: float32[1, C=3, 4, 4]",
            harm=REFUSED,
        ),
        Example(
            title="Pooled over the whole image",
            bad=forward("return nn.functional.avg_pool2d(x, x.shape[2:])  # <-"),
            good=forward("return x.mean((2, 3), keepdim=True)"),
            inputs="x: float32[1, 3, H=6, 8]",
            harm=POOLED,
        ),
        Example(
            title="Causal where there is more than one row",
            bad=forward("""
                causal = x.shape[2] > 1
                return nn.functional.scaled_dot_product_attention(x, x, x, is_causal=causal)  # <-
            """),
            good=forward("""
                rows = torch.ones(x.shape[2], x.shape[2], dtype=torch.bool)
                return nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=rows.tril())
            """),
            inputs="x: float32[1, 2, T=4, 8]",
            harm=REFUSED,
        ),
        Example(
            title="Given to a scripted function",
            bad=_scripted("x: torch.Tensor, n: int", "n", "return padded(x, x.shape[0])  # <-"),
            good=_scripted("x: torch.Tensor", "x.shape[0]", "return padded(x)"),
            inputs="x: float32[N=4, 2]",
            harm=TRACED,
        ),
    ]

    def check(self, event: HiddenInt, context: Context) -> Finding | None:
        """As measured; harmful only where the size varies, and so a warning."""
        if event.parameter == "groups":
            return None  # `groups-from-size`
        repair = REPAIRS.get((event.callee.rpartition(".")[2], event.parameter), "give it a fixed number")
        if event.scripted:
            repair = f"let `{event.callee}` read the size off a tensor, or script none of it"
        return self.finding(event, needs_number(event, repair), harm_of(event), context, at_most="warning")


REPAIRS = {
    ("linspace", "steps"): "scale `torch.arange` of the size instead",
    ("repeat_interleave", "repeats"): "`unsqueeze`, `expand` and `flatten` instead",
    ("interpolate", "scale_factor"): "give the `size` instead",
    ("split", "split_size"): "cut the pieces by slices instead",
    ("avg_pool2d", "kernel_size"): "`mean` over the axes instead, where it is the whole image",
    ("AvgPool2d", "kernel_size"): "`mean` over the axes instead, where it is the whole image",
    ("max_pool2d", "kernel_size"): "`amax` over the axes instead, where it is the whole image",
    ("MaxPool2d", "kernel_size"): "`amax` over the axes instead, where it is the whole image",
    ("one_hot", "num_classes"): "compare with `torch.arange` of the size instead",
    ("scaled_dot_product_attention", "is_causal"): "give an `attn_mask` made of the sizes instead",
}
"""What computes the same, by function and parameter."""
