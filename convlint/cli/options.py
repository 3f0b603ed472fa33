"""The options of ``convlint check``: how each is written, and the layer of settings that they make."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, get_args

import typer

from convlint.cli import completion
from convlint.config import TARGETS, Configuration, Exporter, Layer, Options, OutputFormat, parse_config_option
from convlint.errors import UsageError
from convlint.report.plain import one_line

_rule = partial(typer.Option, rich_help_panel="Which rules")
_file = partial(typer.Option, rich_help_panel="Which files")
_fix = partial(typer.Option, rich_help_panel="Repairs")
_model = partial(typer.Option, rich_help_panel="Inputs of the model")
_export = partial(typer.Option, rich_help_panel="What it is exported for")
_out = partial(typer.Option, rich_help_panel="Output")
_more = partial(typer.Option, rich_help_panel="Configuration and exit code")
_OPSETS = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")
_CODES, _PATTERNS, _NAMES = "CODE,...", "PATTERN,...", "NAME[==VERSION],..."

Words = list[str] | None
Switch = bool | None

Paths = Annotated[Words, typer.Argument(metavar="PATH", help="Files and folders, `-` for stdin; default `.`")]

Select = Annotated[
    Words, _rule(metavar=_CODES, help="Rules to run (beginnings of codes, or ALL).", autocompletion=completion.codes)
]
ExtendSelect = Annotated[Words, _rule(metavar=_CODES, help="Rules to run besides.", autocompletion=completion.codes)]
Ignore = Annotated[Words, _rule(metavar=_CODES, help="Rules to leave out.", autocompletion=completion.codes)]
PerFileIgnores = Annotated[Words, _rule(metavar="PATTERN:CODE,...", help="Rules to leave out in some files.")]
ShowHarmless = Annotated[Switch, _rule(help="Show also what is harmless in this export.")]
Preview = Annotated[Switch, _rule(help="Run also rules in preview.")]

ExporterName = Annotated[
    Exporter | None,
    _export(metavar="NAME", help=f"The exporter whose harm counts: {', '.join(get_args(Exporter))}; default any."),
]
Target = Annotated[
    Words,
    _export(
        metavar=_NAMES,
        help=f"The runtimes that are to take it; default onnxruntime. Known are {', '.join(TARGETS)}.",
        autocompletion=completion.targets,
    ),
]
Opset = Annotated[int | None, _export(min=7, metavar="N", help="ONNX opset, from 7 on; default the exporter's own.")]
Opsets = Annotated[
    str | None, _export(metavar="N|N-M", help="ONNX opset, or several; default the file's, or the exporter's own.")
]

Fix = Annotated[Switch, _fix(help="Repair what can be repaired.")]
UnsafeFixes = Annotated[Switch, _fix(help="Repair also where it may change what eager computes.")]
FixOnly = Annotated[Switch, _fix(help="Repair, and do not report what is left.")]
Diff = Annotated[bool, _fix("--diff", help="Print what `--fix` would write, write nothing.")]
Prove = Annotated[
    Words,
    _fix(
        "--prove",
        metavar="MODEL",
        help="Keep only repairs that this model proves (`pkg.module:name`, `file.py:name`, `all` configured).",
    ),
]
Input = Annotated[
    Words,
    _model(
        "--input",
        metavar="'NAME: DTYPE[SIZES]'",
        help="An input of the model: `'x: float32[N=1..8, 3]'`; else guessed.",
    ),
]
Inputs = Annotated[
    str | None, _model("--inputs", metavar="MODULE:FUNCTION", help="A function that gives the model's inputs.")
]
ShowFixes = Annotated[Switch, _fix(help="List what was repaired.")]
Fixable = Annotated[
    Words, _fix(metavar=_CODES, help="Rules that may repair; default all.", autocompletion=completion.codes)
]
Unfixable = Annotated[Words, _fix(metavar=_CODES, help="Rules that may not.", autocompletion=completion.codes)]
AddIgnores = Annotated[bool, _fix("--add-ignores", help="Write a comment at each finding that suppresses it.")]

Exclude = Annotated[Words, _file(metavar=_PATTERNS, help="Files and folders to leave out.")]
ExtendExclude = Annotated[Words, _file(metavar=_PATTERNS, help="Files and folders to leave out besides.")]
ForceExclude = Annotated[Switch, _file(help="Leave them out even where they are named here.")]
RespectGitignore = Annotated[Switch, _file(help="Leave out what git ignores.")]
StdinFilename = Annotated[str | None, _file(metavar="PATH", help="The name of the file on stdin.")]
Baseline = Annotated[str | None, _file(metavar="FILE", help="Leave out the findings that this file lists.")]
WriteBaseline = Annotated[Path | None, _file(metavar="FILE", help="List today's findings in this file and stop.")]

Format = Annotated[
    OutputFormat | None,
    _out("--output-format", metavar="FORMAT", help=f"Written as {', '.join(get_args(OutputFormat))}; default full."),
]
OutputFile = Annotated[
    Path | None, _out("--output-file", "-o", metavar="FILE", help="Where to write the report; default stdout.")
]
Html = Annotated[
    Path | None,
    _out(
        "--html",
        metavar="FILE.html|FOLDER",
        help="Write a page for the browser, too; a folder gets an index and a page a model.",
    ),
]
Statistics = Annotated[bool, _out("--statistics", help="Count the findings of each rule.")]
Quiet = Annotated[bool, _out("--quiet", "-q", help="Print findings and nothing else.")]
Watch = Annotated[bool, _out("--watch", "-w", help="Show what is found, again whenever a file changes.")]
ShowFiles = Annotated[bool, _out("--show-files", help="List the files of the run and stop.")]
ShowSettings = Annotated[
    bool, _out("--show-settings", help="Print the settings of the first file as a configuration, and stop.")
]

Config = Annotated[Words, _more(metavar="FILE|'KEY = VALUE'", help="A configuration file, or a setting.")]
Isolated = Annotated[bool, _more("--isolated", help="Read no configuration file.")]
ExitZero = Annotated[bool, _more("--exit-zero", "-e", help="Exit with 0 in spite of findings.")]
ExitNonZeroOnFix = Annotated[bool, _more("--exit-non-zero-on-fix", help="Exit with 1 where a file was repaired.")]
NoCache = Annotated[bool, _more("--no-cache", "-n", help="Neither use nor write the cache.")]
CacheDir = Annotated[
    str | None,
    _more(metavar="FOLDER", help="Where the cache is; default CONVLINT_CACHE_DIR, or .convlint_cache in the project."),
]
Jobs = Annotated[
    int | None,
    _more(
        "--jobs",
        "-j",
        min=1,
        metavar="N",
        help="How many processes read files, where there are many; default all cores.",
    ),
]


def words(values: Iterable[str] | None) -> list[str] | None:
    """The comma-separated words of an option that may be repeated, None where it was not given."""
    if values is None:
        return None
    return [word for value in values for word in map(str.strip, value.split(",")) if word]


def pattern_codes(values: Iterable[str] | None) -> dict[str, list[str]] | None:
    """``PATTERN:CODE`` pairs, by pattern.

    Raises:
        UsageError: a pair has no colon.
    """
    if values is None:
        return None
    pairs: dict[str, list[str]] = {}
    for word in words(values) or ():
        pattern, colon, code = word.rpartition(":")
        if not (pattern and colon and code):
            raise UsageError(f"--per-file-ignores {word}: is no pair; write for example `tests/*:CVL3`")
        pairs.setdefault(pattern, []).append(code)
    return pairs


def described(inputs: Sequence[str] | None, function: str | None) -> str:
    """The inputs of a model, as ``--input`` describes them or as the function of ``--inputs`` gives them.

    Raises:
        UsageError: there are both.
    """
    if inputs and function:
        raise UsageError("--input and --inputs contradict each other; leave one out")
    return function or "; ".join(inputs or ())


def configuration(options: Options, config: Sequence[str], isolated: bool) -> Configuration:
    """The configuration that ``--config``, ``--isolated`` and all other options make.

    Raises:
        UsageError: an option or a configuration file is wrong.
    """
    here = Path.cwd()
    files: list[Path] = []
    layers: list[Layer] = []
    for text in config:
        parsed = parse_config_option(text)
        if isinstance(parsed, Path):
            files.append(parsed)
        else:
            layers.append(Layer(parsed, f"--config {text}", here))
    if len(files) > 1:
        raise UsageError(f"--config names {len(files)} files; name one, further settings as `key = value`")
    if files and isolated:
        raise UsageError(f"--config {files[0]} and --isolated contradict each other; leave one out")
    layers.append(Layer(options, "command line", here))
    return Configuration(layers, file=files[0] if files else None, isolated=isolated, warn=_warn)


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {one_line(text)}\n")


def opsets(written: str | None) -> list[int]:
    """``13-17`` as its opsets.

    Raises:
        UsageError: it is none, or one that nothing is known of.
    """
    from convlint.backends.facts import OLDEST_OPSET, newest_known

    if written is None:
        return []
    parts = _OPSETS.fullmatch(written.strip())
    if parts is None:
        raise UsageError(f"--opset {written}: is no opset and no range; write for example `17` or `13-20`")
    low, high = int(parts[1]), int(parts[2] or parts[1])
    if not OLDEST_OPSET <= low <= high <= newest_known():
        raise UsageError(f"--opset {written}: what is known is of the opsets {OLDEST_OPSET} to {newest_known()}")
    return list(range(low, high + 1))
