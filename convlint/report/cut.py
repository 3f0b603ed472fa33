"""How a model is cut, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from convlint.graph.cut import Cut, Suppression, Tensor
from convlint.report.diagnosis import line, place_of, wrapped
from convlint.report.plain import printable, shown_path
from convlint.report.style import Painter
from convlint.report.summary import plural

_MOST = 8
"""Rows of a list that are shown."""


def full(told: Cut, painter: Painter) -> Iterator[str]:
    """Why and where the model is cut, what crosses the cut, what is left to do behind it, and the proof."""
    if told.is_whole:
        yield f"{shown_path(told.path)}: {told.target} is known to refuse none of its {plural(told.nodes, 'node')}."
        yield "Nothing to cut."
        return
    seen: dict[tuple[str, str], int] = {}
    for one in told.refused:
        seen[one.operator, one.reason] = seen.get((one.operator, one.reason), 0) + 1
        if seen[one.operator, one.reason] == 1:
            inside = f" in {one.inside}" if one.inside else ""
            place = f"{place_of(one.line)}: " if one.line.path else ""
            yield from wrapped(
                "cut at", f"{place}{one.operator} `{one.name}`{inside}: {one.reason}", painter, "bold red"
            )
            if one.line.code:
                yield f"               {printable(one.line.code)}"
    yield from wrapped("head", f"{plural(told.head, 'node')}, for {told.target}", painter, "bold green")
    operators = ", ".join(f"{name} {number}" if number > 1 else name for name, number in told.outside.items())
    yield from wrapped("outside", f"{plural(told.tail, 'node')}: {operators}", painter, "bold")
    yield from _table("boundary", told.boundary, painter)
    for suppression in told.suppressions:
        yield from _contract(suppression, painter)
    yield from _table("folded", told.folded[:_MOST], painter)
    if told.proof:
        batches = f", batches of {', '.join(map(str, told.proof.batches))}" if told.proof.batches else ""
        yield from wrapped(
            "proof",
            f"head and tail give what the whole gives, to the bit, in ONNX Runtime without optimizations: "
            f"{plural(told.proof.inputs, 'random input')}{batches}, {told.proof.numbers:,} numbers",
            painter,
            "bold green",
        )
    if told.written:
        yield from wrapped("written", ", ".join(map(shown_path, told.written)), painter, "bold")


def _table(label: str, tensors: Sequence[Tensor], painter: Painter) -> Iterator[str]:
    names = [f"`{printable(one.name)}`" for one in tensors]
    widths = max(map(len, names), default=0), max((len(one.type) for one in tensors), default=0)
    for at, (one, name) in enumerate(zip(tensors, names, strict=True)):
        shown = painter(f"{'' if at else label:<9}", "bold")
        where = f"  {place_of(one.line)}" if one.line.path else ""
        origin = one.origin.removesuffix(name).strip()
        yield f"  {shown}{name:<{widths[0]}}  {printable(one.type):<{widths[1]}}  {printable(origin)}{where}"


def _contract(one: Suppression, painter: Painter) -> Iterator[str]:
    """What whoever suppresses must do, in the terms of ONNX's operator."""
    corners = "center x, center y, width, height" if one.centered else "two opposite corners: y1, x1, y2, x2 (or x, y)"
    place = f", {place_of(one.line)}" if one.line.path else ""
    rows = (
        ("contract", f"NonMaxSuppression `{one.name}`{place}: hard, greedy, each class of each image by itself"),
        ("  boxes", f"{one.boxes}: batch, box, 4 = {corners}"),
        ("  scores", f"{one.scores}: batch, class, box"),
        ("  limits", f"max_output_boxes_per_class {one.most_per_class}; iou_threshold {one.iou}"),
        ("", f"score_threshold {one.score} (kept above it)"),
        ("  gives", "int64[n, 3]: batch, class, box; by batch, class, falling score"),
    )
    for label, text in rows:
        yield from wrapped(label, text, painter, "bold")


def as_json(told: Cut) -> str:
    """The JSON text."""
    value = {
        "filename": told.path,
        "target": told.target,
        "nodes": told.nodes,
        "head": told.head,
        "tail": told.tail,
        "refused": [
            {"operator": one.operator, "name": one.name, "inside": one.inside or None, "reason": one.reason,
             "source": line(one.line)}
            for one in told.refused
        ],
        "outside": told.outside,
        "boundary": [_tensor(one) for one in told.boundary],
        "folded": [_tensor(one) for one in told.folded],
        "non_max_suppressions": [
            {"name": one.name, "source": line(one.line), "boxes": one.boxes, "scores": one.scores,
             "center_point_box": one.centered, "max_output_boxes_per_class": one.most_per_class,
             "iou_threshold": one.iou, "score_threshold": one.score}
            for one in told.suppressions
        ],
        "proof": _proof(told),
        "written": told.written,
    }  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _proof(told: Cut) -> dict[str, object] | None:
    if told.proof is None:
        return None
    return {"inputs": told.proof.inputs, "batches": list(told.proof.batches), "equal_numbers": told.proof.numbers}


def _tensor(one: Tensor) -> dict[str, object]:
    return {"name": one.name, "type": one.type, "origin": one.origin, "source": line(one.line)}
