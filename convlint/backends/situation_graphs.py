"""Graphs of few operators in pairs: a plain one, and one in a situation (see ``chains``) that runtimes may get wrong.

None of them is a test of ONNX's: tensors of three to six axes, pictures one pixel high, what stands behind convolutions
or along the first axis, other axes, unlike numbers of channels, no elements, tables, outputs, indices and branches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from convlint.backends.chains import (
    along_first,
    behind_conv,
    branches,
    empty,
    longer,
    multiplied,
    of_axes,
    of_repeated,
    of_single,
    of_weights,
    only,
    option,
    point,
    regrouped,
    thin,
    to_axes,
    unlike,
    with_vector,
)
from convlint.backends.operator_tests import Case

PICTURE = 4
_OPSET = 17
_SIZE, _FEW, _CHANNELS = 6, 4, 8
"""Eight channels are what processors compute at once: runtimes that lay them out in blocks do so from there on."""
_SHAPE = (1, 4, 1, 5)
_PLACES: dict[str, dict[str, list[int]]] = {
    "AveragePool": {"kernel_shape": [2]},
    "ConvTranspose": {"kernel_shape": [2]},
    "Conv": {"kernel_shape": [3]},
    "GlobalAveragePool": {},
    "GlobalMaxPool": {},
    "InstanceNormalization": {},
    "MaxPool": {"kernel_shape": [2]},
    "LpPool": {"kernel_shape": [2]},
    "BatchNormalization": {},
    "Resize": {},
}
"""Operators of any number of places, with the attributes that say something of each of them."""
_WEIGHTS = {"Conv": 2, "ConvTranspose": 2, "InstanceNormalization": 3, "BatchNormalization": 5}
"""Those that have inputs beside the first, and how many inputs."""


def of_ranks() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with an operator of a picture, and the same of so many axes or of a thin picture."""
    for operator in _PLACES:
        plain = _of_places(operator, [_SIZE] * 2)
        for places in (1, 3):
            other = _of_places(operator, [_SIZE] * places)
            yield from ((of_axes(operator, places + 2), plain, one) for one in _variants(other, places))
        yield thin(operator), plain, _of_places(operator, [1, _SIZE])
        yield point(operator), plain, _of_places(operator, [1, 1])
    for operator in _ANY_AXES:
        plain = _of_axes(operator, PICTURE)
        for axes in (PICTURE - 1, PICTURE + 1, PICTURE + 2):
            other = _of_axes(operator, axes)
            yield from ((of_axes(operator, axes), plain, one) for one in _variants(other, axes - 2))
    yield of_axes("GridSample", 5), _sampled(2), _sampled(3)
    grouped = _behind(_group_norm(2), 2)  # which is of three axes inside
    yield of_axes("InstanceNormalization", 3), _of_places("InstanceNormalization", [_SIZE] * 2), grouped


def _sampled(places: int) -> Case:
    grid = 2 * _drawn((1, *[3] * places, places)) - 1
    return _made("GridSample", (1, 2, *[_FEW] * places), [grid], {})


def _variants(case: Case, places: int) -> Iterator[Case]:
    """A test, and where runtimes have such convolutions, the same behind one: some know the batch by it."""
    yield case
    if places in (1, 3):
        yield _behind(case, places)


def _of_places(operator: str, places: Sequence[int], channels: int = _FEW) -> Case:
    shapes: list[tuple[int, ...]] = []
    attributes = {name: [min(value[0], n) for n in places] for name, value in _PLACES[operator].items()}
    if operator in ("Conv", "ConvTranspose"):
        shapes.append((channels, channels, *attributes["kernel_shape"]))
    elif operator == "Resize":
        return _made(
            operator, (1, channels, *places), [np.array([1, channels, *(2 * n for n in places)])], {"mode": "linear"}
        )
    else:
        shapes += [(channels,)] * (_WEIGHTS.get(operator, 1) - 1)
    return _made(operator, (1, channels, *places), [_drawn(shape) for shape in shapes], attributes)


def _of_axes(operator: str, axes: int, channels: int = 2) -> Case:
    """An operator of a tensor of so many axes, the first of which is one long."""
    shape = (1, channels, *range(3, axes + 1))
    behind, attributes = _ANY_AXES[operator](shape)
    return _made(operator, shape, behind, attributes)


_ANY_AXES: dict[str, Callable[[tuple[int, ...]], tuple[list[Any], dict[str, Any]]]] = {
    "Add": lambda shape: ([_drawn(shape)], {}),
    "Mul": lambda shape: ([_drawn(shape[1:])], {}),
    "Concat": lambda shape: ([_drawn(shape)], {"axis": 1}),
    "MatMul": lambda shape: ([_drawn((shape[-1], 3))], {}),
    "Softmax": lambda _: ([], {"axis": -1}),
    "Sigmoid": lambda _: ([], {}),
    "Transpose": lambda shape: ([], {"perm": [0, *reversed(range(1, len(shape)))]}),
    "Reshape": lambda shape: ([np.array([1, *reversed(shape[1:])])], {}),
    "Slice": lambda _: ([np.array([one]) for one in (0, 1, 1)], {}),
    "Gather": lambda _: ([np.array(0)], {"axis": 1}),
    "ReduceMean": lambda _: ([], {"axes": [-1]}),
    "LayerNormalization": lambda shape: ([_drawn(shape[-1:])], {}),
}
"""Operators of tensors of any number of axes, with the constants behind the first input, and attributes."""


def of_first_axes() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with an operator along the second axis, and the same along the first, which is one long."""
    for operator in ("ReduceMean", "ReduceMax", "ReduceMin", "Concat", "Gather", "Softmax"):
        behind = {"Gather": [np.array(0)], "Concat": [_drawn(_SHAPE)]}.get(operator, [])
        kind = "axes" if operator.startswith("Reduce") else "axis"
        along, first = (_made(operator, _SHAPE, behind, {kind: [n] if kind == "axes" else n}) for n in (1, 0))
        yield along_first(operator), along, first
    for operator in ("ReduceSum", "Squeeze"):
        along, first = (_made(operator, _SHAPE, [np.array([n])], {}) for n in (2, 0))
        yield along_first(operator), along, first
    moved, first = (_made("Transpose", _SHAPE, [], {"perm": perm}) for perm in ([0, 3, 1, 2], [1, 0, 2, 3]))
    yield along_first("Transpose"), moved, first


def simplest() -> Case:
    """A sum."""
    return _of_axes("Add", PICTURE)


def of_resizes() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a picture that is made larger or smaller by curves, or smaller by lines, and the same with
    an attribute as exporters write it."""
    for size in (2 * _SIZE, _FEW):
        curve = {"mode": "cubic", "coordinate_transformation_mode": "pytorch_half_pixel", "cubic_coeff_a": -0.75}
        plain, other = (_resized(size, curve | one) for one in ({}, {"cubic_coeff_a": -0.5}))
        yield option("Resize", "cubic_coeff_a=-0.5"), plain, other
    smaller, smooth = (_resized(_FEW, {"mode": "linear", **one}) for one in ({}, {"antialias": 1}))
    yield option("Resize", "antialias=1"), smaller, smooth


def _resized(size: int, attributes: dict[str, Any]) -> Case:
    behind = [np.array([1, _FEW, size, size])]
    made = _made("Resize", (1, _FEW, _SIZE, _SIZE), behind, attributes, opset=18)  # since which edges are smoothed
    return made._replace(name=f"{made.name} to {size} with {attributes}")


def of_single_axes() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with an operator along two axes that an input names, and the same along one."""
    shape = (1, _FEW, 3, 5)
    for operator in _REDUCTIONS:
        plain = _along(operator, shape, [2, 3])
        for axes in ([1], [2], [-1]):
            for kept in (0, 1):
                yield of_single(operator, 1), plain, _along(operator, shape, axes, keepdims=kept)
    yield of_single("Squeeze", 1), _along("Squeeze", (1, _FEW, 1, 1), [2, 3]), _along("Squeeze", (1, _FEW, 1, 3), [2])
    yield of_single("Unsqueeze", 1), _along("Unsqueeze", (1, _FEW), [2, 3]), _along("Unsqueeze", (1, _FEW, 3), [2])
    for place in (1, 2, 3):
        two, one = ([np.array([1] * n), np.array([3] * n), np.array([1, 2][:n])] for n in (2, 1))
        yield (
            of_single("Slice", place),
            _made("Slice", (1, _FEW, _FEW), two, {}),
            _made("Slice", (1, _FEW, _FEW), one, {}),
        )


def _along(operator: str, shape: Sequence[int], axes: Sequence[int], **told: int) -> Case:
    """An operator along axes that its second input names."""
    made = _made(operator, shape, [np.array(axes)], told, opset=18)  # since which all reductions have such
    return made._replace(name=f"{made.name} along {list(axes)}")


_REDUCTIONS = (
    "ReduceL1", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
    "ReduceSumSquare",
)  # fmt: skip
"""Not ReduceL2: exporters write it where numbers are divided by it, which runtimes put together to a normalization."""


def of_new_axes() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a Reshape that makes as many axes as there are, and one that makes others of them, behind
    which one is taken, or all are; with a Transpose between and without."""
    for taken in (one for one in _TAKERS if one != "Squeeze"):
        for moved in (False, True):
            plain = _reshaped([1, 6, 4, 6], taken, moved=moved)
            for shape in ([1, 24, 6], [1, 4, 3, 2, 6], [1, 4, 3, 2, 2, 3]):
                yield to_axes("Reshape", len(shape), taken), plain, _reshaped(shape, taken, moved=moved)
            yield to_axes("Unsqueeze", 5, taken), plain, _reshaped([1, 4, 6, 6], taken, moved=moved, more=True)
    plain, squeezed = (
        _reshaped([1, 4, 6, 6], one, moved=True, more=one == "Squeeze") for one in ("Sigmoid", "Squeeze")
    )
    yield to_axes("Unsqueeze", 5, "Squeeze"), plain, squeezed


_TAKERS: dict[str, Callable[[Sequence[int], int], tuple[list[Any], dict[str, Any]]]] = {
    "Gather": lambda _, axis: ([np.array(0)], {"axis": axis}),
    "Slice": lambda _, axis: ([np.array([one]) for one in (0, 1, axis)], {}),
    "Mul": lambda *_: ([np.array(2, "float32")], {}),
    "MatMul": lambda shape, _: ([_drawn((shape[-1], 3))], {}),
    "ReduceMean": lambda shape, _: ([], {"axes": [len(shape) - 2, len(shape) - 1]}),
    "Reshape": lambda *_: ([np.array([1, _FEW, -1])], {}),
    "Sigmoid": lambda *_: ([], {}),
    "Softmax": lambda *_: ([], {"axis": -1}),
    "Squeeze": lambda _, axis: ([np.array([axis])], {}),
}
"""What takes new axes, by the shape and one of its axes: the constants behind the first input, and attributes. No Split
is among them: exporters write one where attention has its three parts packed, which runtimes put together again."""


def _reshaped(shape: Sequence[int], taken: str, *, moved: bool, more: bool = False) -> Case:
    """Axes that are made by a Reshape and, where there is one more, by an Unsqueeze behind it."""
    from onnx import helper, numpy_helper

    weights: dict[str, Any] = {"shape": np.array(shape)}
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["reshaped"])]
    sizes = list(shape)
    if more:
        weights["new"] = np.array([2])
        sizes.insert(2, 1)
        nodes.append(helper.make_node("Unsqueeze", ["reshaped", "new"], ["larger"]))
    if moved:
        order = [2, 0, 1, *range(3, len(sizes))]
        sizes = [sizes[one] for one in order]
        nodes.append(helper.make_node("Transpose", nodes[-1].output, ["moved"], perm=order))
    behind, told = _TAKERS[taken](sizes, 0 if moved else 2)
    names = [f"{taken}{i}" for i, _ in enumerate(behind)]
    weights |= dict(zip(names, behind, strict=True))
    nodes.append(helper.make_node(taken, [nodes[-1].output[0], *names], ["y"], **told))
    stored = [numpy_helper.from_array(one, name) for name, one in weights.items()]
    made = "Unsqueeze" if more else "Reshape"
    return _case(
        made, f"{taken} of {tuple(shape)}{', one axis more' * more}", nodes, {"x": _drawn((1, 4, 6, 6))}, stored
    )


def of_convolutions() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with an operator, and the same behind a convolution."""
    for places in (1, 2, 3):
        of_places = [_of_places(operator, [_SIZE] * places, _CHANNELS) for operator in _PLACES]
        of_any = [_of_axes(operator, places + 2, _CHANNELS) for operator in _ANY_AXES]
        for plain in (*of_places, *of_any, _group_norm(places)):
            yield behind_conv(plain.operator, places + 2), plain, _behind(plain, places)
    for operator in _PLACES:
        plain = _behind(_of_places(operator, [_SIZE] * 2, _CHANNELS), 2)
        for kind, sizes in (("thin", [1, _SIZE]), ("point", [1, 1])):
            yield behind_conv(operator, kind), plain, _behind(_of_places(operator, sizes, _CHANNELS), 2)


def _group_norm(places: int, *, flat: bool = False) -> Case:
    """A group norm as exporters write it where there is no operator of it: an instance norm of the groups; where it is
    flat, of the places in a row."""
    from onnx import helper, numpy_helper

    given = _drawn((1, _CHANNELS, *[_SIZE] * places))
    shape = (1, _CHANNELS, _SIZE**places) if flat else given.shape
    weights = {
        "scale": np.ones(2, "float32"),
        "bias": np.zeros(2, "float32"),
        "groups": np.array([0, 2, -1]),
        "shape": np.array(shape),
    }
    weights |= {name: _drawn((_CHANNELS, *[1] * (len(shape) - 2))) for name in ("weight", "added")}
    nodes = [
        helper.make_node("Reshape", ["x0", "groups"], ["grouped"]),
        helper.make_node("InstanceNormalization", ["grouped", "scale", "bias"], ["normal"], epsilon=1e-5),
        helper.make_node("Reshape", ["normal", "shape"], ["channels"]),
        helper.make_node("Mul", ["channels", "weight"], ["scaled"]),
        helper.make_node("Add", ["scaled", "added"], ["y"]),
    ]
    stored = [numpy_helper.from_array(one, name) for name, one in weights.items()]
    return _case("InstanceNormalization", f"group norm of {shape}", nodes, {"x0": given}, stored)


def _behind(case: Case, places: int) -> Case:
    """The same of what a convolution makes."""
    from onnx import helper, numpy_helper

    (x,) = case.given.values()
    weights = _drawn((x.shape[1], x.shape[1], *[3] * places))
    conv = helper.make_node("Conv", ["x", "w"], ["x0"], kernel_shape=[3] * places, pads=[1] * 2 * places)
    stored = [*case.model.graph.initializer, numpy_helper.from_array(weights, "w")]
    return _case(case.operator, f"{case.name} behind Conv", [conv, *case.model.graph.node], {"x": x}, stored)


def of_channels() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with an operator of what two convolutions make, and the same where one has one channel."""
    for operator in ("Add", "Sub", "Mul", "Div"):
        yield unlike(operator), _of_two(operator, _CHANNELS), _of_two(operator, 1)


def _of_two(operator: str, channels: int) -> Case:
    from onnx import helper, numpy_helper

    weights = {"w": _drawn((_CHANNELS, _CHANNELS, 1, 1)), "v": _drawn((channels, _CHANNELS, 1, 1))}
    nodes = [helper.make_node("Conv", ["x", one], [f"of_{one}"]) for one in weights]
    nodes.append(helper.make_node(operator, ["of_w", "of_v"], ["y"]))
    stored = [numpy_helper.from_array(one, name) for name, one in weights.items()]
    given = {"x": _drawn((1, _CHANNELS, _SIZE, _SIZE))}
    return _case(operator, f"{operator} of {_CHANNELS} channels and {channels}", nodes, given, stored)


def of_groups() -> Iterator[tuple[str, Case, Case]]:
    """The situation of a group norm, and of one of places in a row that were none before."""
    yield regrouped("InstanceNormalization"), _group_norm(2), _group_norm(2, flat=True)


def of_repetitions() -> Iterator[tuple[str, Case, Case]]:
    """The situation of a convolution of a mean beside the places that it is of, and the same where the mean is
    repeated."""
    plain = _beside("Mul", np.ones((1, _FEW, _SIZE, _SIZE), "float32"))
    yield of_repeated("Conv"), plain, _beside("Tile", np.array([1, 1, _SIZE, _SIZE]))


def of_vectors() -> Iterator[tuple[str, Case, Case]]:
    """The situations of a matrix by a vector, and of a vector by a matrix."""
    plain, other = (_made("MatMul", (1, 4, 5), [_drawn((5, *more))], {}) for more in ((3,), ()))
    yield with_vector("MatMul"), plain, other
    yield with_vector("MatMul"), plain, _made("MatMul", (5,), [_drawn((5, 3))], {})


def of_products() -> Iterator[tuple[str, Case, Case]]:
    """The situation of a choice, by what is computed, of a product of matrices, and of two in a row."""
    yield multiplied("Where"), _chosen_from(1), _chosen_from(2)


def _chosen_from(products: int) -> Case:
    """What layers in a row make, where the input is small."""
    from onnx import helper, numpy_helper

    weights = {"w": _drawn((_SIZE, _SIZE)), "half": np.array(0.5, "float32"), "other": np.array(-1, "float32")}
    nodes = [helper.make_node("Less", ["x0", "half"], ["small"])]
    for i in range(products):
        nodes.append(helper.make_node("Gemm", [f"x{i}", "w"], [f"product{i}"]))
        nodes.append(helper.make_node("Relu", [f"product{i}"], [f"x{i + 1}"]))
    nodes.append(helper.make_node("Where", ["small", "other", f"x{products}"], ["y"]))
    stored = [numpy_helper.from_array(one, name) for name, one in weights.items()]
    return _case("Where", f"Where of {products} products", nodes, {"x0": _drawn((_FEW, _SIZE))}, stored)


def _beside(how: str, behind: Any) -> Case:
    from onnx import helper, numpy_helper

    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
        helper.make_node(how, ["mean", "behind"], ["again"]),
        helper.make_node("Concat", ["x", "again"], ["both"], axis=1),
        helper.make_node("Conv", ["both", "w"], ["y"], kernel_shape=[1, 1]),
    ]
    weights = {"behind": behind, "w": _drawn((_FEW, 2 * _FEW, 1, 1))}
    stored = [numpy_helper.from_array(one, name) for name, one in weights.items()]
    given = {"x": _drawn((1, _FEW, _SIZE, _SIZE))}
    return _case("Conv", f"Conv of places beside their mean, by {how}", nodes, given, stored)


def of_outputs() -> Iterator[tuple[str, Case, Case]]:
    """The situations of recurrent layers, and the same of which nothing but one output is wanted."""
    shape, hidden = (5, 2, 3), 4
    for operator, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
        weights = [_drawn((2, gates * hidden, of)) for of in (shape[-1], hidden)]
        told = {"hidden_size": hidden, "direction": "bidirectional"}
        told |= {"linear_before_reset": 1} if operator == "GRU" else {}
        for place in (0, 1):
            plain, alone = (
                _of_output(operator, shape, weights, told, place, names) for names in (("a", "b"), ("", ""))
            )
            yield only(operator, place), plain, alone


def _of_output(
    operator: str,
    shape: Sequence[int],
    behind: Sequence[Any],
    attributes: dict[str, Any],
    place: int,
    others: Sequence[str],
) -> Case:
    """An operator of which one output is wanted, and others by these names."""
    from onnx import helper, numpy_helper

    names = [f"x{i}" for i, _ in enumerate(behind, 1)]
    outputs = [*others[:place], "output", *(one for one in others[place + 1 :] if one)]
    node = helper.make_node(operator, ["x0", *names], outputs, **attributes)
    # as numbers with a point, whatever they are
    last = helper.make_node("Cast", ["output"], ["y"], to=1)
    weights = [numpy_helper.from_array(value, name) for name, value in zip(names, behind, strict=True)]
    written = f"{operator} with output {place}{' alone' * (not others[0])}"
    return _case(operator, written, [node, last], {"x0": _drawn(shape)}, weights)


def of_indices() -> Iterator[tuple[str, Case, Case]]:
    """The situation of sums that are scattered, and the same of more numbers than there are places along the axis."""
    few, many = (
        _made("ScatterElements", (4, 3), [np.zeros((n, 3), "int64"), _drawn((n, 3))], {"axis": 0, "reduction": "add"})
        for n in (3, 6)
    )
    yield longer("ScatterElements"), few, many._replace(name=f"{many.name} of six rows")


def of_branches() -> Iterator[tuple[str, Case, Case]]:
    """The situations of a choice by what the input holds, and the same where one branch takes an axis away, or gives no
    elements beside as many as there happen to be."""
    for by_size in (False, True):
        plain, squeezed = (_chosen(*one, by_size=by_size) for one in (("Neg", "Relu"), ("Squeeze", "Identity")))
        yield branches("If", by_size=by_size), plain, squeezed
    yield empty("If"), _chosen("Neg", "Relu"), _chosen("Constant", "NonZero")


def _chosen(one: str, other: str, *, by_size: bool = False) -> Case:
    from onnx import helper, numpy_helper

    def branch(operator: str) -> Any:
        told = {"value": numpy_helper.from_array(np.zeros(0, "int64"))} if operator == "Constant" else {}
        nodes = [helper.make_node(operator, [] if told else ["x"], [operator], **told)]
        if operator == "NonZero":  # as many as there happen to be, along one axis
            nodes.append(helper.make_node("Reshape", [operator, "flat"], [f"{operator}s"]))
        made = helper.make_empty_tensor_value_info(nodes[-1].output[0])
        return helper.make_graph(nodes, operator, [], [made])

    nodes = [
        helper.make_node("Size", ["x"], ["sum"])
        if by_size
        else helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Less", ["sum", "none"], ["chosen"]),
        helper.make_node("If", ["chosen"], ["found"], then_branch=branch(one), else_branch=branch(other)),
        helper.make_node("Cast", ["found"], ["y"], to=1),
    ]
    values = {"none": np.array(0, "int64" if by_size else "float32"), "flat": np.array([-1])}
    weights = [numpy_helper.from_array(value, name) for name, value in values.items()]
    return _case("If", f"If with {one} or {other}{' by a size' * by_size}", nodes, {"x": _drawn((1, _FEW))}, weights)


def of_nothing() -> Iterator[tuple[str, Case, Case]]:
    """The situations of a constant that is put beside an input, or is the shape of what is added to it, and the same
    where it has no elements."""
    some, none = (_made("Concat", (1, 4, 6, 6), [_drawn((1, n, 6, 6))], {"axis": 1}) for n in (4, 0))
    yield empty("Concat"), some, none
    yield empty("ConstantOfShape"), _filled([1]), _filled([])


def _filled(shape: Sequence[int]) -> Case:
    """An input with a constant that is made by its shape, which for a number is of no elements."""
    from onnx import helper, numpy_helper

    value = numpy_helper.from_array(np.array([2], "float32"))
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["made"], value=value),
        helper.make_node("Add", ["x", "made"], ["y"]),
    ]
    stored = [numpy_helper.from_array(np.array(shape, "int64"), "shape")]
    return _case("ConstantOfShape", f"ConstantOfShape of {list(shape)}", nodes, {"x": _drawn((1, _FEW))}, stored)


def of_tables() -> Iterator[tuple[str, Case, Case]]:
    """The situation of a table that is looked up, and the same with the axis written, though it is the first."""
    yield of_weights("Gather", "axis"), _looked_up({}), _looked_up({"axis": 0})


def _looked_up(attributes: dict[str, Any]) -> Case:
    from onnx import helper, numpy_helper

    node = helper.make_node("Gather", ["table", "ids"], ["y"], **attributes)
    table, given = numpy_helper.from_array(_drawn((10, 4)), "table"), {"ids": np.array([[1, 7, 3]])}
    return _case("Gather", f"Gather of a table with {attributes or 'no attributes'}", [node], given, [table])


def of_own() -> Iterator[tuple[str, Case, Case]]:
    """The situations that are no test of ONNX's."""
    yield from chain(of_ranks(), of_first_axes(), of_new_axes(), of_tables(), of_nothing(), of_repetitions())
    yield from chain(of_convolutions(), of_channels(), of_groups(), of_vectors(), of_outputs(), of_indices())
    yield from chain(of_branches(), of_products(), of_single_axes(), of_resizes())


def _drawn(shape: Sequence[int]) -> Any:
    return np.random.default_rng(0).random(shape, dtype="float32")


def _made(
    operator: str, shape: Sequence[int], behind: Sequence[Any], attributes: dict[str, Any], opset: int = _OPSET
) -> Case:
    """A model of one operator, with constants behind its first input."""
    from onnx import helper, numpy_helper

    names = [f"x{i}" for i, _ in enumerate(behind, 1)]
    empty = [""] * 2 if operator == "Resize" else []
    node = helper.make_node(operator, ["x0", *empty, *names], ["y"], **attributes)
    weights = [numpy_helper.from_array(value, name) for name, value in zip(names, behind, strict=True)]
    return _case(operator, f"{operator} of {tuple(shape)}", [node], {"x0": _drawn(shape)}, weights, opset)


def _case(
    operator: str,
    name: str,
    nodes: Sequence[Any],
    given: dict[str, Any],
    weights: Sequence[Any],
    opset: int = _OPSET,
) -> Case:
    """A model that makes ``y``, with what ONNX Runtime makes of it."""
    from onnx import helper

    from convlint.graph.runtime import session

    kinds = {one: helper.np_dtype_to_tensor_dtype(value.dtype) for one, value in given.items()}
    inputs = [helper.make_tensor_value_info(one, kinds[one], value.shape) for one, value in given.items()]
    made = helper.make_tensor_value_info("y", 1, None)
    graph = helper.make_graph(nodes, "g", inputs, [made], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    right = session(model.SerializeToString()).run(None, given)
    told = helper.make_tensor_value_info("y", 1, right[0].shape)
    model.graph.output[0].CopyFrom(told)  # which some want to be told
    return Case(operator, opset, name, model, given, list(right))
