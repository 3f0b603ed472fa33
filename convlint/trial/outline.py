"""What tells a model and its graphs apart from others, without weights, names and places: for ``convlint lock``."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import torch

from convlint.trial.compare import named_leaves
from convlint.trial.job import Fingerprint, Leaf, Outline

_NAME = re.compile(r"%[\w.:/]+")
_PLACE = re.compile(r", scope: .*|\s+#.*")
_OPERATOR = re.compile(r"= (\w+::\w+)")
_NUMBERS = 16
"""How many numbers are kept of a tensor, besides the mean of their sizes."""
_ALWAYS = ("torch", "onnx", "onnxscript", "onnxruntime")


def outline_of(exported: Any) -> Outline:
    """What is kept of a traced module, of a program, or of the ONNX file at a path."""
    if isinstance(exported, Path):
        return _of_file(exported)
    return _of_program(exported) if hasattr(exported, "graph_module") else _of_trace(exported)


def _of_trace(traced: Any) -> Outline:
    names: dict[str, str] = {}
    lines = [
        _NAME.sub(lambda found: names.setdefault(found[0], f"%{len(names)}"), _PLACE.sub("", line).strip())
        for line in str(traced.inlined_graph).splitlines()
    ]
    return _outline(lines, (found[1] for line in lines if (found := _OPERATOR.search(line))))


def _of_program(program: Any) -> Outline:
    names: dict[Any, str] = {}
    lines, operators = [], []
    for node in program.graph.nodes:
        names[node] = f"%{len(names)}"
        operators.append(str(node.target) if node.op == "call_function" else node.op)
        lines.append(f"{operators[-1]} {[names.get(one, repr(one)) for one in _flat((node.args, node.kwargs))]}")
    return _outline(lines, operators)


def _of_file(path: Path) -> Outline:
    import onnx

    names: dict[str, str] = {}
    lines, operators = [], []
    for node in onnx.load(path).graph.node:
        given = [names.setdefault(name, f"%{len(names)}") for name in (*node.input, *node.output)]
        operators.append(node.op_type)
        lines.append(f"{node.op_type} {given} {sorted(map(onnx.helper.printable_attribute, node.attribute))}")
    return _outline(lines, operators)


def fingerprint(model: torch.nn.Module, outputs: Mapping[str, Any], files: Iterable[str]) -> Fingerprint:
    """What is kept of a model, of its results by sample, and of the files that it runs."""
    state = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    texts = {path: Path(path).read_bytes() for path in files if Path(path).is_file()}
    return Fingerprint(
        parameters={name: f"{_dtype(value)}{list(value.shape)}" for name, value in state.items()},
        outputs={sample: dict(_leaves(value)) for sample, value in outputs.items()},
        files={path: hashlib.sha256(text).hexdigest()[:16] for path, text in texts.items()},
        packages=dict(sorted(_packages(texts.values()))),
    )


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _flat(one)
    elif isinstance(value, dict):
        yield from _flat(tuple(value.items()))
    else:
        yield value


def _outline(lines: Iterable[str], operators: Iterable[str]) -> Outline:
    text = "\n".join(lines).encode()
    return Outline(hash=hashlib.sha256(text).hexdigest()[:16], operators=dict(sorted(Counter(operators).items())))


def _leaves(value: Any) -> Iterator[tuple[str, Leaf]]:
    for name, leaf in named_leaves(value, deep=True):
        if isinstance(leaf, (torch.Tensor, int, float, complex)):
            tensor = torch.as_tensor(leaf).detach()
            yield name, Leaf(dtype=_dtype(tensor), shape=tuple(tensor.shape), numbers=tuple(_numbers(tensor)))


def _numbers(tensor: torch.Tensor) -> Iterator[float]:
    """Numbers at even distances, then the mean size of all."""
    flat = (tensor.abs() if tensor.is_complex() else tensor).reshape(-1).double().nan_to_num()
    if flat.numel():
        yield from flat[:: -(-flat.numel() // _NUMBERS)].tolist()
        yield float(flat.abs().mean())


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _packages(texts: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """The versions of Python, of the exporters, and of what is installed and imported by the files."""
    yield "python", ".".join(map(str, sys.version_info[:2]))
    installed = packages_distributions()
    imported = {name for text in texts for name in _imported(text)}
    for distribution in {one for name in (*_ALWAYS, *imported) for one in installed.get(name, ())}:
        yield distribution, version(distribution)


def _imported(text: bytes) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
