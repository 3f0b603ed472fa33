from __future__ import annotations

from convlint.events import Derivative
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(jit_trace=Level.breaks, torch_export=Level.breaks, onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
EXPORTERS = {
    "jit_trace": "`torch.jit.trace`",
    "torch_export": "`torch.export`",
    "onnx_torchscript": "the TorchScript ONNX exporter",
    "onnx_dynamo": "the dynamo ONNX exporter",
}


class DerivativeInForward(Rule):
    """
    ## What it does
    Finds derivatives that a model computes by autograd: `torch.autograd.grad(energy, positions)`, `torch.func.grad`,
    `jacrev`, `jacfwd`, `vjp`, `hessian`, and those of `torch.autograd.functional`.

    ## Why it breaks
    Exporters record the operators of `forward`, not the graph of autograd that belongs to them. `torch.jit.trace` stops
    at a tensor that requires a gradient (`Cannot insert a Tensor that requires grad as a constant`), `torch.export`
    finds a tensor of its own inside (`We found a fake tensor in the exported program constant's list`), or gives a
    program that computes nothing. `torch.func.jvp`, which goes forward, is taken by all.

    ## Fix safety
    There is no fix. Write the derivative out, or export what is derived (the energy) and derive outside of the
    exported model.

    ## References
    - `torch.autograd.grad`, `torch.func.jvp`
    """

    code, name, since = "CVL809", "derivative-in-forward", "0.1"
    events = (Derivative,)
    examples = [
        Example(
            title="Forces from an energy",
            bad=forward(
                """
                with torch.enable_grad():
                    x = x.detach().requires_grad_()
                    energy = self.energy(x).sum()
                    return -torch.autograd.grad(energy, x)[0]  # <-
                """,
                init="self.energy = nn.Linear(4, 1)",
            ),
            good=forward("return -self.energy.weight.expand(x.shape[0], -1)", init="self.energy = nn.Linear(4, 1)"),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="A transformed function",
            bad=forward("return torch.func.grad(lambda t: (t**3).sum())(x)  # <-"),
            good=forward("return 3 * x**2"),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
    ]

    def check(self, event: Derivative, context: Context) -> Finding | None:
        """Breaks the routes that were seen to stop at it."""
        refused = [name for route, name in EXPORTERS.items() if route in event.refused & event.routes]
        who = "no exporter takes" if len(refused) == len(EXPORTERS) else f"{' and '.join(refused)} cannot take"
        message = (
            f"`{event.callee}` derives by autograd, which {who}: write the derivative out, or derive outside of the "
            f"exported model"
        )
        harm = Harm().with_levels(dict.fromkeys(event.refused, Level.breaks))
        return self.finding(event, message, harm, context)
