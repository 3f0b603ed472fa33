"""Whether a node's inputs fit its operator, and what would make them fit: a newer opset, or Casts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from convlint.graph import schemas, types
from convlint.graph.problems import Cast, Wrong
from convlint.graph.schemas import Parameter, Signature
from convlint.graph.values import Value

Narrowed = Mapping[int, frozenset[str]]
"""By place of an input, to what a target narrows the types that it may have."""


def misfits(signature: Signature, inputs: Sequence[Value]) -> list[Wrong]:
    """All inputs whose types the operator does not allow, and all that must be alike and are not."""
    refused: dict[tuple[str, str], list[tuple[int, Parameter]]] = {}
    for at, value, formal in _bound(signature, inputs):
        if value.kind not in formal.allowed:
            refused.setdefault((formal.kind, value.kind), []).append((at, formal))
    found = [_refused(kind, places) for (_, kind), places in refused.items()]
    for group in _groups(signature, inputs):
        kinds = types.ordered({value.kind for _, value, _ in group})
        if len(kinds) > 1 and group[0][2].alike and len(group[0][2].allowed) > 1:
            found.append(_mixed(group, kinds))
    return found


def _refused(kind: str, places: Sequence[tuple[int, Parameter]]) -> Wrong:
    named = ", ".join(f"{at} `{_named(formal, at)}`" for at, formal in places)
    verb = "inputs {} are" if len(places) > 1 else "input {} is"
    return Wrong(
        "type",
        f"{verb.format(named)} {types.readable(kind)}",
        tuple(at for at, _ in places),
        _readable(places[0][1].allowed),
    )


def _mixed(group: Sequence[tuple[int, Value, Parameter]], kinds: Sequence[str]) -> Wrong:
    parts = []
    for kind in kinds:
        named = ", ".join(f"{at} `{_named(formal, at)}`" for at, value, formal in group if value.kind == kind)
        parts.append(f"{types.readable(kind)} ({named})")
    return Wrong(
        "mixed",
        f"inputs must be of one type, but are {' and '.join(parts)}",
        tuple(at for at, _, _ in group),
        _readable(group[0][2].allowed),
    )


def _named(formal: Parameter, at: int) -> str:
    return f"{formal.name}[{at}]" if formal.variadic else formal.name


_NAMES = 14
"""Allowed types that are listed by name; of more, sequences and the like are left out."""


def _readable(kinds: Iterable[str]) -> tuple[str, ...]:
    allowed = tuple(map(types.readable, types.ordered(kinds)))
    return allowed if len(allowed) <= _NAMES else tuple(one for one in allowed if "(" not in one)


def _bound(signature: Signature, inputs: Sequence[Value]) -> Iterator[tuple[int, Value, Parameter]]:
    """The inputs whose type is known, each with its place and its formal input."""
    for at, value in enumerate(inputs):
        formal = signature.input(at)
        if formal is not None and value.kind:
            yield at, value, formal


def _groups(signature: Signature, inputs: Sequence[Value]) -> list[list[tuple[int, Value, Parameter]]]:
    """The inputs that are bound to one type variable together."""
    groups: dict[str, list[tuple[int, Value, Parameter]]] = {}
    for at, value, formal in _bound(signature, inputs):
        key = formal.kind if formal.alike and "(" not in formal.kind else f"{at}"
        groups.setdefault(key, []).append((at, value, formal))
    return list(groups.values())


def newer_opsets(signature: Signature, inputs: Sequence[Value]) -> list[int]:
    """The newer opsets with a version of the operator that takes the types of these inputs."""
    return [
        version
        for version in schemas.versions(signature.operator, signature.domain)
        if version > signature.since
        and (newer := schemas.signature(signature.operator, signature.domain, version))
        and not misfits(newer, inputs)
    ]


class Output(NamedTuple):
    """An output of a node."""

    name: str
    declared: str = ""
    """The type that the file declares, empty where it does not."""


@dataclass(frozen=True)
class Mended:
    """How Casts make a node fit."""

    casts: tuple[Cast, ...]
    inputs: Mapping[int, str]
    """The types of the inputs after them, by place."""
    outputs: Mapping[int, str]
    """The types that outputs are cast back to."""


def mended(
    signature: Signature, inputs: Sequence[Value], outputs: Sequence[Output], narrowed: Narrowed | None = None
) -> Mended | None:
    """The Casts that make inputs fit (and a target take them), None where none do."""
    casts: list[Cast] = []
    kinds: dict[int, str] = {}
    variables: dict[str, tuple[str, str]] = {}
    for group in _groups(signature, inputs):
        meant, new = _meant_and_new(group, narrowed or {})
        if not new:
            return None
        for at, value, formal in group:
            kinds[at] = new
            if value.kind != new:
                casts.append(Cast(value.name, types.readable(value.kind), types.readable(new), loses=_loss(value, new)))
            if formal.alike and len(formal.allowed) > 1:
                variables[formal.kind] = (new, meant)
    back: dict[int, str] = {}
    for at, output in enumerate(outputs):
        made = signature.output(at)
        new, meant = variables.get(made.kind if made else "", ("", ""))
        wanted = output.declared or meant
        if output.name and new and wanted != new:
            back[at] = wanted
            casts.append(Cast(output.name, types.readable(new), types.readable(wanted), after=True))
    return Mended(tuple(dict.fromkeys(casts)), kinds, back)


def _loss(value: Value, new: str) -> str:
    """What a Cast of a value loses; of a constant that is one number nobody asks."""
    return "" if value.is_scalar and value.constant is not None else types.loss(value.kind, new)


def _meant_and_new(group: Sequence[tuple[int, Value, Parameter]], narrowed: Narrowed) -> tuple[str, str]:
    """The type that a group of inputs would have if all went, and the one that goes."""
    allowed = frozenset.intersection(*(formal.allowed & narrowed.get(at, formal.allowed) for at, _, formal in group))
    every = {value.kind for _, value, _ in group}
    tensors = {value.kind for _, value, _ in group if not value.is_scalar}
    meant = next(iter(every)) if len(every) == 1 else types.promoted(every)
    if types.promoted(tensors) and types.category(types.promoted(tensors)) == types.category(meant):
        meant = types.promoted(tensors)  # as in torch, a scalar widens nothing within its category
    return meant, types.nearest(meant, allowed) if meant else ""
