"""``convlint matrix``: what each target makes of each operator, and at which opsets."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from convlint import api
from convlint.cli import options as opt
from convlint.cli.output import check_html, page_written
from convlint.config import Options
from convlint.report.style import Painter


def matrix(
    what: Annotated[
        list[str],
        typer.Argument(metavar="WHAT", help="An ONNX file, a model (`pkg.module:name`), or source files and folders."),
    ],
    target: opt.Target = None,
    opset: opt.Opsets = None,
    exporter: opt.ExporterName = None,
    every: Annotated[bool, typer.Option("--all", help="Show every operator, with the evidence.")] = False,
    really: Annotated[
        bool, typer.Option("--really", help="Run it on the targets' runtimes that are installed here.")
    ] = False,
    output_format: Annotated[
        Literal["text", "markdown", "json"],
        typer.Option("--output-format", metavar="FORMAT", help="text, markdown or json; default text."),
    ] = "text",
    html: opt.Html = None,
    config: opt.Config = None,
    isolated: opt.Isolated = False,
) -> int:
    """Show which targets take a model: each operator, at each opset, and what stands in the way.

    Judged from facts with their source and date, and from the ONNX Runtime that is installed; `--really` runs the file.

    Ends with 0 where all targets take it, 1 where one does not, 2 where the work could not be done.

    Examples:
        convlint matrix model.onnx --target tensorrt==8.6,openvino
        convlint matrix model.onnx --target openvino --really
        convlint matrix shop/net.py --target ncnn --opset 11-17
        convlint matrix shop.net:Net --target coreml --html report.html
    """
    given = Options(target=target, exporter=exporter)
    configuration = opt.configuration(given, config or (), isolated)
    if html:
        check_html(html)
    result = api.matrix(what, configuration, opsets=opt.opsets(opset), draw=html is not None, really=really)
    if output_format == "json":
        from convlint.report.matrix_json import as_json

        sys.stdout.write(as_json(result) + "\n")
    elif output_format == "markdown":
        from convlint.report.matrix_markdown import lines as markdown

        sys.stdout.writelines(f"{line}\n" for line in markdown(result))
    else:
        from convlint.report.matrix_text import lines

        sys.stdout.writelines(f"{line}\n" for line in lines(result, Painter(sys.stdout), every=every))
    if html:
        from convlint.report.page.writing import write_matrix

        page_written(write_matrix(result, html))
    return 0 if result.matrix.takes else 1
