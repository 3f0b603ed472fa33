"""``convlint preflight``: real models on real exporters, and what is said of them."""

from __future__ import annotations

import importlib
import json
import math
import os
import signal
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

pytest.importorskip("onnxruntime")

import torch

from convlint import api
from convlint.config import Configuration, Layer, Options
from convlint.errors import UsageError
from convlint.findings import Finding, Level
from convlint.preflighter import Preflighted
from convlint.report.preflight import besides, tried
from convlint.testing import assert_exportable
from convlint.trial.job import Outcome

pytestmark = pytest.mark.proof

MODELS = '''
    import ctypes
    import os
    import sys

    import torch
    from torch import nn


    class Right(nn.Module):
        """Nothing is wrong with it."""

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x):
            return self.linear(x).relu()


    class Branches(Right):
        def forward(self, x, mask):
            x = super().forward(x)
            if x.shape[1] > 5:
                x = x * 2
            return x


    class Decides(Right):
        def forward(self, x):
            x = super().forward(x)
            if x.sum() > 15:
                return x + 1
            return x

        def never_run(self, x):
            return x.sum().item()


    class Unseen(Right):
        """What no rule can know: the branch is in a library that is not read."""

        def forward(self, x):
            return ONE_OR_TWO(super().forward(x))


    exec("def ONE_OR_TWO(x): return x * 2 if bool(x.mean() > 0.5) else x")


    class DiesWhenRecorded(Right):
        """The exporter by TorchScript loses a write."""

        def forward(self, x):
            if sys.gettrace() and torch.utils._python_dispatch._len_torch_dispatch_stack():
                os._exit(1)
            x = super().forward(x)
            row = x[1]
            row += 2
            return x


    class Known(Right):
        def forward(self, x):
            x = super().forward(x)
            if x.sum() > 15:  # convlint: ignore[CVL301] only ever called on small inputs
                return x + 1
            return x


    class Dies(Right):
        def forward(self, x):
            if torch.onnx.is_in_onnx_export():
                os.abort()
            return super().forward(x)


    class DiesAtABranch(Right):
        def forward(self, x):
            if torch.compiler.is_exporting():
                os.abort()  # while a branch on a value follows
            if x.sum() > 17:
                return x + 1
            return x


    class TwoSizes(Right):
        def forward(self, x):
            height, width = int(x.shape[2]), int(x.shape[3])
            return x + torch.arange(height * width).view(height, width)


    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.zeros(4))

        def forward(self, x):
            self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
            return x - self.mean


    class Norms(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = Mean()

        def forward(self, x):
            return self.norm(x)


    class Draws(Right):
        def forward(self, x):
            return super().forward(x) + torch.rand_like(x)


    class Packs(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(4, 8, batch_first=True)

        def forward(self, x, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            packed, _ = self.rnn(packed)
            return nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)[0]


    class Named(nn.Module):
        def forward(self, x):
            return {"total": x.sum(1), "parts": [x + 1, x * 2]}


    class Sharp(nn.Module):
        """A rounding error decides."""

        def forward(self, x):
            y = (x.sin() * x.cos()).cumsum(1) * 1e6
            return y - y.floor()


    class Tied(nn.Module):
        """Scores that are equal decide which values are taken."""

        def forward(self, x):
            return x.gather(1, (x > 0).float().topk(3).indices)


    class Lightning(Right):
        """As a LightningModule is: it says what it takes, and has a property that fails without a Trainer."""

        _jit_is_scripting = False

        def __init__(self):
            super().__init__()
            self.example_input_array = torch.zeros(2, 4)

        @property
        def trainer(self):
            if not self._jit_is_scripting:
                raise RuntimeError("not attached to a Trainer")


    class Nearly(nn.Module):
        """A rounding error of its weight decides."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, x):
            y = ((x * self.weight).sin() * x.cos()).cumsum(1) * 1e6
            return y - y.floor()


    def numbers():
        return torch.rand(2, 64)


    def two_sizes():
        yield torch.rand(2, 4)
        yield torch.rand(3, 4)


    class Faint(nn.Module):
        """Its layer norm enlarges weights far below one; its batch is fixed."""

        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(100, 4)
            nn.init.uniform_(self.table.weight, -1e-4, 1e-4)
            self.norm = nn.LayerNorm(4, eps=1e-12)

        def forward(self, x):
            return self.norm(self.table(x)) * int(x.shape[0])


    class Recurs(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 4, batch_first=True)

        def forward(self, x):
            return self.lstm(x)[0]


    class Borrows(nn.Module):
        """What it calls is known when it runs."""

        def __init__(self):
            super().__init__()
            self.name = "".join(["sca", "led"])

        def forward(self, x):
            import helpers

            return getattr(helpers, self.name)(x, 2)


    class Folds(nn.Module):
        """Its operator came with opset 18."""

        def forward(self, x):
            return nn.functional.fold(x, (4, 4), 2)


    class Trains(Right):
        """Only in training mode something is wrong with it."""

        def forward(self, x):
            x = super().forward(x)
            return x + 1 if self.training and x.sum() > 15 else x


    class Long(Right):
        """Decides a dozen times on what never comes, then on what does."""

        def forward(self, x):
            x = super().forward(x)
            DOZEN
            return x + 1 if x.sum() > 15 else x


    class LongAndOnce(Long):
        """Makes something in its first call besides."""

        def __init__(self):
            super().__init__()
            self.offset = None

        def forward(self, x):
            if self.offset is None:
                self.offset = torch.ones(()) * 2
            return super().forward(x) + self.offset


    class Asks(Right):
        """`torch.export` stops at the first of the two."""

        def forward(self, x):
            x = super().forward(x)
            many = (x > 0.1).sum().item()
            if many > 3:
                x = x + 1
            few = (x < 0.1).sum().item()
            if few > 2:
                x = x * 2
            return x


    class Found:
        def __init__(self, values):
            self.values = values

        def __len__(self):
            return self.values.shape[0]


    class AsksOfAName(Right):
        """The number is asked for where it gets its name."""

        def forward(self, x):
            x = super().forward(x)
            found = Found(x[x > 0.1])
            many = len(found)
            if many > 3:
                return x + 1
            return x


    class AsksAndFails(Asks):
        def forward(self, x):
            x = super().forward(x)
            if torch.compiler.is_exporting():
                raise ValueError("not here")
            return x


    class AsksAndGoesOn(Asks):
        """What comes after its questions takes those who look for more of them a minute."""

        def forward(self, x):
            x = super().forward(x)
            for _ in range(8000):
                x = x.sin()
            return x


    class Cuts(Right):
        """Takes rows of what was cut at a number of the input, then asks for another."""

        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.randn(8, 8, 4))

        def forward(self, x):
            most = x.abs().max().int().item()
            torch._check(most >= 0)
            torch._check(most < 64)
            cut = self.table[:, : (most + 8) // 8].expand(2, -1, -1, -1).reshape(2, -1, 4)
            rows = torch.cat([cut[i][:1] for i in range(2)])
            if (x > 0.1).sum().item() > 4:
                return x.sum() + rows
            return rows


    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, layers):
            return layers[0](x) * 2

        @staticmethod
        def backward(ctx, gradient):
            return gradient, None


    class Reversible(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(4, 4)])

        def forward(self, x):
            return Doubled.apply(x, self.layers)


    class ReversibleByName(Reversible):
        def forward(self, x):
            return Doubled.apply(x, self.get_submodule("layers"))


    class DoubledOf(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight):
            return x @ weight * 2

        @staticmethod
        def backward(ctx, gradient, _):
            return gradient, None


    class ReversibleOf(Right):
        def forward(self, x):
            return DoubledOf.apply(x, self.linear.weight)


    class Counts(Right):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x):
            self.calls += 1
            return super().forward(x) * self.calls


    class Lengths(nn.Module):
        def forward(self, x, n):
            mask = torch.arange(5).expand(len(n), 5) < n.unsqueeze(1)
            return x * mask


    class Chosen(nn.Module):
        def forward(self, x):
            rows = x[x > 0.5]
            if rows.shape[0] > 3:
                return rows.sum() * 2
            return x.sum()


    class Rows(nn.Module):
        def forward(self, x: list):
            y = torch.cat([row.unsqueeze(0) * 2 for row in x])
            return y.sum(1)


    class Beside(Right):
        def forward(self, x):
            y = self.linear(x.reshape(x.data.shape[0] * x.data.shape[1], 4))
            return y.reshape(x.shape)


    class Lays(Right):
        def forward(self, x):
            if x.shape[0] > 64:
                x = x.contiguous()
            return super().forward(x)


    class StopsLater(Right):
        def forward(self, x):
            scale = float((x * 0).sum())
            return torch.linalg.pinv(super().forward(x) + scale)


    class Normed(nn.Module):
        def forward(self, x):
            return nn.functional.instance_norm(x)


    class Permutes(nn.Module):
        def forward(self, x):
            axes = (0, -2, -1, 1)
            return x.permute(axes)
'''


OTHER = """
    from helpers import scaled
    from torch import nn


    class Other(nn.Module):
        def forward(self, x):
            return scaled(x, x.shape[0])
"""


class Threshold(torch.nn.Module):
    """Takes another way where its input is large."""

    def forward(self, x: torch.Tensor, k: int) -> torch.Tensor:
        return x * k if x.mean() > 0.5 else x


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with models of all kinds."""
    path = tmp_path_factory.mktemp("project")
    dozen = "\n        ".join(f"x = x + 1 if x.sum() > 1e{i + 20} else x" for i in range(12))
    (path / "helpers.py").write_text("def scaled(x, n):\n    return x * float(n)\n", encoding="utf-8")
    (path / "other.py").write_text(textwrap.dedent(OTHER), encoding="utf-8")
    (path / "models.py").write_text(textwrap.dedent(MODELS).replace("DOZEN", dozen), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        yield path


def preflight(folder: Path, name: str, inputs: str = "x: float32[N=2, L=4, 4]", **options: Any) -> Preflighted:
    """What is found of one of the models."""
    configuration = Configuration([Layer(Options(**options), "test", folder)], isolated=True)
    return api.preflight(f"models.py:{name}", inputs, configuration)


def levels(done: Preflighted) -> dict[str, str]:
    return {route: outcome.level.name for route, outcome in done.trial.outcomes.items()}


def row_of(folder: Path, text: str) -> int:
    lines = (folder / "models.py").read_text().splitlines()
    return next(row for row, line in enumerate(lines, 1) if text in line)


def finding_at(done: Preflighted, row: int) -> Finding:
    (finding,) = (finding for finding in done.judged.findings if finding.span.row == row)
    return finding


def test_a_model_without_faults_passes_by_every_route(folder: Path) -> None:
    done = preflight(folder, "Right")
    assert done.right == ["jit_trace", "torch_export", "onnx_torchscript", "onnx_dynamo"]
    assert done.judged.findings == []
    assert done.passes
    assert set(done.trial.reference.kinds.values()) == {"traced", "values", "calls", "batch", "sizes"}


def test_a_branch_on_a_size_is_seen_by_reading_and_by_running(folder: Path) -> None:
    done = preflight(folder, "Branches", "x: float32[N=2, L=4, 4]; mask: bool[N, L]")
    assert set(levels(done).values()) == {"frozen"}
    finding = finding_at(done, row_of(folder, "x.shape[1] > 5"))
    assert (finding.seen, finding.severity) == ("both", "warning")
    assert "False on traced, True on" in finding.evidence
    assert "the graph is good only for L <= 5" in finding.evidence
    assert done.trial.outcomes["onnx_dynamo"].on.startswith("L=")
    assert "Guard failed: L <= 5" in done.trial.outcomes["torch_export"].message
    assert done.trial.outcomes["onnx_torchscript"].vanished == ("mask",)


def test_lines_that_the_model_does_not_run_are_counted_only(folder: Path) -> None:
    done = preflight(folder, "Decides", exporter="torchscript")
    assert levels(done) == {"jit_trace": "wrong", "onnx_torchscript": "wrong"}
    assert [f.span.row for f in done.judged.findings] == [row_of(folder, "x.sum() > 15")]
    assert finding_at(done, row_of(folder, "x.sum() > 15")).severity == "error"
    assert done.judged.elsewhere > 0


def test_what_no_rule_knows_is_found_by_running_alone(folder: Path) -> None:
    done = preflight(folder, "Unseen", "x: float32[N=2, 4]", exporter="torchscript")
    assert set(levels(done).values()) == {"wrong"}
    (finding,) = done.judged.findings
    assert (finding.code, finding.seen) == ("CVL012", "trial")
    assert ": " not in finding.evidence  # what the finding says is not said again


def test_what_is_not_reproduced_is_lowered_and_says_on_how_many_inputs(folder: Path) -> None:
    done = preflight(folder, "Draws", exporter="dynamo")
    assert "draws random numbers" in done.trial.reference.unsteady
    (drawn,) = done.judged.findings
    assert drawn.code == "CVL701"


@pytest.mark.parametrize(("name", "kept"), [("Mean", True), ("Norms", False)])
def test_torch_export_keeps_the_buffers_that_the_model_itself_assigns(
    folder: Path, name: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    done = preflight(folder, name, "x: float32[N=2, 4]", exporter="dynamo")
    assert ("torch_export" in done.right) == kept
    model = getattr(importlib.import_module("models"), name)()
    x = torch.rand(2, 4)
    program, eager = torch.export.export(model.eval(), (x,)).module(), type(model)()
    assert torch.equal(program(x), eager(x))
    assert torch.equal(program(x), eager(x)) == kept


def test_what_stops_elsewhere_than_at_its_finding_names_that_line(folder: Path) -> None:
    done = preflight(folder, "Packs", "x: float32[N=2, L=4, 4]; lengths: int64[N] in 1..4", exporter="dynamo")
    row = row_of(folder, "self.rnn(packed)")
    assert done.trial.outcomes["torch_export"].place.endswith(f"models.py:{row}")
    evidence = [finding.evidence for finding in done.judged.findings if finding.seen == "both"]
    assert evidence
    assert all(f"stop at line {row}" in one for one in evidence)


def test_state_that_is_lost_shows_at_a_second_call(folder: Path) -> None:
    done = preflight(folder, "Counts", exporter="torchscript")
    assert "keeps something between calls" in done.trial.reference.unsteady
    assert done.trial.outcomes["onnx_torchscript"].level is Level.wrong
    assert [f.code for f in done.judged.findings] == ["CVL104"]


def test_what_a_rounding_error_changes_is_held_against_nobody(folder: Path, cli: Cli) -> None:
    ran = cli("preflight", f"{folder}/models.py:Sharp", "--input", "x: float32[N=2, 64]", "--isolated",
              "--exporter", "torchscript")  # fmt: skip
    assert "onnx_torchscript  yes      yes   unsure" in ran.out
    assert "onnx_torchscript: nothing can be said on traced, other values, shifted up and " in ran.out
    assert "differ" not in ran.out
    assert ran.code == 0


def test_of_many_inputs_on_which_nothing_can_be_said_three_are_named() -> None:
    outcome = Outcome("jit_trace", Level.harmless, unsure=("traced", "zeros", "large", "batch 1", "N=4"))
    (told,) = besides(outcome)
    assert told.startswith("nothing can be said on traced, zeros, large and 2 more: there ")


def test_nor_is_a_rounding_error_of_the_weights_on_inputs_of_the_users_own(folder: Path) -> None:
    done = preflight(folder, "Nearly", "models.py:numbers", exporter="torchscript")
    outcome = done.trial.outcomes["onnx_torchscript"]
    assert (outcome.level, "traced" in outcome.unsure) == (Level.harmless, True)


def test_an_input_of_another_size_is_one_and_not_several(folder: Path) -> None:
    done = preflight(folder, "Right", "models.py:two_sizes", exporter="torchscript")
    assert tried(done.trial) == "with eager on 10 inputs: as traced, 8 other values, another batch"


def test_weights_far_below_one_are_rounded_as_far_below(folder: Path) -> None:
    done = preflight(folder, "Faint", "x: int64[N=2, 5]", exporter="torchscript")
    outcome = done.trial.outcomes["jit_trace"]
    assert (outcome.level, outcome.unsure, "N=1" in outcome.failed) == (Level.frozen, (), True)


def test_what_only_other_models_make_of_a_helper_is_not_said_of_this_one(folder: Path) -> None:
    assert preflight(folder, "Borrows", "x: float32[N=2, 4]").judged.findings == []
    row = next(one for one in api.check([folder / "helpers.py"]).findings if one.code == "CVL202").span.row
    assert row == 2


def test_what_is_seen_at_a_statement_is_told_by_the_finding_that_foretold_it(folder: Path) -> None:
    done = preflight(folder, "Recurs", "x: float32[2, L=5, 4]", exporter="dynamo")
    told = {finding.code: finding.evidence for finding in done.judged.findings}
    assert list(told) == ["CVL802"]
    assert "`L` is fixed to 5: torch_export stops" in told["CVL802"]


def test_a_number_that_must_be_known_names_the_line_that_made_it(folder: Path) -> None:
    done = preflight(folder, "Chosen", "x: float32[N=2, 4]", exporter="dynamo")
    outcome = done.trial.outcomes["torch_export"]
    assert outcome.place.endswith(f"models.py:{row_of(folder, 'rows.shape[0] > 3')}")
    (event,) = (one for one in outcome.events if one.kind == "fail")
    assert event.message.endswith(f"`u0` is made at line {row_of(folder, 'rows = x[x > 0.5]')} of models.py")


def test_only_the_routes_that_stop_are_said_to_stop_where_others_are_wrong(folder: Path) -> None:
    done = preflight(folder, "Rows", "x: float32[N=3, 4]")
    stopping = {route for route, outcome in done.trial.outcomes.items() if outcome.stage == "export"}
    assert stopping == {"torch_export", "onnx_dynamo"}
    (found,) = done.judged.findings
    assert found.message == "torch_export and onnx_dynamo stop: `N` is fixed to 3"
    assert "jit_trace and onnx_torchscript fail on" in found.evidence


def test_a_size_that_is_fixed_is_named_at_the_line_that_fixes_it_and_at_no_later_one(folder: Path) -> None:
    done = preflight(folder, "Lengths", "x: float32[N=3, 5]; n: int64[N]", exporter="dynamo")
    (found,) = (one for one in done.judged.findings if one.harm and one.harm.torch_export)
    assert found.span.row == row_of(folder, "len(n)")
    assert "`N` is fixed to 3: torch_export stops" in found.evidence


def test_what_stops_at_no_line_says_that_first_and_then_what_to_do(folder: Path) -> None:
    done = preflight(folder, "Right", "x: float32[N=1, 4]", exporter="dynamo")
    (found,) = done.judged.findings
    assert found.message.startswith("torch_export stops, and no line is known: `N` is 1 where it is traced")
    assert found.message.endswith("trace it with 2 or more")


def test_what_a_runtime_cannot_compute_is_told_without_the_name_of_its_node(folder: Path) -> None:
    done = preflight(folder, "Beside", "x: float32[N=3, L=5, 4]", exporter="torchscript")
    told = "\n".join(one.evidence for one in done.judged.findings)
    assert "ONNXRuntimeError" not in told
    assert "cannot compute `aten::view` of float32[1, 5, 4]: The input tensor cannot be reshaped" in told


def test_a_node_that_is_refused_is_told_once(folder: Path, cli: Cli) -> None:
    model = f"{folder}/models.py:Permutes"
    ran = cli("preflight", model, "--input", "x: float32[N=2, 3, 4, 5]", "--isolated", "--exporter", "torchscript")
    head, _, findings = ran.out.partition("error CVL011")
    assert head.count("Invalid attribute perm") == findings.count("Invalid attribute perm") == 1


def test_what_is_harmless_by_itself_is_not_blamed_for_a_stop(folder: Path) -> None:
    done = preflight(folder, "Normed", "x: float32[N=2, C=3, 8, 8]", exporter="torchscript")
    (found,) = done.judged.findings
    assert (found.code, found.seen) == ("CVL010", "trial")
    assert "onnx_torchscript stops here" in found.message
    assert "unknown channel size" in found.message


def test_what_is_not_reproduced_is_no_worse_than_its_rule_thinks(folder: Path) -> None:
    done = preflight(folder, "Lays", "x: float32[N=1, 4]", exporter="dynamo")
    assert [one.code for one in done.judged.findings] == ["CVL010"]


def test_what_a_finding_says_of_the_trace_is_lowered_where_that_is_right(folder: Path) -> None:
    done = preflight(folder, "StopsLater", "x: float32[N=2, L=5, 4]", exporter="torchscript")
    assert done.trial.outcomes["onnx_torchscript"].stage == "export"
    told = {one.code: one for one in done.judged.findings}
    assert told["CVL202"].severity == "warning"
    assert told["CVL202"].evidence.startswith("not reproduced by jit_trace, onnx_torchscript")


def test_lines_of_what_is_installed_are_told_from_the_folder_of_packages(tmp_path: Path, cli: Cli) -> None:
    site = tmp_path / "env" / "lib" / "site-packages"
    (site / "parts").mkdir(parents=True)
    code = """
        from torch import nn


        class Frozen(nn.Module):
            def forward(self, x):
                return x * float(x.sum())
    """
    (site / "parts" / "__init__.py").write_text(textwrap.dedent(code), encoding="utf-8")
    given = ("--input", "x: float32[2, 4]", "--isolated", "--exporter", "torchscript")
    ran = cli("preflight", f"{site}/parts/__init__.py:Frozen", *given)
    assert "\nparts/__init__.py:7:20: error CVL" in ran.out
    whole = cli("preflight", f"{site}/parts/__init__.py:Frozen", *given, "-v")
    assert "lib/site-packages/parts/__init__.py:7:20\n" in whole.out


def test_nor_is_the_order_of_equal_values_that_torch_leaves_open(folder: Path, cli: Cli) -> None:
    ran = cli("preflight", f"{folder}/models.py:Tied", "--input", "x: float32[N=2, 64]", "--isolated",
              "--exporter", "torchscript")  # fmt: skip
    assert "onnx_torchscript  yes      yes   unsure" in ran.out
    assert "another order of equal values" in ran.out


def test_a_lightning_module_says_what_it_takes_and_is_traced_without_a_trainer(folder: Path) -> None:
    done = preflight(folder, "Lightning", "", exporter="torchscript")
    assert done.trial.reference.guess == "`example_input_array`"
    assert done.right == ["jit_trace", "onnx_torchscript"]


def test_all_that_stops_torch_export_is_named_though_it_ends_at_the_first(folder: Path) -> None:
    done = preflight(folder, "Asks", "x: float32[2, 4]", exporter="dynamo")
    assert done.trial.outcomes["torch_export"].place == f"models.py:{row_of(folder, 'if many > 3')}"
    evidence = {f.span.row: f.evidence for f in done.judged.findings}
    assert evidence[row_of(folder, "if many > 3")] == "torch_export and onnx_dynamo stop here"
    assert evidence[row_of(folder, "if few > 2")] == "torch_export and onnx_dynamo would stop here next"


def test_what_was_asked_before_the_search_fails_is_told(folder: Path) -> None:
    done = preflight(folder, "AsksAndFails", "x: float32[2, 4]", exporter="dynamo")
    told = finding_at(done, row_of(folder, "if few > 2"))
    assert told.evidence == "torch_export and onnx_dynamo would stop here next"


def test_a_search_that_would_take_too_long_ends_and_what_was_asked_before_is_told(folder: Path) -> None:
    done = preflight(folder, "AsksAndGoesOn", "x: float32[2, 4]", exporter="dynamo")
    told = finding_at(done, row_of(folder, "if few > 2"))
    assert told.evidence == "torch_export and onnx_dynamo would stop here next"


def test_what_only_the_search_itself_asks_for_is_not(folder: Path) -> None:
    done = preflight(folder, "Cuts", "x: float32[2, 4]", exporter="dynamo")
    events = done.trial.outcomes["torch_export"].events
    stops = [event.line for event in events if event.kind in ("fail", "stops-too")]
    assert stops == [row_of(folder, "if (x > 0.1).sum().item() > 4")]


def test_a_function_with_a_derivative_of_its_own_must_be_given_each_tensor(folder: Path) -> None:
    done = preflight(folder, "Reversible", "x: float32[2, 4]", exporter="torchscript")
    told = finding_at(done, row_of(folder, "Doubled.apply(x, self.layers)"))
    assert (told.code, told.seen, told.evidence) == ("CVL808", "both", "jit_trace and onnx_torchscript stop here")
    assert preflight(folder, "ReversibleOf", "x: float32[2, 4]", exporter="torchscript").right


def test_a_stop_at_a_function_whose_argument_nobody_reads_is_told_by_itself(folder: Path) -> None:
    done = preflight(folder, "ReversibleByName", "x: float32[2, 4]", exporter="torchscript")
    (finding,) = (finding for finding in done.judged.findings if finding.code == "CVL010")
    assert finding.span.row == row_of(folder, 'Doubled.apply(x, self.get_submodule("layers"))')
    assert "; give `apply` each of them, or call plain functions" in finding.message


def test_routes_that_fail_alike_are_told_together(folder: Path, cli: Cli) -> None:
    ran = cli("preflight", f"{folder}/models.py:Asks", "--input", "x: float32[2, 4]", "--isolated")
    line = next(line for line in ran.out.splitlines() if "stop at" in line)
    place = f"{folder}/models.py:{row_of(folder, 'if many > 3')}"
    assert line.startswith(f"  torch_export and onnx_dynamo: stop at {place}: GuardOnDataDependentSymNode: `u0 > 3` ")


def test_among_many_findings_that_of_a_route_that_stops_is_told(folder: Path, cli: Cli) -> None:
    ran = cli("preflight", f"{folder}/models.py:LongAndOnce", "--input", "x: float32[2, 4]", "--isolated")
    assert "jit_trace: stops: TracingCheckError: two traces differ" in ran.out
    assert "`torch.jit.trace`, which calls the model twice, stops at the difference" in ran.out
    assert " and 6 more)" in ran.out


def test_only_the_routes_that_stop_are_said_to_stop(folder: Path) -> None:
    done = preflight(folder, "Unseen", "x: float32[N=2, 4]")
    (finding,) = (finding for finding in done.judged.findings if finding.code == "CVL010")
    assert finding.message.startswith(
        "torch_export and onnx_dynamo stop here: GuardOnDataDependentSymNode: `Eq(u0, 1)`"
    )
    assert "onnx_torchscript differ on" in finding.evidence


def test_an_exporter_that_takes_the_process_with_it_is_told_with_its_line(folder: Path) -> None:
    done = preflight(folder, "Dies", exporter="torchscript")
    assert levels(done) == {"jit_trace": "harmless", "onnx_torchscript": "breaks"}
    outcome = done.trial.outcomes["onnx_torchscript"]
    assert outcome.place == f"models.py:{row_of(folder, 'os.abort()')}"
    (finding,) = (f for f in done.judged.findings if f.seen == "trial")
    assert (finding.code, finding.span.row) == ("CVL010", row_of(folder, "os.abort()"))


def test_where_a_process_dies_is_told_though_another_line_is_expected_to_stop(folder: Path) -> None:
    done = preflight(folder, "DiesAtABranch", exporter="dynamo")
    at_its_line = finding_at(done, row_of(folder, "os.abort()  # while"))
    assert at_its_line.message == "torch_export and onnx_dynamo stop here: the process dies (SIGABRT)"
    assert finding_at(done, row_of(folder, "if x.sum() > 17:")).code == "CVL301"


def test_what_was_seen_of_a_statement_is_told_once(folder: Path, cli: Cli) -> None:
    ran = cli("preflight", f"{folder}/models.py:TwoSizes", "--input", "x: float32[2, 4, L=5, 4]", "--isolated")
    assert ran.out.count("CVL202") == 2
    assert ran.out.count("trial: 5 on traced, 10 on L=10: jit_trace and onnx_torchscript") == 1


def test_what_was_seen_where_a_name_is_given_belongs_to_what_it_decides(folder: Path) -> None:
    done = preflight(folder, "AsksOfAName", "x: float32[2, 4]")
    row = row_of(folder, "many = len(found)")
    finding = finding_at(done, row + 1)
    assert (finding.code, finding.seen) == ("CVL301", "both")
    assert finding.evidence.endswith(f"differ on 3 of 9 inputs; torch_export and onnx_dynamo stop at line {row}")
    assert not [one for one in done.judged.findings if one.code.startswith("CVL01")]


def test_a_search_for_what_differs_that_dies_leaves_the_verdict(folder: Path) -> None:
    done = preflight(folder, "DiesWhenRecorded", "x: float32[N=2, 4]", exporter="torchscript")
    assert levels(done) == {"jit_trace": "harmless", "onnx_torchscript": "wrong"}
    assert "values differ" in done.trial.outcomes["onnx_torchscript"].message


def test_the_report_fits_on_a_screen_and_fails_the_run(folder: Path, cli: Cli) -> None:
    model = f"{folder}/models.py:Branches"
    given = ("--input", "x: float32[N=2, L=4, 4]", "--input", "mask: bool[N, L]", "--isolated")
    ran = cli("preflight", model, *given)
    assert ran.code == 1
    assert len(ran.out.splitlines()) < 25
    assert "onnx_dynamo       yes      yes   equal   equal" in ran.out
    assert "No route is right on all inputs." in ran.out
    assert cli("preflight", model, *given, "--exit-zero").code == 0


@pytest.mark.parametrize("training", [False, True])
def test_a_model_is_exported_in_the_mode_that_is_configured(folder: Path, cli: Cli, training: bool) -> None:
    config = folder / "modes.toml"
    config.write_text(textwrap.dedent(f"""
        [[models]]
        name = "net"
        factory = "{folder}/models.py:Trains"
        inputs = "x: float32[2, 4]"
        training = {str(training).lower()}
    """), encoding="utf-8")  # fmt: skip
    ran = cli("preflight", "net", "--config", str(config), "--exporter", "torchscript")
    assert ran.code == training
    assert ran.out.startswith("net in training mode on" if training else "net on")
    assert "onnx_torchscript  yes      yes   equal   " + ("1 of 7 differ" if training else "equal") in ran.out


def test_a_model_has_targets_of_its_own_unless_the_command_names_some(folder: Path, cli: Cli) -> None:
    config = folder / "deployed.toml"
    config.write_text(textwrap.dedent(f"""
        target = ["onnxruntime"]
        [[models]]
        name = "net"
        factory = "{folder}/models.py:Right"
        inputs = "x: float32[2, 4]"
        targets = ["openvino", "ncnn"]
    """), encoding="utf-8")  # fmt: skip
    given = ("preflight", "net", "--config", str(config), "--exporter", "torchscript", "--results", "deployed")

    def taking(*options: str) -> list[str]:
        return [line.split()[0] for line in cli(*given, *options).out.splitlines() if " takes it " in line]

    assert taking() == ["openvino", "ncnn"]
    assert taking("--target", "tvm") == ["tvm"]  # of the result that was kept: nothing is run again


@pytest.mark.parametrize("columns", [100, 300])
def test_what_the_trial_saw_is_told_first_and_the_rest_as_far_as_it_fits_on_a_screen(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    given = (f"{folder}/models.py:Long", "--input", "x: float32[2, 4]", "--isolated", "--exporter", "torchscript")
    given = (*given, "--results", "long")
    told = cli("preflight", *given).out.splitlines()
    assert "decides on a tensor's value" in next(line for line in told if "x.sum() > 15" in line)
    (line,) = (line for line in told if ": error CVL" in line or ": warning CVL" in line)  # of one rule in one file
    assert "x.sum() > 15" in line
    assert line.endswith(" and 6 more)")
    assert sum(max(1, math.ceil(len(line) / columns)) for line in told) <= 40
    assert cli("preflight", *given, "-v").out.count("error: ") > 10


def test_every_opset_that_is_asked_for_is_tried(folder: Path, cli: Cli) -> None:
    given = ("--input", "x: float32[2, 4, 9]", "--isolated", "--exporter", "torchscript", "--opset", "17-18")
    ran = cli("preflight", f"{folder}/models.py:Folds", *given)
    assert ran.code == 1
    assert "onnx_torchscript     no\n" in ran.out
    assert "onnx_torchscript@18  yes      yes   equal" in ran.out
    assert "by jit_trace, onnx_torchscript@18 alone" in ran.out
    line = next(line for line in ran.out.splitlines() if "opset version 17 is not supported" in line)
    assert f"/models.py:{row_of(folder, 'functional.fold(x')}: " in line


def test_outputs_that_a_file_calls_otherwise_are_told_where_all_is(folder: Path, cli: Cli) -> None:
    given = ("preflight", f"{folder}/models.py:Named", "--input", "x: float32[2, 4]", "--exporter", "torchscript")
    given = (*given, "--isolated", "--results", "named")
    assert "calls its outputs" not in cli(*given).out
    told = next(line for line in cli(*given, "-v").out.splitlines() if "the file calls its outputs `" in line)
    assert told.startswith("  onnx_torchscript: ")
    assert told.endswith(", the model `total`, `parts.0`, `parts.1`: export it with `output_names`")


def test_the_report_for_programs_has_verdicts_and_findings(folder: Path, cli: Cli) -> None:
    ran = cli("preflight", f"{folder}/models.py:Branches", "--input", "x: float32[N=2, L=4, 4]; mask: bool[N, L]",
              "--isolated", "--exporter", "dynamo", "--output-format", "json")  # fmt: skip
    (model,) = json.loads(ran.out)["models"]
    assert model["routes"]["onnx_dynamo"]["verdicts"]["traced"] == "equal"
    assert model["routes"]["onnx_dynamo"]["verdicts"]["sizes"] == "2 of 5 differ"
    assert [finding["seen"] for finding in model["findings"]] == ["both"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.py:Model",), "there is no such file"),
        (("models.py:Rigth",), "`Right`"),
        (("models.py:Branches", "--input", "x: float32[2, 4]; y: bool[2]"), "`forward` has no such parameter"),
        (("models.py:Right", "--input", "x: float32[2, 3]"), "the model itself fails on the inputs"),
        ((), "no model is configured"),
        (("models.py:Right", "--opset", "20-18"), "what is known is of the opsets 7 to"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(folder)
    ran = cli("preflight", *arguments, "--isolated")
    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_suppressed_line_is_not_named_by_the_trial_either(folder: Path) -> None:
    done = preflight(folder, "Known", exporter="torchscript")
    assert levels(done) == {"jit_trace": "wrong", "onnx_torchscript": "wrong"}
    assert row_of(folder, "# convlint: ignore") not in {finding.span.row for finding in done.judged.findings}
    assert not done.passes


def test_a_wrong_weights_file_is_an_error(folder: Path) -> None:
    (folder / "weights.pth").write_bytes(b"nothing of torch")
    done = api.preflight_all(["models.py:Right"], Configuration(isolated=True), weights=str(folder / "weights.pth"))
    assert "weights.pth: cannot be read as weights" in done.errors["models.py:Right"]


def test_a_level_is_never_above_what_was_seen(folder: Path) -> None:
    done = preflight(folder, "Decides", exporter="dynamo")
    assert {f.harm.worst(["torch_export"]) for f in done.judged.findings if f.harm} == {Level.breaks}


def test_several_models_are_a_line_each_and_kept_results_are_not_run_again(folder: Path, cli: Cli) -> None:
    models = [f"{folder}/models.py:{name}" for name in ("Right", "Unseen", "Missing")]
    options = ("--isolated", "--exporter", "torchscript", "--input", "x: float32[N=2, 4]", "--results", "kept")
    ran = cli("preflight", *models, *options, "--jobs", "2", "--target", "onnxruntime,tensorrt==5.1")
    assert ran.code == 2  # one model is not there
    assert ran.out.splitlines()[0].split()[-2:] == ["findings", "targets"]
    assert ran.out.splitlines()[1].endswith("  not tensorrt==5.1")
    assert "1 of 3 models pass" in ran.out
    assert "models.py` has no `Missing`" in ran.out
    source = (folder / "models.py").read_text(encoding="utf-8")
    (folder / "models.py").write_text(f"{source}\nraise RuntimeError('is not run again')\n", encoding="utf-8")
    try:
        again = cli("preflight", *models[:2], *options)
    finally:
        (folder / "models.py").write_text(source, encoding="utf-8")
    assert again.code == 1
    assert "1 of 2 models pass" in again.out


def test_shards_are_parts_of_the_models(folder: Path, cli: Cli) -> None:
    models = [f"{folder}/models.py:{name}" for name in ("Missing", "Right", "Gone")]
    options = ("--isolated", "--exporter", "torchscript", "--input", "x: float32[N=2, 4]")
    ran = cli("preflight", *models, *options, "--shard", "2/2")
    assert ran.code == 0
    assert "Right on all 12 inputs" in ran.out
    assert "write for example `3/16`" in cli("preflight", *models, "--shard", "4/3").err


class Adds(torch.nn.Module):
    """ONNX Runtime has no such matrix product of whole numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(x, x, x)


def test_of_a_live_model_all_is_said_and_its_mode_is_left(capfd: pytest.CaptureFixture[str]) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout())
    model[0].eval()
    configuration = Configuration([Layer(Options(exporter="torchscript"), "test", Path.cwd())], isolated=True)
    done = api.preflight(model, "x: float32[N=2, 3]", configuration)
    assert done.passes
    assert [module.training for module in model.modules()] == [True, False, True]
    assert done.matrix
    assert done.matrix.subject.name == "Sequential by onnx_torchscript"
    assert capfd.readouterr().out == ""
    refused = api.preflight(Adds(), "x: int64[3, 3] in 0..9", configuration)
    (node,) = refused.diagnoses["onnx_torchscript"].bad
    assert node.operator == "Gemm"


def test_a_live_model_that_cannot_be_copied_is_asked_for_by_name() -> None:
    model = torch.nn.Linear(3, 4)
    model.lock = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(UsageError, match=r"the Linear cannot be copied \(TypeError: .*give the name of a function"):
        api.preflight(model, "x: float32[N=2, 3]", Configuration(isolated=True))


def test_a_live_model_is_tested_in_a_line() -> None:
    assert_exportable(torch.nn.Linear(3, 4), exporter="torchscript")
    with pytest.raises(AssertionError, match=r"tract +refuses"):
        assert_exportable(torch.nn.Fold((4, 4), 2), "x: float32[2, 4, 9]", exporter="torchscript",
                          targets=["onnxruntime", "tract"])  # fmt: skip
    with pytest.raises(AssertionError, match="differ on negated"):
        assert_exportable(Threshold(), lambda: {"x": torch.ones(2, 3), "k": 2}, exporter="torchscript")


def test_a_cluster_runs_the_models_though_a_worker_dies(folder: Path, tmp_path: Path) -> None:
    """Three workers, of which one is killed while it runs a model: the model is run by another."""
    distributed = pytest.importorskip("distributed")
    configuration = Configuration([Layer(Options(exporter="torchscript"), "test", folder)], isolated=True)
    names = [f"{folder}/models.py:{name}" for name in ("Right", "Decides", "Unseen", "Branches")]
    with distributed.LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster:
        busy = threading.Thread(target=_kill_a_busy_worker, args=(cluster,))
        busy.start()
        result = api.preflight_all(names, configuration, inputs="x: float32[N=2, 4]", dask=cluster.scheduler_address)
        busy.join()
    assert [model.label for model in result.models] == names[:3]
    assert set(result.errors) == {names[3]}  # it takes another input too
    assert [len(model.right) for model in result.models] == [2, 0, 0]


def _kill_a_busy_worker(cluster: Any) -> None:
    with_one = cluster.scheduler
    while not any(worker.processing for worker in with_one.workers.values()):
        time.sleep(0.05)
    time.sleep(1)
    busy = next(worker for worker in with_one.workers.values() if worker.processing)
    os.kill(busy.pid if hasattr(busy, "pid") else cluster.workers[busy.name].pid, signal.SIGKILL)
