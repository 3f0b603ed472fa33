"""ONNX's own tests of its operators, at each opset that changed an operator, and what runtimes make of them."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from convlint.backends.facts import OLDEST_OPSET, newest_known, since_version
from convlint.backends.onnx_file import DEFAULT_DOMAINS
from convlint.trial.runtime_process import RuntimeProcess, Said
from convlint.trial.runtimes import difference

RTOL = 1e-3
COARSE = 1e-2
"""Of 16 bits."""
SECONDS = 20.0
ENOUGH = 3
"""Tests of a dtype that must fail before it is said to be refused."""
_IR = 8
"""Of a test that is written anew: runtimes of the older opsets read it."""
_KINDS = "biufcOUS"
"""The kinds of arrays that NumPy has of itself."""
_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
Key = tuple[str, int]
"""An operator and the opset that brought its version."""


class Case(NamedTuple):
    """A test of one version of an operator."""

    operator: str
    since: int
    name: str
    model: Any
    given: dict[str, Any]
    right: list[Any]
    is_own: bool = True
    """Whether it was written for this version of the operator, and not for another one."""

    @property
    def rtol(self) -> float:
        """How exact a runtime must be."""
        sizes = [one.dtype.itemsize for one in self.right if getattr(getattr(one, "dtype", None), "kind", "") == "f"]
        return COARSE if min(sizes, default=4) < 4 else RTOL


@dataclass
class Tally:
    """What a runtime made of the tests of one version of an operator.

    Of those that were written for another version what fails counts only where nothing passes: this version may not
    have what they ask for.
    """

    tests: int = 0
    passed: int = 0
    own: int = 0
    """Of the tests those that were written for this version."""
    frozen: int = 0
    """Of those that it passed, with constants only where the test has inputs."""
    failures: dict[str, int] = field(default_factory=dict)
    kinds: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many tests there are of a type parameter behind that of the first input as a dtype."""
    taken: set[tuple[str, str]] = field(default_factory=set)
    """Of these what passed in one test at least."""
    _doubtful: int = 0

    def passes(self, case: Case, *, frozen: bool) -> None:
        """One more test that it passes."""
        self.tests += 1
        self.passed += 1
        self.own += case.is_own
        self.frozen += frozen
        self.taken.update(self._has(case))

    def fails(self, case: Case, said: Said) -> None:
        """One more that it does not."""
        self.tests += case.is_own
        self.own += case.is_own
        self._doubtful += not case.is_own
        self._has(case)
        why = f"{said.what}: {' '.join(said.why.split())}"
        self.failures[why] = self.failures.get(why, 0) + 1

    def _has(self, case: Case) -> set[tuple[str, str]]:
        """Counts what the type parameters of a test are."""
        mine = parameters(case)
        self.kinds |= {one: self.kinds.get(one, 0) + 1 for one in mine}
        return mine

    def refused(self) -> dict[str, set[str]]:
        """By type parameter the dtypes of which no test passes, though some of another dtype do."""
        taken = {parameter for parameter, _ in self.taken}
        found: dict[str, set[str]] = {}
        for (parameter, dtype), tests in self.kinds.items():
            if parameter in taken and tests >= ENOUGH and (parameter, dtype) not in self.taken:
                found.setdefault(parameter, set()).add(dtype)
        return found

    def end(self) -> Tally:
        """With what fails and was written for another version, where nothing passes."""
        return self if self.passed else replace(self, tests=self.tests + self._doubtful, _doubtful=0)


@functools.cache
def cases(operator: str | None = None) -> tuple[Case, ...]:
    """The tests of the installed onnx, and each at the other versions of its operator at which it says the same; of all
    operators or of one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asked = (test for test in _tests() if operator in (None, test.model.graph.node[0].op_type))
        return tuple(case for test in asked for case in _of(test))


class _Test(NamedTuple):
    """A test as ONNX's are."""

    name: str
    model: Any
    data_sets: list[tuple[list[Any], list[Any]]]


_LOOP = """
<ir_version: 8, opset_import: ["": 16]>
doubled (float[3] x) => (float[3] y) <int64 most = {10}, bool first = {1}> {
  y = Loop <body = step (int64 i, bool go, float[3] one) => (bool more, float[3] other) {
    other = Add (one, one)
    sum = ReduceSum <keepdims = 0> (other)
    limit = Constant <value_float = 40.0> ()
    more = Less (sum, limit)
  }> (most, first, x)
}
"""
"""What both exporters make of loops: tensors go around. ONNX's own tests collect what each turn gives, or sequences."""
_ZEROS = """
<ir_version: 8, opset_import: ["": 9]>
zeros (int64[2] x) => (float[2,3] y) { y = ConstantOfShape <value = float[1] {0.0}> (x) }
"""
"""ONNX's own tests have ones of float, and zeros of integers."""
_PRELU = """
<ir_version: 8, opset_import: ["": 16]>
sloped (float[1,2,2,2] x) => (float[1,2,2,2] y) <float[2,1,1] slopes = {0.25, 2.0}> { y = PRelu (x, slopes) }
"""
"""As both exporters write it, a slope for each channel. ONNX's own tests have one for each number."""


def _parsed(text: str) -> Any:
    """A model, its constants in bytes as exporters store them: OpenCV ends where those of bool are not."""
    import onnx

    model = onnx.parser.parse_model(text)
    for one in model.graph.initializer:
        one.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(one), one.name))
    return model


@functools.cache
def _tests() -> list[Any]:
    """All tests of operators: ONNX's are made when their modules are imported, once and together."""
    import numpy
    from onnx.backend.test.case.node import collect_testcases

    one = numpy.array([1, 2, 3], "float32")
    loop = _Test("convlint's loop of tensors", _parsed(_LOOP), [([one], [one * 8])])
    x = numpy.arange(-4, 4, dtype="float32").reshape(1, 2, 2, 2)
    sloped = numpy.where(x < 0, x * 0.25, x)  # what is below zero is of the first channel
    slopes = _Test("convlint's slopes of channels", _parsed(_PRELU), [([x], [sloped])])
    shape, none = numpy.array([2, 3]), numpy.zeros((2, 3), "float32")
    zeros = _Test("convlint's zeros", _parsed(_ZEROS), [([shape], [none])])
    return [*collect_testcases(), loop, zeros, slopes]


def _of(test: Any) -> Iterator[Case]:
    model = test.model
    given, right = (list(map(_array, values)) for values in test.data_sets[0])
    nodes = model.graph.node
    if len(nodes) != 1 or nodes[0].domain not in DEFAULT_DOMAINS or nodes[0].op_type in _RANDOM:
        return
    if len(given) != len(model.graph.input) or not all(map(_is_held, (*given, *right))):
        return
    operator = nodes[0].op_type
    imported = next(one.version for one in model.opset_import if one.domain in DEFAULT_DOMAINS)
    own = since_version(operator, imported)
    if own is None:
        return
    case = Case(operator, own, test.name, model, _named(model, given), right)
    yield case
    for since in _versions(operator) - {own}:
        if other := _written(case, since):
            yield other


def parameters(case: Case) -> set[tuple[str, str]]:
    """What the type parameters of a test's inputs are, but for that of the first."""
    import onnx

    schema = onnx.defs.get_schema(case.operator, case.since)
    named = {one.type_param_str for one in schema.type_constraints}
    kinds = [one.type_str for one in schema.inputs]
    return {
        (kind, str(case.given[name].dtype).replace("_", ""))
        for at, name in enumerate(case.model.graph.node[0].input)
        if (kind := kinds[min(at, len(kinds) - 1)]) in named - set(kinds[:1]) and hasattr(case.given.get(name), "dtype")
    }


def _named(model: Any, given: Sequence[Any]) -> dict[str, Any]:
    return {value.name: one for value, one in zip(model.graph.input, given, strict=True)}


def _array(value: Any) -> Any:
    """What NumPy makes of an input or an output of a test; a sequence stays one."""
    import numpy
    import onnx

    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    return value if value is None or isinstance(value, (list, tuple)) else numpy.asarray(value)


def _is_held(value: Any) -> bool:
    """Whether NumPy holds a value, or all in a sequence of them."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_held, value))
    return getattr(getattr(value, "dtype", None), "kind", "none") in _KINDS


@functools.cache
def _versions(operator: str) -> set[int]:
    """The versions of an operator at the opsets that count."""
    opsets = range(OLDEST_OPSET, newest_known() + 1)
    return {since for opset in opsets if (since := since_version(operator, opset)) is not None}


def _written(case: Case, since: int) -> Case | None:
    """A test at another version of its operator, None where that has no such inputs or says something else."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    schema = onnx.defs.get_schema(case.operator, since)
    node = case.model.graph.node[0]
    fits = schema.min_input <= len(node.input) <= schema.max_input and len(node.output) <= schema.max_output
    if not fits or any(one.name not in schema.attributes for one in node.attribute):
        return None
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", max(since, OLDEST_OPSET)))
    if since < case.since:
        model.ir_version = min(model.ir_version, _IR)
    with suppress(Exception):  # a dtype that it did not have, or an attribute that it needs
        onnx.checker.check_model(model)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        found: Any = ReferenceEvaluator(model).run(None, dict(case.given))
        if not difference(found, case.right, case.rtol):
            return case._replace(since=since, model=model, is_own=False)
    return None


def measured(target: str, tests: Iterable[Case]) -> dict[Key, Tally]:
    """What the installed runtime of a target makes of tests, by version of the operators."""
    found: dict[Key, Tally] = {}
    with RuntimeProcess(target, seconds=SECONDS) as process:
        for case in tests:
            _count(found.setdefault((case.operator, case.since), Tally()), case, process)
    ended = {key: tally.end() for key, tally in found.items()}
    return {key: tally for key, tally in ended.items() if tally.tests}


def _count(tally: Tally, case: Case, process: RuntimeProcess) -> None:
    said = process.run(case.model.SerializeToString(), case.given, case.right, case.rtol)
    if said.what == "unable":
        return
    for left in (None, 1, 0) if all(map(_is_setting, case.given.values())) else (None, 1):
        if left is not None and (again := _frozen(case, left, process)) is not None:
            said = again
        if said.passed:
            tally.passes(case, frozen=left is not None)
            return
    tally.fails(case, said)


def _is_setting(value: Any) -> bool:
    """Whether an input is a number or a shape, which a model may have as a constant even where it is the only one."""
    return not isinstance(value, (list, tuple)) and (value.ndim == 0 or (value.ndim == 1 and value.dtype.kind == "i"))


def _frozen(case: Case, left: int, process: RuntimeProcess) -> Said | None:
    """The same with constants but for the inputs left, as exporters write sizes, axes and weights; None where all are
    left, or one is no tensor."""
    import onnx

    values = list(case.given.items())
    if len(values) <= left or any(isinstance(value, (list, tuple)) for _, value in values[left:]):
        return None
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    del model.graph.input[left:]
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in values[left:])
    return process.run(model.SerializeToString(), dict(values[:left]), case.right, case.rtol)
