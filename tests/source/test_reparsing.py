"""A text that is being written in is parsed as if it had been read anew."""

import ast
import random
from pathlib import Path

import pytest

from convlint.source.document import Document, SourceError
from convlint.source.reparsing import Parsed, parsed

SOURCE = '''\
"""A module."""
import torch; from torch import nn
x = 1 \\

y = (1,
     2); z = 3

@torch.no_grad()
# between
def first(a):
    """Text
    of two lines."""
    return a

class Net(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x
        return -x
if x:
    pass

LAST = """a
b"""
'''


def edited(before: str, now: str) -> tuple[Parsed, Parsed]:
    """The parse of a text, and of another one with what is known of the first."""
    first = parsed(Document("", before))
    return first, parsed(Document("", now), first)


def dumped(body: list[ast.stmt]) -> list[str]:
    return [ast.dump(one, include_attributes=True) for one in body]


def agrees(before: str, now: str) -> None:
    """A change leaves the tree, or the error, that a parser makes of the whole text."""
    first = parsed(Document("", before))
    try:
        expected = Document("", now).parse().body
    except SourceError as error:
        with pytest.raises(SourceError) as raised:
            parsed(Document("", now), first)
        assert (str(raised.value), raised.value.row) == (str(error), error.row)
        return
    assert dumped(parsed(Document("", now), first).body) == dumped(expected)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return a", "return a  # !"),
        ("x = 1 \\\n\n", "x = 1 \\\n+ 2\n"),
        ("import torch; ", "import torch, "),
        ("     2); z = 3", "     2, z := 3)"),
        ("# between", "@other"),
        ("# between", "(wrong"),
        ('    """Text', '    """Text"""'),
        ("if x:", "else:"),
        ("if x:", "while x:"),
        ("    pass", "pass"),
        ('LAST = """a', "LAST = 'a'"),
        ("    return a\n\n", '    return a\n"""'),
        ("    return a\n\n", "    return a; \\\n"),
        ("y = (1,", "y = (1,  # type: (int)"),
        ("y = (1,", "y = 1  # type: int"),
        ('"""A module."""', "from __future__ import annotations"),
        ("        return -x\n", "        return -x \\\n"),
        ("y = (1,\n", "y = (1,\n\n"),
        ("class Net", "\fclass Net"),
        ("class Net", " class Net"),
    ],
)
def test_a_change_is_parsed_as_the_whole(old: str, new: str) -> None:
    assert old in SOURCE
    agrees(SOURCE, SOURCE.replace(old, new))
    agrees(SOURCE.replace("\n", "\r\n"), SOURCE.replace(old, new).replace("\n", "\r\n"))


def test_what_stands_around_a_change_stays() -> None:
    before, now = edited(SOURCE, SOURCE.replace("return -x", "return +x"))
    assert [old is new for old, new in zip(before.body, now.body, strict=True)].count(False) == 1
    assert isinstance(now.body[-3], ast.ClassDef)
    assert now.body[-3] is not before.body[-3]


def test_the_same_text_has_the_same_nodes() -> None:
    before, now = edited(SOURCE, SOURCE)
    assert [*map(id, before.body)] == [*map(id, now.body)]


def test_random_changes_of_real_files() -> None:
    """Pieces of lines are taken out, doubled and put elsewhere."""
    chance = random.Random(0)
    for path in sorted(Path(__file__).parents[2].glob("convlint/source/*.py")):
        text = path.read_text(encoding="utf-8")
        for _ in range(25):
            lines = text.splitlines(keepends=True)
            for _ in range(chance.choice([1, 1, 2])):
                row = chance.randrange(len(lines))
                line = lines[row].rstrip("\n")
                at = chance.randrange(len(line) + 1)
                piece = chance.choice(["", "#", "(", ")", '"""', "\\", "@", ":", " ", ";", "pass", lines[row].strip()])
                lines[row] = line[:at] + piece + line[at + chance.choice([0, 0, 1, 4]) :] + "\n"
            agrees(text, "".join(lines))
