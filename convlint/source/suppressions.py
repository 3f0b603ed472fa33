"""Comments that silence findings: ``# convlint: ignore[CVL301] reason``, ``ignore-file[...]``, ``# noqa``."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from convlint.findings import Edit, Finding, Span
from convlint.source.document import Document, split

_CONVLINT = re.compile(r"#\s*convlint:\s*(?P<what>[\w-]*)\s*(?:\[(?P<codes>[^\]]*)\])?")
_NOQA = re.compile(r"#\s*noqa(?P<colon>\s*:\s*(?P<codes>[A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*))?(?![\w:])", re.IGNORECASE)
_CODE = re.compile(r"[A-Z]+\d*$")


@dataclass(eq=False)
class Suppression:
    """One comment and the codes (prefixes) that it silences; no code for a bare ``# noqa``."""

    span: Span
    """The comment, or its part of a longer one."""
    codes: tuple[str, ...]
    kind: str
    """ignore, ignore-file or noqa."""
    used: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    """Codes that were given to rules which have others now."""

    def means(self, code: str, finding: Finding) -> bool:
        """Whether one of its codes stands for a finding's."""
        return finding.code.startswith(self.renamed.get(code, code))

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is silenced: by a comment on its line or anywhere on its statement."""
        if self.codes and not any(self.means(code, finding) for code in self.codes):
            return False
        if self.kind == "ignore-file":
            return True
        rows = finding.statement or finding.span
        first, last = min(rows.row, finding.span.row), max(rows.end_row, finding.span.end_row)
        return first <= self.span.row <= last

    @property
    def unused(self) -> list[str]:
        """The codes that silenced nothing."""
        return [code for code in self.codes if code not in self.used]


@dataclass(frozen=True)
class Malformed:
    """A comment meant for convlint that it cannot read."""

    span: Span
    message: str


def suppressions(document: Document, known: Collection[str] = ()) -> tuple[list[Suppression], list[Malformed]]:
    """The suppressions of a document, and the comments that look like one but are not.

    Of the codes after ``noqa`` those count that begin like convlint's or one of the ``known``.
    """
    found: list[Suppression] = []
    malformed: list[Malformed] = []
    if "convlint:" in document.text or "noqa" in document.text.lower():
        for row, column, comment in comments(document):
            for one in _parse(row, column, comment, known):
                (found if isinstance(one, Suppression) else malformed).append(one)  # type: ignore[arg-type]
    return found, malformed


def comments(document: Document) -> Iterator[tuple[int, int, str]]:
    """(row, column, text) of the comments, as far as the text can be split into tokens."""
    for token in _tokens(document):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.start[1] + 1, token.string


def _tokens(document: Document) -> Iterator[tokenize.TokenInfo]:
    lines = (line.rstrip("\r\n") + "\n" for line in split(document.sound))  # `tokenize` knows no line that ends with \r
    try:
        yield from tokenize.generate_tokens(lambda: next(lines, ""))
    except (tokenize.TokenError, SyntaxError):
        return


def _parse(row: int, column: int, comment: str, known: Collection[str]) -> Iterator[Suppression | Malformed]:
    for match in _CONVLINT.finditer(comment):
        span = Span(row, column + match.start(), row, column + match.end())
        codes = tuple(c for c in re.split(r"[\s,]+", match["codes"] or "") if c)
        if match["what"] not in ("ignore", "ignore-file"):
            yield Malformed(span, f"`{match['what']}` is no instruction; write `# convlint: ignore[CODE] reason`")
        elif not codes:
            yield Malformed(span, f"`{match['what']}` names no code; write `# convlint: {match['what']}[CODE] reason`")
        elif wrong := next((c for c in codes if not _CODE.match(c)), None):
            yield Malformed(span, f"`{wrong}` is no code; write codes like `CVL301`, separated by commas")
        else:
            yield Suppression(span, codes, match["what"])
    for match in _NOQA.finditer(comment):
        span = Span(row, column + match.start(), row, column + match.end())
        codes = tuple(c.upper() for c in re.split(r"[\s,]+", match["codes"] or "") if c)
        mine = tuple(c for c in codes if c.startswith("CVL") or any(one.startswith(c) for one in known))
        if mine or not codes:
            yield Suppression(span, mine, "noqa")


def without(document: Document, suppression: Suppression, codes: list[str]) -> Edit:
    """The edit that takes codes out of a suppression, or removes the whole comment where none is left."""
    row, start, _, end = suppression.span
    line = document.lines[row - 1].rstrip("\r\n")
    text = line[start - 1 : end - 1]
    for code in codes:
        text = re.sub(rf"\b{re.escape(code)}\b\s*,?\s*", "", text, flags=re.IGNORECASE)
    listed = text.partition("[")[2] if suppression.kind != "noqa" else text.partition(":")[2]
    if re.search(r"[A-Za-z]", listed):
        return Edit(suppression.span, re.sub(r"[,\s]+(?=\]|$)", "", text))
    following = line.find("#", end - 1)
    if following >= 0:  # another comment follows, and stays
        return Edit(Span(row, start, row, following + 1), "")
    kept = line[: start - 1].rstrip()
    return Edit(Span(row, len(kept) + 1, row, len(line) + 1), "")


def added(document: Document, row: int, codes: list[str]) -> Edit:
    """The edit that suppresses codes on a line: in the suppression that stands there, else behind the line."""
    text = ", ".join(codes)
    for one in suppressions(document)[0]:
        if one.kind == "ignore" and one.span.row == row:
            column = one.span.column + document.segment(one.span).index("]")
            return Edit(Span(row, column, row, column), f", {text}")
    line = document.lines[row - 1].rstrip("\r\n")
    end = len(line.rstrip()) + 1
    return Edit(Span(row, end, row, len(line) + 1), f"  # convlint: ignore[{text}]")


def rows_for_comments(document: Document) -> set[int]:
    """The rows that may end with a comment: they end neither inside a string nor with a backslash."""
    return {token.start[0] for token in _tokens(document) if token.type in (tokenize.NEWLINE, tokenize.NL)}
