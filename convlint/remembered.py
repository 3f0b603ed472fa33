"""A run that knows what earlier ones found: all of it where nothing changed, else of what did not change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from convlint.analyzer.files import Files
from convlint.analyzer.project import Given, Grounds, Project
from convlint.cache import Cache, folder_of
from convlint.config import Settings
from convlint.linter import LintResult, asked_of, lint
from convlint.rule import registry

_OF_NO_MATTER = frozenset(
    [
        "cache",
        "cache_dir",
        "config_file",
        "exclude_entry_points",
        "fix",
        "fix_only",
        "fixable",
        "jobs",
        "models",
        "output_format",
        "show_fixes",
        "unfixable",
        "unsafe_fixes",
        "warnings",
    ]
)
"""Settings that do not say what is found."""


def check(paths: Sequence[Path], settings: Settings, *, want_fixes: bool) -> LintResult:
    """The findings of files, with their fixes where these are wanted.

    Raises:
        UsageError: the baseline cannot be read, or an entry point is named that is not there.
    """
    started = time.time_ns()
    cache = store(settings)
    files = Files()
    project = Project(files)
    given = [Given.of(path) for path in paths]
    for one in given:
        project.give(one)
    around = files.around(set(paths))
    rests_on = {str(path): cache.digest(path) for path in (*paths, *around)}
    asked = [*_settled(settings, cache), want_fixes, given, [str(path) for path in around]]
    found = None if settings.entry_points else cache.run(asked, project.spelt)
    if found is not None:
        return LintResult(found, len(paths))
    result = lint(paths, settings, files=files, want_fixes=want_fixes, store=cache)
    grounds = None if settings.entry_points else result.grounds
    if grounds is not None and _add(rests_on, grounds, cache) and not cache.changed_since(started):
        cache.keep_run(asked, rests_on, grounds.places, result.findings)
    return result


def store(settings: Settings) -> Cache:
    """What earlier runs by these settings have learnt of files, and where this one keeps what it learns."""
    excluded = [(point.name, str(point.base)) for point in settings.exclude_entry_points]
    return Cache(folder_of(settings), [asked_of(settings), excluded])


def _settled(settings: Settings, cache: Cache) -> list[Any]:
    """What is to be found by the settings."""
    told = [(one.name, repr(getattr(settings, one.name))) for one in fields(settings) if one.name not in _OF_NO_MATTER]
    rules = sorted(f"{code} {rule.__module__}.{rule.__qualname__}" for code, rule in registry().items())
    return [told, rules, "" if settings.baseline is None else cache.digest(settings.baseline)]


def _add(rests_on: dict[str, str], grounds: Grounds, cache: Cache) -> bool:
    """Adds the contents that a run rests on; whether none of these changed during it."""
    for path, digest in grounds.files.items():
        if rests_on.setdefault(path, digest) != digest:
            return False
    for path in grounds.searched:
        rests_on.setdefault(path, cache.digest(Path(path)))
    return grounds.sound
