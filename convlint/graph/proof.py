"""Whether a head and a tail are the whole: the same numbers in ONNX Runtime, to the bit, on random inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convlint.errors import UsageError
from convlint.graph import progress
from convlint.graph.runtime import session

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

BATCHES = (1, 2, 3)
"""Sizes of a first axis that varies."""
_SIDES = (64, 96, 128, 224, 320, 32, 512, 640)
"""Sizes that other axes which vary are tried with, until the model runs."""
_DRAWS = 2
"""Inputs of each size."""


@dataclass(frozen=True)
class Proof:
    """What was compared."""

    inputs: int
    batches: tuple[int, ...]
    """The sizes of the first axis that were tried, empty where it does not vary."""
    numbers: int
    """How many numbers of outputs were equal."""
    difference: str = ""


def proven(whole: ModelProto, head: ModelProto, tail: ModelProto) -> Proof:
    """Runs the whole and the parts and compares.

    Raises:
        UsageError: ONNX Runtime is not installed, or does not run the model or a part.
    """
    sessions = [_session(model, what) for model, what in ((whole, "the model"), (head, "the head"), (tail, "the tail"))]
    given = inputs_of(whole)
    batches = BATCHES if any(map(_varies, given)) else ()
    numbers = inputs = 0
    for feed in feeds(given, batches or (1,), sessions[0]):
        want = sessions[0].run(None, feed)
        names = [one.name for one in sessions[0].get_outputs()]
        got = _in_parts(sessions[1], sessions[2], feed)
        inputs += 1
        for name, right in zip(names, want, strict=True):
            if not _same(got[name], right):
                return Proof(inputs, batches, numbers, f"output `{name}` differs on input {inputs}")
            numbers += getattr(right, "size", 0)
    return Proof(inputs, batches, numbers)


def _session(model: ModelProto, what: str) -> Any:
    progress.tell(f"{what} in ONNX Runtime")
    try:
        return session(model.SerializeToString())
    except ImportError as error:
        raise UsageError("proving a cut needs the package onnxruntime; pip install 'convlint[trace]'") from error
    except Exception as error:
        raise UsageError(f"ONNX Runtime does not load {what}: {' '.join(str(error).split())}") from error


def _in_parts(head: Any, tail: Any, feed: Mapping[str, Any]) -> dict[str, Any]:
    """What head and tail make of an input, by name."""
    known = {one.name for one in head.get_inputs()}
    made = [one.name for one in head.get_outputs()]
    values = dict(feed) | dict(zip(made, head.run(None, {k: v for k, v in feed.items() if k in known}), strict=True))
    wanted = [one.name for one in tail.get_outputs()]
    values |= dict(zip(wanted, tail.run(None, {one.name: values[one.name] for one in tail.get_inputs()}), strict=True))
    return values


def _same(got: Any, want: Any) -> bool:
    import numpy

    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(_same, got, want))
    if got.dtype != want.dtype or got.shape != want.shape:
        return False
    return bool(numpy.array_equal(got, want, equal_nan=want.dtype.kind in "fc"))


def _varies(given: ValueInfoProto) -> bool:
    """Whether the first axis of an input varies."""
    dims = given.type.tensor_type.shape.dim
    return bool(dims) and not dims[0].HasField("dim_value")


def inputs_of(model: ModelProto) -> list[ValueInfoProto]:
    """The inputs of a model; what old files list among them and is a constant is none."""
    constants = {one.name for one in model.graph.initializer}
    return [one for one in model.graph.input if one.name not in constants]


def feeds(given: Sequence[ValueInfoProto], batches: Sequence[int], whole: Any) -> Iterator[dict[str, Any]]:
    """Random inputs of the declared shapes on which the model runs."""
    import numpy

    generator = numpy.random.default_rng(0)
    side = None
    for batch in batches:
        for draw in range(_DRAWS):
            for size in [side] if side else _SIDES:
                try:
                    feed = {one.name: drawn(one, batch, size, draw, generator) for one in given}
                    whole.run(None, feed)
                except Exception as error:
                    fault = " ".join(str(error).split())
                    continue
                side = size
                yield feed
                break
            else:
                raise UsageError(f"the model itself does not run on random inputs: {fault}")


def drawn(given: ValueInfoProto, batch: int, side: int, draw: int, generator: Any) -> Any:
    """A random input: floats of [0, 1) or normal ones, small integers."""
    import numpy
    from onnx import helper

    tensor = given.type.tensor_type
    shape = [
        one.dim_value if one.HasField("dim_value") else batch if not at else side
        for at, one in enumerate(tensor.shape.dim)
    ]
    dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    if numpy.issubdtype(dtype, numpy.floating):
        return (generator.random(shape) if draw % 2 else generator.standard_normal(shape)).astype(dtype)
    return generator.integers(0, 2, shape).astype(dtype)
