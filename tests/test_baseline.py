"""A baseline leaves out what was there, wherever it has moved to, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Cli
from convlint_rules.examples import forward

LINE = "y = x / x.max().item()"
SOURCE = forward(f"{LINE}\nreturn y")


@pytest.fixture
def found(cli: Cli) -> object:
    """Writes a baseline of one file, then says on which lines another text of it still has findings."""

    def lines(before: str, after: str, name: str = "model.py") -> list[int]:
        Path("model.py").write_text(before)
        assert cli(".", "--write-baseline", "base.json").code == 0
        Path("model.py").unlink()
        Path(name).write_text(after)
        out = json.loads(cli(".", "--baseline", "base.json", "--output-format", "json").out)
        return [one["location"]["row"] for one in out]

    return lines


def test_what_the_baseline_lists_is_left_out(cli: Cli) -> None:
    Path("model.py").write_text(SOURCE)
    assert cli(".").code == 1
    assert cli(".", "--write-baseline", "base.json").out == "Wrote 1 finding to base.json.\n"
    assert cli(".", "--baseline", "base.json") == (0, "All checks passed!\n", "")


@pytest.mark.parametrize(
    "after",
    [
        "\n\n# moved\n" + SOURCE,
        forward(f"z = 1\n{LINE}\nreturn y"),
        SOURCE.replace(LINE, f"{LINE}  # a comment"),
        SOURCE.replace("x / x.max()", "x   /   x.max()"),
        SOURCE.replace("x.max().item()", "x.max(\n        ).item()"),
        SOURCE.replace("    ", "\t"),
        SOURCE.replace("\n", "\r\n"),
    ],
)
def test_a_finding_is_known_again_where_it_moved(found, after: str) -> None:
    assert found(SOURCE, after) == []


def test_a_second_finding_of_the_same_text_is_reported(found) -> None:
    assert found(SOURCE, forward(f"{LINE}\n{LINE}\nreturn y")) == [8]


def test_two_of_the_same_text_are_both_excused(found) -> None:
    twice = forward(f"{LINE}\n{LINE}\nreturn y")
    assert found(twice, twice) == []
    assert found(twice, SOURCE) == []


def test_another_code_in_the_same_statement_is_reported(found) -> None:
    assert found(SOURCE, SOURCE.replace(LINE, "y = x / x.max().item() * len(x.abs())")) == [7, 7]


def test_a_renamed_file_is_reported(found) -> None:
    assert found(SOURCE, SOURCE, "other.py") == [7]


def test_a_new_baseline_does_not_build_on_the_old_one(cli: Cli) -> None:
    Path("model.py").write_text(SOURCE)
    cli(".", "--write-baseline", "base.json")
    assert cli(".", "--baseline", "base.json", "--write-baseline", "base.json").out == "Wrote 1 finding to base.json.\n"


def test_the_baseline_of_the_configuration_is_relative_to_it(cli: Cli) -> None:
    Path("src").mkdir()
    Path("src/model.py").write_text(SOURCE)
    Path("convlint.toml").write_text("baseline = 'base.json'\n")
    cli("src", "--write-baseline", "base.json", "--isolated")
    assert json.loads(Path("base.json").read_text())["findings"][0]["path"] == "src/model.py"
    assert cli("src").code == 0


def test_what_the_baseline_excuses_is_not_repaired(cli: Cli) -> None:
    Path("model.py").write_text(forward("return x * int(x.shape[0])"))
    cli(".", "--write-baseline", "base.json")
    cli(".", "--baseline", "base.json", "--fix")
    assert Path("model.py").read_text() == forward("return x * int(x.shape[0])")


def test_the_file_is_sorted_and_has_no_absolute_paths(cli: Cli) -> None:
    for name in ("b.py", "a.py"):
        Path(name).write_text(forward(f"{LINE}\nreturn x * int(x.shape[0])"))
    cli(".", "--write-baseline", "one.json")
    entries = json.loads(Path("one.json").read_text())["findings"]
    assert [one["path"] for one in entries] == ["a.py", "a.py", "b.py", "b.py"]
    cli("b.py", "a.py", "--write-baseline", "two.json")
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"no json",
        b"\xff\xfe",
        b"[1, 2]",
        b'{"version": 1}',
        b'{"version": 2, "findings": []}',
        b'{"version": 1, "findings": [{"path": 1}]}',
        b'{"version": 1, "findings": [], "more": 1}',
    ],
)
def test_a_baseline_that_is_none_ends_the_run_with_one_line(cli: Cli, data: bytes) -> None:
    Path("model.py").write_text(SOURCE)
    Path("base.json").write_bytes(data)
    ran = cli(".", "--baseline", "base.json")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "base.json" in ran.err
    assert "--write-baseline" in ran.err


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_baseline_that_cannot_be_read_ends_the_run_with_one_line(cli: Cli, name: str) -> None:
    Path("model.py").write_text(SOURCE)
    ran = cli(".", "--baseline", name)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "cannot be read" in ran.err


def test_a_baseline_that_cannot_be_written_ends_the_run_with_one_line(cli: Cli) -> None:
    Path("model.py").write_text(SOURCE)
    ran = cli(".", "--write-baseline", "missing/base.json")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
