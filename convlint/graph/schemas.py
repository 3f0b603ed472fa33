"""What ONNX says of operators: their versions, what their inputs may be, how they are made of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import FunctionProto, NodeProto
    from onnx.defs import OpSchema

    from convlint.graph.values import Value

DEFAULT = ""
_VARIADIC, _OPTIONAL = "Variadic", "Optional"


def domain_of(name: str) -> str:
    """A domain by its one name: the default one has two."""
    return DEFAULT if name == "ai.onnx" else name


@dataclass(frozen=True)
class Parameter:
    """A formal input or output."""

    name: str
    kind: str
    """A type variable (``T``) or a type (``tensor(int64)``)."""
    variadic: bool
    optional: bool
    alike: bool
    """Whether all that are bound to the variable are of one type."""
    allowed: frozenset[str]


@dataclass(frozen=True)
class Signature:
    """What one version of an operator takes and makes."""

    operator: str
    domain: str
    since: int
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]

    def input(self, at: int) -> Parameter | None:
        """The formal input at a place, None where there is none."""
        return _at(self.inputs, at)

    def output(self, at: int) -> Parameter | None:
        """The formal output at a place."""
        return _at(self.outputs, at)


def _at(parameters: Sequence[Parameter], at: int) -> Parameter | None:
    if at < len(parameters):
        return parameters[at]
    return parameters[-1] if parameters and parameters[-1].variadic else None


def schema(operator: str, domain: str, opset: int) -> OpSchema | None:
    """What ONNX knows of an operator at an opset, None where there is none; of a newer opset it knows what is old."""
    from onnx import defs

    if not 0 < opset < 2**31:
        return None
    try:
        return defs.get_schema(operator, opset, domain)
    except defs.SchemaError:
        return None


@cache
def signature(operator: str, domain: str, opset: int) -> Signature | None:
    """The signature of an operator at an opset, None where it has none."""
    known = schema(operator, domain, opset)
    if known is None:
        return None
    return Signature(
        operator,
        domain,
        known.since_version,
        tuple(_parameter(one) for one in known.inputs),
        tuple(_parameter(one) for one in known.outputs),
    )


def _parameter(formal: Any) -> Parameter:
    option = formal.option.name
    return Parameter(
        formal.name,
        formal.type_str,
        option == _VARIADIC,
        option == _OPTIONAL or (option == _VARIADIC and not formal.min_arity),
        formal.is_homogeneous,
        frozenset(formal.types),
    )


@cache
def versions(operator: str, domain: str) -> tuple[int, ...]:
    """The opsets that brought versions of an operator, oldest first; empty for one that ONNX does not know."""
    return _histories().get((domain, operator), ())


@cache
def _histories() -> dict[tuple[str, str], tuple[int, ...]]:
    from onnx import defs

    found: dict[tuple[str, str], set[int]] = {}
    for one in defs.get_all_schemas_with_history():
        found.setdefault((one.domain, one.name), set()).add(one.since_version)
    return {key: tuple(sorted(value)) for key, value in found.items()}


@cache
def operators(domain: str) -> tuple[str, ...]:
    """All operators of a domain."""
    return tuple(name for known, name in _histories() if known == domain)


@cache
def domains() -> frozenset[str]:
    """The domains that ONNX knows."""
    return frozenset(domain for domain, _ in _histories())


@cache
def is_function(operator: str, domain: str, opset: int) -> bool:
    """Whether ONNX says how an operator is made of others, at least of some inputs."""
    known: Any = schema(operator, domain, opset)  # its stubs do not know of functions
    return known is not None and bool(known.has_function or known.has_context_dependent_function)


def depends_on_inputs(operator: str, domain: str, opset: int) -> bool:
    """Whether what an operator is made of depends on the types and sizes of its inputs."""
    known: Any = schema(operator, domain, opset)
    return known is not None and not known.has_function and known.has_context_dependent_function


def body(node: NodeProto, domain: str, opset: int, inputs: Sequence[Value]) -> FunctionProto | None:
    """How ONNX makes an operator of others, given the types of its inputs; None where it does not say, or says it for
    older versions of the others."""
    from onnx import FunctionProto, TypeProto, helper

    known: Any = schema(node.op_type, domain, opset)  # its stubs do not know of functions
    if known is None:
        return None
    text = b""
    if known.has_function:
        fitting = [one for one in known.function_opset_versions if one <= opset]
        text = known.get_function_with_opset_version(max(fitting)) if fitting else b""
        if not _still_means(FunctionProto.FromString(text), max(fitting, default=opset), opset):
            return None
    elif known.has_context_dependent_function and all(one.proto is not None for one in inputs if one.name):
        fitting = [one for one in known.context_dependent_function_opset_versions if one <= opset]
        types = [(one.proto or TypeProto()).SerializeToString() for one in inputs]
        try:
            if fitting:
                latest, asked = max(fitting), node.SerializeToString()
                text = known.get_context_dependent_function_with_opset_version(latest, asked, types)
        except Exception:  # of a node that contradicts itself nothing can be made
            return None
    if not text:
        return None
    function: FunctionProto = FunctionProto.FromString(text)
    defaults = (one.default_value for one in known.attributes.values())
    function.attribute_proto.extend(one for one in defaults if one.type)
    del function.opset_import[:]
    function.opset_import.append(helper.make_opsetid(domain, opset))
    return function


def _still_means(function: FunctionProto, written: int, opset: int) -> bool:
    """Whether a definition is of the same versions of operators at an opset as at the one that it was written for."""
    used = {one.op_type for one in function.node}
    return all(_since(name, written) == _since(name, opset) for name in used)


def _since(operator: str, opset: int) -> int:
    known = signature(operator, DEFAULT, opset)
    return known.since if known is not None else 0
