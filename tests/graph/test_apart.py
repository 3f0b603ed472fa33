"""What reads models has so much time and memory, and its end is one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from convlint.errors import UsageError
from convlint.graph import apart

MODEL = Path("m.onnx")


def test_a_process_that_dies_is_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"^m\.onnx ends the process that reads it \(SIGABRT\): it contradicts"):
        apart.called(MODEL, "os:abort")


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory elsewhere only as far as the system can")
def test_what_takes_too_much_memory_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^m\.onnx takes more than 8 GB of memory to read"):
        apart.called(MODEL, "operator:mul", "m.onnx", apart.GIGABYTES << 30)


def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    assert apart.SECONDS == 600
    monkeypatch.setattr(apart, "SECONDS", 1)
    with pytest.raises(UsageError, match=r"^m\.onnx takes more than 1 s to read"):
        apart.called(MODEL, "time:sleep", 60)
