from __future__ import annotations

import ast

from convlint.events import ReducedPrecision
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import with_options

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
    Unsafe: in evaluation mode autocast is left out (`enabled=self.training`; `enabled=False` in a function), so that
    the model computes in float32, a little more exactly, and its outputs may have that dtype. Let the runtime reduce
    the precision (ONNX Runtime's `convert_float_to_float16`, TensorRT's own mode), or enter autocast around the model,
    in the code that trains it.

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
            good=forward(
                """
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.training):
                    y = self.layer(x)
                return y.float()
                """,
                init="self.layer = nn.Linear(4, 4)",
            ),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
            same_in_eager=False,
        ),
        Example(
            title="Wherever the input is",
            bad=forward("""
                with torch.autocast(x.device.type, enabled=True):  # <-
                    y = x @ x.transpose(0, 1)
                return y.float()
            """),
            good=forward("""
                with torch.autocast(x.device.type, enabled=self.training):
                    y = x @ x.transpose(0, 1)
                return y.float()
            """),
            inputs="x: float32[3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
            same_in_eager=False,
        ),
    ]

    def check(self, event: ReducedPrecision, context: Context) -> Finding | None:
        """Breaks both ONNX exporters."""
        message = (
            f"`{event.short}` makes `{event.operator}` compute in bfloat16, which ONNX Runtime refuses on the CPU: "
            f"leave autocast to the code around the model"
        )
        fixable = Applicability.unsafe if _can_be_told(event) else None
        return self.finding(event, message, HARM, context, fixable=fixable)

    def fix(self, event: ReducedPrecision, context: Context) -> Fix | None:
        """Autocast while training only."""
        if not _can_be_told(event):
            return None
        mode = f"{event.owner}.training" if event.owner else "False"
        told = Edit(event.enabled, mode) if event.enabled else with_options(event, {"enabled": mode})
        return Fix("Enter autocast for training only", (told,), Applicability.unsafe)


def _can_be_told(event: ReducedPrecision) -> bool:
    """Whether ``enabled`` is given by name, or not at all."""
    if event.enabled is not None:
        return True
    call = ast.parse(f"({event.text})", mode="eval").body
    if not isinstance(call, ast.Call) or not (call.args or call.keywords):
        return False
    starred = any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords)
    # the device, which `torch.cpu.amp` knows, and the dtype
    before_enabled = 0 if "cpu" in ast.unparse(call.func) else 2
    return not starred and len(call.args) <= before_enabled
