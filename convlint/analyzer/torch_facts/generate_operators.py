"""Makes ``operators.json``: ``python -m convlint.analyzer.torch_facts.generate_operators``.

Which operators a torch function or layer becomes: in ONNX, by exporter and opset, and in the graphs that the
converters which do not read ONNX begin with. Each is called as torch's own operator tests call it, which need
``expecttest``; what is stored are the operators that all those calls have in common. The TorchScript exporter is
asked for the lowest and the highest opset, and for those between where the two differ.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import torch
from torch.utils import _pytree as pytree

from convlint.analyzer.torch_facts.generate import attempt, in_processes, quiet

DTYPES = {"f": torch.float32, "i": torch.int64, "b": torch.bool}
OPSETS = (9, 13, 17, 20)
"""Where the TorchScript exporter is asked first."""
DYNAMO_OPSET = 20
"""What `torch.onnx.export` writes by default."""
ENOUGH = {"f": 4, "i": 2, "b": 1}
"""How many calls of each dtype are measured."""
UNWANTED = re.compile(
    r"torch\.(__|masked\.|sparse\.|jiterator|torch\.|signal\.|_)|.*(_copy|backward|_strided|inplace|polynomial_\w+|bessel\w*)$"
    r"|.*(Loss|_loss|loss_\w+|cross_entropy\w*|kl_div)$|Lazy"
)
"""Of what torch has sample calls for: what is no public function, and what only training calls."""
GLUE = frozenset({"Constant", "Identity", "aten::size", "aten::Int"})
PRELOAD = ["torch.testing._internal.common_methods_invocations", "torch.testing._internal.common_modules"]
PRELOAD += ["convlint.analyzer.torch_facts.operators_server"]


class Sampled(torch.nn.Module):
    """A call of a function of tensors and constants, as a module of the tensors; ``made`` is how a layer is written."""

    def __init__(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], made: str = ""
    ) -> None:
        super().__init__()
        self.function = function
        self.made = made
        leaves, self.tree = pytree.tree_flatten((tuple(args), kwargs))
        self.constants = [None if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        self.places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
        self.tensors = tuple(leaves[i].detach().clone() for i in self.places)
        self.eval()  # an exporter puts back the mode that it finds

    def forward(self, *tensors: torch.Tensor) -> Any:
        """What the function returns."""
        leaves = list(self.constants)
        for place, tensor in zip(self.places, tensors, strict=True):
            leaves[place] = tensor
        args, kwargs = pytree.tree_unflatten(leaves, self.tree)
        return self.function(*args, **kwargs)


class Lowered(NamedTuple):
    """The operators of one call, in the graphs of both ONNX exporters and in three others."""

    torchscript: dict[int, frozenset[str] | str]
    """By opset; the operator for which it was refused, where it was."""
    dynamo: frozenset[str] | None = None
    traced: frozenset[str] | None = None
    exported: frozenset[str] | None = None
    core: frozenset[str] | None = None
    """Taken apart into the core operators of ATen."""


def names() -> list[str]:
    """Functions (``torch.diff``) and layers (``RMSNorm``) of which torch has sample calls."""
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db

    layers = {info.module_cls.__name__ for info in module_db if info.module_cls.__module__.startswith("torch.nn.")}
    functions = {f"torch.{info.name}" for info in op_db}
    return sorted(name for name in functions | layers if not UNWANTED.match(name))


def calls(name: str, letter: str, most: int | None = None) -> list[Sampled]:
    """Calls of a function or layer on tensors of a dtype that eager takes, as unlike one another as there are."""
    made = chain.from_iterable(_function_calls(name, letter) if "." in name else _layer_calls(name, letter))
    works = [call for call in islice(made, 60) if _is_usable(call)]
    count = min(ENOUGH[letter] if most is None else most, len(works))
    return [works[round(i * (len(works) - 1) / max(count - 1, 1))] for i in range(count)]


def _is_usable(call: Sampled) -> bool:
    """Whether a call gives tensors, of a tensor that has an axis and elements."""
    if not call.tensors or call.tensors[0].dim() == 0 or any(one.numel() == 0 for one in call.tensors):
        return False
    results = pytree.tree_leaves(attempt(lambda: call(*(one.clone() for one in call.tensors))))
    return bool(results) and all(isinstance(one, torch.Tensor) for one in results)


def _function_calls(name: str, letter: str) -> Iterator[Iterator[Sampled]]:
    from torch.testing._internal.common_methods_invocations import op_db

    dtype = DTYPES[letter]
    known: list[Any] = op_db
    for info in known:
        if f"torch.{info.name}" == name and dtype in info.supported_dtypes("cpu"):
            samples = info.sample_inputs("cpu", dtype)
            yield (Sampled(info.op, (one.input, *one.args), one.kwargs) for one in samples)


def _layer_calls(name: str, letter: str) -> Iterator[Iterator[Sampled]]:
    from torch.testing._internal.common_modules import module_db

    for info in module_db:
        if info.module_cls.__name__ == name and letter == "f":
            samples = info.module_inputs_func(info, "cpu", DTYPES[letter], False, False)
            yield (
                Sampled(
                    info.module_cls(*one.constructor_input.args, **one.constructor_input.kwargs).eval(),
                    one.forward_input.args,
                    one.forward_input.kwargs,
                    made=f"nn.{name}({written(one.constructor_input.args, one.constructor_input.kwargs)})",
                )
                for one in samples
                if one.forward_input is not None
            )


def written(args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """Arguments as they are written in a call."""
    return ", ".join([*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())])


# --- what becomes of a call --------------------------------------------------------------------------------------


def lowered(call: Sampled, through_export: bool) -> Lowered:
    """Exports a call in all ways."""
    torchscript = by_opset(partial(_torchscript, call), OPSETS)
    traced = attempt(lambda: _traced(call))
    program = attempt(lambda: torch.export.export(call, call.tensors, strict=False)) if through_export else None
    if program is None:
        return Lowered(torchscript, None, traced)
    return Lowered(
        torchscript,
        attempt(lambda: _dynamo(program)),
        traced,
        attempt(lambda: _targets(program.run_decompositions({}))),
        attempt(lambda: _targets(program.run_decompositions())),
    )


def by_opset(ask: Callable[[int], frozenset[str] | str], opsets: Sequence[int]) -> dict[int, frozenset[str] | str]:
    """What is found at these opsets, and between them where two neighbours differ."""
    found = {opset: ask(opset) for opset in opsets}

    def between(low: int, high: int) -> None:
        middle = (low + high) // 2
        if middle > low and found[low] != found[high]:
            found[middle] = ask(middle)
            between(low, middle)
            between(middle, high)

    for low, high in pairwise(opsets):
        between(low, high)
    return dict(sorted(found.items()))


def _torchscript(call: Sampled, opset: int) -> frozenset[str] | str:
    file = io.BytesIO()
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            torch.onnx.export(call, call.tensors, file, dynamo=False, opset_version=opset)  # type: ignore[arg-type]
        except Exception as error:
            named = re.search(r"aten::\w+", str(error))
            return named[0] if named else "?"
    return _onnx_operators(onnx.shape_inference.infer_shapes(onnx.load_from_string(file.getvalue())))


def _dynamo(program: Any) -> frozenset[str]:
    with contextlib.redirect_stdout(io.StringIO()):
        exported = torch.onnx.export(program, dynamo=True, opset_version=DYNAMO_OPSET, verbose=False)
    assert exported is not None
    return _onnx_operators(exported.model_proto)


def _onnx_operators(model: Any) -> frozenset[str]:
    """``Sub/f``: each operator of a graph with the letter of its first input's dtype."""
    graph = model.graph
    types = {one.name: one.type.tensor_type.elem_type for one in [*graph.input, *graph.value_info, *graph.output]}
    types |= {one.name: one.data_type for one in graph.initializer}
    found = set()
    for node in _nodes(graph):
        name = f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        letter = _letter(types.get(node.input[0] if node.input else "", 0))
        found.add(f"{name}/{letter}")
    return frozenset(one for one in found if one.partition("/")[0] not in GLUE)


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _letter(kind: int) -> str:
    name = onnx.TensorProto.DataType.Name(kind).lower()
    letters = {"bool": "b", "undefined": "", "double": "f", "string": ""}
    return letters.get(name, "f" if "float" in name else "i" if "int" in name else "")


def _traced(call: Sampled) -> frozenset[str]:
    graph = torch.jit.trace(call, call.tensors, check_trace=False).inlined_graph  # type: ignore[no-untyped-call]
    kinds = {node.kind() for node in graph.nodes()}
    return frozenset(kind for kind in kinds if kind.startswith("aten::") and kind not in GLUE)


def _targets(program: Any) -> frozenset[str]:
    """``aten.sub.Tensor``."""
    targets = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    return frozenset(target for target in targets if target.startswith("aten."))


# --- what all calls have in common -------------------------------------------------------------------------------


def measured(name: str) -> dict[str, list[Lowered]]:
    """By the letter of a dtype what becomes of each call; through `torch.export`, which is slow, two of one dtype."""
    found: dict[str, list[Lowered]] = {}
    for letter in DTYPES:
        made = calls(name, letter)
        through = () if found else (0, len(made) - 1)
        if made:
            found[letter] = [lowered(call, i in through) for i, call in enumerate(made)]
    return found


def common(rows: Sequence[frozenset[str] | None]) -> list[str] | None:
    """The operators that all have, in order; None where nothing was measured."""
    there = [row for row in rows if row is not None]
    return sorted(frozenset.intersection(*there)) if there else None


def spans(rows: Sequence[dict[int, Any]]) -> list[tuple[int, list[str]]]:
    """The operators in common from an opset on, for each opset at which they change."""
    found: list[tuple[int, list[str]]] = []
    for opset in sorted({opset for row in rows for opset in row}):
        shared = common([_at(row, opset) for row in rows])
        if shared is not None and (not found or found[-1][1] != shared):
            found.append((opset, shared))
    return found


def _at(row: dict[int, Any], opset: int) -> frozenset[str] | None:
    known = [value for key, value in row.items() if key <= opset]
    return known[-1] if known and isinstance(known[-1], frozenset) else None


def since(rows: Iterable[Lowered]) -> tuple[int, str] | None:
    """The lowest opset at which the TorchScript exporter takes any of the calls, and what it lacks below."""
    taken = [[opset for opset, made in row.torchscript.items() if isinstance(made, frozenset)] for row in rows]
    lowest = min((min(opsets) for opsets in taken if opsets), default=OPSETS[0])
    if lowest == OPSETS[0]:
        return None
    lacking = [made for row in rows for made in row.torchscript.values() if isinstance(made, str)]
    return lowest, max(lacking, key=lacking.count)


def table(found: dict[str, dict[str, list[Lowered]]]) -> dict[str, Any]:
    """The table as JSON data: lists of operators, and which of them each call becomes."""
    lists: dict[str, int] = {}

    def number(operators: list[str] | None) -> int:
        return -1 if operators is None else lists.setdefault(" ".join(operators), len(lists))

    rows: dict[str, dict[str, Any]] = {}
    newer = {}
    for name, by_letter in found.items():
        rows[name] = {}
        for letter, made in by_letter.items():
            rows[name][letter] = [
                [[opset, number(shared)] for opset, shared in spans([one.torchscript for one in made])],
                *(number(common([getattr(one, key) for one in made])) for key in Lowered._fields[1:]),
            ]
        lowest = since([one for made in by_letter.values() for one in made])
        if lowest is not None:
            newer[name] = lowest
    return {
        "torch": torch.__version__.split("+")[0],
        "onnx": onnx.__version__,
        "lists": list(lists),
        "newer": newer,
        "calls": {name: row for name, row in rows.items() if row},
    }


def in_two_processes(wanted: Sequence[str]) -> dict[str, dict[str, list[Lowered]]]:
    """The measurement, two names at a time."""
    with ThreadPoolExecutor(2) as pool:
        halves = pool.map(
            lambda names: dict(in_processes(measured, names, quiet, PRELOAD)), (wanted[::2], wanted[1::2])
        )
        found = {name: rows for half in halves for name, rows in half.items()}
    return {name: found[name] for name in wanted if name in found}


def write(data: dict[str, Any]) -> None:
    """Writes the table, one function a line."""
    lines = ["{", f' "torch": {json.dumps(data["torch"])},', f' "onnx": {json.dumps(data["onnx"])},']
    for key in ("newer", "calls"):
        body = ",\n".join(
            f"  {json.dumps(n)}: {json.dumps(row, separators=(',', ':'))}" for n, row in data[key].items()
        )
        lines.append(f' "{key}": {{\n{body}\n }},')
    body = ",\n".join(f"  {json.dumps(one)}" for one in data["lists"])
    lines += [f' "lists": [\n{body}\n ]', "}", ""]
    Path(__file__).with_name("operators.json").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    quiet()
    write(table(in_two_processes(names())))
