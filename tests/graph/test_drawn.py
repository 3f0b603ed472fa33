"""Files as pictures: what an exporter writes down of modules and lines, and where targets are cut."""

from __future__ import annotations

from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")
from detectors import RetinaNet, Ssd, export_dynamo, export_torchscript  # noqa: E402
from onnx import parser  # noqa: E402

from convlint import api  # noqa: E402
from convlint.graph.drawn import drawn  # noqa: E402
from convlint.graph.picture import INPUT, OUTPUT  # noqa: E402


@pytest.mark.parametrize("export", [export_torchscript, export_dynamo])
def test_modules_have_names_that_people_know(tmp_path: Path, export: object) -> None:
    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x).relu() + x

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stages = torch.nn.Sequential(Block(), Block())

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.stages(images)

    path = tmp_path / "net.onnx"
    export(Net().eval(), path)  # type: ignore[operator]
    picture = drawn(path, [])
    scopes = {node.scope for node in picture.nodes if node.operator == "Conv"}
    assert scopes == {("stages", f"stages.{i}", f"stages.{i}.conv") for i in (0, 1)}
    inside = {node.scope for node in drawn(path, [], "stages").nodes if node.operator == "Conv"}
    assert inside == {("0", "0.conv"), ("1", "1.conv")}
    assert [node.operator for node in picture.nodes][:1] == [INPUT]
    assert picture.nodes[-1].operator == OUTPUT


def test_a_picture_is_cut_where_the_model_is(tmp_path: Path) -> None:
    for model, export in ((Ssd(), export_torchscript), (RetinaNet(), export_dynamo)):
        path = tmp_path / f"{type(model).__name__}.onnx"
        export(model.eval(), path)
        picture = drawn(path, [("ncnn", None), ("onnxruntime", None)])
        told = api.cut(path, "ncnn")
        outside = picture.cuts["ncnn"].outside
        assert len(outside) == told.tail
        assert {picture.nodes[at].operator for at in outside} == set(told.outside)
        assert not picture.cuts["onnxruntime"].outside


def test_what_cannot_be_cut_says_why(tmp_path: Path) -> None:
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> g (float[2] x) => (int64[1, n] y) { y = NonZero(x) }'
    )
    path = tmp_path / "first.onnx"
    path.write_bytes(model.SerializeToString())
    cuts = drawn(path, [("ncnn", None), ("coreml", None)]).cuts
    assert "takes nothing in front of NonZero" in cuts["ncnn"].reason
    assert "no ONNX" in cuts["coreml"].reason


def test_what_depends_on_no_input_is_left_out(tmp_path: Path) -> None:
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> g (float[2] x) => (float[2] y)'
        " { a = Constant<value = float[2] {1.0, 2.0}>() b = Sqrt(a) y = Add(x, b) }"
    )
    path = tmp_path / "constants.onnx"
    path.write_bytes(model.SerializeToString())
    assert [node.operator for node in drawn(path, []).nodes] == [INPUT, "Add", OUTPUT]
