"""What installed runtimes really do with a file: ``convlint matrix --really``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convlint.graph.apart import called
from convlint.trial.runtime_process import RuntimeProcess, Said
from convlint.trial.runtimes import installed

if TYPE_CHECKING:
    from convlint.graph.pieces import Piece

RTOL = 1e-2
"""Of the largest number of an output: runtimes add up in another order."""
SECONDS = 300.0
_UNABLE = Said("unable")


@dataclass(frozen=True)
class Ran:
    """What a runtime did with a file."""

    runtime: str
    """Its version, empty where none is installed that can be run here."""
    said: Said = _UNABLE
    operators: Mapping[int, Said] | None = None
    """Where it does not take the file, what it did with its operators one by one, by the places of their uses."""

    @property
    def is_unasked(self) -> bool:
        """Whether the runtime is there, and Python cannot hand over what goes in or comes out."""
        return bool(self.runtime) and self.said.what == "unable"


def ran(file: Path, rows: Mapping[str, int], targets: Iterable[str]) -> dict[str, Ran]:
    """Runs a file on the installed runtimes of targets, in processes of their own, on random inputs.

    ``rows`` are the values in the file, each with the place of the use of the operator that makes it.
    """
    versions = {target: installed(target) for target in targets}
    found = {target: Ran(version) for target, version in versions.items()}
    if not any(versions.values()):
        return found
    whole: Piece = called(file, "convlint.graph.pieces:whole", file)
    pieces: dict[int, Piece] | None = None
    for target in filter(versions.__getitem__, found):
        with RuntimeProcess(target, seconds=SECONDS) as process:
            said = process.run(whole.model, whole.given, whole.right, RTOL)
            alone = None
            if not said.passed and whole.right is not None:
                if pieces is None:
                    pieces = called(file, "convlint.graph.pieces:nodes", file, dict(rows), whole.given)
                alone = {
                    place: process.run(piece.model, piece.given, piece.right, RTOL) for place, piece in pieces.items()
                }
            found[target] = Ran(versions[target], said, alone)
    return found
