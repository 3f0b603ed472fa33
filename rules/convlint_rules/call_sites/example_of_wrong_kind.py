from __future__ import annotations

from functools import partial
from itertools import starmap

from convlint.events import UNKNOWN, Argument, ExportCall, Named
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

HARM = {
    "jit_trace": Harm(jit_trace=Level.breaks),
    "torch_export": Harm(torch_export=Level.breaks),
    "onnx_torchscript": Harm(onnx_torchscript=Level.breaks),
    "onnx_dynamo": Harm(onnx_dynamo=Level.breaks),
}
_RUN = """
    import onnxruntime

    model = Model().eval()
    x = torch.randn(3, 4)
    torch.onnx.export(model, (x, {scale}), "model.onnx", input_names=["x", "scale"], dynamo=True){mark}
    session = onnxruntime.InferenceSession("model.onnx")
    session.run(None, {{"x": x.numpy(), "scale": torch.tensor(2.0).numpy()}})
"""
_SCALED = "return self.layer(x) * scale"


class ExampleOfWrongKind(Rule):
    """
    ## What it does
    Finds example inputs that are no tensors in `torch.jit.trace` (`None`, numbers, strings), arrays of NumPy wherever a
    model is traced or exported, numbers that the dynamo ONNX exporter is given and that `input_names` has a name for,
    and a bare tensor or a list in the place of the tuple that `torch.export.export` wants.

    ## Why it breaks
    `torch.jit.trace` takes tensors and what holds tensors. At anything else it stops: `Type 'Tuple[Tensor, NoneType]'
    cannot be traced`. An input that has a default need not be given, and keeps it. `torch.export.export` takes numbers
    and `None`, but its `args` must be a tuple, even of one tensor.

    None of them takes an array (`Unsupported input type <class 'numpy.ndarray'>`). A number is no input to the dynamo
    exporter: it writes what the number does into the file, drops its name without a word, and ONNX Runtime knows no
    such input (`Invalid input name`). The TorchScript exporter makes an input of it.

    ## Fix safety
    Safe for `torch.export.export`: the call stops as it is. There is no fix for the rest: whether the default of the
    parameter, or an input, is what was meant is not in the call.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.jit.trace.html
    """

    code, name, since = "CVL909", "example-of-wrong-kind", "0.1"
    events, callees = (ExportCall,), ("torch.jit.trace", "torch.export.export", "torch.onnx.export")
    examples = [
        Example(
            title="No tensor",
            bad=script(
                """
                model = Model().eval()
                exported = torch.jit.trace(model, (torch.randn(3, 4), None))  # <-
                """,
                "return self.layer(x if mask is None else x * mask)",
                parameters="x, mask=None",
            ),
            good=script(
                """
                model = Model().eval()
                exported = torch.jit.trace(model, (torch.randn(3, 4),))
                """,
                "return self.layer(x if mask is None else x * mask)",
                parameters="x, mask=None",
            ),
            inputs="x: float32[3, 4]",
            harm=HARM["jit_trace"],
            script=("jit_trace",),
        ),
        Example(
            title="No tuple",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.export.export(model, x)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.export.export(model, (x,))
            """),
            inputs="x: float32[3, 4]",
            harm=HARM["torch_export"],
            fix=Applicability.safe,
            script=("torch_export",),
        ),
        Example(
            title="An array",
            bad=script(
                """
                import numpy as np

                model = Model().eval()
                image = np.zeros((3, 4), dtype=np.float32)
                torch.onnx.export(model, (image,), "model.onnx", input_names=["x"], dynamo=False)  # <-
                """
            ),
            good=script(
                """
                import numpy as np

                model = Model().eval()
                image = np.zeros((3, 4), dtype=np.float32)
                torch.onnx.export(model, (torch.from_numpy(image),), "model.onnx", input_names=["x"], dynamo=False)
                """
            ),
            inputs="x: float32[3, 4]",
            harm=HARM["onnx_torchscript"],
            script=("onnx_torchscript",),
        ),
        Example(
            title="A number that is no input",
            bad=script(_RUN.format(scale="2.0", mark="  # <-"), _SCALED, parameters="x, scale"),
            good=script(_RUN.format(scale="torch.tensor(2.0)", mark=""), _SCALED, parameters="x, scale"),
            inputs="x: float32[3, 4]; scale: float32[]",
            harm=HARM["onnx_dynamo"],
            script=("onnx_dynamo",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks the routes of the call."""
        given = event.examples
        if given is None:
            return None
        harm = Harm.worst_of(HARM[route] for route in event.routes)
        if event.callee == "torch.export.export" and (given.sizes is not None or isinstance(given.value, list)):
            message = (
                f"`torch.export.export` stops at `{event.quote(given.span)}`: its `args` must be a tuple, even of one "
                f"tensor; write `{_tuple(event, given)}`"
            )
            fixable = Applicability.safe if given.sizes is not None else None
            return self.finding(event, message, harm, context, fixable=fixable)
        parts = given.parts or ((given,) if isinstance(given.value, Named) else ())
        wrong = next(filter(None, starmap(partial(_wrong, event), enumerate(parts))), "")
        return self.finding(event, wrong, harm, context) if wrong else None

    def fix(self, event: ExportCall, context: Context) -> Fix | None:
        """The tensor as a tuple of one."""
        given = event.examples
        if given is None:
            return None
        made = edit(given.span, "({given},)", given=event.cst_at(given.span))
        return Fix("Write a tuple", (made,), Applicability.safe)


def _wrong(event: ExportCall, at: int, given: Argument) -> str:
    """What is to be said of an example input that is no tensor."""
    text = f"`{event.quote(given.span)}`"
    if isinstance(given.value, Named) and given.value.called and given.value.qualified.startswith("numpy."):
        return f"`{event.callee}` takes no arrays and stops at {text}: give a tensor, by `torch.from_numpy`"
    if event.callee == "torch.jit.trace" and (given.value is None or isinstance(given.value, (int, float, str))):
        return (
            f"`torch.jit.trace` takes tensors only and stops at {text}: leave it out where the parameter has a "
            f"default, or make it an attribute of the model"
        )
    name = _name(event, at)
    if name and event.routes == {"onnx_dynamo"} and isinstance(given.value, (int, float)):
        return f"{text} is a constant to the dynamo exporter, whose file has no input `{name}`: give a tensor"
    return ""


def _name(event: ExportCall, at: int) -> str:
    """The name that an input is to have in the file, empty for none."""
    names = event.argument("input_names")
    known = names is not None and isinstance(names.value, list) and at < len(names.value)
    return str(names.value[at]) if known and names is not None and names.value[at] is not UNKNOWN else ""


def _tuple(event: ExportCall, given: Argument) -> str:
    return f"({event.quote(given.span)},)" if given.sizes is not None else f"tuple({event.quote(given.span)})"
