from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from convlint.findings import Edit, Span
from convlint.source.document import Document, SourceError


@pytest.mark.parametrize(
    "data",
    [
        b"x = 1\n",
        b"x = 1",
        b"",
        b"a\r\nb\rc\n",
        b"\xef\xbb\xbfx = '\xc3\xa9'\r\n",
        b"# coding: latin-1\nx = '\xe9'\n",
        b"#!/usr/bin/env python\n# -*- coding: cp1252 -*-\nx = '\x80'\n",
        b"\x0cx = 1\x0c\n",
        "x = '\u2028 \x85 \x0b \x1c'\n".encode(),
    ],
)
def test_what_was_read_is_written_back_to_the_byte(data: bytes) -> None:
    document = Document.decode(data, "m.py")
    assert document.encode(document.text) == data
    assert document.encode("".join(document.lines)) == data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x = '\xff'\n", "cannot be decoded"),
        (b"# coding: nothing\n", "unknown encoding: nothing"),
        (b"# coding: hex\n00", "not a text encoding"),
        (b"# coding: punycode\nx = 1\n", "cannot be decoded"),
        (b"# coding: undefined\n", "undefined encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "encoding problem"),
        ("x = 1".encode("utf-16"), "cannot be decoded"),
        (b"x = 1\0\n", "null byte"),
    ],
)
def test_bytes_that_are_no_text_are_an_error_that_says_why(data: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        Document.decode(data, "m.py")


def test_a_null_byte_is_found_on_its_line() -> None:
    with pytest.raises(SourceError) as raised:
        Document.decode(b"a\nb\n\0", "m.py")
    assert raised.value.row == 3


def test_a_missing_file_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be read: No such file"):
        Document.read(tmp_path / "m.py")
    with pytest.raises(SourceError, match=r"cannot be read: Is a directory"):
        Document.read(tmp_path)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text", ["x = f(a)", "é = f(a)", "\tx = f(a)", "'日本'; x = f(a)", "'\x0c'; x = f(a)", "'😀' + f(a)"]
)
def test_a_span_holds_the_text_of_its_node(text: str, newline: str) -> None:
    source = newline.join(["# é", "if 1:", *(f" {text}" for _ in range(2)), ""])
    document = Document("m.py", source)
    calls = [node for node in ast.walk(document.parse()) if isinstance(node, ast.Call)]
    assert [document.segment(document.span(call)) for call in calls] == ["f(a)", "f(a)"]


def test_a_segment_over_lines_keeps_their_endings() -> None:
    document = Document("m.py", "x = f(\r\n  é,\r\n)\r\n")
    (call,) = [node for node in ast.walk(document.parse()) if isinstance(node, ast.Call)]
    assert document.segment(document.span(call)) == "f(\r\n  é,\r\n)"


def test_edits_are_applied_from_the_end_and_touch_nothing_else() -> None:
    document = Document("m.py", "a = 1\r\nb = 2\rc = 3")
    edits = [Edit(Span(1, 5, 1, 6), "10"), Edit(Span(3, 5, 3, 6), "30"), Edit(Span(2, 6, 2, 6), "0")]
    assert document.apply(edits) == "a = 10\r\nb = 20\rc = 30"


@pytest.mark.parametrize("text", ["x = " + "(" * 5000, "x = " + "[" * 300 + "]" * 300, "x = " + "not " * 50000 + "1\n"])
def test_what_the_parser_cannot_nest_is_an_error(text: str) -> None:
    with pytest.raises(SourceError, match=r"nested"):
        Document("m.py", text).parse()


def test_a_sum_of_thousands_of_terms_parses() -> None:
    terms = 2000 if sys.version_info[:2] == (3, 12) else 3000  # its parser takes no more, whatever limit it is given
    assert Document("m.py", "x = " + "1 + " * terms + "1\n").parse().body


def test_a_malformed_type_comment_is_no_error() -> None:
    assert Document("m.py", "x = []  # type: what (is\n").parse().body


def test_a_warning_of_the_parser_is_not_shown(recwarn: pytest.WarningsRecorder) -> None:
    Document("m.py", "x = '\\d'\ny = 1 is 1\n").parse()
    assert not recwarn.list


def test_the_libcst_nodes_of_a_range() -> None:
    document = Document("m.py", "if 1:\n    x = f(\n        a)\n")
    assert type(document.expression(Span(2, 9, 3, 11))).__name__ == "Call"
    assert type(document.statement(Span(2, 5, 3, 11))).__name__ == "SimpleStatementLine"
