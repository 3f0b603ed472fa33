"""Detectors cut in front of their suppression, for targets that are not known to have one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Cli

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")
import numpy  # noqa: E402
from detectors import RetinaNet, Ssd, Yolo, export_dynamo, export_torchscript  # noqa: E402
from onnx import parser  # noqa: E402

from convlint import api  # noqa: E402
from convlint.errors import UsageError  # noqa: E402
from convlint.graph.cut import Cut  # noqa: E402

DETECTORS: dict[str, Callable[[Path], None]] = {
    "ssd": lambda path: export_torchscript(Ssd().eval(), path),
    "retinanet": lambda path: export_dynamo(RetinaNet().eval(), path),
    "yolo": lambda path: export_torchscript(Yolo().eval(), path, batch=True),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("detectors")
    torch.manual_seed(0)
    for name, export in DETECTORS.items():
        export(folder / f"{name}.onnx")
    return {name: folder / f"{name}.onnx" for name in DETECTORS}


def cut(path: Path, folder: Path) -> Cut:
    return api.cut(path, "onnxruntime-webgpu", folder / "head.onnx", folder / "tail.onnx")


@pytest.mark.parametrize("name", DETECTORS)
def test_head_and_tail_are_the_whole(exported: dict[str, Path], tmp_path: Path, name: str) -> None:
    told = cut(exported[name], tmp_path)
    assert [one.operator for one in told.refused] == ["NonMaxSuppression"]
    images = numpy.random.default_rng(7).random((2, 3, 64, 64), dtype=numpy.float32)
    whole, head, tail = (ran(path) for path in (exported[name], tmp_path / "head.onnx", tmp_path / "tail.onnx"))
    want = whole({"images": images})
    made = head({"images": images}) | {"images": images}
    got = made | tail({one.name: made[one.name] for one in told.boundary})
    assert want
    for output, value in want.items():
        assert value.size
        numpy.testing.assert_array_equal(got[output], value)


def ran(path: Path) -> Callable[[dict[str, numpy.ndarray]], dict[str, numpy.ndarray]]:
    """A model run without optimizations, from and to values by name."""
    settings = runtime.SessionOptions()
    settings.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(path, settings)
    names = [one.name for one in session.get_outputs()]
    return lambda feed: dict(zip(names, session.run(None, feed), strict=True))


@pytest.mark.parametrize("name", DETECTORS)
def test_the_target_takes_all_of_the_head_and_nothing_suppresses_in_it(
    exported: dict[str, Path], tmp_path: Path, name: str
) -> None:
    cut(exported[name], tmp_path)
    assert api.cut(tmp_path / "head.onnx", "onnxruntime-webgpu").is_whole
    assert "NonMaxSuppression" not in {node.op_type for node in onnx.load(tmp_path / "head.onnx").graph.node}
    for part in ("head", "tail"):
        onnx.checker.check_model(str(tmp_path / f"{part}.onnx"), full_check=True)
        assert api.diagnose(tmp_path / f"{part}.onnx").is_clean


def test_the_boundary_has_names_shapes_and_lines(exported: dict[str, Path], tmp_path: Path) -> None:
    boundary = {one.name: one for one in cut(exported["retinanet"], tmp_path).boundary}
    assert {one.type for one in boundary.values()} == {"float32[batch, 100, 4]", "float32[batch, 4, 100]"}
    assert all(Path(one.line.path).name == "detectors.py" and one.line.code for one in boundary.values())


def test_the_contract_of_the_suppression(exported: dict[str, Path], tmp_path: Path) -> None:
    (ssd,), (yolo,) = (cut(exported[name], tmp_path).suppressions for name in ("ssd", "yolo"))
    assert (ssd.most_per_class, ssd.iou, ssd.score, ssd.centered) == ("20", "0.45", "0.1", False)
    assert (yolo.most_per_class, yolo.iou, yolo.score, yolo.centered) == ("50", "0.6", "0.1", True)
    assert ssd.scores.endswith("float32[2, 4, 160]")


def test_anchors_become_constants(exported: dict[str, Path], tmp_path: Path) -> None:
    told = cut(exported["ssd"], tmp_path)
    assert {one.type for one in told.folded} >= {"float32[160, 2]"}
    assert not {"Range", "Expand"} & {node.op_type for node in onnx.load(tmp_path / "head.onnx").graph.node}
    told = cut(exported["yolo"], tmp_path)  # whose batch varies, but not the sizes of its map
    assert [one.type for one in told.folded] == ["float32[1, 64, 2]"]


def test_several_batches_are_compared_where_they_vary(exported: dict[str, Path], tmp_path: Path) -> None:
    yolo, ssd = (cut(exported[name], tmp_path).proof for name in ("yolo", "ssd"))
    assert yolo
    assert ssd
    assert (yolo.batches, yolo.inputs) == ((1, 2, 3), 6)
    assert (ssd.batches, ssd.inputs) == ((), 2)
    assert min(yolo.numbers, ssd.numbers) > 100


def test_the_report(exported: dict[str, Path], cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    ran = cli("cut", str(exported["yolo"]), "--target", "onnxruntime-webgpu", "-o", "head.onnx", "--tail", "tail.onnx")
    assert ran.code == 1
    assert "  contract NonMaxSuppression `/NonMaxSuppression`: hard, greedy" in ran.out
    assert "batch, box, 4 = center x, center y," in ran.out
    assert "  written  head.onnx, tail.onnx" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100
    told = json.loads(
        cli("cut", str(exported["yolo"]), "--target", "onnxruntime-webgpu", "--output-format", "json").out
    )
    assert told["non_max_suppressions"][0]["iou_threshold"] == "0.6"
    assert told["proof"]["batches"] == [1, 2, 3]


def saved(text: str) -> Path:
    path = Path("model.onnx")
    path.write_bytes(parser.parse_model(text).SerializeToString())
    return path


CLIP = '<ir_version: 8, opset_import: ["" : 17]>\ng (float[N, 4] x) => (float[N, 4] y, int64[2, M] z)'


def test_a_model_that_the_target_takes_is_left_whole(cli: Cli) -> None:
    saved(f"{CLIP} {{ y = Relu(x) z = NonZero(y) }}")
    ran = cli("cut", "model.onnx", "--target", "onnxruntime", "-o", "head.onnx")
    assert ran.code == 0
    assert ran.out.endswith("Nothing to cut.\n")
    assert not Path("head.onnx").exists()


def test_outputs_of_the_head_stay_its_outputs(cli: Cli) -> None:
    saved(f"{CLIP} {{ y = Relu(x) z = NonZero(y) }}")
    assert (
        cli("cut", "model.onnx", "--target", "onnxruntime-webgpu", "-o", "head.onnx", "--tail", "tail.onnx").code == 1
    )
    assert [one.name for one in onnx.load("head.onnx").graph.output] == ["y"]
    assert [one.name for one in onnx.load("tail.onnx").graph.output] == ["z"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{ z = NonZero(x) y = Relu(x) }", ""),
        ("{ z = NonZero(x) c = Cast<to = 1>(z) s = ReduceSum(c) y = Mul(x, s) }", "takes nothing in front of NonZero"),
        (
            "{ y = Relu(x) i = Cast<to = 7>(x) z = Sqrt(i) }",
            "wrong before it is cut (Sqrt `z`: input 0 `X` is int64)",
        ),
    ],
)
def test_what_cannot_be_cut(cli: Cli, body: str, message: str) -> None:
    saved(f"{CLIP} {body}")
    ran = cli("cut", "model.onnx", "--target", "onnxruntime-webgpu", "-o", "head.onnx")
    assert ran.code == (2 if message else 1)
    assert message in ran.err
    assert Path("head.onnx").exists() is not bool(message)


def test_a_target_that_reads_programs_of_torch_is_not_asked(cli: Cli) -> None:
    saved(f"{CLIP} {{ y = Relu(x) z = NonZero(y) }}")
    ran = cli("cut", "model.onnx", "--target", "coreml")
    assert (ran.code, ran.out) == (2, "")
    assert "reads programs of torch" in ran.err
    ran = cli("diagnose", "model.onnx", "--target", "coreml")
    assert ran.code == 0
    assert "coreml reads programs of torch, no ONNX; it was not asked" in ran.out


def test_external_data_outside_the_folder_is_not_read(cli: Cli) -> None:
    path = saved(f"{CLIP} {{ h = Add(x, w) y = Relu(h) z = NonZero(y) }}")
    model = onnx.load(path)
    tensor = model.graph.initializer.add(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    path.write_bytes(model.SerializeToString())
    ran = cli("cut", "model.onnx", "--target", "onnxruntime-webgpu", "-o", "head.onnx")
    assert ran.code == 2
    assert "outside the model's folder" in ran.err


def test_a_part_that_cannot_be_written(cli: Cli) -> None:
    saved(f"{CLIP} {{ y = Relu(x) z = NonZero(y) }}")
    ran = cli("cut", "model.onnx", "--target", "onnxruntime-webgpu", "-o", "nowhere/head.onnx")
    assert (ran.code, ran.out) == (2, "")
    assert "nowhere/head.onnx cannot be written (No such file or directory)" in ran.err


def test_parts_do_not_overwrite_the_model(cli: Cli) -> None:
    before = saved(f"{CLIP} {{ y = Relu(x) z = NonZero(y) }}").read_bytes()
    assert cli("cut", "model.onnx", "--target", "onnxruntime-webgpu", "-o", "./model.onnx").code == 2
    assert Path("model.onnx").read_bytes() == before
    with pytest.raises(UsageError, match="name one"):
        api.cut("model.onnx", "ncnn,tvm")
