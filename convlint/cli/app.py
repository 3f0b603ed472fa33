"""The commands, and how a run ends: 0 clean, 1 findings, 2 not done (one sentence on stderr, never a traceback)."""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from convlint import __version__
from convlint.cli.check import check
from convlint.cli.clean import clean
from convlint.cli.completion import mend_zsh
from convlint.cli.cut import cut
from convlint.cli.dev import app as dev
from convlint.cli.diagnose import diagnose
from convlint.cli.help import Command, Group
from convlint.cli.matrix import matrix
from convlint.cli.preflight import lock, preflight
from convlint.cli.problem_matcher import problem_matcher
from convlint.cli.rule import rule
from convlint.cli.server import server
from convlint.errors import UsageError
from convlint.report.plain import one_line


class Root(Group):
    """``convlint`` itself: ``check`` may be left out."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parses a command line, be it to run it or to complete it."""
        return super().make_context(info_name, _with_command(args), parent, **extra)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Commands, and the options of the one that may be left out."""
        found = super().shell_complete(ctx, incomplete)
        if not incomplete.startswith("-"):
            return found
        known = {one.value for one in found}
        return found + [one for one in self.commands["check"].shell_complete(ctx, incomplete) if one.value not in known]


app = typer.Typer(name="convlint", cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
INTERRUPTED = 130
"""What a shell takes for a run that Ctrl-C has ended."""
COMMANDS = (
    "check",
    "preflight",
    "lock",
    "matrix",
    "diagnose",
    "cut",
    "rule",
    "clean",
    "problem-matcher",
    "server",
    "dev",
)
_KEEPS_ON = re.compile(r"--(?:watch|prove)\b|-\w*w")
"""Options of `check` (``-qw`` holds ``-w``) by which it goes on for long, or has processes of its own."""
_OF_ROOT = ("-h", "--help", "-V", "--version", "--install-completion", "--show-completion")
for _command in (check, preflight, lock, matrix, diagnose, cut, rule, clean, problem_matcher, server):
    app.command(cls=Command)(_command)
app.add_typer(dev, name="dev")


@app.callback(
    epilog="`check` may be left out: `convlint src/ --fix`. A folder named like a command is written `./rule`. "
    "All commands end with 0 (clean), 1 (something was found) or 2 (not done: wrong options, unreadable files)."
)
def root(version: bool = typer.Option(False, "--version", "-V", help="Print the version.")) -> None:
    """Find, explain and repair the lines of a PyTorch model that break or silently change in an export."""
    if version:
        typer.echo(f"convlint {__version__}")
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and says with which code to exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if {"--install-completion", "--show-completion"} & set(arguments):
        mend_zsh()
    try:
        code = app(args=list(arguments), prog_name="convlint", standalone_mode=False)
        sys.stdout.flush()
    except UsageError as error:
        return _fail(str(error))
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "convlint check"
        message = error.format_message().replace(": Value error, ", ": ").rstrip(".")
        return _fail(f"{message}; see `{command} --help`")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # the reader (`| head`) has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the user must not see a traceback
        return _fail(_internal(error))
    return code if isinstance(code, int) else 0


def is_brief(arguments: Sequence[str]) -> bool:
    """Whether a command line checks files once and for nobody who waits: its memory is the system's to free."""
    command, *others = _with_command(arguments)
    return command == "check" and not any(_KEEPS_ON.match(one) for one in others)


def _with_command(arguments: Sequence[str]) -> list[str]:
    """``check`` put first where no command is named."""
    if not arguments:
        return ["--help"]
    if arguments[0] in (*COMMANDS, *_OF_ROOT):
        return list(arguments)
    return ["check", *arguments]


def _fail(message: str) -> int:
    sys.stderr.write(f"convlint: error: {one_line(message)}\n")
    return 2


def _internal(error: Exception) -> str:
    with tempfile.NamedTemporaryFile(
        "w", prefix="convlint-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write(f"convlint {__version__}, Python {sys.version}\n{sys.argv}\n\n")
        traceback.print_exception(error, file=file)
    return f"a fault of convlint itself ({type(error).__name__}: {error}); please report it with the file {file.name}"
