"""A file that says which model was saved, and where today's code with the same weights departs from it.

Weights that load into changed code answer wrongly without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from convlint.errors import UsageError
from convlint.source.replacing import replace_bytes
from convlint.trial.job import Fingerprint, Leaf, ModelSpec, Outline, Trial

SUFFIX = ".lock.json"
_TOLERANCE = 1e-4
"""Machines sum in another order; relative to the largest number of a tensor."""
_MOST = 3


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """What a model was."""

    model: str
    inputs: str
    fingerprint: Fingerprint
    graphs: dict[str, Outline | None]
    """By route that was taken; None where it did not export."""


class Departure(NamedTuple):
    """One thing in which a model is not what it was."""

    what: Literal["parameters", "outputs", "graph", "files", "packages"]
    message: str

    @property
    def matters(self) -> bool:
        """Whether the model is another one; else it only may be why."""
        return self.what in ("parameters", "outputs")


def lock_file(model: ModelSpec) -> Path:
    """Where the lock of a model is: beside its weights, or in the working directory where it has none."""
    if model.weights:
        return Path(model.weights).with_suffix(SUFFIX)
    return Path(re.sub(r"[^\w.-]+", "_", model.label) + SUFFIX)


def locked(label: str, trial: Trial) -> Lock:
    """The lock of a model that was run with ``Job.lock``."""
    assert trial.reference.fingerprint
    return Lock(
        model=label,
        inputs=trial.reference.inputs,
        fingerprint=trial.reference.fingerprint,
        graphs={route: outcome.outline for route, outcome in trial.outcomes.items()},
    )


def write(path: Path, lock: Lock) -> None:
    """Writes a lock whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(lock), indent=1) + b"\n"
    try:
        replace_bytes(path, text)
    except OSError as error:
        raise UsageError(f"{path}: the lock cannot be written: {error.strerror or error}") from None


def read(path: Path) -> Lock:
    """The lock of a file.

    Raises:
        UsageError: there is none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Lock)
    except OSError:
        raise UsageError(f"{path}: there is no lock; `convlint lock` writes it") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path}: is no lock: {error}") from None


def departures(was: Lock, now: Lock) -> list[Departure]:
    """In what a model is not what it was: what matters first."""
    before, after = was.fingerprint, now.fingerprint
    found = [Departure("parameters", one) for one in _changed(before.parameters, after.parameters)]
    if was.inputs != now.inputs:
        found.append(Departure("outputs", f"not compared: the lock is for the inputs {was.inputs}"))
    else:
        told = list(_outputs(before.outputs, after.outputs))
        more = [f"and on {len(told) - _MOST} other inputs"] if len(told) > _MOST else []
        found += (Departure("outputs", one) for one in told[:_MOST] + more)
    found += (Departure("graph", one) for one in _graphs(was.graphs, now.graphs))
    found += (Departure("files", one) for one in _changed(before.files, after.files, values=False))
    found += (Departure("packages", one) for one in _changed(before.packages, after.packages))
    return found


def _changed(before: Mapping[str, str], after: Mapping[str, str], *, values: bool = True) -> Iterator[str]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None:
            yield f"`{name}` is new"
        elif new is None:
            yield f"`{name}` is gone"
        elif old != new:
            yield f"`{name}` is {new}, was {old}" if values else f"`{name}` has changed"


def _outputs(before: Mapping[str, Mapping[str, Leaf]], after: Mapping[str, Mapping[str, Leaf]]) -> Iterator[str]:
    for sample, leaves in before.items():
        now = after.get(sample)
        if now is None:
            yield f"on {sample}: the model fails or is not steady there any more"
            continue
        for name in dict.fromkeys((*leaves, *now)):
            told = _leaf(leaves.get(name), now.get(name))
            if told:
                yield f"on {sample}{f', output `{name}`' if name else ''}: {told}"
                break


def _leaf(before: Leaf | None, after: Leaf | None) -> str:
    if before is None or after is None:
        return "is new" if before is None else "is gone"
    if (before.dtype, before.shape) != (after.dtype, after.shape):
        return f"{after.dtype}{list(after.shape)} instead of {before.dtype}{list(before.shape)}"
    allowed = _TOLERANCE * (1 + max(map(abs, before.numbers), default=0.0))
    gaps = [abs(one - other) for one, other in zip(before.numbers, after.numbers, strict=True)]
    return f"numbers differ by up to {max(gaps):.3g}" if max(gaps, default=0.0) > allowed else ""


def _graphs(before: Mapping[str, Outline | None], after: Mapping[str, Outline | None]) -> Iterator[str]:
    for route in (route for route in before if route in after):
        old, new = before[route], after[route]
        if old is None or new is None:
            if old != new:
                yield f"{route} exports now" if old is None else f"{route} does not export any more"
        elif new.hash != old.hash:
            names = sorted({*old.operators, *new.operators})
            counts = {name: new.operators.get(name, 0) - old.operators.get(name, 0) for name in names}
            told = [f"{abs(n)} {name} {'more' if n > 0 else 'fewer'}" for name, n in counts.items() if n]
            more = f" and {len(told) - _MOST} more" if len(told) > _MOST else ""
            yield f"{route}: {', '.join(told[:_MOST]) or 'the same operators, connected or set otherwise'}{more}"
