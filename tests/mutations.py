"""Real modules, changed as nobody would write them: statements swapped and wrapped, calls and layouts altered."""

from __future__ import annotations

import ast
import io
import random
import re
import textwrap
import tokenize

HEADERS = ("if self.on:", "for _ in range(2):", "with torch.no_grad():", "while True:", "try:", "if x is not None:")
COMMENTS = ("# why", "# é", "#", "# type: ignore", "# fmt: skip")
ARGUMENTS = ("*more", "**more", "x", "dim=0", "None", "dtype=torch.float32", "(y := 1)", "lambda t: t")
NAMES = ("x", "y", "n", "self.k", "torch", "i")


def mutated(text: str, chance: random.Random) -> str:
    """A module with one to six changes, for the most part still Python."""
    for _ in range(chance.randint(1, 6)):
        change = chance.choice(CHANGES)
        try:
            text = change(text, chance)
        except SyntaxError:
            break
    return text.replace("\n", "\r\n") if chance.random() < 0.1 else text


def _spots(text: str, kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> list[tuple[int, int, ast.AST]]:
    """Where nodes of a kind stand: start and end in the text."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines(keepends=True)

    def at(row: int, offset: int) -> int:
        return starts[row - 1] + len(lines[row - 1].encode()[:offset].decode(errors="replace"))

    return [
        (at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset), node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kind) and hasattr(node, "end_lineno")
    ]


def _statements(text: str) -> list[list[ast.stmt]]:
    """Blocks of statements inside functions."""
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    blocks = [n.body for f in functions for n in ast.walk(f) if isinstance(getattr(n, "body", None), list)]
    return [block for block in blocks if block and isinstance(block[0], ast.stmt)]


def _rows(statement: ast.stmt) -> tuple[int, int]:
    """The first and last row, 0-based and end exclusive."""
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)]) - 1, statement.end_lineno or statement.lineno


def swap(text: str, chance: random.Random) -> str:
    """Two neighbouring statements exchanged."""
    block = chance.choice([block for block in _statements(text) if len(block) > 1] or [[]])
    if not block:
        return text
    at = chance.randrange(len(block) - 1)
    lines = text.splitlines(keepends=True)
    (a, b), (c, d) = _rows(block[at]), _rows(block[at + 1])
    return "".join([*lines[:a], *lines[c:d], *lines[b:c], *lines[a:b], *lines[d:]]) if b <= c else text


def wrap(text: str, chance: random.Random) -> str:
    """A statement under a header."""
    block = chance.choice(_statements(text) or [[]])
    if not block:
        return text
    first, last = _rows(chance.choice(block))
    lines = text.splitlines(keepends=True)
    margin = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    header = chance.choice(HEADERS)
    inside = textwrap.indent("".join(lines[first:last]), "    ")
    tail = f"{margin}finally:\n{margin}    pass\n" if header == "try:" else ""
    return "".join([*lines[:first], f"{margin}{header}\n", inside, tail, *lines[last:]])


def join(text: str, chance: random.Random) -> str:
    """Two simple statements on one line."""
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines) - 1)
    one, other = lines[at].rstrip("\n"), lines[at + 1]
    if "#" in one or one.rstrip().endswith((":", ",", "(", "[", "{")) or not one.strip():
        return text
    return "".join([*lines[:at], f"{one}; {other.lstrip()}", *lines[at + 2 :]])


def comment(text: str, chance: random.Random) -> str:
    """A comment at the end of a line, or on a line of its own."""
    lines = text.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    body = lines[at].rstrip("\n")
    one = f"{body}  {chance.choice(COMMENTS)}\n"
    return "".join(
        [*lines[:at], one if chance.random() < 0.7 else f"{chance.choice(COMMENTS)}\n{lines[at]}", *lines[at + 1 :]]
    )


def open_up(text: str, chance: random.Random) -> str:
    """An expression in parentheses, over several lines and with a comment maybe."""
    spots = _spots(text, (ast.Call, ast.BinOp, ast.Subscript, ast.Compare, ast.Name))
    if not spots:
        return text
    start, end, node = chance.choice(spots)
    if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
        return text
    layout = chance.choice(["({})", "(\n{}\n)", "(  # why\n{}  # é\n)", "(({}))", "( {} )"])
    return text[:start] + layout.format(text[start:end]) + text[end:]


def break_call(text: str, chance: random.Random) -> str:
    """The arguments of a call on lines of their own."""
    spots = [one for one in _spots(text, ast.Call) if text[one[1] - 1] == ")" and getattr(one[2], "args", None)]
    if not spots:
        return text
    start, end, _ = chance.choice(spots)
    opening = text.find("(", start, end)
    inner = text[opening + 1 : end - 1]
    return text[: opening + 1] + f"\n  {inner}  # why\n" + text[end - 1 :]


def argument(text: str, chance: random.Random) -> str:
    """A call with one argument more."""
    spots = [one for one in _spots(text, ast.Call) if text[one[1] - 1] == ")"]
    if not spots:
        return text
    _, end, node = chance.choice(spots)
    given = getattr(node, "args", []) or getattr(node, "keywords", [])
    return text[: end - 1].rstrip(", \n") + (", " if given else "") + chance.choice(ARGUMENTS) + text[end - 1 :]


def exchange(text: str, chance: random.Random) -> str:
    """An expression in the place of another."""
    spots = _spots(text, (ast.Call, ast.BinOp, ast.Subscript, ast.Attribute, ast.Name, ast.Constant))
    if len(spots) < 2:
        return text
    (start, end, node), (first, last, _) = chance.sample(spots, 2)
    if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
        return text
    return text[:start] + text[first:last] + text[end:]


def rename(text: str, chance: random.Random) -> str:
    """A name in the place of another, everywhere."""
    names = sorted({node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)})
    if not names:
        return text
    return re.sub(rf"\b{re.escape(chance.choice(names))}\b", chance.choice(NAMES), text)


def decorate(text: str, chance: random.Random) -> str:
    """A decorator before a function."""
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    if not functions:
        return text
    lines = text.splitlines(keepends=True)
    at, _ = _rows(chance.choice(functions))
    margin = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    made = chance.choice(["@torch.no_grad()", "@staticmethod", "@torch.jit.ignore", "@functools.cache  # why"])
    return "".join([*lines[:at], f"{margin}{made}\n", *lines[at:]])


CHANGES = (swap, wrap, join, comment, open_up, open_up, break_call, argument, exchange, rename, decorate)


def comments_of(text: str) -> list[str]:
    """What is written in comments, less what is convlint's own."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    words = (word.strip() for token in tokens if token.type == tokenize.COMMENT for word in token.string.split("#"))
    return sorted(word for word in words if word and "convlint" not in word and "noqa" not in word)
