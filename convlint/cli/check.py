"""``convlint check``: options to settings, one call, a report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from convlint import api
from convlint.cli import options as opt
from convlint.cli.progress import steps_shown
from convlint.config import Configuration, Options, Settings
from convlint.errors import UsageError
from convlint.findings import Finding
from convlint.report.formats import FORMATS, Format, Report
from convlint.report.notebooks import by_cell, by_line
from convlint.report.style import Painter
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
    """Find what breaks or silently changes in an export, and repair it with `--fix`."""
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
        report = _Report(settings, out, stdin, statistics, quiet)
        if add_ignores:
            return report.ignores_written(api.add_ignores(where, configuration))
        if write_baseline:
            return report.baseline_written(api.write_baseline(write_baseline, where, configuration), write_baseline)
        if prove or input or inputs:
            _check_prove(prove, settings.fix or settings.fix_only or diff, stdin)
            with steps_shown("looks for repairs") as steps:
                proved = api.prove(
                    where,
                    configuration,
                    models=prove or (),
                    inputs=described(input, inputs),
                    write=not diff,
                    watch=steps,
                )
            failed = report.proved(proved, diff) or (exit_non_zero_on_fix and bool(proved.changed))
            return int(failed and not exit_zero)
        if diff:
            return report.diff(api.fix(where, configuration, stdin=stdin, write=False), exit_zero)
        if settings.fix or settings.fix_only:
            result = api.fix(where, configuration, stdin=stdin, write=stdin is None)
            failed = report.fixed(result) or (exit_non_zero_on_fix and bool(result.changed))
            return int(failed and not exit_zero)
        checked = api.check(where, configuration, stdin=stdin, want_fixes=shown.wants_fixes)
        return int(report.checked(checked) and not exit_zero)


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
        report = _Report(configuration.settings(Path.cwd()), sys.stdout, None, statistics, quiet)
        report.checked(api.check(paths, configuration))

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


def described(inputs: Sequence[str] | None, function: str | None) -> str:
    """The inputs of a model, as ``--input`` describes them or as the function of ``--inputs`` gives them.

    Raises:
        UsageError: there are both.
    """
    if inputs and function:
        raise UsageError("--input and --inputs contradict each other; leave one out")
    return function or "; ".join(inputs or ())


def _stdin(paths: Sequence[str] | None, name: str | None) -> Document | None:
    """The document on stdin, if the user asked for it with ``-``.

    Raises:
        UsageError: stdin cannot be decoded, or is asked for together with files.
    """
    if not paths or "-" not in paths:
        return None
    if len(paths) > 1:
        raise UsageError("`-` stands for stdin and goes with no other path; leave out one or the other")
    try:
        return Document.decode(sys.stdin.buffer.read(), name or "-")
    except SourceError as error:
        raise UsageError(f"stdin {error}") from None


@contextmanager
def output(file: Path | None) -> Iterator[TextIO]:
    """Where a report goes.

    Raises:
        UsageError: the file cannot be written.
    """
    if file is None:
        yield sys.stdout
        return
    try:
        out = file.open("w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--output-file {file}: cannot be written: {error.strerror or error}") from None
    with out:
        yield out


def _show(
    paths: Sequence[str], stdin: Document | None, configuration: Configuration, out: TextIO, *, settings: bool
) -> int:
    files = {Path(stdin.path): configuration.settings(Path.cwd())} if stdin else api.files(paths, configuration)
    if not settings:
        out.writelines(f"{path}\n" for path in files)
        return 0
    if not files:
        raise UsageError("no Python file is under the given paths; name one to see its settings")
    path, resolved = next(iter(files.items()))
    out.write(f"Settings for {path}\n")
    out.writelines(f"{line}\n" for line in _settings_lines(resolved))
    return 0


def _settings_lines(settings: Settings) -> Iterator[str]:
    for one in fields(settings):
        if not one.repr:
            continue
        value = getattr(settings, one.name)
        if isinstance(value, tuple) and value:
            yield f"{one.name} = ["
            yield from (f"    {item!r}," for item in value)
            yield "]"
        else:
            yield f"{one.name} = {str(value) if isinstance(value, Path) else list(value) if value == () else value!r}"


@dataclass
class _Report:
    """Prints what a run found or did; each method says whether the run has failed."""

    settings: Settings
    out: TextIO
    stdin: Document | None
    statistics: bool
    quiet: bool

    def checked(self, result: api.CheckResult) -> bool:
        """The findings of a run."""
        self._findings(result.findings)
        if not result.files:
            _note("warning: no Python file is under the given paths")
        if self._talks:
            self._summary(result.findings)
            if self.settings.models and result.findings:
                self._lines(["`convlint preflight` runs the configured models and shows what is true of them."])
        return _failed(result.findings)

    def fixed(self, result: api.FixResult) -> bool:
        """What was repaired, then what is left."""
        if self.stdin:  # the repaired text goes where the text would have gone, what there is to say to stderr
            if result.changed:
                self.stdin = replace(self.stdin, text=result.changed[0][1])
            sys.stdout.buffer.write(self.stdin.encode(self.stdin.text))
            self.out = sys.stderr if self.out is sys.stdout else self.out
        self._unstable(result)
        if not self.settings.fix_only:
            self._findings(result.left.findings)
        if not self._talks:
            return not self.settings.fix_only and _failed(result.left.findings)
        from convlint.report import summary

        if self.settings.show_fixes and result.fixed:
            self._lines(summary.fixes(result.fixed))
        if self.settings.fix_only:
            self._lines([f"Fixed {summary.plural(len(result.fixed), 'problem')}."])
            self._lines(summary.refused(self._refused(result)))
            return False
        self._lines(summary.refused(self._refused(result)))
        self._summary(result.left.findings, len(result.fixed))
        return _failed(result.left.findings)

    def proved(self, result: api.ProveResult, diff: bool) -> bool:
        """What was repaired and proven, what was not and why, and what is left."""
        from convlint.report import proof, summary

        self._unstable(result)
        if self.settings.output_format == "json":
            self._lines([proof.as_json(result.left.findings, result.verdicts, result.models)])
            return bool(result.changed) if diff else not self.settings.fix_only and _failed(result.left.findings)
        painter = Painter(sys.stderr if diff else self.out)
        if not diff:
            if not self.settings.fix_only:
                self._findings(result.left.findings)
            if self._talks:
                self._lines(proof.lines(result.verdicts, result.models, painter))
                self._lines(summary.refused(self._refused(result)))
                self._summary(result.left.findings, len(result.fixed))
            elif not self.quiet:
                self._noted(proof.lines(result.verdicts, result.models, Painter(sys.stderr)))
            return not self.settings.fix_only and _failed(result.left.findings)
        if not self.quiet:
            self._noted(proof.lines(result.verdicts, result.models, painter))
        return bool(self.diff(result, exit_zero=False))

    def _refused(self, result: api.FixResult) -> list[tuple[Finding, str]]:
        findings = by_cell((finding for finding, _ in result.refused), cache(self._source))
        return list(zip(findings, (why for _, why in result.refused), strict=True))

    def _unstable(self, result: api.FixResult) -> None:
        for path in result.unstable:
            _note(f"warning: {path}: repairs kept calling for more repairs; look at the file and run again")

    def diff(self, result: api.FixResult, exit_zero: bool) -> int:
        """What would be written."""
        from convlint.report import summary
        from convlint.report.diff import diff

        painter = Painter(self.out)
        written = getattr(self.out, "buffer", None)
        self.out.flush()
        for old, new in result.changed:
            for line in diff(old, new, painter):  # in the file's own encoding and line endings, as `git apply` wants it
                if written is not None:
                    written.write(line)
                else:
                    self.out.write(line.decode(errors="backslashreplace"))
        if not self.quiet:
            _note(summary.would_fix(result.fixed, result.left.findings, self.settings.unsafe_fixes))
        return int(bool(result.changed) and not exit_zero)

    def ignores_written(self, count: int) -> int:
        """How many suppressions were written."""
        if not self.quiet:
            self._lines([f"Added {count} suppression{'s' * (count != 1)}."])
        return 0

    def baseline_written(self, count: int, file: Path) -> int:
        """How many findings the new baseline lists."""
        if not self.quiet:
            self._lines([f"Wrote {count} finding{'s' * (count != 1)} to {file}."])
        return 0

    @property
    def _talks(self) -> bool:
        return not self.quiet and self._format.for_people

    @property
    def _format(self) -> Format:
        return FORMATS[self.settings.output_format]

    def _findings(self, findings: Sequence[Finding]) -> None:
        if not self._format.for_people and isinstance(self.out, TextIOWrapper):
            self.out.reconfigure(encoding="utf-8")
        painter, unsafe = Painter(self.out), self.settings.unsafe_fixes
        if self.statistics:
            self._statistics(findings, painter)
            return
        sources = cache(self._source)
        told = list((by_cell if self._format.by_cell else by_line)(findings, sources))
        report = Report(told, sources, painter, unsafe, self.settings.root)
        self._lines(self._format.write(report))

    def _statistics(self, findings: Sequence[Finding], painter: Painter) -> None:
        from convlint.report import summary

        unsafe = self.settings.unsafe_fixes
        if self._format.for_people:
            self._lines(summary.statistics(findings, unsafe, painter))
            return
        from convlint.report.as_json import statistics_as_json

        self._lines([statistics_as_json(summary.count(findings, unsafe))])

    def _summary(self, findings: Sequence[Finding], fixed: int = 0) -> None:
        from convlint.report.summary import summary

        self._lines(summary(findings, self.settings.unsafe_fixes, fixed))

    def _source(self, path: str) -> Document | None:
        from convlint.report.text import read

        return self.stdin if self.stdin and self.stdin.path == path else read(path)

    def _noted(self, lines: Iterator[str]) -> None:
        for line in lines:
            _note(line)

    def _lines(self, lines: Iterator[str] | Sequence[str]) -> None:
        self.out.writelines(f"{line}\n" for line in lines)


def _failed(findings: Sequence[Finding]) -> bool:
    return any(finding.severity != "info" for finding in findings)


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")
