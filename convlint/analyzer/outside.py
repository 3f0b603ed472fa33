"""Functions from outside the project: builtins, torch, math, NumPy and a few more."""

from __future__ import annotations

import ast
from collections.abc import Callable

from convlint.analyzer import operators, shapes, torch_facts, writes
from convlint.analyzer.calls import Arguments, call_value, invoke, make_layer, opaque
from convlint.analyzer.iteration import QUIET, iterate
from convlint.analyzer.operators import DTYPES, leave, rewrapped
from convlint.analyzer.run import ALL_ROUTES, Frame, Run
from convlint.analyzer.values import (
    FALSE,
    NONE,
    TRUE,
    UNKNOWN,
    Array,
    Class,
    Const,
    Dict,
    Function,
    Instance,
    Layer,
    List,
    MaskIndex,
    Method,
    Name,
    Number,
    Partial,
    Shape,
    Tensor,
    Tuple,
    Unknown,
    Value,
    join_all,
    members,
    number_kind,
    taint_of,
    tensors_in,
)
from convlint.events import PythonMath, Taint

Handler = Callable[[Run, Frame, ast.expr, str, Arguments], Value]

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
    handler = _EXACT.get(name)
    if handler is not None:
        return handler(run, frame, node, name, arguments)
    top, _, rest = name.partition(".")
    handler = _BY_TOP.get(top)
    if handler is not None:
        return handler(run, frame, node, rest, arguments)
    return opaque(arguments)


# --- builtins ----------------------------------------------------------------------------------------------------


def _len(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0)
    if given is None:
        return UNKNOWN
    results = [_length(run, frame, node, one, arguments) for one in members(given)]
    return join_all(results)


def _length(run: Run, frame: Frame, node: ast.expr, given: Value, arguments: Arguments) -> Value:
    if isinstance(given, Tensor):
        if not given.sure:
            return Number("int")  # more likely a list of tensors
        length = operators.length_of(given)
        leave(run, frame, node, "len", arguments.nodes[0], length)
        return length
    if isinstance(given, Tuple):
        return Const(len(given.items))
    if isinstance(given, List):
        if given.items is not None and frame.certain:
            return Const(len(given.items))
        return Number("int", given.taint if given.taint >= Taint.shape else Taint.none, given.frozen_on)
    if isinstance(given, Instance):
        info = run.method(given.cls, "__len__")
        return call_value(run, frame, node, Function(info, given)) if info is not None else Number("int")
    return Number("int")


def _scalar(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``int(x)``, ``float(x)``, ``bool(x)``, ``complex(x)``."""
    kind = name.rpartition(".")[2]
    given = arguments.get(0)
    if given is None:
        return Const({"int": 0, "float": 0.0, "bool": False}.get(kind))
    for one in members(given):
        if isinstance(one, Const) and isinstance(one.value, (bool, int, float)) and len(members(given)) == 1:
            return _converted(kind, one)
        if isinstance(one, Tensor) or (isinstance(one, Number) and one.taint >= Taint.state):
            if isinstance(one, Number) and one.frozen_on:
                continue  # taken out of the graph before: reported there
            leave(run, frame, node, kind, arguments.nodes[0], one)
    taint = taint_of(given)
    return Number(kind if kind != "complex" else "number", taint, frozen_on=ALL_ROUTES if taint else frozenset())


def _converted(kind: str, value: Const) -> Value:
    try:
        return Const({"int": int, "float": float, "bool": bool}[kind](value.value))
    except (KeyError, ValueError, OverflowError):
        return Number(kind)


def _python_math(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``min``, ``max``, ``round``, ``math.ceil``... on tensors or dimensions: a hidden conversion."""
    short = name.rpartition(".")[2]
    values = arguments.positional
    nodes = arguments.nodes
    if short in ("min", "max") and len(values) == 1:
        elements = iterate(run, frame, nodes[0], values[0], "min")
        values = elements.items if elements.items is not None else [elements.joined]
        nodes = nodes * len(values)
    folded = _fold(name, values)
    if folded is not None:
        return folded
    taint = max((taint_of(v) for v in values), default=Taint.none)
    tainted = [v for one in values for v in members(one) if isinstance(v, (Number, Tensor)) and v.taint >= Taint.state]
    frozen = (
        frozenset.intersection(*(v.frozen_on if isinstance(v, Number) else frozenset() for v in tainted))
        if tainted
        else frozenset()
    )
    same = (
        len({v.symbol for v in tainted if isinstance(v, Number) and v.symbol}) == 1 and len(tainted) == len(values) > 1
    )
    if tainted and not same and not frozen >= frame.routes:
        with run.on_routes(frame, frame.routes - frozen):
            run.emit(
                frame,
                PythonMath,
                node,
                "",
                (taint,),
                callee=name.removeprefix("builtins."),
                operands=tuple(run.operand(frame, n, v) for n, v in zip(nodes, values, strict=False)),
                taint=taint,
            )
    kind = "int" if short in ("ceil", "floor", "trunc", "isqrt") else "number"
    if short in ("min", "max") and all(number_kind(v) == "int" for v in values):
        kind = "int"
    if short == "round" and len(values) == 1:
        kind = "int"
    return Number(kind, taint, frozen_on=ALL_ROUTES if tainted else frozenset())


def _fold(name: str, values: list[Value]) -> Value | None:
    import math

    if not values or not all(isinstance(v, Const) and isinstance(v.value, (int, float)) for v in values):
        return None
    builtin: dict[str, Callable[..., object]] = {"builtins.min": min, "builtins.max": max, "builtins.round": round}
    function: Callable[..., object] | None = builtin.get(name) or getattr(math, name.rpartition(".")[2], None)
    if function is None or any(abs(v.value) > 1e6 for v in values if isinstance(v, Const)):
        return None
    try:
        result = function(*(v.value for v in values if isinstance(v, Const)))
    except (ArithmeticError, ValueError, TypeError):
        return None
    return Const(result) if isinstance(result, (int, float)) else None


def _range(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    bounds = [shapes.integer(v) for v in arguments.positional]
    if bounds and all(b is not None for b in bounds) and not (len(bounds) == 3 and bounds[2] == 0):
        known = range(*[b for b in bounds if b is not None])
        if len(known) <= 32:
            items: list[Value] = [Const(i) for i in known]
            return List(join_all(items) if items else None, items)
    taint, frozen = Taint.none, frozenset(ALL_ROUTES)
    for value in arguments.positional:
        for one in members(value):
            if isinstance(one, (Number, Tensor)) and one.taint >= Taint.shape:
                taint = max(taint, one.taint)
                frozen &= one.frozen_on if isinstance(one, Number) else frozenset()
    if taint is Taint.none or frozen >= ALL_ROUTES:
        return List(Number("int"))
    return List(Number("int"), None, taint, frozen)


def _enumerate(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0)
    if given is None:
        return UNKNOWN
    elements = iterate(run, frame, arguments.nodes[0], given, "enumerate")
    items: list[Value] | None = None
    if elements.items is not None and len(elements.items) <= 32:
        items = [Tuple((Const(i), item)) for i, item in enumerate(elements.items)]
    inherited = given if isinstance(given, List) else List()
    return List(Tuple((Number("int"), elements.joined)), items, inherited.taint, inherited.frozen_on)


def _zip(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    parts, form = [], "zip"
    for where, value in zip(arguments.nodes, arguments.positional, strict=False):
        parts.append(iterate(run, frame, where, value, form))
        if isinstance(value, Tensor) and value.sure:
            form = QUIET  # one loop over several tensors is one cause
    if not parts:
        return List(UNKNOWN)
    if arguments.more:
        return List(Tuple(tuple(p.joined for p in parts)) if len(parts) > 1 else List(parts[0].joined))
    joined = Tuple(tuple(p.joined for p in parts))
    lengths = {len(p.items) for p in parts if p.items is not None}
    if len(lengths) == 1 and all(p.items is not None for p in parts):
        rows = zip(*(p.items or [] for p in parts), strict=True)
        return List(joined, [Tuple(tuple(row)) for row in rows])
    known = next((v for v in arguments.positional if isinstance(v, (List, Tuple)) and v.items is not None), None)
    if known is not None:
        return List(joined)  # as long as the list: fixed
    taints = [v.taint for v in arguments.positional if isinstance(v, List)]
    return List(joined, None, min(taints, default=Taint.none))


def _listed(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``list``, ``tuple``, ``set``, ``reversed``, ``sorted``, ``iter``."""
    kind = name.rpartition(".")[2]
    given = arguments.get(0)
    if given is None:
        return Tuple() if kind == "tuple" else List(None, [])
    if isinstance(given, Tuple) and kind == "tuple":
        return given
    if isinstance(given, Shape) and kind in ("tuple", "Size"):
        return given
    elements = iterate(run, frame, arguments.nodes[0], given, "list")
    items = list(elements.items) if elements.items is not None else None
    if items is not None and kind == "reversed":
        items.reverse()
    if kind in ("set", "frozenset", "sorted"):
        items = None
    if kind in ("tuple", "Size") and items is not None:
        return Tuple(tuple(items))
    return List(elements.joined, items)


def _map(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    if len(arguments.positional) < 2:
        return UNKNOWN
    columns = [
        iterate(run, frame, n, v, "comprehension")
        for n, v in zip(arguments.nodes[1:], arguments.positional[1:], strict=False)
    ]
    function = arguments.positional[0]
    if name.endswith("filter"):
        return List(columns[0].joined)
    first = columns[0].items
    if len(columns) == 1 and first is not None and len(first) <= 8:
        results = [invoke(run, frame, node, function, Arguments([item], nodes=[node])) for item in first]
        return List(join_all(results) if results else None, results)
    joined = [c.joined for c in columns]
    return List(invoke(run, frame, node, function, Arguments(joined, nodes=[node] * len(joined))))


def _sum(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0)
    if given is None:
        return UNKNOWN
    elements = iterate(run, frame, arguments.nodes[0], given, "sum")
    if isinstance(elements.joined, Number):
        return Number(elements.joined.kind, elements.joined.taint, elements.joined.frozen_on)
    return elements.joined if isinstance(elements.joined, Tensor) else Unknown(taint_of(given))


def _quantifier(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``any`` and ``all``: each element decides."""
    from convlint.analyzer import decisions

    given = arguments.get(0)
    if given is None:
        return UNKNOWN
    element = iterate(run, frame, arguments.nodes[0], given, "any").joined
    decisions.decide(run, frame, node, element, "filter")
    return Number("bool")


def _isinstance(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    if len(arguments.positional) < 2:
        return UNKNOWN
    value, wanted = arguments.positional[:2]
    verdicts = {_is_a(run, one, wanted) for one in members(value)}
    if len(verdicts) == 1 and None not in verdicts:
        return TRUE if verdicts.pop() else FALSE
    return Number("bool")


_TYPE_NAMES: dict[type[Value], tuple[str, ...]] = {
    Tensor: ("torch.Tensor", "torch.autograd.Variable"),
    Tuple: ("builtins.tuple", "typing.Tuple", "torch.Size", "collections.abc.Sequence"),
    List: ("builtins.list", "typing.List", "builtins.tuple", "collections.abc.Sequence", "builtins.set"),
    Dict: ("builtins.dict", "typing.Dict", "collections.abc.Mapping", "collections.OrderedDict"),
}


def _is_a(run: Run, value: Value, wanted: Value) -> bool | None:
    """Whether a value is of a type, None where that cannot be told."""
    options = wanted.items if isinstance(wanted, (Tuple, List)) and wanted.items is not None else [wanted]
    verdicts = [_is_one(run, value, option) for option in options]
    if True in verdicts:
        return True
    return None if None in verdicts else False


def _is_one(run: Run, value: Value, wanted: Value) -> bool | None:
    if isinstance(value, Tensor):
        if isinstance(wanted, Name):
            if wanted.qualified in _TYPE_NAMES[Tensor]:
                return True if value.sure else None
            return False if value.sure and wanted.qualified.startswith("builtins.") else None
        return False if value.sure else None
    if isinstance(value, (Tuple, List, Dict)):
        if isinstance(wanted, Name):
            if wanted.qualified == "torch.Tensor":
                return False
            names = _TYPE_NAMES[type(value)]
            if wanted.qualified in names:
                return True if not (isinstance(value, List) and wanted.qualified == "builtins.tuple") else None
            return False if wanted.qualified.startswith("builtins.") else None
        return False
    if isinstance(value, (Const, Number)) and isinstance(wanted, Name):
        if wanted.qualified == "torch.Tensor":
            return False
        kind = type(value.value).__name__ if isinstance(value, Const) else value.kind
        if wanted.qualified.startswith("builtins.") and kind != "number":
            return wanted.qualified == f"builtins.{kind}" or (kind == "bool" and wanted.qualified == "builtins.int")
        return None
    if isinstance(value, Instance) and isinstance(wanted, Class):
        return wanted.info in run.mro(value.cls) or (None if run.outside_bases(value.cls) else False)
    if isinstance(value, Instance) and isinstance(wanted, Name) and wanted.qualified == "torch.Tensor":
        return False
    if isinstance(value, Layer) and isinstance(wanted, Name) and wanted.qualified.startswith("torch.nn."):
        return True if wanted.qualified in (f"torch.nn.{value.name}", "torch.nn.Module") else None
    return None


def _getattr(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    owner, key = arguments.get(0), arguments.get(1)
    if owner is None or not isinstance(key, Const) or not isinstance(key.value, str):
        if isinstance(owner, Instance):
            tensors = [v for v in owner.attributes.values() if isinstance(v, Tensor) and v.state]
            if tensors:
                return join_all(tensors)
            return Unknown(Taint.none, run.is_module(owner.cls))
        return UNKNOWN
    from convlint.analyzer.attributes import attribute

    read = ast.Attribute(value=arguments.nodes[0], attr=key.value, ctx=ast.Load())
    ast.copy_location(read, node)
    if isinstance(owner, Instance) and len(arguments.positional) > 2:
        known = key.value in owner.attributes or run.method(owner.cls, key.value) is not None
        if not known:
            return arguments.positional[2]
    return attribute(run, frame, read, owner)


def _hasattr(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    owner, key = arguments.get(0), arguments.get(1)
    if isinstance(owner, Instance) and isinstance(key, Const) and key.value in owner.attributes:
        return TRUE
    return Number("bool")


def _setattr(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    owner, key, value = arguments.get(0), arguments.get(1), arguments.get(2)
    if isinstance(owner, Instance) and isinstance(key, Const) and isinstance(key.value, str) and value is not None:
        owner.attributes[key.value] = value
    return NONE


def _next(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0)
    if given is None:
        return UNKNOWN
    elements = iterate(run, frame, arguments.nodes[0], given, "next")
    return elements.items[0] if elements.items else elements.joined


def _same(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0) if name != "typing.cast" else arguments.get(1)
    return given if given is not None else UNKNOWN


def _plain_number(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``abs``, ``divmod``, ``pow``: arithmetic that tracers follow."""
    given = arguments.get(0)
    if isinstance(given, Tensor):
        return run.tensor(given.dtype, given.shape, given.taint)
    if isinstance(given, Number):
        return Number(given.kind, given.taint, given.frozen_on)
    return opaque(arguments)


def _partial(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    if not arguments.positional:
        return UNKNOWN
    return Partial(arguments.positional[0], tuple(arguments.positional[1:]), tuple(arguments.keywords.items()))


def _dict(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    made = Dict(dict(arguments.keywords))
    given = arguments.get(0)
    if isinstance(given, Dict):
        made.items = {**given.items, **made.items}
        made.rest = given.rest
    elif isinstance(given, (List, Tuple)):
        pairs = given.items if given.items is not None else [given.any() if isinstance(given, List) else UNKNOWN]
        for pair in pairs:
            if isinstance(pair, Tuple) and len(pair.items) == 2:
                key, value = pair.items
                if isinstance(key, Const):
                    made.items[key.value] = value
                else:
                    made.rest = value
    return made


def _type(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0)
    return Class(given.cls) if isinstance(given, Instance) else UNKNOWN


def _symbolic(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.sym_max`` and its like: Python's functions as tracers follow them."""
    taint = max((taint_of(v) for v in arguments.all()), default=Taint.none)
    return Number("float" if name in ("sym_float", "sym_sqrt") else "int", taint)


def _nothing(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    return UNKNOWN


# --- math and NumPy ----------------------------------------------------------------------------------------------


def _math(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    if name in PLAIN_MATH:
        return _python_math(run, frame, node, f"math.{name}", arguments)
    return Number("number", max((taint_of(v) for v in arguments.all()), default=Taint.none), frozen_on=ALL_ROUTES)


def _numpy(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """A NumPy function: what it is given leaves the graph."""
    taint = Taint.none
    for value, where in zip(arguments.positional, arguments.nodes, strict=False):
        taint = max(taint, taint_of(value))
        inner = [value, *(value.items or ())] if isinstance(value, (Tuple, List)) else list(members(value))
        for one in inner:
            tensor = isinstance(one, Tensor) and one.taint >= Taint.state
            number = isinstance(one, Number) and one.taint >= Taint.shape and not one.frozen_on
            if tensor or number:
                leave(run, frame, node, "numpy-call", where, one, f"numpy.{name}")
                break
    return Array(taint)


# --- torch -------------------------------------------------------------------------------------------------------


def _torch(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    last = name.rpartition(".")[2]
    if (name.startswith("nn.") and last in torch_facts.table().modules) or name.startswith("nn.parameter."):
        return make_layer(run, frame, node, last, arguments)
    if name.startswith(("nn.init.", "distributed.", "utils.", "cuda.", "backends.", "autograd.", "manual_seed")):
        return UNKNOWN if not name.startswith("utils.checkpoint") else _checkpoint(run, frame, node, arguments)
    handler = _TORCH.get(last)
    if handler is not None:
        return handler(run, frame, node, name, arguments)
    out = arguments.keywords.get("out")
    if isinstance(out, Tensor):
        writes.in_place(run, frame, arguments.keyword_nodes["out"], out, "out", node.lineno, node)
        return out
    first = arguments.get(0, "input", "tensor", "self", "x")
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
        ragged = any(t.ragged for t in tensors)
        letters = known.returns if known is not None else "T"
        if not tensors and last in torch_facts.table().methods and taint >= Taint.state:
            rest = arguments.without_first() if arguments.positional else arguments
            return operators.operate(run, frame, node, last, run.tensor(None, None, taint), rest)
        return operators._results(run, letters, None, None, taint, ragged)
    return opaque(arguments, True)


def _checkpoint(run: Run, frame: Frame, node: ast.expr, arguments: Arguments) -> Value:
    if not arguments.positional:
        return UNKNOWN
    rest = Arguments(arguments.positional[1:], {}, arguments.nodes[1:])
    return invoke(run, frame, node, arguments.positional[0], rest)


def _created(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``zeros``, ``ones``, ``rand``...: sizes first."""
    last = name.rpartition(".")[2]
    given = arguments.positional
    if "size" in arguments.keywords:
        given = [arguments.keywords["size"]]
    elif last in ("full", "randint"):
        given = [next((v for v in given if isinstance(v, (Tuple, List, Shape))), UNKNOWN)]
    wanted = None if arguments.more else shapes.sizes(given)
    taint = max((taint_of(v) for v in arguments.positional), default=Taint.none)
    dtype = operators._dtype_of(arguments) or ("int" if last == "randint" else "float" if last != "full" else None)
    if last == "full" and dtype is None and len(arguments.positional) > 1:
        dtype = number_kind(arguments.positional[1])
    return run.tensor(dtype, tuple(wanted) if wanted is not None else None, taint)


def _arange(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    bounds = arguments.positional
    taint = max((taint_of(v) for v in arguments.all()), default=Taint.none)
    kinds = {number_kind(v) for v in bounds} if bounds else {None}
    dtype = operators._dtype_of(arguments)
    if dtype is None:
        dtype = (
            "float" if name.endswith("linspace") or "float" in kinds else "int" if kinds <= {"int", "bool"} else None
        )
    if len(bounds) == 1 and not name.endswith("linspace"):
        size: Value = bounds[0] if number_kind(bounds[0]) == "int" else shapes.number(taint)
    else:
        size = shapes.number(taint)
    return run.tensor(dtype, (size,), taint)


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
        parts = list(given.items) if given.items is not None else [given.any()] if isinstance(given, List) else []
        count = Const(len(parts)) if given.items is not None else Number("int")
    else:
        return run.tensor(None, None, max(taint_of(given), Taint.none))
    tensors = [t for part in parts for t in members(part) if isinstance(t, Tensor)]
    taint = max([t.taint for t in tensors] + [taint_of(given)], default=Taint.none)
    ragged = any(t.ragged for t in tensors)
    if not tensors:
        return run.tensor(None, None, taint)
    dtypes = {t.dtype for t in tensors}
    dtype = dtypes.pop() if len(dtypes) == 1 else "float" if "float" in dtypes else None
    indices: MaskIndex = "some" if all(t.mask_index for t in tensors) else ""
    if last in ("stack",):
        return run.tensor(dtype, shapes.stacked(tensors[0].shape, count, dim), taint, ragged=ragged, mask_index=indices)
    shape = shapes.concatenated(tensors, dim) if last in ("cat", "concat", "concatenate") else None
    return run.tensor(dtype, shape, taint, ragged=ragged, mask_index=indices)


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


def _is_tensor(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0)
    if isinstance(given, Tensor):
        return TRUE if given.sure else Number("bool")
    return FALSE if isinstance(given, (Const, List, Tuple, Dict)) else Number("bool")


def _where(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    condition = arguments.get(0, "condition")
    tensor = next((m for m in members(condition) if isinstance(m, Tensor)), None) if condition is not None else None
    if tensor is None:
        tensor = run.tensor("bool", None, taint_of(condition) if condition is not None else Taint.none)
    rest = arguments.without_first() if arguments.positional else arguments
    return operators.where(run, frame, node, tensor, rest)


def _broadcast_tensors(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    return Tuple(tuple(v for v in arguments.positional))


def _cond(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.cond(pred, yes, no, operands)``: both arms are traced."""
    operands = arguments.get(3, "operands")
    given = list(operands.items or []) if isinstance(operands, (Tuple, List)) else []
    branches = [b for b in (arguments.get(1, "true_fn"), arguments.get(2, "false_fn")) if b is not None]
    return join_all(invoke(run, frame, node, b, Arguments(given, nodes=[node] * len(given))) for b in branches)


def _torchvision(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    last = name.rpartition(".")[2]
    taint = max((taint_of(v) for v in arguments.all()), default=Taint.none)
    if last in ("nms", "batched_nms", "remove_small_boxes"):
        return run.tensor("int", (shapes.number(Taint.data),), Taint.data, ragged=True)
    return run.tensor("float", None, taint) if taint >= Taint.state else UNKNOWN


def _einops(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0)
    if name in ("rearrange", "repeat", "reduce", "einsum"):
        pattern = next((v for v in arguments.positional[1:] if isinstance(v, Const)), None)
        dtype = given.dtype if isinstance(given, Tensor) else None
        shape = _einops_shape(given, pattern, arguments)
        return run.tensor(dtype, shape, taint_of(given) if given is not None else Taint.none)
    return opaque(arguments)


def _einops_shape(given: Value | None, pattern: Const | None, arguments: Arguments) -> shapes.Shaped:
    if pattern is None or not isinstance(pattern.value, str) or "->" not in pattern.value or "..." in pattern.value:
        return None
    left, _, right = pattern.value.partition("->")
    names: dict[str, Value] = dict(arguments.keywords)
    if isinstance(given, Tensor) and given.shape is not None:
        terms = left.replace("(", " ( ").replace(")", " ) ").split()
        if "(" not in terms and len(terms) == len(given.shape):
            names = {**dict(zip(terms, given.shape, strict=True)), **names}
    sizes: list[Value] = []
    inside: list[Value] | None = None
    for word in right.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            inside = []
        elif word == ")":
            sizes.append(shapes.number(max((taint_of(v) for v in inside or []), default=Taint.none)))
            inside = None
        else:
            size: Value = Const(int(word)) if word.isdigit() else names.get(word, shapes.number())
            (sizes if inside is None else inside).append(size)
    return tuple(sizes)


def _typed_list(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``itertools`` and ``collections``."""
    last = name.rpartition(".")[2]
    if last in ("OrderedDict", "defaultdict", "Counter"):
        return _dict(run, frame, node, last, arguments) if last == "OrderedDict" else Dict()
    parts = [iterate(run, frame, n, v, "list") for n, v in zip(arguments.nodes, arguments.positional, strict=False)]
    if last in ("chain", "deque", "islice", "cycle"):
        return List(join_all(p.joined for p in parts) if parts else None)
    if last in ("product", "combinations", "permutations", "zip_longest", "pairwise"):
        return List(Tuple(tuple(p.joined for p in parts)))
    return List(UNKNOWN)


_EXACT: dict[str, Handler] = {
    "builtins.len": _len,
    **{f"builtins.{n}": _scalar for n in ("int", "float", "bool", "complex")},
    **{f"builtins.{n}": _python_math for n in ("min", "max", "round")},
    **{f"builtins.{n}": _listed for n in ("list", "tuple", "set", "frozenset", "reversed", "sorted", "iter")},
    "torch.Size": _listed,
    "builtins.range": _range,
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.map": _map,
    "builtins.filter": _map,
    "builtins.sum": _sum,
    "builtins.any": _quantifier,
    "builtins.all": _quantifier,
    "builtins.isinstance": _isinstance,
    "builtins.getattr": _getattr,
    "builtins.hasattr": _hasattr,
    "builtins.setattr": _setattr,
    "builtins.next": _next,
    "builtins.dict": _dict,
    "builtins.type": _type,
    **{f"builtins.{n}": _plain_number for n in ("abs", "divmod", "pow")},
    "builtins.print": _nothing,
    "builtins.str": _nothing,
    "builtins.repr": _nothing,
    "functools.partial": _partial,
    "typing.cast": _same,
    "copy.copy": _same,
    "copy.deepcopy": _same,
    "functools.wraps": _nothing,
}
_BY_TOP: dict[str, Handler] = {
    "math": _math,
    "numpy": _numpy,
    "torch": _torch,
    "torchvision": _torchvision,
    "einops": _einops,
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
    **dict.fromkeys(("sym_float", "sym_int", "sym_max", "sym_min", "sym_sqrt", "sym_sum"), _symbolic),
    "is_tensor": _is_tensor,
    "where": _where,
    "broadcast_tensors": _broadcast_tensors,
    "cond": _cond,
    **dict.fromkeys(
        ("_check", "_assert", "_check_is_size", "no_grad", "device", "autocast", "dtype", "finfo", "iinfo"), _nothing
    ),
}

__all__ = ["DTYPES", "Array", "Method", "call"]
