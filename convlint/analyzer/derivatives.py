"""Derivatives that a model asks of autograd, which an exporter follows no further than any other computation."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from convlint.analyzer.run import ALL_ROUTES, DYNAMO, Frame, Run
from convlint.events import Derivative

REFUSED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "autograd.grad",
            "autograd.functional.hessian",
            "autograd.functional.jacobian",
            "func.grad",
            "func.grad_and_value",
            "func.hessian",
            "func.jacrev",
            "func.linearize",
            "func.vjp",
        ),
        ALL_ROUTES,
    ),
    **dict.fromkeys((f"autograd.functional.{name}" for name in ("hvp", "jvp", "vjp")), ALL_ROUTES - DYNAMO),
    "func.jacfwd": ALL_ROUTES - {"jit_trace"},
}
"""Functions of torch, and the routes that stop at them or are wrong; ``tests/trial/test_derivatives.py`` runs them."""


def note(run: Run, frame: Frame, node: ast.expr, name: str) -> None:
    """Notes a call of a function of torch, ``autograd.grad``, if it is one of these."""
    if name in REFUSED:
        run.emit(frame, Derivative, node, "", (), callee=f"torch.{name}", refused=REFUSED[name])
