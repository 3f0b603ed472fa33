"""ONNX Runtime as parts of a model are computed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import ModelProto


def session(model: ModelProto) -> Any:
    """A session on the CPU that prints nothing, without optimizations, which would add up in another order.

    Raises:
        ImportError: ONNX Runtime is not installed. Others: it does not take the model.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
