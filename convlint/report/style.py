"""Colour, where rich finds that the output can show it, and the width to write for."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.color import ColorSystem


class Painter:
    """Paints text for one output: plain when piped, with ``NO_COLOR`` or on a dumb terminal."""

    def __init__(self, out: TextIO) -> None:
        self.width = max(40, shutil.get_terminal_size().columns)
        self._colors = _color_system(out)

    def __call__(self, text: str, style: str) -> str:
        """The text in a rich style (``bold red``)."""
        if self._colors is None:
            return text
        from rich.style import Style

        return Style.parse(style).render(text, color_system=self._colors)


def _color_system(out: TextIO) -> ColorSystem | None:
    if not (out.isatty() or "FORCE_COLOR" in os.environ):  # spares a pipe the import of rich
        return None
    from rich.color import ColorSystem
    from rich.console import Console

    console = Console(file=out)
    if not console.is_terminal or console.no_color or console.color_system is None:
        return None
    return {
        "standard": ColorSystem.STANDARD,
        "256": ColorSystem.EIGHT_BIT,
        "truecolor": ColorSystem.TRUECOLOR,
        "windows": ColorSystem.WINDOWS,
    }[console.color_system]
