"""Functions from outside the project: builtins, torch, math, NumPy and a few more."""

from __future__ import annotations

import ast

from convlint.analyzer import (
    accumulation,
    bools,
    builtin_calls,
    checks,
    decisions,
    derivatives,
    distributions,
    dtype_mixes,
    einops_calls,
    hidden_ints,
    higher_order,
    layers,
    needed_sizes,
    numpy_calls,
    operators,
    precision,
    refused_options,
    shapes,
    signs,
    torch_facts,
    torchvision_calls,
    writes,
)
from convlint.analyzer.batch import note_batch
from convlint.analyzer.builtin_calls import Handler
from convlint.analyzer.calls import Arguments, invoke, opaque
from convlint.analyzer.division import note_divided_size
from convlint.analyzer.draws import note_draw, note_plain_draw
from convlint.analyzer.dtypes import asked_dtype, asked_exactly
from convlint.analyzer.higher_order import is_traced_size
from convlint.analyzer.iteration import iterate
from convlint.analyzer.leaving import leave, rewrapped
from convlint.analyzer.run import ALL_ROUTES, TORCHSCRIPT, Frame, Run
from convlint.analyzer.torch_calls import note_call, note_untraceable
from convlint.analyzer.values import (
    FALSE,
    NONE,
    NOWHERE,
    TRUE,
    UNKNOWN,
    Const,
    Dict,
    List,
    MaskIndex,
    Number,
    Shape,
    Tensor,
    Tuple,
    Value,
    counted_in,
    join_all,
    members,
    number_kind,
    taint_of,
    tensor_of,
    tensors_in,
)
from convlint.analyzer.weights import computes_with_weights
from convlint.events import PacksSequence, Taint

PLAIN_MATH = frozenset(
    [
        "ceil",
        "floor",
        "sqrt",
        "log",
        "log2",
        "log10",
        "exp",
        "pow",
        "trunc",
        "fabs",
        "sin",
        "cos",
        "tan",
        "prod",
        "isqrt",
        "fmod",
    ]
)
"""Functions of ``math`` and their like: they take a plain number and freeze a dimension."""


def call(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """A call by qualified name."""
    note_plain_draw(run, frame, node, name)
    handler = builtin_calls.TABLE.get(name)
    if handler is not None:
        return handler(run, frame, node, name, arguments)
    top, _, rest = name.partition(".")
    handler = _BY_TOP.get(top)
    if handler is not None:
        return handler(run, frame, node, rest, arguments)
    return opaque(arguments)


# --- builtins ----------------------------------------------------------------------------------------------------


def _symbolic(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.sym_max`` and its like: Python's functions as `torch.export` follows them."""
    taint = max((taint_of(v) for v in arguments.all()), default=Taint.none)
    sizes = [(v, where_) for v, where_ in zip(arguments.positional, arguments.nodes, strict=False) if is_traced_size(v)]
    if sizes and name in ("sym_max", "sym_min", "sym_ite", "sym_not"):
        note_untraceable(run, frame, node, "size", f"torch.{name}")
    elif sizes and name in ("sym_int", "sym_float", "sym_sqrt"):
        with run.on_routes(frame, TORCHSCRIPT):
            leave(run, frame, node, "float" if name != "sym_int" else "int", sizes[0][1], sizes[0][0])
    return Number("float" if name in ("sym_float", "sym_sqrt") else "int", taint)


# --- math --------------------------------------------------------------------------------------------------------


def _math(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    if name in PLAIN_MATH:
        return builtin_calls.python_math(run, frame, node, f"math.{name}", arguments)
    return Number("number", max((taint_of(v) for v in arguments.all()), default=Taint.none), frozen_on=ALL_ROUTES)


# --- torch -------------------------------------------------------------------------------------------------------


_PACKED = frozenset(f"nn.utils.rnn.{name}" for name in ("pack_padded_sequence", "pack_sequence", "pad_packed_sequence"))


def _torch(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    last = name.rpartition(".")[2]
    note_draw(run, frame, node, f"torch.{name}", arguments)
    derivatives.note(run, frame, node, name)
    is_layer = last in torch_facts.table().modules or last in ("Parameter", "Buffer")
    if (name.startswith("nn.") and is_layer) or name.startswith("nn.parameter."):
        hidden_ints.note(run, frame, last, arguments)
        return layers.made(run, frame, node, last, arguments)
    if name in _PACKED:
        run.emit(frame, PacksSequence, node, "", (), callee=last)
    if name.startswith(("nn.init.", "distributed.", "utils.", "cuda.", "backends.", "autograd.", "manual_seed")):
        return UNKNOWN if not name.startswith("utils.checkpoint") else _checkpoint(run, frame, node, last, arguments)
    if name.startswith("distributions."):
        return distributions.made(run, frame, node, last, arguments)
    first = arguments.get(0, "input", "tensor", "self", "x")
    of_sizes = any(isinstance(one, Number) and one.taint >= Taint.shape for one in arguments.all())
    note_call(run, frame, node, f"torch.{name}", first, arguments.keywords, of_sizes=of_sizes)
    note_divided_size(run, frame, node, name, arguments)
    bools.note(run, frame, node, f"torch.{name}", first, arguments)
    handler = higher_order.handler(name) or _TORCH.get(last)
    is_told = handler is not _rewrap and hidden_ints.note(run, frame, f"torch.{name}", arguments)
    accumulation.note(run, frame, node, name, first, arguments, 1)
    refused_options.note(run, frame, node, name, first, arguments, 1)
    if handler is not None:
        made = handler(run, frame, node, name, arguments)
        return signs.of_call(last, arguments.positional, arguments.keywords, made)
    out = arguments.keywords.get("out")
    if isinstance(out, Tensor):
        writes.in_place(run, frame, arguments.keyword_nodes["out"], out, "out", node.lineno, node)
        return out
    if not is_told:
        needed_sizes.note_function(run, frame, node, f"torch.{name}", arguments)
    if first is not None:
        for one in members(first):
            if isinstance(one, Tensor):
                if not arguments.positional:
                    rest = Arguments([], arguments.keywords, [], arguments.keyword_nodes, receiver=node)
                    return operators.operate(run, frame, node, last, one, rest)
                return operators.operate(run, frame, node, last, one, arguments.without_first())
    known = torch_facts.table().functions.get(f"torch.{name}")
    tensors = [t for v in arguments.all() for t in tensors_in(v, 2)]
    if known is not None or name.startswith("nn.functional.") or last in torch_facts.table().methods:
        taint = max([Taint.none, *(t.taint for t in tensors), *(taint_of(v) for v in arguments.all())])
        counted = counted_in(*tensors)
        letters = known.returns if known is not None else "T"
        if not tensors and last in torch_facts.table().methods and taint >= Taint.state:
            rest = arguments.without_first() if arguments.positional else arguments
            return operators.operate(run, frame, node, last, run.tensor(None, None, taint), rest)
        return operators._results(run, letters, None, None, taint, counted)
    return opaque(arguments, True)


def _checkpoint(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``checkpoint(function, *given)`` and ``checkpoint_sequential(layers, segments, given)``."""
    if not arguments.positional:
        return UNKNOWN
    function, first = arguments.positional[0], 2 if name == "checkpoint_sequential" else 1
    reentrant = arguments.keywords.get("use_reentrant", NONE)
    if isinstance(reentrant, Const) and reentrant.value is not False and computes_with_weights(function):
        note_untraceable(run, frame, node, "reentrant", name)
    return invoke(run, frame, node, function, Arguments(arguments.positional[first:], {}, arguments.nodes[first:]))


def _created(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``zeros``, ``ones``, ``rand``...: sizes first."""
    last = name.rpartition(".")[2]
    given = arguments.positional
    note_batch(run, frame, node, f"torch.{last}", arguments)
    if "size" in arguments.keywords:
        given = [arguments.keywords["size"]]
    elif last in ("full", "randint"):
        given = [next((v for v in given if isinstance(v, (Tuple, List, Shape))), UNKNOWN)]
    wanted = None if arguments.more else shapes.sizes(given)
    taint = frame.taint_of_made(max((taint_of(v) for v in arguments.positional), default=Taint.none))
    if last.startswith("rand"):
        taint = Taint.data  # another number at each call
    value = arguments.positional[1] if last == "full" and len(arguments.positional) > 1 else UNKNOWN
    dtype = asked_dtype(arguments, {"randint": "int", "full": number_kind(value)}.get(last, "float"))
    return run.tensor(dtype, tuple(wanted) if wanted is not None else None, taint, exact=asked_exactly(arguments))


def _arange(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    bounds = arguments.positional
    taint = max((taint_of(v) for v in arguments.all()), default=Taint.none)
    kinds = {number_kind(v) for v in bounds} if bounds else {None}
    whole = "int" if kinds <= {"int", "bool"} else None
    dtype = asked_dtype(arguments, "float" if name.endswith("linspace") or "float" in kinds else whole)
    if len(bounds) == 1 and not name.endswith("linspace"):
        size: Value = bounds[0] if number_kind(bounds[0]) == "int" else shapes.number(taint)
    else:
        size = shapes.number(taint)
    known = asked_exactly(arguments, "int64" if dtype == "int" else "")
    return run.tensor(dtype, (size,), frame.taint_of_made(taint), exact=known)


def _joined_tensors(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``cat``, ``stack`` and relatives."""
    last = name.rpartition(".")[2]
    given = arguments.get(0, "tensors")
    dim = arguments.get(1, "dim", "axis")
    if given is None:
        return UNKNOWN
    if isinstance(given, Tensor):
        elements = iterate(run, frame, arguments.nodes[0], given, "list") if arguments.nodes else None
        parts: list[Value] = [elements.joined] if elements is not None else []
        count: Value = Number("int")
    elif isinstance(given, (Tuple, List)):
        parts = list(given.items) if given.items is not None else []
        if isinstance(given, List) and given.items is None:
            parts = [iterate(run, frame, arguments.node(0, "tensors") or node, given, "join").joined]
        count = Const(len(parts)) if given.items is not None else Number("int")
    else:
        return run.tensor(None, None, max(taint_of(given), Taint.none))
    tensors = [t for part in parts for t in members(part) if isinstance(t, Tensor)]
    taint = max([t.taint for t in tensors] + [taint_of(given)], default=Taint.none)
    counted = counted_in(*tensors)
    if not tensors:
        return run.tensor(None, None, taint)
    dtypes = {t.dtype for t in tensors}
    dtype = dtypes.pop() if len(dtypes) == 1 else "float" if "float" in dtypes else None
    indices: MaskIndex = "some" if all(t.mask_index for t in tensors) else ""
    if last == "stack":
        dtype_mixes.note(run, frame, node, last, tensors)
        shape = shapes.stacked(tensors[0].shape, count, dim)
        if shape is None and (dim is None or shapes.integer(dim) == 0):
            counted = NOWHERE  # it is behind the first axis, which is the number of parts
        return run.tensor(dtype, shape, taint, counted=counted, mask_index=indices)
    shape = shapes.concatenated(tensors, dim) if last in ("cat", "concat", "concatenate") else None
    return run.tensor(dtype, shape, taint, counted=counted, mask_index=indices)


def _meshgrid(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.positional
    if len(given) == 1 and isinstance(given[0], (Tuple, List)):
        given = list(given[0].items or [])
    tensors = [v for v in given if isinstance(v, Tensor)]
    if not tensors or len(tensors) != len(given):
        return List(run.tensor(None, None, max((taint_of(v) for v in given), default=Taint.none)))
    taint = max(t.taint for t in tensors)
    shape = tuple(t.shape[0] if t.shape else shapes.number(taint) for t in tensors)
    return Tuple(tuple(run.tensor(t.dtype, shape, t.taint) for t in tensors))


def _einsum(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    equation = arguments.get(0, "equation")
    operands = arguments.positional[1:]
    taint = max((taint_of(v) for v in arguments.all()), default=Taint.none)
    shape = None
    if isinstance(equation, Const) and isinstance(equation.value, str) and "->" in equation.value:
        inputs, _, output = equation.value.replace(" ", "").partition("->")
        sizes: dict[str, Value] = {}
        for term, operand in zip(inputs.split(","), operands, strict=False):
            if isinstance(operand, Tensor) and operand.shape is not None and len(operand.shape) == len(term):
                for letter, size in zip(term, operand.shape, strict=True):
                    sizes.setdefault(letter, size)
        if "." not in output:
            shape = tuple(sizes.get(letter, shapes.number()) for letter in output)
    return run.tensor("float", shape, taint)


def _rewrap(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    return rewrapped(run, frame, node, f"torch.{name}", arguments)


def _legacy(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.Tensor([...])``, ``torch.LongTensor(2, 3)``."""
    if any(isinstance(value, (List, Tuple)) for value in arguments.positional):
        return rewrapped(run, frame, node, f"torch.{name}", arguments)
    return _created(run, frame, node, name, arguments)


def _is_tensor(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0)
    if isinstance(given, Tensor):
        return TRUE if given.sure else Number("bool")
    return FALSE if isinstance(given, (Const, List, Tuple, Dict)) else Number("bool")


def _where(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    condition = arguments.get(0, "condition")
    tensor = tensor_of(condition)
    if tensor is None:
        tensor = run.tensor("bool", None, taint_of(condition) if condition is not None else Taint.none)
    rest = arguments.without_first() if arguments.positional else arguments
    return operators.where(run, frame, node, tensor, rest)


def _broadcast_tensors(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    return Tuple(tuple(v for v in arguments.positional))


def _check(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch._check(n > 0)``."""
    asked, where_ = arguments.get(0, "cond", "condition", "i"), arguments.node(0, "cond", "condition", "i")
    if name == "_check_with":
        asked, where_ = arguments.get(1, "cond"), arguments.node(1, "cond")
    if asked is None or where_ is None:
        return NONE
    if name.startswith("_check") and is_traced_size(asked):
        note_untraceable(run, frame, node, "size", f"torch.{name}")
    if name == "_assert" and (checks.is_decision(asked) or taint_of(asked) in (Taint.fixed, Taint.shape)):
        decisions.check(run, frame, where_, asked)
    elif name == "_check_is_size":
        checks.note_size(run, frame, asked, arguments.get(1, "max"))
    elif name.startswith("_check"):
        checks.note(run, frame, asked)
    return NONE


def _typed_list(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``itertools`` and ``collections``."""
    last = name.rpartition(".")[2]
    if last in ("OrderedDict", "defaultdict", "Counter"):
        return builtin_calls.make_dict(run, frame, node, last, arguments) if last == "OrderedDict" else Dict()
    parts = [iterate(run, frame, n, v, "list") for n, v in zip(arguments.nodes, arguments.positional, strict=False)]
    if last in ("chain", "deque", "islice", "cycle"):
        return List(join_all(p.joined for p in parts) if parts else None)
    if last in ("product", "combinations", "permutations", "zip_longest", "pairwise"):
        return List(Tuple(tuple(p.joined for p in parts)))
    return List(UNKNOWN)


_BY_TOP: dict[str, Handler] = {
    "math": _math,
    "numpy": numpy_calls.call,
    "torch": _torch,
    "torchvision": torchvision_calls.call,
    "functorch": higher_order.functorch,
    "einops": einops_calls.einops,
    "einx": einops_calls.einx,
    "itertools": _typed_list,
    "collections": _typed_list,
}
_TORCH: dict[str, Handler] = {
    **dict.fromkeys(("zeros", "ones", "empty", "rand", "randn", "full", "randint", "eye", "randperm"), _created),
    **dict.fromkeys(("arange", "linspace", "range", "logspace"), _arange),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"), _joined_tensors),
    "meshgrid": _meshgrid,
    "einsum": _einsum,
    **dict.fromkeys(("tensor", "as_tensor", "from_numpy", "scalar_tensor", "asarray"), _rewrap),
    **dict.fromkeys(
        ("sym_float", "sym_int", "sym_ite", "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_sum"), _symbolic
    ),
    **dict.fromkeys(("Tensor", "FloatTensor", "LongTensor", "IntTensor", "BoolTensor"), _legacy),
    "is_tensor": _is_tensor,
    "where": _where,
    "broadcast_tensors": _broadcast_tensors,
    **dict.fromkeys((name.rpartition(".")[2] for name in checks.CHECKS), _check),
    **dict.fromkeys(
        ("no_grad", "device", "dtype", "finfo", "iinfo"),
        builtin_calls.nothing,
    ),
    "autocast": precision.autocast,
}
