"""``convlint dev new-rule``: the file of a rule in the folder of its family; its test fails until it is filled in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from typing import NamedTuple

from convlint.errors import UsageError
from convlint.rule import CODE, current, registry

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
BUILT_IN = "convlint_rules"
_RULE = Template('''\
from __future__ import annotations

from convlint.events import LeavesGraph
from convlint.findings import Finding, Harm
from convlint.rule import Context, Example, Rule
$imports

class $class_name(Rule):
    """
    ## What it does
    TODO: what it finds, with the code as people write it.

    ## Why it breaks
    TODO: what becomes of it on the way to a file, and what a user sees of that.

    ## Fix safety
    There is no fix: TODO why; or `Safe:`, `Unsafe:` and what may change.

    ## References
    - TODO: an issue, or a page of the documentation
    """

    code, name, since = "$code", "$name", "0.1"$status
    events = (LeavesGraph,)  # TODO: see convlint/events.py
    examples = [
        Example(
            bad=$bad,
            good=$good,
            inputs="x: float32[N=3, 4]",
            harm=Harm(),  # TODO: what the tracers show: `python -m convlint.trial.prove $code`
        ),
    ]

    def check(self, event: LeavesGraph, context: Context) -> Finding | None:
        """TODO: decide on the facts of the event."""
        return None
''')
_MODULE = '''"""\\
import torch
from torch import nn


class Model(nn.Module):
    def forward(self, x):
        return x * 2{}
"""'''


class _Written(NamedTuple):
    """A rule as its file says."""

    code: str
    name: str
    path: Path


def new_rule(code: str, name: str, package: Path) -> Path:
    """Writes the file of a new rule into a package of rules and says where.

    Raises:
        UsageError: the code or the name is taken or none, or there is no place for the rule.
    """
    if not CODE.fullmatch(code):
        raise UsageError(f"`{code}` is no code; write capital letters and a number, like `ACME101`")
    if not NAME.fullmatch(name):
        raise UsageError(f"`{name}` is no name for a rule; write lower-case words with hyphens, like `branch-on-value`")
    if not (package / "__init__.py").is_file():
        raise UsageError(f"{package}: is no Python package; name the folder of your rules with --package")
    written = list(_rules_of(package))
    _check_free(code, name, written)
    _check_letters(code, package, written)
    path = _folder(code, package, written) / f"{name.replace('-', '_')}.py"
    if path.exists():
        raise UsageError(f"{path}: is there already; choose another name")
    path.write_text(_source(code, name, built_in=package.name == BUILT_IN), encoding="utf-8")
    return path


def class_name(name: str) -> str:
    """The class of a rule: ``BranchOnValue`` for ``branch-on-value``."""
    return "".join(map(str.capitalize, name.split("-")))


def _rules_of(package: Path) -> Iterator[_Written]:
    """The rules that the files of a package define, which need not be installed."""
    for path in sorted(package.rglob("*.py")):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"{path}: cannot be parsed: {error}; mend it first") from None
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                constants = dict(_constants(node))
                if "code" in constants and "name" in constants:
                    yield _Written(constants["code"], constants["name"], path)


def _constants(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """``code, name = "ACME101", "a-name"`` in any form, by the names."""
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            (target, *_), value = statement.targets, statement.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=False))
            for one, constant in pairs:
                if isinstance(one, ast.Name) and isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    yield one.id, constant.value


def _check_free(code: str, name: str, written: Sequence[_Written]) -> None:
    now = current(code)
    installed = [_Written(rule.code, rule.name, Path(rule.__module__)) for rule in registry().values()]
    for rule in (*written, *installed):
        if rule.code == now:
            was = "" if now == code else f", whose code is {now} now"
            raise UsageError(f"the code {code} is taken by {rule.name}{was}; choose another number")
        if rule.name == name:
            raise UsageError(f"the name {name} is taken by {rule.code}; choose another name")


def _check_letters(code: str, package: Path, written: Sequence[_Written]) -> None:
    """One pack has codes with the same letters, and no other has."""
    own = {(_letters(rule.code), len(rule.code)) for rule in written}
    if own and (_letters(code), len(code)) not in own:
        example = min(rule.code for rule in written)
        raise UsageError(f"the rules of {package} have codes like {example}; give the new one such a code")
    others = {_letters(rule.code): rule.__module__.partition(".")[0] for rule in registry().values()}
    other = others.get(_letters(code))
    if not own and other and other not in package.resolve().parts:
        raise UsageError(f"codes like {code} are those of {other}; choose letters of your own, like `ACME101`")


def _folder(code: str, package: Path, written: Sequence[_Written]) -> Path:
    """The folder of the family, which is the letters and the first digit; the package where it has no folders."""
    families = {_family(rule.code): rule.path.parent for rule in written}
    if all(folder == package for folder in families.values()):
        return package
    if _family(code) not in families:
        known = ", ".join(f"{family} ({folder.name})" for family, folder in sorted(families.items()))
        raise UsageError(
            f"no rule of {package} has a code that begins with {_family(code)}; families are {known}; for a new one "
            f"make its folder, with an `__init__.py`, and name that with --package"
        )
    return families[_family(code)]


def _letters(code: str) -> str:
    return code.rstrip("0123456789")


def _family(code: str) -> str:
    return code[: len(_letters(code)) + 1]


def _source(code: str, name: str, *, built_in: bool) -> str:
    if built_in:
        bad, good = 'forward("return x * 2  # <-")', 'forward("return x * 2")'
    else:
        bad, good = _MODULE.format("  # <-"), _MODULE.format("")
    return _RULE.substitute(
        code=code,
        name=name,
        class_name=class_name(name),
        imports=f"from {BUILT_IN}.examples import forward\n" if built_in else "",
        status='\n    status = "preview"' if built_in else "",
        bad=bad,
        good=good,
    )
