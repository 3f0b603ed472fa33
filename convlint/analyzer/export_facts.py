"""What torch's exporting functions take, and which layers have two modes. A test asks the installed torch."""

from __future__ import annotations

EXPORTS: dict[str, tuple[str, ...]] = {
    "torch.onnx.export": ("model", "args", "f"),
    "torch.jit.trace": (
        "func",
        "example_inputs",
        "optimize",
        "check_trace",
        "check_inputs",
        "check_tolerance",
        "strict",
    ),
    "torch.export.export": ("mod", "args", "kwargs"),
}
"""The parameters that may be given by position. The first is the model."""

POSITIONAL: dict[str, tuple[str, ...]] = EXPORTS | {"torch.load": ("f", "map_location", "pickle_module")}

MODAL = frozenset(
    [
        "AlphaDropout",
        "BatchNorm1d",
        "BatchNorm2d",
        "BatchNorm3d",
        "Dropout",
        "Dropout1d",
        "Dropout2d",
        "Dropout3d",
        "FeatureAlphaDropout",
        "LazyBatchNorm1d",
        "LazyBatchNorm2d",
        "LazyBatchNorm3d",
        "RReLU",
        "SyncBatchNorm",
        "TransformerEncoderLayer",
    ]
)
"""Layers of ``torch.nn`` that compute otherwise while training, made with their defaults."""

KEEPS_MODE = frozenset(
    [
        "bfloat16",
        "buffers",
        "children",
        "cpu",
        "cuda",
        "double",
        "float",
        "forward",
        "half",
        "load_state_dict",
        "modules",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "requires_grad_",
        "state_dict",
        "to",
        "type",
        "zero_grad",
    ]
)
"""Methods of ``nn.Module`` that leave the mode of a model as it is."""

RETURNS_MODULE = frozenset(["bfloat16", "cpu", "cuda", "double", "float", "half", "requires_grad_", "to", "type"])
"""Those that give back the module; of a tensor they keep the sizes."""

TENSORS = frozenset(f"torch.{name}" for name in ("empty", "ones", "rand", "randn", "zeros"))
"""Functions that make a tensor of the sizes that they are given."""
