"""What targets make of operators: verdicts from facts that each name their source, their date and their version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convlint.backends.facts import ELSE_FUNCTION, Facts, Row, facts, same_version, since_version
from convlint.rule import Verdict

if TYPE_CHECKING:
    from convlint.backends.uses import Definition, Part

CLASSES = {"float": ("float", "bfloat", "double"), "int": ("int", "uint"), "bool": ("bool",), "complex": ("complex",)}
"""A class of dtypes, as the analyzer knows them, to how the names of its dtypes begin."""


_OF_TORCH = ("aten.", "aten::")
_WORST_FIRST = ("no", "unknown", "yes")


def reads(target: str) -> Sequence[str]:
    """The graphs that a target's converter reads: those of routes, or ``core``, which are ATen's core operators."""
    known = facts(target)
    return () if known is None else known.reads


def newest(target: str) -> str:
    """The newest version of a target of which anything is known, empty where nothing is."""
    known = facts(target)
    return "" if known is None else known.version


def verdict(
    target: str,
    version: str | None,
    operator: str,
    opset: int,
    dtypes: Sequence[str] = (),
    types: Sequence[tuple[str, str]] = (),
    known: Facts | None = None,
    made_of: Definition = None,
) -> Verdict:
    """Whether a target takes an operator, by the shipped facts where no others are given.

    ``operator`` is written as in the graphs that the target reads: ``GridSample``, ``aten::grid_sampler``,
    ``aten.grid_sampler_2d.default``. ``dtypes`` are those that its first input may have, names or classes of dtypes;
    ``types`` say what the type parameters of its ONNX schema are; ``made_of`` is its definition by ONNX, which
    stands in its place where the target has no kernel of these.
    What the facts do not say is unknown, never no: of another version, of a newer opset, of a row that is contradicted.
    """
    known = known or facts(target, version)
    if known is None:
        return Verdict("unknown", f"nothing is known of {target}")
    if reason := out_of_reach(known, version, opset):
        return _told(known, None, "unknown", reason)
    is_of_torch = operator.startswith(_OF_TORCH)
    if is_of_torch is known.reads_onnx:
        return _told(known, None, "unknown", f"{known.title} reads {'ONNX' if is_of_torch else 'programs of torch'}")
    row = row_of(known, operator, opset)
    if row is None:
        if known.complete:
            return _told(known, None, "no", f"{_named(known)} has no {operator}")
        return _told(known, None, "unknown", f"nothing is known of {operator}")
    told = _by_row(known, row, operator, dtypes, types)
    is_inlined = row.claim == "function" or (row.note == ELSE_FUNCTION and told.supported == "unknown")
    return _by_definition(known, row, opset, made_of, told) if is_inlined and made_of is not None else told


def out_of_reach(known: Facts, version: str | None, opset: int) -> str:
    """Why facts say nothing at all of a version or an opset, empty where they do."""
    if version is not None and not same_version(known.version, version):
        return f"what is known is of {_named(known)}, not of {version}"
    if known.newest_opset and not known.oldest_opset <= opset <= known.newest_opset:
        return f"what is known of {_named(known)} is of the opsets {known.oldest_opset} to {known.newest_opset}"
    return ""


def _by_row(
    known: Facts, row: Row, operator: str, dtypes: Sequence[str], types: Sequence[tuple[str, str]] = ()
) -> Verdict:
    name = f"{operator}-{row.since_version}" if row.since_version else operator
    if row.claim == "no" and not row.passed:
        return _told(known, row, "no", f"{_named(known)} has no {name}")
    if row.claim in ("yes", "function") and row.tests and not row.passed:
        return _told(known, row, "unknown", f"{_named(known)} lists {name}, which passes none of {row.tests} tests")
    if not row.passed and row.claim == "unknown":
        failed = f"{_named(known)} passes none of {row.tests} tests of {name}, which may be about options of it"
        return _told(known, row, "unknown", failed if row.tests else f"nothing is known of {name}")
    refused = "unknown" if row.note == ELSE_FUNCTION else "no"
    taken = row.dtypes.split()
    if dtypes and taken and not any(_fits(dtype, one) for dtype in dtypes for one in taken):
        return _told(known, row, refused, f"{_named(known)} takes {name} only of {', '.join(taken)}")
    if dtypes and not taken and (other := _elsewhere_refused(known, operator, dtypes)) is not None:
        told = f"{_named(known)} takes {operator}-{other.since_version} only of {', '.join(other.dtypes.split())}"
        return _told(known, row, "unknown", f"{told}; of {name} that was not measured")
    for parameter, dtype in types:
        allowed = row.taken(parameter)
        if allowed and not any(_fits(dtype, one) for one in allowed):
            told = f"{_named(known)} takes {name} with {parameter} only as {', '.join(allowed)}, not {dtype}"
            return _told(known, row, refused, told)
    return _told(known, row, "yes", "" if row.note == ELSE_FUNCTION else row.note)


def _by_definition(known: Facts, row: Row, opset: int, made_of: Sequence[Part], told: Verdict) -> Verdict:
    """By what an operator is made of, the worst of it."""
    name = f"{row.operator}-{row.since_version}"
    if not made_of:
        lacking = f"{_named(known)} has no kernel of {name}, and ONNX makes it of nothing that holds for these types"
        return _told(known, row, "no", told.reason or f"{lacking} at opset {opset}")
    judged = [(part.operator, _of_part(known, part, opset)) for part in made_of]
    inner, worst = min(judged, key=lambda one: _WORST_FIRST.index(one[1].supported))
    reason = f"{name} is made of {inner.name}, and {worst.reason}" if worst.supported != "yes" else ""
    return _told(known, row, worst.supported, reason)


def _of_part(known: Facts, part: Part, opset: int) -> Verdict:
    one = part.operator
    dtypes = (one.dtype,) if one.dtype else ()
    return verdict("", None, one.name, opset, dtypes, one.types, known, part.made_of)


def _elsewhere_refused(known: Facts, operator: str, dtypes: Sequence[str]) -> Row | None:
    """Another version of an operator of which the dtypes are known, and these are not among them."""
    others = [row for row in known.by_name.get(operator, ()) if row.dtypes]
    refused = [row for row in others if not any(_fits(dtype, one) for dtype in dtypes for one in row.dtypes.split())]
    return refused[0] if refused and len(refused) == len(others) else None


def _fits(dtype: str, taken: str) -> bool:
    return taken.startswith(CLASSES.get(dtype, dtype))


def _told(known: Facts, row: Row | None, supported: str, reason: str) -> Verdict:
    return Verdict(
        supported=supported,
        reason=reason,
        source=known.source,
        date=known.date,
        named=_named(known),
        dtypes=tuple(row.dtypes.split()) if row is not None else (),
        passed=row.passed if row is not None else 0,
        tests=row.tests if row is not None else 0,
    )


def _named(known: Facts) -> str:
    return f"{known.title} {known.version}"


def row_of(known: Facts, operator: str, opset: int) -> Row | None:
    """What facts hold of an operator at an opset, None where that is nothing."""
    if operator.startswith(_OF_TORCH):
        names = [overload_name(operator), aten_name(operator)]
        if "core" in known.reads:
            names.append(f"{aten_name(operator)}_copy")  # a view, which its programs have as a copy
        return next((row for name in names if (row := known.by_operator.get((name, 0))) is not None), None)
    since = since_version(operator, opset)
    return known.by_operator.get((operator, since or 0)) or known.by_operator.get((operator, 0))


def overload_name(operator: str) -> str:
    """``where.scalarother`` of ``aten.where.ScalarOther``: of an overload that a target takes otherwise than others."""
    overload = operator.removeprefix("aten").lstrip(".:").partition(".")[2].lower()
    return f"{aten_name(operator)}.{overload}"


def aten_name(operator: str) -> str:
    """``aten::sub_`` and ``aten.sub.Tensor`` without what is not in the tables: ``sub``."""
    base = operator.removeprefix("aten").lstrip(".:").partition(".")[0].lower()
    if base.startswith("__") and base.endswith("__"):
        return base.strip("_")
    return base[:-1] if base.endswith("_") else base
