"""``--help``: what a command does, its options by what they are for, examples."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

from typer.core import TyperCommand, TyperGroup

from convlint.report.style import Painter

EXAMPLES = "\n\nExamples:\n"
"""What stands, in the text of a command, before its examples."""
_COLUMN = 29
"""Where the words begin that explain an option; a longer option has a line of its own."""
_WIDEST = 100


class Command(TyperCommand):
    """A command with such a help; what is written for its options is taken as it is where it may be."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for option in self.params:
            _spared(option)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help where typer collects it."""
        formatter.write("\n".join(_Page().of(self, ctx)))


class Group(TyperGroup):
    """A command of commands with such a help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help where typer collects it."""
        formatter.write("\n".join(_Page().of(self, ctx)))


def _spared(option: Any) -> None:
    """Spares an option typer's reading, for which pydantic is imported, where there is nothing to read.

    That is where it is not given, or where what is written is a text, a number or a word that it may be.
    """
    read, called = option.process_value, option.callback
    described = getattr(option, "type_descriptor", None)

    def taken(context: Any, value: Any) -> Any:
        plain = () if value is None and (option.multiple or option.nargs == -1) else _as_written(described, value)
        if option.required or (plain is None and value is not None):
            return read(context, value)
        return plain if called is None else called(context, option, plain)

    option.process_value = taken


def _as_written(described: Any, value: Any) -> Any:
    """What is written for an option where it stands for itself, else None."""
    kind, info = getattr(described, "annotation", None), getattr(described, "parameter_info", None)
    if info is None or info.parser is not None:
        return None
    if isinstance(value, tuple) and kind == list[str]:
        return list(value)
    if not isinstance(value, str):
        return None
    if kind is str or (get_origin(kind) is Literal and value in get_args(kind)):
        return value
    if kind is int and re.fullmatch("[1-9][0-9]{0,8}", value) and info.max is None and int(value) >= (info.min or 0):
        return int(value)
    return None


def spelled(option: Any, context: Any) -> str:
    """An option or argument as it is written on a command line."""
    value = "" if getattr(option, "is_flag", False) else option.metavar or option.display_type(context).strip("<>")
    if option.param_type_name == "argument":
        several = f"{value}..." if option.nargs != 1 else value
        return several if option.required else f"[{several}]"
    names = sorted(option.opts, key=len)
    if option.secondary_opts:
        names[-1] = names[-1].replace("--", "--[no-]")
    return f"{', '.join(names)} {value}".strip()


def panels(options: Sequence[Any]) -> dict[str, list[Any]]:
    """Options and arguments by what they are for; ``--help``, which all commands have, stands last."""
    found: dict[str, list[Any]] = {}
    for one in options:
        panel = "Arguments" if one.param_type_name == "argument" else one.rich_help_panel or "Options"
        last = next(reversed(found), "Arguments")
        found.setdefault(last if one.name == "help" and last != "Arguments" else panel, []).append(one)
    return found


class _Page:
    """Writes the help of a command for the terminal that it is printed on."""

    def __init__(self) -> None:
        self.paint = Painter(sys.stdout)
        self.width = min(self.paint.width, _WIDEST)

    def of(self, command: Any, context: Any) -> Iterator[str]:
        """The lines."""
        text, _, examples = (command.help or "").partition(EXAMPLES)
        for paragraph in text.split("\n\n"):
            yield from self.wrapped(paragraph, 0)
            yield ""
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        below = getattr(command, "commands", {})
        needed = [spelled(one, context) for one in command.params if one.required and one not in arguments]
        words = [context.command_path, *needed, "[OPTIONS]", *(spelled(one, context) for one in arguments)]
        yield f"{self.title('Usage:')} {' '.join([*words, 'COMMAND', '[ARGUMENTS]...'] if below else words)}"
        if below:
            yield from self.section("Commands", [(name, _first(one.help)) for name, one in below.items()], 19)
        for panel, options in panels(command.get_params(context)).items():
            yield from self.section(panel, [(_column(spelled(one, context)), one.help) for one in options], _COLUMN)
        if examples:
            yield f"\n{self.title('Examples:')}"
            yield examples
        if command.epilog:
            yield ""
            yield from self.wrapped(command.epilog, 0)

    def title(self, text: str) -> str:
        """The heading of a section."""
        return self.paint(text, "bold green")

    def section(self, title: str, rows: Sequence[tuple[str, str]], column: int) -> Iterator[str]:
        """What is explained under a heading, each in words that begin at one column."""
        yield f"\n{self.title(f'{title}:')}"
        for left, words in rows:
            told = self.wrapped(words, column)
            if len(left) + 4 > column:
                yield f"  {self.paint(left, 'bold cyan')}"
            else:
                yield f"  {self.paint(left, 'bold cyan')}{next(told)[len(left) + 2 :]}"
            yield from told

    def wrapped(self, words: str, column: int) -> Iterator[str]:
        """Words as lines that begin at a column."""
        space = " " * column
        yield from textwrap.wrap(
            words, self.width, initial_indent=space, subsequent_indent=space, break_on_hyphens=False
        )


def _column(option: str) -> str:
    """An option below those that also have a letter."""
    return option if re.match(r"-\w\b|[^-]", option) else f"    {option}"


def _first(text: str | None) -> str:
    """What a command does, in a sentence."""
    return " ".join((text or "").partition("\n\n")[0].split())
