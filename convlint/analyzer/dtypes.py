"""The dtype classes that names stand for."""

from __future__ import annotations

from convlint.analyzer.calls import Arguments
from convlint.analyzer.values import NONE, Name, Tensor

CASTS = ("float", "half", "double", "bfloat16", "int", "long", "short", "byte", "char", "bool")
"""Methods of a tensor that convert it."""
DTYPES = {
    "float": "float", "float16": "float", "float32": "float", "float64": "float", "half": "float", "double": "float",
    "bfloat16": "float", "int": "int", "int8": "int", "int16": "int", "int32": "int", "int64": "int", "long": "int",
    "short": "int", "uint8": "int", "bool": "bool", "complex64": "complex", "complex128": "complex",
    "cfloat": "complex",
}  # fmt: skip
ALIASES = {"float": "float32", "half": "float16", "double": "float64", "int": "int32", "long": "int64"}
ALIASES |= {"short": "int16", "byte": "uint8", "char": "int8"}
"""Other names of dtypes, as attributes of ``torch`` and as methods."""


def exact(name: str) -> str:
    """The dtype of a name, of which it may be an alias: ``torch.long`` is ``int64``."""
    last = name.rpartition(".")[2]
    return ALIASES.get(last, last if last in DTYPES else "")


def asked_dtype(arguments: Arguments, otherwise: str | None) -> str | None:
    """The class of what ``dtype=`` names, None where that is not known; or another where it is not given."""
    asked = arguments.keywords.get("dtype", NONE)
    return otherwise if asked == NONE else named_dtype(Arguments(keywords={"dtype": asked}))[0]


def asked_exactly(arguments: Arguments, otherwise: str = "") -> str:
    """What ``dtype=`` names, '' where that is not known; or another where it is not given."""
    asked = arguments.keywords.get("dtype", NONE)
    return otherwise if asked == NONE else named_dtype(Arguments(keywords={"dtype": asked}))[1]


def named_dtype(arguments: Arguments) -> tuple[str | None, str]:
    """The class of the dtype that ``to(...)`` names, or that of the tensor that it names, and the dtype itself."""
    for value in arguments.all():
        if isinstance(value, Name) and value.qualified.startswith("torch."):
            return DTYPES.get(value.qualified.rpartition(".")[2]), exact(value.qualified)
        if isinstance(value, Tensor):
            return value.dtype, value.exact
    return None, ""
