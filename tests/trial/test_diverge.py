"""Small models that part from eager, exported by the real exporters; the line that must be found is marked."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("onnxruntime")

import torch

from convlint.trial.divergence import computed
from convlint.trial.divergence.computed import GraphValues, OnnxValues, ProgramValues, TraceValues
from convlint.trial.divergence.exporting import parted_by_asking
from convlint.trial.divergence.kept import Kept, gap
from convlint.trial.divergence.search import first_divergence
from convlint.trial.divergence.tape import Budget
from convlint.trial.divergence.told import Divergence, described
from convlint.trial.execute import load, run_on, seed
from convlint.trial.routes import MODEL_FILE, Export, onnx_dynamo, onnx_torchscript
from convlint.trial.samples import Sample

HEADER = "import math\nimport numpy as np\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"
MARK, CAUSE = "# <- here", "# <- cause"
ONNX = ("onnx_torchscript", "onnx_dynamo")
TRACED = ("jit_trace", "onnx_torchscript")


class Found:
    """A divergence, and the marked lines of the model that it is about."""

    def __init__(self, divergence: Divergence | None, source: str) -> None:
        assert divergence is not None
        self.divergence = divergence
        self._rows = source.splitlines()

    def at_mark(self) -> bool:
        return MARK in self._row(self.divergence.place)

    def cause_at_mark(self) -> bool:
        return CAUSE in self._row(self.divergence.cause)

    def _row(self, place: str) -> str:
        return self._rows[int(place.rpartition(":")[2]) - 1] if place else ""


Search = Callable[..., Found]


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    def found(route: str, body: str, traced: torch.Tensor, failing: torch.Tensor | None = None, axes: int = 0) -> Found:
        path = tmp_path / "model.py"
        source = HEADER + body
        path.write_text(source)
        module = load(path)

        def build() -> torch.nn.Module:
            seed()
            return module.Model().eval()

        sample = Sample("traced", "traced", (traced,), made=False)
        other = sample if failing is None else Sample("other", "values", (failing,), made=False)
        dynamic = {0: {axis: f"n{axis}" for axis in range(axes)}} if axes else {}
        graph = exported(route, build(), sample, dynamic, tmp_path)
        return Found(first_divergence(build, sample, other, graph), source)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield found


def exported(
    route: str, model: torch.nn.Module, sample: Sample, dynamic: dict[int, dict[int, str]], folder: Path
) -> GraphValues:
    def export(args: tuple[torch.Tensor, ...]) -> GraphValues:
        asked = Export(model, args, ("x",), dynamic, {}, None, folder)
        if route == "jit_trace":
            return TraceValues(torch.jit.trace(model, args))
        if route == "torch_export":
            return ProgramValues(torch.export.export(model, args, dynamic_shapes=asked.dynamic_shapes).module())
        (onnx_dynamo if route == "onnx_dynamo" else onnx_torchscript)(asked)
        return OnnxValues(folder / MODEL_FILE, ("x",))

    found: GraphValues = run_on(sample, export)
    return found


def model(*lines: str) -> str:
    return "class Model(nn.Module):\n" + "".join(f"    {line}\n" for line in lines)


def forward(*lines: str) -> str:
    return model("def forward(self, x):", *(f"    {line}" for line in lines))


X = torch.linspace(-1, 2, 12).reshape(3, 4)


def test_a_lost_write_is_proven(search: Search) -> None:
    body = forward("y = x.sigmoid() + 1", "row = y[1]", "row += 2  # <- here", "return y.exp() - 3")
    found = search("onnx_torchscript", body, X)
    assert found.at_mark()
    assert (found.divergence.kind, found.divergence.operator, found.divergence.proven) == ("write", "aten::add_", True)


def test_of_several_writes_the_one_that_is_lost_is_found(search: Search) -> None:
    body = forward("y = x.exp()", "y[:, 0].mul_(2)", "row = y[1]", "row += 2  # <- here", "return y.sqrt()")
    assert search("onnx_torchscript", body, X).at_mark()


@pytest.mark.parametrize("route", TRACED)
def test_a_branch_on_a_value_is_found_at_its_condition(search: Search, route: str) -> None:
    body = forward("y = x * 2", "if y.sum() > 0:  # <- here", "    y = y + 1", "return y.relu()")
    found = search(route, body, X, -X)
    assert found.at_mark()
    assert found.divergence.kind == "branch"


@pytest.mark.parametrize("route", [*TRACED, "torch_export", "onnx_dynamo"])
def test_a_branch_on_a_size_is_found_at_its_condition(search: Search, route: str) -> None:
    body = forward("y = x * 2", "if x.shape[0] > 2:  # <- here", "    y = y + 1", "return y.relu()")
    assert search(route, body, X, X[:2], axes=1).at_mark()


def test_a_branch_decided_in_a_helper_is_found_where_it_branches(search: Search) -> None:
    helper = "def positive(y):\n    total = y.sum()\n    return total > 0\n\n\n"
    body = helper + forward("if positive(x):  # <- here", "    return x + 1", "return x - 1")
    assert search("onnx_torchscript", body, X, -X).at_mark()


def test_a_conditional_expression_is_found(search: Search) -> None:
    body = forward("y = x.exp()", "y = y + 1 if x.sum() > 0 else y - 1  # <- here", "return y * 2")
    assert search("onnx_torchscript", body, X, -X).at_mark()


@pytest.mark.parametrize("rows", [1, 5])
def test_a_loop_over_a_size_is_found_at_its_head(search: Search, rows: int) -> None:
    body = forward("out = []", "for i in range(x.shape[0]):  # <- here", "    out.append(x[i].softmax(0))",
                   "return torch.stack(out) * 2")  # fmt: skip
    found = search("onnx_torchscript", body, X, torch.rand(rows, 4), axes=1)
    assert found.at_mark()


def test_a_branch_that_changes_nothing_is_passed_over(search: Search) -> None:
    body = forward("if x.shape[0] > 2:", "    unused = x.exp()", "s = x.max().item()  # <- cause",
                   "return x * s  # <- here")  # fmt: skip
    found = search("onnx_torchscript", body, X, X[:2], axes=1)
    assert found.at_mark()
    assert found.cause_at_mark()


@pytest.mark.parametrize("route", TRACED)
def test_a_frozen_number_is_told_with_the_line_that_took_it(search: Search, route: str) -> None:
    body = forward("s = x.max().item()  # <- cause", "y = x.exp()", "return y / s + 1  # <- here")
    found = search(route, body, X, X * 3)
    assert found.at_mark()
    assert found.cause_at_mark()
    assert found.divergence.operator == "aten::div"
    assert found.divergence.worst is not None
    assert [str(given) for given in found.divergence.inputs] == ["float32[3, 4]"]


def test_a_number_made_of_a_size_is_told_with_the_line_that_made_it(search: Search) -> None:
    body = forward("pad = math.ceil(int(x.shape[1]) / 8) * 8 - int(x.shape[1])  # <- cause", "y = x.tanh()",
                   "return F.pad(y, (0, pad)) + 1  # <- here")  # fmt: skip
    found = search("onnx_torchscript", body, X, torch.rand(3, 9), axes=2)
    assert found.at_mark()
    assert found.cause_at_mark()


def test_a_number_that_a_caller_made_is_told_with_the_call(search: Search) -> None:
    helper = "def grown(y, by):\n    return F.pad(y, (0, by))  # <- here\n\n\n"
    body = helper + forward("y = x.tanh()", "return grown(y, 10 - int(x.shape[1]))  # <- cause")
    found = search("onnx_torchscript", body, X, torch.rand(3, 6), axes=2)
    assert found.at_mark()
    assert found.cause_at_mark()


def test_what_is_folded_into_a_constant_is_found_at_its_beginning(search: Search) -> None:
    body = forward("steps = torch.arange(int(x.shape[0]))  # <- here", "scale = steps.float() / 2 + 1",
                   "return x * scale[:, None]")  # fmt: skip
    found = search("onnx_torchscript", body, X, torch.rand(5, 4), axes=1)
    assert found.at_mark()
    assert (found.divergence.kind, found.divergence.operator) == ("constant", "aten::arange")
    assert str(found.divergence.want) == "int64[5]"


def test_what_numpy_made_is_found_where_torch_takes_it(search: Search) -> None:
    body = forward("mean = np.exp(x.numpy().mean(1))", "return x * torch.from_numpy(mean)[:, None]  # <- here")
    found = search("onnx_torchscript", body, X, X + 1)
    assert found.at_mark()
    assert (found.divergence.kind, found.divergence.operator) == ("constant", "")


@pytest.mark.parametrize("route", ONNX)
def test_random_numbers_are_found_where_they_are_drawn(search: Search, route: str) -> None:
    body = forward("y = x.exp()", "noise = torch.rand_like(y)  # <- here", "return (y + noise).sqrt()")
    assert search(route, body, X).at_mark()


def test_an_operator_that_computes_otherwise_is_found(search: Search) -> None:
    body = forward("y = x.long() * 3", "z = y // 2  # <- here", "return z + 1")
    found = search("onnx_torchscript", body, X.abs() * 5, -X.abs() * 5)
    assert found.at_mark()
    assert found.divergence.node.startswith("Div")
    assert str(found.divergence.got) == "int64[3, 4]"


def test_a_file_that_the_runtime_cannot_run_on_other_sizes_is_found(search: Search) -> None:
    body = model("def __init__(self):", "    super().__init__()", "    self.line = nn.Linear(4, 4)",
                 "def forward(self, x):", "    y = self.line(x)", "    n = int(y.shape[0])  # <- cause",
                 "    return y.view(n, 2, 2).sum(1)  # <- here")  # fmt: skip
    found = search("onnx_torchscript", body, X, torch.rand(5, 4), axes=1)
    assert found.at_mark()
    assert found.cause_at_mark()
    assert found.divergence.kind == "failure"
    assert "Reshape" in found.divergence.node


def test_a_graph_that_is_right_has_no_divergence(search: Search, tmp_path: Path) -> None:
    path = tmp_path / "right.py"
    path.write_text(HEADER + forward("return x.softmax(1)"))
    build = load(path).Model
    sample = Sample("traced", "traced", (X,), made=False)
    graph = exported("onnx_dynamo", build(), sample, {}, tmp_path)
    assert first_divergence(build, sample, Sample("other", "values", (X * 2,), made=False), graph) is None


def test_the_limits_end_the_search(tmp_path: Path) -> None:
    path = tmp_path / "large.py"
    path.write_text(HEADER + forward("y = x", "for _ in range(50):", "    y = y.sin()", "return y * x.max().item()"))
    module: ModuleType = load(path)
    sample = Sample("traced", "traced", (X,), made=False)
    graph = exported("jit_trace", module.Model(), sample, {}, tmp_path)
    other = Sample("other", "values", (X * 2,), made=False)
    assert first_divergence(module.Model, sample, other, graph, memory=500) is None
    assert first_divergence(module.Model, sample, other, graph, seconds=0) is None


class Enlarges(torch.nn.Module):
    """To a size that is computed in the file."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(x[None, None], size=(2 * x.shape[0], 8), mode="bilinear")


@pytest.mark.parametrize("route", ONNX)
def test_a_size_that_a_node_is_given_from_outside_is_no_fault_of_the_file(
    tmp_path: Path, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computed, "_CHUNK", 1)
    graph = exported(route, Enlarges(), Sample("traced", "traced", (X,), made=False), {0: {0: "n"}}, tmp_path)
    (name,) = graph.outputs
    budget = Budget(time.monotonic() + 60, 1 << 30)
    (found,) = (one.value for one in graph.run((X[:2],), budget) if one.name == name)
    assert gap(found, Kept.of(Enlarges()(X[:2]))) is None


ASKING = ("y = x.exp()", "if torch.onnx.is_in_onnx_export():  # <- here", "    y = y.clamp(max=3)", "return y + 1")


@pytest.mark.parametrize("route", ONNX)
def test_a_model_that_asks_whether_it_is_exported_is_found_where_it_asks(tmp_path: Path, route: str) -> None:
    body = HEADER + forward(*ASKING)
    (path := tmp_path / "asking.py").write_text(body)
    build, failing = load(path).Model, Sample("other", "values", (X * 2,), made=False)
    graph = (onnx_dynamo if route == "onnx_dynamo" else onnx_torchscript)(
        Export(build(), (X - 2,), ("x",), {}, {}, None, tmp_path)
    )
    got = run_on(failing, graph.run)
    found = Found(parted_by_asking(build, failing, got, route, Budget(time.monotonic() + 60, 1 << 30)), body)
    assert found.at_mark()
    assert (found.divergence.kind, found.divergence.proven) == ("asked", True)


@pytest.mark.parametrize("asked", ["torch.jit.is_tracing()", "torch.onnx.is_in_onnx_export()"])
def test_what_a_model_asks_for_nothing_explains_nothing(tmp_path: Path, asked: str) -> None:
    lines = ("y = x.long() * 3", f"if {asked}:", "    y = y + 0", "return y // 2")
    (path := tmp_path / "other.py").write_text(HEADER + forward(*lines))
    build, failing = load(path).Model, Sample("other", "values", (-X.abs() * 5,), made=False)
    got = run_on(failing, onnx_torchscript(Export(build(), (X.abs() * 5,), ("x",), {}, {}, None, tmp_path)).run)
    budget = Budget(time.monotonic() + 60, 1 << 30)
    assert parted_by_asking(build, failing, got, "onnx_torchscript", budget) is None


def test_what_the_file_does_not_have_before_a_wrong_tensor_is_told(search: Search) -> None:
    """Subtracted is another number than eager's, which makes no difference as long as nothing is large."""
    body = forward("most = 0.0 if torch.onnx.is_in_onnx_export() else x.amax(1, keepdim=True)", "y = (x - most).exp()",
                   "return y / y.sum(1, keepdim=True)  # <- here")  # fmt: skip
    found = search("onnx_torchscript", body, X - 4, X - 200)
    assert found.at_mark()
    assert found.divergence.since == "`aten::amax` (line 10 of model.py)"
    assert "at `aten::div`" in described(found.divergence)
    assert "from `aten::amax` (line 10 of model.py) on" in described(found.divergence)
