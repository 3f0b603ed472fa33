from __future__ import annotations

from dataclasses import replace

from convlint.events import Unregistered
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(jit_trace=Level.breaks, onnx_torchscript=Level.breaks)
IN_TRAINING = replace(HARM, onnx_dynamo=Level.wrong)
_CONTAINERS = {
    ("list", "modules"): "ModuleList",
    ("dict", "modules"): "ModuleDict",
    ("list", "parameters"): "ParameterList",
    ("dict", "parameters"): "ParameterDict",
}
LOOP = """
    for layer in self.layers:
        x = layer(x)
    return x
"""


class UnregisteredModules(Rule):
    """
    ## What it does
    Finds modules with weights, and parameters, that a module keeps in a plain list, tuple or dict and uses in
    `forward`. Those that are attributes besides, or are added by `add_module`, are not reported.

    ## Why it breaks
    `nn.Module` sees attributes and its own containers only. What is in a plain list is in no `state_dict()`,
    `parameters()`, `.to()` or `.eval()`. `torch.jit.trace` and the TorchScript ONNX exporter take its weights for
    constants and stop, as they require a gradient. `torch.export` lifts them; but dropout and batch norm in there stay
    in training mode, which the dynamo exporter writes into the graph.

    ## Fix safety
    Unsafe: the weights get names in the `state_dict`, which files stored before do not have.

    ## References
    - `torch.nn.ModuleList`
    """

    code, name, since = "CVL703", "unregistered-modules", "0.1"
    events = (Unregistered,)
    examples = [
        Example(
            title="A list of layers",
            bad=forward(LOOP, init="self.layers = [nn.Linear(4, 4) for _ in range(2)]  # <-"),
            good=forward(LOOP, init="self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])"),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="Dropout among them",
            bad=forward(LOOP, init="self.layers = [nn.Linear(4, 4), nn.Dropout(0.5)]  # <-"),
            good=forward(LOOP, init="self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Dropout(0.5)])"),
            inputs="x: float32[N=3, 4]",
            harm=IN_TRAINING,
            fix=Applicability.unsafe,
            same_in_eager=False,
        ),
        Example(
            title="A dict of layers",
            bad=forward('return self.heads["a"](x)', init='self.heads = {"a": nn.Linear(4, 4)}  # <-'),
            good=forward('return self.heads["a"](x)', init='self.heads = nn.ModuleDict({"a": nn.Linear(4, 4)})'),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A list of parameters",
            bad=forward("return x @ self.weights[0]", init="self.weights = [nn.Parameter(torch.ones(4, 4))]  # <-"),
            good=forward(
                "return x @ self.weights[0]", init="self.weights = nn.ParameterList([nn.Parameter(torch.ones(4, 4))])"
            ),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: Unregistered, context: Context) -> Finding | None:
        """Breaks the TorchScript routes; what stays in training mode is wrong for the dynamo exporter."""
        container = _CONTAINERS.get((event.kind, event.what))
        stays = f", and its `{event.modal}` stays in training mode" if event.modal else ""
        remedy = f"make it an `nn.{container}`" if container else "make them attributes"
        message = (
            f"`{event.name}` is a plain {event.kind}, so that its {event.what} are no part of the model: TorchScript's "
            f"tracer stops at their weights{stays}; {remedy}"
        )
        fixable = Applicability.unsafe if container and event.display and event.nn else None
        return self.finding(event, message, IN_TRAINING if event.modal else HARM, context, fixable=fixable)

    def fix(self, event: Unregistered, context: Context) -> Fix | None:
        """``nn.ModuleList([...])``."""
        container = _CONTAINERS.get((event.kind, event.what))
        if container is None or event.display is None or not event.nn:
            return None
        wrapped = edit(event.display, f"{event.nn}.{container}({{kept}})", kept=event.cst_at(event.display))
        return Fix(f"Keep them in an `nn.{container}`", (wrapped,), Applicability.unsafe)
