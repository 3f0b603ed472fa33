"""``convlint dev``: for authors of rules, and of what is known of targets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from convlint.cli.help import Command, Group

app = typer.Typer(cls=Group)


@app.callback()
def group() -> None:
    """For authors of rules, and of what is known of targets."""


@app.command("new-rule", cls=Command)
def write_rule(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A code that is free: CVL299, ACME101.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called: `branch-on-value`.")],
    package: Annotated[Path, typer.Option(metavar="FOLDER", help="The package of your rules.")] = Path(
        "rules/convlint_rules"
    ),
) -> int:
    """Write the file of a new rule, in the folder of its family; its test fails until it is filled in."""
    from convlint.scaffold import class_name, new_rule

    path = new_rule(code, name, package)
    sys.stdout.write(
        f"Wrote {path}.\n"
        f"Fill in what is marked TODO until `convlint.testing.check_rule({class_name(name)})` passes; "
        f"`python -m convlint.trial.prove {code}` says what the exporters make of the example.\n"
    )
    return 0


Targets = Annotated[list[str], typer.Argument(metavar="TARGET", help="onnxruntime, openvino, opencv, tract...")]


@app.command(cls=Command)
def measure(targets: Targets) -> int:
    """Run ONNX's own operator tests on installed runtimes; 1 where one contradicts the facts, and nobody knows why."""
    from convlint.backends.claims import compared
    from convlint.report.claims_text import lines

    failed = 0
    for target in targets:
        found = compared(target)
        sys.stdout.writelines(f"{line}\n" for line in lines(found))
        sys.stdout.flush()
        failed |= found.fails
    return int(failed)


@app.command(cls=Command)
def refresh(targets: Targets) -> int:
    """Write the facts of targets anew, from the installed packages that are their source."""
    from convlint.backends.refresh import refreshed

    for target in targets:
        sys.stdout.write(f"Wrote {refreshed(target)}.\n")
        sys.stdout.flush()
    return 0
