from __future__ import annotations

from convlint.events import ReducedPrecision
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)


class AutocastInForward(Rule):
    """
    ## What it does
    Finds `with torch.autocast(...)` in code that is exported, where a product or a convolution runs under it in
    bfloat16: on `"cpu"`, or on `x.device.type`, which is the CPU when a model is exported there.

    ## Why it breaks
    Both exporters write the casts to bfloat16 that autocast makes into the file. The CPU of ONNX Runtime has no
    `MatMul`, `Gemm` or `Conv` for bfloat16: the session does not start (`NOT_IMPLEMENTED`, `Type 'tensor(bfloat16)' ...
    is invalid`). What autocast leaves in float32 (sums, `exp`, `softmax`, norms) is harmless, and so are
    `enabled=False`, `dtype=torch.float32`, and autocast for `"cuda"` when a model is exported on the CPU.

    ## Fix safety
    There is no fix: without autocast the model computes in float32, a little more exactly. Export it like that, and let
    the runtime reduce the precision (ONNX Runtime's `convert_float_to_float16`, TensorRT's own mode), or enter autocast
    around the model, in the code that trains it.

    ## References
    - `torch.amp`, "CPU Ops that can autocast to `bfloat16`"
    """

    code, name, since = "CVL502", "autocast-in-forward", "0.1"
    events = (ReducedPrecision,)
    examples = [
        Example(
            title="bfloat16 on the CPU",
            bad=forward(
                """
                with torch.autocast("cpu", dtype=torch.bfloat16):  # <-
                    y = self.layer(x)
                return y.float()
                """,
                init="self.layer = nn.Linear(4, 4)",
            ),
            good=forward("return self.layer(x)", init="self.layer = nn.Linear(4, 4)"),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            same_in_eager=False,
        ),
        Example(
            title="Wherever the input is",
            bad=forward("""
                with torch.autocast(x.device.type):  # <-
                    y = x @ x.transpose(0, 1)
                return y.float()
            """),
            good=forward("""
                with torch.autocast(x.device.type, enabled=False):
                    y = x @ x.transpose(0, 1)
                return y.float()
            """),
            inputs="x: float32[3, 4]",
            harm=HARM,
            same_in_eager=False,
        ),
    ]

    def check(self, event: ReducedPrecision, context: Context) -> Finding | None:
        """Breaks both ONNX exporters."""
        message = (
            f"`{event.short}` makes `{event.operator}` compute in bfloat16, which ONNX Runtime refuses on the CPU: "
            f"leave autocast to the code around the model"
        )
        return self.finding(event, message, HARM, context)
