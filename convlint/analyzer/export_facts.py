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

WITH_WEIGHTS = frozenset(
    [
        *(f"{kind}{n}d" for kind in ("BatchNorm", "Conv", "ConvTranspose") for n in (1, 2, 3)),
        *("Bilinear", "Embedding", "EmbeddingBag", "GRU", "GRUCell", "GroupNorm", "LSTM", "LSTMCell", "LayerNorm"),
        *("Linear", "MultiheadAttention", "PReLU", "RMSNorm", "RNN", "RNNCell", "SyncBatchNorm"),
        *("TransformerDecoderLayer", "TransformerEncoderLayer"),
    ]
)
"""Layers of ``torch.nn`` that have parameters, made with their defaults."""

RETURNS_MODULE = frozenset(["bfloat16", "cpu", "cuda", "double", "float", "half", "requires_grad_", "to", "type"])
"""Methods of ``nn.Module`` that give it back in the mode that it had; of a tensor they keep the sizes."""

KEEPS_MODE = RETURNS_MODULE | frozenset(
    [
        "buffers",
        "children",
        "forward",
        "load_state_dict",
        "modules",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "state_dict",
        "zero_grad",
    ]
)
"""Those and the others that leave the mode of a model as it is."""

CHANGING = frozenset(["append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "sort", "update"])
"""Methods of lists and dicts that change them."""

OF_MODULES = (KEEPS_MODE - RETURNS_MODULE) | {"add_module", "apply", "eval", "fuse", "register_forward_hook", "train"}
"""Methods that what is read from a file has only where it is a model: no tensor and no dict has them."""

SCRIPTING = frozenset(
    f"torch.jit.{name}" for name in ("freeze", "load", "optimize_for_inference", "script", "trace", "trace_module")
)
"""Functions that give a ``ScriptModule``, or a function of that kind."""

TENSORS = frozenset(f"torch.{name}" for name in ("empty", "ones", "rand", "randn", "zeros"))
"""Functions that make a tensor of the sizes that they are given."""
