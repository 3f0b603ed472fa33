"""Attributes: of tensors, objects, classes, modules of Python, and layers."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from convlint.analyzer import kept, library_facts, torch_facts
from convlint.analyzer.library_facts import distributions_asked
from convlint.analyzer.run import ALL_ROUTES, DYNAMO, TORCHSCRIPT, Frame, Run
from convlint.analyzer.shapes import swapped
from convlint.analyzer.torch_calls import note_attribute
from convlint.analyzer.unregistered import note_unregistered
from convlint.analyzer.values import (
    FALSE,
    NONE,
    UNKNOWN,
    Array,
    Class,
    Const,
    Dict,
    Distribution,
    Function,
    Guard,
    Instance,
    Layer,
    List,
    Method,
    Name,
    Number,
    Partial,
    Shape,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    Wrapped,
    join_all,
    taint_of,
)
from convlint.events import Taint

TENSOR_ONLY = frozenset(
    [
        "shape",
        "size",
        "dim",
        "ndim",
        "numel",
        "permute",
        "transpose",
        "view",
        "reshape",
        "unsqueeze",
        "squeeze",
        "expand",
        "contiguous",
        "device",
        "dtype",
        "masked_fill",
        "softmax",
        "sigmoid",
        "flatten",
        "mean",
        "sum",
        "abs",
        "clamp",
        "detach",
        "float",
        "long",
        "item",
        "tolist",
        "numpy",
        "cpu",
        "to",
        "type_as",
        "new_zeros",
        "new_ones",
        "new_tensor",
        "new_full",
        "chunk",
        "topk",
        "argmax",
        "repeat",
        "matmul",
        "bmm",
        "gather",
        "scatter",
        "sqrt",
        "exp",
        "log",
        "pow",
        "nonzero",
        "unbind",
        "norm",
        "repeat_interleave",
        "masked_select",
        "cumsum",
        "is_cuda",
        "requires_grad",
        "data",
        "max",
        "min",
        "all",
        "any",
        "clone",
    ]
)
"""Attributes that make a value of unknown kind, computed from tensors, a tensor."""

CONVERSIONS = ("to", "cuda", "cpu", "half", "float", "double", "bfloat16", "to_empty")
"""Methods of a module that change its weights in place."""
GIVING_ITSELF = frozenset([*CONVERSIONS, "eval", "train", "requires_grad_", "apply"])
"""Methods of a module that return it."""
MODULE_METHODS = frozenset(
    [
        *GIVING_ITSELF,
        "register_buffer",
        "register_parameter",
        "add_module",
        "register_module",
        "register_forward_hook",
        "register_forward_pre_hook",
        "parameters",
        "named_parameters",
        "modules",
        "children",
        "buffers",
        "state_dict",
        "load_state_dict",
        "named_modules",
        "get_parameter",
        "post_init",
    ]
)
"""What ``nn.Module`` defines."""

PURE_FLAGS = {"is_cuda", "requires_grad", "is_leaf", "is_sparse", "is_quantized", "is_complex"}


def attribute(run: Run, frame: Frame, node: ast.Attribute, owner: Value) -> Value:
    """``owner.name``."""
    name = node.attr
    if isinstance(owner, Union):
        found = [attribute(run, frame, node, m) for m in owner.members if m != NONE]
        return join_all(found)
    if isinstance(owner, Tensor):
        return of_tensor(run, frame, node, owner)
    if isinstance(owner, Instance):
        return of_instance(run, frame, node, owner, name)
    if isinstance(owner, Name):
        return _of_name(run, owner, name)
    if isinstance(owner, Class):
        return _of_class(run, owner, name)
    if isinstance(owner, Unknown):
        return _of_unknown(run, frame, node, owner)
    if isinstance(owner, Distribution):
        if name in distributions_asked()[owner.name]:
            return Method(owner, name, node)
        return _of_unknown(run, frame, node, Unknown(owner.taint, owner.taint >= Taint.state))
    if isinstance(owner, Layer):
        return _of_layer(run, node, owner)
    if isinstance(owner, Array):
        from convlint.analyzer import numpy_calls

        return numpy_calls.attribute(owner, name, node)
    if isinstance(owner, Partial) and name == "func":
        return owner.function
    if isinstance(owner, Wrapped):
        return owner.function if name == "module" else attribute(run, frame, node, owner.function)
    if isinstance(owner, Tuple) and (at := torch_facts.table().fields.get(owner.of, {}).get(name)) is not None:
        return owner.items[at] if at < len(owner.items) else UNKNOWN
    if isinstance(owner, (List, Dict, Const, Shape, Tuple, Number, Function)):
        return Method(owner, name, node)
    return UNKNOWN


def of_tensor(run: Run, frame: Frame, node: ast.Attribute, tensor: Tensor) -> Value:
    """An attribute of a tensor."""
    name = node.attr
    if name == "shape":
        return shape_of(tensor)
    if name in ("T", "mT", "H", "mH"):
        note_attribute(run, frame, node, tensor)
        shape = swapped(tensor.shape, Const(-2), Const(-1)) if tensor.shape and len(tensor.shape) > 1 else tensor.shape
        return run.view(frame, tensor, name, node, shape=shape, state="")
    if name in ("data", "real", "imag"):
        note_attribute(run, frame, node, tensor)
        return run.view(frame, tensor, name, node)
    if name == "ndim":
        return Const(tensor.rank) if tensor.rank is not None else Number("int")
    if name in PURE_FLAGS:
        return Number("bool")
    if name in torch_facts.table().methods or name in ("size", "numpy", "tolist", "item", "data_ptr"):
        return Method(tensor, name, node)
    if name in ("new_tensor", "is_floating_point", "backward", "register_hook", "type", "cuda", "unfold", "stride"):
        return Method(tensor, name, node)
    return UNKNOWN


def shape_of(tensor: Tensor) -> Value:
    """``tensor.shape``."""
    if tensor.shape is not None:
        return Tuple(tuple(as_size(tensor, i) for i in range(len(tensor.shape))))
    symbol = str(tensor.ident) if tensor.ident else ""
    return Shape(symbol, size_taint(tensor), tensor.counted, frozenset({tensor.ident}))


def as_size(tensor: Tensor, axis: int) -> Value:
    """A dimension as a program reads it: what does not vary was fixed by the architecture, what does gets a name."""
    dim = tensor.shape[axis] if tensor.shape is not None else UNKNOWN
    if isinstance(dim, Number) and dim.taint >= Taint.shape:
        named = dim.symbol or (f"{tensor.ident}@{axis}" if tensor.ident else "")
        return replace(dim, symbol=named, dim=True, of=dim.of or frozenset({tensor.ident}))
    if isinstance(dim, Const):
        return replace(dim, size=True)
    return replace(dim, taint=Taint.fixed) if isinstance(dim, Number) and dim.taint is Taint.none else dim


def size_taint(tensor: Tensor) -> Taint:
    """What the sizes of a tensor of unknown shape depend on."""
    if tensor.counted:
        return Taint.data
    return Taint.shape if tensor.taint >= Taint.shape else Taint.fixed


def sizes_vary(tensor: Tensor) -> bool:
    """Whether a size of a tensor is one of an input."""
    if tensor.shape is None:
        return size_taint(tensor) >= Taint.shape
    return any(taint_of(size) >= Taint.shape for size in tensor.shape)


_NO_LAYERS = ("device", "dtype", "config")
"""What a module calls so is no layer, whatever the source shows of it."""


def of_instance(run: Run, frame: Frame, node: ast.expr, owner: Instance, name: str) -> Value:
    """An attribute of an object of the project: what was assigned, a method, a property, a class attribute."""
    if name in owner.attributes:
        note_unregistered(run, frame, owner, name)
        kept.note_read(run, frame, node, owner, name)
        return owner.attributes[name]
    is_module = run.is_module(owner.cls)
    if name == "training" and is_module:
        return FALSE  # an export is made in eval mode
    if name == "__class__":
        return Class(owner.cls)
    info = run.method(owner.cls, name)
    if info is not None:
        decorators = info.decorators
        if any(d.rpartition(".")[2] in ("property", "cached_property", "lazy_property") for d in decorators):
            from convlint.analyzer.calls import call_value

            given = call_value(run, frame, node, Function(info, owner))
            return UNKNOWN if is_module and name in _NO_LAYERS and isinstance(given, Unknown) else given
        if any(d == "staticmethod" for d in decorators):
            return Function(info)
        return Function(info, Class(owner.cls) if "classmethod" in decorators else owner)
    assigned = _class_attribute(run, owner, name)
    if assigned is not None:
        return assigned
    if is_module and name in MODULE_METHODS:
        return Method(owner, name, node)
    if is_module and name in _NO_LAYERS:
        return UNKNOWN
    # a layer that the source does not show: made by a base class outside, or from a configuration
    return Unknown(Taint.none, is_module)


def _class_attribute(run: Run, owner: Instance, name: str) -> Value | None:
    from convlint.analyzer.annotations import from_annotation

    for info in run.mro(owner.cls):
        if name in info.assigned:
            return run.evaluate(Frame(info.module, traced=False), info.assigned[name])
        if name in info.annotations:
            return from_annotation(run, info.module, info.annotations[name])
    return None


def _of_class(run: Run, owner: Class, name: str) -> Value:
    info = run.method(owner.info, name)
    if info is not None:
        return Function(info, owner if "classmethod" in info.decorators else None)
    for cls in run.mro(owner.info):
        if name in cls.assigned:
            if run.outside_bases(owner.info) == ["enum.Enum"]:
                return Const(f"{cls.module.name}.{cls.qualname}.{name}")  # a text that equals itself alone
            return run.evaluate(Frame(cls.module, traced=False), cls.assigned[name])
    if name == "apply":
        forward = run.method(owner.info, "forward")
        if forward is not None:  # an autograd.Function: the context comes first
            routes = DYNAMO if run.method(owner.info, "symbolic") else ALL_ROUTES - {"jit_trace"}
            called = Partial(Function(forward), (UNKNOWN,))
            return Wrapped(called, routes, autograd=owner.info.node.name)  # `torch.jit.trace` calls it as it is
    return UNKNOWN


def _of_name(run: Run, owner: Name, name: str) -> Value:
    qualified = f"{owner.qualified}.{name}"
    module = run.project.module(owner.qualified)
    if module is not None:
        value = run.global_name(module, name)
        if value is not None:
            return value
    kind = library_facts.numpy().constants.get(name) if owner.qualified == "numpy" else None
    if kind is not None:
        return NONE if kind == "NoneType" else Number(kind)
    return _CONSTANTS.get(qualified, Name(qualified))


_CONSTANTS: dict[str, Value] = {
    "math.pi": Number("float"),
    "math.inf": Number("float"),
    "math.e": Number("float"),
    "torch.inf": Number("float"),
    "torch.pi": Number("float"),
}


def _of_unknown(run: Run, frame: Frame, node: ast.Attribute, owner: Unknown) -> Value:
    if node.attr in TENSOR_ONLY and owner.taint >= Taint.state:
        tensor = run.tensor(None, None, owner.taint, sure=False)
        if isinstance(node.value, ast.Name) and isinstance(frame.env.get(node.value.id), Unknown):
            frame.env[node.value.id] = tensor  # its use says what it is
        return of_tensor(run, frame, node, tensor)
    return Unknown(owner.taint, owner.module)


def _of_layer(run: Run, node: ast.Attribute, owner: Layer) -> Value:
    name = node.attr
    if name in ("weight", "bias", "running_mean", "running_var"):
        what = "buffer" if name.startswith("running") else "parameter"
        return run.tensor("float", None, Taint.state, state=f"{what}:{ast.unparse(node)}")
    for key, value in owner.arguments:
        if key == name:
            return value
    if name == "training":
        return FALSE
    if name in (
        "register_forward_hook",
        "register_forward_pre_hook",
        "parameters",
        "append",
        "add_module",
        "eval",
        *CONVERSIONS,
    ):
        return Method(owner, name, node)
    if name == "forward":
        return owner
    return Number("int") if name in ("in_channels", "out_channels", "in_features", "out_features") else UNKNOWN


GUARDS: dict[str, Value] = {
    "torch.jit.is_tracing": Guard(TORCHSCRIPT),
    "torch._C._get_tracing_state": Guard(TORCHSCRIPT),
    "torch.jit.is_scripting": FALSE,
    "torch.onnx.is_in_onnx_export": Guard(frozenset({"onnx_torchscript", "onnx_dynamo"})),
    "torch.compiler.is_exporting": Guard(DYNAMO),
    "torch.compiler.is_compiling": Guard(DYNAMO),
    "torch.compiler.is_dynamo_compiling": Guard(frozenset({"onnx_dynamo"})),  # which tries strict mode as well
    "torch._dynamo.is_compiling": Guard(DYNAMO),
    "torch._dynamo.external_utils.is_compiling": Guard(DYNAMO),
    "torch._utils.is_compiling": Guard(DYNAMO),
    "torch.fx._symbolic_trace.is_fx_tracing": Guard(DYNAMO),
    "torch.is_grad_enabled": Number("bool"),
    "torchvision._is_tracing": Guard(TORCHSCRIPT),
    **{
        f"{module}.{name}": Guard(routes)
        for module in ("transformers.utils", "transformers.utils.import_utils")
        for name, routes in (
            ("is_jit_tracing", TORCHSCRIPT),
            ("is_torchdynamo_compiling", DYNAMO),
            ("is_torchdynamo_exporting", DYNAMO),
            ("is_tracing", ALL_ROUTES),
        )
    },
}
"""Functions by which code asks whether it is being exported: torch's, and what libraries make of them."""

__all__ = ["GUARDS", "attribute", "of_instance", "shape_of", "size_taint", "taint_of"]
