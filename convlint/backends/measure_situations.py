"""Which operators an installed runtime gets wrong where they stand: ``python -m convlint.backends.measure_situations
TARGET [OPERATOR...]``.

ONNX's own tests that a runtime passes are run again with the first input as a constant, with one of the others as an
input of the model and as what is computed of constants, where it passes them with constants; without an attribute that
says what holds anyway, and with one of the others in another dtype; those that it passes in other dtypes than float32,
with so many inputs as each has. Operators are run
of tensors of three to six axes, of pictures one pixel high, and along the first axis, behind convolutions, and making
other axes, of unlike numbers of channels and of no elements, where they are taken otherwise; and a table is looked up,
with its axis written.
What fails then goes into ``faults.json``; where operators are named, what it says of others stays.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np

from convlint.backends import live, measure_dtypes
from convlint.backends.chains import (
    Fault,
    along_first,
    behind_conv,
    branches,
    cast_to_int64,
    computed,
    constant,
    empty,
    faults,
    foreign,
    in_words,
    is_in_a_row,
    longer,
    mixed,
    of_axes,
    of_repeated,
    of_weights,
    only,
    option,
    options,
    point,
    regrouped,
    thin,
    to_axes,
    unlike,
    with_inputs,
    with_vector,
    without,
    write,
)
from convlint.backends.facts import facts
from convlint.backends.operator_tests import RTOL, SECONDS, Case, cases
from convlint.trial.runtime_process import RuntimeProcess, Said
from convlint.trial.runtimes import difference, installed

PICTURE = 4
TRIES = 4
"""How many tests of a situation are run at most."""
TIMES = 5
"""How often what may come out right by chance is run."""
_SIZE, _FEW, _CHANNELS = 6, 4, 8
"""Eight channels are what processors compute at once: runtimes that lay them out in blocks do so from there on."""
_SHAPE = (1, 4, 1, 5)
_PLAIN, _OTHERS = "float32", ("float16", "float64")
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


def of_constants() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test and the same of a constant: an input is added to what comes out."""
    for case in cases():
        values: list[Any] = [*list(case.given.values())[:1], case.right[0]]
        if (
            case.is_own
            and case.given
            and all(getattr(value, "dtype", None) == "float32" and value.ndim for value in values)
        ):
            yield constant(case.operator), case, _frozen(case)


def _frozen(case: Case) -> Case:
    import numpy
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph, made = model.graph, model.graph.output[0]
    graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in case.given.items())
    right = case.right[0]
    given = numpy.ones_like(right)
    graph.node.append(onnx.helper.make_node("Add", [made.name, "added"], ["with_added"]))
    del graph.input[:], graph.output[:]
    for values, name in ((graph.input, "added"), (graph.output, "with_added")):
        values.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, right.shape))
    return case._replace(model=model, given={"added": given}, right=[right + given])


def of_inputs() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test whose inputs behind the first are constants, and the same where one is none."""
    for case in cases():
        if (
            case.is_own
            and len(case.given) > 1
            and not any(isinstance(one, (list, tuple)) for one in case.given.values())
        ):
            plain = _with_inputs(case, 1)
            for place, name in enumerate(case.model.graph.node[0].input):
                if place and name in list(case.given)[1:] and case.given[name].size:
                    yield computed(case.operator, place, folded=False), plain, _with_inputs(case, 1, name)
                    if case.given[name].dtype.kind == "i":  # sizes and axes, which exporters compute
                        yield computed(case.operator, place, folded=True), plain, _of_constants(plain, name)


def of_defaults() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test, and the same without an attribute that says what holds without it."""
    from onnx import NodeProto
    from onnx.reference import ReferenceEvaluator

    for case in cases():
        for place, attribute in enumerate(case.model.graph.node[0].attribute if case.is_own else ()):
            model = type(case.model).FromString(case.model.SerializeToString())
            node: NodeProto = model.graph.node[0]
            del node.attribute[place]
            try:
                found: Any = ReferenceEvaluator(model).run(None, dict(case.given))
            except Exception:  # noqa: S112 - it cannot be left out
                continue
            same = [getattr(one, "dtype", None) for one in found] == [getattr(one, "dtype", None) for one in case.right]
            if same and not difference(found, case.right, case.rtol):
                yield without(case.operator, attribute.name), case, case._replace(model=model)


def _with_inputs(case: Case, count: int, *names: str) -> Case:
    """A test with so many of its inputs and those of these names left, the others constants."""
    import onnx

    left = {*list(case.given)[:count], *names}
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    inputs = [one for one in case.model.graph.input if one.name in left]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    constants = [onnx.numpy_helper.from_array(one, name) for name, one in case.given.items() if name not in left]
    model.graph.initializer.extend(constants)
    return case._replace(model=model, given={name: one for name, one in case.given.items() if name in left})


def _of_constants(case: Case, name: str) -> Case:
    """A test in which a constant is computed: turned around, and back."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    (stored,) = (one for one in model.graph.initializer if one.name == name)
    stored.name = f"{name}_stored"
    shape = list(stored.dims)
    arrays = {"flat": [-1], "start": [-1], "end": [-(2**31)], "axis": [0], "step": [-1], "shape": shape}
    for called, value in arrays.items():
        tensor = onnx.helper.make_tensor(f"{name}_{called}", onnx.TensorProto.INT64, [len(value)], value)
        model.graph.initializer.append(tensor)
    how = [f"{name}_{one}" for one in ("start", "end", "axis", "step")]
    nodes = [
        onnx.helper.make_node("Reshape", [stored.name, f"{name}_flat"], [f"{name}_row"]),
        onnx.helper.make_node("Slice", [f"{name}_row", *how], [f"{name}_around"]),
        onnx.helper.make_node("Slice", [f"{name}_around", *how], [f"{name}_back"]),
        onnx.helper.make_node("Reshape", [f"{name}_back", f"{name}_shape"], [name]),
    ]
    tested = [onnx.NodeProto.FromString(one.SerializeToString()) for one in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *tested])
    return case._replace(model=model)


def of_mixtures() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test and the same with the constants behind its first input in another dtype."""
    from onnx import defs

    for case in cases():
        schema = defs.get_schema(case.operator, case.since)
        first = schema.inputs[0].type_str if schema.inputs else ""
        kinds = [schema.inputs[min(i, len(schema.inputs) - 1)] for i, _ in enumerate(case.model.graph.node[0].input)]
        names = [
            name
            for name, kind in zip(case.model.graph.node[0].input, kinds, strict=True)
            if kind.type_str == first
            and kind.is_homogeneous
            and getattr(case.given.get(name), "dtype", "") == "float32"
        ]
        if case.is_own and len(names) > 1 and names[0] == case.model.graph.node[0].input[0]:
            halved = {name: case.given[name].astype("float16") for name in names[1:]}
            plain = _with_inputs(case, 1)
            yield mixed(case.operator), plain, _with_inputs(case._replace(given=case.given | halved), 1)


def of_foreign() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test and the same with integers behind its first input in another dtype than the only
    one that its schema has for them."""
    from onnx import defs

    for case in cases():
        formals = defs.get_schema(case.operator, case.since).inputs
        for place, (name, formal) in enumerate(zip(case.model.graph.node[0].input, formals, strict=False)):
            only = list(formal.types) == ["tensor(int64)"] and place and case.is_own
            if only and getattr(case.given.get(name), "dtype", "") == "int64":
                plain = _with_inputs(case, 1)
                changed = case._replace(given=case.given | {name: case.given[name].astype("int32")})
                yield foreign(case.operator, place), plain, _with_inputs(changed, 1)


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


def of_new_axes() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a Reshape that makes as many axes as there are, and one that makes others of them, behind
    which one is taken, or all are; with a Transpose between and without."""
    for taken in ("Gather", "Slice", "Mul"):
        for moved in (False, True):
            plain = _reshaped([1, 6, 4, 6], taken, moved=moved)
            for shape in ([1, 24, 6], [1, 4, 3, 2, 6], [1, 4, 3, 2, 2, 3]):
                yield to_axes("Reshape", len(shape), taken), plain, _reshaped(shape, taken, moved=moved)
            yield to_axes("Unsqueeze", 5, taken), plain, _reshaped([1, 4, 6, 6], taken, moved=moved, more=True)


def _reshaped(shape: Sequence[int], taken: str, *, moved: bool, more: bool = False) -> Case:
    """Axes that are made by a Reshape and, where there is one more, by an Unsqueeze behind it."""
    from onnx import helper, numpy_helper

    order = [2, 0, 1, *range(3, len(shape) + more)]
    axis = 0 if moved else 2
    weights = {"shape": np.array(shape), "Mul": np.array(2, "float32"), "Gather": np.array(0)}
    weights |= {name: np.array([one]) for name, one in (("start", 0), ("end", 1), ("axis", axis))}
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["reshaped"])]
    if more:
        weights["new"] = np.array([2])
        nodes.append(helper.make_node("Unsqueeze", ["reshaped", "new"], ["larger"]))
    if moved:
        nodes.append(helper.make_node("Transpose", nodes[-1].output, ["moved"], perm=order))
    value = nodes[-1].output[0]
    told: dict[str, Any] = {"axis": axis} if taken == "Gather" else {}
    others = ["start", "end", "axis"] if taken == "Slice" else [taken]
    nodes.append(helper.make_node(taken, [value, *others], ["y"], **told))
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


def of_casts() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test of int64 with constants behind its first input, and the same where a Cast makes it
    of float32; what comes out is cast to that."""
    for one in measure_dtypes.cases():
        names = [value.name for value in one.model.graph.input]
        given = dict(zip(names, one.given, strict=True))
        if one.dtype == "int64" and one.model.graph.node[0].input[0] == names[0]:
            case = Case(one.operator, one.since, "test of int64", one.model, given, [one.right])
            plain = _with_inputs(_cast_behind(case), 1)
            yield cast_to_int64(case.operator), plain, _cast_before(plain)


def _cast_behind(case: Case) -> Case:
    from onnx import TensorProto, helper

    model = type(case.model).FromString(case.model.SerializeToString())
    output = model.graph.output[0]
    model.graph.node.append(helper.make_node("Cast", [output.name], ["as_float"], to=TensorProto.FLOAT))
    output.name, output.type.tensor_type.elem_type = "as_float", TensorProto.FLOAT
    return case._replace(model=model, right=[case.right[0].astype("float32")])


def _cast_before(case: Case) -> Case:
    from onnx import TensorProto, helper

    model = type(case.model).FromString(case.model.SerializeToString())
    first, node = model.graph.input[0], model.graph.node[0]
    node.input[0] = "as_int64"
    first.type.tensor_type.elem_type = TensorProto.FLOAT
    cast = helper.make_node("Cast", [first.name], ["as_int64"], to=TensorProto.INT64)
    nodes = [type(cast).FromString(one.SerializeToString()) for one in (cast, *model.graph.node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    given = {name: value.astype("float32") if name == first.name else value for name, value in case.given.items()}
    return case._replace(model=model, given=given)


def of_nothing() -> Iterator[tuple[str, Case, Case]]:
    """The situation of a constant that is put beside an input, and the same where it has no elements."""
    some, none = (_made("Concat", (1, 4, 6, 6), [_drawn((1, n, 6, 6))], {"axis": 1}) for n in (4, 0))
    yield empty("Concat"), some, none


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
    yield from of_branches()


def _drawn(shape: Sequence[int]) -> Any:
    return np.random.default_rng(0).random(shape, dtype="float32")


def _made(operator: str, shape: Sequence[int], behind: Sequence[Any], attributes: dict[str, Any]) -> Case:
    """A model of one operator, with constants behind its first input."""
    from onnx import helper, numpy_helper

    names = [f"x{i}" for i, _ in enumerate(behind, 1)]
    empty = [""] * 2 if operator == "Resize" else []
    node = helper.make_node(operator, ["x0", *empty, *names], ["y"], **attributes)
    weights = [numpy_helper.from_array(value, name) for name, value in zip(names, behind, strict=True)]
    return _case(operator, f"{operator} of {tuple(shape)}", [node], {"x0": _drawn(shape)}, weights)


def _case(operator: str, name: str, nodes: Sequence[Any], given: dict[str, Any], weights: Sequence[Any]) -> Case:
    """A model that makes ``y``, with what ONNX Runtime makes of it."""
    from onnx import helper

    from convlint.graph.runtime import session

    kinds = {one: helper.np_dtype_to_tensor_dtype(value.dtype) for one, value in given.items()}
    inputs = [helper.make_tensor_value_info(one, kinds[one], value.shape) for one, value in given.items()]
    made = helper.make_tensor_value_info("y", 1, None)
    graph = helper.make_graph(nodes, "g", inputs, [made], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    right = session(model.SerializeToString()).run(None, given)
    told = helper.make_tensor_value_info("y", 1, right[0].shape)
    model.graph.output[0].CopyFrom(told)  # which some want to be told
    return Case(operator, 17, name, model, given, list(right))


def of_dtypes() -> Iterator[tuple[str, str, Case]]:
    """Situations, each with a dtype and a test in it, with constants behind the first input."""
    for one in measure_dtypes.cases():
        given = dict(zip((value.name for value in one.model.graph.input), one.given, strict=True))
        case = Case(one.operator, one.since, "test of other dtypes", one.model, given, [one.right])
        inputs = sum(map(bool, one.model.graph.node[0].input))
        if one.dtype in _OTHERS and case.model.graph.node[0].input[0] == next(iter(given)):
            yield with_inputs(one.operator, inputs), one.dtype, _with_inputs(case, 1)


def _called(case: Case) -> str:
    """Whose test it is: those that are convlint's say so."""
    return case.name if " " in case.name else f"ONNX's {case.name}"


def _run(process: RuntimeProcess, case: Case) -> Said:
    return process.run(case.model.SerializeToString(), case.given, case.right, RTOL * 10)


def _again(process: RuntimeProcess, case: Case) -> Said:
    """What a runtime makes of a test that it may pass by chance: some read memory that nobody has written."""
    said = (_run(process, case) for _ in range(TIMES))
    return next((one for one in said if not one.passed), Said("right"))


def measured(target: str, asked: Sequence[str]) -> list[Fault]:
    """The situations that the installed runtime of a target gets wrong, though it takes the operator elsewhere."""
    noted = Noted(installed(target))
    tries = Counter[str]()
    with RuntimeProcess(target, seconds=SECONDS) as process:
        for situation, plain, changed in chain(of_constants(), of_inputs(), of_mixtures(), of_foreign()):
            if asked and plain.operator not in asked:
                continue
            tries[situation] += 1
            if not noted.is_right(situation) and tries[situation] <= TRIES and _run(process, plain).passed:
                noted.add(situation, _called(plain), _run(process, changed))
        for situation, plain, changed in of_own():
            if (not asked or plain.operator in asked) and _run(process, plain).passed:
                dtype = "" if plain.operator == "If" else _PLAIN  # what chooses is no number
                noted.add(situation, f"{changed.name}, not of {plain.name}", _again(process, changed), dtype)
        for situation, plain, changed in of_defaults():
            if (not asked or plain.operator in asked) and _run(process, plain).passed:
                dtype = str(next(iter(plain.given.values())).dtype)
                noted.add(situation, _called(plain), _run(process, changed), dtype)
        _measure_options(process, noted, asked)
        _measure_casts(process, noted, asked)
        if _is_by_version(target):
            _measure_dtypes(process, noted, asked)
    return noted.faults()


def _measure_options(process: RuntimeProcess, noted: Noted, asked: Sequence[str]) -> None:
    """Notes the attributes to which it comes down that tests fail: all else that such a test tells holds in one that is
    passed, and what is passed fails with it."""
    taken: dict[str, list[Case]] = {}
    failed: list[tuple[Case, Said]] = []
    for case in cases():
        if case.is_own and case.given and (not asked or case.operator in asked):
            said = _run(process, _as_exported(case))
            if said.passed:
                taken.setdefault(case.operator, []).append(_as_exported(case))
            else:
                failed.append((case, said))
    for case, said in failed:
        others = taken.get(case.operator, [])
        suspects = _told(case).difference(*map(_told, others)) if others else set()
        if len(suspects) == 1 and _fails_with(process, next(iter(suspects)), others):
            dtype = str(getattr(next(iter(case.given.values())), "dtype", ""))
            noted.add(option(case.operator, suspects.pop()), _called(case), said, dtype)


def _told(case: Case) -> set[str]:
    return options(case.model.graph.node[0])


def _fails_with(process: RuntimeProcess, told: str, taken: Sequence[Case]) -> bool:
    """Whether tests that are passed fail with an attribute that is so, where it may be so."""
    changed = list(islice(filter(None, (_with_option(case, told) for case in taken)), TRIES))
    return bool(changed) and not any(_run(process, one).passed for one in changed)


def _with_option(case: Case, told: str) -> Case | None:
    """A test with an attribute that is so, None where ONNX's reference does not compute that."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    name, _, value = told.partition("=")
    model = type(case.model).FromString(case.model.SerializeToString())
    node = model.graph.node[0]
    others = [one for one in node.attribute if one.name != name]
    del node.attribute[:]
    node.attribute.extend([*others, helper.make_attribute(name, int(value) if value in ("0", "1") else value)])
    try:
        found: Any = ReferenceEvaluator(model).run(None, dict(case.given))
    except Exception:  # it cannot be so there
        return None
    return case._replace(model=model, right=list(found))


def _as_exported(case: Case) -> Case:
    """A test with constants behind its first input, where that can be."""
    return case if any(isinstance(one, (list, tuple)) for one in case.given.values()) else _with_inputs(case, 1)


def _measure_casts(process: RuntimeProcess, noted: Noted, asked: Sequence[str]) -> None:
    """Notes which operators fail of int64 that a Cast makes, and not of that which is given."""
    for situation, plain, changed in of_casts():
        if (not asked or plain.operator in asked) and _run(process, plain).passed:
            said = _run(process, changed)
            if said.what != "unable":  # Python gets no other output of that kind
                noted.add(situation, f"ONNX's tests of {plain.operator} in int64", said, "int64")


def _is_by_version(target: str) -> bool:
    """Whether ONNX's tests in other dtypes are what the facts of a target rest on."""
    known = facts(target)
    return known is not None and any(row.since_version for row in known.rows)


def _measure_dtypes(process: RuntimeProcess, noted: Noted, asked: Sequence[str]) -> None:
    """Notes with how many inputs an operator fails of a dtype, of which it is taken with others."""
    alone = Noted(noted.version)
    for situation, dtype, case in of_dtypes():
        if asked and case.operator not in asked:
            continue
        alone.add(situation, f"ONNX's tests of {case.operator} in {dtype}", _run(process, case), dtype)
    taken = {(situation.split()[-1], dtype) for situation, dtype in alone.passed}
    noted.failed |= {key: one for key, one in alone.failed.items() if (key[0].split()[-1], key[1]) in taken}
    noted.passed |= alone.passed


@dataclass
class Noted:
    """What came out right in situations, and what did not, by situation and dtype."""

    version: str
    failed: dict[tuple[str, str], Fault] = field(default_factory=dict)
    passed: set[tuple[str, str]] = field(default_factory=set)

    def is_right(self, situation: str) -> bool:
        """Whether a situation came out right once."""
        return (situation, _PLAIN) in self.passed

    def add(self, situation: str, written: str, said: Said, dtype: str = _PLAIN) -> None:
        """One more test."""
        if said.passed:
            self.passed.add((situation, dtype))
            return
        what = {"wrong": "gets it wrong", "refused": "refuses it", "hung": "hangs"}.get(said.what, "ends the process")
        made = Fault(situation, written, what, self.version, live.today(), dtype)
        self.failed.setdefault((situation, dtype), made)

    def faults(self) -> list[Fault]:
        """What never came out right."""
        return [self.failed[key] for key in sorted(self.failed) if key not in self.passed]


def main(target: str, asked: Sequence[str]) -> None:
    """Measures, and writes what failed beside the chains that are known."""
    found = measured(target, asked)
    known = (one for one in faults().get(target, ()) if not is_in_a_row(one.chain))
    kept = [one for one in known if asked and one.chain.split()[-1] not in asked]
    write(target, sorted([*found, *kept], key=lambda one: one.chain), in_a_row=False)
    sys.stdout.write(f"{target}: {', '.join(in_words(one.chain) for one in found)}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
