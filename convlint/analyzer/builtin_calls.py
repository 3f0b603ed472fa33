"""Calls of Python's own functions: ``len``, ``int``, ``max``, ``range``, ``zip``, ``isinstance``..."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from convlint.analyzer import guards, kept, keys, operators, shapes
from convlint.analyzer.arithmetic import arithmetic
from convlint.analyzer.attributes import GUARDS
from convlint.analyzer.calls import Arguments, call_value, invoke, opaque
from convlint.analyzer.iteration import QUIET, iterate
from convlint.analyzer.leaving import leave
from convlint.analyzer.run import ALL_ROUTES, TORCHSCRIPT, Frame, Run
from convlint.analyzer.usage import must_be_plain, only_arithmetic
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
    Guard,
    Instance,
    Layer,
    List,
    Name,
    Number,
    Partial,
    Shape,
    Tensor,
    Tuple,
    Unknown,
    Value,
    are_outside,
    counted_in,
    join_all,
    measured_in,
    members,
    number_kind,
    taint_of,
)
from convlint.events import Operand, PythonMath, Taint

Handler = Callable[[Run, Frame, ast.expr, str, Arguments], Value]


def _len(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    given = arguments.get(0)
    if given is None:
        return UNKNOWN
    sure = len(members(given)) == 1
    results = [_length(run, frame, node, one, arguments, sure) for one in members(given)]
    return join_all(results)


def _length(run: Run, frame: Frame, node: ast.expr, given: Value, arguments: Arguments, sure: bool) -> Value:
    if not isinstance(given, Tensor) or not given.sure:
        run.doubt(frame, node)
    if isinstance(given, Tensor):
        if not given.sure:
            return Number("int")  # more likely a list of tensors
        length = operators.length_of(given)
        leave(run, frame, node, "len", arguments.nodes[0], length, sure=sure)
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
    if isinstance(given, Guard):
        return given if kind == "bool" else Number(kind)
    if any(not isinstance(one, Tensor) and number_kind(one) != "int" for one in members(given)):
        run.doubt(frame, node)
    for one in members(given):
        if isinstance(one, Const) and isinstance(one.value, (bool, int, float)) and len(members(given)) == 1:
            return _converted(kind, one)
        if isinstance(one, Tensor) or (isinstance(one, Number) and one.taint >= Taint.state):
            if isinstance(one, Number) and one.frozen_on:
                continue  # taken out of the graph before: reported there
            leave(run, frame, node, kind, arguments.nodes[0], one, sure=len(members(given)) == 1)
    taint = taint_of(given)
    return Number(kind if kind != "complex" else "number", taint, frozen_on=ALL_ROUTES if taint else frozenset())


def _is_starred(nodes: Sequence[ast.expr]) -> bool:
    return any(isinstance(node, ast.Starred) for node in nodes)


def _converted(kind: str, value: Const) -> Value:
    try:
        return Const({"int": int, "float": float, "bool": bool}[kind](value.value))
    except (KeyError, ValueError, OverflowError):
        return Number(kind)


def python_math(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``min``, ``max``, ``round``, ``divmod``, ``math.ceil``... on tensors or dimensions: a hidden conversion."""
    short = name.rpartition(".")[2]
    values = arguments.positional
    nodes = arguments.nodes
    if short in ("min", "max") and len(values) == 1:
        elements = iterate(run, frame, nodes[0], values[0], "min")
        values = elements.items if elements.items is not None else [elements.joined]
        nodes = nodes * len(values)
    dividend, divisor = _quotient(run, frame, nodes)
    if dividend is not None and (dividend.dtype != "int" or must_be_plain(frame, node)):
        run.doubt(frame, node)
    folded = _fold(name, values)
    if folded is not None:
        return folded
    taint = max((taint_of(v) for v in values), default=Taint.none)
    tainted = [v for one in values for v in members(one) if isinstance(v, (Number, Tensor)) and v.taint >= Taint.fixed]
    frozen = (
        frozenset.intersection(*(v.frozen_on if isinstance(v, Number) else frozenset() for v in tainted))
        if tainted
        else frozenset()
    )
    same = short != "divmod" and _are_one_number(values)
    width = short == "sqrt" and len(values) == 1 and _is_width(values[0])
    if (same or width) and taint is Taint.shape:
        taint = Taint.fixed  # asked while tracing, and the same for every input
    if tainted and not frozen >= frame.routes:
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
                dividend=dividend,
                divisor=divisor,
                only_arithmetic=not arguments.keywords and only_arithmetic(frame, node),
                plain=isinstance(node, ast.Call) and node.args == nodes and not (node.keywords or _is_starred(nodes)),
            )
    if same:
        return values[0]
    if width:
        return Number("float")
    if short in ("min", "max") and values and all(isinstance(one, Tensor) and one.sure for one in values):
        return join_all(values)  # one of them, and `torch.export` still does not know its value
    kind = "int" if short in ("ceil", "floor", "trunc", "isqrt") else "number"
    if short in ("min", "max", "divmod") and all(number_kind(v) == "int" for v in values):
        kind = "int"
    if short == "round" and len(values) == 1:
        kind = "int"
    frozen = ALL_ROUTES if tainted or are_outside(values) else frozenset()
    of = measured_in(*values)
    return Number(kind, taint, frozen, counted=counted_in(*values), of=of, stepwise=True)


def _are_one_number(values: list[Value]) -> bool:
    """Whether several values are one and the same number under different names."""
    return len(values) > 1 and isinstance(values[0], Number) and values[0].symbol != "" and len(set(values)) == 1


def _is_width(value: Value) -> bool:
    """Whether a number is straight the last size of a tensor: under a square root the features of attention."""
    return isinstance(value, Number) and value.dim and value.symbol.endswith("[-1]")


def _quotient(run: Run, frame: Frame, nodes: list[ast.expr]) -> tuple[Operand, Operand] | tuple[None, None]:
    """What ``math.ceil(n / 4)`` divides, and by what."""
    first = nodes[0] if nodes else None
    if not (isinstance(first, ast.BinOp) and isinstance(first.op, ast.Div)):
        return None, None
    parts = (first.left, first.right)
    dividend, divisor = (run.operand(frame, part, run.evaluate(frame, part)) for part in parts)
    return dividend, divisor


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
            if isinstance(one, (Number, Tensor)) and (one.taint >= Taint.shape or _is_read(one)):
                taint = max(taint, one.taint)
                frozen &= one.frozen_on if isinstance(one, Number) else frozenset()
    if taint is Taint.none or frozen >= ALL_ROUTES:
        return List(Number("int"))
    for value in arguments.positional:
        run.decide_on(frame, node, value)
    return List(Number("int"), None, taint, frozen)


def _is_read(value: Value) -> bool:
    """Whether it is read out of a tensor that no input changes, of which `torch.export` knows no value."""
    return isinstance(value, Number) and value.taint is Taint.state


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
    parts, form = [], QUIET if arguments.rows else "zip"  # the finding is where they are taken apart
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
    if kind in ("set", "frozenset"):
        keys.note_elements(run, frame, node, elements.joined)
    if items is not None and kind == "reversed":
        items.reverse()
    if items and kind == "sorted" and not arguments.keywords:
        python_math(run, frame, node, name, Arguments(items, {}, [arguments.nodes[0]] * len(items)))
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
    return elements.joined if isinstance(elements.joined, (Array, Tensor)) else Unknown(taint_of(given))


def _quantifier(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``any`` and ``all``: each element decides."""
    from convlint.analyzer import decisions

    given = arguments.get(0)
    if given is None:
        return UNKNOWN
    known = guards.folded(
        (given.items if isinstance(given, (List, Tuple)) else None) or (), is_all=name.endswith("all")
    )
    if known is not None:
        return known
    element = iterate(run, frame, arguments.nodes[0], given, "any").joined
    decisions.decide(run, frame, node, element, "filter")
    return Number("bool")


def _isinstance(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    if len(arguments.positional) < 2:
        return UNKNOWN
    value, wanted = arguments.positional[:2]
    if isinstance(value, Number) and value.taint >= Taint.fixed and _is_tensor_type(wanted):
        return guards.plain(Guard(TORCHSCRIPT - value.frozen_on))  # what sizes are while `torch.jit.trace` records
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


_NO_TENSORS = ("builtins.", "numpy.")
"""Whose types neither tensors are of nor, but for those that are named above, containers."""


def _is_tensor_type(wanted: Value) -> bool:
    return isinstance(wanted, Name) and wanted.qualified in _TYPE_NAMES[Tensor]


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
            if _is_tensor_type(wanted):
                return True if value.sure else None
            return False if value.sure and wanted.qualified.startswith(_NO_TENSORS) else None
        return False if value.sure else None
    if isinstance(value, (Tuple, List, Dict)):
        if isinstance(wanted, Name):
            if wanted.qualified == "torch.Tensor":
                return False
            names = _TYPE_NAMES[type(value)]
            if wanted.qualified in names:
                return True if not (isinstance(value, List) and wanted.qualified == "builtins.tuple") else None
            return False if wanted.qualified.startswith(_NO_TENSORS) else None
        return False
    if isinstance(value, (Const, Number)) and isinstance(wanted, Name):
        if wanted.qualified in ("torch.Tensor", "numpy.ndarray"):
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
        kept.note_read(run, frame, node, owner, key.value)
        return TRUE
    if isinstance(owner, Name) and isinstance(key, Const):
        asked = f"{owner.qualified}.{key.value}"
        if any(f"{known}.".startswith(f"{asked}.") for known in GUARDS):
            return TRUE
    return Number("bool")


def _setattr(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    owner, key, value = arguments.get(0), arguments.get(1), arguments.get(2)
    if isinstance(owner, Instance) and isinstance(key, Const) and isinstance(key.value, str) and value is not None:
        kept.note_assignment(run, frame, node, owner, key.value, value)
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


def _copied(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``copy.copy`` and ``copy.deepcopy``, which goes into what holds tensors too."""
    given = _same(run, frame, node, name, arguments)
    inside = name == "copy.deepcopy" and not isinstance(given, (Number, Unknown))
    if (inside or isinstance(given, Tensor)) and taint_of(given) >= Taint.state:
        leave(run, frame, node, "copy", arguments.nodes[0], given, name)
    return given


def _divmod(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``divmod(n, d)``: two numbers, which no tracer computes of a size."""
    result = python_math(run, frame, node, name, arguments)
    return Tuple((result, result))


def _plain_number(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``abs`` and ``pow``: arithmetic that tracers follow, but for the remainder of a power, ``pow(n, 2, 5)``."""
    given = arguments.get(0)
    if name == "builtins.pow" and len(arguments.positional) == 3:
        return python_math(run, frame, node, name, arguments)
    if isinstance(given, Tensor):
        return run.tensor(given.dtype, given.shape, given.taint)
    if isinstance(given, Number):
        return Number(given.kind, given.taint, given.frozen_on)
    if isinstance(given, Array) and name == "builtins.abs":
        return given
    if name == "builtins.pow" and len(arguments.positional) == 2:
        return arithmetic(arguments.positional[0], ast.Pow(), arguments.positional[1])
    return opaque(arguments)


def _partial(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    if not arguments.positional:
        return UNKNOWN
    return Partial(arguments.positional[0], tuple(arguments.positional[1:]), tuple(arguments.keywords.items()))


def make_dict(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``dict(...)`` and its like."""
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


def nothing(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """A call of which the result is of no interest."""
    return UNKNOWN


TABLE: dict[str, Handler] = {
    "builtins.len": _len,
    **{f"builtins.{n}": _scalar for n in ("int", "float", "bool", "complex")},
    **{f"builtins.{n}": python_math for n in ("min", "max", "round")},
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
    "builtins.dict": make_dict,
    "builtins.type": _type,
    **{f"builtins.{n}": _plain_number for n in ("abs", "pow")},
    "builtins.divmod": _divmod,
    "builtins.print": nothing,
    "builtins.str": nothing,
    "builtins.repr": nothing,
    "functools.partial": _partial,
    "typing.cast": _same,
    "copy.copy": _copied,
    "copy.deepcopy": _copied,
    "functools.wraps": nothing,
}
"""By qualified name."""
