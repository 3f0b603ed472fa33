from __future__ import annotations

from convlint.events import RandomDraw
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import with_options
from convlint_rules.state.random_draw_in_forward import harm_of


class FunctionalDropout(Rule):
    """
    ## What it does
    Finds `F.dropout(x, p)` and its like without `training=`, `scaled_dot_product_attention` whose `dropout_p` does not
    depend on the mode, and layers of dropout that are made in `forward`: `nn.Dropout(p)(x)`.

    ## Why it breaks
    A function knows nothing of `model.eval()`: `training` is True unless it is given, and `dropout_p` counts in
    either mode. Nor does a layer that is not the model's own but a new one each time: it is in training mode. So
    the model drops values in evaluation too, in eager as in every graph, and what ONNX Runtime drops is something
    else. For dropout of whole channels the TorchScript ONNX exporter has no operator.

    ## Fix safety
    Unsafe: the model computes something else in evaluation mode, which is what was meant.

    ## References
    - `torch.nn.functional.dropout`
    """

    code, name, since = "CVL702", "functional-dropout", "0.1"
    events = (RandomDraw,)
    examples = [
        Example(
            title="Dropout",
            bad=forward("return nn.functional.dropout(x, 0.5)  # <-"),
            good=forward("return nn.functional.dropout(x, 0.5, training=self.training)"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.wrong),
            fix=Applicability.unsafe,
            same_in_eager=False,
        ),
        Example(
            title="Dropout of channels",
            bad=forward("return nn.functional.dropout2d(x * 2)  # <-"),
            good=forward("return nn.functional.dropout2d(x * 2, training=self.training)"),
            inputs="x: float32[N=3, 4, 5, 5]",
            harm=Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.wrong),
            fix=Applicability.unsafe,
            same_in_eager=False,
        ),
        Example(
            title="Attention",
            bad=forward(
                "return nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=self.rate)  # <-",
                init="self.rate = 0.1",
            ),
            good=forward(
                "return nn.functional.scaled_dot_product_attention("
                "x, x, x, dropout_p=self.rate if self.training else 0.0)",
                init="self.rate = 0.1",
            ),
            inputs="x: float32[N=2, 3, 4, 8]",
            harm=Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.wrong),
            fix=Applicability.unsafe,
            same_in_eager=False,
        ),
        Example(
            title="A layer of the moment",
            bad=forward("return nn.Dropout(0.5)(x)  # <-"),
            good=forward("return self.dropout(x)", init="self.dropout = nn.Dropout(0.5)"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.wrong),
            same_in_eager=False,
        ),
    ]

    def check(self, event: RandomDraw, context: Context) -> Finding | None:
        """Where the mode is not asked for."""
        if not event.switch or (event.given is not None and event.switch != "dropout_p"):
            return None
        if event.layer:
            what = f"`{event.short}` drops values in evaluation mode too, since a layer made in `forward` is training"
            message = f"{what}: {_consequence(event)}; make it in `__init__`"
            return self.finding(event, message, harm_of(event), context)
        if event.given is not None:
            rate = event.document.segment(event.given)
            what = f"`dropout_p={rate}` counts in evaluation mode too"
            remedy = f"write `{rate} if {event.owner}.training else 0.0`" if event.owner else "make it 0.0 there"
        else:
            what = f"`{event.short}` drops values in evaluation mode too, since `{event.switch}` is True unless given"
            remedy = f"pass `{event.switch}={event.owner}.training`" if event.owner else f"pass `{event.switch}`"
        message = f"{what}: {_consequence(event)}; {remedy}"
        fixable = Applicability.unsafe if event.owner else None
        return self.finding(event, message, harm_of(event), context, fixable=fixable)

    def fix(self, event: RandomDraw, context: Context) -> Fix | None:
        """Asks the module for its mode."""
        if not event.owner:  # of a layer there is none: it is to be made elsewhere
            return None
        return Fix(f"Depend on `{event.owner}.training`", (_edit(event),), Applicability.unsafe)


def _consequence(event: RandomDraw) -> str:
    for route, exporter in (("onnx_torchscript", "TorchScript"), ("onnx_dynamo", "dynamo")):
        if route in event.refused:
            return f"the {exporter} ONNX exporter refuses it, the other writes an operator that draws at each run"
    return "a graph for ONNX draws at each run, other numbers than torch"


def _edit(event: RandomDraw) -> Edit:
    mode = f"{event.owner}.training"
    if event.given is None:
        return with_options(event, {event.switch: mode})
    return edit(event.given, f"{{rate}} if {mode} else 0.0", rate=event.cst_at(event.given))
