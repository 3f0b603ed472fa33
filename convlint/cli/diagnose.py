"""``convlint diagnose``: all that is wrong with an ONNX file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from convlint import api
from convlint.cli import completion
from convlint.cli import options as opt
from convlint.report.style import Painter


def diagnose(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The file.")],
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[==VERSION],...",
            help="The runtimes that are to take it; default onnxruntime.",
            autocompletion=completion.targets,
        ),
    ] = None,
    output_format: Annotated[
        Literal["full", "json"], typer.Option("--output-format", metavar="FORMAT", help="full or json; default full.")
    ] = "full",
) -> int:
    """Explain all that is wrong with an ONNX model: which nodes, which types, which lines, and what mends them.

    Ends with 0 where nothing is wrong, 1 where something is, 2 where the file cannot be read.

    Examples:
        convlint diagnose model.onnx
        convlint diagnose model.onnx --target openvino,ncnn --output-format json
    """
    told = api.diagnose(model, targets=opt.words(target))
    from convlint.report import diagnosis

    lines = [diagnosis.as_json(told)] if output_format == "json" else diagnosis.full(told, Painter(sys.stdout))
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return int(not told.is_clean)
