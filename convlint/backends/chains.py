"""Where a target gets operators wrong that it takes elsewhere: in a row with others, since it rewrites graphs; of a
constant, or with one; of so many axes, or to so many, or a place axis of one; along the first axis; behind a
convolution; of so many inputs; of inputs that it wants as constants; of inputs of several dtypes; with an attribute
that is so; of whose outputs one alone is wanted."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

FAULTS = Path(__file__).with_name("faults.json")
LONGEST = 5
_CONSTANT, _AXES, _MIXED, _THIN, _FIRST, _INPUTS = "constant", "-axes", "mixed", "thin", "first", "-inputs"
_COMPUTED, _FOLDED, _WEIGHTS, _TO, _BEHIND = "computed", "folded", "weights", "to", "behind"
_UNLIKE, _EMPTY, _REGROUPED, _WITHOUT, _REPEATED = "unlike", "empty", "regrouped", "without", "repeated"
_VECTOR, _FOREIGN, _POINT, _LONGER, _BRANCHES, _CAST = "vector", "foreign", "point", "longer", "branches", "cast"
_OPTION, _ONLY, _SIZED, _MULTIPLIED = "option", "only", "sized", "multiplied"
_SINGLE, _SHAPED = "single", "shaped"
_TOLD = {
    _CONSTANT: "of a constant",
    _MIXED: "of mixed dtypes",
    _THIN: "of a picture one pixel wide or high",
    _FIRST: "along the first axis",
    _UNLIKE: "of unlike numbers of channels behind convolutions",
    _EMPTY: "of a constant of no elements",
    _REGROUPED: "between Reshapes that give other axes",
    _REPEATED: "of single places of a Concat with what is repeated",
    _VECTOR: "with a vector",
    _POINT: "of a picture of one pixel",
    _LONGER: "of more indices than there are places along its axis",
    _BRANCHES: "of which one branch takes an axis away, or makes one",
    _SIZED: "of which one branch takes an axis away, or makes one, by a size",
    _CAST: "of int64 that a Cast makes",
    _MULTIPLIED: "by a computed condition of what two products of matrices in a row make",
}
"""The situations that are one word, in more."""
_SMOOTH = "antialias=1"
"""An attribute that does nothing where a picture is not made smaller."""
_CURVED = "mode=cubic"
"""The attribute without which numbers with a point say nothing of how a picture is resized."""
_BATCH_AND_CHANNELS, _MATRIX, _FEW = 2, 2, 8
_INT64, _BOOL = 7, 9
_CONDITIONS = frozenset(
    {"And", "Equal", "Greater", "GreaterOrEqual", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "Xor"}
)
_OF_NUMBERS = frozenset({
    "Abs", "Add", "Cast", "Ceil", "Clip", "Cos", "Div", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid",
    "HardSwish", "Identity", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "PRelu", "Pow", "Reciprocal",
    "Relu", "Reshape", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Sub", "Tanh",
    "ThresholdedRelu",
})  # fmt: skip
"""Operators that leave numbers in the places where they are, so that a runtime may keep them in blocks of channels."""
_OF_PLACES = frozenset({"Concat", "Expand", "Gather", "Slice", "Squeeze", "Transpose", "Unsqueeze"})
"""Those that move numbers, or leave some out."""
_PRODUCTS = frozenset({"Gemm", "MatMul"})
_IN_A_ROW = 2
"""Products that a runtime may compute together, with what is done to each number between and behind them."""


class Fault(msgspec.Struct, frozen=True):
    """A situation that a version of a target was seen to get wrong."""

    chain: str
    """``constant Conv``: an operator of what depends on no input; ``5-axes Conv``: of a tensor of so many axes;
    ``thin Resize``: of a picture one pixel wide or high; ``first Gather``: along the first axis, or one that moves it;
    ``3-inputs Gemm``: of so many inputs; ``to-5-axes Reshape Slice``: which makes so many axes of others, by what
    takes these, behind a Transpose or not;
    ``behind-3-Conv InstanceNormalization``: of what a convolution of so many axes makes, whatever is done with its
    numbers between them, ``behind-point-Conv Resize``: of one pixel that it makes; ``unlike Mul``: of what convolutions
    make, with other numbers of channels; ``empty Concat``: of a constant of no elements, or one that is made in a
    branch; ``regrouped InstanceNormalization``: between
    Reshapes, which give other axes than there were before them; ``repeated Conv``: of single places, of a Concat with
    what Tile or Expand repeats;
    ``point Resize``: of a picture of one pixel; ``option-antialias=1 Resize``: with this attribute so, written or not;
    ``only-0 GRU``: of whose outputs nothing but this is wanted; ``longer ScatterElements``: of more indices than there
    are places along its axis; ``branches If``: of which one branch takes an axis away, or makes one, as exporters write
    a squeeze of what may not be one long, ``sized If``: the same by a size; ``cast TopK``: of int64 that a Cast makes;
    ``multiplied Where``: by a computed condition, of what two products of matrices by constants in a row make, whatever
    is done with each number between and behind them;
    ``vector MatMul``: of which one input has one axis; ``foreign-1 ScatterND``: whose input has another dtype than the
    only one that ONNX has for it;
    ``weights-axis Gather``: of a constant by what is computed, with this attribute written;
    ``single-1 ReduceSum``: whose input is a constant of one number, as axes are where there is one;
    ``shaped-1 TopK``: whose input is read of the sizes of a tensor;
    ``computed-1 Pad``: of an input behind the first that is no constant, ``folded-1 Pad``: that is computed of
    constants; ``without-value ConstantOfShape``: whose attribute is left out, as what holds anyway may be; ``mixed
    Conv``: of inputs of several dtypes where ONNX wants one; or
    ``HardSigmoid[alpha=0.166667,beta=0.5] Mul(1v)``: operators with the numbers that they are written with, and,
    behind the first, the place of what comes from before and what else is given: c a constant, v what is computed."""
    written: str
    """Which layer becomes this, and by which exporter; or which test of ONNX's shows it."""
    what: str
    """What the target does."""
    version: str
    date: str
    dtype: str = "float32"
    right_of: str = ""
    """The other dtypes of numbers with a point of which it was seen to come out right."""

    def is_of(self, dtype: str) -> bool:
        """Whether it is known of a dtype: what goes wrong in float32 is taken to do so in any numbers with a point, but
        for those of which it was seen not to; what goes wrong in another dtype does so in that alone."""
        if self.dtype in ("", dtype):
            return True
        return self.dtype == "float32" and "float" in dtype and dtype not in self.right_of.split()


@functools.cache
def faults() -> dict[str, tuple[Fault, ...]]:
    """By target."""
    return msgspec.json.decode(FAULTS.read_bytes(), type=dict[str, tuple[Fault, ...]])


@functools.cache
def known_chains() -> frozenset[str]:
    """The chains that any target gets wrong."""
    return frozenset(one.chain for listed in faults().values() for one in listed)


@functools.cache
def _beginnings() -> frozenset[str]:
    """What these begin with, and are."""
    tokens = [chain.split() for chain in known_chains()]
    return frozenset(" ".join(one[: i + 1]) for one in tokens for i in range(len(one)))


def is_chain(name: str) -> bool:
    """Whether what is called an operator is a chain of them."""
    return " " in name


def is_in_a_row(chain: str) -> bool:
    """Whether it is of several operators, not of where one stands."""
    return "," in in_words(chain)


def write(target: str, found: Iterable[Fault], *, in_a_row: bool) -> None:
    """Has the file say what a target gets wrong in a row, or where an operator stands; the rest of it stays."""
    kept = [one for one in faults().get(target, ()) if is_in_a_row(one.chain) is not in_a_row]
    told = dict(faults()) | {target: (*found, *kept) if in_a_row else (*kept, *found)}
    data = {name: [_trimmed(one) for one in told[name]] for name in sorted(told)}
    FAULTS.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    faults.cache_clear()


def _trimmed(one: Fault) -> dict[str, str]:
    """A fault as it is written: most are right of nothing else."""
    return {name: value for name, value in msgspec.structs.asdict(one).items() if value or name != "right_of"}


def fault(target: str, chain: str, dtype: str = "") -> Fault | None:
    """What is known of a chain on a target, where a dtype is known in that."""
    fitting = (one for one in faults().get(target, ()) if one.chain == chain and (not dtype or one.is_of(dtype)))
    return next(fitting, None)


def in_words(chain: str) -> str:
    """``Erf, Add, Mul, Mul``, ``Conv of a constant``, ``Conv of 5 axes``."""
    situation, _, operator = chain.partition(" ")
    if situation in _TOLD:
        return f"{operator} {_TOLD[situation]}"
    how, _, place = situation.partition("-")
    if how == _TO:
        made, _, taken = operator.partition(" ")
        return f"{made} to {place.removesuffix(_AXES)} axes before {taken}"
    if how == _BEHIND:
        axes, _, before = place.partition("-")
        if axes in (_THIN, _POINT):
            return f"{operator} {_TOLD[axes]} behind {before}"
        return f"{operator} behind {before} of {axes} axes"
    if how == _WEIGHTS:
        return f"{operator} of a constant with the attribute {place}"
    if situation.endswith(_AXES):
        return f"{operator} of {situation.removesuffix(_AXES)} axes"
    if situation.endswith(_INPUTS):
        return f"{operator} of {situation.removesuffix(_INPUTS)} inputs"
    if how == _WITHOUT:
        return f"{operator} without the attribute {place}"
    if how == _OPTION:
        return f"{operator} with {place}"
    if how == _ONLY:
        return f"{operator} of whose outputs only {place} is wanted"
    if how == _FOREIGN:
        return f"{operator} whose input {place} has another dtype than ONNX wants"
    if how == _SINGLE:
        return f"{operator} whose input {place} is one number"
    if how == _SHAPED:
        return f"{operator} whose input {place} is read of sizes"
    if how in (_COMPUTED, _FOLDED):
        return f"{operator} whose input {place} is computed{' of constants' if how == _FOLDED else ''}"
    return ", ".join(re.split(r"[(\[]", token)[0] for token in chain.split())


def why(seen: Fault) -> str:
    """What is known of it, in words."""
    where = " where they follow each other so" if is_in_a_row(seen.chain) else ""
    return f"{seen.version} {seen.what}{where}: {seen.written} (measured)"


def situations(graph: Any, shapes: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Of each node of a graph: the chains that begin there as known ones do, whether it is of a constant, of how many
    axes and inputs, and which of its inputs are no constants; in a shape an unknown size is 0."""
    yield from chains(graph, _beginnings())
    values = _integers(graph)
    given = {one.name for one in graph.input} - {one.name for one in graph.initializer}
    varying, constants, sizes = set(given), _constants(graph), set[str]()
    repeated, beside = set[str](), set[str]()
    none_in = {one.name for one in graph.initializer if 0 in one.dims}
    none_in |= {
        node.output[0] for node in graph.node for one in node.attribute if one.name == "value" and 0 in one.t.dims
    }
    vectors = {one.name for one in graph.initializer if len(one.dims) == 1}
    vectors |= {name for name, shape in shapes.items() if len(shape) == 1}
    behind: dict[str, set[int]] = {}
    cast: set[str] = set()
    neighbours, takers = _reshapes(graph, constants), _takers(graph)
    products = _Products(constants, takers)
    for node in graph.node:
        if node.op_type == "Constant" or not node.input:
            continue
        if node.op_type in ("Shape", "Size") or (sizes & {*node.input} and not varying & {*node.input} - sizes):
            sizes.update(node.output)  # importers follow them through a graph, which no test of one operator shows
        for place, name in enumerate(node.input[1:], 1):
            if name and name not in constants and name not in sizes:
                yield computed(node.op_type, place, folded=name not in varying), (node,)
            elif name in sizes:
                yield of_sizes(node.op_type, place), (node,)
            elif len(values.get(name, ())) == 1:
                yield of_single(node.op_type, place), (node,)
        yield from ((one, (node,)) for one in (*_left_out(node), *_told(node, shapes, sizes)))
        if node.input[0] in cast:
            yield cast_to_int64(node.op_type), (node,)
        if varying.intersection(node.input) and _is_of_cast(node, cast):
            cast.update(node.output)
        if varying.intersection(node.input) or any(one.HasField("g") for one in node.attribute):
            varying.update(node.output)
        elif node.input[0]:
            yield constant(node.op_type), (node,)
        yield with_inputs(node.op_type, sum(map(bool, node.input))), (node,)
        if _is_regrouped(node, neighbours, shapes):
            yield regrouped(node.op_type), (node,)
        if _follows_repeated(node, repeated, beside):
            yield of_repeated(node.op_type), (node,)
        if node.op_type == "MatMul" and vectors.intersection(node.input):
            yield with_vector(node.op_type), (node,)
        if products.are_chosen_from(node):
            yield multiplied(node.op_type), (node,)
        products.follow(node, shapes)
        if none_in.intersection(node.input):
            yield empty(node.op_type), (node,)
        if node.input[0] not in varying and varying.intersection(node.input):
            yield from ((of_weights(node.op_type, one.name), (node,)) for one in node.attribute)
        if shape := shapes.get(node.input[0]):
            yield of_axes(node.op_type, len(shape)), (node,)
            if 1 in shape[_BATCH_AND_CHANNELS:]:
                yield (point if set(shape[_BATCH_AND_CHANNELS:]) == {1} else thin)(node.op_type), (node,)
            if node.input[0] in varying and node.input[0] not in sizes:
                yield from ((one, (node,)) for one in _of_values(node, values, shapes, behind, takers))
        _follow(node, shapes, behind)


class _Products:
    """How many products of matrices by constants there are in a row before each value."""

    def __init__(self, constants: set[str], takers: Mapping[str, set[str]]) -> None:
        self._constants, self._takers = constants, takers
        self._counts: dict[str, int] = {}
        self._conditions: set[str] = set()

    def follow(self, node: Any, shapes: Mapping[str, Sequence[int]]) -> None:
        """Notes what an operator makes of what is known of its inputs."""
        varying = [name for name in node.input if name and name not in self._constants]
        if node.op_type in _CONDITIONS or (node.op_type == "Cast" and _makes(node, _BOOL)):
            self._conditions.update(node.output)
        elif node.op_type in _PRODUCTS and varying == [node.input[0]] and len(shapes.get(node.input[0], ())) == _MATRIX:
            self._counts[node.output[0]] = self._counts.get(node.input[0], 0) + 1
        elif node.op_type in _OF_NUMBERS - {"Reshape"}:
            counts = {self._counts.get(name, 0) for name in varying}
            if len(counts) == 1 and (len(varying) == 1 or counts < {*range(_IN_A_ROW)}):
                self._counts[node.output[0]] = counts.pop()

    def are_chosen_from(self, node: Any) -> bool:
        """Whether an operator chooses, by a computed condition, from what two of them in a row make for it alone."""
        if node.op_type != "Where" or node.input[0] not in self._conditions:
            return False
        made = (name for name in node.input[1:] if self._counts.get(name, 0) >= _IN_A_ROW)
        return any(self._takers.get(name) == {"Where"} for name in made)


def _told(node: Any, shapes: Mapping[str, Sequence[int]], sizes: set[str]) -> Iterator[str]:
    """The situations that an operator, its attributes and the sizes of its inputs tell."""
    known = _known_options().get(node.op_type, frozenset())
    if known:
        told = options(node) | (numbers(node) if _CURVED in options(node) else set())
        if not _is_smaller(node, shapes):
            told -= {_SMOOTH}
        yield from (option(node.op_type, one) for one in sorted(known & told))
    wanted = [place for place, name in enumerate(node.output) if name]
    if len(wanted) == 1:
        yield only(node.op_type, wanted[0])
    if node.op_type == "ScatterElements" and _is_longer(node, shapes):
        yield longer(node.op_type)
    if node.op_type == "If":
        last = [maker for one in node.attribute if one.HasField("g") and (maker := _last(one.g)) is not None]
        kinds = {maker.op_type for maker in last}
        if len(kinds) > 1 and kinds & {"Squeeze", "Unsqueeze"}:
            yield branches(node.op_type, by_size=node.input[0] in sizes)
        if any(0 in one.t.dims for maker in last for one in maker.attribute if one.name == "value"):
            yield empty(node.op_type)


def options(node: Any) -> set[str]:
    """The attributes that are words or flags, as they are written or, where they are not, as ONNX has them."""
    from onnx import AttributeProto, defs

    if not defs.has(node.op_type):
        return set()
    there = {one.name: one for one in node.attribute}
    defaults = {name: one.default_value for name, one in defs.get_schema(node.op_type).attributes.items()}
    told = [one for one in {**defaults, **there}.values() if one.type in (AttributeProto.STRING, AttributeProto.INT)]
    values = {one.name: one.s.decode() if one.type == AttributeProto.STRING else one.i for one in told}
    return {f"{name}={value}" for name, value in values.items() if isinstance(value, str) or value in (0, 1)}


def _is_smaller(node: Any, shapes: Mapping[str, Sequence[int]]) -> bool:
    """Whether what an operator makes may be smaller than its input along an axis."""
    given, made = shapes.get(node.input[0], ()), shapes.get(node.output[0], ())
    return len(given) != len(made) or not all(0 < old <= new for old, new in zip(given, made, strict=True))


def numbers(node: Any) -> set[str]:
    """The attributes that are numbers with a point, as they are written."""
    return {f"{one.name}={one.f:g}" for one in node.attribute if one.type == one.FLOAT}


def _is_longer(node: Any, shapes: Mapping[str, Sequence[int]]) -> bool:
    """Whether there are more indices along the axis than places; an unknown size counts as none."""
    axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
    data, indices = (shapes.get(name, ()) for name in node.input[:2])
    return len(data) == len(indices) > axis and 0 < data[axis] < indices[axis]


def _last(graph: Any) -> Any:
    """What makes the first output of a branch, None where that comes from outside."""
    return next((node for node in graph.node if graph.output and graph.output[0].name in node.output), None)


def _is_of_cast(node: Any, cast: set[str]) -> bool:
    """Whether a Cast makes int64, or an operator gives what one has made."""
    if node.op_type == "Cast":
        return _makes(node, _INT64)
    return node.op_type in _OF_NUMBERS | _OF_PLACES and node.input[0] in cast


def _makes(cast: Any, dtype: int) -> bool:
    """Whether a Cast makes a dtype."""
    return any(one.name == "to" and one.i == dtype for one in cast.attribute)


def _of_values(
    node: Any,
    values: Mapping[str, Sequence[int]],
    shapes: Mapping[str, Sequence[int]],
    behind: Mapping[str, set[int]],
    takers: Mapping[str, set[str]],
) -> Iterator[str]:
    """The situations of an operator of what depends on an input, and is no size."""
    axes, made = len(shapes[node.input[0]]), shapes.get(node.output[0], ())
    if _is_along_first(node, values, axes):
        yield along_first(node.op_type)
    if made and len(made) != axes:
        yield from (to_axes(node.op_type, len(made), taken) for taken in sorted(takers.get(node.output[0], ())))
    for of in sorted(behind.get(node.input[0], ())):
        yield behind_conv(node.op_type, of)
        if 1 in shapes[node.input[0]][_BATCH_AND_CHANNELS:]:
            is_point = set(shapes[node.input[0]][_BATCH_AND_CHANNELS:]) == {1}
            yield behind_conv(node.op_type, _POINT if is_point else _THIN)
    channels = {shapes[name][1] for name in node.input if behind.get(name) and len(shapes.get(name, ())) > 1}
    if len(channels - {0}) > 1:
        yield unlike(node.op_type)


def _reshapes(graph: Any, constants: set[str]) -> dict[str, Any]:
    """The Reshapes to constant shapes, by what they make, and by what they take."""
    found = [node for node in graph.node if node.op_type == "Reshape" and node.input[1] in constants]
    taken = {node.input[0]: node for node in found}
    return taken | {node.output[0]: node for node in found}


def _takers(graph: Any) -> dict[str, set[str]]:
    """The operators that take each value, or what a Transpose makes of it."""
    takers: dict[str, set[str]] = {}
    for node in reversed(graph.node):
        mine = takers.get(node.output[0], set()) if node.op_type == "Transpose" else {str(node.op_type)}
        for name in node.input:
            takers.setdefault(name, set()).update(mine)
    return takers


def _follows_repeated(node: Any, repeated: set[str], beside: set[str]) -> bool:
    """Whether an operator is a convolution of single places of a Concat with what is repeated; of others it is noted
    what they make of such."""
    if node.op_type in ("Expand", "Tile"):
        repeated.add(node.output[0])
    elif node.op_type in ("Concat", "Pad", "Transpose"):  # exporters pad with nothing too
        taken = repeated if node.op_type == "Concat" else beside
        beside.update(node.output[:1] if taken.intersection(node.input) else ())
    sizes = [size for one in node.attribute if one.name == "kernel_shape" for size in one.ints]
    return node.op_type == "Conv" and node.input[0] in beside and set(sizes) == {1}


def _is_regrouped(node: Any, reshapes: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> bool:
    """Whether an operator is between Reshapes that give other axes than there were."""
    if node.op_type != "InstanceNormalization" or not {node.input[0], node.output[0]} <= reshapes.keys():
        return False
    first = node.input[0]
    while first in reshapes and reshapes[first].output[0] == first:
        first = reshapes[first].input[0]
    made = reshapes[node.output[0]].output[0]
    return len(shapes.get(first, ())) != len(shapes.get(made, ())) and bool(shapes.get(first) and shapes.get(made))


def _follow(node: Any, shapes: Mapping[str, Sequence[int]], behind: dict[str, set[int]]) -> None:
    """Notes of how many axes the convolutions are whose numbers an operator leaves in their places."""
    if node.op_type == "Conv":
        if axes := len(shapes.get(node.input[0], ())):
            behind[node.output[0]] = {axes}
    elif node.op_type in _OF_NUMBERS:
        behind[node.output[0]] = {axes for name in node.input for axes in behind.get(name, ())}


def _is_along_first(node: Any, values: Mapping[str, Sequence[int]], rank: int) -> bool:
    """Whether an operator works along the first axis of its first input, or moves it elsewhere."""
    given = {one.name: list(one.ints) if one.type == one.INTS else [one.i] for one in node.attribute}
    if "perm" in given:
        return given["perm"][:1] != [0]
    if node.op_type not in AXES:
        return False
    place, default = AXES[node.op_type]
    behind = values.get(node.input[place], ()) if 0 < place < len(node.input) else ()
    axes = given.get("axes") or given.get("axis") or behind or default
    return any(axis in (0, -rank) for axis in axes)


AXES: dict[str, tuple[int, tuple[int, ...]]] = {
    "Concat": (0, ()), "Gather": (0, (0,)), "GatherElements": (0, (0,)), "Softmax": (0, (-1,)),
    "LogSoftmax": (0, (-1,)), "Split": (0, (0,)), "Squeeze": (1, ()), "Slice": (3, ()), "ArgMax": (0, (0,)),
    "ArgMin": (0, (0,)), "CumSum": (1, ()), "TopK": (0, (-1,)), "ReduceMean": (1, ()), "ReduceSum": (1, ()),
    "ReduceMax": (1, ()), "ReduceMin": (1, ()), "ReduceL2": (1, ()), "ReduceProd": (1, ()),
}  # fmt: skip
"""Operators along axes: the input that names these where no attribute does, 0 where none is, and what is meant without
either."""


def _integers(graph: Any) -> dict[str, Sequence[int]]:
    """The integers that a file holds, a few at a time: axes are such."""
    import onnx

    stored = {one.name: one for one in graph.initializer}
    made = (node for node in graph.node if node.op_type == "Constant" and node.output)
    stored |= {node.output[0]: one.t for node in made for one in node.attribute if one.name == "value"}
    few = ((name, one) for name, one in stored.items() if one.data_type == one.INT64 and math.prod(one.dims) <= _FEW)
    return {name: onnx.numpy_helper.to_array(one).reshape(-1).tolist() for name, one in few}


def thin(operator: str) -> str:
    """The situation of an operator of a picture one pixel wide or high."""
    return f"{_THIN} {operator}"


def point(operator: str) -> str:
    """The situation of an operator of a picture of one pixel."""
    return f"{_POINT} {operator}"


def option(operator: str, told: str) -> str:
    """The situation of an operator with an attribute that is so."""
    return f"{_OPTION}-{told} {operator}"


def only(operator: str, place: int) -> str:
    """The situation of an operator of whose outputs one alone is wanted."""
    return f"{_ONLY}-{place} {operator}"


def longer(operator: str) -> str:
    """The situation of an operator of more indices than there are places along its axis."""
    return f"{_LONGER} {operator}"


def branches(operator: str, *, by_size: bool) -> str:
    """The situation of a choice, by a size or by what is computed, of which one branch takes an axis away, or makes
    one."""
    return f"{_SIZED if by_size else _BRANCHES} {operator}"


def cast_to_int64(operator: str) -> str:
    """The situation of an operator of int64 that a Cast makes."""
    return f"{_CAST} {operator}"


def multiplied(operator: str) -> str:
    """The situation of an operator by a computed condition of what two products of matrices in a row make."""
    return f"{_MULTIPLIED} {operator}"


def along_first(operator: str) -> str:
    """The situation of an operator along the first axis, which is the batch to some."""
    return f"{_FIRST} {operator}"


def with_inputs(operator: str, inputs: int) -> str:
    """The situation of an operator of so many inputs."""
    return f"{inputs}{_INPUTS} {operator}"


def constant(operator: str) -> str:
    """The situation of an operator of what depends on no input."""
    return f"{_CONSTANT} {operator}"


def of_axes(operator: str, axes: int) -> str:
    """The situation of an operator of a tensor of so many axes."""
    return f"{axes}{_AXES} {operator}"


def to_axes(operator: str, axes: int, taken: str) -> str:
    """The situation of an operator that makes a tensor of so many axes of one that has others, by what takes it."""
    return f"{_TO}-{axes}{_AXES} {operator} {taken}"


def behind_conv(operator: str, axes: int | str) -> str:
    """The situation of an operator of what a convolution of so many axes makes, or of a thin picture or a point that it
    makes."""
    return f"{_BEHIND}-{axes}-Conv {operator}"


def unlike(operator: str) -> str:
    """The situation of an operator of what convolutions make, of unlike numbers of channels."""
    return f"{_UNLIKE} {operator}"


def regrouped(operator: str) -> str:
    """The situation of an operator between Reshapes that give other axes than there were."""
    return f"{_REGROUPED} {operator}"


def empty(operator: str) -> str:
    """The situation of an operator of a constant of no elements."""
    return f"{_EMPTY} {operator}"


def of_weights(operator: str, attribute: str) -> str:
    """The situation of an operator of a constant by what is computed, with an attribute written."""
    return f"{_WEIGHTS}-{attribute} {operator}"


def of_single(operator: str, place: int) -> str:
    """The situation of an operator of which an input, by its place, is a constant of one integer."""
    return f"{_SINGLE}-{place} {operator}"


def of_sizes(operator: str, place: int) -> str:
    """The situation of an operator of which an input, by its place, is read of the sizes of a tensor."""
    return f"{_SHAPED}-{place} {operator}"


def computed(operator: str, place: int, *, folded: bool) -> str:
    """The situation of an operator of an input, by its place, that is no constant: it depends on what the model is
    given, or is computed of constants."""
    return f"{_FOLDED if folded else _COMPUTED}-{place} {operator}"


def of_repeated(operator: str) -> str:
    """The situation of an operator of single places, of a Concat with what is repeated."""
    return f"{_REPEATED} {operator}"


def with_vector(operator: str) -> str:
    """The situation of an operator of which one input has one axis."""
    return f"{_VECTOR} {operator}"


def foreign(operator: str, place: int) -> str:
    """The situation of an operator whose input, by its place, has another dtype than the only one of its schema."""
    return f"{_FOREIGN}-{place} {operator}"


def without(operator: str, attribute: str) -> str:
    """The situation of an operator without an attribute that it may have."""
    return f"{_WITHOUT}-{attribute} {operator}"


def _left_out(node: Any) -> Iterator[str]:
    """The situations of an operator without attributes of which some target is known to want one."""
    there = {one.name for one in node.attribute}
    wanted = _wanted_attributes().get(node.op_type, frozenset())
    yield from (without(node.op_type, one) for one in sorted(wanted - there))


@functools.cache
def _wanted_attributes() -> dict[str, frozenset[str]]:
    """By operator the attributes that some target wants."""
    return _of_operators(f"{_WITHOUT}-")


@functools.cache
def _known_options() -> dict[str, frozenset[str]]:
    """By operator the attributes that some target does not take so."""
    return _of_operators(f"{_OPTION}-")


def _of_operators(how: str) -> dict[str, frozenset[str]]:
    """By operator what the known situations say behind how they begin."""
    told = [one.removeprefix(how).split() for one in known_chains() if one.startswith(how)]
    return {operator: frozenset(one for one, other in told if other == operator) for _, operator in told}


def mixed(operator: str) -> str:
    """The situation of an operator of inputs of several dtypes, where its schema wants one."""
    return f"{_MIXED} {operator}"


def _constants(graph: Any) -> set[str]:
    """The values that a file holds."""
    constants = {one.name for one in graph.initializer}
    return constants | {node.output[0] for node in graph.node if node.op_type == "Constant" and node.output}


def chains(graph: Any, beginnings: Container[str] | None = None) -> Iterator[tuple[str, Sequence[Any]]]:
    """The chains of a graph with their nodes: each node is the only one that takes what the one before it gives.

    With ``beginnings`` they go on only as far as what they begin with is among these.
    """
    constants = _constants(graph)
    takers: dict[str, list[Any]] = {one.name: [None] for one in graph.output}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    for start in graph.node:
        if start.op_type == "Constant":
            continue
        nodes, chain = [start], _named(start)
        while len(nodes) < LONGEST and nodes[-1].output and (beginnings is None or chain in beginnings):
            value = nodes[-1].output[0]
            following = takers.get(value, [])
            if len(following) != 1 or following[0] is None:
                break
            nodes.append(following[0])
            chain = f"{chain} {_token(following[0], value, constants)}"
            yield chain, tuple(nodes)


def _token(node: Any, value: str, constants: set[str]) -> str:
    others = "".join("c" if name in constants else "v" for name in node.input if name and name != value)
    return f"{_named(node)}({list(node.input).index(value)}{others})" if others else _named(node)


def _named(node: Any) -> str:
    """An operator with its attributes that are numbers with a point, which a rewriting may look for; no epsilon."""
    told = (one for one in node.attribute if one.type == one.FLOAT and one.name != "epsilon")
    numbers = sorted(f"{one.name}={one.f:.6g}" for one in told)
    return f"{node.op_type}[{','.join(numbers)}]" if numbers else str(node.op_type)
