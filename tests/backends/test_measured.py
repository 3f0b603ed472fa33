"""``convlint dev measure`` and ``refresh``: what runtimes make of ONNX's own tests, beside what the facts claim."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy
import pytest
from conftest import Cli

from convlint.backends import verdict
from convlint.backends.cast_graphs import in_dtype
from convlint.backends.chains import fault, is_in_a_row, situations
from convlint.backends.claims import Compared, Comparison, reviewed
from convlint.backends.fact_file import path_of, with_tests
from convlint.backends.facts import FOLDER, Facts, facts, since_version
from convlint.backends.matrix import matrix
from convlint.backends.onnx_file import read
from convlint.backends.uses import FILE, Operator, OperatorUse
from convlint.report.claims_text import lines

pytest.importorskip("onnxruntime")

from convlint.backends.measure_calls import Measuring, samples, with_calls
from convlint.backends.measure_calls import Tally as CallsTally
from convlint.backends.measure_situations import Noted, _dtype
from convlint.backends.operator_tests import Tally, cases, measured
from convlint.backends.own_calls import Applied, Deep, Looked, Pooled
from convlint.backends.refresh import is_lacking, without
from convlint.backends.situation_graphs import of_branches, of_nothing, of_tables, simplest
from convlint.trial.program_runtimes import operators
from convlint.trial.runtime_process import RuntimeProcess, Said
from convlint.trial.runtimes import installed


def test_a_version_of_an_operator_that_a_runtime_lacks_passes_nothing() -> None:
    found = measured("onnxruntime", cases("RoiAlign"))
    assert found["RoiAlign", 16].passed > 0
    assert (found["RoiAlign", 22].passed, found["RoiAlign", 22].tests > 0) == (0, True)
    assert all("RoiAlign" in why for why in found["RoiAlign", 22].failures)


def test_a_test_is_written_anew_for_the_versions_that_have_what_it_asks_for() -> None:
    axes = {case.since for case in cases("ReduceMax") if len(case.given) > 1}
    assert axes == {18, 20}, "before 18 the axes were an attribute"
    assert {case.since for case in cases("ReduceMax") if not case.is_own} > {13, 20}


def test_what_fails_and_was_written_for_another_version_says_nothing_where_others_pass() -> None:
    older = measured("onnxruntime", cases("GridSample"))["GridSample", 16]
    assert older.failures, "the modes of version 20 have other names"
    assert older.passed == older.tests > 0


class _Ends:
    """Ends the process that reads it."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)


def test_a_file_that_ends_the_process_is_one_result() -> None:
    case = next(iter(cases("Relu")))
    with RuntimeProcess("onnxruntime") as process:
        said = process.run(case.model.SerializeToString(), {"x": _Ends()})
        assert (said.what, said.why) == ("ended", "exit code 3")
        assert process.run(case.model.SerializeToString(), case.given, case.right).what == "right"
        zeros = [one * 0 for one in case.right]
        assert process.run(case.model.SerializeToString(), case.given, zeros).what == "wrong"
        assert process.version == installed("onnxruntime")


def _comparison(tally: Tally, listed: dict[str, str]) -> Comparison:
    known = facts("onnxruntime")
    assert known
    return Comparison("onnxruntime", known, "1.32.0", (Compared(("Relu", 14), "yes", tally),), listed)


def test_a_contradicted_claim_fails_unless_it_was_reviewed() -> None:
    refused = Tally(tests=2, failures={"refused: no kernel": 2})
    alone = _comparison(refused, {})
    assert alone.fails
    told = "\n".join(lines(alone))
    assert "Relu-14: claimed yes, but none of 2 tests passes: refused: no kernel" in told
    assert "0 of 1 claims hold (0.0%)" in told
    looked_at = _comparison(refused, {"Relu-14": "its tests are of strings"})
    assert not looked_at.fails
    assert "its tests are of strings" in "\n".join(lines(looked_at))
    agreeing = _comparison(Tally(tests=2, passed=1), {"Relu-14": "its tests are of strings"})
    assert "Relu-14 was reviewed, and agrees now: take it off the list" in "\n".join(lines(agreeing))


def test_what_was_reviewed_is_an_operator_of_a_target() -> None:
    for target, listed in reviewed().items():
        assert facts(target)
        for name in listed:
            operator, _, since = name.rpartition("-")
            assert since_version(operator, int(since)) == int(since)


def test_a_runtime_that_is_not_there_is_no_traceback(cli: Cli) -> None:
    ran = cli("dev", "measure", "tensorrt")
    assert ran.code == 2
    assert "convlint runs no such runtime; it runs onnxruntime" in ran.err


def test_a_runtime_of_node_is_installed_by_npm(cli: Cli) -> None:
    ran = cli("dev", "measure", "onnxruntime-web")
    assert ran.code == 2
    assert "measuring onnxruntime-web needs a package that is not installed: `npm install onnxruntime-web`" in ran.err


def test_a_file_fails_by_what_was_asked_for_or_by_what_was_never_taken() -> None:
    tally = CallsTally()
    tally.count({("relu", "float32")}, "relu", passed=True)
    tally.count({("relu", "float32"), ("fft", "float32")}, "neg", passed=False)
    tally.count({("sort", "int64"), ("sum", "int64")}, "sort", passed=False)
    assert set(tally.failed) == {("fft", "float32"), ("sort", "int64")}
    tally.count({("sort", "float32")}, "sort", passed=True)
    assert tally.refused("sort") == {"int64"}
    assert not tally.refused("relu")


class _Refusing:
    """A runtime that refuses what it is given."""

    def run(self, *_: object) -> Said:
        return Said("refused", "no")


@pytest.mark.parametrize(("lacking", "is_said"), [("sin", False), ("tan", True)])
def test_what_fails_with_an_operator_that_is_lacking_says_nothing_of_another(
    tmp_path: Path, lacking: str, is_said: bool
) -> None:
    torch = pytest.importorskip("torch")
    call = Applied(lambda x: x.sin().cos(), "float").eval()
    call.tensors = (torch.rand(2, 3),)
    known = msgspec.convert(msgspec.to_builtins(facts("coreml")) | {"rows": [["cos"], [lacking, 0, "no"]]}, Facts)
    known = msgspec.structs.replace(known, complete=False)
    process: Any = _Refusing()
    measuring = Measuring(process, "torch_export", tmp_path, known)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convlint.backends.measure_calls._called", lambda *_: [call])
        measuring.tried("cos", "cos of float", "float")
    assert bool(measuring.tally.failed) is is_said


def test_operators_that_are_overloads_of_one_function_are_called_in_each_class_of_dtypes() -> None:
    calls = dict(samples("torch_export"))
    for operator in ("sum", "max", "index", "scatter"):
        assert {"float", "int", "bool"} <= calls[operator].keys()


def test_an_edge_in_float16_is_refused_by_core_ml() -> None:
    assert verdict("coreml", None, "aten.pad.default", 18, ["float16"]).supported == "no"
    assert verdict("coreml", None, "aten.pad.default", 18, ["float32"]).supported == "yes"


def test_sizes_of_complex_numbers_that_a_spectrum_makes_are_taken_by_core_ml() -> None:
    assert verdict("coreml", None, "aten.abs.default", 18, ["complex64"]).supported == "yes"


def test_an_operator_that_no_call_of_comes_out_right_is_refused() -> None:
    tally = CallsTally()
    tally.count({("relu", "float32")}, "relu", passed=True)
    tally.count({("relu", "bool")}, "relu", passed=False)
    tally.count({("sort", "float32")}, "sort", passed=False)
    relu, sort = with_calls({"rows": [["relu"]]}, tally)["rows"]
    assert (relu[0], relu[2], relu[5:]) == ("relu", "yes", [1, 2])
    assert "float32" in relu[3].split()
    assert "bool" not in relu[3].split()
    assert sort == ["sort", 0, "no", "", "", 0, 1]


def test_what_is_refused_and_taken_of_constants_is_no_obstacle_where_it_computes_constants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally = CallsTally(folded={("abs", "int64")})
    tally.count({("abs", "float32")}, "abs", passed=True)
    tally.count({("abs", "int64")}, "abs", passed=False)
    tally.count({("abs", "bool")}, "abs", passed=False)
    known = {**msgspec.to_builtins(facts("litert")), "rows": with_calls({"rows": [["abs"]]}, tally)["rows"]}
    monkeypatch.setattr("convlint.backends.matrix.facts", lambda *_: msgspec.convert(known, Facts))

    def supported(dtype: str, *, is_fixed: bool) -> str:
        graphs = {"core": ((0, (Operator("aten.abs.default", dtype),)),)}
        made = matrix([OperatorUse(graphs, is_fixed=is_fixed)], [("litert", None)], [18], "dynamo")
        return made.columns["litert", 18].supported

    assert supported("int64", is_fixed=False) == "no"
    assert supported("int64", is_fixed=True) in ("yes", "partial")
    assert supported("bool", is_fixed=True) == "no"


def test_an_operator_of_a_program_says_whether_it_computes_constants_alone() -> None:
    torch = pytest.importorskip("torch")

    class Positions(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x.abs() + torch.arange(3).abs()

    program = torch.export.export(Positions(), (torch.ones(3),)).run_decompositions()
    found = {(one.name, one.dtype): one.is_fixed for one in operators(program)}
    assert not found["aten.abs.default", "float32"]
    assert found["aten.abs.default", "int64"]
    assert not found["aten.add.Tensor", "float32"]


def test_a_source_that_is_no_package_is_named(cli: Cli) -> None:
    ran = cli("dev", "refresh", "tensorrt")
    assert ran.code == 2
    assert "the source of its facts is onnx/onnx-tensorrt@96e7811 docs/operators.md, no package to ask" in ran.err


def test_what_was_tested_is_claimed_as_the_operator_is() -> None:
    known = {"complete": True, "rows": [["Relu", 0, "yes"], ["Abs", 6, "yes", "float32", "", 1, 2]]}
    rows = with_tests(known, {("Relu", 14): (2, 3), ("Det", 11): (0, 1)})["rows"]
    assert rows == [
        ["Relu", 0, "yes"],
        ["Abs", 6, "yes", "float32"],
        ["Relu", 14, "yes", "", "", 2, 3],
        ["Det", 11, "no", "", "", 0, 1],
    ]


@pytest.mark.parametrize(
    ("version", "name"),
    [("1.22.1", "onnxruntime@1.22.json"), ("99.0", "onnxruntime.json"), ("1.32.0", "onnxruntime.json")],
)
def test_older_versions_have_files_of_their_own(version: str, name: str) -> None:
    assert path_of("onnxruntime", version) == FOLDER / name


_PICTURE = """
<ir_version: 8, opset_import: ["": 17]>
g (float[1,4,1,6] x) => (float[1,4,2,12] y, float[4,1,6] z, float[1,4,6] last)
<int64[4] sizes = {1, 4, 2, 12}, int64 first = {0}> {
  y = Resize <mode = "linear"> (x, , , sizes)
  z = Gather <axis = 0> (x, first)
  last = Gather <axis = 2> (x, first)
}
"""


def test_a_thin_picture_and_the_first_axis_are_situations() -> None:
    import onnx

    found = [
        situation
        for situation, _ in situations(onnx.parser.parse_model(_PICTURE).graph, {"x": [1, 4, 1, 6]})
        if not is_in_a_row(situation)
    ]
    assert {"thin Resize", "2-inputs Resize", "4-axes Gather", "2-inputs Gather"} <= set(found)
    assert found.count("first Gather") == 1, "the other one is along a place axis"


def test_sizes_are_followed_through_shapes(tmp_path: Path) -> None:
    import onnx

    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        g (float[2,3,4] x) => (float[2,12] y) <int64 first = {0}, int64[1] zero = {0}, int64[1] rest = {-1}> {
          all = Shape (x)
          batch = Gather <axis = 0> (all, first)
          one = Unsqueeze (batch, zero)
          shape = Concat <axis = 0> (one, rest)
          flat = Reshape (x, shape)
          again = Shape (flat)
          y = Reshape (flat, again)
        }
    """)
    file = tmp_path / "m.onnx"
    onnx.save(model, str(file))
    fixed = {use.operators(FILE, 17)[0].name for use in read(file).uses if use.is_fixed}  # type: ignore[index]
    assert fixed == {"Shape", "Gather", "Unsqueeze", "Concat"}


def test_what_fails_of_one_dtype_is_no_fault_of_another() -> None:
    assert fault("tract", "3-inputs Gemm", "float16")
    assert fault("tract", "3-inputs Gemm", "float32") is None
    assert fault("opencv", "thin Resize", "float32")


def test_what_is_wrong_in_float32_is_so_in_other_numbers_with_a_point() -> None:
    assert fault("opencv", "thin Resize", "float16")
    assert fault("opencv", "thin Resize", "int64") is None


def test_what_comes_out_right_in_another_dtype_is_no_fault_of_that() -> None:
    assert fault("opencv", "Erf Add(0c) Mul(1c)", "float32")
    assert fault("opencv", "Erf Add(0c) Mul(1c)", "float16") is None, "OpenCV leaves it as it is there"
    assert fault("opencv", "HardSigmoid[alpha=0.166667,beta=0.5] Mul(0v)", "float16"), "which it rewrites there too"


def _situations(text: str, shapes: dict[str, list[int]]) -> set[str]:
    import onnx

    found = situations(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}').graph, shapes)
    return {situation for situation, _ in found}


def test_an_input_of_one_number_and_one_that_is_read_of_sizes_are_told() -> None:
    found = _situations(
        """
        g (float[2,3,4] x) => (float[2,4] y, float[2,3,2] z, int64[2,3,2] places)
          <int64[1] axis = {1}, int64[2] axes = {0, 1}, int64[1] first = {0}> {
            y = ReduceSum <keepdims = 0> (x, axis)
            both = ReduceMax <keepdims = 0> (x, axes)
            sizes = Shape (x)
            k = Gather (sizes, first)
            z, places = TopK (x, k)
        }
        """,
        {"x": [2, 3, 4]},
    )
    assert {"single-1 ReduceSum", "shaped-1 TopK"} <= found
    assert not {"single-1 ReduceMax", "single-1 TopK", "computed-1 TopK"} & found


def test_the_dtype_of_a_situation_is_that_of_the_operator() -> None:
    told = {situation: _dtype(plain) for situation, plain, _ in chain(of_tables(), of_nothing(), of_branches())}
    assert told["weights-axis Gather"] == "float32", "of the table, though integers are given"
    assert told["empty ConstantOfShape"] == "int64"
    assert told["branches If"] == ""


def test_edges_are_smoothed_only_where_a_picture_is_made_smaller() -> None:
    text = 'g (float[1,2,4,4] x) => (float[1,2,N,M] y) { y = Resize <mode = "linear", antialias = 1> (x, , , sizes) }'
    for size, is_told in ((8, False), (2, True), (0, True)):
        found = _situations(text, {"x": [1, 2, 4, 4], "y": [1, 2, size, size]})
        assert ("option-antialias=1 Resize" in found) is is_told, f"{size}, 0 where it is not known"


def test_a_point_that_a_convolution_makes_is_told() -> None:
    text = """
        g (float[1,2,1,1] x, float[3,2,1,1] w) => (float[1,3,4,4] y) {
            made = Conv (x, w)
            positive = Relu (made)
            y = Resize <mode = "linear"> (positive, , , sizes)
        }
    """
    shapes = {name: [1, 2, 1, 1] for name in ("x", "made", "positive")}
    assert "behind-point-Conv Resize" in _situations(text, shapes)
    assert fault("opencv", "behind-point-Conv Resize", "float32"), "it reads memory that nobody has written"


def test_an_operator_is_behind_a_convolution_whatever_is_done_with_its_numbers() -> None:
    found = _situations(
        """
        g (float[1,8,6] x, float[8,8,1] w, float[1,8,1] v, float[8] s) => (float[1,8,6] y, float[1,8,6] z) {
          c = Conv (x, w)
          d = Conv (x, v)
          r = Relu (c)
          m = Mul (r, d)
          y = InstanceNormalization (m, s, s)
          z = InstanceNormalization (x, s, s)
        }
        """,
        {"x": [1, 8, 6], "c": [1, 8, 6], "r": [1, 8, 6], "d": [1, 1, 6], "m": [1, 8, 6]},
    )
    assert {"behind-3-Conv InstanceNormalization", "behind-3-Conv Relu", "unlike Mul"} <= found
    assert "behind-3-Conv Conv" not in found


@pytest.mark.parametrize(
    ("nodes", "is_one"),
    [
        ("a = Gemm (x, w) r = Relu (a) q = MatMul (r, w) b = Less (x, half) y = Where (b, half, q)", True),
        ("a = Gemm (x, w) s = Sigmoid (a) r = Mul (a, s) q = Gemm (r, w) b = Less (x, half) y = Where (b, q, x)", True),
        ("a = Gemm (x, w) r = Relu (a) q = Gemm (r, w) y = Where (given, half, q)", False),
        ("q = Gemm (x, w) b = Less (x, half) y = Where (b, half, q)", False),
        ("a = Gemm (x, w) r = Softmax (a) q = Gemm (r, w) b = Less (x, half) y = Where (b, half, q)", False),
        ("a = Gemm (x, w) q = Gemm (a, w) b = Less (q, half) y = Where (b, half, q)", False),
        ("a = Gemm (x, w) p = Gemm (a, w) q = Mul (p, p) b = Less (x, half) y = Where (b, half, q)", False),
    ],
)
def test_a_choice_from_what_two_products_make_is_a_situation(nodes: str, is_one: bool) -> None:
    found = _situations(
        f"g (float[3,1] x, bool[3,1] given) => (float[3,1] y) <float[1,1] w = {{2}}, float half = {{1}}> {{ {nodes} }}",
        {name: [3, 1] for name in "xarsqpy"},
    )
    assert ("multiplied Where" in found) is is_one


def test_new_axes_are_told_by_what_takes_them() -> None:
    found = _situations(
        """
        g (float[1,4,6] x) => (float[1,2,6] y) <int64[4] shape = {1, 2, 2, 6}, int64 first = {0}> {
          a = Reshape (x, shape)
          b = Transpose <perm = [1, 0, 2, 3]> (a)
          y = Gather <axis = 0> (b, first)
        }
        """,
        {"x": [1, 4, 6], "a": [1, 2, 2, 6], "b": [2, 1, 2, 6], "y": [1, 2, 6]},
    )
    assert "to-4-axes Reshape Gather" in found


def test_a_group_norm_of_places_in_a_row_is_a_situation() -> None:
    text = """
        g (float[1,8,3,2] x, float[2] s) => (float[{0}] y)
        <int64[3] groups = {{0, 2, -1}}, int64[{1}] shape = {{{0}}}> {{
          a = Reshape (x, groups)
          b = InstanceNormalization (a, s, s)
          y = Reshape (b, shape)
        }}
    """
    shapes = {"x": [1, 8, 3, 2], "a": [1, 2, 24], "b": [1, 2, 24]}
    assert "regrouped InstanceNormalization" in _situations(text.format("1,8,6", 3), shapes | {"y": [1, 8, 6]})
    assert "regrouped InstanceNormalization" not in _situations(text.format("1,8,3,2", 4), shapes | {"y": [1, 8, 3, 2]})


def test_a_table_and_a_constant_of_nothing_are_situations() -> None:
    found = _situations(
        """
        g (int64[3] ids, float[1,4] x) => (float[3,4] y, float[1,4] z)
        <float[1,4] table = {0, 0, 0, 0}, float[0,4] none = {}> {
          y = Gather <axis = 0> (table, ids)
          z = Concat <axis = 0> (x, none)
        }
        """,
        {"x": [1, 4]},
    )
    assert {"weights-axis Gather", "empty Concat"} <= found


@pytest.mark.parametrize(
    ("why", "operator", "lacks"),
    [
        ('parse error: Can\'t create layer "onnx_node!n" of type "Col2Im" in function', "Col2Im", True),
        ("-- No conversion rule found for operations: CumProd-26, Det-22", "Det", True),
        ("-- No conversion rule found for operations: util::SequenceInsert", "SequenceInsert", False),
        ('Translating node #2 "y" Unimplemented(LpPool) ToTypedTranslator', "LpPool", True),
        ('Translating node #2 "y" Unimplemented(LpPool) ToTypedTranslator', "Pool", False),
        ("pnnx leaves what ncnn has no layers of: Col2Im, Gather", "Gather", True),
        ("Resize: mode 'cubic' is not supported", "Resize", False),
    ],
)
def test_a_runtime_that_lacks_an_operator_says_so(why: str, operator: str, lacks: bool) -> None:
    assert is_lacking(operator, why) is lacks


def test_an_operator_that_is_lacking_is_refused() -> None:
    known = {"rows": [["Col2Im", 18, "unknown", "", "", 0, 5], ["Relu", 14, "unknown", "", "", 2, 2]]}
    assert without(known, {("Col2Im", 18)})["rows"][0][2] == "no"
    assert without(known, {("Col2Im", 18)})["rows"][1][2] == "unknown"


@pytest.mark.parametrize(
    ("target", "text", "says"),
    [
        (
            "opencv",
            "(int64[2] x) => (float[2,3] y) { y = ConstantOfShape (x) }",
            "opencv 5.0.0.93 refuses it: convlint's zeros (measured)",
        ),
        (
            "tract",
            """(float[1,4,6,6] x) => (float[1,4,6,6] y) <int64[4] times = {1,1,6,6}, float[4,8,1,1] w> {
                mean = GlobalAveragePool (x)
                again = Tile (mean, times)
                both = Concat <axis = 1> (x, again)
                y = Conv <kernel_shape = [1, 1]> (both, w)
            }""",
            "tract 0.23.9 refuses it: Conv of places beside their mean, by Tile",
        ),
        (
            "ncnn",
            "(float[1,4,6] x) => (int32[1,4,6] y) { a = Relu (x) y = Cast <to = 6> (a) }",
            "takes Cast with T2 only as float32",
        ),
    ],
)
def test_what_a_target_refuses_is_told_with_what_was_measured(
    tmp_path: Path, target: str, text: str, says: str
) -> None:
    onnx = pytest.importorskip("onnx")
    file = tmp_path / "m.onnx"
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> g {text}')
    for one in model.graph.initializer:
        if not one.ByteSize() or one.name == "w":
            one.CopyFrom(onnx.numpy_helper.from_array(numpy.ones(tuple(one.dims), "float32"), one.name))
    file.write_bytes(model.SerializeToString())
    (column,) = matrix(read(file).uses, [(target, None)], [18], ask_installed=False).columns.values()
    assert column.supported == "no"
    assert says in " ".join(cell.verdict.reason for cell in column.cells)


def test_loops_of_tensors_are_taken_by_opencv_at_all_opsets() -> None:
    for opset in (16, 18, 20, 23):
        assert verdict("opencv", None, "Loop", opset).supported == "yes"


def test_a_convolution_that_is_transposed_tells_whether_its_edges_are_even() -> None:
    torch = pytest.importorskip("torch")
    for options, name in (((2, 2), "default"), ((4, 2, 1), "default"), ((3, 2, 1, 1), "transposed_uneven")):
        layer, x = torch.nn.ConvTranspose2d(3, 4, *options).eval(), torch.ones(1, 3, 8, 8)
        program = torch.export.export(layer, (x,), strict=False).run_decompositions()
        assert [one.name for one in operators(program)] == [f"aten.convolution.{name}"]
    assert verdict("litert", None, "aten.convolution.default", 20, ("float32",)).supported == "yes"
    assert verdict("litert", None, "aten.convolution.transposed_uneven", 20, ("float32",)).supported == "no"
    assert verdict("executorch", None, "aten.convolution.transposed_uneven", 20, ("float32",)).supported == "yes"


def test_what_a_tensor_holds_may_decide_its_strides() -> None:
    torch = pytest.importorskip("torch")

    class Columns(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x[:, x[0] > 0.5]

    program = torch.export.export(Columns(), (torch.rand(4, 5),), strict=False).run_decompositions()
    assert "aten.index.data_strides" in [one.name for one in operators(program)]
    assert verdict("executorch", None, "aten.index.data_strides", 20).supported == "no"


def test_a_slope_for_each_channel_is_a_test_of_prelu() -> None:
    assert measured("onnxruntime", cases("PRelu"))["PRelu", 16].tests == 3


def test_what_came_out_right_once_is_no_fault() -> None:
    noted = Noted("1.0")
    noted.add("thin Resize", "a test", Said("wrong"))
    noted.add("first Gather", "a test", Said("refused"))
    noted.add("thin Resize", "another test", Said("right"))
    noted.add("thin Resize", "a test", Said("hung"), "float16")
    assert [(one.chain, one.dtype, one.what) for one in noted.faults()] == [
        ("first Gather", "float32", "refuses it"),
        ("thin Resize", "float16", "hangs"),
    ]


def test_a_fault_says_in_which_other_dtypes_it_is_none() -> None:
    noted = Noted("1.0")
    for dtype, what in (("float32", "wrong"), ("float16", "right"), ("float64", "wrong"), ("int64", "wrong")):
        noted.add("thin Resize", "a test", Said(what), dtype)  # type: ignore[arg-type]
    of_float, of_int = noted.faults()
    assert (of_float.dtype, of_float.right_of) == ("float32", "float16")
    assert [dtype for dtype in ("float16", "bfloat16", "float64", "int64") if of_float.is_of(dtype)] == [
        "bfloat16",
        "float64",
    ], "what was not measured is taken to be as float32 is"
    assert (of_int.dtype, of_int.is_of("float32")) == ("int64", False)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_a_test_in_another_dtype_computes_in_it_and_gives_float32(dtype: str) -> None:
    made = in_dtype(simplest(), dtype)
    assert made
    assert [node.op_type for node in made.model.graph.node] == ["Cast", "Add", "Cast"]
    with RuntimeProcess("onnxruntime") as process:
        said = process.run(made.model.SerializeToString(), made.given, made.right, 1e-2)
    assert said.passed, said.why


def test_what_an_operator_has_in_float32_alone_is_left_so() -> None:
    resize = next(one for one in cases("Resize") if "scales" in one.given)
    made = in_dtype(resize, "float16")
    assert made
    assert "scales" in made.model.graph.node[1].input, "its scales are float32 in every file"
    assert in_dtype(next(iter(cases("And"))), "float16") is None


def test_a_dtype_of_another_type_parameter_is_refused_where_no_test_of_it_passes() -> None:
    tally = Tally()
    for case in cases("Where"):
        passes = case.given["condition"].dtype == bool and case.given["x"].dtype == "float32"
        for _ in range(3):
            tally.passes(case, frozen=False) if passes else tally.fails(case, Said("refused"))
    assert tally.refused() == {"T": {"int64"}}
    assert Tally().refused() == {}


def test_a_convolution_of_volumes_is_told_apart() -> None:
    torch = pytest.importorskip("torch")
    for make, shape, name in (
        (torch.nn.Conv3d(3, 4, 3), (1, 3, 6, 6, 6), "volumes"),
        (torch.nn.ConvTranspose3d(3, 4, 3, 2, 1, 1), (1, 3, 4, 4, 4), "transposed_uneven_volumes"),
    ):
        program = torch.export.export(make.eval(), (torch.ones(shape),), strict=False).run_decompositions()
        assert [one.name for one in operators(program)] == [f"aten.convolution.{name}"]
    assert verdict("executorch", None, "aten.convolution.default", 20, ("float32",)).supported == "yes"
    assert verdict("executorch", None, "aten.convolution.volumes", 20, ("float32",)).supported == "no"
    assert verdict("litert", None, "aten.convolution.volumes", 20, ("float32",)).supported == "yes"


def test_six_axes_volumes_and_pools_without_strides_are_told_apart() -> None:
    torch = pytest.importorskip("torch")
    for make, shape, name in (
        (Deep, (1, 2, 2, 3, 3), "unsqueeze.six_axes"),
        (Deep, (1, 2, 3, 3), "unsqueeze.default"),
        (lambda: Pooled(torch.nn.functional.max_pool2d), (1, 3, 4, 4), "max_pool2d.no_stride"),
        (lambda: torch.nn.MaxPool2d(2), (1, 3, 4, 4), "max_pool2d.default"),
        (Looked, (1, 3, 4, 4, 4), "grid_sampler.volumes"),
    ):
        program = torch.export.export(make(), (torch.rand(shape),), strict=False).run_decompositions({})
        assert f"aten.{name}" in [one.name for one in operators(program)]
        said = verdict("coreml", None, f"aten.{name}", 20, ("float32",))
        assert said.supported == ("yes" if name.endswith("default") else "no"), name


def test_tvm_takes_integers_of_arithmetic_as_models_have_them() -> None:
    for name in ("Add", "Sub", "Mul", "Div", "Less", "TopK"):
        assert verdict("tvm", None, name, 18, ("int64",)).supported == "yes", name
    assert verdict("tvm", None, "Pow", 18, ("int64",)).supported == "no"


def test_a_prelu_of_what_is_no_image_is_told_apart() -> None:
    torch = pytest.importorskip("torch")
    for shape, name in (((1, 3, 4, 4), "self"), ((1, 3, 4), "prelu_of_no_images")):
        program = torch.export.export(torch.nn.PReLU(), (torch.rand(shape),), strict=False).run_decompositions()
        assert f"aten.where.{name}" in {one.name for one in operators(program)}
    assert verdict("executorch", None, "aten.where.prelu_of_no_images", 20, ("bool",)).supported == "no"
    assert verdict("executorch", None, "aten.where.self", 20, ("bool",)).supported == "yes"
    assert verdict("litert", None, "aten.where.prelu_of_no_images", 20, ("bool",)).supported == "yes"


def test_executorch_has_no_other_operators_than_it_registers() -> None:
    for operator in ("aten.scatter_reduce.two", "aten._embedding_bag.default", "aten.view_as_complex.default"):
        assert verdict("executorch", None, operator, 20).supported == "no"
    assert verdict("executorch", None, "aten.abs.default", 20, ("complex128",)).supported == "no"
    assert verdict("executorch", None, "aten.abs.default", 20, ("float64",)).supported == "yes"


@pytest.mark.parametrize(
    ("target", "text", "supported"),
    [
        ("opencv", "(float[2, 3, 4] x) => (float[2, 3] y) <float[4] w> {y = MatMul(x, w)}", "no"),
        ("opencv", "(float[2, 3, 4] x) => (float[2, 3, 5] y) <float[4, 5] w> {y = MatMul(x, w)}", "yes"),
        ("tract", "(double[2, 4] x, double[4, 3] w, double[3] b) => (double[2, 3] y) {y = Gemm(x, w, b)}", "no"),
        ("tract", "(double[2, 4] x, double[4, 3] w) => (double[2, 3] y) {y = Gemm(x, w)}", "yes"),
        ("tract", "(float[2, 4] x, float[4, 3] w, float[3] b) => (float[2, 3] y) {y = Gemm(x, w, b)}", "yes"),
        ("onnxruntime", "(float[4] x, int32[2, 1] i, float[2] u) => (float[4] y) {y = ScatterND(x, i, u)}", "no"),
        ("onnxruntime", "(float[4] x, int64[2, 1] i, float[2] u) => (float[4] y) {y = ScatterND(x, i, u)}", "yes"),
        ("opencv", "(bool[2] a, bool[2] b) => (bool[2] y) {y = Equal(a, b)}", "no"),
        ("opencv", "(int64[2] a, int64[2] b) => (bool[2] y) {y = Equal(a, b)}", "yes"),
        (
            "tract",
            "(float[4] x) => (int64[4] y) {c = Cast<to=7>(x) a = Constant<value_int=0>() y = CumSum(c, a)}",
            "no",
        ),
        ("tract", "(int64[4] x) => (int64[4] y) {a = Constant<value_int=0>() y = CumSum(x, a)}", "yes"),
        (
            "opencv",
            '(float[3] x, int64[5] i, float[5] u) => (float[3] y) {y = ScatterElements<reduction="add">(x, i, u)}',
            "no",
        ),
        (
            "opencv",
            '(float[3] x, int64[2] i, float[2] u) => (float[3] y) {y = ScatterElements<reduction="add">(x, i, u)}',
            "yes",
        ),
        (
            "opencv",
            "(float[5, 2, 3] x) => (float[5, 1, 2, 4] y) <float[1, 12, 3] w, float[1, 12, 4] r> "
            "{y = GRU<hidden_size=4>(x, w, r)}",
            "no",
        ),
        (
            "opencv",
            "(float[5, 2, 3] x) => (float[5, 1, 2, 4] y, float[1, 2, 4] h) <float[1, 12, 3] w, float[1, 12, 4] r> "
            "{y, h = GRU<hidden_size=4>(x, w, r)}",
            "yes",
        ),
        (
            "tract",
            "(float[1, 3] x, bool c) => (y) {y = If(c) <then_branch = a () => (s) {s = Squeeze(x)}, "
            "else_branch = b () => (i) {i = Identity(x)}>}",
            "no",
        ),
        ("openvino", "(float[1, 1, 4, 4, 4] x, float[1, 2, 2, 2, 3] g) => (y) {y = GridSample(x, g)}", "no"),
        ("openvino", "(float[1, 1, 4, 4] x, float[1, 2, 2, 2] g) => (y) {y = GridSample(x, g)}", "yes"),
        (
            "tract",
            "(float[1, 6, 4, 3] x, int64[4] s) => (float[1, 5, 6, 4] y) <float[5, 6, 1, 1] w> "
            "{m = ReduceMean<keepdims=1>(x) e = Expand(m, s) c = Concat<axis=3>(x, e) "
            "t = Transpose<perm=[0, 3, 1, 2]>(c) y = Conv<kernel_shape=[1, 1]>(t, w)}",
            "no",
        ),
    ],
)
def test_where_an_operator_stands_decides(tmp_path: Path, target: str, text: str, supported: str) -> None:
    onnx = pytest.importorskip("onnx")
    file = tmp_path / "m.onnx"
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {text}')
    for one in model.graph.initializer:
        one.CopyFrom(onnx.numpy_helper.from_array(numpy.ones(tuple(one.dims), "float32"), one.name))
    file.write_bytes(model.SerializeToString())
    (column,) = matrix(read(file).uses, [(target, None)], [17], ask_installed=False).columns.values()
    assert {"partial": "yes"}.get(column.supported, column.supported) == supported
