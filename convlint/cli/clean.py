"""``convlint clean``: removes the cache of the project."""

from __future__ import annotations

import sys
from pathlib import Path

from convlint.cli import options as opt
from convlint.config import Options
from convlint.errors import UsageError
from convlint.report.plain import shown_path


def clean(cache_dir: opt.CacheDir = None, config: opt.Config = None, isolated: opt.Isolated = False) -> int:
    """Remove the cache of the project here, which the next run makes anew."""
    from convlint.cache import clean as remove
    from convlint.cache import folder_of

    configuration = opt.configuration(Options(cache_dir=cache_dir), config or (), isolated)
    folder = folder_of(configuration.settings(Path.cwd()))
    if not folder.exists():
        sys.stdout.write(f"There is no {shown_path(str(folder))}.\n")
        return 0
    if not remove(folder):
        raise UsageError(f"{folder} cannot be removed, or is no cache of convlint's: it has no CACHEDIR.TAG")
    sys.stdout.write(f"Removed {shown_path(str(folder))}.\n")
    return 0
