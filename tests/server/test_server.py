"""``convlint server`` as an editor meets it: a process of its own, spoken to over stdio."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from convlint_rules.examples import forward
from editor import Editor, applied, everything, spot
from lsprotocol import types as lsp

from convlint import api
from convlint.config import Configuration, Layer, Options
from convlint.findings import Applicability
from convlint.rule import registry

BODY = "return x * int(x.shape[0])"
MODEL = forward(BODY)
PLACE = spot(6, 19, 34)
"""Where the finding in ``MODEL`` is."""
MENDED = forward("return x * x.shape[0]")
LONG = "\n\n".join(
    [MODEL]
    + [
        f"class Layer{i}(nn.Module):\n    def forward(self, x):\n        for j in range(3):\n"
        f"            x = x * int(x.shape[0]) + self.layer(x)\n        return x"
        for i in range(400)
    ]
)
"""A file that is checked for a second or so."""
CALLER = forward("return x * rows(x)").replace("import torch\n", "import torch\nfrom helper import rows\n")
HELPER = "def rows(x):\n    return int(x.shape[0])\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    editor = Editor(tmp_path_factory.mktemp("workspace"))
    yield editor
    editor.end()


@pytest.fixture
def folder(shared: Editor, request: pytest.FixtureRequest) -> Path:
    """A project of its own in the workspace."""
    folder = Path(tempfile.mkdtemp(prefix=f"{request.node.originalname}_", dir=shared.folder))
    (folder / "pyproject.toml").write_text("")
    return folder


@pytest.fixture
def opened(shared: Editor, folder: Path) -> Iterator[Callable[..., str]]:
    """Opens a file of the project, saved or not."""
    uris = []

    def call(text: str, name: str = "net.py", *, saved: bool = True) -> str:
        if saved:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())
        uris.append(shared.open(f"{folder.name}/{name}", text))
        return uris[-1]

    yield call
    for uri in uris:
        shared.close(uri)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Editor]]:
    """Starts an editor of its own."""
    editors = []

    def call(*arguments: object, **more: object) -> Editor:
        editors.append(Editor(tmp_path, *arguments, **more))  # type: ignore[arg-type]
        return editors[-1]

    yield call
    for editor in editors:
        editor.end()


Open = Callable[..., str]
Start = Callable[..., Editor]


# --- while somebody types --------------------------------------------------------------------------------------------


def test_a_finding_is_shown_where_it_is(shared: Editor, opened: Open) -> None:
    (found,) = shared.found(opened(MODEL))
    assert (found.range, found.code, found.source) == (PLACE, "CVL202", "convlint")
    assert found.severity is lsp.DiagnosticSeverity.Error
    assert found.message.startswith("`int(x.shape[0])` turns a size into a plain number")


def test_findings_follow_the_text_and_end_with_the_file(shared: Editor, opened: Open) -> None:
    uri = opened(MODEL)
    assert shared.codes(uri) == ["CVL202"]
    shared.type(uri, lsp.TextDocumentContentChangePartial(PLACE, "x.shape[0]"))
    assert shared.codes(uri) == []
    shared.type(uri, lsp.TextDocumentContentChangePartial(spot(6, 19, 29), "int(x.shape[0])"))
    assert shared.codes(uri) == ["CVL202"]
    shared.type(uri, lsp.TextDocumentContentChangePartial(spot(5, 0, 0), "    # one more line\n"))
    assert [one.range for one in shared.found(uri)] == [spot(7, 19, 34)]
    shared.close(uri)
    shared.next(uri, [])


def test_what_is_half_typed_is_an_error_until_it_is_whole(shared: Editor, opened: Open) -> None:
    uri = opened(MODEL)
    at = lsp.Position(6, 19)
    for typed, codes in (("(", ["CVL001"]), ("1 + ", ["CVL001"]), ("2) * ", ["CVL202"])):
        shared.type(uri, lsp.TextDocumentContentChangePartial(lsp.Range(at, at), typed))
        at = lsp.Position(6, at.character + len(typed))
        assert shared.codes(uri) == codes


def test_only_the_newest_text_is_answered(shared: Editor, opened: Open) -> None:
    uri = opened(LONG)
    first = len(shared.found(uri))
    for number in range(40):
        version = shared.type(uri, lsp.TextDocumentContentChangePartial(spot(2, 0, 0), f"# {number}\n"))
    assert len(shared.found(uri)) == first
    versions = [one.version for one in shared.published if one.uri == uri]
    assert versions == sorted(set(versions))
    assert versions[-1] == version
    assert len(versions) < 20


def test_a_question_that_is_taken_back_is_not_answered(shared: Editor, opened: Open) -> None:
    uri = opened(LONG)
    context = lsp.CodeActionContext([])
    question = lsp.CodeActionParams(lsp.TextDocumentIdentifier(uri), PLACE, context)
    with pytest.raises(Exception, match="cancel"):
        shared.ask_and_take_back("textDocument/codeAction", question)
    assert len(shared.found(uri)) == 401


# --- files that are not on disk --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["net.py", "untitled:Untitled-1"])
def test_a_file_that_was_never_saved_is_checked(shared: Editor, folder: Path, name: str) -> None:
    uri = shared.open(name if ":" in name else f"{folder.name}/{name}", MODEL)
    assert [one.range for one in shared.found(uri)] == [PLACE]
    assert list(shared.chosen(shared.actions(uri), "Repair CVL202").values()) == [MENDED]
    shared.close(uri)


def test_other_files_are_read_from_the_disk(shared: Editor, opened: Open, folder: Path) -> None:
    (folder / "net.py").write_text(CALLER)
    assert shared.codes(opened(HELPER, "helper.py")) == ["CVL202"]


def test_what_is_open_counts_instead_of_what_is_on_disk(shared: Editor, opened: Open, folder: Path) -> None:
    (folder / "net.py").write_text(CALLER)
    helper = opened(HELPER, "helper.py")
    assert shared.codes(helper) == ["CVL202"]
    net = opened(CALLER)
    shared.found(net)
    shared.write(net, CALLER.replace("rows(x)", "2"))
    shared.next(helper, [])
    shared.write(net, CALLER)
    shared.next(helper, ["CVL202"])
    shared.write(net, CALLER.replace("rows(x)", "2"))
    shared.next(helper, [])
    shared.close(net)  # without saving it
    shared.next(helper, ["CVL202"])


def test_a_new_file_may_be_imported_before_it_is_saved(shared: Editor, opened: Open) -> None:
    opened("import torch\n\n\ndef rows(x: torch.Tensor):\n    return x.sum()\n", "helper.py", saved=False)
    assert shared.codes(opened(CALLER.replace("rows(x)", "(1 if rows(x) > 0 else 2)"))) == ["CVL301"]


def test_files_that_change_on_disk_are_read_again(shared: Editor, opened: Open, folder: Path) -> None:
    (folder / "net.py").write_text(CALLER)
    helper = opened(HELPER, "helper.py")
    assert shared.codes(helper) == ["CVL202"]
    (folder / "net.py").write_text(CALLER.replace("rows(x)", "2"))
    shared.changed_on_disk(f"{folder.name}/net.py")
    shared.next(helper, [])
    (folder / "other.py").write_text(CALLER)
    shared.changed_on_disk(f"{folder.name}/other.py", lsp.FileChangeType.Created)
    shared.next(helper, ["CVL202"])
    (folder / "other.py").unlink()
    shared.changed_on_disk(f"{folder.name}/other.py", lsp.FileChangeType.Deleted)
    shared.next(helper, [])


# --- repairs ---------------------------------------------------------------------------------------------------------


def fixed(path: Path, text: str, **options: object) -> str:
    """What ``--fix`` makes of a file."""
    path.write_bytes(text.encode())
    api.fix([path], Configuration([Layer(Options(**options), "test", path.parent)], isolated=True))  # type: ignore[arg-type]
    return path.read_bytes().decode()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_quick_fix_makes_what_fix_makes(shared: Editor, opened: Open, tmp_path: Path, ending: str) -> None:
    text = MODEL.replace("    def forward", "    # 🙂 ü\n    def forward").replace("\n", ending)
    text = text.replace("return x *", "return {'🙂🙂': x}['🙂🙂'] *")
    uri = opened(text)
    actions = shared.actions(uri)
    assert [action.title for action in actions] == [
        "Repair CVL202 (python-scalar)",
        "Suppress CVL202 here",
        "Repair all that convlint can",
    ]
    assert actions[0].is_preferred
    assert [one.range for one in actions[0].diagnostics or ()] == [shared.found(uri)[0].range]
    assert shared.chosen(actions, "Repair CVL202") == {uri: fixed(tmp_path / "net.py", text)} != {uri: text}


EXAMPLES = [
    (f"{code}-{number}", example)
    for code, rule in registry().items()
    for number, example in enumerate(rule.examples)
    if example.fix in (Applicability.safe, Applicability.unsafe)
]


def test_the_examples_of_all_rules_are_repaired_as_by_fix(shared: Editor, opened: Open, folder: Path) -> None:
    options = "preview = true\nunsafe-fixes = true\nopset = {opset}\ntarget = {targets}\n"
    for name, example in EXAMPLES:
        targets = json.dumps(list(example.targets or ["onnxruntime"]))
        (folder / name).mkdir()
        text = options.format(opset=example.opset, targets=targets).replace("opset = None\n", "")
        (folder / name / "convlint.toml").write_text(text)
        uri = opened(example.source, f"{name}/model.py")
        every = [action for action in shared.actions(uri) if action.kind == "source.fixAll.convlint"]
        assert shared.chosen(every, "Repair all") == {uri: example.good}, name
        shared.close(uri)


def test_an_unsafe_repair_is_offered_and_named_so(shared: Editor, opened: Open, tmp_path: Path) -> None:
    (text,) = {one.source for name, one in EXAMPLES if name == "CVL101-0"}
    uri = opened(text)
    found = next(one for one in shared.found(uri) if one.code == "CVL101")
    actions = shared.actions(uri, found.range, ["quickfix"])
    (title,) = [one.title for one in actions if one.title.startswith("Repair")]
    assert title == "Repair CVL101 (write-through-alias), unsafe: may change what eager computes"
    assert not any(action.is_preferred for action in actions)
    assert shared.actions(uri, found.range, ["source"]) == []  # `--fix` alone would not repair it
    repaired = fixed(tmp_path / "net.py", text, unsafe_fixes=True)
    assert shared.chosen(actions, "Repair CVL101") == {uri: repaired}


def test_all_is_repaired_at_once(shared: Editor, opened: Open, tmp_path: Path) -> None:
    text = forward("n = int(x.shape[0])\ny = x * 2\nz = '🙂'\nreturn y * n * int(y.shape[1]) * float(x.shape[0])")
    uri = opened(text)
    for only in (["source"], ["source.fixAll"], ["source.fixAll.convlint"]):
        (action,) = shared.actions(uri, only=only)
        assert action.edit is None  # it is made once somebody has chosen it
        assert shared.chosen([action], "Repair all") == {uri: fixed(tmp_path / "net.py", text)}
    assert shared.actions(uri, only=["source.organizeImports"]) == []
    shared.write(uri, MENDED)
    assert shared.actions(uri, spot(6, 0, 30), ["source.fixAll"]) == []


def test_what_may_not_be_repaired_is_not(shared: Editor, opened: Open, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.convlint]\nunfixable = ['CVL202']\n")
    assert [action.title for action in shared.actions(opened(MODEL))] == ["Suppress CVL202 here"]


def test_a_suppression_is_written_and_heard(shared: Editor, opened: Open) -> None:
    text = forward("return x * int(\n    x.shape[0]\n) * len('''\n''')")
    uri = opened(text)
    (silenced,) = shared.chosen(shared.actions(uri), "Suppress CVL202").values()
    assert silenced == text.replace("''')", "''')  # convlint: ignore[CVL202]")
    shared.write(uri, silenced)
    assert shared.codes(uri) == []
    uri = opened(MODEL.replace(BODY, f"{BODY}  # convlint: ignore[CVL301] measured"), "other.py")
    assert shared.codes(uri) == ["CVL202", "CVL002"]
    (silenced,) = shared.chosen(shared.actions(uri), "Suppress CVL202").values()
    assert "# convlint: ignore[CVL301, CVL202] measured" in silenced


def test_edits_are_of_the_version_that_was_asked_about(start: Start, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MODEL)
    editor = start(lsp.ClientCapabilities())  # one that knows nothing but the beginnings of the protocol
    uri = editor.open("net.py")
    actions = editor.actions(uri)
    assert all(action.edit and action.edit.document_changes is None for action in actions)
    assert editor.chosen(actions, "Repair all") == editor.chosen(actions, "Repair CVL202") == {uri: MENDED}
    assert editor.registered == []
    assert editor.stop() == 0


# --- what it says ----------------------------------------------------------------------------------------------------


def test_the_rule_is_explained_where_it_is_pointed_at(shared: Editor, opened: Open) -> None:
    uri = opened(MODEL)
    page = shared.hover(uri, 6, 25)
    assert page.startswith("**Here:** frozen on `jit_trace`, breaks on `torch_export`, frozen on `onnx_torchscript`")
    for words in ("# python-scalar (CVL202)", "## What it does", "## Why it breaks", "## Harm"):
        assert words in page
    assert shared.hover(uri, 6, 12) == shared.hover(uri, 400, 2) == ""
    uri = opened(MODEL.replace(BODY, f"{BODY}  # convlint: ignore[CVL202]"), "other.py")
    assert shared.hover(uri, 6, 60).startswith("# python-scalar (CVL202)")
    assert shared.hover(uri, 6, 40) == ""


def test_other_places_are_shown_with_a_finding(shared: Editor, opened: Open) -> None:
    uri = opened(forward("y = x.clone()\nv = y[:, 0].view(-1)\n\nv.mul_(2)\nreturn y"))
    found = next(one for one in shared.found(uri) if one.code == "CVL101")
    told = [(one.location.uri, one.location.range, one.message) for one in found.related_information or ()]
    assert told == [(uri, spot(7, 8, 28), "the view is made here"), (uri, spot(10, 15, 16), "`y` is read here")]


@pytest.mark.parametrize(("encoding", "widths"), [("utf-16", 2), ("utf-8", 4), ("utf-32", 1), (None, 2)])
def test_columns_are_counted_as_the_editor_counts(start: Start, tmp_path: Path, encoding: str, widths: int) -> None:
    text = forward("return {'🙂': x}['🙂'] * int(x.shape[0])")
    (tmp_path / "net.py").write_text(text)
    capabilities = everything()
    if encoding is not None:
        capabilities.general = lsp.GeneralClientCapabilities(position_encodings=[lsp.PositionEncodingKind(encoding)])
    editor = start(capabilities)
    uri = editor.open("net.py")
    before = 29 + 2 * widths
    assert [one.range for one in editor.found(uri)] == [spot(6, before, before + 15)]
    editor.type(uri, lsp.TextDocumentContentChangePartial(spot(6, before, before + 15), "x.shape[0]"))
    assert editor.codes(uri) == []


# --- settings --------------------------------------------------------------------------------------------------------


def test_the_configuration_is_read_again_when_it_changes(shared: Editor, opened: Open, folder: Path) -> None:
    uri = opened(MODEL)
    assert shared.codes(uri) == ["CVL202"]
    (folder / "pyproject.toml").write_text("[tool.convlint]\nignore = ['CVL2']\n")
    shared.changed_on_disk(f"{folder.name}/pyproject.toml")
    shared.next(uri, [])
    (folder / "convlint.toml").write_text("exporter = 'dynamo'\n")  # it comes before the other
    shared.changed_on_disk(f"{folder.name}/convlint.toml")
    shared.next(uri, ["CVL202"])
    (folder / "convlint.toml").unlink()
    shared.type(uri, lsp.TextDocumentContentChangePartial(spot(2, 0, 0), "\n"))  # nobody has to tell
    assert shared.codes(uri) == []


def test_a_broken_configuration_is_told_once(shared: Editor, opened: Open, folder: Path) -> None:
    uri, other = opened(MODEL), opened(MODEL, "other.py")
    assert shared.codes(uri) == shared.codes(other) == ["CVL202"]

    def told() -> list[str]:
        return [one.message for one in shared.messages if folder.name in one.message]

    broken = "[tool.convlint]\nexporte = 'dynamo'\n"
    for state, count in ((broken, 1), ("[tool.convlint]\n", 1), (broken, 2)):
        (folder / "pyproject.toml").write_text(state)
        for number in range(3):
            shared.type(uri, lsp.TextDocumentContentChangePartial(spot(2, 0, 0), f"# {number}\n"))
            shared.type(other, lsp.TextDocumentContentChangePartial(spot(2, 0, 0), f"# {number}\n"))
            assert shared.codes(uri) == shared.codes(other) == ["CVL202"]  # by what was right before
        assert len(told()) == count
    assert told()[0].endswith("pyproject.toml: [tool.convlint]: unknown key `exporte`; did you mean `exporter`?")


def test_what_a_run_leaves_out_is_left_out(shared: Editor, opened: Open, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.convlint]\nextend-exclude = ['vendored/']\n")
    for name in ("vendored/net.py", "venv/lib/site-packages/shop/net.py"):
        assert shared.codes(opened(MODEL, name)) == []
    assert shared.codes(opened(MODEL, "ours/net.py")) == ["CVL202"]


def test_text_that_is_no_python_is_left_alone(shared: Editor, folder: Path) -> None:
    uri = shared.open(f"{folder.name}/notes.md", "int(x.shape[0])", "markdown")
    assert shared.found(uri) == []


# --- notebooks -------------------------------------------------------------------------------------------------------

CELLS = ["import torch\nfrom torch import nn", "# Net", MODEL.partition("\n\n\n")[2], "%time 🙂 = 1\n!ls"]


def test_a_notebook_is_checked_as_one_program_and_shown_by_cell(shared: Editor, folder: Path) -> None:
    first, _, model, magic = shared.open_notebook(f"{folder.name}/net.ipynb", CELLS, markup={1})
    assert [one.range for one in shared.found(model)] == [spot(2, 19, 34)]
    assert shared.found(first) == shared.found(magic) == []
    assert "(CVL202)" in shared.hover(model, 2, 25)
    actions = shared.actions(model)
    assert shared.chosen(actions, "Repair CVL202") == {model: CELLS[2].replace("int(x.shape[0])", "x.shape[0]")}
    assert shared.chosen(actions, "Repair all") == {model: CELLS[2].replace("int(x.shape[0])", "x.shape[0]")}
    (silenced,) = shared.chosen(actions, "Suppress").values()
    assert "int(x.shape[0])  # convlint: ignore[CVL202]\n" in silenced
    shared.type_in_cell(model, lsp.TextDocumentContentChangePartial(spot(2, 19, 34), "x.shape[0]"))
    shared.next(model, [])
    shared.type_in_cell(model, lsp.TextDocumentContentChangePartial(spot(2, 19, 29), "int(x.shape[0])"))
    shared.next(model, ["CVL202"])
    shared.rearrange(f"{folder.name}/net.ipynb", 1, 1, [])
    shared.next(model, [])
    (model,) = shared.rearrange(f"{folder.name}/net.ipynb", 2, 0, [f"a = 1\n\n{CELLS[2]}"])
    shared.next(model, ["CVL202"])
    assert [one.range for one in shared.found(model)] == [spot(4, 19, 34)]
    shared.rearrange(
        f"{folder.name}/net.ipynb", 0, 1, ["%%bash\nls", CELLS[0]]
    )  # rows of other languages count in none
    shared.type_in_cell(model, lsp.TextDocumentContentChangePartial(spot(0, 0, 5), ""))
    assert [one.range for one in shared.found(model)] == [spot(4, 19, 34)]
    shared.close_notebook(f"{folder.name}/net.ipynb")


def test_a_notebook_that_holds_no_python_is_left_alone(shared: Editor, folder: Path) -> None:
    for name, cells in (("empty.ipynb", []), ("bash.ipynb", ["%%bash\nls"]), ("broken.ipynb", ["def ("])):
        uris = shared.open_notebook(f"{folder.name}/{name}", cells)
        for uri in uris:
            assert shared.codes(uri) == (["CVL001"] if name == "broken.ipynb" else [])
            assert shared.hover(uri, 0, 0) == ""
        shared.close_notebook(f"{folder.name}/{name}")


# --- what comes in its way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\r",
        "\0",
        f"{MODEL}\0",
        f"# \ud83d\n{MODEL}",
        "(" * 20_000,
        "x = " + "1 + " * 20_000 + "1\n",
        "if x:\n    pass\n" + "elif x:\n    pass\n" * 5_000,
        f"# {'🙂' * 300_000}\n{MODEL}",
        "def f():\n" * 99,
        f"\ufeff{MODEL}",
        "'''",
        "%%%",
    ],
    ids=lambda text: ascii(text[:9]),
)
def test_no_text_stops_the_server(shared: Editor, opened: Open, text: str) -> None:
    uri = opened(MODEL)
    shared.found(uri)
    shared.write(uri, text)
    for one in shared.found(uri):
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert one.range.start.line < len(lines)
    shared.actions(uri, spot(0, 0, 0))
    shared.hover(uri, 0, 0)
    shared.write(uri, MODEL)
    assert shared.codes(uri) == ["CVL202"]


@pytest.mark.parametrize("break_", ["\x0c", "\x0b", "\u2028", "\x85", "\x1c"])
def test_what_ends_no_line_to_python_ends_none_here(shared: Editor, opened: Open, break_: str) -> None:
    uri = opened(f"'{break_} 🙂 {break_}'\n{MODEL}")
    assert [one.range for one in shared.found(uri)] == [spot(7, 19, 34)]
    shared.type(uri, lsp.TextDocumentContentChangePartial(spot(7, 19, 34), "x.shape[0]"))
    assert shared.codes(uri) == []


def test_messages_that_make_no_sense_stop_nothing(shared: Editor, opened: Open) -> None:
    uri = opened(MODEL)
    nowhere = lsp.TextDocumentIdentifier("file:///nowhere.py")
    version = lsp.VersionedTextDocumentIdentifier(7, nowhere.uri)
    shared.send("textDocument/didClose", lsp.DidCloseTextDocumentParams(nowhere))
    changes = [lsp.TextDocumentContentChangeWholeDocument("x")]
    shared.send("textDocument/didChange", lsp.DidChangeTextDocumentParams(version, changes))
    shared.send("convlint/unheardOf", {"a": 1})
    shared.send("workspace/didChangeConfiguration", lsp.DidChangeConfigurationParams({"convlint": None}))
    assert shared.ask("textDocument/hover", lsp.HoverParams(nowhere, lsp.Position(0, 0))) is None
    assert shared.actions(nowhere.uri, spot(0, 0, 0)) == []
    assert shared.actions(uri, spot(9_000, 7, 9_000)) != []  # nothing is found there, but all can be repaired
    shared.type(uri, lsp.TextDocumentContentChangePartial(spot(9_000, 0, 3), "\n# behind the end\n"))
    shared.type(uri, lsp.TextDocumentContentChangePartial(lsp.Range(lsp.Position(3, 9), lsp.Position(1, 0)), ""))
    assert shared.codes(uri) == ["CVL202"]


def test_a_rule_that_fails_and_prints_does_no_harm(start: Start, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "acme").mkdir(parents=True)
    (site / "acme/__init__.py").write_text(
        "from convlint.events import LeavesGraph\nfrom convlint.rule import Rule\nprint('loaded')\n\n\n"
        "class Bad(Rule):\n    code, name, events = 'ACME101', 'bad', (LeavesGraph,)\n\n"
        "    def check(self, event, context):\n        print('checking', flush=True)\n        return 1 / 0\n\n\n"
        "def pack():\n    return [Bad]\n"
    )
    (site / "acme-1.0.dist-info").mkdir()
    (site / "acme-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (site / "acme-1.0.dist-info/entry_points.txt").write_text("[convlint.rules]\nacme = acme:pack\n")
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    editor = start(environment={"PYTHONPATH": paths})
    uri = editor.open("net.py", MODEL)
    assert editor.codes(uri) == ["CVL005", "CVL202"]


def test_nothing_of_the_users_is_run(start: Start, tmp_path: Path) -> None:
    trap = "open('sprung', 'w')\n"
    for name in ("net.py", "helper.py", "conftest.py", "setup.py", "sitecustomize.py", "torch.py"):
        (tmp_path / name).write_text(trap)
    editor = start()
    uri = editor.open("net.py", f"{trap}{CALLER}")
    editor.found(uri)
    assert not (tmp_path / "sprung").exists()
    maps = [Path(one.path).name for one in psutil.Process(editor.process.pid).memory_maps()]
    assert not any("torch" in name or "onnx" in name for name in maps)


# --- the end ---------------------------------------------------------------------------------------------------------


def test_it_ends_when_it_is_told_to(start: Start) -> None:
    editor = start()
    uri = editor.open("net.py", MODEL)
    editor.found(uri)
    assert editor.stop() == 0


def test_it_ends_in_the_middle_of_a_check(start: Start) -> None:
    editor = start()
    editor.open("net.py", LONG * 8)
    time.sleep(0.5)
    started = time.monotonic()
    assert editor.stop() == 0
    assert time.monotonic() - started < 20


def test_an_editor_that_goes_without_a_word_is_noticed(start: Start) -> None:
    editor = start()
    editor.open("net.py", MODEL)
    editor.send("exit", None)
    assert editor.gone() == 1


def test_an_editor_that_dies_takes_the_server_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "convlint", "server"]
    ran = subprocess.run(command, cwd=tmp_path, input=b"", capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (1, b"")


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['pygls'] = None; from convlint.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", code, "server"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "convlint: error: the server needs pygls; install it with `pip install 'convlint[server]'`\n"


def test_many_edits_leave_no_more_memory_taken(shared: Editor, opened: Open, folder: Path) -> None:
    (folder / "helper.py").write_text(HELPER)
    process = psutil.Process(shared.process.pid)
    uri = opened(CALLER)

    def edits(count: int) -> int:
        for number in range(count):
            shared.type(uri, lsp.TextDocumentContentChangePartial(spot(2, 0, 0), f"# {number}\n"))
            shared.found(uri)
            shared.write(uri, CALLER)
            shared.found(uri)
        return int(process.memory_info().rss)

    before = edits(60)
    assert edits(150) < before + 3_000_000


# --- the editor itself -----------------------------------------------------------------------------------------------


def test_random_edits_are_understood_to_the_letter() -> None:
    from convlint.server.documents import Text
    from convlint.server.positions import Positions
    from convlint.source.document import split

    random.seed(0)
    pieces = ["a", "bc", "🙂", "ü", "\n", "\r\n", "\r", "\x0c", "\u2028", "", "\ud83d", "x\ny"]
    for _ in range(3_000):
        before = "".join(random.choices(pieces, k=random.randrange(12)))
        ends = sorted(random.choices(range(len(before) + 1), k=2))
        if any(0 < end < len(before) and before[end - 1 : end + 1] == "\r\n" for end in ends):
            continue  # between the two no editor has a place
        positions, lines = Positions("utf-16"), split(before)
        start, end = (positions.position(lines, *row_and_column(before, one)) for one in ends)
        change = lsp.TextDocumentContentChangePartial(lsp.Range(start, end), random.choice(pieces))
        text = Text("", before, 1, True).changed([change], 2, positions).text
        assert text == applied(before, [lsp.TextEdit(change.range, change.text)])
        assert text == before[: ends[0]] + change.text + before[ends[1] :]


def row_and_column(text: str, at: int) -> tuple[int, int]:
    """Where an index is, as Python's parser counts."""
    before = text[:at].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
