"""Problem matchers: how VS Code and GitHub Actions read findings out of ``--output-format concise``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Reader = Literal["vscode", "github"]

_PATTERN = {
    # no shown path holds a colon and a blank (`plain.before_colon`): the first place in a line is the finding's
    "regexp": r"^(.+?)(?::cell \d+)?:(\d+):(\d+): (error|warning|info) (\S+) (?:\[\*\] )?(.*)$",
    "file": 1,
    "line": 2,
    "column": 3,
    "severity": 4,
    "code": 5,
    "message": 6,
}

MATCHERS: Mapping[Reader, Mapping[str, Any]] = {
    "vscode": {
        "owner": "convlint",
        "source": "convlint",
        "fileLocation": ["autoDetect", "${workspaceFolder}"],
        "pattern": _PATTERN,
    },
    "github": {"problemMatcher": [{"owner": "convlint", "pattern": [_PATTERN]}]},
}
"""What a task of VS Code takes as its ``problemMatcher``, and what ``::add-matcher::`` takes as its file."""
