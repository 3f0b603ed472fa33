"""VS Code in a browser, as far as the tests use it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONG = 30_000
"""Milliseconds in which something has to happen: a machine may be busy."""


@dataclass
class Workbench:
    """A window with a folder open."""

    page: Any
    folder: Path

    def open(self, name: str) -> None:
        """Opens a file of the folder in an editor."""
        self.page.get_by_role("treeitem", name=name).dblclick(timeout=LONG)
        self.page.get_by_role("tab", name=re.compile(re.escape(name)), selected=True).wait_for(timeout=LONG)

    def command(self, name: str) -> None:
        """Runs a command of the palette."""
        self.page.keyboard.press("F1")
        entry = self.page.locator(".quick-input-widget input").first
        entry.fill(f">{name}")
        self.page.locator(".quick-input-list .monaco-list-row").get_by_text(name, exact=True).first.click(timeout=LONG)

    def go_to(self, row: int, column: int) -> None:
        """Puts the cursor into the text."""
        self.page.keyboard.press("Control+g")
        self.page.locator(".quick-input-widget input").first.fill(f":{row}:{column}")
        self.page.keyboard.press("Enter")
        self.page.locator(".quick-input-widget").first.wait_for(state="hidden", timeout=LONG)
        self.page.get_by_role("button", name=f"Ln {row}, Col {column}").wait_for(timeout=LONG)

    def save(self) -> None:
        """Saves the file, and waits until it is."""
        self.page.keyboard.press("Control+s")
        self.page.locator(".tab.active.dirty").wait_for(state="detached", timeout=LONG)

    def finds(self, *codes: str) -> None:
        """Waits until the Problems panel shows findings of exactly these codes, in the order of lines."""
        until = time.monotonic() + LONG / 1000
        while (found := self._codes()) != [*codes]:
            assert time.monotonic() < until, found
            self.page.wait_for_timeout(100)

    def _codes(self) -> list[str]:
        return [re.sub(r"\W", "", code) for code in self.page.locator(".marker-code").all_inner_texts()]

    def action(self, title: str) -> None:
        """Takes what is offered at the cursor by this title. A busy VS Code may lose the key: it is pressed again."""
        row = self.page.locator(".action-widget .monaco-list-row", has_text=title).first
        until = time.monotonic() + LONG / 1000
        while not row.is_visible():
            assert time.monotonic() < until, f"{title} is not offered"
            self.page.keyboard.press("Control+.")
            self.page.wait_for_timeout(LONG / 10)
        row.click()
