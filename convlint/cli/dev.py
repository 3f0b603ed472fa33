"""``convlint dev``: for the authors of rules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from convlint.scaffold import class_name, new_rule

app = typer.Typer()


@app.callback()
def group() -> None:
    """For authors of rules."""


@app.command("new-rule")
def write_rule(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A code that is free: CVL299, ACME101.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called: `branch-on-value`.")],
    package: Annotated[Path, typer.Option(metavar="FOLDER", help="The package of your rules.")] = Path(
        "rules/convlint_rules"
    ),
) -> int:
    """Write the file of a new rule, in the folder of its family; its test fails until it is filled in."""
    path = new_rule(code, name, package)
    sys.stdout.write(
        f"Wrote {path}.\n"
        f"Fill in what is marked TODO until `convlint.testing.check_rule({class_name(name)})` passes; "
        f"`python -m convlint.trial.prove {code}` says what the exporters make of the example.\n"
    )
    return 0
