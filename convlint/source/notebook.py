"""A Jupyter notebook as one document: the text of its Python cells, and its file with nothing else changed."""

from __future__ import annotations

import io
import json
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

from convlint.source.document import Document, SourceError, check_size

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_PYTHON_MAGICS = {"capture", "debug", "ipytest", "prun", "pypy", "python", "python3", "time", "timeit"}
"""Cell magics behind which there is Python; a cell with another one is of another language."""
_MAGIC = re.compile(r"(?P<indent>[ \t]*)(?:(?P<target>[\w.,* \t\[\]]+=)[ \t]*[%!]|[%!?]|[\w.*]+\?{1,2}\s*$)")


class Cell(NamedTuple):
    """A cell of Python in the file of its notebook."""

    number: int
    """Which cell of the notebook it is, from 1."""
    items: tuple[tuple[int, int, str], ...]
    """Where the strings of its source are written, and what each says."""
    start: int
    end: int
    """Where its source is written, as a string or a list of strings."""

    @property
    def source(self) -> str:
        """Its text."""
        return "".join(text for _, _, text in self.items)


@dataclass(eq=False)
class Notebook(Document):
    """A notebook whose ``text`` is that of its Python cells, a marking comment between them, magics masked."""

    raw: str = ""
    """The file."""
    cells: tuple[Cell, ...] = ()
    mark: str = ""
    """What no cell contains."""
    magics: tuple[str, ...] = ()
    """The lines that are no Python, in order."""
    whole: frozenset[str] = frozenset()
    """Texts of cells that were parsed already: they are Python."""

    @classmethod
    def of(cls, data: bytes, path: str) -> Notebook:
        """The notebook of a file's bytes.

        Raises:
            SourceError: it is no notebook of format 4.
        """
        try:
            raw = data.decode()
            told = json.loads(raw.removeprefix("\ufeff"), strict=False)
        except UnicodeDecodeError as error:
            raise SourceError(f"cannot be decoded: {error}") from None
        except json.JSONDecodeError as error:
            raise SourceError(f"is no notebook: {error.msg}", error.lineno, error.colno) from None
        except RecursionError:
            raise SourceError("is no notebook: nested too deeply") from None
        except ValueError:  # more digits than Python converts
            raise SourceError("is no notebook: it has a number of thousands of digits") from None
        if not isinstance(told, dict) or not isinstance(told.get("cells"), list):
            raise SourceError("is no notebook of format 4: it has no list of cells")
        mark = "convlint-cell"
        while mark in raw:
            mark += "-"
        cells = tuple(_cells(raw)) if _is_python(told) else ()
        magics: list[str] = []
        whole = frozenset(cell.source for cell in cells if _parses(cell.source))
        masked = (cell.source if cell.source in whole else _masked(cell.source, mark, magics) for cell in cells)
        text = f"\n# {mark}\n".join(masked)
        check_size(text)
        return cls(path, text, "utf-8", raw.startswith("\ufeff"), raw, cells, mark, tuple(magics), whole)

    def encode(self, text: str) -> bytes:
        """The file with the cells of ``text``; what they do not change stays as it is, to the byte."""
        written, at = [], 0
        for cell, source in zip(self.cells, self.sources(text), strict=True):
            written.append(self.raw[at : cell.start])
            written.append(self.raw[cell.start : cell.end] if source == cell.source else self._source(cell, source))
            at = cell.end
        return "".join([*written, self.raw[at:]]).encode()

    def sources(self, text: str) -> list[str]:
        """The sources of its cells, magics as they were written, if this were its text."""
        parts = self._parts_of(text)
        if len(parts) != len(self.cells):
            raise SourceError("would lose where its cells end")
        return [self._unmasked(part) for part in parts]

    def _unmasked(self, part: str) -> str:
        masked = re.compile(rf"^.*# {re.escape(self.mark)} (\d+)$", re.MULTILINE)
        return masked.sub(lambda match: self.magics[int(match[1])], part)

    def _source(self, cell: Cell, source: str) -> str:
        """The source of a cell as JSON, laid out as it was; lines that stay are written as they were."""
        before = self.raw[cell.start : cell.end]
        plain = before.isascii() and not cell.source.isascii()
        if not before.startswith("["):
            return json.dumps(source, ensure_ascii=plain)
        kept = {text: self.raw[start:end] for start, end, text in cell.items}
        lines = [kept.get(line) or json.dumps(line, ensure_ascii=plain) for line in _LINE.findall(source)]
        if not cell.items:
            return f"[{', '.join(lines)}]"
        opening = self.raw[cell.start : cell.items[0][0]]
        closing = self.raw[cell.items[-1][1] : cell.end]
        between = self.raw[cell.items[0][1] : cell.items[1][0]] if cell.items[1:] else f",{opening[1:] or ' '}"
        return opening + between.join(lines) + closing

    @cached_property
    def _broken(self) -> dict[int, SourceError]:
        """The cells that are no Python, by their place, and why."""
        found = {}
        for at, part in enumerate(self._parts_of(self.text)):
            if part in self.whole:
                continue
            try:
                Document(self.path, part).parse()
            except SourceError as error:
                found[at] = SourceError(str(error), self.first_rows[at] + error.row - 1, error.column)
        return found

    def _parts_of(self, text: str) -> list[str]:
        return text.split(f"\n# {self.mark}\n") if self.cells else []

    @property
    def broken(self) -> Sequence[SourceError]:
        """What is wrong with the cells that are no Python: they do not keep the others from being read."""
        return list(self._broken.values())

    @cached_property
    def sound(self) -> str:
        """The text with blank lines for such cells."""
        if not self._broken:
            return self.text
        parts = enumerate(self._parts_of(self.text))
        blank = ["\n" * part.count("\n") if at in self._broken else part for at, part in parts]
        return f"\n# {self.mark}\n".join(blank)

    def admits(self, text: str) -> bool:
        """Whether a text may be written in place of this one: no cell is broken that was not before."""
        try:
            self.encode(text)
        except (SourceError, UnicodeEncodeError):
            return False
        return replace(self, text=text)._broken.keys() <= self._broken.keys()

    @cached_property
    def first_rows(self) -> list[int]:
        """The row of the text at which each cell begins."""
        marks = [row for row, line in enumerate(self.lines, 1) if line.rstrip("\n") == f"# {self.mark}"]
        return [1, *(row + 1 for row in marks)]

    def place(self, row: int) -> tuple[Cell, int]:
        """The cell in which a row of the text stands, and its row in there."""
        index = max((i for i, first in enumerate(self.first_rows) if first <= row), default=0)
        return self.cells[index], row - self.first_rows[index] + 1

    def lines_of(self, cell: Cell) -> list[str]:
        """The lines of a cell, magics as they were written."""
        return _LINE.findall(self._unmasked(self._parts_of(self.text)[self.cells.index(cell)]))

    def row_in_file(self, cell: Cell, row: int) -> int:
        """The row of the file where a row of a cell is written."""
        lines = [0, *accumulate(len(line) for line in _LINE.findall(cell.source))]
        wanted, seen, at = lines[min(row - 1, len(lines) - 1)], 0, cell.start
        for start, _, text in cell.items:
            if seen > wanted:
                break
            at, seen = start, seen + len(text)
        return self.raw.count("\n", 0, at) + 1


def _is_python(told: dict[str, Any]) -> bool:
    """Whether a notebook says that its language is Python, or does not say."""
    metadata = told.get("metadata")
    for name, key in (("language_info", "name"), ("kernelspec", "language")):
        found = metadata.get(name) if isinstance(metadata, dict) else None
        if isinstance(found, dict) and isinstance(found.get(key), str):
            return bool(found[key] == "python")
    return True


# --- where a notebook's cells are written --------------------------------------------------------------------------


def _cells(raw: str) -> Iterator[Cell]:
    cells = _members(raw, _after(raw, int(raw.startswith("\ufeff"))))["cells"][0]
    for number, (start, _, value) in enumerate(_elements(raw, cells), 1):
        if not isinstance(value, dict) or value.get("cell_type") != "code":
            continue
        at, end, source = _members(raw, start).get("source", (0, 0, None))
        if not isinstance(source, (str, list)):
            continue
        items = ((at, end, source),) if isinstance(source, str) else tuple(_elements(raw, at))
        if all(isinstance(text, str) for _, _, text in items):
            cell = Cell(number, items, at, end)
            if _of_python(cell.source):
                yield cell


def _of_python(source: str) -> bool:
    first = source.lstrip().split("\n", 1)[0].split()
    return not first or not first[0].startswith("%%") or first[0][2:] in _PYTHON_MAGICS


def _after(raw: str, at: int) -> int:
    """The first place from here that is no white space."""
    match = _SPACE.match(raw, at)
    return match.end() if match else at


def _value(raw: str, at: int) -> tuple[Any, int]:
    value, end = _DECODER.raw_decode(raw, at)
    return value, end


def _elements(raw: str, at: int) -> Iterator[tuple[int, int, Any]]:
    """Start, end and value of each element of the list that is written here."""
    at = _after(raw, at + 1)
    while raw[at] != "]":
        value, end = _value(raw, at)
        yield at, end, value
        at = _after(raw, end)
        if raw[at] == ",":
            at = _after(raw, at + 1)


def _members(raw: str, at: int) -> dict[str, tuple[int, int, Any]]:
    """Start, end and value of each member of the object that is written here; of two with one key the last counts."""
    members = {}
    at = _after(raw, at + 1)
    while raw[at] != "}":
        key, at = _value(raw, at)
        at = _after(raw, _after(raw, at) + 1)
        value, end = _value(raw, at)
        members[key] = (at, end, value)
        at = _after(raw, end)
        if raw[at] == ",":
            at = _after(raw, at + 1)
    return members


# --- magics --------------------------------------------------------------------------------------------------------


def _masked(source: str, mark: str, magics: list[str]) -> str:
    """A cell's source with the lines that are no Python replaced by lines that are; they are appended to ``magics``."""
    lines: list[str] = []
    continued = False
    for line in source.split("\n"):
        match = _MAGIC.match(line)
        if not continued and not (match and _complete("\n".join(lines))):
            lines.append(line)
            continue
        indent, target = (match["indent"], match["target"]) if match and not continued else (_indent(lines), None)
        lines.append(f"{indent}{f'{target} get_ipython()' if target else 'pass'}  # {mark} {len(magics)}")
        magics.append(line)
        continued = line.endswith("\\")
    return "\n".join(lines)


def _indent(lines: Sequence[str]) -> str:
    return re.match(r"[ \t]*", lines[-1])[0] if lines else ""  # type: ignore[index]


def _parses(source: str) -> bool:
    try:
        Document("", source).parse()
    except SourceError:
        return False
    return True


def _complete(before: str) -> bool:
    """Whether a statement may begin behind some lines: no bracket, string or line is open."""
    if before.endswith("\\"):
        return False
    try:
        for _ in tokenize.generate_tokens(io.StringIO(f"{before}\n").readline):
            pass
    except tokenize.TokenError:
        return False
    except (SyntaxError, IndentationError):
        return True
    return True
