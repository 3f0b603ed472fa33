from __future__ import annotations

from convlint.events import ReturnedInput
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(onnx_dynamo=Level.breaks)


class ReturnedInputOfModel(Rule):
    """
    ## What it does
    Finds inputs that a `forward` returns as they are beside what it computes: `return encoded, mask`. Models that other
    scanned code contains are not reported, nor is what is one of several classes with the same outputs.

    ## Why it breaks
    In an ONNX graph no two values have one name. The dynamo exporter renames the input, to `mask_orig`, so that who
    feeds `mask` is told that an input is missing. Where the names of inputs are asked for (`input_names=["x", "mask"]`)
    it writes the name twice, and the file is refused (`Graph must be in single static assignment (SSA) form`). The
    TorchScript exporter copies the input, and so does whatever computes an equal one: `mask.clone()`, `mask & True`.

    ## Fix safety
    Unsafe: in eager the output is a copy then, and whoever writes to it no longer writes to the input.

    ## References
    - `torch.onnx.export`, `input_names`
    """

    code, name, since = "CVL712", "returned-input", "0.1"
    events = (ReturnedInput,)
    examples = [
        Example(
            title="A mask that is handed on",
            bad=forward(
                """
                hidden = self.layer(x) * mask
                return hidden, mask  # <-
                """,
                "x: torch.Tensor, mask: torch.Tensor",
                init="self.layer = nn.Linear(4, 4)",
            ),
            good=forward(
                """
                hidden = self.layer(x) * mask
                return hidden, mask.clone()
                """,
                "x: torch.Tensor, mask: torch.Tensor",
                init="self.layer = nn.Linear(4, 4)",
            ),
            inputs="x: float32[N=3, 4]; mask: float32[N, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="The first of a list of features",
            bad=forward("""
                features = [x]
                for _ in range(2):
                    features.append(features[-1] * 2)
                return features  # <-
            """),
            good=forward("""
                features = [x.clone()]
                for _ in range(2):
                    features.append(features[-1] * 2)
                return features
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
    ]

    def check(self, event: ReturnedInput, context: Context) -> Finding | None:
        """Breaks onnx_dynamo."""
        told = f"`{event.short}` holds the input `{event.name}`" if event.inside else f"the input `{event.name}`"
        message = (
            f"{told}, returned as it is: the dynamo ONNX exporter gives input and output of `{event.model}` one name, "
            f"renames the input or writes a file that is refused; return `{event.name}.clone()`"
        )
        fixable = None if event.inside else Applicability.unsafe
        return self.finding(event, message, HARM, context, fixable=fixable)

    def fix(self, event: ReturnedInput, context: Context) -> Fix | None:
        """A copy."""
        if event.inside:
            return None
        copied = edit(event.span, "{value}.clone()", value=primary(event.cst))
        return Fix("Return a copy", (copied,), Applicability.unsafe)
