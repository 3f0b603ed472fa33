"""Abstract values: what an expression can be when a model is traced.

Scalars and tensors are immutable. Lists, dicts and instances are mutable objects that statements update in place,
as Python does; joins at branches are made where they are written (weak updates).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from convlint.events import Taint
from convlint.findings import Span

if TYPE_CHECKING:
    import ast

    from convlint.analyzer.index import ClassInfo, FunctionInfo

_serial = itertools.count(1)


MaskIndex = Literal["", "all", "column", "some"]
Sign = Literal["", "+", "-"]

Places = frozenset[tuple[str, Span]]
"""Expressions, by file and range."""
NOWHERE: Places = frozenset()


class Value:
    """An abstract value."""

    __slots__ = ()


class Unknown(Value, Struct, frozen=True):
    """Anything; ``taint`` says what it was computed from."""

    taint: Taint = Taint.none
    module: bool = False
    """Whether it is the result of a layer that the source does not show (so most likely a tensor)."""


class Const(Value, Struct, frozen=True):
    """A Python constant: None, bool, int, float, str, bytes, Ellipsis."""

    value: Any
    size: bool = False
    """Whether it was computed from a size that a tensor was asked for: to tracers that is none of Python's numbers."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Const) and (self.value is other.value or self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)


Relation = tuple[str, int, str | float]
"""A named number, the ways in which it stands (see ``checks``) to another named one or to a constant."""


class Number(Value, Struct, frozen=True):
    """A Python number (or a tracer's stand-in for one) that is not known: a dimension, ``.item()``, a config int."""

    kind: str = "number"
    """int, float, bool or number."""
    taint: Taint = Taint.none
    frozen_on: frozenset[str] = frozenset()
    """Routes on which it is a plain Python number already, the loss reported where that happened."""
    symbol: str = ""
    """The same symbol means the same number."""
    dim: bool = False
    """Whether it is straight a size of a tensor (or their product)."""
    degenerate: bool = False
    """Of a truth: whether it is one and the same for all sizes but 0 and 1."""
    counted: Places = NOWHERE
    """The selections whose counts it was computed from."""
    relation: Relation | None = None
    """Of a comparison: what it asks."""
    usual: object = None
    """Of a configuration's number: what it is where nothing else is given."""
    of: frozenset[int] = frozenset()
    """The tensors (see ``Tensor.ident``) of whose sizes it was computed."""
    stepwise: bool = False
    """Whether a remainder, a whole division or a choice (`max`) is in it: how it compares differs from size to size."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self._compared == other._compared

    def __hash__(self) -> int:
        return hash(self._compared)

    @property
    def _compared(self) -> tuple[object, ...]:
        """All but what is usual, and whose sizes it is made of, and how."""
        return (
            self.kind,
            self.taint,
            self.frozen_on,
            self.symbol,
            self.dim,
            self.degenerate,
            self.counted,
            self.relation,
        )


Dim = Value  # Const (int) or Number: one size of a shape


class Squeezed(Struct, frozen=True):
    """A ``squeeze()`` of no axis by name."""

    place: tuple[str, Span]
    rank: int
    """How many axes it leaves, unless a size that varies is 1."""


class Tensor(Value, Struct, frozen=True):
    """A torch tensor."""

    dtype: str | None = None
    """float, int, bool, complex."""
    shape: tuple[Dim, ...] | None = None
    taint: Taint = Taint.data
    ident: int = 0
    """The tensor object; 0 where aliasing is not tracked."""
    storage: int = 0
    """The memory it looks at."""
    mask_index: MaskIndex = ""
    """Whether it holds indices made from a mask (``nonzero``): all of a mask of one axis, those along an axis of a mask
    of unknown axes, or some computed or chosen from them.
    """
    state: str = ""
    """parameter or buffer, with its name, for a module's own tensors (``buffer:self.n``)."""
    sure: bool = True
    """False for a parameter that is only presumed to be a tensor."""
    counted: Places = NOWHERE
    """The selections on whose counts some size depends (where ``shape`` is not known; else its sizes say so)."""
    below: int = 0
    """A tensor of which this one, made from it, surely has fewer axes (where ranks are not known)."""
    sign: Sign = ""
    """Whether elements can be negative: ``-`` where the code says so, ``+`` where it says that none can."""
    squeezed: Squeezed | None = None
    """The ``squeeze()`` that it comes from, which may have dropped the batch."""
    exact: str = ""
    """The dtype itself (``int32``), where the source names it for this very tensor, or one that this is a view of."""

    @property
    def rank(self) -> int | None:
        """The number of dimensions, None where unknown."""
        return None if self.shape is None else len(self.shape)


class Array(Value, Struct, frozen=True):
    """A NumPy array or scalar."""

    taint: Taint = Taint.none


class Shape(Value, Struct, frozen=True):
    """A ``torch.Size`` whose length is not known."""

    symbol: str = ""
    taint: Taint = Taint.shape
    counted: Places = NOWHERE
    """The selections on whose counts a size depends."""
    of: frozenset[int] = frozenset()
    """The tensor (see ``Tensor.ident``) that has it."""


class Tuple(Value, Struct, frozen=True):
    """A tuple (or ``torch.Size``) of known length."""

    items: tuple[Value, ...] = ()
    of: str = ""
    """The function of torch whose named tuple it is."""


class List(Value, Struct, eq=False):
    """A list, set, iterator or tuple of unknown length: one value for all elements."""

    element: Value | None = None
    items: list[Value] | None = None
    """The elements one by one, while the length is certain."""
    taint: Taint = Taint.none
    """What the length depends on."""
    frozen_on: frozenset[str] = frozenset()
    """Routes on which the length is a plain Python number already."""
    pieces: str = ""
    """The method that took a tensor apart into these: ``split``, ``unbind``."""
    registered: bool = False
    """Whether it is an ``nn.ModuleList`` or its like."""
    head: tuple[Value, ...] = ()
    """Of a tuple to which others of unknown number were added, or of tuples of several lengths: what it begins with."""
    serial: int = field(default_factory=lambda: next(_serial))

    def add(self, value: Value, certain: bool) -> None:
        """Append; ``certain`` where the statement surely runs once."""
        self.element = value if self.element is None else join(self.element, value)
        if certain and self.items is not None and len(self.items) < 64:
            self.items.append(value)
        else:
            self.items = None

    def any(self) -> Value:
        """An element, Unknown for an empty list."""
        return self.element if self.element is not None else Unknown()


class Dict(Value, Struct, eq=False):
    """A dict: values of the constant keys, and one value for the rest."""

    items: dict[Any, Value] = field(default_factory=dict)
    rest: Value | None = None
    registered: bool = False
    """Whether it is an ``nn.ModuleDict`` or its like."""
    serial: int = field(default_factory=lambda: next(_serial))

    def any(self) -> Value:
        """One of the values."""
        values = list(self.items.values()) + ([self.rest] if self.rest is not None else [])
        return join_all(values) if values else Unknown()


class Instance(Value, Struct, eq=False):
    """An object of a class of the project."""

    cls: ClassInfo
    attributes: dict[str, Value] = field(default_factory=dict)
    complete: bool = True
    """Whether ``__init__`` was seen with its real arguments."""
    serial: int = field(default_factory=lambda: next(_serial))


class Layer(Value, Struct, frozen=True):
    """A module of torch itself: ``nn.Conv2d(3, 8, 1)``."""

    name: str
    arguments: tuple[tuple[str, Value], ...] = ()
    made_in_forward: bool = False
    """Whether it is made while the model runs, whose mode it does not share: it is training."""


class Function(Value, Struct, frozen=True):
    """A function of the project, bound to ``self`` if it is a method; ``scope`` holds what it closes over."""

    info: FunctionInfo
    bound: Value | None = None
    scope: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and self.info is other.info and self.bound == other.bound

    def __hash__(self) -> int:
        return hash((self.info, self.bound))


class Class(Value, Struct, frozen=True):
    """A class of the project."""

    info: ClassInfo


class Name(Value, Struct, frozen=True):
    """Something imported from outside the project, by its qualified name."""

    qualified: str


class Method(Value, Struct, frozen=True):
    """A method of a value that is no project object: ``tensor.view``."""

    owner: Value
    name: str
    node: ast.expr | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and self.name == other.name and self.owner == other.owner

    def __hash__(self) -> int:
        return hash((self.owner, self.name))


class Partial(Value, Struct, frozen=True):
    """``functools.partial(function, ...)``."""

    function: Value
    args: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()


class Wrapped(Value, Struct, frozen=True):
    """A function or module that an exporter enters on some routes only: ``torch.jit.script(function)``."""

    function: Value
    routes: frozenset[str]
    compiled: bool = False
    """Whether by ``torch.compile``."""
    scripted: bool = False
    """Whether by ``torch.jit.script``."""
    autograd: str = ""
    """The ``torch.autograd.Function`` whose ``apply`` it is."""


class Guard(Value, Struct, frozen=True):
    """A flag that is true on some routes only: ``torch.jit.is_tracing()``."""

    true_on: frozenset[str]
    unknown_on: frozenset[str] = frozenset()
    """Where something else decides: ``torch.jit.is_tracing() and self.fast``."""
    asked: Number | None = None
    """What decides there, if it comes from tensors."""
    in_eager: bool = False
    """What it is where nothing is exported."""


class Autocast(Value, Struct, frozen=True):
    """``torch.autocast(...)``: ``reduced`` where an export on the CPU surely computes in bfloat16 under it."""

    reduced: bool


class Distribution(Value, Struct, frozen=True):
    """One of ``torch.distributions`` that checks the values that it is asked about, and was not reported for it."""

    name: str
    taint: Taint = Taint.none


class Union(Value, Struct, frozen=True):
    """One of a few values."""

    members: tuple[Value, ...]


UNKNOWN = Unknown()
NONE = Const(None)
TRUE, FALSE = Const(True), Const(False)
_LIMIT = 6


def members(value: Value) -> tuple[Value, ...]:
    """The alternatives of a value."""
    return value.members if isinstance(value, Union) else (value,)


def tensor_of(value: Value | None) -> Tensor | None:
    """The first alternative that is a tensor."""
    return next((m for m in members(value) if isinstance(m, Tensor)), None) if value is not None else None


def taint_of(value: Value, depth: int = 3) -> Taint:
    """What a value depends on, containers by their elements."""
    if isinstance(value, (Unknown, Number, Tensor, Array, Shape, Distribution)):
        return value.taint
    if isinstance(value, Const):
        return Taint.fixed if value.size else Taint.none
    if depth == 0:
        return Taint.none
    parts: Iterable[Value] = ()
    if isinstance(value, Tuple):
        parts = value.items
    elif isinstance(value, Union):
        parts = value.members
    elif isinstance(value, List):
        parts = (value.any(),)
    elif isinstance(value, Dict):
        parts = value.items.values()
    return max((taint_of(part, depth - 1) for part in parts), default=Taint.none)


def counted_in(*values: Value | None) -> Places:
    """The selections on whose counts values depend: sizes, tensors by their sizes, sequences by their elements."""
    found = NOWHERE
    for value in values:
        if isinstance(value, (Number, Tensor, Shape)):
            found |= value.counted
        if isinstance(value, Tensor) and value.shape is not None:
            found |= counted_in(*value.shape)
        elif isinstance(value, (Tuple, Union)):
            found |= counted_in(*(value.items if isinstance(value, Tuple) else value.members))
        elif isinstance(value, List):
            found |= counted_in(value.any())
    return found


def measured_in(*values: Value | None) -> frozenset[int]:
    """The tensors of whose sizes numbers were computed."""
    return frozenset[int]().union(*(value.of for value in values if isinstance(value, Number)))


def is_stepwise(*values: Value | None) -> bool:
    """Whether one of them is."""
    return any(isinstance(value, Number) and value.stepwise for value in values)


def join_all(values: Iterable[Value]) -> Value:
    """The join of several values; Unknown for none."""
    result: Value | None = None
    for value in values:
        result = value if result is None else join(result, value)
    return UNKNOWN if result is None else result


def join(a: Value, b: Value) -> Value:
    """What is either ``a`` or ``b``: merged where they are alike, a union of a few otherwise."""
    if a is b or (type(a) is type(b) and a == b):  # values of two kinds are never equal
        return a
    if isinstance(a, Unknown) and isinstance(b, Unknown):
        return Unknown(max(a.taint, b.taint), a.module and b.module)
    merged: list[Value] = list(members(a))
    for value in members(b):
        for i, other in enumerate(merged):
            both = _merge(other, value)
            if both is not None:
                merged[i] = both
                break
        else:
            merged.append(value)
    if len(merged) == 1:
        return merged[0]
    if len(merged) > _LIMIT:
        return Unknown(max(taint_of(v) for v in merged))
    return Union(tuple(merged))


def _merge(a: Value, b: Value) -> Value | None:
    """One value for two alike ones, None where they are not."""
    if type(b) is type(a):
        if a is b or a == b:
            return a
        merge = _MERGES.get(type(a))
        if merge is not None:
            return merge(a, b)
    if isinstance(a, (Const, Number)) and isinstance(b, (Const, Number)):
        return _merge_scalars(a, b)
    return None


def _merge_scalars(a: Const | Number, b: Const | Number) -> Value | None:
    kinds = {k for v in (a, b) if (k := number_kind(v)) is not None}
    if len(kinds) != 1 or number_kind(a) is None or number_kind(b) is None:
        return None
    sizes = all(isinstance(v, Const) or v.dim for v in (a, b))
    same = all(isinstance(v, Const) or v.degenerate for v in (a, b))
    return Number(
        kinds.pop(),
        max(taint_of(a), taint_of(b)),
        _frozen_on(a, b),
        dim=sizes,
        degenerate=same,
        counted=counted_in(a, b),
        of=measured_in(a, b),
        stepwise=is_stepwise(a, b),
    )


def _frozen_on(*values: Const | Number) -> frozenset[str]:
    """The routes on which numbers are plain ones already; what depends on nothing always was."""
    frozen = [one.frozen_on for one in values if isinstance(one, Number) and one.taint]
    return frozenset.intersection(*frozen) if frozen else frozenset()


def are_outside(values: Iterable[Value]) -> bool:
    """Whether all that values depend on left the graph for NumPy: what is made of them is outside, too."""
    tainted = [one for value in values for one in members(value) if taint_of(one)]
    return bool(tainted) and all(isinstance(one, Array) for one in tainted)


def number_kind(value: Value) -> str | None:
    """int, float, bool or number; None for no number."""
    if isinstance(value, Number):
        return value.kind
    if isinstance(value, Const) and isinstance(value.value, (bool, int, float)):
        return type(value.value).__name__
    return None


def _merge_constants(a: Const, b: Const) -> Value | None:
    if type(a.value) is not type(b.value):
        return None
    if isinstance(a.value, (bool, int, float)):
        return Number(type(a.value).__name__)
    return UNKNOWN if isinstance(a.value, (str, bytes)) else None


def _merge_tensors(a: Tensor, b: Tensor) -> Value:
    shape = None
    if a.shape is not None and b.shape is not None and len(a.shape) == len(b.shape):
        names = (f"{a.ident}|{b.ident}@{i}" for i in itertools.count())
        shape = tuple(_merge_sizes(x, y, name) for x, y, name in zip(a.shape, b.shape, names, strict=False))
    same = a.ident == b.ident
    return Tensor(
        a.dtype if a.dtype == b.dtype else None,
        shape,
        max(a.taint, b.taint),
        a.ident if same else max(a.ident, b.ident),
        a.storage if a.storage == b.storage else max(a.storage, b.storage),
        a.mask_index if a.mask_index == b.mask_index else "some" if a.mask_index and b.mask_index else "",
        a.state if a.state == b.state else "",
        a.sure and b.sure,
        a.counted | b.counted,
        a.below if a.below == b.below else 0,
        a.sign if a.sign == b.sign else "-" if "-" in (a.sign, b.sign) else "",
        a.squeezed if a.squeezed == b.squeezed else None,
        a.exact if a.exact == b.exact else "",
    )


def _merge_sizes(a: Dim, b: Dim, name: str) -> Dim:
    """A size that is one of two: a number of its own, the same wherever it is read."""
    joined = join(a, b)
    return replace(joined, symbol=name) if isinstance(joined, Number) and not joined.symbol else joined


def _merge_tuples(a: Tuple, b: Tuple) -> Value | None:
    items = tuple(join(x, y) for x, y in zip(a.items, b.items, strict=False))
    if len(a.items) != len(b.items):  # `return x, sizes` or, by a flag, `return x, sizes, attention`
        return List(join_all(a.items + b.items), head=items) if a.items or b.items else None
    return Tuple(items, a.of if a.of == b.of else "")


def _merge_lists(a: List, b: List) -> Value:
    # the same tensors may be reached through either list: keep one object, so that later writes are seen by both
    if b.element is not None:
        a.element = b.element if a.element is None else join(a.element, b.element)
    a.items = None
    a.taint = max(a.taint, b.taint)
    a.head = tuple(join(x, y) for x, y in zip(a.head, b.head, strict=False))
    return a


def _merge_dicts(a: Dict, b: Dict) -> Value:
    merged = Dict(dict(a.items), a.rest if b.rest is None else b.rest)
    for key, value in b.items.items():
        merged.items[key] = join(merged.items[key], value) if key in merged.items else value
    return merged


def _merge_instances(a: Instance, b: Instance) -> Value | None:
    return None


def _merge_layers(a: Layer, b: Layer) -> Value | None:
    return Layer(a.name, made_in_forward=a.made_in_forward and b.made_in_forward) if a.name == b.name else None


_MERGES: dict[type[Value], Callable[[Any, Any], Value | None]] = {
    Const: _merge_constants,
    Number: lambda a, b: Number(
        a.kind if a.kind == b.kind else "number",
        max(a.taint, b.taint),
        _frozen_on(a, b),
        a.symbol if a.symbol == b.symbol else "",
        a.dim and b.dim,
        a.degenerate and b.degenerate,
        a.counted | b.counted,
    ),
    Tensor: _merge_tensors,
    Array: lambda a, b: Array(max(a.taint, b.taint)),
    Shape: lambda a, b: Shape("", max(a.taint, b.taint), a.counted | b.counted),
    Tuple: _merge_tuples,
    List: _merge_lists,
    Dict: _merge_dicts,
    Instance: _merge_instances,
    Layer: _merge_layers,
    Unknown: lambda a, b: Unknown(max(a.taint, b.taint), a.module and b.module),
}


def signature(value: Value, names: dict[int | str, int] | None = None, depth: int = 4) -> Any:
    """A hashable key: equal keys mean that a call behaves alike. Memory is renamed by order of appearance."""
    names = {} if names is None else names
    if isinstance(value, Tensor):
        ident = names.setdefault(value.ident, len(names)) if value.ident else -1
        storage = names.setdefault(-value.storage, len(names)) if value.storage else -1
        shape = None if value.shape is None else tuple(signature(d, names, 1) for d in value.shape)
        return (
            "T",
            value.dtype,
            shape,
            value.taint,
            ident,
            storage,
            value.mask_index,
            value.state,
            value.sure,
            value.counted,
            names.get(value.below, -1) if value.below else -1,
            value.sign,
            value.squeezed,
            value.exact,
        )
    if isinstance(value, Number):
        which = names.setdefault(value.symbol, len(names)) if value.symbol and depth > 1 else -1
        return ("N", value.kind, value.taint, value.frozen_on, value.dim, value.counted, which)
    if depth == 0:
        return type(value).__name__
    if isinstance(value, Const):
        return ("C", type(value.value).__name__, value.value)
    if isinstance(value, (Tuple, Union)):
        parts = value.items if isinstance(value, Tuple) else value.members
        return (type(value).__name__, *(signature(v, names, depth - 1) for v in parts))
    if isinstance(value, List):
        items = None if value.items is None else tuple(signature(v, names, depth - 1) for v in value.items[:16])
        element = None if value.element is None else signature(value.element, names, depth - 1)
        head = tuple(signature(v, names, depth - 1) for v in value.head)
        return ("L", items, element, value.taint, value.pieces, head)
    if isinstance(value, Dict):
        rest = None if value.rest is None else signature(value.rest, names, depth - 1)
        return ("D", tuple((repr(k), signature(v, names, depth - 1)) for k, v in list(value.items.items())[:32]), rest)
    if isinstance(value, Instance):
        return ("I", value.serial)
    if isinstance(value, Function):
        bound = None if value.bound is None else signature(value.bound, names, depth - 1)
        return ("F", value.info.key, bound)
    if isinstance(value, Partial):
        return ("P", signature(value.function, names, depth - 1), len(value.args))
    if isinstance(value, Wrapped):
        return ("W", signature(value.function, names, depth - 1), value.routes)
    if isinstance(value, Method):
        return ("M", value.name, signature(value.owner, names, depth - 1))
    if isinstance(value, Layer):
        given = tuple((k, signature(v, names, 1)) for k, v in value.arguments)
        return ("Y", value.name, given, value.made_in_forward)
    return value


def tensors_in(value: Value, depth: int = 4) -> list[Tensor]:
    """The tensors that can be reached from a value."""
    found: list[Tensor] = []
    _add_tensors(found, value, depth)
    return found


def _add_tensors(found: list[Tensor], value: Value, depth: int) -> None:
    if type(value) is Tensor:
        found.append(value)
    elif depth:
        for part in held_by(value):
            _add_tensors(found, part, depth - 1)


def held_by(value: Value) -> Iterable[Value]:
    """The alternatives, elements or attributes of what holds other values."""
    parts = _PARTS.get(type(value))
    return parts(value) if parts is not None else ()


_PARTS: dict[type[Value], Callable[[Any], Iterable[Value]]] = {
    Tuple: lambda value: value.items,
    Union: lambda value: value.members,
    List: lambda value: value.items if value.items is not None else (value.any(),),
    Dict: lambda value: [*value.items.values(), *([value.rest] if value.rest is not None else [])],
    Instance: lambda value: value.attributes.values(),
}
"""What holds other values, and which."""


def with_taint(value: Value, taint: Taint) -> Value:
    """The value with at least this taint, where it is a scalar or tensor."""
    if isinstance(value, (Number, Tensor, Unknown, Array)) and value.taint < taint:
        return replace(value, taint=taint)
    return value
