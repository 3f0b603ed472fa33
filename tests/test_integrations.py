"""``docs/integrations.md`` and ``action.yml``: by the schemas of their readers, and run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from conftest import Cli
from convlint_rules.examples import forward
from markdown_it import MarkdownIt

from convlint.config import OutputFormat
from convlint.report.formats import SEVERITIES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/integrations.md").read_text(encoding="utf-8")
MODEL = forward("return x * int(x.shape[0])")
SCHEMAS = {
    ".github/workflows/": "github-workflows.json",
    ".gitlab-ci.yml": "gitlab-ci.json",
    "azure-pipelines.yml": "azure-pipelines.json",
}


def blocks() -> dict[str, str]:
    """The files that the page shows, by the name in their first line."""
    fences = [token.content for token in MarkdownIt().parse(PAGE) if token.type == "fence"]
    return {text.partition("\n")[0].lstrip("#/ "): text.partition("\n")[2] for text in fences}


def commands(value: Any) -> Iterator[str]:
    """The convlint commands in a configuration."""
    if isinstance(value, str):
        yield from re.findall(r"convlint (?:check|problem-matcher)\b[^|>\n]*", value)
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from commands(one)


def validate(value: Any, name: str) -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / name
    jsonschema.validate(json.loads(json.dumps(value)), json.loads(schema.read_text(encoding="utf-8")))


def loaded(text: str) -> Any:
    """YAML, whose ``on:`` is a word to GitHub."""
    return yaml.safe_load(re.sub(r"^on:", "'on':", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", [name for name in blocks() if name.startswith(tuple(SCHEMAS))])
def test_a_configuration_is_valid(name: str) -> None:
    (schema,) = (schema for start, schema in SCHEMAS.items() if name.startswith(start))
    validate(loaded(blocks()[name]), schema)


def test_the_pages_files_are_those_that_are_tested() -> None:
    others = {".pre-commit-config.yaml", ".vscode/tasks.json"}
    assert {name for name in blocks() if not name.startswith(tuple(SCHEMAS))} == others
    assert len(blocks()) == 8


def test_the_hooks_are_what_pre_commit_takes(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(blocks()[".pre-commit-config.yaml"])
    for command in (["validate-config", "config.yaml"], ["validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")]):
        ran = subprocess.run(
            [sys.executable, "-m", "pre_commit", *command], cwd=tmp_path, capture_output=True, text=True
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    (repository,) = yaml.safe_load(blocks()[".pre-commit-config.yaml"])["repos"]
    known = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert {hook["id"] for hook in repository["hooks"]} < known


@pytest.mark.parametrize("name", [name for name in blocks() if name != ".pre-commit-config.yaml"])
def test_what_the_configurations_run_runs(cli: Cli, name: str) -> None:
    value = json.loads(blocks()[name]) if name.endswith(".json") else loaded(blocks()[name])
    Path("src").mkdir()
    Path("src/net.py").write_text(MODEL)
    for command in commands(value):
        ran = cli(*shlex.split(command)[1:])
        expected = 0 if "--exit-zero" in command or "problem-matcher" in command else 1
        assert (ran.code, ran.err) == (expected, ""), command


def test_the_task_has_the_matcher_that_is_printed(cli: Cli) -> None:
    (task,) = json.loads(blocks()[".vscode/tasks.json"])["tasks"]
    assert task["problemMatcher"] == json.loads(cli("problem-matcher", "vscode").out)


def test_the_table_of_formats_says_what_they_are() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == list(get_args(OutputFormat))
    for name, *shown in rows:
        named = SEVERITIES.get(name, {} if name == "pylint" else {one: one for one in ("error", "warning", "info")})
        assert [one.strip() for one in shown] == [named.get(one, "") for one in ("error", "warning", "info")]


def test_the_action_is_valid() -> None:
    validate(yaml.safe_load((ROOT / "action.yml").read_text()), "github-actions.json")
