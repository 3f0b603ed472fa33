"""Functions and classes that a configuration names as entered by an exporter, or as never entered by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from convlint.errors import UsageError

_DOTTED = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_NAME = re.compile(rf"{_DOTTED}:{_DOTTED}")
_PATTERN = re.compile(r"[\w.*?\[\]!-]+(:[\w.*?\[\]!-]+)?")


@dataclass(frozen=True)
class EntryPoint:
    """``package.module:Class.method``, or a pattern of such names; where it is written says where modules lie."""

    name: str
    base: Path = field(repr=False)
    """The folder of the configuration: modules are found there, or in its folder ``src``."""
    source: str = field(repr=False)
    """What to call the configuration in a message."""

    @property
    def module(self) -> str:
        """The part before the colon."""
        return self.name.partition(":")[0]

    @property
    def qualname(self) -> str:
        """The part behind the colon."""
        return self.name.partition(":")[2]

    @property
    def folders(self) -> tuple[Path, Path]:
        """Where its module is looked for."""
        return (self.base, self.base / "src")

    def covers(self, path: Path, module: str, qualname: str) -> bool:
        """Whether a pattern covers a function or class of a file that is imported as ``module``."""
        names = {module, *self._names(path)}
        if ":" in self.name:
            names = {f"{name}:{qualname}" for name in names}
        return any(fnmatchcase(name, self.name) for name in names)

    def _names(self, path: Path) -> Iterator[str]:
        """What a file is called by who imports it from one of the folders."""
        for folder in self.folders:
            if path.is_relative_to(folder):
                parts = path.relative_to(folder).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def check_entry_point(name: str) -> None:
    """Makes sure that a text is the name of a function or class.

    Raises:
        UsageError: it is not.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"`entry-points`: `{name}` names no function or class; write `package.module:function`, "
            f"`package.module:Class` or `package.module:Class.method`"
        )


def check_entry_pattern(pattern: str) -> None:
    """Makes sure that a text is a pattern of names of functions, classes or modules.

    Raises:
        UsageError: it is not.
    """
    if not _PATTERN.fullmatch(pattern):
        raise UsageError(
            f"`exclude-entry-points`: `{pattern}` is no pattern of names; write for example `package.module:Class`, "
            f"`package.module:old_*` or, for whole modules, `package.legacy.*`"
        )
