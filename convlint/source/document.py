"""A source file as convlint sees it: text, lines, positions, and its two trees."""

from __future__ import annotations

import ast
import functools
import io
import os
import re
import stat
import sys
import tokenize
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from convlint.findings import Edit, Span

if TYPE_CHECKING:
    import libcst as cst

Node = TypeVar("Node")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_BOM = b"\xef\xbb\xbf"
_REWRITABLE = 4000
"""Characters of a piece of source that may be rewritten: far deeper trees end LibCST's parser, and the process."""
LARGEST = 4 << 20
"""Bytes of source that is parsed: the tree of one that is all numbers takes 340 times as many."""
_LARGEST_FILE = 64 << 20
"""Bytes of a file that is read: notebooks keep their pictures."""
TOO_DEEP = "is nested too deeply for Python's parser"


class SourceError(Exception):
    """A file that cannot be read or parsed; ``row`` is the line where that shows (1-based)."""

    def __init__(self, message: str, row: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.row = row
        self.column = column


class TooLargeError(SourceError):
    """A file that is no model's source: generated tables, data."""


def split(text: str) -> list[str]:
    """The lines with their endings, as the Python parser splits them: form feeds end none."""
    return _LINE.findall(text)


def check_size(source: str | bytes) -> None:
    """Makes sure that a source is not too large to be parsed.

    Raises:
        TooLargeError: it is.
    """
    if len(source) > LARGEST:
        raise TooLargeError(f"has more than {LARGEST >> 20} MB of source, which nobody writes by hand; it was not read")


def content(path: Path | str) -> bytes:
    """What a file holds, of one that is too large its beginning.

    Raises:
        SourceError: it cannot be read, or is a pipe, which would be waited for, or a device, which has no end.
    """
    try:
        status = os.stat(path)  # noqa: PTH116
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise SourceError("cannot be read: it is no regular file; what comes from a pipe is given with `-`")
        with open(path, "rb") as file:  # noqa: PTH123
            # To be told how much takes a buffer of that size, and three times as long as all of a small file.
            return file.read(_LARGEST_FILE + 1 if status.st_size > _LARGEST_FILE else -1)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}") from None


@contextmanager
def _deep() -> Iterator[None]:
    """Room for the parser: how deep a tree may be follows from the interpreter's own limit."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 6000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@functools.lru_cache(maxsize=1)
def _last_tree(document: Document) -> ast.Module:
    return document.parse()


@dataclass(eq=False)
class Document:
    """One Python file: its text exactly as on disk (line endings kept) and what is needed to write it back."""

    path: str
    text: str
    encoding: str = "utf-8"
    bom: bool = False
    digest: str = field(default="", init=False)
    """What tells the content of the file apart from others; empty where the text is neither read nor to be written."""

    @classmethod
    def read(cls, path: Path | str) -> Document:
        """The document of a file on disk.

        Raises:
            SourceError: the file cannot be read or decoded.
        """
        return cls.decode(content(path), str(path))

    @classmethod
    def decode(cls, data: bytes, path: str) -> Document:
        """The document of a file's bytes, by its BOM or coding line (PEP 263); a notebook's by its name.

        Raises:
            SourceError: the encoding is unknown or the bytes are not of it, or they are too many.
        """
        if len(data) > _LARGEST_FILE:
            raise TooLargeError(f"has more than {_LARGEST_FILE >> 20} MB and was not read")
        if path.endswith(".ipynb"):
            from convlint.source.notebook import Notebook

            return Notebook.of(data, path)
        check_size(data)
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            bom = data.startswith(_BOM)
            text = (data[len(_BOM) :] if bom else data).decode("utf-8" if bom else encoding)
            if not encoding.startswith("utf-8"):
                text.encode(encoding)  # some can only be read
        except (SyntaxError, UnicodeError, LookupError) as error:
            raise SourceError(f"cannot be decoded: {error}") from None
        if "\0" in text:
            raise SourceError("contains a null byte", text[: text.index("\0")].count("\n") + 1)
        return cls(path, text, "utf-8" if bom else encoding, bom)

    def encode(self, text: str) -> bytes:
        """``text`` as bytes in the file's own encoding, with its BOM if it had one."""
        return (_BOM if self.bom else b"") + text.encode(self.encoding)

    def on_disk(self, text: str) -> str:
        """What the file would say if this were its text."""
        return self.encode(text).decode(self.encoding)

    @cached_property
    def lines(self) -> list[str]:
        """The lines with their endings, split as the Python parser splits them."""
        return split(self.text)

    def slim(self) -> None:
        """Lets go of the lines, which take more room than the text; whoever asks for them again has them made anew."""
        for name in ("lines", "_starts"):
            self.__dict__.pop(name, None)

    @property
    def sound(self) -> str:
        """The text that is parsed: all of it, with blank lines for what is known not to be Python."""
        return self.text

    @property
    def broken(self) -> Sequence[SourceError]:
        """What is wrong with the parts that are left out of ``sound``."""
        return ()

    def admits(self, text: str) -> bool:
        """Whether a text may be written in place of this one: it is Python, and can be encoded as the file is."""
        try:
            self.encode(text)
            Document(self.path, text).parse()
        except (SourceError, UnicodeEncodeError):
            return False
        return True

    def parse(self) -> ast.Module:
        """The standard tree, with ``# type:`` comments; made anew at each call, kept by nobody.

        Raises:
            SourceError: the text is not valid Python for this interpreter, or is too deeply nested.
        """
        try:
            with warnings.catch_warnings(), _deep():
                warnings.simplefilter("ignore")
                try:
                    return ast.parse(self.sound, type_comments=True)
                except SyntaxError:  # a malformed `# type:` comment is no error of the program
                    return ast.parse(self.sound)
        except SyntaxError as error:
            raise SourceError(error.msg, error.lineno or 1, error.offset or 1) from None
        except (RecursionError, MemoryError):
            raise SourceError(TOO_DEEP) from None
        except ValueError as error:
            raise SourceError(str(error)) from None

    @property
    def tree(self) -> ast.Module:
        """The standard tree for looking around an event; kept for the document that was last asked, no longer."""
        return _last_tree(self)

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """The range of an ``ast`` node, in code points (``ast`` counts UTF-8 bytes)."""
        end_row = node.end_lineno or node.lineno
        return Span(
            node.lineno,
            self._column(node.lineno, node.col_offset),
            end_row,
            self._column(end_row, node.end_col_offset or node.col_offset),
        )

    def _column(self, row: int, offset: int) -> int:
        line = self.lines[row - 1] if row <= len(self.lines) else ""
        if line.isascii():
            return offset + 1
        return len(line.encode()[:offset].decode(errors="replace")) + 1

    def segment(self, span: Span) -> str:
        """The text of a range, line endings as they are."""
        if span.row == span.end_row:
            return self.lines[span.row - 1][span.column - 1 : span.end_column - 1]
        first = self.lines[span.row - 1][span.column - 1 :]
        last = self.lines[span.end_row - 1][: span.end_column - 1]
        return first + "".join(self.lines[span.row : span.end_row - 1]) + last

    def offset(self, row: int, column: int) -> int:
        """The index into ``text`` of a position (1-based row and column)."""
        return self._starts[row - 1] + column - 1

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line))
        return starts

    def apply(self, edits: list[Edit]) -> str:
        """The text after non-overlapping edits."""
        text = self.text
        for edit in sorted(edits, key=lambda e: (e.span.row, e.span.column), reverse=True):
            start = self.offset(edit.span.row, edit.span.column)
            end = self.offset(edit.span.end_row, edit.span.end_column)
            text = text[:start] + edit.content + text[end:]
        return text

    @cached_property
    def newline(self) -> str:
        """The line ending of the first line, ``\\n`` where there is none."""
        match = re.search(r"\r\n|\r|\n", self.text)
        return match.group() if match else "\n"

    @property
    def line_length(self) -> int:
        """How long a new line may be: as the longest that there is, between black's 88 and 120."""
        longest = max((len(line.rstrip("\r\n")) for line in self.lines), default=0)
        return min(max(longest, 88), 120)

    def expression(self, span: Span) -> cst.BaseExpression:
        """The LibCST node of the expression at a range (its inner line breaks allowed by parentheses).

        Raises:
            SourceError: it is none, or longer than may be rewritten.
        """
        import libcst as cst

        node = self._rewritable(span, lambda text: cst.parse_expression(f"({text})"))
        return node.with_changes(lpar=node.lpar[1:], rpar=node.rpar[:-1])

    def statement(self, span: Span) -> cst.BaseStatement:
        """The LibCST node of the whole statement at a range, parsed at its own indentation.

        Raises:
            SourceError: it is none (an ``elif``), or longer than may be rewritten.
        """
        import libcst as cst

        indentation = self.lines[span.row - 1][: span.column - 1]
        if not indentation or not indentation.isspace():  # behind a semicolon or a colon it is a simple one
            return self._rewritable(span, lambda text: cst.parse_statement(f"{text}\n"))
        module = self._rewritable(span, lambda text: cst.parse_module(f"if 1:\n{indentation}{text}\n"))
        inner: cst.CSTNode = cst.ensure_type(cst.ensure_type(module.body[0], cst.If).body, cst.IndentedBlock).body[0]
        assert isinstance(inner, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
        return inner

    def _rewritable(self, span: Span, parse: Callable[[str], Node]) -> Node:
        import libcst as cst

        text = self.segment(span)
        if len(text) > _REWRITABLE:
            raise SourceError("is too long to be rewritten", span.row, span.column)
        try:
            return parse(text)
        except cst.ParserSyntaxError:
            raise SourceError("is no piece of source that can be rewritten", span.row, span.column) from None
