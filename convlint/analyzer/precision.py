"""``torch.autocast`` in code that is exported."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from convlint.analyzer import torch_facts
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import TRUE, Autocast, Const, Name, Value
from convlint.events import ReducedPrecision

if TYPE_CHECKING:
    from convlint.analyzer.calls import Arguments


def autocast(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.autocast(...)``, ``torch.amp.autocast(...)``, ``torch.cpu.amp.autocast(...)``."""
    of_cpu = name.startswith("cpu.")
    enabled = arguments.get(0 if of_cpu else 2, "enabled")
    dtype = arguments.get(1, "dtype")
    reduces = dtype is None or (isinstance(dtype, Name) and dtype.qualified == "torch.bfloat16")
    on_cpu = of_cpu or _is_cpu(arguments)
    return Autocast(on_cpu and reduces and enabled in (None, TRUE) and not arguments.more)


def _is_cpu(arguments: Arguments) -> bool:
    """Whether the device is ``"cpu"``, or wherever an input is (``x.device.type``): models are exported on the CPU."""
    device, node = arguments.get(0, "device_type"), arguments.node(0, "device_type")
    if isinstance(device, Const):
        return bool(device.value == "cpu")
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "type"
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "device"
    )


def enter(run: Run, frame: Frame, node: ast.expr, value: Autocast) -> None:
    """The body of a ``with`` begins."""
    given = [word.value for word in node.keywords if word.arg == "enabled"] if isinstance(node, ast.Call) else []
    enabled = frame.document.span(given[0]) if given else None
    facts = {"operator": "", "owner": run.owner(frame), "enabled": enabled}
    event = run.event(frame, ReducedPrecision, node, **facts) if value.reduced else None
    run.autocast.append(event if isinstance(event, ReducedPrecision) else None)


def note_operator(run: Run, name: str) -> None:
    """Notes the innermost ``torch.autocast`` where an operator computes in bfloat16 under it."""
    around = run.autocast[-1] if run.autocast else None
    if around is not None and torch_facts.plain_name(name) in torch_facts.reduced():
        run.autocast[-1] = around = around if around.operator else replace(around, operator=name)
        run.note(around, "", ())
