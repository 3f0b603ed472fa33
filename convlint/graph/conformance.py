"""Whether a node is written as its operator wants it: at this opset, with these inputs, outputs and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from convlint.errors import nearest
from convlint.graph import schemas
from convlint.graph.problems import Wrong
from convlint.graph.schemas import Signature

if TYPE_CHECKING:
    from onnx import NodeProto


def signature(node: NodeProto, domain: str, opsets: Mapping[str, int]) -> tuple[Signature | None, list[Wrong]]:
    """What ONNX knows of a node's operator, or what is wrong with that."""
    opset = opsets.get(domain)
    shown = f"{domain}::{node.op_type}" if domain else node.op_type
    if opset is None:
        return None, [Wrong("operator", f"domain `{domain or 'ai.onnx'}` is not imported; add it to opset_import")]
    if domain not in schemas.domains():
        return None, []
    known = schemas.signature(node.op_type, domain, opset)
    if known is None:
        history = schemas.versions(node.op_type, domain)
        hint = f"; opset {history[0]} brought it" if history else nearest(node.op_type, schemas.operators(domain))
        return None, [Wrong("operator", f"ONNX has no operator {shown} at opset {opset}{hint}")]
    return known, _about_schema(node, domain, opset, known)


_SUCCESSORS = {"Upsample": "Resize", "Scatter": "ScatterElements"}


def _about_schema(node: NodeProto, domain: str, opset: int, known: Signature) -> list[Wrong]:
    """What is wrong with the numbers of inputs and outputs and with the attributes of a node."""
    told = schemas.schema(node.op_type, domain, opset)
    if told is None:
        return []
    name = f"{node.op_type}-{known.since}"
    if told.deprecated:
        hint = f"; {_SUCCESSORS[node.op_type]} took its place" if node.op_type in _SUCCESSORS else ""
        return [Wrong("operator", f"opset {known.since} removed {node.op_type}{hint}")]
    wrongs = []
    for what, names, least, most in (
        ("input", node.input, told.min_input, told.max_input),
        ("output", node.output, told.min_output, told.max_output),
    ):
        if not least <= len(names) <= most:
            takes = f"{least}" if least == most else f"{least} to {most}" if most < 2**31 - 1 else f"{least} or more"
            wrongs.append(
                Wrong("signature", f"has {len(names)} {what}{'' if len(names) == 1 else 's'}, but {name} has {takes}")
            )
    for at, one in enumerate(node.input):
        formal = known.input(at)
        if not one and formal and not formal.optional:
            wrongs.append(Wrong("signature", f"input {at} `{formal.name}` is left out, but {name} needs it", (at,)))
    for attribute in node.attribute:
        if attribute.name not in told.attributes:
            wrongs.append(Wrong("signature", _unknown_attribute(node.op_type, domain, name, attribute.name, opset)))
    given = {one.name for one in node.attribute}
    for one in told.attributes.values():
        if one.required and one.name not in given:
            wrongs.append(Wrong("signature", f"attribute `{one.name}` is missing, but {name} needs it"))
    return wrongs


def _unknown_attribute(operator: str, domain: str, name: str, attribute: str, opset: int) -> str:
    """Says that an attribute is unknown, and at which opsets it was not."""
    having = [
        version
        for version in schemas.versions(operator, domain)
        if (told := schemas.schema(operator, domain, version)) and attribute in told.attributes
    ]
    told = schemas.schema(operator, domain, opset)
    later = [one for one in having if one > opset]
    if later:
        hint = f"; opset {later[0]} brought it"
    elif having:
        inputs = [formal.name for formal in told.inputs] if told else []
        hint = f"; it is input {inputs.index(attribute)} now" if attribute in inputs else f"; {name} dropped it"
    else:
        hint = nearest(attribute, list(told.attributes) if told else ())
    return f"{name} has no attribute `{attribute}`{hint}"
