"""What torch keeps of one export for the next, where that makes the next another one than in a process of its own."""

from __future__ import annotations

import torch

_LOOPS = ("lstm", "gru")
"""The operators whose kernels ``torch.onnx`` exchanges while it exports: loops stand in for what is unrolled else."""


def forget_dispatched() -> None:
    """Lets the next export choose its kernels.

    torch 2.13 registers and removes those loops without clearing what it has dispatched before, so that a model with
    an ``nn.LSTM`` was exported by what the export before it had used. To be called before each.
    """
    for name in _LOOPS:
        cached = getattr(getattr(torch.ops.aten, name).input, "_dispatch_cache", None)
        if cached is not None:
            cached.clear()
