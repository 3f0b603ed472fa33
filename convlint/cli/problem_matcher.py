"""``convlint problem-matcher``: what lets an editor or a build server read the findings out of text."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from convlint.report.problem_matcher import MATCHERS, Reader


def problem_matcher(
    reader: Annotated[Reader, typer.Argument(metavar="vscode|github", help="Who is to read the findings.")],
) -> int:
    """Print the problem matcher by which VS Code or GitHub Actions reads `--output-format concise`.

    Examples:
        convlint problem-matcher vscode      # for .vscode/tasks.json
        convlint problem-matcher github > "$RUNNER_TEMP/convlint.json"
    """
    sys.stdout.write(json.dumps(MATCHERS[reader], indent=2) + "\n")
    return 0
