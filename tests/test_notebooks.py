"""Notebooks: their Python cells are linted and repaired, and not a byte of the rest changes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from convlint_rules.examples import forward

from convlint.source.document import Document, SourceError

SETUP = (
    "%matplotlib inline\nimport torch\nfrom torch import nn\nfiles = !ls *.py\n!pip install \\\n   timm\nnn.Linear?\n"
)
MODEL = """\
%%time
class Model(nn.Module):
    def forward(self, x):
        é = "日本"; n = int(x.shape[0])
        %timeit x
        y = (n
             % 3)
        if x.sum() > 0:
            return y
        return x * int(
            x.shape[1]
        )"""
REPAIRED = MODEL.replace("int(x.shape[0])", "x.shape[0]").replace(
    "int(\n            x.shape[1]\n        )", "x.shape[1]"
)
BASH = "%%bash\nls 'unfinished"


def code(source: str | list[str]) -> dict[str, Any]:
    output = {"name": "stdout", "output_type": "stream", "text": ["int(x.shape[0])\n"]}
    return {
        "cell_type": "code",
        "execution_count": 3,
        "id": "a",
        "metadata": {"tags": ["é"], "source": ["int(x.shape[0])"]},
        "outputs": [output],
        "source": source,
    }


def notebook(*cells: dict[str, Any], **layout: Any) -> str:
    metadata = {"language_info": {"name": "python"}}
    whole = {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, **({"indent": 1, "ensure_ascii": False} | layout)) + "\n"


def cells(*, as_lines: bool = True) -> list[dict[str, Any]]:
    sources = [source.splitlines(keepends=True) if as_lines else source for source in (SETUP, BASH, MODEL)]
    return [{"cell_type": "markdown", "metadata": {}, "source": ["int(x.shape[0])"]}, *map(code, sources)]


LAYOUTS = {
    "jupyter": notebook(*cells()),
    "one line": notebook(*cells(), indent=None),
    "compact": notebook(*cells(), indent=None, separators=(",", ":")),
    "escaped": notebook(*cells(), ensure_ascii=True),
    "texts": notebook(*cells(as_lines=False), indent="\t"),
    "windows": notebook(*cells()).replace("\n", "\r\n"),
    "bom": "\ufeff" + notebook(*cells()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_repair_changes_the_lines_it_repairs_and_no_other_byte(cli: Cli, layout: str) -> None:
    path, before = Path("a.ipynb"), LAYOUTS[layout]
    path.write_bytes(before.encode())
    ran = cli("a.ipynb", "--fix", "--output-format", "concise")
    assert ran.code == 1
    assert ran.out.splitlines()[0].startswith("a.ipynb:cell 4:8:12: error CVL301 `x.sum() > 0`")
    after = path.read_bytes().decode()
    told = json.loads(after.removeprefix("\ufeff"))
    assert "".join(told["cells"][3].pop("source")) == REPAIRED
    wanted = json.loads(before.removeprefix("\ufeff"))
    wanted["cells"][3].pop("source")
    assert told == wanted
    if layout in ("jupyter", "escaped", "windows", "bom"):  # a line of the file is a line of the source
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
        gone = [line for line in old if line not in new]
        assert len(gone) == 4
        assert [line for line in new if line not in old] == [
            gone[0].replace("int(x.shape[0])", "x.shape[0]"),
            gone[1].replace('int(\\n",', 'x.shape[1]"'),
        ]
    else:
        assert after.count("\n") == before.count("\n")


def test_findings_are_told_by_cell(cli: Cli) -> None:
    Path("a.ipynb").write_text(LAYOUTS["jupyter"])
    findings = json.loads(cli(".", "--output-format", "json").out)
    assert [(one["cell"], one["location"]["row"], one["location"]["column"]) for one in findings] == [
        (4, 4, 23),
        (4, 8, 12),
        (4, 10, 20),
    ]
    (edit,) = findings[0]["fix"]["edits"]
    assert edit["location"] == {"row": 4, "column": 23}
    assert "a.ipynb:\n  cell 4:4:23  error CVL202" in cli(".", "--output-format", "grouped").out
    full = cli(".", "--output-format", "full").out
    assert "  --> a.ipynb:cell 4:4:23\n" in full
    assert '4 |         é = "日本"; n = int(x.shape[0])\n' in full
    assert "5 |         %timeit x\n" in full
    assert "convlint-cell" not in full


def test_who_knows_files_only_is_told_the_line_of_the_file(cli: Cli) -> None:
    Path("a.ipynb").write_text(LAYOUTS["jupyter"])
    lines = LAYOUTS["jupyter"].splitlines()
    for one in json.loads(cli(".", "--output-format", "gitlab").out):
        begin, end = (one["location"]["positions"][name]["line"] for name in ("begin", "end"))
        words = ("int(x.shape[0])", "x.sum() > 0", "return x * int(")
        place = next(place for word, place in zip(words, (4, 8, 10), strict=True) if word in lines[begin - 1])
        assert f": cell 4, line {place}: " in one["description"]
        assert end - begin == (2 if place == 10 else 0)
    for output in ("github", "azure", "pylint", "junit", "rdjson", "sarif", "markdown"):
        told = cli(".", "--output-format", output).out
        assert told.count("cell 4, line 8") == (2 if output == "junit" else 1)
        assert "insertedContent" not in told
        assert "suggestions" not in told


def test_a_diff_is_of_the_file(cli: Cli, tmp_path: Path) -> None:
    Path("a.ipynb").write_text(LAYOUTS["jupyter"])
    out = cli("a.ipynb", "--diff").out
    assert '-    "        é = \\"日本\\"; n = int(x.shape[0])\\n",\n' in out
    assert '+    "        é = \\"日本\\"; n = x.shape[0]\\n",\n' in out


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize(
    "layout",
    [{"indent": 1}, {"indent": None}, {"indent": "\t", "ensure_ascii": True}, {"indent": 4, "as_lines": False}],
)
def test_git_applies_the_diff_of_a_notebook_to_what_fix_writes(
    cli: Cli, newline: str, end: str, layout: dict[str, Any]
) -> None:
    layout = dict(layout)
    parts = cells(as_lines=layout.pop("as_lines", True))
    parts.append(code("n = '\U0001f642\u2028'\r\nx = torch.ones(len(torch.ones(3)))"))
    before = (notebook(*parts, **layout).rstrip("\n") + end).replace("\n", newline).encode()
    path = Path("größe.ipynb")
    path.write_bytes(before)
    assert cli(".", "--unsafe-fixes", "--diff", "--output-file", "fix.patch").code == 1
    assert path.read_bytes() == before
    cli(".", "--unsafe-fixes", "--fix")
    after = path.read_bytes()
    assert after != before
    path.write_bytes(before)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "apply", "--whitespace=nowarn", "fix.patch"], check=True)
    assert path.read_bytes() == after


def test_stdin_is_a_notebook_where_its_name_says_so(cli: Cli) -> None:
    ran = cli("-", "--stdin-filename", "a.ipynb", "--fix", "--quiet", stdin=LAYOUTS["jupyter"])
    told = json.loads(ran.out)
    assert "".join(told["cells"][3]["source"]) == REPAIRED


def test_suppressions_and_baselines_hold_in_cells(cli: Cli) -> None:
    Path("a.ipynb").write_text(LAYOUTS["jupyter"])
    assert cli(".", "--write-baseline", "base.json").code == 0
    assert cli(".", "--baseline", "base.json").code == 0
    assert cli(".", "--add-ignores").out == "Added 3 suppressions.\n"
    source = json.loads(Path("a.ipynb").read_text())["cells"][3]["source"]
    assert source[3] == '        é = "日本"; n = int(x.shape[0])  # convlint: ignore[CVL202]\n'
    assert source[-1].endswith("  # convlint: ignore[CVL202]")
    assert cli(".").code == 0


def test_a_cell_that_is_no_python_is_named(cli: Cli) -> None:
    Path("a.ipynb").write_text(notebook(code("x = 1"), code("y = 2\ndef f(:\n")))
    assert cli(".", "--output-format", "concise").out.startswith("a.ipynb:cell 2:2:7: error CVL001 ")


@pytest.mark.parametrize("name", ["R", "julia"])
def test_another_language_is_not_linted(cli: Cli, name: str) -> None:
    text = notebook(code("x <- 1")).replace('"python"', f'"{name}"')
    Path("a.ipynb").write_text(text)
    assert cli(".").code == 0
    assert Path("a.ipynb").read_text() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no notebook: Expecting value"),
        ("[]", "is no notebook of format 4: it has no list of cells"),
        ('{"worksheets": []}', "is no notebook of format 4"),
        ('{"cells": [}', "is no notebook: Expecting value"),
        ("[" * 100_000, "is no notebook: nested too deeply"),
    ],
)
def test_what_is_no_notebook_is_a_finding(cli: Cli, text: str, message: str) -> None:
    Path("a.ipynb").write_text(text)
    ran = cli(".", "--output-format", "concise")
    assert (ran.code, ran.err) == (1, "")
    assert f"error CVL001 {message}" in ran.out


@pytest.mark.parametrize(
    "source",
    [
        "",
        "\n",
        "x = 1\n\n\n",
        "# convlint-cell\n# convlint-cell\n",
        "%magic",
        "!ls \\\n  -l \\\n  .",
        "if True:\n    !ls\n    x = %who\nelse:\n\t%pwd",
        "?print\nprint??\nx.y?",
        "%%writefile a.py\nx = 1",
        "a, *b = !ls",
        "text = '''\n%no magic\n'''\n%magic",
        "total = (1\n% 2)\n!ls",
        "x = 'a\\\n% b'\n%magic",
        "await f()",
    ],
)
def test_any_cell_is_written_back_as_it_was(source: str) -> None:
    data = notebook(
        code(source), {"cell_type": "raw", "metadata": {}, "source": "%"}, code([source, "\n", source])
    ).encode()
    document = Document.decode(data, "a.ipynb")
    assert document.encode(document.text) == data
    document.parse()


def test_what_pythons_parser_warns_of_is_not_told(cli: Cli, recwarn: pytest.WarningsRecorder) -> None:
    Path("a.ipynb").write_text(notebook(code("x = '\\d'")))
    assert cli(".").code == 0
    assert [one for one in recwarn if "invalid escape" in str(one.message)] == []


def test_a_text_that_lost_a_boundary_is_not_written() -> None:
    document = Document.decode(notebook(code("x = 1"), code("y = 2")).encode(), "a.ipynb")
    with pytest.raises(SourceError):
        document.encode("x = 1\ny = 2")


def test_a_notebook_hides_no_module_of_its_name(cli: Cli) -> None:
    model = forward("return x * rows(x)").replace("import torch\n", "import torch\nfrom sizes import rows\n")
    Path("sizes.py").write_text("def rows(x):\n    return int(x.shape[0])\n")
    Path("sizes.ipynb").write_text(notebook(code(model)))
    assert "sizes.py:2:12: error CVL202" in cli(".", "--output-format", "concise").out


def test_a_repair_of_two_cells_is_written_and_not_told_as_one_of_a_cell(cli: Cli) -> None:
    model = "class Model(nn.Module):\n    def forward(self, x):\n        return tensor([x.sum(), x.mean()])\n"
    Path("a.ipynb").write_text(notebook(code("from torch import nn, tensor\n"), code(model)))
    (finding,) = json.loads(cli(".", "--output-format", "json").out)
    assert (finding["cell"], finding["location"]["row"], finding["fix"]) == (2, 3, None)
    assert cli(".", "--fix", "--unsafe-fixes").code == 0
    sources = ["".join(cell["source"]) for cell in json.loads(Path("a.ipynb").read_text())["cells"]]
    assert sources[0] == "import torch\nfrom torch import nn, tensor\n"
    assert sources[1] == model.replace("tensor([", "torch.stack([")


BROKEN = "def f(:\n    x = (\n"


def test_a_broken_cell_is_told_and_the_others_are_linted_and_repaired(cli: Cli) -> None:
    quiet = MODEL.replace("if x.sum() > 0:", "if x.sum() > 0:  # convlint: ignore[CVL301] only here")
    Path("a.ipynb").write_text(notebook(*map(code, (SETUP, BROKEN, quiet, BROKEN))), encoding="utf-8")
    ran = cli("a.ipynb", "--fix", "--output-format", "concise")
    assert ran.code == 1
    assert [line[: len("a.ipynb:cell 2:1:7: error CVL001")] for line in ran.out.splitlines()[:2]] == [
        "a.ipynb:cell 2:1:7: error CVL001",
        "a.ipynb:cell 4:1:7: error CVL001",
    ]
    sources = ["".join(cell["source"]) for cell in json.loads(Path("a.ipynb").read_text(encoding="utf-8"))["cells"]]
    assert sources == [SETUP, BROKEN, REPAIRED.replace("> 0:", "> 0:  # convlint: ignore[CVL301] only here"), BROKEN]
