"""All that is wrong with an ONNX model: every node, with its types, the types allowed, and what would mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convlint.backends.facts import facts, same_version
from convlint.graph import files, fit, schemas, types
from convlint.graph.problems import BadNode, Cast, Diagnosis, Input, Wrong
from convlint.graph.schemas import Signature
from convlint.graph.target import Target
from convlint.graph.values import Value
from convlint.graph.walk import Step, Walk, opsets_of, with_shapes

if TYPE_CHECKING:
    from onnx import ModelProto

Targets = Sequence[tuple[str, "str | None"]]


def diagnose(path: Path, targets: Targets = ()) -> Diagnosis:
    """What is wrong with the model in a file, by ONNX's own rules and by what targets take.

    Raises:
        UsageError: the file cannot be read, or onnx is not installed.
    """
    model = files.read(path)
    opsets = opsets_of(model)
    asked = [Target(name, version) for name, version in targets]
    told = Diagnosis(str(path), model.ir_version, opsets, targets=[one.label for one in asked])
    told.graph += _about_data(model, path.parent)
    told.graph += _about_versions(model, opsets, targets)
    files.drop_weights(model)
    told.notes += [
        f"{one.label} reads programs of torch, no ONNX; it was not asked" for one in asked if not one.reads_onnx
    ]
    collector = _Collector(told, [one for one in asked if one.reads_onnx])
    Walk(model, collector.visit, told.graph.append).model(with_shapes(model))
    collector.finish()
    return told


def _about_data(model: ModelProto, folder: Path) -> list[Wrong]:
    return [
        Wrong("data", f"tensor `{tensor.name}`: {why}")
        for tensor in files.tensors(model.graph)
        if files.is_external(tensor) and (why := files.external_problem(tensor, folder))
    ]


def _about_versions(model: ModelProto, opsets: dict[str, int], targets: Targets) -> list[Wrong]:
    """What is wrong with the opsets and the IR version of a model."""
    import onnx
    from onnx import defs

    wrongs = []
    newest = defs.onnx_opset_version()
    opset = opsets.get(schemas.DEFAULT, 0)
    if opset > newest:
        wrongs.append(
            Wrong("operator", f"opset {opset} is newer than onnx {onnx.__version__} knows ({newest}); export at that")
        )
    if model.ir_version > onnx.IR_VERSION:
        wrongs.append(
            Wrong(
                "operator",
                f"IR version {model.ir_version} is newer than onnx {onnx.__version__} knows "
                f"({onnx.IR_VERSION}); save the model with an older onnx, or set model.ir_version",
            )
        )
    for name, version in targets:
        known = facts(name)
        if known is not None and version is None and known.newest_opset and opset > known.newest_opset:
            wrongs.append(
                Wrong(
                    "target",
                    f"opset {opset} is newer than what is known of {known.title} {known.version} "
                    f"({known.newest_opset}); export at {known.newest_opset} or older",
                )
            )
        if too_new := _too_new(model, name, version):
            wrongs.append(Wrong("target", too_new))
    return wrongs


def _too_new(model: ModelProto, target: str, version: str | None) -> str:
    """Why a target does not read files of a model's IR version, empty where it does or that is not known."""
    known = facts(target, version)
    if known is None or not known.newest_ir or model.ir_version <= known.newest_ir:
        return ""
    if version is not None and not same_version(known.version, version):
        return ""
    return (
        f"IR version {model.ir_version} is newer than {known.title} {known.version} reads ({known.newest_ir}); "
        f"set model.ir_version = {known.newest_ir}, if no type in it is newer"
    )


class _Collector:
    """Makes bad nodes of the steps of a walk."""

    def __init__(self, told: Diagnosis, targets: Sequence[Target]) -> None:
        self._told = told
        self._targets = targets
        self._unknown: dict[str, Counter[str]] = {target.label: Counter() for target in targets}
        self._custom: Counter[str] = Counter()
        self._shapeless: list[str] = []

    def visit(self, step: Step) -> None:
        """Judges a node."""
        self._told.nodes += 1
        if step.signature is None and not (step.wrongs or step.is_call):
            self._custom[f"{step.domain}::{step.node.op_type}"] += 1
        wrongs = list(step.wrongs)
        if not wrongs:
            for target in self._targets:
                refusal = target.refusal(step)
                if refusal is not None:
                    wrongs.append(Wrong("target", refusal.reason, (0,) if refusal.dtypes else (), refusal.dtypes))
                elif target.is_unknown(step):
                    self._unknown[target.label][step.node.op_type] += 1
        if wrongs:
            self._told.bad.append(_bad_node(step, wrongs, self._targets))
        elif not step.place.inside:
            self._shapeless += [
                f"`{one.name}` ({step.node.op_type})"
                for one in step.outputs
                if types.dtype_of(one.kind)
                and one.shape is None
                and all(v.shape is not None for v in step.inputs if v.name)
            ]

    def finish(self) -> None:
        """Notes what could not be judged."""
        if self._custom:
            self._told.notes.append(
                f"not judged, since ONNX does not know them: {_counted(self._custom)}; "
                "what they make is taken as the file declares it"
            )
        for label, unknown in self._unknown.items():
            if unknown:
                self._told.notes.append(f"nothing is known of these on {label}: {_counted(unknown)}")
        if self._shapeless:
            more = f" and {len(self._shapeless) - 3} more" if len(self._shapeless) > 3 else ""
            self._told.notes.append(f"even the rank cannot be inferred of {', '.join(self._shapeless[:3])}{more}")


def _counted(counts: Counter[str]) -> str:
    shown = [f"{name}" + (f" ({count})" if count > 1 else "") for name, count in counts.most_common(8)]
    return ", ".join(shown) + (f" and {len(counts) - 8} more" if len(counts) > 8 else "")


def _bad_node(step: Step, wrongs: Sequence[Wrong], targets: Sequence[Target]) -> BadNode:
    """What is wrong with a node, with what would mend it."""
    sig = step.signature
    mends = sig is not None and any(one.kind in ("type", "mixed", "target") for one in wrongs)
    opset, casts, repair = _mending(step, sig, targets) if sig and mends else (None, (), "")
    return BadNode(
        operator=step.node.op_type,
        since_version=sig.since if sig else 0,
        domain=step.domain,
        name=step.name,
        inside=step.place.inside,
        wrongs=tuple(wrongs),
        line=step.line,
        inputs=tuple(_input(step, at, value) for at, value in enumerate(step.inputs) if value.name),
        first_opset=opset,
        casts=casts,
        repair=repair,
    )


def _input(step: Step, at: int, value: Value) -> Input:
    formal = step.signature.input(at) if step.signature else None
    return Input(at, formal.name if formal else "", value.name, value.text, value.origin, value.line)


def _mending(step: Step, sig: Signature, targets: Sequence[Target]) -> tuple[int | None, tuple[Cast, ...], str]:
    """What would mend a node: another opset, or Casts to types that the operator and the targets take."""
    newer = fit.newer_opsets(sig, step.inputs)
    refusing = {version: [one for one in targets if one.refuses_at(step, version)] for version in newer}
    opset = next((version for version in newer if not refusing[version]), None)
    narrowed = [dtypes for one in targets if (dtypes := one.allowed_first(step))]
    mended = fit.mended(sig, step.inputs, step.declared, {0: frozenset.intersection(*narrowed)} if narrowed else {})
    casts = mended.casts if mended and _castable(mended.casts, step.place.opsets) else ()
    ways = [f"export at opset {opset} or newer"] if opset else []
    if not opset and any(one.refuses_at(step, sig.since) for one in targets):
        ways += _older(step, sig, targets)
    if casts:
        ways.append(_casting(casts))
    because = f"no newer opset allows it{_though(sig, refusing)}" if not opset else ""
    return opset, casts, "; ".join(part for part in ("; or ".join(ways), because) if part)


def _castable(casts: Sequence[Cast], opsets: Mapping[str, int]) -> bool:
    """Whether the Cast of this opset knows all these types."""
    known = schemas.signature("Cast", schemas.DEFAULT, opsets.get(schemas.DEFAULT, 0))
    return known is not None and all(
        types.from_readable(kind) in allowed.allowed
        for one in casts
        for kind, allowed in ((one.old, known.inputs[0]), (one.new, known.outputs[0]))
    )


def _older(step: Step, sig: Signature, targets: Sequence[Target]) -> list[str]:
    """An older opset whose version of the operator all targets take."""
    older = [
        version
        for version in schemas.versions(sig.operator, sig.domain)
        if version < sig.since and all(one.takes_at(step, version) for one in targets)
    ]
    return [f"export at an opset before {sig.since}"] if older else []


def _though(sig: Signature, refusing: Mapping[int, Sequence[Target]]) -> str:
    """What ONNX allows at a newer opset, and a target does not."""
    if not refusing:
        return ""
    version, targets = next(iter(refusing.items()))
    return f" on {', '.join(one.label for one in targets)}, though {sig.operator}-{version} does"


def _casting(casts: Sequence[Cast]) -> str:
    """Which values to cast, in words."""
    first = [f"`{one.value}` to {one.new}" for one in casts if not one.after]
    back = [f"`{one.value}` back to {one.new}" for one in casts if one.after]
    loses = " and ".join(dict.fromkeys(one.loses for one in casts if one.loses))
    way = f"Cast {', '.join(first)} before it" + (f" and {', '.join(back)} behind it" if back else "")
    return way + (f" ({loses})" if loses else "")
