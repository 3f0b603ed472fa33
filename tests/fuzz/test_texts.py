"""Configurations, comments and notebooks that nobody would write: understood, or refused in a sentence."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from budget import seeds
from conftest import Cli
from convlint_rules.examples import forward

from convlint.source.document import Document, SourceError

MODEL = forward("y = x.abs()\nn = int(x.shape[0])\nif x.sum() > 0:\n    y = y * n\nreturn y")


def told(cli: Cli, *arguments: str) -> None:
    """A run ends with a report or one sentence."""
    ran = cli(*arguments)
    assert ran.code in (0, 1, 2)
    assert "fault of convlint" not in ran.err, ran.err
    assert "CVL005" not in ran.out, ran.out
    if ran.code == 2:
        assert len([line for line in ran.err.splitlines() if not line.startswith("warning: ")]) == 1


def words(text: str) -> list[str]:
    """What stands between blanks."""
    return text.split()


# --- configurations ------------------------------------------------------------------------------------------------

KEYS = words("""
select extend-select ignore per-file-ignores exporter target opset show-harmless preview fix unsafe-fixes fix-only
show-fixes fixable unfixable exclude extend-exclude force-exclude respect-gitignore baseline output-format cache
cache-dir jobs models entry-points exclude-entry-points rules required-version extend unknown
""")
VALUES = words("""
true false 0 1 -1 17 1e400 nan 9223372036854775808 "" "CVL2" "ALL" "[" "**" "../.." "/" "\\u0000" "é\\u202e"
"a:b" "any" "tensorrt==10.0" "tensorrt==" "onnxruntime" "json" [] [""] ["CVL1","X"] [1] [[]] {} {a=1}
{"*"=["CVL2"]} 1979-05-27 [{factory="model:Model"}] [{factory=1}] [{}] {CVL202={}} {CVL202={x=1}}
"model:Model" ["model:Model"] ["model"] "\\ud800"
""")


def test_any_configuration_is_understood_or_refused(cli: Cli) -> None:
    Path("model.py").write_text(MODEL)
    for seed in seeds(0.1):
        chance = random.Random(seed)
        name = chance.choice(["convlint.toml", "pyproject.toml"])
        lines = [f"{chance.choice(KEYS)} = {chance.choice(VALUES)}" for _ in range(chance.randint(1, 3))]
        head = ["[tool.convlint]"] if name == "pyproject.toml" and chance.random() < 0.9 else []
        text = "\n".join([*head, *lines, ""])
        if chance.random() < 0.2:
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(['"', "[", "]", "=", "\0", "\x1b", "{" * 3000, "[" * 3000]) + text[at:]
        Path(name).write_text(text)
        told(cli, "model.py", "--output-format", "concise")
        Path(name).unlink()


# --- comments ------------------------------------------------------------------------------------------------------

PARTS = words("""
# convlint: ignore [ ] [CVL202] [CVL] [CVL999,CVL202] [cvl202] ignore-file ignore-file[CVL2]
noqa noqa: NOQA:CVL202 , ; \\ ' " é \u202e type: why [[ ]] [CVL202 CVL202] CVL202, (CVL202) fmt:skip \x0c
""")


def test_any_comment_is_a_suppression_or_none(cli: Cli) -> None:
    for seed in seeds(0.1):
        chance = random.Random(seed)
        lines = MODEL.splitlines()
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(lines))
            comment = chance.choice(["", " "]).join(
                chance.choice(PARTS).strip("\n") for _ in range(chance.randint(1, 6))
            )
            lines[at] += f"  # {chance.choice(['', 'convlint: ignore', 'noqa'])}{comment}"
        text = chance.choice(["\n", "\r\n", "\r"]).join([*lines, ""])
        Path("model.py").write_bytes(text.encode())
        told(cli, "model.py", "--output-format", "concise", "--show-harmless")
        told(cli, "model.py", "--fix", "--unsafe-fixes", "--output-format", "concise")
        Document.read("model.py").parse()
        told(cli, "model.py", "--add-ignores")
        Document.read("model.py").parse()


# --- notebooks -----------------------------------------------------------------------------------------------------

SOURCES: list[Any] = [
    "",
    [],
    MODEL,
    MODEL.splitlines(keepends=True),
    ["%matplotlib inline\n", "x = !ls\n", "y = 1"],
    "%%time\n" + MODEL,
    "%%html\n<b>",
    "x = '\ud800'",
    [1],
    None,
    {},
    "# convlint-cell\n",
    "a\r\nb\rc\x0c\x85\u2028d",
    "?x\nx?\n!a \\\n b\n",
    "if x:\n    %time f()\n",
]


def notebook(chance: random.Random) -> bytes:
    """A file that is a notebook, nearly."""
    kinds = ["code"] * 6 + ["markdown", "raw", 1, None]
    cells: list[Any] = [
        {"cell_type": chance.choice(kinds), "source": chance.choice(SOURCES), "metadata": {}, "outputs": []}
        for _ in range(chance.randint(0, 4))
    ]
    told: dict[str, Any] = {"cells": cells, "nbformat": 4, "metadata": chance.choice([{}, None, {"kernelspec": 1}])}
    if chance.random() < 0.1:
        told[chance.choice(["cells", "metadata", "x"])] = chance.choice([None, 1, [1], {}, "s"])
    indent, plain = chance.choice([None, 1, "\t"]), chance.random() < 0.5
    text = json.dumps(told, indent=indent, ensure_ascii=plain)
    for _ in range(chance.choice([0, 0, 1, 3])):
        at = chance.randrange(len(text))
        cut = at + chance.choice([0, 1, 9])
        text = (
            text[:at] + chance.choice(["", '"', ",", "{", "]", "\\", "\\u0000", "1" * 5000, "\x00", "é"]) + text[cut:]
        )
    return text.encode("utf-8", "surrogatepass")


def test_any_notebook_is_repaired_in_its_cells_only(cli: Cli) -> None:
    path = Path("n.ipynb")
    for seed in seeds(0.15):
        data = notebook(random.Random(seed))
        path.write_bytes(data)
        try:
            document = Document.read(path)
        except SourceError:
            document = None
        if document is not None:
            assert document.encode(document.text) == data
        told(cli, "n.ipynb", "--output-format", "concise")
        told(cli, "n.ipynb", "--output-format", "json")
        told(cli, "n.ipynb", "--fix", "--unsafe-fixes", "--output-format", "concise")
        if path.read_bytes() != data:
            before, after = json.loads(data, strict=False), json.loads(path.read_bytes(), strict=False)
            for one in (*before["cells"], *after["cells"]):
                one.pop("source", None)
            assert after == before
        told(cli, "n.ipynb", "--add-ignores")
