from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from convlint.events import DynamicShape
from convlint.findings import Finding, Harm, Level, Severity
from convlint.rule import Context, Example, Fact, Rule
from convlint_rules.examples import forward

DECIDED = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)
COUNTED = Harm(torch_export=Level.breaks, onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
WORDS = {
    "mask": "selects by a mask",
    "where": "is `torch.where` with one argument",
    "index-from-mask": "indexes with positions made from a mask",
    "slice": "slices up to a value",
    "topk": "takes as many elements as a value says",
    "repeat_interleave": "repeats by a tensor",
}


CHECKED = """\
import torch
from torch import nn


class Model(nn.Module):
    def few(self, k):
        if k.numel() > 1000:  # convlint: ignore[CVL305]
            raise ValueError("too many")
        return k

    def forward(self, x):
        return self.few(x[x > 0.5]) * 2  # <-
"""


class DataDependentShape(Rule):
    """
    ## What it does
    Finds operators whose result's shape depends on values: `x[mask]`, `nonzero`, `torch.where(mask)`, `masked_select`,
    `unique`, `repeat_interleave` by a tensor, `topk` of a counted `k`, `one_hot` without `num_classes`.

    ## Why it breaks
    All exporters of torch 2.13 export them, and ONNX Runtime runs them: by default nothing is reported, unless another
    function, be it of a library, must know how many were selected (`if k.numel() == 0`, `len(k)`, a loop): there
    `torch.export` stops, and only here can it be mended. `one_hot` without `num_classes` asks for its number by itself,
    and no exporter but `torch.jit.trace` gets past it. Targets that plan memory ahead refuse them: LiteRT needs fixed
    shapes, and TensorRT, which has `NonZero` since 8.5, stops where a data-dependent shape meets a part of the network
    that it fuses. coremltools 9.0 converts most of them; what it does not convert is for CVL804. Keep a fixed number of
    candidates (`topk` with a constant `k`) and carry a validity mask instead.

    ## Fix safety
    There is no fix: the outputs get another shape.

    ## References
    - NVIDIA/TensorRT#559, #3903
    - apple/coremltools#1853
    - google-ai-edge/litert-torch#168
    """

    code, name, since = "CVL401", "data-dependent-shape", "0.1"
    events = (DynamicShape,)
    facts = (
        Fact(
            "tensorrt", "a fused part does not take a data-dependent shape", "NVIDIA/TensorRT#3903", "2024-05", "10.0"
        ),
        Fact("coreml", "boolean-mask indexing is not converted", "apple/coremltools#1853", "2023-05", "6"),
        Fact("litert", "sizes must be known to convert it", "litert-torch 0.10.0", "2026-11-25", "0.10", True),
    )
    examples = [
        Example(
            title="What passes a threshold",
            bad=forward("""
                return x[x > 0.5] * 2  # <-
            """),
            good=forward("""
                return torch.where(x > 0.5, x * 2, torch.zeros_like(x))
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(),
            same_in_eager=False,
            targets=("tensorrt",),
        ),
        Example(
            title="A selection that another function asks for its size",
            bad=CHECKED,
            good=forward("return x[x > 0.5] * 2"),
            inputs="x: float32[N=3, 4]",
            harm=DECIDED,
        ),
        Example(
            title="As many columns as the largest index says",
            bad=forward("return nn.functional.one_hot(x.argmax(-1))  # <-"),
            good=forward("return nn.functional.one_hot(x.argmax(-1), 4)"),
            inputs="x: float32[N=3, 4]",
            harm=COUNTED,
            same_in_eager=False,
        ),
    ]

    def check(self, event: DynamicShape, context: Context) -> Finding | None:
        """Harmless for ONNX Runtime, breaks the targets of the facts."""
        text = event.short
        what = WORDS.get(event.how, f"is `{event.how}`")
        refusals, told = self.refusals(context)
        if event.how == "one_hot":
            message = (
                f"`{text}` makes as many columns as the largest index says: `torch.export` stops there, and ONNX "
                f"Runtime refuses the file of the other exporter; give it `num_classes`"
            )
            return self.finding(event, message, replace(COUNTED, targets=refusals), context)
        if event.decided_on:
            message = (
                f"`{text}` {what}, and {_place(event)} needs their number: `torch.export` stops there; "
                f"keep a fixed size and a validity mask"
            )
            return self.finding(event, message, replace(DECIDED, targets=refusals), context)
        known = f" ({told})" if told else ""
        message = f"`{text}` {what}: the result's shape depends on values{known}; keep a fixed size and a validity mask"
        only_some = all(target == "tensorrt" for target, _ in refusals)  # not outside of the parts that it fuses
        at_most: Severity = "warning" if only_some else "error"
        return self.finding(event, message, Harm(targets=refusals), context, at_most=at_most)


def _place(event: DynamicShape) -> str:
    """Where the number is needed: here, if anywhere, else in another file."""
    own = [span for path, span in event.decided_on if path == event.document.path]
    if own:
        return f"line {own[0].row}"
    path, span = event.decided_on[0]
    return f"line {span.row} of {PurePath(path).name}"
