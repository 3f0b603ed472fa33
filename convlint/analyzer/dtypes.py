"""The dtype classes that names stand for."""

from __future__ import annotations

from convlint.analyzer.calls import Arguments
from convlint.analyzer.values import NONE, Name, Tensor

CASTS = {"float": "float", "half": "float", "double": "float", "bfloat16": "float", "int": "int", "long": "int"}
CASTS |= {"short": "int", "byte": "int", "char": "int", "bool": "bool"}
DTYPES = {
    "float": "float", "float16": "float", "float32": "float", "float64": "float", "half": "float", "double": "float",
    "bfloat16": "float", "int": "int", "int8": "int", "int16": "int", "int32": "int", "int64": "int", "long": "int",
    "short": "int", "uint8": "int", "bool": "bool", "complex64": "complex", "complex128": "complex",
    "cfloat": "complex",
}  # fmt: skip


def asked_dtype(arguments: Arguments, otherwise: str | None) -> str | None:
    """What ``dtype=`` names, None where that is not known; or another where it is not given."""
    asked = arguments.keywords.get("dtype", NONE)
    return otherwise if asked == NONE else cast_dtype(Arguments(keywords={"dtype": asked}))


def cast_dtype(arguments: Arguments) -> str | None:
    """The dtype class that ``to(...)`` names; '' keeps the tensor's."""
    for value in arguments.all():
        if isinstance(value, Name) and value.qualified.startswith("torch."):
            return DTYPES.get(value.qualified.rpartition(".")[2])
        if isinstance(value, Tensor):
            return value.dtype
    return None
