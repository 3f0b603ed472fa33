"""``convlint check``: options to settings, one call, a report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from convlint import api
from convlint.cli import options as opt
from convlint.cli.output import output
from convlint.cli.printer import Printer
from convlint.cli.progress import shown_if_slow, steps_shown
from convlint.config import Configuration, Options
from convlint.errors import UsageError
from convlint.report.formats import FORMATS
from convlint.report.plain import printable
from convlint.source.document import Document, SourceError


def check(
    paths: opt.Paths = None,
    fix: opt.Fix = None,
    unsafe_fixes: opt.UnsafeFixes = None,
    fix_only: opt.FixOnly = None,
    diff: opt.Diff = False,
    prove: opt.Prove = None,
    input: opt.Input = None,  # noqa: A002 - the name of the option
    inputs: opt.Inputs = None,
    show_fixes: opt.ShowFixes = None,
    fixable: opt.Fixable = None,
    unfixable: opt.Unfixable = None,
    add_ignores: opt.AddIgnores = False,
    select: opt.Select = None,
    extend_select: opt.ExtendSelect = None,
    ignore: opt.Ignore = None,
    per_file_ignores: opt.PerFileIgnores = None,
    exporter: opt.ExporterName = None,
    target: opt.Target = None,
    opset: opt.Opset = None,
    show_harmless: opt.ShowHarmless = None,
    preview: opt.Preview = None,
    exclude: opt.Exclude = None,
    extend_exclude: opt.ExtendExclude = None,
    force_exclude: opt.ForceExclude = None,
    respect_gitignore: opt.RespectGitignore = None,
    stdin_filename: opt.StdinFilename = None,
    baseline: opt.Baseline = None,
    write_baseline: opt.WriteBaseline = None,
    output_format: opt.Format = None,
    output_file: opt.OutputFile = None,
    statistics: opt.Statistics = False,
    quiet: opt.Quiet = False,
    watch: opt.Watch = False,
    show_files: opt.ShowFiles = False,
    show_settings: opt.ShowSettings = False,
    config: opt.Config = None,
    isolated: opt.Isolated = False,
    exit_zero: opt.ExitZero = False,
    exit_non_zero_on_fix: opt.ExitNonZeroOnFix = False,
    no_cache: opt.NoCache = False,
    cache_dir: opt.CacheDir = None,
    jobs: opt.Jobs = None,
) -> int:
    """Find what breaks or silently changes in an export, and repair it with `--fix`.

    Sources are read: nothing of them is imported or run, but for the models that `--prove` names. What is given is
    reported, the project around it is read as well. All settings may stand in `pyproject.toml`, too.

    Ends with 0 where nothing is found (infos do not count), 1 where something is, 2 where the work could not be done.

    Examples:
        convlint src/                        # what is wrong
        convlint src/ --exporter dynamo --target tensorrt==10.0,openvino
        convlint src/ --fix                  # repair what eager does not notice
        convlint src/ --fix --unsafe-fixes   # and what may change a dtype
        convlint src/ --diff | git apply     # look at the repairs first
        convlint src/ --fix --prove shop.net:Net
        convlint src/ --write-baseline known.json
        convlint src/ --baseline known.json  # only what is new since
        convlint - --stdin-filename src/net.py < net.py
        convlint src/ --output-format sarif --output-file convlint.sarif
    """
    given = Options(
        fix=fix,
        unsafe_fixes=unsafe_fixes,
        fix_only=fix_only,
        show_fixes=show_fixes,
        fixable=opt.words(fixable),
        unfixable=opt.words(unfixable),
        select=opt.words(select),
        extend_select=opt.words(extend_select) or [],
        ignore=opt.words(ignore),
        per_file_ignores=opt.pattern_codes(per_file_ignores),
        exporter=exporter,
        target=target,
        opset=opset,
        show_harmless=show_harmless,
        preview=preview,
        exclude=opt.words(exclude),
        extend_exclude=opt.words(extend_exclude) or [],
        force_exclude=force_exclude,
        respect_gitignore=respect_gitignore,
        baseline=baseline,
        output_format=output_format,
        cache=False if no_cache else None,
        cache_dir=cache_dir,
        jobs=jobs,
    )
    configuration = opt.configuration(given, config or (), isolated)
    settings = configuration.settings(Path.cwd())
    shown = FORMATS[settings.output_format]
    if statistics and not (shown.for_people or settings.output_format == "json"):
        raise UsageError(f"--statistics is text or JSON; leave it or --output-format {settings.output_format} out")
    stdin = _stdin(paths, stdin_filename)
    where = [] if stdin else paths or ["."]
    if watch:
        others = {
            "-": stdin,
            "--fix": fix or fix_only,
            "--diff": diff,
            "--prove": prove,
            "--add-ignores": add_ignores,
            "--write-baseline": write_baseline,
            "--output-file": output_file,
            "--show-files": show_files,
            "--show-settings": show_settings,
            f"--output-format {settings.output_format}": not shown.for_people,
        }
        return _watched(where, lambda: opt.configuration(given, config or (), isolated), others, statistics, quiet)
    with output(output_file) as out:
        if show_files or show_settings:
            return _show(where, stdin, configuration, out, settings=show_settings)
        printer = Printer(settings, out, stdin, statistics, quiet)
        if add_ignores:
            printer.ignores_written(api.add_ignores(where, configuration))
            return 0
        if write_baseline:
            printer.baseline_written(api.write_baseline(write_baseline, where, configuration), write_baseline)
            return 0
        if prove or input or inputs:
            _check_prove(prove, settings.fix or settings.fix_only or diff, stdin)
            with steps_shown("looks for repairs") as steps:
                proved = api.prove(
                    where,
                    configuration,
                    models=prove or (),
                    inputs=opt.described(input, inputs),
                    write=not diff,
                    watch=steps,
                )
            failed = printer.proved(proved, diff) or (exit_non_zero_on_fix and bool(proved.changed))
        elif diff:
            with shown_if_slow("looks for repairs"):
                wanted = api.fix(where, configuration, stdin=stdin, write=False)
            failed = printer.diff(wanted)
        elif settings.fix or settings.fix_only:
            with shown_if_slow("looks for repairs"):
                fixed = api.fix(where, configuration, stdin=stdin, write=stdin is None)
            failed = printer.fixed(fixed) or (exit_non_zero_on_fix and bool(fixed.changed))
        else:
            with shown_if_slow("checks the files"):
                checked = api.check(where, configuration, stdin=stdin, want_fixes=shown.wants_fixes)
            failed = printer.checked(checked)
        return int(failed and not exit_zero)


def _watched(
    paths: Sequence[str],
    configure: Callable[[], Configuration],
    others: Mapping[str, object],
    statistics: bool,
    quiet: bool,
) -> int:
    """Shows what is found until the user interrupts.

    Raises:
        UsageError: another option asks for more than to be shown what is found.
    """
    from convlint.cli.watch import watch

    if clashing := [name for name, given in others.items() if given]:
        raise UsageError(f"--watch shows people what is found, and nothing else; leave out {', '.join(clashing)}")

    def show(configuration: Configuration) -> None:
        printer = Printer(configuration.settings(Path.cwd()), sys.stdout, None, statistics, quiet)
        printer.checked(api.check(paths, configuration))

    watch(paths, configure, show)
    return 0


def _check_prove(models: Sequence[str] | None, fix: bool, stdin: Document | None) -> None:
    """Whether ``--prove`` can do anything.

    Raises:
        UsageError: an option is missing or one too many.
    """
    if not models:
        raise UsageError("--input and --inputs are those of the model that --prove names; add it")
    if not fix:
        raise UsageError("--prove proves repairs; add --fix to write them, or --diff to see them")
    if stdin:
        raise UsageError("--prove runs a model from its files; it goes with paths, not with stdin")


def _stdin(paths: Sequence[str] | None, name: str | None) -> Document | None:
    """The document on stdin, if the user asked for it with ``-``, or told its name and no path.

    Raises:
        UsageError: stdin cannot be decoded, or is asked for together with files.
    """
    if not paths:
        paths = ["-"] if name else []
    if "-" not in paths:
        if name:
            raise UsageError(f"--stdin-filename {name}: is the name of what is given with `-`; write `-` for the paths")
        return None
    if len(paths) > 1:
        raise UsageError("`-` stands for stdin and goes with no other path; leave out one or the other")
    try:
        return Document.decode(sys.stdin.buffer.read(), name or "-")
    except SourceError as error:
        raise UsageError(f"stdin {error}") from None


def _show(
    paths: Sequence[str], stdin: Document | None, configuration: Configuration, out: TextIO, *, settings: bool
) -> int:
    files = {Path(stdin.path): configuration.settings(Path.cwd())} if stdin else api.files(paths, configuration)
    if not settings:
        out.writelines(f"{printable(str(path))}\n" for path in files)
        return 0
    if not files:
        raise UsageError("no Python file is under the given paths; name one to see its settings")
    from convlint.report.settings import lines

    out.writelines(f"{line}\n" for line in lines(*next(iter(files.items()))))
    return 0
