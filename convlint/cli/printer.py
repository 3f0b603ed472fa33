"""What ``convlint check`` tells of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from convlint import api
from convlint.cli.output import note
from convlint.config import Settings
from convlint.findings import Finding
from convlint.report.formats import FORMATS, Format, Report, Sources
from convlint.report.notebooks import by_cell, by_line
from convlint.report.style import Painter
from convlint.source.document import Document


@dataclass
class Printer:
    """Prints what a run found or did; the methods say whether it has failed, where it can."""

    settings: Settings
    out: TextIO
    stdin: Document | None
    statistics: bool
    quiet: bool

    def checked(self, result: api.CheckResult) -> bool:
        """The findings of a run."""
        self._findings(result.findings)
        if not result.files:
            note("warning: no Python file is under the given paths")
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
        if self._talks:
            self._repairs(result)
        return self._left(result)

    def _repairs(self, result: api.FixResult) -> None:
        from convlint.report import summary

        if self.settings.show_fixes and result.fixed:
            self._lines(summary.fixes(result.fixed))
        if self.settings.fix_only:
            self._lines([f"Fixed {summary.plural(len(result.fixed), 'problem')}."])
        else:
            self._lines(summary.repairs(result.fixed, result.left.findings, self.settings.unsafe_fixes))
        self._lines(summary.refused(self._refused(result)))
        if not self.settings.fix_only:
            self._lines([summary.total(result.left.findings, len(result.fixed))])

    def _left(self, result: api.FixResult) -> bool:
        """Whether a run that writes its repairs leaves anything that it tells of."""
        return not self.settings.fix_only and _failed(result.left.findings)

    def proved(self, result: api.ProveResult, diff: bool) -> bool:
        """What was repaired and proven, what was not and why, and what is left."""
        from convlint.report import proof, summary

        self._unstable(result)
        if self.settings.output_format == "json":
            self._lines([proof.as_json(result.left.findings, result.verdicts, result.models)])
            return bool(result.changed) if diff else self._left(result)
        if not diff and not self.settings.fix_only:
            self._findings(result.left.findings)
        if not diff and self._talks:
            self._lines(proof.lines(result.verdicts, result.models, Painter(self.out)))
            self._lines(summary.refused(self._refused(result)))
            self._summary(result.left.findings, len(result.fixed))
        elif not self.quiet:
            painted = proof.lines(result.verdicts, result.models, Painter(sys.stderr))
            sys.stderr.writelines(f"{line}\n" for line in painted)
        return self.diff(result) if diff else self._left(result)

    def _refused(self, result: api.FixResult) -> list[tuple[Finding, str]]:
        findings = by_cell((finding for finding, _ in result.refused), self._sources)
        return list(zip(findings, (why for _, why in result.refused), strict=True))

    def _unstable(self, result: api.FixResult) -> None:
        for path in result.unstable:
            note(f"warning: {path}: repairs kept calling for more repairs; look at the file and run again")

    def diff(self, result: api.FixResult) -> bool:
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
            note(summary.would_fix(result.fixed, result.left.findings, self.settings.unsafe_fixes))
        return bool(result.changed)

    def ignores_written(self, count: int) -> None:
        """How many suppressions were written."""
        from convlint.report.summary import plural

        if not self.quiet:
            self._lines([f"Added {plural(count, 'suppression')}."])

    def baseline_written(self, count: int, file: Path) -> None:
        """How many findings the new baseline lists."""
        from convlint.report.summary import plural

        if not self.quiet:
            self._lines([f"Wrote {plural(count, 'finding')} to {file}."])

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
        told = list((by_cell if self._format.by_cell else by_line)(findings, self._sources))
        report = Report(told, self._sources, painter, unsafe, self.settings.root)
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

    @cached_property
    def _sources(self) -> Sources:
        return cache(self._source)

    def _source(self, path: str) -> Document | None:
        from convlint.report.text import read

        return self.stdin if self.stdin and self.stdin.path == path else read(path)

    def _lines(self, lines: Iterator[str] | Sequence[str]) -> None:
        self.out.writelines(f"{line}\n" for line in lines)


def _failed(findings: Sequence[Finding]) -> bool:
    return any(finding.severity != "info" for finding in findings)
