"""Operators in a row that a target gets wrong together, though it takes each of them: its own rewriting of graphs."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

FAULTS = Path(__file__).with_name("faults.json")
LONGEST = 5


class Fault(msgspec.Struct, frozen=True):
    """A chain that a version of a target was seen to get wrong."""

    chain: str
    """``HardSigmoid[alpha=0.166667,beta=0.5] Mul(1v)``: operators with the numbers that they are written with, and,
    behind the first, the place of what comes from before and what else is given: c a constant, v what is computed."""
    written: str
    """Which layer becomes this, and by which exporter."""
    what: str
    """What the target does."""
    version: str
    date: str
    dtype: str = "float32"


@functools.cache
def faults() -> dict[str, tuple[Fault, ...]]:
    """By target."""
    return msgspec.json.decode(FAULTS.read_bytes(), type=dict[str, tuple[Fault, ...]])


@functools.cache
def known_chains() -> frozenset[str]:
    """The chains that any target gets wrong."""
    return frozenset(one.chain for listed in faults().values() for one in listed)


def is_chain(name: str) -> bool:
    """Whether what is called an operator is a chain of them."""
    return " " in name


def fault(target: str, chain: str) -> Fault | None:
    """What is known of a chain on a target."""
    return next((one for one in faults().get(target, ()) if one.chain == chain), None)


def in_words(chain: str) -> str:
    """``Erf, Add, Mul, Mul``."""
    return ", ".join(re.split(r"[(\[]", token)[0] for token in chain.split())


def chains(graph: Any) -> Iterator[tuple[str, Sequence[Any]]]:
    """The chains of a graph with their nodes: each node is the only one that takes what the one before it gives."""
    constants = {one.name for one in graph.initializer}
    constants |= {node.output[0] for node in graph.node if node.op_type == "Constant" and node.output}
    takers: dict[str, list[Any]] = {one.name: [None] for one in graph.output}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    for start in graph.node:
        if start.op_type == "Constant":
            continue
        nodes, tokens = [start], [_named(start)]
        while len(nodes) < LONGEST and nodes[-1].output:
            value = nodes[-1].output[0]
            following = takers.get(value, [])
            if len(following) != 1 or following[0] is None:
                break
            nodes.append(following[0])
            tokens.append(_token(following[0], value, constants))
            yield " ".join(tokens), tuple(nodes)


def _token(node: Any, value: str, constants: set[str]) -> str:
    others = "".join("c" if name in constants else "v" for name in node.input if name and name != value)
    return f"{_named(node)}({list(node.input).index(value)}{others})" if others else _named(node)


def _named(node: Any) -> str:
    """An operator with its attributes that are numbers with a point: a rewriting may look for them."""
    numbers = sorted(f"{one.name}={one.f:.6g}" for one in node.attribute if one.type == one.FLOAT)
    return f"{node.op_type}[{','.join(numbers)}]" if numbers else str(node.op_type)
