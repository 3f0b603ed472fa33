"""What the shipped facts say, and what they must not be made to say."""

from __future__ import annotations

import timeit

import msgspec
import pytest
from convlint_rules.call_sites.opset_outside_window import WINDOWS

from convlint.backends import newest, reads, verdict
from convlint.backends.exporters import exporters
from convlint.backends.facts import FOLDER, Facts, facts, since_version
from convlint.rule import DEFAULT_OPSET

TARGETS = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize(
    ("target", "operator", "supported"),
    [
        ("onnxruntime", "GridSample", "yes"),
        ("onnxruntime", "LayerNormalization", "yes"),
        ("tensorrt", "BitwiseAnd", "no"),
        ("openvino", "GridSample", "yes"),
        ("tract", "GridSample", "yes"),
        ("coreml", "aten::cummax", "no"),
        ("coreml", "aten.cummax.default", "no"),
        ("coreml", "aten::add_", "yes"),
        ("coreml", "aten::__and__", "no"),
        ("coreml", "aten.where.self", "yes"),
        ("coreml", "aten.where.ScalarOther", "no"),
        ("coreml", "aten.alias.default", "no"),
        ("executorch", "aten.view.default", "yes"),
        ("litert", "aten.convolution.default", "yes"),
    ],
)
def test_what_targets_take(target: str, operator: str, supported: str) -> None:
    assert verdict(target, None, operator, DEFAULT_OPSET).supported == supported


def test_what_is_refused_by_its_name_between_underscores_was_tried() -> None:
    assert verdict("coreml", None, "aten::__and__", DEFAULT_OPSET).tests > 0
    assert verdict("coreml", None, "aten::__nosuch__", DEFAULT_OPSET).tests == 0


@pytest.mark.parametrize(
    ("target", "version", "operator", "opset"),
    [
        ("tensorrt", "8.7", "BitwiseAnd", 17),
        ("tensorrt", "10.0", "BitwiseAnd", 21),
        ("tensorrt", None, "NoSuchOperator", 20),
        ("coreml", None, "GridSample", 20),
        ("onnxruntime", None, "aten::add", 20),
        ("onnxruntime", "1.16", "Add", 20),
        ("tract", "0.21", "Unique", 20),
        ("nothing", None, "Add", 20),
    ],
)
def test_what_the_facts_do_not_say_is_unknown(target: str, version: str | None, operator: str, opset: int) -> None:
    told = verdict(target, version, operator, opset)
    assert told.supported == "unknown"
    assert told.reason


@pytest.mark.parametrize("version", [None, "10.0", "10.0.1", "10"])
def test_a_version_is_that_of_the_facts_as_far_as_both_are_written(version: str | None) -> None:
    assert verdict("tensorrt", version, "BitwiseAnd", 20).supported == "no"


@pytest.mark.parametrize(("version", "supported"), [("8.4", "no"), ("8.5", "yes"), ("8.6", "yes"), (None, "yes")])
def test_older_versions_have_facts_of_their_own(version: str | None, supported: str) -> None:
    assert verdict("tensorrt", version, "GridSample", 16).supported == supported


def test_an_operator_is_judged_by_its_version_at_the_opset() -> None:
    assert [since_version("RoiAlign", opset) for opset in (9, 10, 16, 21, 22)] == [None, 10, 16, 16, 22]
    assert verdict("onnxruntime", None, "RoiAlign", 21).supported == "yes"
    newer = verdict("onnxruntime", None, "RoiAlign", 22)
    assert (newer.supported, newer.passed, newer.tests > 0) == ("no", 0, True)
    assert "RoiAlign-22" in newer.reason


@pytest.mark.parametrize(
    ("dtypes", "supported"), [((), "yes"), (("float",), "yes"), (("int",), "no"), (("int", "float"), "yes")]
)
def test_an_operator_may_be_taken_of_some_dtypes_only(dtypes: tuple[str, ...], supported: str) -> None:
    told = verdict("tensorrt", None, "CumSum", 20, dtypes)
    assert told.supported == supported
    assert told.dtypes == ("bfloat16", "float16", "float32", "float64")


@pytest.mark.parametrize("target", TARGETS)
def test_a_fact_file_names_its_version_and_source_and_is_read_at_once(target: str) -> None:
    name, _, version = target.partition("@")
    known = facts(name, version or None)
    assert known is not None
    assert known.version
    assert known.source
    assert version in ("", known.version)
    assert tuple(reads(name)) == known.reads
    assert version or newest(name) == known.version
    assert len(known.by_operator) == len(known.rows)
    assert not any("(" in f"{row.dtypes} {row.types}" for row in known.rows)
    content = (FOLDER / f"{target}.json").read_bytes()
    assert min(timeit.repeat(lambda: msgspec.json.decode(content, type=Facts), number=1)) < 0.02


def test_where_claim_and_measurement_contradict_each_other_nothing_is_refused() -> None:
    contradicted = [
        verdict(target, None, row.operator, row.since_version).supported
        for target in ("openvino", "tract", "tvm")
        for row in (facts(target) or pytest.fail("no facts")).rows
        if row.claim == "yes" and row.tests and not row.passed and row.since_version >= 7
    ]
    assert contradicted
    assert set(contradicted) == {"unknown"}


def test_the_opset_without_an_opset_is_the_one_that_torch_writes() -> None:
    pytest.importorskip("torch")
    from torch.onnx._constants import ONNX_DEFAULT_OPSET

    assert ONNX_DEFAULT_OPSET == DEFAULT_OPSET


def test_the_kernels_of_the_installed_runtime_are_those_of_the_facts() -> None:
    pytest.importorskip("onnxruntime")
    import onnxruntime
    from onnx import TensorProto, helper

    if onnxruntime.__version__ != newest("onnxruntime"):
        pytest.skip("the facts are of another version")
    for operator, dtype in (("Relu", "int"), ("Sin", "float"), ("Not", "bool"), ("Erf", "int"), ("Round", "int")):
        kind = {"int": TensorProto.INT32, "float": TensorProto.FLOAT, "bool": TensorProto.BOOL}[dtype]
        given, made = (helper.make_tensor_value_info(name, kind, [2]) for name in "xy")
        graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", [given], [made])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        try:
            onnxruntime.InferenceSession(model.SerializeToString())
            takes = "yes"
        except Exception:
            takes = "no"
        assert verdict("onnxruntime", None, operator, 17, (dtype,)).supported == takes


def test_a_dtype_that_was_not_measured_is_unknown_where_another_version_refuses_it() -> None:
    assert verdict("tract", None, "Erf", 18, ("float64",)).supported == "no"
    assert verdict("tract", None, "Erf", 12, ("float64",)).supported == "unknown"
    assert verdict("tract", None, "Erf", 12, ("float32",)).supported == "yes"


def test_the_measured_windows_of_the_exporters_are_those_of_the_rule() -> None:
    measured = {name: (one.oldest, one.newest) for name, one in exporters().items()}
    assert measured == WINDOWS
    assert not any(one.missing for one in exporters().values())
