"""Equal values, put in another order than eager puts them: torch leaves it open, and every runtime has one of its own.

``torch.topk`` and ``torch.sort`` say nothing of the order of equal values (unless asked to be ``stable``), nor does
``torchvision.ops.nms`` of equal scores: https://docs.pytorch.org/docs/stable/generated/torch.sort.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Ties(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it equal values are in the order of their places, or ``backwards`` in the opposite one."""

    def __init__(self, *, backwards: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._backwards = backwards

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.name()
        if name == "aten::topk":
            return self._top(*args, **kwargs)
        if name in ("aten::sort", "aten::sort.stable") and not kwargs.get("stable"):
            return self._sorted(*args, **{key: value for key, value in kwargs.items() if key != "stable"})
        if name == "torchvision::nms" and self._backwards:
            boxes, scores, threshold = args
            return len(scores) - 1 - func(boxes.flip(0), scores.flip(0), threshold)
        return func(*args, **kwargs)

    def _top(
        self, values: torch.Tensor, k: int, dim: int = -1, largest: bool = True, *_: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not values.dim():
            return values.clone(), torch.zeros_like(values, dtype=torch.int64)
        ordered, places = self._sorted(values, dim, largest)
        return ordered.narrow(dim, 0, k).contiguous(), places.narrow(dim, 0, k).contiguous()

    def _sorted(
        self, values: torch.Tensor, dim: int = -1, descending: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self._backwards or not values.dim():
            ordered, places = torch.sort(values, stable=True, dim=dim, descending=descending)
            return ordered, places
        ordered, places = torch.sort(values.flip(dim), stable=True, dim=dim, descending=descending)
        return ordered, values.shape[dim] - 1 - places
