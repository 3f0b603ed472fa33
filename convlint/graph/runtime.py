"""ONNX Runtime, as exported models and parts of them are run in it."""

from __future__ import annotations

from typing import Any


def session(model: str | bytes, *, optimized: bool = False) -> Any:
    """A model, by its path or itself, on the CPU, which prints nothing; optimizations add up in another order.

    Raises:
        ImportError: ONNX Runtime is not installed. Others: it does not take the model.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait would take time
    if not optimized:
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
