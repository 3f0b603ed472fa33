"""``convlint preflight``: options to settings, one call, a report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from convlint import api
from convlint.cli import options as opt
from convlint.cli.output import check_html, output, page_written
from convlint.cli.progress import steps_shown
from convlint.config import Options
from convlint.errors import UsageError
from convlint.report.style import Painter

Models = Annotated[
    opt.Words,
    typer.Argument(
        metavar="MODEL",
        help="`pkg.module:name`, `path/file.py:name` or a configured name; default every model of the configuration.",
    ),
]
AllModels = Annotated[bool, typer.Option("--all-models", help="Every model of the configuration besides.")]
Weights = Annotated[str | None, typer.Option(metavar="FILE", help="A state_dict: `.pth`, `.pt` or `.safetensors`.")]
Seconds = Annotated[
    float, typer.Option("--timeout", min=1, metavar="SECONDS", help="For one step of one model; default 180.")
]
Gigabytes = Annotated[
    int, typer.Option("--memory", min=1, metavar="GB", help="For the process that runs the model; default 8.")
]
Parallel = Annotated[
    int, typer.Option("--jobs", "-j", min=1, metavar="N", help="How many models to run at a time; default 1.")
]
Dask = Annotated[str, typer.Option(metavar="ADDRESS", help="Run them on the Dask cluster with this scheduler.")]
Results = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Keep results in this folder, and do not run again what is there."),
]
Locked = Annotated[bool, typer.Option("--locked", help="Compare with the lock that `convlint lock` wrote.")]
Sandbox = Annotated[
    bool, typer.Option("--sandbox", help="Let models write nothing and reach no network (Linux, with bubblewrap).")
]
Shard = Annotated[str, typer.Option(metavar="K/N", help="Run the K-th of N parts of the models.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Whole messages, code and every input left out.")]
Format = Annotated[
    Literal["text", "json"], typer.Option("--output-format", metavar="FORMAT", help="text or json; default text.")
]


def preflight(
    models: Models = None,
    all_models: AllModels = False,
    input: opt.Input = None,  # noqa: A002 - the name of the option
    inputs: opt.Inputs = None,
    weights: Weights = None,
    exporter: opt.ExporterName = None,
    target: opt.Target = None,
    opset: opt.Opsets = None,
    timeout: Seconds = 180.0,
    memory: Gigabytes = 8,
    jobs: Parallel = 1,
    dask: Dask = "",
    results: Results = None,
    shard: Shard = "1/1",
    locked: Locked = False,
    sandbox: Sandbox = False,
    verbose: Verbose = False,
    show_harmless: opt.ShowHarmless = None,
    unsafe_fixes: opt.UnsafeFixes = None,
    output_format: Format = "text",
    output_file: opt.OutputFile = None,
    html: opt.Html = None,
    config: opt.Config = None,
    isolated: opt.Isolated = False,
    exit_zero: opt.ExitZero = False,
) -> int:
    """Run a model on every exporter, on other data than it was traced with, and name the lines that go wrong.

    This runs the model's code, in a process of its own with limits on time and memory; with `--sandbox` also without
    a network and without a right to write. It needs torch, and ONNX Runtime for the routes to ONNX.

    Ends with 0 where every model is right by every route that counts, 1 where one is not, 2 where one could not be run.

    Examples:
        convlint preflight shop/net.py:Net   # inputs guessed from its first layer
        convlint preflight shop.net:Net --weights net.pth \\
            --input 'images: float32[N=1..4, 3, H=64..256:32, W=64..256:32]'
        convlint preflight shop.net:Net --target openvino --opset 13-20
        convlint preflight shop.net:Net --html report.html
        convlint preflight --jobs 4 --results outcomes/ --html report/
    """
    opsets = opt.opsets(opset)
    first = opsets[0] if opsets else None
    given = Options(
        exporter=exporter, target=target, opset=first, show_harmless=show_harmless, unsafe_fixes=unsafe_fixes
    )
    configuration = opt.configuration(given, config or (), isolated)
    settings = configuration.settings(Path.cwd())
    named = [*(models or ()), *([api.ALL_MODELS] if all_models or not models else [])]
    if html:
        check_html(html, max(len(named), len(settings.models) if api.ALL_MODELS in named else 0))
    with steps_shown("runs the models") as watch:
        done = api.preflight_all(
            named,
            configuration,
            inputs=opt.described(input, inputs),
            weights=weights or "",
            seconds=timeout,
            gigabytes=memory,
            jobs=jobs,
            dask=dask,
            store=results,
            shard=_part(shard),
            lock=locked,
            opsets=opsets[1:],
            sandbox=sandbox,
            want_fixes=output_format == "json" or html is not None,
            draw=html is not None,
            watch=watch,
        )
    if locked:
        api.check_locks(done)
    if not done.models and len(done.errors) == 1:
        raise UsageError(next(iter(done.errors.values())))
    from convlint.report import preflight as report

    with output(output_file) as out:
        if output_format == "json":
            out.write(f"{report.as_json(done)}\n")
        else:
            told = report.lines(done, Painter(out), out, verbose=verbose, unsafe_fixes=settings.unsafe_fixes)
            out.writelines(f"{line}\n" for line in told)
    if html:
        from convlint.report.page.writing import write_preflight

        page_written(write_preflight(done, html))
    if done.errors:
        return 2
    return int(any(not one.passes for one in done.models) and not exit_zero)


def _part(text: str) -> tuple[int, int]:
    """``3/16`` as numbers.

    Raises:
        UsageError: it is no part.
    """
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise UsageError(f"--shard {text}: is no part; write for example `3/16`")
    return int(part), int(parts)


def lock(
    models: Models = None,
    all_models: AllModels = False,
    input: opt.Input = None,  # noqa: A002 - the name of the option
    inputs: opt.Inputs = None,
    weights: Weights = None,
    config: opt.Config = None,
    isolated: opt.Isolated = False,
) -> int:
    """Write down which model its weights belong to: `convlint preflight --locked` says where the code departs.

    The lock stands beside the weights, in a file with the ending `.lock.json`. Making it runs the model's code.

    Examples:
        convlint lock shop.net:Net --weights net.pth
        convlint preflight shop.net:Net --weights net.pth --locked
    """
    configuration = opt.configuration(Options(), config or (), isolated)
    named = [*(models or ()), *([api.ALL_MODELS] if all_models or not models else [])]
    with steps_shown("runs the models") as watch:
        written = api.lock(
            named, configuration, inputs=opt.described(input, inputs), weights=weights or "", watch=watch
        )
    sys.stdout.writelines(f"Wrote {path}.\n" for path in written)
    return 0
