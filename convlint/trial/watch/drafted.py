"""All places at which a model asks for what depends on values: ``torch.export`` itself stops at the first."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch._functorch import config
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from convlint.trial.hooks import replaced
from convlint.trial.routes import Export
from convlint.trial.watch.places import Place, Places

_SYMBOL = re.compile(r"\bz?uf?\d+\b")
"""What torch calls a number that it does not know."""


_FAKE = 4
"""Where torch is told what an operator gives without values, when it compares."""


class Asked(NamedTuple):
    """What a line asks for."""

    place: Place
    condition: str


class _TooLongError(Exception):
    """It took longer than it may."""


def asked(export: Export, places: Places, seconds: float) -> list[Asked]:
    """The lines, in order, at which numbers are asked for that depend on values, each number once.

    Torch takes their real values and goes on, as for ``draft_export``; it ends after so many CPU seconds. That one also
    writes down how every size came about, for a report, and exports once more where a size has become constant, which
    is several times the work.
    """
    found: list[Asked] = []
    known: set[str] = set()
    until = time.process_time() + seconds

    def noted(_: ShapeEnv, expression: Any, *_value: Any) -> None:
        condition = str(expression)
        numbers = set(_SYMBOL.findall(condition))
        if not numbers <= known and (place := places.of_caller()):
            found.append(Asked(place, condition))
        known.update(numbers)

    def unchecked(*given: Any) -> Any:
        """What an operator gives without values, not compared with what it gives with them: that asks for numbers."""
        if time.process_time() > until:
            raise _TooLongError
        return given[_FAKE]

    with (
        suppress(Exception),  # it fails where it likes: what was found until then is true
        config.patch(fake_tensor_propagate_real_tensors=True, generate_fake_kernels_from_real_mismatches=True),
        replaced(ShapeEnv, "_log_real_tensor_propagation", noted),
        replaced(FakeTensorMode, "_maybe_infer_fake_kernel_from_pytree_out", unchecked),
        torch.no_grad(),
    ):
        torch.export.export(export.model, export.args, dynamic_shapes=export.dynamic_shapes)
    return found
