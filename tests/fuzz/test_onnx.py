"""ONNX files that nobody exported: what reads them answers, in bounds of time and memory."""

from __future__ import annotations

import os
import random
import resource
import signal
import struct
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from budget import seeds

onnx = pytest.importorskip("onnx")
from onnx import parser  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from ill_typed_graphs import GRAPHS, text  # noqa: E402

from convlint.backends.onnx_file import read  # noqa: E402
from convlint.errors import UsageError  # noqa: E402
from convlint.graph.cut import cut  # noqa: E402
from convlint.graph.diagnose import diagnose  # noqa: E402

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="onnx and ONNX Runtime do not survive every file")

SECONDS = 60.0
GIGABYTES = 4
NUMBERS = (0, 1, -1, 2, 7, 255, 2**31 - 1, 2**31, -(2**31), 2**62, -(2**63), 2**63 - 1)
TEXTS = (
    "",
    "x",
    "y",
    "w",
    "If",
    "Loop",
    "Conv",
    "Reshape",
    "Cast",
    "ai.onnx",
    "\x1b[31m",
    "../../etc/passwd",
    "é" * 300,
)
WHOLE = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
g (float[N, 3, 8] x, bool b) => (float[N, 3, 8] y)
<float[3] w = {1, 2, 3}, int64[3] s = {0, 3, 8}> {
  h = Reshape(x, s)
  k = If(b) <
    then_branch = t () => (float[N, 3, 8] a) { a = Abs(h) },
    else_branch = e () => (float[N, 3, 8] c) { c = own.twice(h) }
  >
  y = Softmax<axis = -1>(k)
}
<domain: "own", opset_import: ["" : 17]> twice (v) => (r) { r = Add(v, v) }
"""
MODELS = [parser.parse_model(one) for one in (WHOLE, *map(text, GRAPHS))]


def messages(message: Any) -> Iterator[Any]:
    """A message of protobuf and all that are in it."""
    yield message
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for one in value if field.is_repeated else (value,):
                yield from messages(one)


def changed(model: Any, chance: random.Random) -> None:
    """Changes one field somewhere: a number, a name, a node left out, doubled or put into another graph."""
    message = chance.choice(list(messages(model)))
    field = chance.choice(message.DESCRIPTOR.fields)
    if field.type == field.TYPE_MESSAGE:
        others = [one for one in messages(model) if one.DESCRIPTOR is field.message_type]
        if field.is_repeated:
            values = getattr(message, field.name)
            if values and chance.random() < 0.5:
                del values[chance.randrange(len(values))]
            elif others:
                values.append(copied(chance.choice(others)))
        elif others and chance.random() < 0.8:
            getattr(message, field.name).CopyFrom(copied(chance.choice(others)))
        else:
            message.ClearField(field.name)
        return
    value = drawn(field, chance)
    if not field.is_repeated:
        setattr(message, field.name, value)
    elif chance.random() < 0.7 and len(getattr(message, field.name)):
        values = getattr(message, field.name)
        values[chance.randrange(len(values))] = value
    else:
        getattr(message, field.name).append(value)


def copied(message: Any) -> Any:
    """The same elsewhere: protobuf does not survive a message that is put into itself."""
    made = type(message)()
    made.CopyFrom(message)
    return made


def drawn(field: Any, chance: random.Random) -> Any:
    """A value for a field, of its type."""
    if field.type == field.TYPE_STRING:
        return chance.choice(TEXTS)
    if field.type == field.TYPE_BYTES:
        return chance.choice([b"", b"x", b"\xff" * 8, struct.pack("<f", float("nan")), b"y", b"then_branch"])
    if field.type == field.TYPE_ENUM:
        return chance.choice([one.number for one in field.enum_type.values])
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return chance.choice([0.0, -1.5, float("inf"), float("nan")])
    small = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32)
    number = chance.choice(NUMBERS)
    if field.cpp_type in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64):
        number = abs(number)
    return max(min(number, 2**31 - 1), -(2**31)) if small else number


def torn(content: bytes, chance: random.Random) -> bytes:
    """Bytes changed, left out and doubled."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randint(1, 9)]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 40)]
            case _:
                data[at] ^= 1 << chance.randrange(8)
        if not data:
            break
    return bytes(data)


def content(seed: int) -> bytes:
    """A file; every third is torn."""
    chance = random.Random(seed)
    model = onnx.ModelProto()
    model.CopyFrom(chance.choice(MODELS))
    for _ in range(chance.randint(1, 5)):
        changed(model, chance)
    whole = model.SerializeToString()
    return torn(whole, chance) if seed % 3 == 2 and whole else whole


def fault_on(path: Path) -> str:
    """What a process of its own has to say of a file, besides a refusal; it may die, as it does for users."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_DATA, (GIGABYTES << 30, GIGABYTES << 30))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        for reader in (
            lambda: diagnose(path, (("onnxruntime", None), ("coreml", None))),
            lambda: read(path),
            lambda: cut(path, ("tvm", None), path.with_name("head.onnx"), path.with_name("tail.onnx")),
        ):
            try:
                reader()
            except (UsageError, MemoryError, RecursionError):
                pass
            except Exception:
                os.write(writing, traceback.format_exc().encode()[-4000:])
                break
        os._exit(0)
    os.close(writing)
    end = time.monotonic() + SECONDS
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"no end within {SECONDS:g} s"
        time.sleep(0.002)
    with os.fdopen(reading) as said:
        return said.read()


def test_any_file_is_read_or_refused(tmp_path: Path) -> None:
    for seed in seeds(0.25):
        path = tmp_path / "model.onnx"
        path.write_bytes(content(seed))
        fault = fault_on(path)
        assert not fault, f"seed {seed}: {fault}"
    assert seed > 0
