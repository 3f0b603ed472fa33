"""The rules of calls: what they leave alone, and how their repairs are laid out."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree, Cli, repaired
from convlint_rules.call_sites.opset_outside_window import WINDOWS
from convlint_rules.call_sites.removed_function import REMOVED

HEAD = "import torch\n\n"


def fixed(tmp_path: Path, body: str, **options: object) -> str:
    after = repaired(tmp_path / "export.py", (HEAD + body).encode(), unsafe_fixes=True, **options)
    return after.decode().removeprefix(HEAD)


@pytest.mark.parametrize(
    ("axes", "names"),
    [
        ("{'a': {0: 'n'}, 'y': {0: 'n'}}", "input_names=['a'], output_names=['y']"),
        ("{'a': {0: 'n'}, 'y': {0: 'n'}}", "input_names=['a'], output_names=names"),
        ("{'a': {0: 'n'}, 'y': {0: 'n'}}", "input_names=['a'], **options"),
        ("axes", "input_names=['a']"),
        ("{'a': {0: 'n'}}", "output_names=['y']"),
        ("{'a': {0: 'n'}, 'y': {0: 'n'}}", "input_names=['a'], dynamo=False"),
        ("{'a': {0: 'n'}, 'y': {0: 'n'}}", "input_names=['a'], dynamo=use_dynamo"),
    ],
)
def test_axes_whose_names_may_all_be_known(agree: Agree, axes: str, names: str) -> None:
    agree(f"import torch\ntorch.onnx.export(m, (x,), 'm.onnx', {names}, dynamic_axes={axes})")


def test_plain_calls_are_shown_as_harmless_only(agree: Agree) -> None:
    names = "input_names=['a'], output_names=['y']"
    source = f"import torch\ntorch.onnx.export(m, (x,), 'm.onnx', {names}, dynamic_axes={{'a': {{0: 'n'}}}})"
    agree(source)
    agree(f"{source}  # CVL901 CVL902", show_harmless=True)
    agree("import torch\ntorch.jit.trace(m, x)  # CVL911", show_harmless=True)
    agree(
        "import torch\ntorch.jit.trace(m, x, check_inputs=[y])\ntorch.jit.trace(m, x, check_trace=False)",
        show_harmless=True,
    )
    loading = "import torch\nweights = torch.load('m.pt', weights_only=False)"
    agree(loading)
    agree(f"{loading}  # CVL906", show_harmless=True)


@pytest.mark.parametrize(
    "source",
    [
        "state = torch.load('m.pt')\nmodel.load_state_dict(state)",
        "model = torch.load('m.pt', weights_only=True)\nmodel.eval()",
        "model = torch.load('m.pt', **options)\nmodel.eval()",
        "model = torch.jit.load('m.pt')\nmodel.eval()",
    ],
)
def test_weights_that_are_loaded(agree: Agree, source: str) -> None:
    agree(HEAD + source)


@pytest.mark.parametrize(
    ("made", "shapes"),
    [
        ("torch.randn(2, 4)", "({0: batch},)"),
        ("torch.randn(1, 4)", "({1: batch},)"),
        ("torch.randn(n, 4)", "({0: batch},)"),
        ("torch.randn(1, 4)", "(None,)"),
        ("torch.randn(1, 4)", "({0: dims[0]},)"),
        ("torch.randn(1, 4)", "shapes"),
    ],
)
def test_examples_of_another_size_or_that_stay_static(agree: Agree, made: str, shapes: str) -> None:
    body = f"batch = torch.export.Dim('n')\nx = {made}\ntorch.export.export(m, (x,), dynamic_shapes={shapes})"
    agree(HEAD + body)


def test_an_exported_program_has_one_exporter_only(agree: Agree) -> None:
    body = "p = torch.export.export(m, (x,))\ntorch.onnx.export(p, (), 'm.onnx', dynamo=False, opset_version=24)"
    agree(HEAD + body, show_harmless=True)


def test_the_example_is_made_larger_where_it_is_made(tmp_path: Path) -> None:
    body = (
        "x = torch.zeros((1, 3, 1), device=d)\ne = torch.export.export(m, (x,), dynamic_shapes=({{0: {0}, 2: {0}}},))\n"
    )
    body = body.format("torch.export.Dim.DYNAMIC")
    assert fixed(tmp_path, body) == body.replace("(1, 3, 1)", "(2, 3, 2)")


def test_options_are_laid_out_as_those_before(tmp_path: Path) -> None:
    call = "torch.onnx.export(\n    m,\n    x,  # the example\n    'm.onnx',\n    opset_version=11{}\n)\n"
    assert fixed(tmp_path, call.format(",")) == call.format(",\n    dynamo=False,")
    assert fixed(tmp_path, call.format("")) == call.format(",\n    dynamo=False")


def test_shapes_stand_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    call = "torch.onnx.export(m, (a, b, c), 'm.onnx', input_names=['a', 'b', 'c'], {})\n"
    axes = "dynamic_axes={'c': {1: 'k'}, 'a': {0: 'n', 2: 'w'}, 'y': {0: 'n'}}"
    shapes = 'dynamic_shapes=({0: "n", 2: "w"}, None, {1: "k"}), dynamo=True'
    assert fixed(tmp_path, call.format(axes)) == call.format(shapes)


@pytest.mark.parametrize(
    "given",
    ["inputs, 'm.onnx', input_names=['a']", "(a, b), 'm.onnx', input_names=['a']", "(a,), 'm.onnx', input_names=['b']"],
)
def test_shapes_are_not_written_where_the_inputs_are_not_seen(tmp_path: Path, given: str) -> None:
    call = f"torch.onnx.export(m, {given}, dynamic_axes={{'a': {{0: 'n'}}, 'y': {{0: 'n'}}}})\n"
    assert fixed(tmp_path, call) == call


@pytest.mark.parametrize(
    ("dynamo", "opset", "becomes"), [(False, 7, 7), (False, 23, 23), (True, 18, 18), (True, 28, 28), (True, 29, 18)]
)
def test_the_opsets_that_an_exporter_writes(tmp_path: Path, dynamo: bool, opset: int, becomes: int) -> None:
    torch, onnx, runtime = map(pytest.importorskip, ("torch", "onnx", "onnxruntime"))
    path = tmp_path / "model.onnx"
    torch.onnx.export(torch.nn.Linear(4, 4).eval(), (torch.ones(2, 4),), path, opset_version=opset, dynamo=dynamo)
    assert [one.version for one in onnx.load(path).opset_import if not one.domain] == [becomes]
    assert runtime.InferenceSession(path).get_inputs()
    low, high = WINDOWS["onnx_dynamo" if dynamo else "onnx_torchscript"]
    assert (low <= opset <= high) is (opset == becomes)


@pytest.mark.parametrize(
    ("opset", "message"), [(6, "Could not find an implementation"), (24, "Unsupported onnx_opset")]
)
def test_other_opsets_are_refused_by_the_torchscript_exporter_or_the_runtime(
    tmp_path: Path, opset: int, message: str
) -> None:
    torch, runtime = map(pytest.importorskip, ("torch", "onnxruntime"))
    low, high = WINDOWS["onnx_torchscript"]
    assert not low <= opset <= high
    path, model = tmp_path / "model.onnx", torch.nn.Linear(4, 4).eval()
    with pytest.raises(Exception, match=message):  # noqa: PT012 - either of them
        torch.onnx.export(model, (torch.ones(2, 4),), path, opset_version=opset, dynamo=False)
        runtime.InferenceSession(path)


def test_a_comment_excuses_a_call(cli: Cli, tmp_path: Path) -> None:
    call = "import torch\ntorch.onnx.export(m, x, 'm.onnx', opset_version=11)  # convlint: ignore[CVL903] old files\n"
    (tmp_path / "export.py").write_text(call)
    assert cli("export.py", "--isolated").code == 0


NET = """import torch
from torch import nn


class Net(nn.Module):
    def forward(self, {}):
        {}


m = Net().eval()
x, k = torch.ones(3, 4), torch.ones(3, 4)
"""


@pytest.mark.parametrize(
    ("parameters", "call"),
    [
        ("x, **options", "torch.onnx.export(m, (x,), 'm.onnx', kwargs={'k': k}, dynamo=False)  # CVL908"),
        ("x, **options", "torch.onnx.export(m, (x, {'k': k}), 'm.onnx', dynamo=False)  # CVL908"),
        ("x, *, k", "torch.onnx.export(m, (x,), 'm.onnx', kwargs={'k': k}, dynamo=False)  # CVL908"),
        ("x, d", "torch.onnx.export(m, (x, {'k': k}), 'm.onnx', dynamo=False)  # CVL908"),
        ("x, d", "given = {'k': k}\ntorch.onnx.export(m, (x, given), 'm.onnx', dynamo=True)  # CVL908"),
        ("x, **options", "torch.onnx.export(m, (x,), 'm.onnx', kwargs={'k': k}, dynamo=True)"),
        ("x, k=None", "torch.onnx.export(m, (x,), 'm.onnx', kwargs={'k': k}, dynamo=False)"),
        ("x, k=None", "torch.onnx.export(m, (x, {'k': k}), 'm.onnx', dynamo=False)"),
        ("x, k=None, **rest", "torch.onnx.export(m, (x, {'k': k}), 'm.onnx', dynamo=False)"),
        ("x, d", "torch.onnx.export(m, (x, {'k': k}, {}), 'm.onnx', dynamo=False)"),
        ("x, **options", "torch.onnx.export(m, (x,), 'm.onnx', kwargs=make(), dynamo=False)"),
        ("x, **options", "torch.onnx.export(m, (x,), 'm.onnx', kwargs={'k': k}, dynamo=choice)"),
        ("*all, **options", "torch.onnx.export(m, (x, {'k': k}), 'm.onnx', dynamo=True)"),
    ],
)
def test_inputs_that_are_given_by_name(agree: Agree, parameters: str, call: str) -> None:
    agree(NET.format(parameters, "return x * 2") + call)


@pytest.mark.parametrize(
    "call",
    [
        "torch.jit.trace(m, (x, None))  # CVL909",
        "torch.jit.trace(m, (x, 3, k))  # CVL909",
        "torch.jit.trace(m, example_inputs=[x, 'nearest'])  # CVL909",
        "given = (x, 0.5)\ntorch.jit.trace(m, given)  # CVL909",
        "torch.export.export(m, x)  # CVL909",
        "torch.export.export(m, [x, k])  # CVL909",
        "torch.export.export(m, (np.ones(3),))  # CVL909",
        "torch.onnx.export(m, (x, np.ones(3)), 'm')  # CVL909",
        "torch.onnx.export(m, (x, 2), 'm', input_names=['x', 'k'], dynamo=True)  # CVL909",
        "torch.onnx.export(m, (x, 2), 'm', input_names=['x'], dynamo=True)",
        "torch.onnx.export(m, (x, 2), 'm', input_names=['x', 'k'], dynamo=False)",
        "torch.onnx.export(m, (x, None), 'm', input_names=['x', 'k'], dynamo=True)",
        "torch.onnx.export(m, (torch.from_numpy(np.ones(3)),), 'm', dynamo=True)",
        "torch.jit.trace(m, [x, k])",
        "torch.jit.trace(m, (x, (k, x)))",
        "torch.jit.trace(m, (x, make()))",
        "torch.jit.trace(m, example_inputs=None, example_kwarg_inputs={'x': x})",
        "torch.export.export(m, (x, None, 3))",
        "torch.export.export(m, args)",
        "torch.export.export(m, (), {'x': x})",
    ],
)
def test_examples_of_another_kind(agree: Agree, call: str) -> None:
    agree(NET.format("x, k=None, m=None", "return x * 2") + f"import numpy as np\n{call}")


def test_a_bare_tensor_becomes_a_tuple_where_it_stands(tmp_path: Path) -> None:
    call = "torch.export.export(\n    m,\n    torch.ones(3, 4),  # the example\n)\n"
    assert fixed(tmp_path, call) == call.replace("torch.ones(3, 4),", "(torch.ones(3, 4),),")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return {'a': x}", "CVL910"),
        ("return dict(a=x)", "CVL910"),
        ("out = {}\n        out['a'] = x\n        return out", "CVL910"),
        ("if self.training:\n            return {'a': x, 'b': x}\n        return {'a': x}", "CVL910"),
        ("if self.as_dict:\n            return {'a': x}\n        return x", ""),
        ("out = {}\n        out = self.head(out)\n        return out", ""),
        ("def inner():\n            return {}\n        return x * len(inner())", ""),
        ("return x", ""),
    ],
)
def test_models_that_give_dicts(agree: Agree, body: str, code: str) -> None:
    mark = f"  # {code}" if code else ""
    source = NET.format("x", body)
    agree(f"{source}torch.jit.trace(m, x){mark}")
    agree(f"{source}torch.jit.trace(m, x, strict=False)\ntorch.jit.trace(m, x, strict=loose)")


@pytest.mark.parametrize(
    ("parameters", "call"),
    [
        ("x", "torch.export.export(m, (x,), dynamic_shapes={'input': {0: d}})  # CVL912"),
        ("x, k", "torch.export.export(m, (x, k), dynamic_shapes={'x': {0: d}})  # CVL912"),
        ("x, k", "torch.export.export(m, (x,), {'k': k}, dynamic_shapes={'x': {0: d}})  # CVL912"),
        ("x, k=None", "torch.export.export(m, (x,), dynamic_shapes={'x': {0: d}, 'k': None})  # CVL912"),
        ("x", "torch.export.export(m, (x,), dynamic_shapes={0: d})  # CVL912"),
        ("x, k", "torch.export.export(m, (x, k), dynamic_shapes=({0: d},))  # CVL912"),
        ("x", "torch.export.export(m, (x,), dynamic_shapes=({0: 'batch'},))  # CVL912"),
        ("x", "torch.onnx.export(m, (x,), 'm.onnx', dynamic_shapes={'input': {0: 'n'}}, dynamo=True)  # CVL912"),
        ("x, k", "torch.onnx.export(m, (x, k), 'm.onnx', dynamic_shapes=[{0: d}], dynamo=True)  # CVL912"),
        ("x", "torch.onnx.export(m, x, 'm.onnx', dynamic_shapes=({0: 'n'},), dynamo=True)"),
        ("x, k", "torch.export.export(m, (x, k), dynamic_shapes={'k': {0: d}, 'x': None})"),
        ("x, k", "torch.export.export(m, (x,), {'k': k}, dynamic_shapes=({0: d}, {0: d}))"),
        ("x, k", "torch.export.export(m, (x, k), dynamic_shapes=[{0: d}, None])"),
        ("x", "torch.export.export(m, (x,), dynamic_shapes=({0: d},))"),
        ("x", "torch.export.export(m, (x,), dynamic_shapes=({'a': d},))"),
        ("*all", "torch.export.export(m, (x, k), dynamic_shapes={'all': [{0: d}, {0: d}]})"),
        ("x, k", "torch.export.export(m, made(), dynamic_shapes={'x': {0: d}})"),
        ("x, k", "torch.export.export(m, (x,), more, dynamic_shapes={'x': {0: d}})"),
        ("x", "torch.export.export(m, (x,), dynamic_shapes=torch.export.ShapesCollection())"),
    ],
)
def test_shapes_that_fit_the_inputs_or_do_not(agree: Agree, parameters: str, call: str) -> None:
    agree(NET.format(parameters, "return x * 2") + "d = torch.export.Dim('n')\n" + call)


def test_text_for_a_dimension_where_the_inputs_are_not_known(agree: Agree) -> None:
    agree("import torch\ntorch.export.export(m, args, dynamic_shapes={'x': {0: 'n'}})  # CVL912")
    agree("import torch\ntorch.onnx.export(m, args, 'm.onnx', dynamic_shapes={'x': {0: 'n'}}, dynamo=True)")


@pytest.mark.parametrize(
    "body",
    [
        "torch.export.export(m.forward, (x,))  # CVL913",
        "def double(x):\n    return x * 2\n\n\ntorch.export.export(double, (x,))  # CVL913",
        "def double(x):\n    return x * 2\n\n\ntorch.onnx.export(double, (x,), 'm.onnx', dynamo=False)  # CVL913",
        "@wrapped\ndef double(x):\n    return x * 2\n\n\ntorch.export.export(double, (x,))",
        "def double(x):\n    return x * 2\n\n\ntorch.jit.trace(double, x)",
        "torch.export.export(torch.jit.load('m.pt'), (x,))  # CVL913",
        "torch.onnx.export(torch.jit.script(m), (x,), 'm.onnx', dynamo=True)  # CVL913",
        "torch.onnx.export(torch.jit.load('m.pt').eval(), (x,), 'm.onnx')  # CVL901",
        "torch.onnx.export(torch.jit.script(m), (x,), 'm.onnx', dynamo=False)",
        "c = torch.compile(m)\ntorch.jit.trace(c, x)  # CVL913",
        "c = torch.compile(m, mode='max-autotune')\ntorch.onnx.export(c, (x,), 'm.onnx', dynamo=False)  # CVL913",
        "torch.onnx.export(torch.compile(m), (x,), 'm.onnx', dynamo=True)",
        "p = nn.DataParallel(m)\ntorch.onnx.export(p, (x,), 'm.onnx', dynamo=False)  # CVL913",
        "p = nn.DataParallel(m)\ntorch.onnx.export(p.module, (x,), 'm.onnx', dynamo=False)",
        "p = nn.DataParallel(m).eval()\ntorch.export.export(p, (x,))",
    ],
)
def test_models_that_an_exporter_takes_for_none(agree: Agree, body: str) -> None:
    agree(NET.format("x", "return x * 2") + body)


def test_a_compiled_model_is_in_the_mode_of_the_model(agree: Agree) -> None:
    source = HEAD + "m = torch.nn.Dropout(0.5){}\ntorch.export.export(torch.compile(m), (torch.ones(2),)){}"
    agree(source.format("", "  # CVL905"))
    agree(source.format(".eval()", ""))


@pytest.mark.parametrize(
    ("names", "axes", "code"),
    [
        ("input_names=['a']", "{'x': {0: 'n'}}", "CVL902"),
        ("input_names=['a'], output_names=['y']", "{'x': {0: 'n'}, 'y': {0: 'n'}}", "CVL902"),
        ("input_names=['a', 'b'], output_names=['y']", "{'a': {0: 'n'}, 'c': {0: 'n'}}", "CVL902"),
        ("input_names=['a']", "{'a': {0: 'n'}, 'y': {0: 'n'}}", ""),
        ("input_names=['a', 'b']", "{'a': {0: 'n'}, 'y': {0: 'n'}}", ""),
        ("input_names=['a'], output_names=names", "{'x': {0: 'n'}}", ""),
        ("input_names=['a'], output_names=['y']", "{'y': {0: 'n'}}", ""),
        ("input_names=['a']", "{'x': {0: 'n'}, name: {0: 'n'}}", ""),
        ("verbose=False", "{'x': {0: 'n'}}", "CVL902"),
        ("output_names=['y']", "{'x': {0: 'n'}, 'y': {0: 'n'}}", "CVL902"),
        ("output_names=['y']", "{'y': {0: 'n'}}", ""),
        ("output_names=names", "{'x': {0: 'n'}}", ""),
        ("verbose=False", "{'input.1': {0: 'n'}}", ""),
        ("verbose=False", "{'input': {0: 'n'}, 'output': {0: 'n'}}", ""),
        ("**options", "{'x': {0: 'n'}}", ""),
    ],
)
def test_axes_of_a_name_that_no_input_has(agree: Agree, names: str, axes: str, code: str) -> None:
    call = f"torch.onnx.export(m, (x,), 'm.onnx', {names}, dynamic_axes={axes}, dynamo=False)"
    agree(f"import torch\n{call}{f'  # {code}' if code else ''}")


def test_names_that_a_list_gets_later_count(agree: Agree) -> None:
    given = "input_names=names, dynamic_axes={'x': {0: 'n'}}, dynamo=False"
    agree(f"import torch\nnames = ['a']\nnames.append('x')\ntorch.onnx.export(m, (x,), 'm.onnx', {given})")


@pytest.mark.parametrize(
    "use",
    [
        "m = torch.load('m.pt')  # CVL906\nm(x)",
        "m = torch.load('m.pt')['model']  # CVL906\nm.eval()",
        "c = torch.load('m.pt')  # CVL906\nw = c['model'].float().state_dict()",
        "m = torch.load('m.pt').float()  # CVL906\nfor p in m.parameters():\n    p.requires_grad = False",
        "c = torch.load('m.pt')\nm.load_state_dict(c['model'])",
        "c = torch.load('m.pt')\nx = c['x'].float().to('cpu')",
        "c = torch.load('m.pt')\nif isinstance(c, dict):\n    m.load_state_dict(c)\nelse:\n    c.eval()",
        "c = torch.load('m.pt')\nm = c.eval() if hasattr(c, 'eval') else None",
        "try:\n    m = torch.load('m.pt')\n    m.eval()\nexcept Exception:\n    m = None",
        "torch.serialization.add_safe_globals([Net])\nm = torch.load('m.pt')\nm.eval()",
    ],
)
def test_models_out_of_files(agree: Agree, use: str) -> None:
    agree(HEAD + use)


@pytest.mark.parametrize(
    "source",
    [
        "torch.onnx.dynamo_export(m, x)  # CVL914",
        "from torch._export import capture_pre_autograd_graph\ncapture_pre_autograd_graph(m, (x,))  # CVL914",
        "from torch.export import export_for_training as capture\ncapture(m, (x,))  # CVL914",
        "try:\n    torch.onnx.dynamo_export(m, x)\nexcept AttributeError:\n    pass",
        "if torch.__version__ < '2.6':\n    torch.onnx.dynamo_export(m, x)",
        "if hasattr(torch.onnx, 'dynamo_export'):\n    torch.onnx.dynamo_export(m, x)",
    ],
)
def test_functions_that_torch_once_had(agree: Agree, source: str) -> None:
    agree(HEAD + source)


def test_torch_has_no_function_that_is_said_to_be_gone() -> None:
    torch = pytest.importorskip("torch")
    for name in REMOVED:
        found = torch
        for part in name.split(".")[1:]:
            found = getattr(found, part, None)
        assert found is None, name


def test_an_axis_that_an_example_gets_there(agree: Agree, tmp_path: Path) -> None:
    body = "x = prepare(image).unsqueeze(0)\nn = torch.export.Dim('n')\ntorch.export.export(m, (x,), dynamic_shapes="
    agree(f"{HEAD}{body}({{0: n}},))  # CVL904")
    agree(f"{HEAD}{body}({{1: n}},))")
    assert fixed(tmp_path, f"{body}({{0: n}},))\n") == f"{body}({{0: n}},))\n"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("torch.onnx.export(m, (x,), 'm', dynamic_shapes=({-1: 'w'},), dynamo=True)", "CVL915"),
        ("torch.onnx.export(m, (x,), 'm', input_names=['x'], dynamic_axes={'x': [-1]}, dynamo=False)", "CVL915"),
        ("torch.onnx.export(m, (x,), 'm', input_names=['x'], dynamic_axes={'x': [0, 2]}, dynamo=False)", "CVL915"),
        ("torch.onnx.export(m, (x,), 'm', input_names=['x'], dynamic_axes={'x': [0, 1]}, dynamo=False)", ""),
        ("torch.export.export(m, (x,), dynamic_shapes=({-1: torch.export.Dim.AUTO},))", "CVL915"),
        ("torch.export.export(m, (x,), dynamic_shapes=({-1: torch.export.Dim('w')},))", ""),
        ("torch.export.export(m, (x,), dynamic_shapes=((None, torch.export.Dim('w')),))", ""),
        ("torch.export.export(m, (x,), dynamic_shapes=({0: torch.export.Dim('n'), 2: None},))", ""),
        ("torch.export.export(m, (x[None],), dynamic_shapes=({0: torch.export.Dim('n'), 2: other},))", ""),
        ("torch.export.export(m, (x,), dynamic_shapes=(shapes,))", ""),
    ],
)
def test_axes_that_an_input_has(agree: Agree, call: str, code: str) -> None:
    agree(f"import torch\nx = torch.randn(3, 4)\n{call}  {f'# {code}' if code else ''}")
