"""A matrix as JSON: every use, every cell with its evidence, every window."""

from __future__ import annotations

from typing import Any

import msgspec

from convlint.backends.matrix import Cell, Column, Matrix, MatrixResult, Target, Window
from convlint.backends.uses import OperatorUse
from convlint.report.matrix_rows import outcome, title


def as_json(result: MatrixResult) -> str:
    """The whole of it."""
    matrix = result.matrix
    about = result.subject
    told = {
        "subject": {"name": about.name, "opset": about.opset, "producer": about.producer, "nodes": about.nodes},
        "opsets": matrix.opsets,
        "takes": matrix.takes,
        "targets": [_target(matrix, target) for target in matrix.targets],
        "operators": [_use(matrix, place, use) for place, use in enumerate(matrix.uses)],
        "windows": [_window(window) for window in matrix.windows],
        "fusions": [
            {"operator": title(use), "opset": opset, "becomes": operator, "targets": takers}
            for use, opset, operator, takers in matrix.fusions
        ],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def _target(matrix: Matrix, target: Target) -> dict[str, Any]:
    known = target.facts
    supported, summary = outcome(matrix, target)
    return {
        "name": target.name,
        "version": target.version,
        "takes": supported,
        "summary": summary,
        "facts": None
        if known is None
        else {
            "title": known.title,
            "version": known.version,
            "source": known.source,
            "date": known.date,
            "installed": target.live,
            "opsets": [known.oldest_opset, known.newest_opset] if known.newest_opset else None,
        },
        "opsets": {str(opset): _column(matrix.at(target, opset)) for opset in matrix.opsets},
    }


def _column(column: Column) -> dict[str, Any]:
    run = column.ran
    return {
        "takes": column.supported,
        "graph": column.graph,
        "reason": column.reason or column.refusal,
        "ran": None if run is None else {"runtime": run.runtime, "what": run.said.what, "why": run.said.why},
    }


def _use(matrix: Matrix, place: int, use: OperatorUse) -> dict[str, Any]:
    return {
        "title": title(use),
        "calls": use.calls,
        "graphs": {
            graph: [{"since": since, "operators": [_operator(*one) for one in operators]} for since, operators in spans]
            for graph, spans in use.graphs.items()
        },
        "count": use.count,
        "places": [{"filename": path, "row": row} for path, row in use.places],
        "cells": [
            {"target": target.name, "opset": opset, **_cell(column.cells[place])}
            for target in matrix.targets
            for opset in matrix.opsets
            if not (column := matrix.at(target, opset)).reason
        ],
    }


def _operator(name: str, dtype: str, types: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "types": dict(types)}


def _cell(cell: Cell) -> dict[str, Any]:
    verdict = cell.verdict
    return {
        "takes": cell.supported,
        "measured": cell.measured,
        "operator": cell.operator,
        "reason": verdict.reason,
        "source": verdict.source,
        "date": verdict.date,
        "dtypes": verdict.dtypes,
        "passed": verdict.passed,
        "tests": verdict.tests,
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "graph": window.graph,
        "shared": window.shared,
        "opsets": window.opsets,
        "nearest": window.nearest,
        "obstacles": [
            {
                "operator": title(use),
                "targets": targets,
                "takes": "no" if refused else "unknown",
                "places": [{"filename": path, "row": row} for path, row in use.places],
            }
            for use, targets, refused in window.obstacles
        ],
    }
