"""The converters that take programs of torch, each a function of a stored program and its inputs.

They run in the process of the runtimes that take files, and import nothing of convlint, as those do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_IMAGES, _VOLUMES = 4, 5
"""The axes of images, and of weights of convolutions of volumes."""
_WITHOUT_STRIDE = 2
"""The arguments of a pooling that is told its size only."""
_CONTROL_FLOW = ("cond", "while_loop")
"""Operators of programs that are none of ATen's."""
UNEVEN, BY_DATA, VOLUMES, PRELU = "transposed_uneven", "data_strides", "volumes", "prelu_of_no_images"
SIX_AXES, UNSTRIDED = "six_axes", "no_stride"
TOLD_APART = (UNEVEN, BY_DATA, VOLUMES, PRELU, SIX_AXES, UNSTRIDED)
"""What overloads of operators are called here that converters may take otherwise: a transposed convolution with uneven
edges; what makes a tensor with a stride that depends on what a tensor holds; a convolution or a sampling of volumes; a
choice that is the last of what a PReLU is made of, which a converter may keep whole, of other axes than images have; an
axis that is put into a tensor which has six or more then; a pooling that is called without its stride."""


def coreml(path: str, _: Mapping[str, Any]) -> list[Any] | None:
    """Core ML, which runs on Apple's machines only: the program is converted, and nothing computed."""
    import coremltools
    import torch

    program = torch.export.load(path).run_decompositions({})
    coremltools.convert(program, convert_to="mlprogram", skip_model_load=True)
    return None


def litert(path: str, given: Mapping[str, Any]) -> list[Any]:
    """LiteRT: converted and run."""
    import litert_torch

    program, inputs = _loaded(path, given)
    try:
        model = litert_torch.convert(program.module(), inputs)
    except RuntimeError as error:
        if "detach views in-place" not in str(error):
            raise
        model = litert_torch.convert(program.run_decompositions({}).module(), inputs)  # what writes in place is gone
    try:
        return _arrays(model(*inputs))
    except ValueError as error:
        if "INT64 but expected type INT32" not in str(error):
            raise
        return _arrays(model(*(one.int() if str(one.dtype) == "torch.int64" else one for one in inputs)))


def executorch(path: str, given: Mapping[str, Any]) -> list[Any]:
    """ExecuTorch: what XNNPACK takes is left to it, and run."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.runtime import Runtime

    program, inputs = _loaded(path, given)
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    method = Runtime.get().load_program(lowered.buffer).load_method("forward")
    assert method is not None
    return _arrays(method.execute(inputs))


class Used(NamedTuple):
    """An operator of a program."""

    name: str
    dtype: str
    """Of its first input."""
    is_fixed: bool
    """Whether it computes constants only, and nothing that depends on what the program is given."""


def operators(program: Any) -> list[Used]:
    """The operators of a program, control flow among them."""
    varying, found = set(map(str, program.graph_signature.user_inputs)), dict[tuple[str, str], bool]()
    for node in program.graph.nodes:
        if not varying.isdisjoint(one.name for one in node.all_input_nodes):
            varying.add(node.name)
        name = _named(node)
        if node.op == "call_function" and name.startswith("aten."):
            key = name, _dtype(node)
            found[key] = found.get(key, True) and node.name not in varying
    return [Used(*key, is_fixed) for key, is_fixed in sorted(found.items())]


def _named(node: Any) -> str:
    name = str(node.target)
    if name in _CONTROL_FLOW:
        return f"aten.{name}"
    if name == "aten.convolution.default":
        kinds = {UNEVEN: _is_uneven(node.args[1], *node.args[3:]), VOLUMES: node.args[1].meta["val"].dim() == _VOLUMES}
        return f"aten.convolution.{'_'.join(kind for kind, is_so in kinds.items() if is_so) or 'default'}"
    if name == "aten.where.self" and str(node.meta.get("original_aten")) == "aten._prelu_kernel.default":
        return name if node.meta["val"].dim() == _IMAGES else f"aten.where.{PRELU}"
    if name == "aten.grid_sampler.default" and node.meta["val"].dim() == _VOLUMES:
        return f"aten.grid_sampler.{VOLUMES}"
    if name == "aten.unsqueeze.default" and node.meta["val"].dim() > _VOLUMES:
        return f"aten.unsqueeze.{SIX_AXES}"
    if name.startswith("aten.max_pool") and len(node.args) == _WITHOUT_STRIDE:
        return f"{name.rpartition('.')[0]}.{UNSTRIDED}"
    return f"{name.rpartition('.')[0]}.{BY_DATA}" if _is_strided_by_data(node) else name


def _is_strided_by_data(node: Any) -> bool:
    from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

    value = node.meta.get("val")
    is_dense = hasattr(value, "stride") and not value.is_sparse
    return is_dense and any(map(free_unbacked_symbols, value.stride()))


def _is_uneven(weight: Any, *options: Any) -> bool:
    """Whether a transposed convolution cuts its edges in another way than what frameworks call the same padding, or
    none; an edge that is added counts as less that is cut."""
    strides, paddings, _, transposed, added, _ = options
    if not transposed:
        return False
    sizes = weight.meta["val"].shape[2:]
    for size, stride, padding, more in zip(sizes, strides, paddings, added, strict=True):
        whole = max(size - stride, 0)
        if (padding, padding - more) not in ((0, 0), (whole // 2, whole - whole // 2)):
            return True
    return False


def _dtype(node: Any) -> str:
    values = (one.meta.get("val") for one in node.all_input_nodes)
    return next((str(one.dtype).removeprefix("torch.") for one in values if hasattr(one, "dtype")), "")


def _loaded(path: str, given: Mapping[str, Any]) -> tuple[Any, tuple[Any, ...]]:
    import torch

    return torch.export.load(path), tuple(torch.from_numpy(one) for one in given.values())


def _arrays(found: Any) -> list[Any]:
    import numpy
    from torch.utils import _pytree as pytree

    return [numpy.asarray(one.detach() if hasattr(one, "detach") else one) for one in pytree.tree_leaves(found)]


CONVERTERS: dict[str, Callable[[str, Mapping[str, Any]], list[Any] | None]] = {
    "coreml": coreml,
    "litert": litert,
    "executorch": executorch,
}
CONVERTER_MODULES = {"coreml": "coremltools", "litert": "litert_torch", "executorch": "executorch"}
"""What is imported of each."""
