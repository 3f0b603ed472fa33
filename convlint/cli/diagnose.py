"""``convlint diagnose``: all that is wrong with an ONNX file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from convlint import api
from convlint.cli import options as opt
from convlint.report.style import Painter


def diagnose(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The file.")],
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[==VERSION],...", help="Runtimes that should take it; default onnxruntime."),
    ] = None,
    output_format: Annotated[Literal["full", "json"], typer.Option("--output-format", help="Default full.")] = "full",
) -> int:
    """Explain all that is wrong with an ONNX model: which nodes, which types, which lines, and what mends them."""
    told = api.diagnose(model, targets=opt.words(target))
    from convlint.report import diagnosis

    lines = [diagnosis.as_json(told)] if output_format == "json" else diagnosis.full(told, Painter(sys.stdout))
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return int(not told.is_clean)
