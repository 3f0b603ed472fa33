"""``[tool.convlint]`` and ``convlint.toml`` to ``Settings``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from convlint.rule import Context


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know, from configuration and command line together."""

    root: Path = field(default_factory=Path.cwd)
    """The folder that paths are shown and excluded relative to: the configuration's, else the working directory."""
    config_file: Path | None = None
    select: tuple[str, ...] = ("CVL",)
    """Code prefixes."""
    ignore: tuple[str, ...] = ()
    fixable: tuple[str, ...] = ("CVL",)
    unfixable: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Gitignore-style patterns."""
    force_exclude: bool = False
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(pattern, codes)."""
    exporter: str = "any"
    targets: tuple[tuple[str, str | None], ...] = (("onnxruntime", None),)
    opset: int | None = None
    show_harmless: bool = False
    preview: bool = False
    unsafe_fixes: bool = False
    jobs: int = 1
    baseline: Path | None = None

    @property
    def context(self) -> Context:
        """What rules may ask about the run."""
        return Context(exporter=self.exporter, targets=dict(self.targets), opset=self.opset)
