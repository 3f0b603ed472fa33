from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from convlint.trial.job import Event
from convlint.trial.labels.records import Record, write_records

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from label_files import Labels, oracle_labels, own_labels  # noqa: E402
from scoring import lint, score  # noqa: E402

SOURCE = """\
import torch
from torch import nn


class Model(nn.Module):
    def forward(self, x):
        if (
            x.sum() > 0
        ):
            x = x + 1
        y = x * int(x.shape[0])
        z = float(x.max())
        x = x.relu()
        return y.mean().item() * z

    def other(self, x):
        return x.item()
"""
FILE = "tiny/__init__.py"


def event(row: int, level: str, statement: tuple[int, int] | None = None) -> Event:
    return Event(file=FILE, line=row, statement=statement or (row, row), tool="any", kind="any", level=level)  # type: ignore[arg-type]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "tiny").mkdir()
    (tmp_path / FILE).write_text(SOURCE)
    return tmp_path


@pytest.fixture
def labels(site: Path) -> Labels:
    record = Record(
        suite="tiny",
        name="Model",
        versions={},
        outcomes={},
        executed={FILE: [8, 10, 11, 12, 13, 14]},
        unreached={FILE: [14]},
        events=[event(8, "harm", (7, 9)), event(8, "dyn", (7, 9)), event(13, "harm")],
    )
    write_records(site / "labels.jsonl", [record])
    return own_labels([site])


def test_a_named_statement_is_harm_clean_or_out_of_reach(site: Path, labels: Labels) -> None:
    named = lint(site, ["tiny"])
    scored = score(named, labels, site)
    assert scored.seen[FILE, 7] == "harm"
    assert scored.seen[FILE, 12] == "clean"
    assert scored.seen[FILE, 14] == "unreached"
    assert scored.false_positives == [(FILE, 11), (FILE, 12)]
    assert scored.misses == [(FILE, 13)]


def test_shares_count_statements_once(site: Path, labels: Labels) -> None:
    scored = score({(FILE, 7): {"CVL301", "CVL302"}, (FILE, 12): {"CVL202"}, (FILE, 14): {"CVL201"}}, labels, site)
    assert scored.found("harm") == (1, 2)
    assert scored.found("dyn") == (0, 0)
    assert scored.share("harm", "dyn") == (1, 2)
    assert scored.count("unreached") == 1


def test_what_one_model_reaches_is_judged(site: Path, labels: Labels) -> None:
    whole = Record(suite="tiny", name="Reaches", versions={}, outcomes={}, executed={FILE: [14]})
    write_records(site / "more.jsonl", [whole])
    assert score({(FILE, 14): {"CVL201"}}, own_labels([site]), site).seen[FILE, 14] == "clean"


def test_no_line_is_clean_where_a_graph_is_silently_wrong(site: Path) -> None:
    wrong = {"eager": "ok", "onnx_torchscript": "ok", "onnx_torchscript on A": "1 of 3 values differ"}
    record = Record(suite="tiny", name="Wrong", versions={}, outcomes=wrong, executed={FILE: [12]})
    write_records(site / "labels.jsonl", [record])
    scored = score({(FILE, 12): {"CVL202"}}, own_labels([site]), site)
    assert scored.seen == {(FILE, 12): "suspect"}
    assert scored.false_positives == []


def test_the_labels_of_another_oracle_have_the_same_levels(site: Path) -> None:
    def said(row: int, harm: str, **more: object) -> dict[str, object]:
        return {"file": FILE, "stmt": row, "code": "", "cat": "x", "harm": harm, "info": False} | more

    events = [
        said(7, "benign-same"),
        said(7, "baked+wrong"),
        said(11, "unbacked"),
        said(12, "benign-same"),
        said(13, "fail", cat="symptom (crash site)"),
        said(14, "", info=True),
    ]
    record = {"executed": {FILE: {"lines": [8, 14]}}, "events": events}
    outcomes = dict.fromkeys(("jit_trace", "export", "onnx_ts"), "ok")
    (site / "dev.jsonl").write_text(json.dumps(record | {"outcomes": outcomes}))
    labels = oracle_labels(site / "dev.jsonl")
    levels = {row: label.level for (_, row), label in labels.statements.items()}
    assert levels == {7: "harm", 11: "dyn", 12: "warn", 13: "symptom"}
    assert score({(FILE, 14): {"CVL201"}}, labels, site).seen == {(FILE, 14): "clean"}
    (site / "dev.jsonl").write_text(json.dumps(record | {"outcomes": outcomes | {"export": "fail: no"}}))
    labels = oracle_labels(site / "dev.jsonl")
    assert score({(FILE, 14): {"CVL201"}}, labels, site).seen == {(FILE, 14): "unreached"}


def test_the_stored_labels_belong_to_the_pinned_packages() -> None:
    from packages import HELD_OUT, LABELLED, SEEN

    for folder, ending in (("labels", "jsonl"), ("suites", "py")):
        assert sorted(path.stem for path in (BENCHMARKS / folder).glob(f"*.{ending}")) == sorted([*SEEN, *HELD_OUT])
    labels = own_labels([BENCHMARKS / "labels"])
    assert labels.models >= 30
    assert {"harm", "dyn", "warn"} == {label.level for label in labels.statements.values()}
    assert len(labels.folders) == len(LABELLED)


def test_the_command_explains_itself() -> None:
    help_text = subprocess.run(
        [sys.executable, BENCHMARKS / "accuracy.py", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "--oracle-site" in help_text
