"""Writes what is looked up, ``docs/commands.md``, ``docs/settings.md``, ``docs/targets``: ``python docs/reference.py``.

So is what ``docs/comparison.md`` says of speed, from what was measured last.

``--check`` writes nothing, and names the pages that are stale.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import typer

from convlint.backends.facts import FOLDER, Facts, Row, facts, versions
from convlint.cli.app import app
from convlint.cli.help import EXAMPLES, panels, spelled
from convlint.config import ModelOptions, Options, Settings

HERE = Path(__file__).resolve().parent
INTRODUCTION = {
    "commands.md": """# Commands

`convlint COMMAND --help` says the same. `check` may be left out: `convlint src/ --fix`. All end with 0 (clean),
1 (something was found) or 2 (not done: wrong options, unreadable files).
""",
    "settings.md": """# Settings

Keys of `[tool.convlint]` in `pyproject.toml`, or of `convlint.toml` without the table's name.
`--config 'key = value'` sets one for a run.
""",
    "targets/README.md": """# Targets

What is shipped about each; `--target` takes the names, `==` a version. An installed ONNX Runtime is asked itself by
`matrix` and `preflight`, which beats what is written here. Unknown is never no.
""",
}
ONLY_CONFIGURED = {
    "entry-points": "Functions, methods and classes that an exporter enters, besides the `forward` of every model.",
    "exclude-entry-points": "What is entered no more; names with `*` and `?`.",
    "models": "The models of `preflight`, `--prove` and `lock`, a table each:",
    "cache": "Whether results are kept between runs; `--no-cache`.",
}
"""Settings that no option of the command line describes."""
OF_A_MODEL = {
    "factory": "`package.module:name` or `path/file.py:name`: a class, a function that makes a model, or a model.",
    "name": "What it is called in `--prove NAME` and `preflight NAME`; else its factory.",
    "arguments": "What the factory is called with.",
    "training": "Whether it is exported in training mode; else in evaluation mode.",
    "weights": "A file with its `state_dict`, of torch or `.safetensors`.",
    "inputs": "Its inputs, as `--input` takes them, or a function that gives them.",
    "targets": "Where it is deployed, instead of `target`.",
}


def pages() -> dict[str, str]:
    """Name to text."""
    return looked_up() | {"comparison.md": with_speed((HERE / "comparison.md").read_text(encoding="utf-8"))}


def with_speed(page: str) -> str:
    """The page with what ``benchmarks/speed.py`` measured last of convlint and its peers."""
    measured = (HERE.parent / "benchmarks/speed.md").read_text(encoding="utf-8")
    introduced, rest = measured.split("\n", 2)[2].split("\n\n", 1)
    before, _, after = page.partition("<!-- speed -->\n")
    words = introduced.partition(": ")[2].replace("\n", " ")
    table = rest.partition("\n\n")[0].replace("| Beside its peers | | times ast.parse |", "| | | times `ast.parse` |")
    return f"{before}<!-- speed -->\n{words}\n\n{table}\n<!-- end -->\n{after.partition('<!-- end -->' + chr(10))[2]}"


def looked_up() -> dict[str, str]:
    """The pages that are written as a whole."""
    written = {"commands.md": commands(), "settings.md": settings(), "targets/README.md": targets()}
    introduced = {name: INTRODUCTION[name] + "\n" + "\n".join(lines) + "\n" for name, lines in written.items()}
    names = sorted({path.stem.partition("@")[0] for path in FOLDER.glob("*.json")})
    return introduced | {f"targets/{name}.md": "\n".join(target(name)) + "\n" for name in names}


def commands() -> Iterator[str]:
    """Each command with its options, as its ``--help`` has them."""
    root = typer.main.get_command(app)
    for name, command in walk("convlint", root):
        yield f"## {name}\n"
        text, _, examples = (command.help or "").partition(EXAMPLES)
        yield f"{text}\n"
        if examples:
            yield f"```text\n{textwrap.dedent(examples)}\n```\n"
        context = typer.Context(command)
        options = [one for one in command.params if getattr(one, "help", None) and one.name != "help"]
        for panel, group in panels(options).items():
            yield f"| {panel} | |\n|---|---|"
            for one in group:
                yield f"| `{cell(spelled(one, context))}` | {cell(one.help)} |"
            yield ""


def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The commands below one that do something."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for word, one in below.items():
        yield from walk(f"{name} {word}", one)


def settings() -> Iterator[str]:
    """Each key, what it may be and its default."""
    helps = {one.name: one.help for one in dict(walk("convlint", typer.main.get_command(app)))["convlint check"].params}
    defaults = {field.name: field for field in dataclasses.fields(Settings)}
    yield "| key | value | default | |\n|---|---|---|---|"
    for field in msgspec.structs.fields(Options):
        told = ONLY_CONFIGURED.get(field.encode_name) or helps.get(field.name) or helps[f"{field.name}_"]
        value, usual = kind(Options, field.name), default(defaults.get(field.name))
        yield f"| `{field.encode_name}` | {value} | {usual} | {cell(told)} |"
    yield "\n## models\n\n| key | value | |\n|---|---|---|"
    for field in msgspec.structs.fields(ModelOptions):
        yield f"| `{field.encode_name}` | {kind(ModelOptions, field.name)} | {cell(OF_A_MODEL[field.encode_name])} |"


def kind(of: type, name: str) -> str:
    """What a setting may be, in words."""
    text = re.sub(r"<class '(\w+)'>| \| None|typing\.Optional\[(\w+)\]", r"\1\2", str(get_type_hints(of)[name]))
    if choices := re.search(r"Literal\[([^]]*)\]", text):
        return ", ".join(f"`{word.strip(chr(39))}`" for word in choices[1].split(", "))
    return "tables" if "ModelOptions" in text else cell(f"`{text.replace('typing.Any', 'value')}`")


def default(field: dataclasses.Field[Any] | None) -> str:
    """The value that a setting has by itself."""
    if field is None or field.default is dataclasses.MISSING or field.default in ((), None):
        return ""
    value = field.default
    if value == ("",):
        return "all"
    if isinstance(value, tuple):
        return f"{len(value)} usual folders" if field.name == "exclude" else f"`{value[0][0]}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def cell(text: str) -> str:
    """Text in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def targets() -> Iterator[str]:
    """All targets in a table."""
    yield "| target | versions | reads | opsets | from |\n|---|---|---|---|---|"
    for path in sorted(FOLDER.glob("*.json")):
        name, _, version = path.stem.partition("@")
        known = facts(name)
        if version or known is None:
            continue
        yield (
            f"| [{name}]({name}.md) | {', '.join(versions(name))} | {reads(known)} | {opsets(known)} "
            f"| {cell(known.source)}{f', {known.date}' if known.date else ''} |"
        )


def reads(known: Facts) -> str:
    """What the target is given."""
    return "ONNX" if known.reads_onnx else "programs of torch"


def opsets(known: Facts) -> str:
    """The opsets that it reads."""
    return f"{known.oldest_opset} to {known.newest_opset}" if known.newest_opset else ""


def target(name: str) -> Iterator[str]:
    """One target: its sources, and its operators of the newest version."""
    all_known = [(version, known) for version in versions(name) if (known := facts(name, version)) is not None]
    newest = all_known[0][1]
    yield f"# {newest.title}\n\n`--target {name}`. It reads {reads(newest)}.\n"
    yield "| version | opsets | IR version | source | date |\n|---|---|---|---|---|"
    for version, known in all_known:
        ir = str(known.newest_ir or "")
        yield f"| {version} | {opsets(known)} | {ir} | {cell(known.source)} | {known.date or 'unknown'} |"
    whole = "What is not here it refuses." if newest.complete else "Of what is not here nothing is known."
    yield f"\n## Operators of version {newest.version}\n\n{whole} *Tests* are ONNX's own of the operator, run there.\n"
    yield "| operator | since | claimed | dtypes of its first input | tests passed | note |\n|---|---|---|---|---|---|"
    yield from map(row, newest.rows)


def row(one: Row) -> str:
    """An operator."""
    since, tests = one.since_version or "", f"{one.passed} of {one.tests}" if one.tests else ""
    return f"| {one.operator} | {since} | {one.claim} | {one.dtypes} | {tests} | {cell(one.note)} |"


def main(arguments: Sequence[str]) -> int:
    """Writes the pages, or with ``--check`` names those that are stale."""
    stale = []
    for name, text in pages().items():
        path = HERE / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if "--check" not in arguments:
        return 0
    for name in stale:
        print(f"docs/{name} is stale; run `make docs`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
