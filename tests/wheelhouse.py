"""Wheels out of what is installed here, so that pip can install it elsewhere without a network."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_OF_AN_INSTALLATION = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


def fill(folder: Path, requirements: Iterable[str]) -> None:
    """Writes a wheel of each requirement, and of what it requires in turn."""
    waiting, made = [Requirement(one) for one in requirements], set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in made or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        made.add(name)
        found = distribution(requirement.name)
        _pack(found, folder)
        waiting += map(Requirement, found.requires or ())


def _pack(found: Distribution, folder: Path) -> None:
    lines = (found.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag: ").split("-") for line in lines if line.startswith("Tag: ")]
    tag = "-".join(".".join(sorted(set(parts))) for parts in zip(*tags, strict=True))
    files = [
        file
        for file in found.files or ()
        if ".." not in file.parts and file.suffix != ".pyc" and file.name not in _OF_AN_INSTALLATION
    ]
    info = next(file.parent for file in files if file.name == "METADATA" and file.parent.name.endswith(".dist-info"))
    with zipfile.ZipFile(folder / f"{info.name.removesuffix('.dist-info')}-{tag}.whl", "w") as wheel:
        for file in files:
            wheel.write(str(file.locate()), file.as_posix())
        record = info / "RECORD"
        wheel.writestr(record.as_posix(), "".join(f"{file.as_posix()},,\n" for file in [*files, record]))
