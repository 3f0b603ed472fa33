"""What the command line, the server and users call: one function a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from convlint.config import Configuration, Settings
from convlint.findings import Finding, Span
from convlint.rule import faults
from convlint.source.discovery import discover, matches
from convlint.source.document import Document


@dataclass
class CheckResult:
    """What a run found, suppressed and baselined findings left out."""

    findings: list[Finding] = field(default_factory=list)
    """In the order of files and lines."""
    files: int = 0


@dataclass
class FixResult:
    """What a run repaired and what it left."""

    changed: list[tuple[Document, str]] = field(default_factory=list)
    """Each repaired file as it was, and its new text."""
    fixed: list[Finding] = field(default_factory=list)
    """The findings that are gone."""
    left: CheckResult = field(default_factory=CheckResult)
    unstable: list[str] = field(default_factory=list)
    refused: list[tuple[Finding, str]] = field(default_factory=list)
    """The findings whose repair was wanted and not made, and why not."""
    """Files whose repairs called for ever more repairs."""


def files(paths: Sequence[Path | str], configuration: Configuration) -> dict[Path, Settings]:
    """The files under the paths that a run is about, each with the settings of its folder.

    Raises:
        UsageError: a path does not exist or a configuration file is wrong.
    """
    return discover([Path(path) for path in paths], configuration.settings)


def check(
    paths: Sequence[Path | str] = (),
    configuration: Configuration | None = None,
    *,
    stdin: Document | None = None,
    want_fixes: bool = False,
) -> CheckResult:
    """The findings in files and folders, or in one document that is not on disk (``stdin``).

    Raises:
        UsageError: a path does not exist or a configuration file is wrong.
    """
    from convlint.linter import lint

    configuration = configuration or Configuration()
    result = CheckResult()
    for settings, group in _groups(paths, configuration, stdin):
        part = lint(group, settings, stdin=stdin, want_fixes=want_fixes)
        result.findings += part.findings
        result.files += part.files
    result.findings += _about_packs(configuration)
    _sort(result.findings)
    return result


def fix(
    paths: Sequence[Path | str] = (),
    configuration: Configuration | None = None,
    *,
    stdin: Document | None = None,
    write: bool = True,
) -> FixResult:
    """Repairs files and folders, or one document that is not on disk; writes the files only where ``write`` says so.

    Raises:
        UsageError: a path does not exist, a configuration file is wrong or a file cannot be written.
    """
    from convlint.fixer import fix_paths

    configuration = configuration or Configuration()
    result = FixResult()
    for settings, group in _groups(paths, configuration, stdin):
        part = fix_paths(group, settings, write=write, stdin=stdin)
        result.changed += part.changed.values()
        result.fixed += part.fixed
        result.unstable += map(str, part.unstable)
        result.refused += part.refused
        result.left.findings += part.left.findings
        result.left.files += part.left.files
    result.left.findings += _about_packs(configuration)
    _sort(result.left.findings)
    return result


def add_ignores(paths: Sequence[Path | str], configuration: Configuration) -> int:
    """Writes a suppression for every finding; returns how many codes were written.

    Raises:
        UsageError: a path does not exist, a configuration file is wrong or a file cannot be written.
    """
    from convlint.fixer import add_ignores as write

    return sum(write(group, settings) for settings, group in _groups(paths, configuration, None))


def write_baseline(file: Path, paths: Sequence[Path | str], configuration: Configuration) -> int:
    """Writes a baseline of all findings; returns how many it lists.

    Raises:
        UsageError: a path does not exist, a configuration file is wrong or the baseline cannot be written.
    """
    from convlint import baseline
    from convlint.linter import lint

    keys = []
    for settings, group in _groups(paths, configuration, None):
        result = lint(group, replace(settings, baseline=None))
        keys += [baseline.key(f, result.documents.get(f.path), file) for f in result.findings]
    return baseline.write(file, keys)


def _about_packs(configuration: Configuration) -> list[Finding]:
    """What is wrong with installed rule packs, once a run and not in the user's files."""
    wrong = faults()
    if not (wrong and configuration.settings(Path.cwd()).selects("CVL005")):
        return []
    return [
        Finding("CVL005", "rule-crashed", one.message, one.path, Span(one.row, 1, one.row, 2), "error") for one in wrong
    ]


def _sort(findings: list[Finding]) -> None:
    findings.sort(key=lambda finding: (finding.path, finding.span, finding.code))


def _groups(
    paths: Sequence[Path | str], configuration: Configuration, stdin: Document | None
) -> list[tuple[Settings, list[Path]]]:
    """Files that share their settings together: one run of the linter each."""
    if stdin is not None:
        settings = configuration.settings(Path(stdin.path).absolute().parent)
        excluded = settings.force_exclude and matches(settings.exclude, Path(stdin.path).absolute())
        return [] if excluded else [(settings, [])]
    groups: dict[Settings, list[Path]] = {}
    for path, settings in files(paths, configuration).items():
        groups.setdefault(settings, []).append(path)
    return list(groups.items())
