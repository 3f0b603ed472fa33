from __future__ import annotations

from typing import Any

from convlint.events import ExportCall
from convlint.findings import ROUTES, Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

_EXPORT = ("torch.jit.trace", "torch.export.export", "torch.onnx.export")
_CONSUMER = """
    model = Model().eval()
    x = torch.randn(3, 4)
"""


class ModelOfWrongKind(Rule):
    """
    ## What it does
    Finds exports of what the exporter of the call does not take for a model: a plain function, what `torch.jit.script`,
    `torch.jit.trace` or `torch.jit.load` gave, what `torch.compile` gave, and `nn.DataParallel`.

    ## Why it breaks
    `torch.export.export` and both ONNX exporters take `nn.Module`s only: at a function, or a bound method like
    `model.forward`, they stop, while `torch.jit.trace` takes one. A `ScriptModule` is a module, but no longer the
    Python code that `torch.export` reads: it and the dynamo ONNX exporter refuse it. What `torch.compile` gave cannot
    be recorded by TorchScript's tracer (`torch.jit.trace a dynamo-optimized function`), which the TorchScript ONNX
    exporter uses, too. That one refuses `nn.DataParallel`, which the others take.

    ## Fix safety
    There is no fix: which module computes the function, or what was scripted, compiled or wrapped, is not in the call.

    ## References
    - https://docs.pytorch.org/docs/stable/export.html
    """

    code, name, since = "CVL913", "model-of-wrong-kind", "0.1"
    events, callees = (ExportCall,), _EXPORT
    examples = [
        Example(
            title="A method instead of the model",
            bad=script(f"{_CONSUMER}    exported = torch.export.export(model.forward, (x,))  # <-"),
            good=script(f"{_CONSUMER}    exported = torch.export.export(model, (x,))"),
            inputs="x: float32[3, 4]",
            harm=Harm(torch_export=Level.breaks),
            script=("torch_export",),
        ),
        Example(
            title="A scripted model",
            bad=script(f"{_CONSUMER}    exported = torch.export.export(torch.jit.script(model), (x,))  # <-"),
            good=script(f"{_CONSUMER}    exported = torch.export.export(model, (x,))"),
            inputs="x: float32[3, 4]",
            harm=Harm(torch_export=Level.breaks),
            script=("torch_export",),
        ),
        Example(
            title="A compiled model",
            bad=script(f"{_CONSUMER}    exported = torch.jit.trace(torch.compile(model), (x,))  # <-"),
            good=script(f"{_CONSUMER}    exported = torch.jit.trace(model, (x,))"),
            inputs="x: float32[3, 4]",
            harm=Harm(jit_trace=Level.breaks),
            script=("jit_trace",),
        ),
        Example(
            title="A model on several devices",
            bad=script(
                f"{_CONSUMER}    parallel = nn.DataParallel(model)\n"
                '    torch.onnx.export(parallel, (x,), "model.onnx", input_names=["x"], dynamo=False)  # <-'
            ),
            good=script(
                f"{_CONSUMER}    parallel = nn.DataParallel(model)\n"
                '    torch.onnx.export(parallel.module, (x,), "model.onnx", input_names=["x"], dynamo=False)'
            ),
            inputs="x: float32[3, 4]",
            harm=Harm(onnx_torchscript=Level.breaks),
            script=("onnx_torchscript",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks the routes that do not take it."""
        what, refusing, instead = _refused(event)
        refused = event.routes & refusing
        if not refused or (event.by_default and what == "scripted"):  # of which CVL901 speaks
            return None
        given = event.arguments[0]
        text = event.quote(given.span)
        message = f"`{text}` {_WORDS[what]}, at which `{event.callee}` stops{_how(refused, event)}: {instead}"
        levels: dict[str, Any] = dict.fromkeys(refused, Level.breaks)
        return self.finding(event, message, Harm(**levels), context, span=given.span)


_WORDS = {
    "function": "is a function and no `nn.Module`",
    "scripted": "is made by `torch.jit`",
    "compiled": "is made by `torch.compile`",
    "parallel": "is an `nn.DataParallel`",
}


def _refused(event: ExportCall) -> tuple[str, frozenset[str], str]:
    """What is given, the routes that refuse it, and what to give."""
    model = event.model
    if event.gives_function:
        return "function", frozenset(ROUTES) - {"jit_trace"}, "give a module whose `forward` computes it"
    if model is None:
        return "", frozenset(), ""
    if model.scripted:
        return "scripted", frozenset({"torch_export", "onnx_dynamo"}), "give the model that it was made of"
    if model.compiled:
        return "compiled", frozenset({"jit_trace", "onnx_torchscript"}), "give the model that was compiled"
    if model.name == "DataParallel":
        return "parallel", frozenset({"onnx_torchscript"}), "give its `.module`"
    return "", frozenset(), ""


def _how(refused: frozenset[str], event: ExportCall) -> str:
    if event.callee != "torch.onnx.export" or len(refused) > 1 or len(event.routes) == 1:
        return ""
    return " where the dynamo exporter runs" if "onnx_dynamo" in refused else " where the TorchScript exporter runs"
