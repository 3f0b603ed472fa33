"""Diagnoses of graphs that are wrong, and silence about those that are not."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from conftest import Cli

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, checker, helper, parser  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from ill_typed_graphs import GRAPHS, Bad, Graph, text  # noqa: E402

from convlint.config import parse_targets  # noqa: E402
from convlint.graph.diagnose import diagnose  # noqa: E402
from convlint.graph.problems import BadNode, Cast, Diagnosis  # noqa: E402

each_graph = pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
Told = Callable[..., Diagnosis]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Diagnoses a model, given as it is or in ONNX's text form."""

    def diagnosed(model: onnx.ModelProto | str, *targets: str) -> Diagnosis:
        if isinstance(model, str):
            model = parser.parse_model(model)
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return diagnose(path, parse_targets(targets))

    return diagnosed


def written(opset: int, body: str, ir: int = 8) -> str:
    return f'<ir_version: {ir}, opset_import: ["" : {opset}]>\ng {body}'


def targets(graph: Graph) -> Iterable[str]:
    return [graph.target] if graph.target else []


def short(node: BadNode) -> Bad:
    """A bad node as the table writes it."""
    types = {one.at: f"{one.value}:{one.type.partition('[')[0]}" for one in node.inputs}
    wrong = dict.fromkeys(types[at] for at in sorted({at for one in node.wrongs for at in one.inputs}))
    allowed = next((one.allowed for one in node.wrongs if one.allowed), ())
    casts = " ".join(f"{cast.value}{'<' if cast.after else '>'}{cast.new}" for cast in node.casts)
    return Bad(node.name, " ".join(wrong), " ".join(allowed), node.first_opset, casts)


@each_graph
def test_every_bad_node_is_named_with_what_is_allowed_and_what_mends_it(told: Told, graph: Graph) -> None:
    diagnosis = told(text(graph), *targets(graph))
    found = tuple(map(short, diagnosis.bad))
    if graph.target:  # whose next version may have kernels for more
        assert all(
            set(want.allowed.split()) <= set(got.allowed.split()) for got, want in zip(found, graph.bad, strict=True)
        )
        found = tuple(got._replace(allowed=want.allowed) for got, want in zip(found, graph.bad, strict=True))
    assert found == graph.bad
    assert not diagnosis.graph


@each_graph
def test_all_inputs_are_listed_with_type_and_origin(told: Told, graph: Graph) -> None:
    for node in told(text(graph), *targets(graph)).bad:
        assert len(node.inputs) >= len(node.casts) - sum(cast.after for cast in node.casts)
        for one in node.inputs:
            assert "[" in one.type
            assert one.origin
            assert one.formal


@each_graph
def test_the_casts_mend_it(told: Told, graph: Graph) -> None:
    model = parser.parse_model(text(graph))
    bad = told(model, *targets(graph)).bad
    if any(not node.casts for node in bad):
        assert all(node.first_opset for node in bad)  # this opset's Cast does not know the type
        return
    for node in bad:
        put_casts(model, node)
    assert told(model, *targets(graph)).is_clean
    checker.check_model(model, full_check=True)


@each_graph
def test_the_opset_that_would_do_does(told: Told, graph: Graph) -> None:
    for bad in graph.bad:
        if bad.opset:
            newer = told(parser.parse_model(text(graph, bad.opset)), *targets(graph))
            kinds = {wrong.kind for one in newer.bad if one.name == bad.node for wrong in one.wrongs}
            assert not kinds & {"type", "mixed", "target"}


def put_casts(model: onnx.ModelProto, bad: BadNode) -> None:
    """Puts the Casts of a diagnosis around its node, wherever that is."""
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        graphs += [one.g for node in graph.node for one in node.attribute if one.type == one.GRAPH]
        nodes = list(graph.node)
        for node in nodes:
            if bad.name in (node.name, *node.output):
                before = [cast_node(node, cast) for cast in bad.casts if not cast.after]
                after = [cast_node(node, cast) for cast in bad.casts if cast.after]
                at = nodes.index(node)
                nodes[at : at + 1] = [*before, node, *after]
                del graph.node[:]
                graph.node.extend(nodes)
                return


def cast_node(node: onnx.NodeProto, cast: Cast) -> onnx.NodeProto:
    names = node.output if cast.after else node.input
    inner = f"{cast.value}_as_{cast.old if cast.after else cast.new}_{node.op_type}"
    for at, name in enumerate(names):
        if name == cast.value:
            names[at] = inner
    written = {"float32": "FLOAT", "float64": "DOUBLE"}.get(cast.new, cast.new.upper())
    ends = ([inner], [cast.value]) if cast.after else ([cast.value], [inner])
    return helper.make_node("Cast", *ends, to=TensorProto.DataType.Value(written))


def test_runtimes_take_what_the_casts_mend(told: Told) -> None:
    runtime = pytest.importorskip("onnxruntime")
    refused = [graph for graph in GRAPHS if graph.target == "onnxruntime"]
    for graph in refused:
        model = parser.parse_model(text(graph))
        with pytest.raises(Exception, match="NOT_IMPLEMENTED"):
            runtime.InferenceSession(model.SerializeToString())
        for node in told(model, graph.target).bad:
            put_casts(model, node)
        runtime.InferenceSession(model.SerializeToString())
    assert len(refused) > 3


def test_an_exported_module_in_bfloat16(told: Told, tmp_path: Path) -> None:
    torch, runtime = pytest.importorskip("torch"), pytest.importorskip("onnxruntime")
    layers = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.GELU(), torch.nn.LayerNorm(8), torch.nn.Softmax(-1))
    module, example = layers.eval().bfloat16(), torch.randn(2, 8).bfloat16()
    torch.onnx.export(module, (example,), tmp_path / "net.onnx", dynamo=True, verbose=False, external_data=False)
    model = onnx.load(tmp_path / "net.onnx")
    bad = told(model, "onnxruntime").bad
    assert [one.operator for one in bad] == ["Gemm", "Gelu", "Softmax"]
    for node in bad:
        put_casts(model, node)
    runtime.InferenceSession(model.SerializeToString())


def test_the_talks_clip_on_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    Path("net.py").write_text("def forward(self, x):\n    return self.counts(x).clamp(min=1)\n")
    model = parser.parse_model(written(11, "(int64[N] n, float[N] f) => (int64[N] y) { y = Clip(n) }", ir=6))
    model.graph.node[0].name = "/Clip_14"
    model.graph.node[0].doc_string = f"{Path('net.py').absolute()}(2): forward\n/x/site-packages/torch/nn/a.py(3): f"
    Path("model.onnx").write_bytes(model.SerializeToString())
    ran = cli("diagnose", "model.onnx")
    assert ran.code == 1
    assert ran.out == (
        "net.py:2: Clip-11 `/Clip_14`\n"
        "    return self.counts(x).clamp(min=1)\n"
        "  wrong    input 0 `input` is int64\n"
        "  repair   export at opset 12 or newer; or Cast `n` to float32 before it and `y` back to int64\n"
        "           behind it (exact below 2**24)\n"
        "  allowed  float16 float32 float64\n"
        "  inputs   0 input  int64[N]  `n` <- input\n"
        "\n"
        "model.onnx: opset 11, IR 6, 1 node. Found 1 node wrong on onnxruntime.\n"
    )


def test_json_says_the_same(cli: Cli) -> None:
    model = parser.parse_model(written(11, "(int64[N] n) => (int64[N] y) { y = Clip(n) }", ir=6))
    Path("model.onnx").write_bytes(model.SerializeToString())
    (bad,) = json.loads(cli("diagnose", "model.onnx", "--output-format", "json").out)["bad_nodes"]
    assert (bad["operator"], bad["since_version"], bad["first_opset"]) == ("Clip", 11, 12)
    assert bad["wrong"][0]["allowed"] == ["float16", "float32", "float64"]
    assert bad["inputs"][0] | {"source": None} == {
        "input": 0, "formal": "input", "value": "n", "type": "int64[N]", "origin": "input", "source": None,
    }  # fmt: skip


def test_a_good_model_is_0(cli: Cli) -> None:
    model = parser.parse_model(written(13, "(float[N] x) => (float[N] y) { y = Relu(x) }"))
    Path("model.onnx").write_bytes(model.SerializeToString())
    assert cli("diagnose", "model.onnx") == (
        0, "model.onnx: opset 13, IR 8, 1 node. Nothing wrong on onnxruntime.\n", "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("opset", "body", "message"),
    [
        (13, "(float[N] x) => (float[N] y) { y = Rellu(x) }", "no operator Rellu at opset 13; did you mean `Relu`?"),
        (13, "(float[N] x) => (float[N] y) { y = Gelu(x) }", "no operator Gelu at opset 13; opset 20 brought it"),
        (11, "(float[N] x) => (float[N] y) { y = acme.Relu(x) }", "domain `acme` is not imported"),
        (11, "(float[N] x, float s) => (float[N] y) { y = Upsample(x, s) }", "Resize took its place"),
        (13, "(float[1,N] x) => (float[N] y) { y = Squeeze<axes = [0]>(x) }", "`axes`; it is input 1 now"),
        (11, "(float[1,N] x) => (float[N] y) { y = Softmax<axs = 0>(x) }", "`axs`; did you mean `axis`?"),
        (13, "(float[N] x) => (float[N] y) { y = Cast(x) }", "attribute `to` is missing, but Cast-13 needs it"),
        (13, "(float[N] x) => (float[N] y) { y = Add(x) }", "has 1 input, but Add-13 has 2"),
        (13, "(float[N] x) => (float[N] y) { y = Add(x, z) }", "input 1 reads `z`, which nothing before it makes"),
        (13, "(float[2,3] x, float[4,5] w) => (float[N] y) { y = MatMul(x, w) }", "Incompatible dimensions"),
        (13, "(float[2,3] x) => (int64[2,3] y) { y = Relu(x) }", "of float32, but the file declares it int64"),
    ],
)  # fmt: skip
def test_other_faults_of_a_node(told: Told, opset: int, body: str, message: str) -> None:
    (bad,) = told(written(opset, body)).bad
    assert message in bad.wrongs[0].message


@pytest.mark.parametrize(
    ("opset", "body", "message"),
    [
        (13, "(float[N] x) => (float[N] y) { a = Add(x, b) b = Relu(a) y = Neg(b) }", "Add `a` -> Relu `b` -> Add `a`"),
        (13, "(float[N] x) => (float[N] y) { y = Neg(b) b = Relu(x) }", "not in the order in which they run"),
        (13, "(float[N] x) => (float[N] y) { y = Neg(x) y = Relu(x) }", "`y` is made twice"),
        (13, "(float[N] x) => (float[N] z) { y = Neg(x) }", "output `z` is made by no node"),
        (99, "(float[N] x) => (float[N] y) { y = Neg(x) }", "opset 99 is newer than onnx"),
    ],
)  # fmt: skip
def test_faults_of_a_graph(told: Told, opset: int, body: str, message: str) -> None:
    assert any(message in wrong.message for wrong in told(written(opset, body)).graph)


def test_branches_that_make_different_types(told: Told) -> None:
    branches = (
        "then_branch = t () => (float[N] a) { a = Abs(x) }, else_branch = e () => (int64[N] b) { b = Cast<to=7>(x) }"
    )
    (bad,) = told(written(16, f"(bool c, float[N] x) => (float[N] y) {{ y = If(c) <{branches}> }}")).bad
    assert bad.wrongs[0].message == "its branches make output 0 of float32 and of int64"


def test_custom_operators_are_taken_as_declared_and_named_in_a_note(told: Told) -> None:
    model = (
        '<ir_version: 8, opset_import: ["" : 13, "acme" : 1]>\n'
        "g (float[N] x) => (float[N] y) <int64[N] h> { h = acme.Count(x) y = Relu(h) }"
    )
    diagnosis = told(model)
    assert [(bad.operator, bad.inputs[0].type) for bad in diagnosis.bad] == [("Relu", "int64[N]")]
    assert "acme::Count" in diagnosis.notes[0]


def test_what_a_custom_operator_makes_is_unknown_without_a_declaration(told: Told) -> None:
    body = "g (float[N] x) => (float[N] y) { h = acme.F(x) y = Relu(h) }"
    assert told(f'<ir_version: 8, opset_import: ["" : 13, "acme" : 1]>\n{body}').is_clean


def test_a_function_that_calls_itself(told: Told) -> None:
    model = (
        '<ir_version: 10, opset_import: ["" : 13, "local" : 1]>\ng (float[N] x) => (float[N] y) { y = local.f(x) }\n'
        '<domain: "local", opset_import: ["": 13, "local": 1]> f (v) => (h) { h = local.f(v) }'
    )
    assert "calls itself" in told(model).graph[0].message


def test_functions_that_double_what_they_call_are_walked_once(told: Told) -> None:
    model = parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 13, "local" : 1]>\ng (int64[N] x) => (int64[N] y) { y = local.f40(x) }'
    )
    for depth in range(41):
        called = ("", "Relu") if not depth else ("local", f"f{depth - 1}")
        nodes = [helper.make_node(called[1], [a], [b], domain=called[0]) for a, b in ("ab", "bc")]
        imports = [helper.make_opsetid("", 13), helper.make_opsetid("local", 1)]
        model.functions.append(helper.make_function("local", f"f{depth}", ["a"], ["c"], nodes, imports))
    assert [(one.operator, one.name) for one in told(model).bad] == [("Relu", "b"), ("Relu", "c")]


def test_a_vector_said_to_have_billions_of_elements_takes_no_time(told: Told) -> None:
    body = "(float[2147483648] x) => (float[N] y) { s = Add(x, x) y = Abs(s) }"
    at = time.process_time()
    assert told(written(13, body)).is_clean
    assert time.process_time() - at < 10


@pytest.mark.parametrize(
    "content", [b"", b"no model", b"\x08\x08\x3a", bytes(range(256)) * 4], ids=["empty", "text", "cut", "bytes"]
)
def test_files_that_are_no_model_are_one_sentence(cli: Cli, content: bytes) -> None:
    Path("model.onnx").write_bytes(content)
    ran = cli("diagnose", "model.onnx")
    assert ran.code == 2
    assert ran.err.startswith("convlint: error: model.onnx is no ONNX model")
    assert ran.err.count("\n") == 1


def test_a_file_that_is_not_there(cli: Cli) -> None:
    ran = cli("diagnose", "nowhere.onnx")
    assert (ran.code, ran.out) == (2, "")
    assert "nowhere.onnx cannot be read" in ran.err


def with_external(location: str, length: int = 0) -> onnx.ModelProto:
    model = parser.parse_model(written(13, "(float[4] x) => (float[4] y) { y = Add(x, w) }"))
    tensor = model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return model


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "link"])
def test_external_data_outside_the_folder_is_not_read(told: Told, tmp_path: Path, location: str) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (wrong,) = told(with_external(location)).graph
    assert "outside the model's folder; it was not read" in wrong.message


def test_external_data_that_is_missing_or_too_short(told: Told, tmp_path: Path) -> None:
    assert "is not there" in told(with_external("weights")).graph[0].message
    (tmp_path / "weights").write_bytes(bytes(8))
    assert "ends at byte 16 of `weights`, which has 8" in told(with_external("weights", 16)).graph[0].message
    (tmp_path / "weights").write_bytes(bytes(16))
    assert told(with_external("weights", 16)).is_clean


def test_onnx_missing_is_said_with_what_to_install(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    Path("model.onnx").write_bytes(b"")
    ran = cli("diagnose", "model.onnx")
    assert ran.code == 2
    assert "pip install 'convlint[trace]'" in ran.err


def test_what_a_model_names_cannot_write_to_the_terminal(cli: Cli) -> None:
    model = parser.parse_model(written(11, "(int64[N] n) => (int64[N] y) { y = Clip(n) }", ir=6))
    node = model.graph.node[0]
    node.name = "\x1b[2J\nFound nothing"
    node.doc_string = "/net\x1b[2J.py(2): forward"
    unknown = model.graph.node.add(op_type="\x1b[2JRelu", domain="\x1b[2J", input=["n"], output=["m"])
    model.opset_import.add(domain="\x1b[1m", version=1)
    Path("model.onnx").write_bytes(model.SerializeToString())
    out = cli("diagnose", "model.onnx").out
    assert "\x1b" not in out
    assert "`\\x1b[2J\\nFound nothing`" in out
    assert unknown.op_type.replace("\x1b", "\\x1b") in out


def test_a_file_that_onnx_does_not_survive(cli: Cli) -> None:
    split = "(float[6] x) => (float[2] a) { a, b, c, d = Split<num_outputs = 3>(x) }"
    Path("model.onnx").write_bytes(parser.parse_model(written(18, split)).SerializeToString())
    ran = cli("diagnose", "model.onnx")
    assert ran.code in (1, 2)  # which it is, is for onnx to decide
    assert "Split `a`" in ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(("how", "says"), [("none", ["Gelu-20 is made of Erf"]), ("tanh", [])])
@pytest.mark.parametrize("target", ["onnxruntime", "onnxruntime-web"])
def test_what_onnx_makes_an_operator_of_depends_on_its_attributes(
    told: Told, target: str, how: str, says: list[str]
) -> None:
    found = told(written(20, f'(double[2] x) => (double[2] y) {{ y = Gelu <approximate = "{how}"> (x) }}'), target)
    assert [node.wrongs[0].message.partition(",")[0] for node in found.bad] == says
    assert not found.notes


def test_a_target_is_asked_about_the_types_of_all_inputs(told: Told) -> None:
    body = "(bool[2] c, bool[2] x, bool[2] y) => (bool[2] z) { z = Where(c, x, y) }"
    (bad,) = told(written(17, body), "onnxruntime").bad
    (wrong,) = bad.wrongs
    assert "takes Where-16 with T only as " in wrong.message
    assert wrong.message.endswith(", not bool")
    assert told(
        written(17, body.replace("bool[2] x, bool[2] y) => (bool", "float[2] x, float[2] y) => (float")), "onnxruntime"
    ).is_clean


@pytest.mark.parametrize(
    ("target", "says"), [("onnxruntime", ["reads (14)"]), ("onnxruntime==1.16", ["reads (9)"]), ("tract", [])]
)
def test_a_file_may_be_of_a_newer_ir_version_than_a_target_reads(told: Told, target: str, says: list[str]) -> None:
    given = told(written(13, "(float[2] x) => (float[2] y) { y = Relu(x) }", ir=15), target).graph
    about_target = [wrong.message for wrong in given if wrong.kind == "target"]
    assert len(about_target) == len(says)
    assert all(part in message for part, message in zip(says, about_target, strict=True))
