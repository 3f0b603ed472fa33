"""convlint: what a PyTorch engineer runs before exporting a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convlint.api import check, fix, preflight, prove

__version__ = "0.1.0"
__all__ = ["check", "fix", "preflight", "prove"]


def __getattr__(name: str) -> Any:
    """The functions of ``convlint.api``, imported when they are asked for."""
    if name in __all__:
        from convlint import api

        return getattr(api, name)
    raise AttributeError(f"module `convlint` has no attribute `{name}`")
