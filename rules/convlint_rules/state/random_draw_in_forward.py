from __future__ import annotations

from typing import Any

from convlint.events import RandomDraw
from convlint.findings import Finding, Harm, Level, Severity
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

PLAIN = Harm(Level.breaks, Level.wrong, Level.wrong, Level.wrong)


def harm_of(event: RandomDraw) -> Harm:
    """A graph's operator draws again in `torch`; in ONNX with other numbers, or there is none; a plain number stays."""
    if not event.by_torch:
        return PLAIN
    levels: dict[str, Any] = dict.fromkeys(("onnx_torchscript", "onnx_dynamo"), Level.wrong)
    return Harm(**levels | dict.fromkeys(event.refused, Level.breaks))


class RandomDrawInForward(Rule):
    """
    ## What it does
    Finds random numbers drawn in `forward` in evaluation mode: `torch.rand`, `randn_like`, `multinomial`, `normal_`,
    `F.dropout(x, training=True)`, those of Python and NumPy, and layers that are made in `forward` and draw their
    weights there, `nn.Linear(4, 3)(x)`. Which functions and layers of torch draw, and which exporter has an operator
    for each, was measured by calling and exporting them. What runs in training mode only is not reported.

    ## Why it breaks
    `torch.jit.trace` and `torch.export` keep torch's operators and draw the same numbers from the same seed. ONNX
    Runtime draws others at each run, whatever `torch.manual_seed` said, so that no output equals the model's and no
    test can compare them; and for many an exporter has no operator (`randperm`, `uniform_`, `poisson`). A number by
    `random` or `numpy.random` is drawn once, while tracing, and stays in the graph for ever; `torch.jit.trace` notices
    that in its second run and stops. A layer that is made in `forward` has other weights at each call, and none of them
    is the model's: they are neither trained nor saved.

    ## Fix safety
    There is no fix: make the noise an input, or a buffer where it may be the same at each call, and a layer in
    `__init__`.

    ## References
    - `torch.onnx`, "TorchScript-based ONNX exporter", random operators
    """

    code, name, since = "CVL701", "random-draw-in-forward", "0.1"
    events = (RandomDraw,)
    examples = [
        Example(
            title="Noise",
            bad=forward("return x + 0.1 * torch.randn_like(x)  # <-", init="self.scale = 0.1"),
            good=forward(
                "return x + 0.1 * self.noise",
                init='self.scale = 0.1\nself.register_buffer("noise", torch.randn(4))',
            ),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.wrong),
            same_in_eager=False,
        ),
        Example(
            title="A number by Python",
            bad=forward("return x * random.uniform(0.5, 1.5)  # <-", imports="random"),
            good=forward("return x * 1.0"),
            inputs="x: float32[N=3, 4]",
            harm=PLAIN,
            same_in_eager=False,
        ),
        Example(
            title="An array by NumPy",
            bad=forward("return x + torch.from_numpy(numpy.random.rand(4)).float()  # <-", imports="numpy.random"),
            good=forward("return x + 0.5"),
            inputs="x: float32[N=3, 4]",
            harm=PLAIN,
            same_in_eager=False,
        ),
        Example(
            title="No operator in either ONNX exporter",
            bad=forward("return x[:, torch.randperm(4)]  # <-"),
            good=forward("return x[:, torch.arange(3, -1, -1)]"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks),
            same_in_eager=False,
        ),
        Example(
            title="A layer of the moment",
            bad=forward("return nn.Linear(4, 3)(x)  # <-"),
            good=forward("return self.layer(x)", init="self.layer = nn.Linear(4, 3)"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks),
            same_in_eager=False,
        ),
    ]

    def check(self, event: RandomDraw, context: Context) -> Finding | None:
        """What `functional-dropout` does not report."""
        if (event.switch and event.given is None) or event.switch == "dropout_p":
            return None
        other_numbers = event.by_torch and not event.refused  # which is what one may want of a sampler
        at_most: Severity = "warning" if other_numbers else "error"
        return self.finding(event, _message(event), harm_of(event), context, at_most=at_most)


def _message(event: RandomDraw) -> str:
    text = event.short
    if event.layer:
        consequence = _layers(event)
        return f"`{text}` gets random weights where it is made: {consequence}; make it in `__init__`"
    remedy = "make it an input, or a buffer if it may be the same at each call"
    if not event.by_torch:
        return f"`{text}` is drawn once, while the model is traced, and stays in the graph for ever; {remedy}"
    name = event.callee.rpartition(".")[2]
    if {"onnx_torchscript", "onnx_dynamo"} <= event.refused:
        return f"`{text}` draws random numbers, and {_refused(event)} for `{name}`; {remedy}"
    others = f"`{text}` draws random numbers at each call, in ONNX Runtime others than in torch"
    if event.refused:
        return f"{others}, and {_refused(event)} for `{name}`; {remedy}"
    return f"{others}; {remedy}"


def _layers(event: RandomDraw) -> str:
    refused = _refused(event)
    return f"{refused} that draws them" if refused else "ONNX Runtime draws others than torch"


def _refused(event: RandomDraw) -> str:
    """Which exporters cannot write it, empty for none."""
    if {"onnx_torchscript", "onnx_dynamo"} <= event.refused:
        return "the ONNX exporters have no operator"
    named = {"onnx_torchscript": "TorchScript", "onnx_dynamo": "dynamo"}
    return next((f"the {named[route]} ONNX exporter has no operator" for route in named if route in event.refused), "")
