from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

from convlint.errors import UsageError
from convlint.findings import ROUTES, Harm, Level
from convlint.trial.job import Job, ModelSpec, Trial
from convlint.trial.runner import Runner

HEADER = "import os, time, torch\nfrom torch import nn\n\nclass Model(nn.Module):\n"


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as running:
        yield running


def tried(runner: Runner, folder: Path, body: str, inputs: str, routes: tuple[str, ...] = ROUTES) -> Trial:
    path = folder / "model.py"
    path.write_text(HEADER + "".join(f"    {line}\n" for line in body.splitlines()))
    return runner.run(Job(path=str(path), inputs=inputs, routes=routes))


def forward(*lines: str) -> str:
    return "def forward(self, x):\n" + "\n".join(f"    {line}" for line in lines)


def test_a_frozen_number_is_wrong_and_a_frozen_size_frozen(runner: Runner, tmp_path: Path) -> None:
    trial = tried(
        runner, tmp_path, forward("print('noise')", "return x * x.sum().item() * int(x.shape[0])"), "x: float32[N=3, 4]"
    )
    assert trial.harm.jit_trace is trial.harm.onnx_torchscript is Level.wrong
    assert trial.outcomes["jit_trace"].on == "other values"
    trial = tried(runner, tmp_path, forward("return x * int(x.shape[0])"), "x: float32[N=3, 4]", ("jit_trace",))
    assert (trial.outcomes["jit_trace"].level, trial.outcomes["jit_trace"].on) == (Level.frozen, "N=1")


def test_a_clean_model_is_harmless_and_an_unused_input_vanishes(runner: Runner, tmp_path: Path) -> None:
    body = "def forward(self, x, y):\n    return x.relu()"
    trial = tried(runner, tmp_path, body, "x: float32[N=3, 4]; y: float32[2]", ("jit_trace", "onnx_torchscript"))
    assert trial.harm == Harm()
    assert trial.outcomes["onnx_torchscript"].vanished == ("y",)


def test_a_branch_on_a_value_breaks_the_export(runner: Runner, tmp_path: Path) -> None:
    lines = ("if x.sum() > 0:", "    return x + 1", "return x - 1")
    trial = tried(runner, tmp_path, forward(*lines), "x: float32[3]", ("jit_trace", "torch_export"))
    assert (trial.harm.jit_trace, trial.harm.torch_export) == (Level.wrong, Level.breaks)
    assert "GuardOnDataDependentSymNode" in trial.outcomes["torch_export"].message


def test_a_process_that_dies_is_an_outcome_of_that_route_alone(runner: Runner, tmp_path: Path) -> None:
    lines = ("if torch.jit.is_tracing():", "    os.abort()", "return x + 1")
    trial = tried(runner, tmp_path, forward(*lines), "x: float32[3]", ("jit_trace", "torch_export"))
    assert trial.outcomes["jit_trace"].message == "the process dies (SIGABRT)"
    assert (trial.harm.jit_trace, trial.harm.torch_export) == (Level.breaks, Level.harmless)


def test_a_route_that_hangs_is_ended(tmp_path: Path) -> None:
    with Runner(seconds=6) as hasty:
        lines = ("while torch.jit.is_tracing():", "    time.sleep(1)", "return x + 1")
        trial = tried(hasty, tmp_path, forward(*lines), "x: float32[3]", ("jit_trace",))
    assert trial.outcomes["jit_trace"].message == "no end within 6 s"


def test_too_much_memory_does_not_end_the_run(runner: Runner, tmp_path: Path) -> None:
    lines = ("if torch.jit.is_tracing():", "    torch.ones(20 << 30)", "return x + 1")
    trial = tried(runner, tmp_path, forward(*lines), "x: float32[3]", ("jit_trace",))
    assert trial.harm.jit_trace is Level.breaks


def test_where_eager_raises_an_input_does_not_count(runner: Runner, tmp_path: Path) -> None:
    trial = tried(runner, tmp_path, forward("return x.view(3, -1)"), "x: float32[N=3, 4]", ("jit_trace",))
    assert trial.harm == Harm()
    assert trial.reference.skipped["N=1"].startswith("eager raises RuntimeError")


def test_state_does_not_leak_from_one_input_to_the_next(runner: Runner, tmp_path: Path) -> None:
    body = (
        "def __init__(self):\n    super().__init__()\n    self.register_buffer('n', torch.zeros(()))\n"
        "def forward(self, x):\n    self.n += 1\n    return x * self.n"
    )
    trial = tried(runner, tmp_path, body, "x: float32[3]", ("torch_export",))
    assert trial.harm == Harm()


def test_the_inputs_of_the_user_are_used_as_given(runner: Runner, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        HEADER + "    def forward(self, x):\n        return x + int(x.sum() > 100)\n\n"
        "def inputs():\n    return {'day': (torch.ones(3),), 'night': (torch.zeros(3),)}\n"
    )
    trial = runner.run(Job(path=str(path), samples="inputs", routes=("jit_trace",)))
    assert trial.reference.tried == ("day", "night")
    assert trial.harm == Harm()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (forward("return x @ x"), "the model itself fails on the inputs that it is given: RuntimeError: "),
        ("def forward(self x): pass", "cannot be imported: SyntaxError: "),
        (forward("os.abort()"), "model.py:6 while the model is run in eager"),
    ],
)
def test_a_model_that_does_not_run_is_an_error_of_the_user(
    runner: Runner, tmp_path: Path, body: str, message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        tried(runner, tmp_path, body, "x: float32[2, 3]")
    assert message in str(raised.value)


def test_a_slow_import_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text("import time\n\ntime.sleep(600)\n")
    with Runner(seconds=5) as runner, pytest.raises(UsageError) as raised:
        runner.run(Job(path="slow", preflight=ModelSpec(factory=f"{path}:Model", inputs="x: float32[2]")))
    assert str(raised.value).startswith("slow: no end within 5 s at ")
    told = "model.py:3 while the model is imported; allow it more time, if it needs that"
    assert str(raised.value).endswith(told)


def test_what_the_first_call_leaves_shows_in_the_second(runner: Runner, tmp_path: Path) -> None:
    lines = ("self.calls = getattr(self, 'calls', 0) + 1", "return x * self.calls")
    trial = tried(runner, tmp_path, forward(*lines), "x: float32[3]", ("torch_export", "onnx_dynamo"))
    assert trial.harm == Harm(torch_export=Level.wrong, onnx_dynamo=Level.wrong)
    assert trial.outcomes["onnx_dynamo"].on == "a second call"
    body = 'def __init__(self):\n    super().__init__()\n    self.register_buffer("n", torch.zeros(()))\n' + forward(
        "self.n += 1", "return x * self.n"
    )
    assert tried(runner, tmp_path, body, "x: float32[3]", ("torch_export",)).harm == Harm()


def test_a_name_that_is_no_text_is_one_sentence(runner: Runner) -> None:
    with pytest.raises(UsageError, match=r"caf\\udce9\.py': this name is not UTF-8"):
        runner.run(Job(path="caf\udce9.py", inputs="x: float32[2]"))


def test_an_export_is_not_what_the_one_before_it_makes_of_it(runner: Runner, tmp_path: Path) -> None:
    body = "def __init__(self):\n    super().__init__()\n    self.rnn = nn.LSTM(4, 4, batch_first=True)\n\n"
    body += forward("return self.rnn(x)[0]")
    routes = ("torch_export", "onnx_dynamo")  # whose kernels differ
    assert tried(runner, tmp_path, body, "x: float32[2, T=6, 4]", routes).harm == Harm(torch_export=Level.breaks)
