"""What the real tracers made of a pack's examples when that was last measured: ``proofs.json`` beside the pack."""

from __future__ import annotations

import functools
import hashlib
import importlib
from pathlib import Path

import msgspec

from convlint.rule import Example, Rule

FILE = "proofs.json"


class Shown(msgspec.Struct, frozen=True):
    """What one example did."""

    title: str
    harm: dict[str, str]
    """Route to the name of a level; without the routes that a script does not take."""
    why: dict[str, str]
    """Route to what was seen, where the level is not harmless; ends with an ellipsis where it was longer."""
    source: str = ""
    """Of what was run (``digest``): another example of the same title is not proven by this."""


class Proofs(msgspec.Struct, frozen=True):
    """The last measurement of all rules of a pack."""

    versions: dict[str, str] = {}
    """Of torch, onnx and onnxruntime."""
    rules: dict[str, list[Shown]] = {}

    def shown(self, rule: type[Rule], example: Example) -> Shown | None:
        """What was measured for an example, None where nothing was."""
        return next((one for one in self.rules.get(rule.code, ()) if one.title == example.title), None)


def digest(example: Example) -> str:
    """A short hash of all of an example that the tracers are given."""
    given = (
        example.source,
        example.good,
        example.inputs,
        example.opset,
        example.same_in_eager,
        example.good_routes,
        example.script,
        *([example.good_inputs] if example.good_inputs else []),
    )
    return hashlib.sha256(repr(given).encode()).hexdigest()[:12]


def proofs_file(rule: type[Rule]) -> Path:
    """The file with the proofs of a rule's pack: beside its outermost package or module."""
    pack = importlib.import_module(rule.__module__.partition(".")[0])
    folder = Path(pack.__file__).parent if pack.__file__ else Path(next(iter(pack.__path__)))  # a namespace package
    return folder / FILE


@functools.cache
def load(path: Path) -> Proofs:
    """The proofs of a file, none where it does not exist."""
    return msgspec.json.decode(path.read_bytes(), type=Proofs) if path.is_file() else Proofs()


def save(path: Path, proofs: Proofs) -> None:
    """Writes proofs in an order and shape that a reviewer can read as a diff."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(proofs, order="sorted"), indent=1) + b"\n")
    load.cache_clear()
