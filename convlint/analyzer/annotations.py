"""What a parameter can be: from its annotation, its default, its name and its use."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping

from msgspec.structs import replace

from convlint.analyzer import signs, torch_facts
from convlint.analyzer.attributes import TENSOR_ONLY
from convlint.analyzer.index import ClassInfo, FunctionInfo, ModuleInfo, dotted
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import OF_SIZES
from convlint.analyzer.usage import operands
from convlint.analyzer.values import (
    FALSE,
    NONE,
    TRUE,
    UNKNOWN,
    Array,
    Class,
    Const,
    Dict,
    Instance,
    Layer,
    List,
    Name,
    Number,
    Shape,
    Tensor,
    Tuple,
    Unknown,
    Value,
    join,
    join_all,
    members,
    number_kind,
    taint_of,
)
from convlint.events import Taint
from convlint.source.walk import walk

TENSORS = frozenset(["Tensor", "FloatTensor", "LongTensor", "BoolTensor", "IntTensor", "HalfTensor", "TensorType"])
JAXTYPING = frozenset(["Float", "Int", "Bool", "Shaped", "Num", "Inexact", "UInt8", "Int64", "Float32"])
_ARRAY = Name("numpy.ndarray")
DTYPES = {"FloatTensor": "float", "HalfTensor": "float", "LongTensor": "int", "IntTensor": "int", "BoolTensor": "bool"}
LISTS = frozenset(["List", "list", "Sequence", "Iterable", "Iterator", "Collection", "Set", "set", "FrozenSet"])
LABELS = frozenset(
    [
        "labels",
        "label",
        "targets",
        "target",
        "gt",
        "gts",
        "ground_truth",
        "start_positions",
        "end_positions",
        "next_sentence_label",
    ]
)


def from_annotation(run: Run, module: ModuleInfo, node: ast.expr | None, depth: int = 4) -> Value:
    """The value that an annotation describes, given from outside: tensors are inputs. Unknown where it says nothing."""
    if node is None or depth == 0:
        return UNKNOWN
    node = unquoted(node)
    if isinstance(node, ast.Constant):
        return NONE if node.value is None else UNKNOWN
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        left = from_annotation(run, module, node.left, depth)
        right = from_annotation(run, module, node.right, depth)
        if UNKNOWN in (left, right) and NONE not in (left, right):
            return UNKNOWN
        return join(left, right)
    if isinstance(node, ast.Subscript):
        return _generic(run, module, node, depth)
    if isinstance(node, (ast.Name, ast.Attribute)):
        return _plain(run, module, node)
    return UNKNOWN


def unquoted(node: ast.expr) -> ast.expr:
    """An annotation, parsed where it is written as a text."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return node
    try:
        return ast.parse(node.value, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return node


def written(annotation: ast.expr) -> str:
    """The name that an annotation is, also where it is a text; '' for more than a name."""
    text = annotation.value if isinstance(annotation, ast.Constant) else dotted(annotation)
    return text if isinstance(text, str) else ""


def annotated(run: Run, module: ModuleInfo, node: ast.expr, presumed: Value) -> Value:
    """What is presumed to be a tensor, or what the annotation of the parameter says where that is none."""
    said = from_annotation(run, module, node)
    if isinstance(said, Array):
        return Array(taint_of(presumed))
    excluded = all(isinstance(one, (Number, Tuple, List, Dict)) for one in members(said) if one != NONE)
    return said if excluded and said != NONE else presumed


def is_left_open(run: Run, frame: Frame, node: ast.expr) -> bool:
    """Whether a number in an expression is a parameter's that is not said to be an int: callers that nobody sees may
    give a float. What is a size is one for all of them.
    """
    function = frame.function.node if frame.function is not None else None
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    given = function.args
    said = {one.arg: one.annotation for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
    used = {part.id for part in walk(node) if isinstance(part, ast.Name)} & said.keys()
    return any(
        _is_whole(frame.env.get(name)) and number_kind(from_annotation(run, frame.module, said[name])) != "int"
        for name in used
    )


def _is_whole(value: Value | None) -> bool:
    return isinstance(value, (Const, Number)) and number_kind(value) == "int" and taint_of(value) < Taint.shape


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _plain(run: Run, module: ModuleInfo, node: ast.expr) -> Value:
    name = _last(node)
    if name in TENSORS:
        return run.tensor(DTYPES.get(name), None, Taint.data, exact="int64" if name == "LongTensor" else "")
    if name in ("int", "float", "bool"):
        return Number(name)
    if name in ("dict", "Dict"):
        return Dict(rest=Unknown(Taint.data, True))
    if name in ("list", "tuple", "List", "Tuple"):
        return List(Unknown(Taint.data, True))
    value = run.evaluate(Frame(module, traced=False), node)
    if value == _ARRAY:
        return Array(Taint.none)
    return instance_by_annotation(run, value.info) if isinstance(value, Class) else UNKNOWN


def instance_by_annotation(run: Run, cls: ClassInfo) -> Value:
    """An object of a class about which only its annotations are known."""
    instance = Instance(cls, complete=False)
    for info in reversed(run.mro(cls)):
        for name, annotation in info.annotations.items():
            instance.attributes[name] = from_annotation(run, info.module, annotation, 2)
    return instance


def _generic(run: Run, module: ModuleInfo, node: ast.Subscript, depth: int) -> Value:
    name = _last(node.value)
    inner = node.slice
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "Optional":
        value = from_annotation(run, module, inner, depth)
        return value if value == UNKNOWN else join(NONE, value)
    if name == "Union":
        values = [from_annotation(run, module, p, depth) for p in parts]
        return UNKNOWN if UNKNOWN in values else join_all(values)
    if name in ("Tuple", "tuple"):
        if len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is Ellipsis:
            return List(from_annotation(run, module, parts[0], depth - 1))
        return Tuple(tuple(from_annotation(run, module, p, depth - 1) for p in parts))
    if name in LISTS:
        return List(from_annotation(run, module, inner, depth - 1))
    if name in ("Dict", "dict", "Mapping", "MutableMapping", "OrderedDict", "DefaultDict"):
        return Dict(rest=from_annotation(run, module, parts[-1], depth - 1))
    if name in ("Annotated", "Final", "ClassVar", "Required", "NotRequired"):
        return from_annotation(run, module, parts[0], depth)
    if name in JAXTYPING and len(parts) == 2:
        return from_annotation(run, module, parts[0], depth)
    return UNKNOWN


# --- use ---------------------------------------------------------------------------------------------------------


def uses(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, env: Mapping[str, Value]) -> dict[str, set[str]]:
    """How each name is used in a function: tensor, list, dict, size, type. ``env`` holds what is known: ``self``."""
    found: dict[str, set[str]] = defaultdict(set)
    rebound = _first_binding(node)
    for part in walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            if part.attr in TENSOR_ONLY:
                if part.lineno <= rebound.get(part.value.id, part.lineno):  # later it is another value's name
                    found[part.value.id].add("tensor")
            elif part.attr in ("items", "keys", "values", "get"):
                found[part.value.id].add("dict")
            elif part.attr in ("append", "extend"):
                found[part.value.id].add("list")
        elif isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name):
            key = part.slice
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                found[part.value.id].add("dict")
            elif isinstance(key, ast.Tuple):
                found[part.value.id].add("tensor")
        elif isinstance(part, (ast.For, ast.comprehension)):
            for name in _iterated(part.iter):
                found[name].add("list")
        elif isinstance(part, ast.Call):
            name = _last(part.func)
            if name == "isinstance" and part.args and isinstance(part.args[0], ast.Name):
                found[part.args[0].id].add("type")
            elif name in ("cat", "stack", "concat") and part.args and isinstance(part.args[0], ast.Name):
                found[part.args[0].id].add("list")
            elif name == "zip":  # `zip(*pairs)`: of a tensor's rows one takes the columns
                for rows in part.args:
                    if isinstance(rows, ast.Starred) and isinstance(rows.value, ast.Name):
                        found[rows.value.id].add("list")
            elif name in ("range", "arange"):
                for bound in part.args:
                    for operand in operands(bound):
                        found[operand.id].add("size" if name == "arange" else "number")
            elif (given := _given_to_torch(part, env)) and part.lineno <= rebound.get(given, part.lineno):
                found[given].add("tensor")
        elif isinstance(part, ast.Compare) and isinstance(part.left, ast.Name) and _with_text(part):
            found[part.left.id].add("text")
        elif isinstance(part, ast.Compare) and (counted := _counted(part)):
            found[counted].add("list")
    return found


def _given_to_torch(call: ast.Call, env: Mapping[str, Value]) -> str:
    """The name that is first given to what takes a tensor there: ``torch.div(x, 2)``, ``self.conv(x)``."""
    function, first = call.func, call.args[0] if call.args else None
    if not (
        isinstance(first, ast.Name) and isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    ):
        return ""
    owner = env.get(function.value.id)
    of_torch = function.value.id == "torch" and function.attr in torch_facts.table().methods
    of_model = isinstance(owner, Instance) and _takes_tensor(owner.attributes.get(function.attr))
    return first.id if isinstance(first, ast.Name) and (of_torch or of_model) else ""


def _takes_tensor(module: Value | None) -> bool:
    """Whether a module is one of torch's that computes on a tensor, or begins with one."""
    if isinstance(module, Layer) and module.name == "Sequential":
        items = dict(module.arguments).get("items")
        return isinstance(items, List) and items.items is not None and _takes_tensor(next(iter(items.items), None))
    return isinstance(module, Layer) and module.name != "Identity"


def _first_binding(node: ast.AST) -> dict[str, int]:
    """The line on which each name is first bound in a function."""
    lines: dict[str, int] = {}
    for part in walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            lines[part.id] = min(part.lineno, lines.get(part.id, part.lineno))
    return lines


def _with_text(node: ast.Compare) -> bool:
    return any(isinstance(c, ast.Constant) and isinstance(c.value, str) for c in node.comparators)


def _counted(node: ast.Compare) -> str:
    """The name that is as long as a module says, or has parts: ``len(levels) == self.num_levels``; '' for none."""
    match node:
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]),
            ops=[ast.Eq() | ast.NotEq()],
            comparators=[ast.Attribute() | ast.Call(func=ast.Name(id="len"), args=[ast.Attribute()])],
        ):
            return name
    return ""


def _iterated(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Call) and _last(node.func) in ("zip", "enumerate", "reversed", "len"):
        return [a.id for a in node.args if isinstance(a, ast.Name)]
    return []


def entry_arguments(run: Run, info: FunctionInfo, env: dict[str, Value], *, named: bool = False) -> dict[str, Value]:
    """The parameters of a function that is called from outside, as by an exporter: its inputs.

    ``named`` says that an exporter surely calls it, as it does ``forward``.
    """
    named = named or info.name == "forward"
    node = info.node
    used = uses(node, env)
    arguments = node.args
    pairs = info.parameters
    comment = _type_comment(node)
    values: dict[str, Value] = {}
    for i, (parameter, default) in enumerate(pairs):
        if parameter.arg in env:
            continue
        annotation = parameter.annotation
        if annotation is None and comment is not None:
            shift = len(pairs) - len(comment)
            annotation = comment[i - shift] if i >= shift else None
        if _says_nothing(annotation):
            annotation = None
        use = used.get(parameter.arg, set())
        values[parameter.arg] = _entry(run, info, parameter.arg, annotation, default, use, named)
    if arguments.vararg:
        values[arguments.vararg.arg] = List(Unknown(Taint.data, True))
    if arguments.kwarg:
        values[arguments.kwarg.arg] = Dict(rest=UNKNOWN)
    return values


def _says_nothing(annotation: ast.expr | None) -> bool:
    """Whether an annotation is text for people, ``"n c h w"``."""
    if not isinstance(annotation, ast.Constant):
        return False
    return isinstance(annotation.value, str) and unquoted(annotation) is annotation


def _type_comment(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[ast.expr] | None:
    text = getattr(node, "type_comment", None)
    if not text or "..." in text.partition("->")[0]:
        return None
    try:
        parsed = ast.parse(text, mode="func_type")
    except SyntaxError:
        return None
    return list(parsed.argtypes) if isinstance(parsed, ast.FunctionType) else None


def _entry(
    run: Run,
    info: FunctionInfo,
    name: str,
    annotation: ast.expr | None,
    default: ast.expr | None,
    used: set[str],
    named: bool,
) -> Value:
    is_label = name in LABELS or name.endswith(("_labels", "_targets"))
    if is_label and isinstance(default, ast.Constant) and default.value is None:
        return NONE  # an export is made for inference
    if name == "return_dict":
        return TRUE
    if name in ("training", "is_training", "train"):
        return FALSE
    value = from_annotation(run, info.module, annotation)
    if value != UNKNOWN:
        if isinstance(value, Tensor) and named:
            value = replace(value, sign=signs.of_input(name))
        if isinstance(value, (Tuple, List)) and "tensor" in used and not used & {"list", "type"}:
            value = run.tensor(None, None, Taint.data, sure=False)  # annotated as a tuple, used as a tensor
        if isinstance(value, Dict) and isinstance(value.rest, Unknown):  # `dict`, and no word of what is in it
            value = _dict_of_inputs(run)
        none = isinstance(default, ast.Constant) and default.value is None
        return join(NONE, value) if none else value
    if annotation is not None:
        return UNKNOWN
    if default is not None:
        return _by_default(run, default, used)
    if used & {"text"}:
        return UNKNOWN
    if "tensor" in used:
        sign = signs.of_input(name) if named else ""
        return run.tensor(None, None, Taint.data, sure="type" not in used, sign=sign)
    if "dict" in used:
        return _dict_of_inputs(run)
    if "list" in used:
        return List(Unknown(Taint.data, True))
    if "size" in used:
        return Number("int", Taint.shape)
    if "number" in used:
        return Number("int")
    if OF_SIZES.fullmatch(name):
        return Shape()
    if named or used:
        return run.tensor(None, None, Taint.data, sure=False, sign=signs.of_input(name) if named else "")
    return Unknown(Taint.data, False)


def _dict_of_inputs(run: Run) -> Value:
    """A dict that is given from outside: an exporter takes tensors by name, and little else."""
    return Dict(rest=run.tensor(None, None, Taint.data, sure=False))


def _by_default(run: Run, default: ast.expr, used: set[str]) -> Value:
    if not isinstance(default, ast.Constant):
        return UNKNOWN
    value = default.value
    if value is None:
        if "tensor" in used:
            return join(NONE, run.tensor(None, None, Taint.data, sure=False))
        return join(NONE, Unknown(Taint.data, bool(used & {"list"})))
    if isinstance(value, (bool, int, float)):
        return Number(type(value).__name__)
    return UNKNOWN


__all__ = ["Const", "annotated", "entry_arguments", "from_annotation", "instance_by_annotation", "is_left_open", "uses"]
