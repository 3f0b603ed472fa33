"""``convlint matrix``, run as a user runs it: what targets make of a file or of sources, and at which opsets."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

onnx = pytest.importorskip("onnx")

SOURCE = """import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(x)
        return torch.linalg.det(y) + torch.argsort(y)
"""


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def save(nodes: list[Any], opset: int, name: str = "m.onnx", kind: int = 1, **more: Any) -> None:
    """A file with an input x and an output y."""
    values = [onnx.helper.make_tensor_value_info(one, kind, [2, 2]) for one in "xy"]
    graph = onnx.helper.make_graph(nodes, "g", values[:1], values[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8, **more)
    Path(name).write_bytes(model.SerializeToString())


def node(operator: str, given: str = "x", made: str = "y", trace: str = "", **attributes: Any) -> Any:
    one = onnx.helper.make_node(operator, given.split(), [made], **attributes)
    if trace:
        one.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)
    return one


def words(out: str) -> str:
    return " ".join(out.split())


def test_what_a_target_lacks_comes_first_with_the_lines_and_the_rest_is_folded(cli: Cli) -> None:
    trace = 'File "net.py", line 7, in forward\n  File "/x/site-packages/torch/nn/modules/conv.py", line 5, in f'
    save([node("Relu", made="a"), node("Det", "a", "b", trace), node("Abs", "b")], 17)
    ran = cli("matrix", "m.onnx", "--target", "onnxruntime,tensorrt", "--isolated")
    assert ran.code == 1
    lines = ran.out.splitlines()
    first = next(line for line in lines if line.startswith("Det"))
    assert first.split() == ["Det", "float32", "1", "yes", "no"]
    assert "    net.py:7" in lines
    assert "    tensorrt: TensorRT 10.0 has no Det (documented, not measured)" in lines
    assert "2 more operators: taken by all (`--all` shows them)" in lines
    assert any(re.fullmatch(r"tensorrt +refuses 1: Det float32", line) for line in lines)
    assert "years old" in ran.out


@pytest.mark.parametrize(
    "tool",
    [
        "/x/site-packages/functorch/dim.py",
        r"C:\x\Lib\site-packages\torch\nn\conv.py",
        "torch/fx/passes/runtime_assert.py",
    ],
)
def test_lines_of_torch_are_passed_over_wherever_it_was_installed(cli: Cli, tool: str) -> None:
    save([node("Det", trace=f'File "net.py", line 7, in forward\n  File "{tool}", line 5, in f')], 17)
    assert "    net.py:7\n" in cli("matrix", "m.onnx", "--target", "tensorrt", "--isolated").out


def test_0_where_all_chosen_targets_take_it(cli: Cli) -> None:
    save([node("Relu")], 17)
    ran = cli("matrix", "m.onnx", "--target", "onnxruntime,openvino", "--isolated")
    assert ran.code == 0
    assert "onnxruntime  takes it at opset 17" in ran.out


def test_unknown_is_not_no_and_not_yes(cli: Cli) -> None:
    save([node("Relu")], 17)
    ran = cli("matrix", "m.onnx", "--target", "tensorrt==8.7", "--isolated")
    assert ran.code == 1
    assert "tensorrt==8.7  not known: what is known is of TensorRT 10.0, not of 8.7" in ran.out
    assert "refuses" not in ran.out


def test_a_kernel_is_judged_by_all_its_type_parameters(cli: Cli) -> None:
    save([node("Where", "x x x")], 17, kind=onnx.TensorProto.BOOL)
    ran = cli("matrix", "m.onnx", "--isolated")
    assert ran.code == 1
    assert re.search(r"takes Where-16 with T only as [\w, ]*float32[\w, ]*, not bool", " ".join(ran.out.split()))


def test_an_operator_without_a_kernel_is_judged_by_what_onnx_makes_it_of(cli: Cli) -> None:
    save([node("Gelu")], 20, kind=onnx.TensorProto.DOUBLE)
    ran = cli("matrix", "m.onnx", "--target", "onnxruntime,onnxruntime-web", "--isolated")
    assert "Gelu-20 is made of Erf, and ONNX Runtime 1.32.0 takes Erf-13 only of float16, float32" in words(ran.out)
    assert re.search(r"Gelu float64 +1 +no +no", ran.out)
    save([node("Gelu", approximate="tanh")], 20, kind=onnx.TensorProto.DOUBLE)
    assert cli("matrix", "m.onnx", "--target", "onnxruntime,onnxruntime-web", "--isolated").code == 0


def test_a_definition_stands_only_while_its_operators_are_the_same(cli: Cli) -> None:
    save([node("Relu")], 18, kind=onnx.TensorProto.INT64)
    ran = cli("matrix", "m.onnx", "--opset", "17-19", "--isolated")
    assert re.search(r"Relu int64 +1 +no +yes +no", ran.out)


@pytest.mark.parametrize(("kind", "code"), [("bool", 1), ("float", 0)])
def test_a_mask_of_a_dtype_that_no_test_passes_of_is_refused(cli: Cli, kind: str, code: int) -> None:
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 23]>
        masked (float[1,2,4,8] q, {kind}[4,4] mask) => (float[1,2,4,8] y) {{ y = Attention (q, q, q, mask) }}"""
    )
    Path("m.onnx").write_bytes(model.SerializeToString())
    ran = cli("matrix", "m.onnx", "--target", "tract", "--isolated")
    assert ran.code == code
    assert ("takes Attention-23 with U only as" in words(ran.out)) == bool(code)


def test_the_opset_at_which_an_integer_clip_begins_to_work(cli: Cli) -> None:
    save([node("Clip")], 11, kind=onnx.TensorProto.INT64)
    ran = cli("matrix", "m.onnx", "--opset", "11-14", "--isolated")
    assert ran.code == 0
    assert "takes it at the opsets 12-14; at 11: refuses 1: Clip int64" in ran.out
    assert cli("matrix", "m.onnx", "--isolated").code == 1


def test_an_operator_is_there_only_between_its_first_opset_and_its_end(cli: Cli) -> None:
    save([node("Upsample", "x s", mode="nearest")], 9)
    assert "ONNX has no Upsample from opset 10 on" in cli("matrix", "m.onnx", "--opset", "13", "--isolated").out
    save([node("Gelu")], 20)
    assert "ONNX has Gelu from opset 20 on" in cli("matrix", "m.onnx", "--opset", "17", "--isolated").out


def test_the_opsets_that_all_targets_take(cli: Cli) -> None:
    save([node("Gelu")], 20)
    ran = cli("matrix", "m.onnx", "--target", "onnxruntime,openvino", "--isolated")
    assert "the operators of this file: 20-28 (all know 7-28)" in ran.out
    save([node("Det", trace='File "net.py", line 7, in forward')], 20)
    ran = cli("matrix", "m.onnx", "--target", "onnxruntime,tensorrt", "--isolated")
    assert "none of 9-20; fewest in the way at 20: 1 operator\n    Det float32 (tensorrt)  net.py:7\n" in ran.out


def test_sources_are_enough(cli: Cli) -> None:
    Path("net.py").write_text(SOURCE)
    ran = cli(
        "matrix", "net.py", "--target", "tensorrt,coreml", "--exporter", "torchscript", "--opset", "10", "--isolated"
    )
    assert ran.code == 1
    assert "the TorchScript exporter writes it from opset 11 on (it lacks aten::argsort)" in ran.out
    assert "net.py:8" in ran.out
    assert "the TorchScript exporter (torch 2.13.0: 7 to 23)" in ran.out
    assert "not asked: coreml" in ran.out


def test_a_target_that_reads_programs_of_torch_says_so_of_a_file(cli: Cli) -> None:
    save([node("Relu")], 17)
    ran = cli("matrix", "m.onnx", "--target", "coreml", "--isolated")
    assert ran.code == 1
    assert "reads programs of torch, not ONNX files" in ran.out


def test_json_has_every_cell_with_its_evidence(cli: Cli) -> None:
    save([node("Det")], 17)
    told = json.loads(cli("matrix", "m.onnx", "--target", "tensorrt", "--output-format", "json", "--isolated").out)
    (cell,) = told["operators"][0]["cells"]
    assert (cell["takes"], cell["source"], cell["date"]) == (
        "no",
        "onnx/onnx-tensorrt@96e7811 docs/operators.md",
        "2024-06-17",
    )
    assert told["windows"][0]["obstacles"][0]["targets"] == ["tensorrt"]


def test_markdown_is_a_table(cli: Cli) -> None:
    save([node("Det")], 17)
    ran = cli("matrix", "m.onnx", "--target", "tensorrt", "--output-format", "markdown", "--isolated")
    assert "| `Det float32` | 1 | no | tensorrt: TensorRT 10.0 has no Det (documented, not measured) |" in ran.out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no ONNX model"),
        (b"hello, this is text", "is no ONNX model"),
        (b"\x08\x08\x12", "is no ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is no ONNX model"),
    ],
)
def test_what_is_no_model_is_said_in_one_sentence(cli: Cli, content: bytes, said: str) -> None:
    Path("m.onnx").write_bytes(content)
    ran = cli("matrix", "m.onnx", "--isolated")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_an_opset_that_no_version_of_onnx_can_have_is_no_model(cli: Cli) -> None:
    save([node("Abs")], 17)
    model = onnx.load("m.onnx")
    model.opset_import[0].version = 2**40
    Path("m.onnx").write_bytes(model.SerializeToString())
    ran = cli("matrix", "m.onnx", "--isolated")
    assert (ran.code, ran.out) == (2, "")
    assert "is no ONNX model" in ran.err


@pytest.mark.parametrize(("depth", "calls", "code"), [(60, 2, 0), (2000, 1, 2)], ids=["doubling", "deep"])
def test_functions_that_would_be_endless_in_place_of_their_calls(cli: Cli, depth: int, calls: int, code: int) -> None:
    imports = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("o", 1)]
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17, "o" : 1]> g (float[2] x) => (float[2] y) {{ y = o.f{depth}(x) }}'
    )
    for at in range(depth + 1):
        called = ("Abs", "") if not at else (f"f{at - 1}", "o")
        names = ["a", *(f"v{one}" for one in range(calls - 1)), "b"]
        nodes = [onnx.helper.make_node(called[0], [a], [b], domain=called[1]) for a, b in pairwise(names)]
        model.functions.append(onnx.helper.make_function("o", f"f{at}", ["a"], ["b"], nodes, imports))
    Path("m.onnx").write_bytes(model.SerializeToString())
    for command in ("matrix", "diagnose"):
        ran = cli(command, "m.onnx")
        assert ran.code == code
        assert code == 0 or "m.onnx is nested too deeply to be read" in ran.err


def test_weights_that_are_stored_elsewhere_are_not_needed(cli: Cli) -> None:
    save([node("Add", "x w")], 17)
    model = onnx.load("m.onnx")
    weight = model.graph.initializer.add(name="w", data_type=1, dims=[2, 2], data_location=1)
    weight.external_data.add(key="location", value="not/there.bin")
    Path("m.onnx").write_bytes(model.SerializeToString())
    assert cli("matrix", "m.onnx", "--isolated").code == 0


def test_nodes_of_branches_and_of_own_functions_count(cli: Cli) -> None:
    branch = onnx.helper.make_graph(
        [node("Det", "x", "z")], "b", [], [onnx.helper.make_tensor_value_info("z", 1, None)]
    )
    own = onnx.helper.make_function(
        "own", "F", ["a"], ["b"], [node("Unique", "a", "b")], [onnx.helper.make_opsetid("", 17)]
    )
    called = onnx.helper.make_node("F", ["x"], ["c"], domain="own")
    save([node("If", made="y", then_branch=branch, else_branch=branch), called], 17, functions=[own])
    out = cli("matrix", "m.onnx", "--target", "tensorrt", "--isolated").out
    assert re.search(r"^Det float32 +2 +no$", out, re.MULTILINE)
    assert re.search(r"^Unique +1 +no$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--opset", "99"], "what is known is of the opsets 7 to 28"),
        (["--opset", "17-13"], "what is known is of the opsets 7 to 28"),
        (["--opset", "new"], "is no opset and no range"),
        (["--target", "tensort"], "did you mean `tensorrt`"),
        (["other.onnx"], "an ONNX file is looked at alone"),
    ],
)
def test_what_cannot_be_asked_is_2(cli: Cli, options: list[str], said: str) -> None:
    save([node("Relu")], 17)
    ran = cli("matrix", "m.onnx", *options, "--isolated")
    assert ran.code == 2
    assert said in ran.err
    assert not ran.out


def test_a_file_of_a_newer_ir_than_a_version_reads_is_refused(cli: Cli) -> None:
    save([node("Relu")], 18)
    assert cli("matrix", "m.onnx", "--target", "onnxruntime==1.16", "--isolated").code == 0
    model = onnx.load("m.onnx")
    model.ir_version = 10
    Path("m.onnx").write_bytes(model.SerializeToString())
    ran = cli("matrix", "m.onnx", "--target", "onnxruntime==1.16", "--isolated")
    assert ran.code == 1
    assert "refuses the file: ONNX Runtime 1.16 reads files of IR version 9 at most, this file has 10" in ran.out


def test_what_an_exporter_writes_may_be_too_new_for_a_version(cli: Cli) -> None:
    Path("net.py").write_text(SOURCE)
    both = cli("matrix", "net.py", "--target", "onnxruntime==1.16", "--opset", "18", "--isolated")
    assert "the dynamo exporter (torch 2.13.0: 18 to 28): no opset that all know" in both.out
    dynamo = cli(
        "matrix", "net.py", "--target", "onnxruntime==1.16", "--opset", "18", "--exporter", "dynamo", "--isolated"
    )
    assert dynamo.code == 1
    assert "reads files of IR version 9 at most, the dynamo exporter writes 10" in " ".join(dynamo.out.split())


def test_names_in_a_file_stay_on_their_line(cli: Cli) -> None:
    save([node("Relu\x1b[31m\nAbs")], 17)
    ran = cli("matrix", "m.onnx", "--isolated")
    assert ran.code == 1
    assert "Relu\\x1b[31m\\nAbs" in ran.out
    assert "\x1b" not in ran.out


def test_sources_without_a_model_are_2(cli: Cli) -> None:
    Path("empty.py").write_text("x = 1\n")
    ran = cli("matrix", "empty.py", "--isolated")
    assert (ran.code, "no call of torch is seen" in ran.err) == (2, True)


def test_what_would_be_one_operator_at_a_later_opset_is_noted(cli: Cli) -> None:
    Path("net.py").write_text(SOURCE.replace("torch.relu(x)", "nn.functional.layer_norm(x, (4,))"))
    options = ("--target", "onnxruntime,openvino", "--exporter", "torchscript", "--isolated")
    one = "torch.nn.functional.layer_norm is one operator from opset 17 on: LayerNormalization, taken by onnxruntime"
    assert one in " ".join(cli("matrix", "net.py", "--opset", "13", *options).out.split())
    assert one not in " ".join(cli("matrix", "net.py", "--opset", "17", *options).out.split())


@pytest.mark.parametrize(("first", "last", "code"), [("half e", "a d", 1), ("a e", "d half", 0)])
def test_operators_that_are_taken_one_by_one_and_not_in_a_row(cli: Cli, first: str, last: str, code: int) -> None:
    """OpenCV ends the process where GELU is written with its factors in one order, and takes it in the other."""
    nodes = [node("Relu", "x", "a"), node("Div", "a root", "b"), node("Erf", "b", "c"), node("Add", "c one", "e")]
    nodes += [node("Mul", first, "d", 'File "net.py", line 9, in forward'), node("Mul", last)]
    save(nodes, 18)
    model = onnx.load("m.onnx")
    for name in ("root", "one", "half"):
        model.graph.initializer.add(name=name, data_type=1, float_data=[0.5])
    Path("m.onnx").write_bytes(model.SerializeToString())
    ran = cli("matrix", "m.onnx", "--target", "opencv", "--isolated")
    assert ran.code == code
    assert ("ends the process where they follow each other so: GELU" in " ".join(ran.out.split())) == bool(code)
    assert ("net.py:9" in ran.out) == bool(code)


def test_what_was_really_run_beats_the_facts(cli: Cli) -> None:
    pytest.importorskip("onnxruntime")
    save([node("Relu")], 17)
    ran = cli("matrix", "m.onnx", "--target", "onnxruntime,tensorrt", "--really", "--all", "--isolated")
    assert ran.code == 0
    assert re.search(r"Relu float32 +1 +runs +yes", ran.out)
    assert re.search(r"onnxruntime +runs it at opset 17 \(measured with version \d", ran.out)
    runnable = "onnxruntime, openvino, opencv, tract, ncnn, tvm, onnxruntime-web"
    assert f"not run: tensorrt (only {runnable} can be run)" in " ".join(ran.out.split())
    told = json.loads(cli("matrix", "m.onnx", "--really", "--output-format", "json", "--isolated").out)
    assert told["operators"][0]["cells"][0]["measured"]
    assert told["targets"][0]["opsets"]["17"]["ran"]["what"] == "right"


def test_a_runtime_that_does_not_take_the_file_is_asked_about_each_operator(cli: Cli) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    save([node("Relu", made="a"), node("Det", "a", "b"), node("Add", "b x")], 17)
    asked = ("matrix", "m.onnx", "--target", "openvino", "--really", "--isolated")
    ran = cli(*asked)
    assert ran.code == 1
    assert re.search(r"Det float32 +1 +fails", ran.out)
    assert "alone it fails at 1: Det float32" in " ".join(ran.out.split())
    assert re.search(r"Relu float32 +1 +runs", cli(*asked, "--all").out)
    assert "| `Det float32` | 1 | fails |" in cli(*asked, "--output-format", "markdown").out
    cli(*asked, "--html", "m.html")
    assert '<span class="word">fails</span>' in Path("m.html").read_text(encoding="utf-8")


def test_a_file_that_no_runtime_takes_as_it_says(cli: Cli) -> None:
    pytest.importorskip("onnxruntime")
    save([node("Where", "x x x")], 17, kind=onnx.TensorProto.BOOL)
    ran = cli("matrix", "m.onnx", "--really", "--isolated")
    assert ran.code == 1
    assert "onnxruntime  refuses it: NotImplemented" in ran.out


def test_sources_cannot_be_run(cli: Cli) -> None:
    Path("net.py").write_text(SOURCE)
    ran = cli("matrix", "net.py", "--really", "--isolated")
    assert ran.code == 2
    assert "--really runs an ONNX file, or what a model becomes; name one, not sources" in ran.err


def test_a_target_may_take_an_operator_and_not_of_a_constant_or_of_so_many_axes(cli: Cli) -> None:
    helper, one = onnx.helper, onnx.TensorProto.FLOAT
    image = helper.make_tensor("image", one, [1, 1, 4, 4], [1.0] * 16)
    weight = helper.make_tensor("w", one, [1, 1, 1, 1], [1.0])
    nodes = [node("Conv", "image w", "c"), node("GlobalAveragePool", "x", "p"), node("Add", "c p")]
    values = [helper.make_tensor_value_info(name, one, shape) for name, shape in (("x", [1, 1, 2, 2, 2]), ("y", None))]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], [image, weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    Path("m.onnx").write_bytes(model.SerializeToString())
    ran = cli("matrix", "m.onnx", "--target", "opencv,openvino", "--isolated")
    assert ran.code == 1
    assert re.search(r"Conv of a constant +1 +no +yes", ran.out)
    assert re.search(r"GlobalAveragePool of 5 axes +1 +no +yes", ran.out)
    assert "opencv 5.0.0.93 refuses it: ONNX's" in " ".join(ran.out.split())
    assert re.search(r"opencv +refuses 2: ", ran.out)


@pytest.mark.parametrize(
    ("how", "row"),
    [
        ("stored", ""),
        ("computed", "Pad whose input 1 is computed of constants +1 +no +yes"),
        ("given", "Pad whose input 1 is computed +1 +no +yes"),
        ("sizes", ""),
    ],
)
def test_a_target_may_want_an_input_as_a_constant(cli: Cli, how: str, row: str) -> None:
    helper, one, integer = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    stored = helper.make_tensor("stored", integer, [4], [0, 1, 0, 1])
    named = {"stored": "stored", "computed": "turned", "given": "pads", "sizes": "both"}
    nodes = [
        node("Trilu", "square", "triangle"),
        node("Reshape", "triangle stored", "turned"),
        node("Shape", "x", "size"),
        node("Concat", "size size", "both", axis=0),
    ]
    square = helper.make_tensor("square", integer, [0, 1, 0, 1], [])
    wanted = {"turned": nodes[:2], "both": nodes[2:]}.get(named[how], [])
    given = [helper.make_tensor_value_info("x", one, [2, 2]), helper.make_tensor_value_info("pads", integer, [4])]
    made = helper.make_tensor_value_info("y", one, [2, 4])
    graph = helper.make_graph([*wanted, node("Pad", f"x {named[how]}")], "g", given, [made], [stored, square])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    Path("m.onnx").write_bytes(model.SerializeToString())
    told = cli("matrix", "m.onnx", "--target", "tvm,onnxruntime", "--isolated").out
    assert re.search(row, told) if row else "whose input" not in told


@pytest.mark.parametrize("dtype", ["FLOAT", "FLOAT16"])
def test_inputs_of_two_dtypes_where_onnx_wants_one_are_refused(cli: Cli, dtype: str) -> None:
    helper, one = onnx.helper, onnx.TensorProto.FLOAT
    weight = helper.make_tensor("w", getattr(onnx.TensorProto, dtype), [1, 1, 1, 1], [1.0])
    values = [helper.make_tensor_value_info(name, one, [1, 1, 4, 4]) for name in ("x", "y")]
    graph = helper.make_graph([node("Conv", "x w")], "g", values[:1], values[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    Path("m.onnx").write_bytes(model.SerializeToString())
    ran = cli("matrix", "m.onnx", "--target", "onnxruntime,tract,tvm", "--isolated")
    assert ran.code == (1 if dtype == "FLOAT16" else 0)
    assert bool(re.search(r"Conv of mixed dtypes +1 +no +no +no", ran.out)) is (dtype == "FLOAT16")


def test_a_file_whose_sizes_do_not_go_together_is_taken_by_none(cli: Cli) -> None:
    weight = onnx.helper.make_tensor("w", 1, [3, 300], [0.0] * 900)
    one = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([node("MatMul", "x w")], "g", [one("x", 1, [2, 2])], [one("y", 1, None)], [weight])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    model.graph.node[0].name = "scores"
    Path("m.onnx").write_bytes(model.SerializeToString())
    ran = cli("matrix", "m.onnx", "--target", "onnxruntime,tensorrt", "--isolated")
    assert ran.code == 1
    assert ran.out.count("refuses the file: its sizes do not go together at MatMul `scores`") == 2
