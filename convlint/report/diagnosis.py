"""A diagnosis for people under stress: the line and the repair first; and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import msgspec

from convlint.graph.problems import BadNode, Diagnosis, Input, Wrong
from convlint.graph.source_line import Line
from convlint.report.plain import printable, shown_path
from convlint.report.style import Painter
from convlint.report.summary import plural

_LABEL = 9
"""Columns of what stands before a line: `repair`, `allowed`."""


def full(told: Diagnosis, painter: Painter) -> Iterator[str]:
    """A block for each node that is wrong; what is wrong with the model as a whole, and what was not judged, behind."""
    for bad in told.bad:
        yield from _block(bad, painter)
        yield ""
    for wrong in told.graph:
        yield from wrapped("model", wrong.message, painter, "bold red")
    for note in told.notes:
        yield from wrapped("note", note, painter, "cyan")
    if told.graph or told.notes:
        yield ""
    yield summary(told)


def summary(told: Diagnosis) -> str:
    """One line: the model, and how many nodes are wrong."""
    opsets = [f"{printable(domain)} {version}".lstrip() for domain, version in told.opsets.items()]
    opset = ", ".join(opsets) or "none"
    head = f"{shown_path(told.path)}: opset {opset}, IR {told.ir_version}, {plural(told.nodes, 'node')}"
    where = f" on {', '.join(told.targets)}" if told.targets else ""
    if told.is_clean:
        return f"{head}. Nothing wrong{where}."
    parts = [plural(len(told.bad), "node")] if told.bad else []
    parts += [plural(len(told.graph), "fault") + " of the model"] if told.graph else []
    return f"{head}. Found {' and '.join(parts)} wrong{where}." if told.bad else f"{head}. Found {parts[0]}."


def _block(bad: BadNode, painter: Painter) -> Iterator[str]:
    version = f"-{bad.since_version}" if bad.since_version else ""
    domain = f"{bad.domain}::" if bad.domain else ""
    place = painter(place_of(bad.line), "bold") + ": " if bad.line.path else ""
    operator = painter(printable(f"{domain}{bad.operator}{version}"), "bold red")
    yield f"{place}{operator} `{printable(bad.name)}`" + (f" in {printable(bad.inside)}" if bad.inside else "")
    if bad.line.code:
        yield f"    {printable(bad.line.code)}"
    for wrong in bad.wrongs:
        yield from wrapped("wrong", wrong.message, painter, "bold red")
    if bad.repair:
        yield from wrapped("repair", bad.repair, painter, "bold green")
    for allowed in dict.fromkeys(wrong.allowed for wrong in bad.wrongs if wrong.kind != "target"):
        if allowed:
            yield from wrapped("allowed", " ".join(allowed), painter, "bold")
    yield from _inputs(bad, painter)


def _inputs(bad: BadNode, painter: Painter) -> Iterator[str]:
    """The inputs as a table: place and name, type, value, where it comes from."""
    wrong = {at for one in bad.wrongs for at in one.inputs}
    cells = [(f"{one.at} {one.formal}", printable(one.type), _origin(one)) for one in bad.inputs]
    widths = [max((len(cell[at]) for cell in cells), default=0) for at in (0, 1)]
    for at, (one, (name, kind, origin)) in enumerate(zip(bad.inputs, cells, strict=True)):
        label = painter(f"{'inputs' if not at else '':<{_LABEL}}", "bold")
        mark = painter(f"{kind:<{widths[1]}}", "red") if one.at in wrong else f"{kind:<{widths[1]}}"
        yield f"  {label}{name:<{widths[0]}}  {mark}  {origin}"


def _origin(one: Input) -> str:
    where = f"  {place_of(one.line)}" if one.line.path else ""
    named, origin = f"`{printable(one.value)}`", printable(one.origin)
    return f"{origin}{where}" if named in origin else f"{named} <- {origin}{where}"


def place_of(line: Line) -> str:
    """``file.py:12`` of a line that is known."""
    return f"{shown_path(line.path)}:{line.row}"


def wrapped(label: str, text: str, painter: Painter, style: str) -> Iterator[str]:
    """A text behind its label, broken to the width of the terminal."""
    lines = textwrap.wrap(printable(text), max(40, painter.width - _LABEL - 2), break_on_hyphens=False) or [""]
    for at, line in enumerate(lines):
        shown = painter(f"{label:<{_LABEL}}", style) if not at else " " * _LABEL
        yield f"  {shown}{line}"


def as_json(told: Diagnosis) -> str:
    """The JSON text."""
    value = {
        "filename": told.path,
        "ir_version": told.ir_version,
        "opsets": {domain or "ai.onnx": version for domain, version in told.opsets.items()},
        "targets": told.targets,
        "nodes": told.nodes,
        "model": [_wrong(one) for one in told.graph],
        "bad_nodes": [_node(one) for one in told.bad],
        "notes": told.notes,
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _node(bad: BadNode) -> dict[str, object]:
    return {
        "operator": bad.operator,
        "domain": bad.domain or "ai.onnx",
        "since_version": bad.since_version or None,
        "name": bad.name,
        "inside": bad.inside or None,
        "source": line(bad.line),
        "wrong": [_wrong(one) for one in bad.wrongs],
        "repair": bad.repair or None,
        "first_opset": bad.first_opset,
        "casts": [
            {"value": one.value, "from": one.old, "to": one.new, "after": one.after, "loses": one.loses or None}
            for one in bad.casts
        ],
        "inputs": [
            {
                "input": one.at,
                "formal": one.formal,
                "value": one.value,
                "type": one.type,
                "origin": one.origin,
                "source": line(one.line),
            }
            for one in bad.inputs
        ],
    }


def _wrong(one: Wrong) -> dict[str, object]:
    return {"kind": one.kind, "message": one.message, "inputs": list(one.inputs), "allowed": list(one.allowed)}


def line(one: Line) -> dict[str, object] | None:
    """A line of the user's as JSON."""
    return {"filename": one.path, "row": one.row, "code": one.code or None} if one.path else None
