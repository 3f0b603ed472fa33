"""``convlint cut``: an ONNX file in two, the part that a target takes and the rest."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from convlint import api
from convlint.cli import completion
from convlint.report.style import Painter


def cut(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The file.")],
    target: Annotated[
        str, typer.Option(metavar="NAME[==VERSION]", help="The runtime of the head.", autocompletion=completion.targets)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="HEAD.onnx", help="Where the head goes; without it the cut is only shown."
        ),
    ] = None,
    tail: Annotated[Path | None, typer.Option(metavar="TAIL.onnx", help="Where the tail goes.")] = None,
    output_format: Annotated[
        Literal["full", "json"], typer.Option("--output-format", metavar="FORMAT", help="full or json; default full.")
    ] = "full",
) -> int:
    """Cut an ONNX model where a target stops taking it, and prove that head and tail together are the whole.

    Ends with 0 where the target takes all of it, 1 where it was cut, 2 where it cannot be.

    Examples:
        convlint cut model.onnx --target ncnn
        convlint cut model.onnx --target ncnn -o head.onnx --tail tail.onnx
    """
    told = api.cut(model, target, head=output, tail=tail)
    from convlint.report import cut as report

    lines = [report.as_json(told)] if output_format == "json" else report.full(told, Painter(sys.stdout))
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return int(not told.is_whole)
