"""The settings of each folder as its configuration files say now, and what is wrong with these, told once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from convlint.config import CONFIG_FILES, Configuration, Settings
from convlint.errors import UsageError
from convlint.server.kept import stamp_of
from convlint.source.discovery import INSTALLED, covers

Tell = Callable[[str, bool], None]
"""Shows the user a sentence; whether it is of an error."""


class Notices:
    """Sentences for the user, each shown once as long as it is true of anything."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._wrong: dict[object, str] = {}

    def wrong(self, about: object, text: str) -> None:
        """Something cannot be done."""
        if text not in self._wrong.values():
            self._tell(text, True)
        self._wrong[about] = text

    def right(self, about: object) -> None:
        """It can be done (again)."""
        self._wrong.pop(about, None)


class Configured:
    """Settings by folder; configuration files are read again when they have changed."""

    def __init__(self, notices: Notices, tell: Tell) -> None:
        self._notices = notices
        self._tell = tell
        self._known: dict[Path, tuple[object, Settings | None]] = {}
        self._warned: set[str] = set()

    def settings(self, folder: Path) -> Settings | None:
        """The settings for a folder; where they are wrong the last that were right, None if none ever were."""
        state = _state(folder)
        known_state, settings = self._known.get(folder, (None, None))
        if state == known_state:
            return settings
        try:
            settings = Configuration(warn=self._warn).settings(folder)
            self._notices.right(folder)
        except UsageError as error:
            self._notices.wrong(folder, str(error))
        self._known[folder] = state, settings
        return settings

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._tell(text, False)


def _state(folder: Path) -> object:
    """What tells one state of the configuration of a folder from another."""
    return [stamp_of(place / name) for place in (folder, *folder.parents) for name in CONFIG_FILES]


def is_left_out(path: Path, settings: Settings, workspace: Iterable[Path]) -> bool:
    """Whether a check of the workspace (or of the folder of the configuration) would leave a file out."""
    top = next((folder for folder in (*workspace, settings.root) if folder in path.parents), None)
    if top is None:
        return any(part in INSTALLED for part in path.parts)
    return covers(settings.exclude, path, top)
