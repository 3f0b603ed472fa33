"""torch operators, as methods or functions: what they return, and what happens to the graph on the way."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from convlint.analyzer import (
    clamping,
    crops,
    distances,
    dtype_mixes,
    inputs,
    leaving,
    mistranslations,
    permutations,
    shapes,
    signs,
    squeezes,
    torch_facts,
    writes,
)
from convlint.analyzer.arithmetic import elementwise, promoted
from convlint.analyzer.attributes import as_size, shape_of, size_taint
from convlint.analyzer.calls import Arguments, opaque
from convlint.analyzer.division import note_division, note_remainder
from convlint.analyzer.dtypes import CASTS, DTYPES, asked_dtype, exact, named_dtype
from convlint.analyzer.indexing import index_shape
from convlint.analyzer.reshaping import (
    Handler,
    call_row,
    expand,
    flatten,
    pieces,
    repeat,
    reshape,
    squeeze,
    unknown_size,
    viewing,
)
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import integer, number
from convlint.analyzer.torch_calls import note_refused
from convlint.analyzer.values import (
    NONE,
    NOWHERE,
    UNKNOWN,
    Const,
    List,
    MaskIndex,
    Number,
    Places,
    Shape,
    Tensor,
    Tuple,
    Unknown,
    Value,
    counted_in,
    join_all,
    number_kind,
    taint_of,
)
from convlint.events import DynamicShape, Taint

COPIES = frozenset(
    [
        "contiguous",
        "to",
        "cpu",
        "cuda",
        "float",
        "half",
        "double",
        "int",
        "long",
        "bool",
        "bfloat16",
        "short",
        "byte",
        "char",
        "type",
        "type_as",
        "conj",
        "resolve_conj",
        "resolve_neg",
        "pin_memory",
        "clone",
        "requires_grad_",
        "lift_fresh",
        "real",
        "imag",
        "dequantize",
    ]
)
"""Table views that are, or may well be, memory of their own."""


def operate(run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, arguments: Arguments) -> Value:
    """``tensor.name(...)``, or the function of that name with the tensor first."""
    result = _operate(run, frame, node, name, tensor, arguments)
    other, where_ = arguments.get(0, "other"), arguments.node(0, "other")
    if name == "floor_divide" and other is not None and where_ is not None:
        note_division(run, frame, node, "function", (arguments.receiver or node, tensor), (where_, other))
    if name == "remainder" and other is not None and where_ is not None:
        note_remainder(run, frame, node, (arguments.receiver or node, tensor), (where_, other))
    if name in mistranslations.FUNCTIONS:
        mistranslations.note(run, frame, node, name, tensor, arguments)
    if name in permutations.FUNCTIONS:
        permutations.note(run, frame, node, name, tensor, arguments)
    if name in clamping.FUNCTIONS:
        clamping.note(run, frame, node, name, tensor, arguments)
        if tensor.exact == "bfloat16":
            dtype_mixes.note(run, frame, node, "clamp", [tensor])
    else:
        dtype_mixes.note_method(run, frame, node, name, tensor, arguments)
    result = signs.of_call(name, [tensor, *arguments.positional], arguments.keywords, result)
    return replace(result, of=name) if isinstance(result, Tuple) else result


def _operate(run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, arguments: Arguments) -> Value:
    handler = _SPECIAL.get(name)
    if handler is not None:
        return handler(run, frame, node, tensor, arguments)
    if name in shapes.REDUCTIONS:
        return _reduce(run, frame, node, name, tensor, arguments)
    operator = torch_facts.table().methods.get(name) or _function(name)
    if operator is None:
        return opaque(arguments, True)
    if operator.inplace and name.endswith("_"):
        return _write(run, frame, node, tensor, arguments)
    if operator.dynamic_shape:
        return _dynamic(run, frame, node, name, tensor, arguments, operator)
    shape = _result_shape(name, operator, tensor, arguments)
    dtype = _result_dtype(name, operator, tensor, arguments)
    taint = max([tensor.taint, *(taint_of(v) for v in arguments.all())])
    counted = tensor.counted if shape is None else NOWHERE
    if operator.view and name not in COPIES:
        return _view(run, frame, node, name, tensor, shape, operator.returns)
    indices: MaskIndex = "some" if tensor.mask_index and dtype == "int" else ""
    result = _results(run, operator.returns, dtype, shape, taint, counted, indices)
    if isinstance(result, Tensor) and not any(isinstance(value, Tensor) for value in arguments.all()):
        result = replace(result, squeezed=tensor.squeezed if operator.pointwise or name in shapes.SAME else None)
    return replace(result, below=tensor.below) if operator.pointwise and isinstance(result, Tensor) else result


_SPACES = ("torch", "torch.nn.functional", "torch.fft", "torch.linalg", "torch.special")


def _function(name: str) -> torch_facts.Operator | None:
    """A function that is no method of tensors, by its last name: ``rfft``."""
    functions = torch_facts.table().functions
    return next((functions[full] for space in _SPACES if (full := f"{space}.{name}") in functions), None)


def _results(
    run: Run,
    letters: str,
    dtype: str | None,
    shape: shapes.Shaped,
    taint: Taint,
    counted: Places,
    indices: MaskIndex = "",
) -> Value:
    """The values that a schema's result letters stand for."""
    made: list[Value] = []
    for i, letter in enumerate(letters):
        if letter == "T":
            kind = dtype if i == 0 else None
            made.append(run.tensor(kind, shape, taint, counted=counted, mask_index=indices if i == 0 else ""))
        elif letter == "L":
            made.append(List(run.tensor(dtype, None, taint)))
        elif letter in "ifbn":
            made.append(Number({"i": "int", "f": "float", "b": "bool"}.get(letter, "number")))
        else:
            made.append(NONE)
    return made[0] if len(made) == 1 else Tuple(tuple(made))


def _result_shape(name: str, operator: torch_facts.Operator, tensor: Tensor, arguments: Arguments) -> shapes.Shaped:
    if operator.pointwise:
        shape: shapes.Shaped = tensor.shape
        for value in arguments.positional:
            if isinstance(value, Tensor):
                shape = shapes.broadcast(shape, value.shape)
        return shape
    return tensor.shape if name in shapes.SAME else None


def _result_dtype(name: str, operator: torch_facts.Operator, tensor: Tensor, arguments: Arguments) -> str | None:
    letters = operator.dtypes
    source = tensor.dtype
    if operator.pointwise:
        for value in arguments.positional:
            if isinstance(value, Tensor) or number_kind(value) in ("float", "int"):
                source = promoted(Tensor(source, None), value)
    if arguments.keywords.get("dtype", NONE) != NONE:
        return asked_dtype(arguments, None)
    if arguments.keywords.get("rounding_mode", NONE) != NONE:
        return source  # `div` of integers makes floats only where it does not round
    if not letters or source not in ("float", "int", "bool"):
        taken = set(letters) - {"?"}  # what it refuses it makes nothing of
        letter = taken.pop() if len(taken) == 1 else ""
    else:
        letter = letters[("float", "int", "bool").index(source)]
    return {"f": "float", "i": "int", "b": "bool", "c": "complex"}.get(letter)


def _to(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    dtype, known = named_dtype(arguments)
    named = [v for v in arguments.all() if not isinstance(v, (Const, Unknown))]
    keeps = not named and not _may_name_dtype(arguments)
    made = run.tensor(tensor.dtype if keeps else dtype, tensor.shape, tensor.taint, counted=tensor.counted)
    return replace(made, mask_index=tensor.mask_index, exact=tensor.exact if keeps else known)


def _type(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``tensor.type(dtype)``; the name of its type, a text, where nothing is given."""
    return _to(run, frame, node, tensor, arguments) if arguments.all() else UNKNOWN


def _may_name_dtype(arguments: Arguments) -> bool:
    """Whether a dtype that is not known may be given, ``to(x.dtype)``, and not just a device."""
    given = list(zip(arguments.nodes, arguments.positional, strict=False))
    given += [(arguments.keyword_nodes[name], arguments.keywords[name]) for name in arguments.keyword_nodes]
    return any(isinstance(value, Unknown) and "device" not in ast.unparse(node) for node, value in given)


def _cast(name: str) -> Handler:
    """``tensor.float()`` and its like."""
    dtype, known = DTYPES[exact(name)], exact(name)

    def handler(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        indices = tensor.mask_index if dtype == "int" else ""
        return run.tensor(dtype, tensor.shape, tensor.taint, counted=tensor.counted, mask_index=indices, exact=known)

    return handler


def _view(
    run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, shape: shapes.Shaped, letters: str
) -> Value:
    row = call_row(node)
    if letters == "L":
        return List(run.view(frame, tensor, name, node, row=row, shape=shape, state=""))
    state = tensor.state if name == "detach" else ""
    return run.view(frame, tensor, name, node, row=row, shape=shape, state=state, sure=True)


_ELEMENT_BY_ELEMENT = frozenset(["copy_", "add_", "sub_", "mul_", "div_"])
"""Methods that write each element from one of what they are given."""


def _write(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    target = arguments.receiver or node
    name = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
    if name in _ELEMENT_BY_ELEMENT and arguments.positional:
        value, source = arguments.positional[0], arguments.nodes[0]
        writes.note_overlap(run, frame, target, tensor, value, source, node, copied=name == "copy_")
    writes.in_place(run, frame, target, tensor, "method", call_row(node), node)
    taint = max([tensor.taint, *(taint_of(v) for v in arguments.all())])
    return _changed(frame, target, tensor, replace(tensor, taint=taint))


def _under_its_name(handler: Handler) -> Handler:
    """``tensor.detach_()``: what ``detach`` makes, under the tensor's own name; no value is written."""

    def apply(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        result = handler(run, frame, node, tensor, arguments)
        return _changed(frame, arguments.receiver or node, tensor, result)

    return apply


def _reshaped(handler: Handler) -> Handler:
    """``tensor.unsqueeze_(dim)``: so too, with other axes."""
    change = _under_its_name(handler)

    def apply(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        inputs.note_reshaped(run, frame, node, tensor)
        return change(run, frame, node, tensor, arguments)

    return apply


def _changed(frame: Frame, target: ast.expr, tensor: Tensor, now: Value) -> Value:
    """What a tensor has become, for the name by which it was changed too."""
    if isinstance(target, ast.Name) and target.id in frame.env and frame.env[target.id] == tensor:
        frame.env[target.id] = now
    return now


# --- data-dependent shapes ---------------------------------------------------------------------------------------


def note_dynamic(run: Run, frame: Frame, node: ast.expr, how: str, operand: ast.expr, value: Value) -> Places:
    """Notes an operator whose result's shape depends on values; the selection that its count is of."""
    if taint_of(value) < Taint.state:
        return NOWHERE
    run.emit(frame, DynamicShape, node, how, (), how=how, operand=run.operand(frame, operand, value))
    return run.selection(frame, node, value)


def _of_mask(mask: Tensor) -> MaskIndex:
    """What positions in a column of ``nonzero`` are: what it gives of several axes, or of numbers, no mask selects."""
    if mask.dtype != "bool" or mask.rank not in (1, None):
        return "some"
    return "all" if mask.rank == 1 else "column"


def _dynamic(
    run: Run,
    frame: Frame,
    node: ast.expr,
    name: str,
    tensor: Tensor,
    arguments: Arguments,
    operator: torch_facts.Operator,
) -> Value:
    counted = note_dynamic(run, frame, node, name, arguments.receiver or node, tensor)
    count = number(Taint.data, counted=counted)
    if name in ("nonzero", "argwhere"):
        as_tuple = arguments.get(0, "as_tuple")
        if isinstance(as_tuple, Const) and as_tuple.value is True:
            one = run.tensor("int", (count,), Taint.data, mask_index=_of_mask(tensor))
            return Tuple((one,) * tensor.rank) if tensor.rank else List(one)
        rank: Value = Const(tensor.rank) if tensor.rank is not None else Number("int")
        return run.tensor("int", (count, rank), Taint.data, mask_index=_of_mask(tensor))
    shape = (count,) if name in ("masked_select", "unique", "bincount") else None
    if name in ("unique", "unique_consecutive"):
        if any(k.startswith("return_") for k in arguments.keywords):
            return Tuple(tuple(run.tensor(tensor.dtype, shape, Taint.data, counted=counted) for _ in range(2)))
        return run.tensor(tensor.dtype, shape, Taint.data, counted=counted)
    dtype = _result_dtype(name, operator, tensor, arguments)
    return _results(run, operator.returns, dtype, shape, Taint.data, counted)


def _repeat_interleave(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    repeats = arguments.get(0, "repeats")
    dim = arguments.get(1, "dim")
    counted = tensor.counted
    at = shapes.axis(dim, len(tensor.shape)) if tensor.shape is not None and dim is not None else None
    if isinstance(repeats, Tensor):
        where = arguments.node(0, "repeats")
        found = note_dynamic(run, frame, node, "repeat_interleave", where if where is not None else node, repeats)
        counted |= found if dim is None or integer(dim) == 0 else NOWHERE  # where ranks are not known the first axis
        size = number(Taint.data, counted=found)
    else:
        size = number(taint_of(repeats) if repeats is not None else Taint.none)
    shape = None
    if tensor.shape is not None and at is not None:
        size = replace(size, taint=max(size.taint, taint_of(tensor.shape[at])))
        shape = (*tensor.shape[:at], size, *tensor.shape[at + 1 :])
    return run.tensor(tensor.dtype, shape, tensor.taint, counted=counted)


def _topk(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    k = arguments.get(0, "k")
    where = arguments.node(0, "k")
    count = k if k is not None else UNKNOWN
    if isinstance(count, (Tensor, Number)) and count.taint >= Taint.data and where is not None:
        frozen = count.frozen_on if isinstance(count, Number) else frozenset()
        with run.on_routes(frame, frame.routes - frozen):
            note_dynamic(run, frame, node, "topk", where, count)
    size: Value = count if number_kind(count) is not None else shapes.number_from(count)
    dim = arguments.get(1, "dim")
    shape = None
    if tensor.shape:
        at = shapes.axis(dim if dim is not None else Const(-1), len(tensor.shape))
        if at is not None:
            shape = (*tensor.shape[:at], size, *tensor.shape[at + 1 :])
    counted = counted_in(count)
    return Tuple(
        (
            run.tensor(tensor.dtype, shape, tensor.taint, counted=counted),
            run.tensor("int", shape, tensor.taint, counted=counted),
        )
    )


def where(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``torch.where`` with one argument (indices) or three."""
    if not arguments.positional and not arguments.keywords:
        counted = note_dynamic(run, frame, node, "where", arguments.receiver or node, tensor)
        one = run.tensor("int", (number(Taint.data, counted=counted),), Taint.data, mask_index=_of_mask(tensor))
        return Tuple((one,) * tensor.rank) if tensor.rank else List(one)
    values = [v for v in arguments.all() if isinstance(v, Tensor) or number_kind(v) is not None]
    shape: shapes.Shaped = tensor.shape
    for value in values:
        if isinstance(value, Tensor):
            shape = shapes.broadcast(shape, value.shape)
    dtype = promoted(values[0], values[1]) if len(values) == 2 else None
    chosen = [value for value in values if isinstance(value, Tensor)]
    if len(chosen) == len(values) == 2:
        dtype_mixes.note(run, frame, node, "where", chosen, arguments.receiver, tensor)
    return run.tensor(
        dtype, shape, max([tensor.taint, *(taint_of(v) for v in arguments.all())]), counted=tensor.counted
    )


# --- shapes ------------------------------------------------------------------------------------------------------


def _size(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    dim = arguments.get(0, "dim")
    whole = shape_of(tensor)
    if dim is None or dim == NONE:
        return whole
    at = integer(dim)
    if isinstance(whole, Tuple):
        if at is not None and -len(whole.items) <= at < len(whole.items):
            return whole.items[at]
        return join_all(whole.items)
    assert isinstance(whole, Shape)
    return index_shape(whole, dim)


def _rank(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    return Const(tensor.rank) if tensor.rank is not None else Number("int")


def _truth(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``torch.equal``, ``allclose``, ``is_nonzero``: Python's answer to what only values tell."""
    return Number("bool", max(tensor.taint, taint_of(arguments.get(0, "other") or NONE)))


def _numel(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    if tensor.shape is None:
        return number(size_taint(tensor), f"{tensor.ident}@" if tensor.ident else "", tensor.counted)
    whole = shape_of(tensor)
    if isinstance(whole, Tuple) and len(whole.items) == 1:
        return whole.items[0]
    product = shapes._product(tensor.shape)
    if product is not None:
        return Const(product)
    return shapes.number_from(*tensor.shape)


def length_of(tensor: Tensor) -> Value:
    """``len(tensor)``."""
    if tensor.shape:
        return as_size(tensor, 0)
    return number(size_taint(tensor), f"{tensor.ident}[0]" if tensor.ident else "", tensor.counted)


OF_AXES = {
    "amax": "`max()` gives the same",
    "amin": "`min()` gives the same",
    "aminmax": "`min()` and `max()` give the same",
}
"""Reductions at which the dynamo ONNX exporter stops where no axis is named, and what it takes instead;
``tests/trial/test_reductions.py`` runs all."""


def _reduce(run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, arguments: Arguments) -> Value:
    taint = max([tensor.taint, *(taint_of(v) for v in arguments.all())])
    offset = 1 if name in ("norm", "quantile") else 0
    dim = arguments.get(offset, "dim", "axis")
    if name in OF_AXES and dim is None and not arguments.more:
        form, refused = "of all axes at once", {"onnx_dynamo": f"aten.{name}"}
        note_refused(run, frame, node, name, refused, form=form, instead=OF_AXES[name])
    operator = torch_facts.table().methods.get(name)
    made = _result_dtype(name, operator, tensor, Arguments()) if operator is not None else None
    dtype = asked_dtype(arguments, made)
    if name in ("max", "min") and isinstance(dim, Tensor):  # elementwise
        return elementwise(run, tensor, dim)
    keepdim = arguments.get(offset + 1, "keepdim")
    shape = shapes.reduced(tensor.shape, dim, keepdim)
    below = tensor.ident if keepdim is None and dim is not None and dim != NONE else 0
    if name in ("max", "min", "median", "mode") and dim is not None and dim != NONE:
        indices = run.tensor("int", shape, taint, counted=tensor.counted)
        return Tuple((run.tensor(tensor.dtype, shape, taint, counted=tensor.counted, below=below), indices))
    if name in ("std_mean", "var_mean", "aminmax"):
        return Tuple((run.tensor(dtype, shape, taint), run.tensor(dtype, shape, taint)))
    return run.tensor(dtype, shape, taint, counted=tensor.counted if shape is None else NOWHERE, below=below)


def _new(dtype: str | None) -> Handler:
    def handler(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        wanted = shapes.sizes(arguments.positional) if not arguments.more else None
        shape = tuple(wanted) if wanted is not None else None
        taint = max((taint_of(v) for v in arguments.positional), default=Taint.none)
        return run.tensor(asked_dtype(arguments, tensor.dtype), shape, taint)

    return handler


def _like(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    taint = Taint.none
    if tensor.shape is None:
        taint = size_taint(tensor)
    elif tensor.shape:
        taint = max(taint_of(d) for d in tensor.shape)
    return run.tensor(asked_dtype(arguments, tensor.dtype), tensor.shape, taint, counted=tensor.counted)


def _one_hot(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    classes = arguments.get(0, "num_classes")
    if classes is None or integer(classes) == -1:
        counted = note_dynamic(run, frame, node, "one_hot", arguments.receiver or node, tensor)
        return run.tensor("int", None, tensor.taint, counted=counted)
    return run.tensor("int", None if tensor.shape is None else (*tensor.shape, classes), tensor.taint)


def _gather(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    index = arguments.get(1, "index")
    shape = index.shape if isinstance(index, Tensor) else None
    return run.tensor(tensor.dtype, shape, max([tensor.taint, *(taint_of(v) for v in arguments.all())]))


def _index_select(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    index = arguments.get(1, "index")
    if isinstance(index, Tensor) and index.mask_index:
        note_dynamic(run, frame, node, "index-from-mask", arguments.node(1, "index") or node, index)
    counted = counted_in(index)
    return run.tensor(tensor.dtype, None, max([tensor.taint, *(taint_of(v) for v in arguments.all())]), counted=counted)


def _matmul(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    other = arguments.get(0, "other", "mat2", "tensor2")
    shape = shapes.multiplied(tensor.shape, other.shape) if isinstance(other, Tensor) else None
    return run.tensor(tensor.dtype, shape, max([tensor.taint, *(taint_of(v) for v in arguments.all())]))


def _interpolate(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    shape = (*tensor.shape[:2], *_resized(arguments.get(0, "size"), len(tensor.shape[2:]))) if tensor.shape else None
    return run.tensor(tensor.dtype, shape, tensor.taint)


def _resized(asked: Value | None, count: int) -> list[Value]:
    """The sizes that `F.interpolate` is given, one for all axes or one for each."""
    given = (asked.items or ()) if isinstance(asked, (Tuple, List)) else [asked or UNKNOWN] * count
    sizes = [replace(one, dim=True) if isinstance(one, Number) else one for one in given]
    known = len(sizes) == count and all(isinstance(one, Number) or integer(one) is not None for one in sizes)
    return sizes if known else [number() for _ in range(count)]


def _pad(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    shape: shapes.Shaped = None
    given = arguments.get(0, "pad")
    if tensor.shape is not None and isinstance(given, (Tuple, List)) and given.items is not None:
        dims = list(tensor.shape)
        for i in range(min(len(given.items) // 2, len(dims))):
            amount = given.items[2 * i : 2 * i + 2]
            if all(integer(a) == 0 for a in amount):
                continue
            taint = max(taint_of(dims[-1 - i]), *(taint_of(a) for a in amount))
            dims[-1 - i] = Number("int", taint, dim=taint >= Taint.shape)
        shape = tuple(dims)
    crops.note_padding(run, given)
    return run.tensor(tensor.dtype, shape, tensor.taint, counted=tensor.counted)


def _stride(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    return UNKNOWN


def _convolution(rank: int) -> Handler:
    def handler(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        weight = arguments.get(0, "weight")
        channels: Value = Number("int")
        if isinstance(weight, Tensor) and weight.shape:
            channels = weight.shape[0]
        batch = tensor.shape[0] if tensor.shape else number()
        shape = (batch, channels, *shapes.windowed(tensor.shape, rank))
        return run.tensor(tensor.dtype, shape, tensor.taint)

    return handler


def _pooling(rank: int) -> Handler:
    def handler(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        lead = tensor.shape[:2] if tensor.shape and len(tensor.shape) == rank + 2 else (number(), Number("int"))
        return run.tensor(tensor.dtype, (*lead, *shapes.windowed(tensor.shape, rank)), tensor.taint)

    return handler


def _adaptive(rank: int) -> Handler:
    def handler(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        size = arguments.get(0, "output_size") or UNKNOWN
        options = {"output_size": size} if isinstance(size, (Const, Number, Tuple)) else {}
        return run.tensor(tensor.dtype, shapes._adaptive(rank)(tensor.shape, options), tensor.taint)

    return handler


_DETACH = viewing(lambda t, a: t.shape, "detach")
_UNSQUEEZE = viewing(lambda t, a: shapes.unsqueezed(t.shape, a.get(0, "dim")), "unsqueeze")
_SWAP = viewing(lambda t, a: shapes.swapped(t.shape, a.get(0, "dim0"), a.get(1, "dim1")), "transpose")
_SWAPAXES = viewing(lambda t, a: shapes.swapped(t.shape, a.get(0, "axis0"), a.get(1, "axis1")), "transpose")
_UNFOLD = viewing(lambda t, a: shapes.unfolded(t.shape, a.get(0, "dimension"), a.get(1, "size")), "unfold")
_T = viewing(lambda t, a: shapes.swapped(t.shape, Const(0), Const(-1)), "t")


def _transpose(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    squeezes.note_transpose(run, frame, node, tensor, arguments)
    return _SWAP(run, frame, node, tensor, arguments)


def _linear(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    weight = arguments.get(0, "weight")
    out = weight.shape[0] if isinstance(weight, Tensor) and weight.shape else Number("int")
    shape = (*tensor.shape[:-1], out) if tensor.shape else None
    return run.tensor(tensor.dtype, shape, max(tensor.taint, Taint.state))


def _attention(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    return run.tensor(tensor.dtype, tensor.shape, tensor.taint)


_SPECIAL: dict[str, Handler] = {
    "item": leaving.item,
    "tolist": leaving.tolist,
    "numpy": leaving.numpy,
    "size": _size,
    "dim": _rank,
    "ndimension": _rank,
    "allclose": _truth,
    "equal": _truth,
    "is_nonzero": _truth,
    "numel": _numel,
    "nelement": _numel,
    "view": reshape("view"),
    "reshape": reshape("reshape"),
    "flatten": flatten,
    "permute": viewing(
        lambda t, a: shapes.permuted(t.shape, None if a.more else shapes.sizes(a.positional), unknown_size(t)),
        "permute",
    ),
    "transpose": _transpose,
    "transpose_": _reshaped(_transpose),
    "swapaxes": _SWAPAXES,
    "swapaxes_": _reshaped(_SWAPAXES),
    "swapdims": _SWAP,
    "swapdims_": _reshaped(_SWAP),
    "t": _T,
    "unfold": _UNFOLD,
    "t_": _reshaped(_T),
    "unsqueeze": _UNSQUEEZE,
    "unsqueeze_": _reshaped(_UNSQUEEZE),
    "detach": _DETACH,
    "detach_": _under_its_name(_DETACH),
    "requires_grad_": lambda run, frame, node, tensor, arguments: tensor,
    "cdist": distances.cdist,
    "squeeze": squeeze,
    "squeeze_": _reshaped(squeeze),
    "expand": expand,
    "expand_as": viewing(lambda t, a: o.shape if isinstance(o := a.get(0), Tensor) else None, "expand"),
    "view_as": viewing(lambda t, a: o.shape if isinstance(o := a.get(0), Tensor) else None, "view"),
    "reshape_as": viewing(lambda t, a: o.shape if isinstance(o := a.get(0), Tensor) else None, "view"),
    "repeat": repeat,
    "tile": repeat,
    "chunk": pieces("chunk"),
    "split": pieces("split"),
    "tensor_split": pieces("tensor_split"),
    "unbind": pieces("unbind"),
    "topk": _topk,
    "where": where,
    "repeat_interleave": _repeat_interleave,
    **{name: _cast(name) for name in CASTS},
    "to": _to,
    "type": _type,
    "type_as": _to,
    "new_zeros": _new(None),
    "new_ones": _new(None),
    "new_full": _new(None),
    "new_empty": _new(None),
    "zeros_like": _like,
    "ones_like": _like,
    "full_like": _like,
    "empty_like": _like,
    "rand_like": _like,
    "randn_like": _like,
    "new_tensor": lambda run, frame, node, tensor, arguments: leaving.rewrapped(
        run, frame, node, "Tensor.new_tensor", arguments
    ),
    "one_hot": _one_hot,
    "gather": _gather,
    "index_select": _index_select,
    "take_along_dim": _gather,
    "matmul": _matmul,
    "bmm": _matmul,
    "mm": _matmul,
    "interpolate": _interpolate,
    "pad": _pad,
    "stride": _stride,
    "linear": _linear,
    "scaled_dot_product_attention": _attention,
    **{f"conv{n}d": _convolution(n) for n in (1, 2, 3)},
    **{f"{kind}_pool{n}d": _pooling(n) for kind in ("max", "avg") for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": _adaptive(n) for kind in ("max", "avg") for n in (1, 2, 3)},
}
