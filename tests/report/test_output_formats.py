"""Every output format on hostile sources and names: by its own schema, read back, compared with the JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, get_args
from urllib.parse import unquote_to_bytes

import hostile
import jsonschema
import pytest
from conftest import Cli
from convlint_rules.examples import forward
from junitparser import JUnitXml
from lxml import etree
from markdown_it import MarkdownIt

from convlint.config import OutputFormat
from convlint.findings import Edit, Span
from convlint.report.formats import FORMATS, SEVERITIES
from convlint.report.line_hashes import line_hashes
from convlint.report.plain import one_line, printable
from convlint.source.discovery import encodable
from convlint.source.document import Document

SCHEMAS = Path(__file__).parent / "schemas"
PROGRAMS = [name for name, output in FORMATS.items() if not output.for_people]


class Read(NamedTuple):
    """What every format says of a finding."""

    path: str
    row: int
    code: str
    message: str


def found(cli: Cli) -> list[dict[str, Any]]:
    """The findings as JSON, whose texts are what they are."""
    shown: list[dict[str, Any]] = json.loads(cli("pkg", "--output-format", "json").out)
    return shown


def expected(cli: Cli, path_shown: Any = printable) -> list[Read]:
    """The findings as a format says them that spells out what does not print."""
    names = {encodable(str(path)): path for path in Path("pkg").absolute().iterdir()}
    return [
        Read(
            path_shown(names[one["filename"]].relative_to(Path.cwd()).as_posix()),
            one["location"]["row"],
            one["code"],
            one_line(one["message"]),
        )
        for one in found(cli)
    ]


def report(cli: Cli, output: str) -> str:
    """The report, the same on stdout and in a file; the run fails as it does in any format."""
    ran = cli("pkg", "--output-format", output)
    assert (ran.code, ran.err) == (1, "")
    assert cli("pkg", "--output-format", output, "--output-file", "report").out == ""
    assert Path("report").read_bytes() == ran.out.encode()
    return ran.out


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return hostile.write(tmp_path)


@pytest.mark.parametrize("output", get_args(OutputFormat))
def test_nothing_in_a_report_acts_on_a_terminal_or_a_build_server(cli: Cli, paths: list[Path], output: str) -> None:
    out = report(cli, output)
    assert [char for char in out if not char.isprintable() and char != "\n"] == []
    commands = [line for line in out.splitlines() if line.lstrip().startswith("::") or "##vso[" in line[1:]]
    if output == "github":
        assert len(commands) == len(out.splitlines()) == 6 * len(paths)
    elif "json" not in output and output not in ("full", "gitlab", "sarif"):  # those quote source, behind other text
        assert commands == []


@pytest.mark.parametrize("output", get_args(OutputFormat))
def test_a_clean_run_is_0_in_every_format(cli: Cli, output: str) -> None:
    Path("a.py").write_text("x = 1\n")
    ran = cli("a.py", "--output-format", output)
    assert (ran.code, ran.err) == (0, "")
    if output in ("json", "gitlab"):
        assert json.loads(ran.out) == []
    elif output in ("sarif", "rdjson"):
        assert "results" in ran.out or "diagnostics" in ran.out
    elif output in ("json-lines", "github", "azure", "pylint"):
        assert ran.out == ""


def test_a_severity_has_a_name_in_every_format_that_has_names() -> None:
    assert set(FORMATS) == set(get_args(OutputFormat))
    named = {"junit", "github", "gitlab", "azure", "rdjson", "sarif"}
    assert set(SEVERITIES) == named
    assert all(set(names) == {"error", "warning", "info"} for names in SEVERITIES.values())


@pytest.mark.parametrize("output", [name for name in PROGRAMS if name != "json"])
def test_statistics_are_text_or_json(cli: Cli, output: str) -> None:
    Path("a.py").write_text("def f(:\n")
    ran = cli("a.py", "--statistics", "--output-format", output)
    assert (ran.code, ran.out) == (2, "")
    assert f"--output-format {output}" in ran.err


@pytest.mark.parametrize("output", PROGRAMS)
def test_an_output_that_knows_only_ascii_gets_utf_8(tmp_path: Path, output: str) -> None:
    (tmp_path / "é.py").write_text(forward("é = '日本😀'; return x * int(x[é].shape[0])"))
    command = [sys.executable, "-m", "convlint", ".", "--isolated", "--output-format", output]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, env=environment)
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert "é.py" in ran.stdout.decode() or "%C3%A9.py" in ran.stdout.decode()


def test_json_lines_are_the_objects_of_the_json(cli: Cli, paths: list[Path]) -> None:
    assert [json.loads(line) for line in report(cli, "json-lines").splitlines()] == found(cli)


def test_grouped_names_each_file_once(cli: Cli, paths: list[Path]) -> None:
    blocks = report(cli, "grouped").strip().split("\n\n")[:-1]
    assert len(blocks) == len(paths)
    assert all(block.count("\n") == 6 for block in blocks)
    plain = next(block for block in blocks if block.startswith("pkg/plain.py:\n"))
    assert "\n  7:22  error CVL202 `t[" in plain
    assert "\n  12:24 error CVL202 [*] `int(x.shape[1])` turns" in plain


def test_pylint(cli: Cli, paths: list[Path]) -> None:
    lines = [re.fullmatch(r"(.+?):(\d+): \[(\w+)\] (.*)", line) for line in report(cli, "pylint").splitlines()]
    read = [Read(one[1].replace(r":\x20", ": "), int(one[2]), one[3], one[4]) for one in lines if one]
    assert read == expected(cli)


# --- build servers -------------------------------------------------------------------------------------------------


def unescaped(text: str, table: dict[str, str]) -> str:
    return re.sub("|".join(map(re.escape, table)), lambda match: table[match[0]], text)


GITHUB = {"%25": "%", "%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}
AZURE = {"%AZP25": "%", "%0D": "\r", "%0A": "\n", "%3B": ";", "%5D": "]"}


def test_github_reads_every_annotation(cli: Cli, paths: list[Path]) -> None:
    read, ranges = [], []
    for line in report(cli, "github").splitlines():
        command, _, data = line.removeprefix("::").partition("::")  # as the runner splits it
        level, _, named = command.partition(" ")
        assert level == "error"
        told = {key: unescaped(value, GITHUB) for key, _, value in (one.partition("=") for one in named.split(","))}
        place, code, message = unescaped(data, dict(list(GITHUB.items())[:3])).partition(f" {told['title'][10:-1]} ")
        assert place == f"{told['file']}:{told['line']}:{ranges_start(told)}:"
        read.append(Read(told["file"], int(told["line"]), code.strip(), message))
        ranges.append((told["line"], told["endLine"], told.get("col"), told.get("endColumn")))
    assert read == expected(cli)
    assert set(ranges[:6]) >= {("7", "7", "22", "87"), ("8", "10", None, None), ("12", "12", "24", "39")}


def ranges_start(told: dict[str, str]) -> str:
    return told.get("col", "13")  # of the finding over several lines


def test_azure_reads_every_issue(cli: Cli, paths: list[Path]) -> None:
    read = []
    for line in report(cli, "azure").splitlines():
        command, _, message = line.removeprefix("##vso[").partition("]")
        name, _, named = command.partition(" ")
        assert name == "task.logissue"
        told = {key: unescaped(value, AZURE) for key, _, value in (one.partition("=") for one in named.split(";"))}
        assert told["type"] == "error"
        read.append(Read(told["sourcepath"], int(told["linenumber"]), told["code"], unescaped(message, AZURE)))
    assert read == expected(cli)


def test_gitlab_knows_a_finding_again_when_lines_move(cli: Cli, paths: list[Path]) -> None:
    before = json.loads(report(cli, "gitlab"))
    for one in before:
        jsonschema.validate(one, schema("gitlab.json"))
    read = [
        Read(
            one["location"]["path"],
            one["location"]["positions"]["begin"]["line"],
            one["check_name"],
            one["description"].removeprefix(f"{one['check_name']}: "),
        )
        for one in before
    ]
    assert read == expected(cli, encodable)
    assert {one["severity"] for one in before} == {"major"}
    prints = Counter(one["fingerprint"] for one in before)
    assert set(prints.values()) == {1}
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"\nclass", b"\n# moved\n\n\nclass").replace(b"    ", b"  "))
    after = json.loads(report(cli, "gitlab"))
    assert [one["location"]["positions"]["begin"]["line"] for one in after[:1]] == [10]
    assert Counter(one["fingerprint"] for one in after) == prints


# --- XML -----------------------------------------------------------------------------------------------------------


def test_junit_is_read_and_valid(cli: Cli, paths: list[Path]) -> None:
    text = report(cli, "junit")
    read = [
        Read(suite.name, int(case._elem.get("line")), case.name.removeprefix("org.convlint."), case.result[0].message)
        for suite in JUnitXml.fromstring(text.encode())
        for case in suite
    ]
    assert read == expected(cli)
    assert_junit(text)


def test_junit_of_a_clean_run_is_one_test_that_passed(cli: Cli) -> None:
    Path("a.py").touch()
    text = cli("a.py", "--output-format", "junit").out
    assert_junit(text)
    (suite,) = JUnitXml.fromstring(text.encode())
    assert [(case.name, case.result) for case in suite] == [("No errors found", [])]


def test_junit_skips_infos(cli: Cli) -> None:
    Path("a.py").write_text(forward("if x.shape[0] > 1:\n    x = x.contiguous()\nreturn x * int(x.shape[0])"))
    text = cli("a.py", "--output-format", "junit", "--show-harmless", "--exporter", "dynamo").out
    assert_junit(text)
    read = JUnitXml.fromstring(text.encode())
    assert (read.tests, read.failures, read.errors, read.skipped) == (2, 1, 0, 1)


def assert_junit(text: str) -> None:
    """Valid but for what Ruff writes besides, and what every reader takes."""
    root = etree.fromstring(text.encode())
    root.attrib.pop("skipped")
    for case in root.iter("testcase"):
        for name in ("line", "column"):
            case.attrib.pop(name, None)
        for properties in case.findall("properties"):
            case.remove(properties)
    etree.XMLSchema(etree.parse(SCHEMAS / "junit-10.xsd")).assertValid(root)


# --- reports with repairs ------------------------------------------------------------------------------------------


def test_reviewdog_can_apply_what_rdjson_suggests(cli: Cli, paths: list[Path]) -> None:
    told = json.loads(report(cli, "rdjson"))
    jsonschema.validate(told, schema("rdjson.json"))
    read = [
        Read(
            one["location"]["path"],
            one["location"]["range"]["start"]["line"],
            one["code"]["value"],
            one["message"],
        )
        for one in told["diagnostics"]
    ]
    assert read == expected(cli, encodable)
    data = Path("pkg/plain.py").read_bytes().splitlines(keepends=True)
    mine = [one for one in told["diagnostics"] if one["location"]["path"] == "pkg/plain.py"]
    start, end = (mine[0]["location"]["range"][name]["column"] for name in ("start", "end"))
    assert data[6][start - 1 : end - 1].decode().startswith('t["\x1b')
    assert data[6][start - 1 : end - 1].decode().endswith(".item()")
    edits = [edit for one in mine[1:] for edit in one.get("suggestions", ())]
    for edit in sorted(edits, key=lambda one: (one["range"]["start"]["line"], one["range"]["start"]["column"]))[::-1]:
        (row, column), (end_row, end_column) = (
            (one["line"], one["column"]) for one in (edit["range"]["start"], edit["range"]["end"])
        )
        joined = data[row - 1][: column - 1] + edit["text"].encode() + data[end_row - 1][end_column - 1 :]
        data[row - 1 : end_row] = [joined]
    assert cli("pkg/plain.py", "--fix").code == 1
    assert b"".join(data) == Path("pkg/plain.py").read_bytes()


def test_sarif_passes_the_schema_and_what_github_demands(cli: Cli, paths: list[Path]) -> None:
    log = json.loads(report(cli, "sarif"))
    jsonschema.validate(log, schema("sarif-2.1.0.json"))
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["CVL202", "CVL301"]
    for rule in rules:
        assert rule["help"]["markdown"].startswith(f"# {rule['name']} ({rule['id']})")
        assert 0 < len(rule["shortDescription"]["text"]) < 100
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert rule["defaultConfiguration"]["level"] == rule["properties"]["problem.severity"] == "error"
    documents = {path: Document.read(path) for path in paths}
    read = []
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        uri, region = place["artifactLocation"]["uri"], place["region"]
        assert not re.match(r"/|\w+:", uri)
        path = Path(os.fsdecode(unquote_to_bytes(uri)))
        document = documents[path.absolute()]
        line, last = document.lines[region["startLine"] - 1], document.lines[region["endLine"] - 1]
        assert line[region["startColumn"] - 1 :].startswith(('t["', "int(", "x.sum()"))
        assert last[: region["endColumn"] - 1].endswith((")", "> 0"))
        assert re.fullmatch(r"[0-9a-f]+:1", result["partialFingerprints"]["primaryLocationLineHash"])
        assert "](" not in result["message"]["text"]
        read.append(Read(printable(path.as_posix()), region["startLine"], result["ruleId"], result["message"]["text"]))
    assert read == [one._replace(message=one.message.replace("](", "] (")) for one in expected(cli)]


def test_what_sarif_repairs_is_what_fix_writes(cli: Cli, paths: list[Path]) -> None:
    results = json.loads(report(cli, "sarif"))["runs"][0]["results"]
    fixes = [fix for one in results for fix in one.get("fixes", ()) if fix["properties"]["applicability"] == "safe"]
    edits: dict[Path, list[Edit]] = {}
    for change in (change for fix in fixes for change in fix["artifactChanges"]):
        path = Path(os.fsdecode(unquote_to_bytes(change["artifactLocation"]["uri"])))
        for one in change["replacements"]:
            span = Span(*(one["deletedRegion"][key] for key in ("startLine", "startColumn", "endLine", "endColumn")))
            edits.setdefault(path, []).append(Edit(span, one["insertedContent"]["text"]))
    wanted = {path: Document.read(path).apply(edit) for path, edit in edits.items()}
    assert len(wanted) == len(paths)
    cli("pkg", "--fix")
    assert {path: Document.read(path).text for path in edits} == wanted


HASHES = {
    # what `hash` of github/codeql-action's fingerprints.ts gives for these bytes
    b'a\r\n\tb  \r\nc\rd\n\n \n\xf0\x9f\x98\x80\xc3\xa9 "x"\nd\nd\nlast': [
        "ad0783fe28ad6825:1",
        "45983252f4a0e43e:1",
        "f3a24f803a87ce9a:1",
        "780e3051a7375d41:1",
        "6d4949f67add80fb:1",
        "d3778a99c2e311dd:1",
        "9826e2332bb10287:1",
        "9f4ccf3be2ce52d7:1",
        "4b291c8f2524d021:1",
        "58429ecce5a8d0db:1",
    ],
    b"\xef\xbb\xbfx = 1\r \nz\n\n\n": [
        "7de0df24289dd1fc:1",
        "f71d568fed7c4e1:1",
        "4353b226d60ee21b:1",
        "5b5d4caf73a13177:1",
        "3c5bef55b72b93c9:1",
        "c129715d7a2bc9a3:1",
    ],
}


@pytest.mark.parametrize("data", HASHES)
def test_lines_are_hashed_as_github_hashes_them(data: bytes) -> None:
    assert line_hashes(Document.decode(data, "a.py")) == HASHES[data]


# --- Markdown ------------------------------------------------------------------------------------------------------


def test_markdown_is_tables_and_nothing_else(cli: Cli, paths: list[Path]) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(report(cli, "markdown"))
    inlines = [token for token in tokens if token.type == "inline"]
    pieces = [child for token in inlines for child in token.children or ()]
    assert {piece.type for piece in pieces} <= {
        "text",
        "code_inline",
        "softbreak",
        "hardbreak",
        "html_inline",
        "text_special",
    }
    assert {piece.content for piece in pieces if piece.type == "html_inline"} == {"<br>"}
    titles = [one.children[0].content for before, one in pairwise(tokens) if before.tag == "h4" and one.children]
    wanted = expected(cli)
    assert titles == list(dict.fromkeys(one.path for one in wanted))
    cells = [one for before, one in pairwise(tokens) if before.type == "td_open"]
    assert len(cells) == 4 * len(wanted)
    texts = ["".join(child.content for child in cell.children or ()) for cell in cells[3::4]]
    assert [text.replace("`", "") for text in texts] == [one.message.replace("`", "") for one in wanted]


def test_markdown_mentions_nobody(cli: Cli) -> None:
    Path("`@all.py").write_text("def f(:\n")
    Path("b.py").write_text(forward("return x * int(x['`'].shape[0]) * x['@all'].item()"))
    Path("c.py").write_text(forward("return x * int(x['` @all `'].shape[0])"))
    tokens = MarkdownIt("commonmark").enable("table").parse(cli(".", "--output-format", "markdown").out)
    texts = [piece.content for token in tokens for piece in token.children or () if piece.type == "text"]
    assert "@\u200ball" in "".join(texts)
    assert not re.search(r"@\w", "".join(texts))


# --- paths ---------------------------------------------------------------------------------------------------------


def test_paths_are_those_of_the_repository_wherever_convlint_runs(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def path_of(*arguments: str) -> str:
        (one,) = json.loads(cli(*arguments, "--output-format", "gitlab").out)
        told: str = one["location"]["path"]
        return told

    (tmp_path / "work/.git").mkdir(parents=True)
    (tmp_path / "work/sub/.git").mkdir(parents=True)
    (tmp_path / "work/sub/a.py").write_text("def f(:\n")
    assert path_of("work/sub/a.py") == "a.py"
    monkeypatch.chdir("work")
    assert path_of("sub/a.py") == "sub/a.py"  # a submodule is checked out with what it is in
    (tmp_path / "b.py").write_text("def f(:\n")
    assert path_of("../b.py") == (tmp_path / "b.py").as_posix()
    monkeypatch.chdir(tmp_path)
    assert path_of("b.py") == "b.py"
    (one,) = json.loads(cli(str(tmp_path / "b.py"), "--output-format", "sarif").out)["runs"]
    assert one["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "b.py"


def test_stdin_has_a_path_in_every_format(cli: Cli) -> None:
    for output in PROGRAMS:
        ran = cli("-", "--stdin-filename", "src/a.py", "--output-format", output, stdin="def f(:\n")
        assert ran.code == 1
        assert "src/a.py" in ran.out
        assert cli("-", "--output-format", output, stdin="def f(:\n").code == 1
