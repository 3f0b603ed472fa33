"""Which operators an installed runtime gets wrong where they stand: ``python -m convlint.backends.measure_situations
TARGET [OPERATOR...]``.

ONNX's own tests that a runtime passes are run again with the first input as a constant, with one of the others as an
input of the model and as what is computed of constants, where it passes them with constants; without an attribute that
says what holds anyway, and with one of the others in another dtype; those that it passes in other dtypes than float32,
with so many inputs as each has. Other situations are graphs of their own (``situation_graphs``), run where the plain
one is taken. What is of float32 is run in other numbers with a point, too (``cast_graphs``). What fails then goes into
``faults.json``; where operators are named, what it says of others stays.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import msgspec

from convlint.backends import live, measure_dtypes
from convlint.backends.cast_graphs import OTHERS, in_dtype, in_dtypes
from convlint.backends.chains import (
    Fault,
    cast_to_int64,
    computed,
    constant,
    faults,
    foreign,
    in_words,
    is_in_a_row,
    mixed,
    of_sizes,
    option,
    options,
    with_inputs,
    without,
    write,
)
from convlint.backends.facts import facts
from convlint.backends.operator_tests import RTOL, SECONDS, Case, cases
from convlint.backends.situation_graphs import of_own, simplest
from convlint.trial.runtime_process import RuntimeProcess, Said
from convlint.trial.runtimes import difference, installed

TRIES = 4
"""How many tests of a situation are run at most."""
TIMES = 5
"""How often what may come out right by chance is run."""
_PERTURBED = {"MALLOC_PERTURB_": "128", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""Has glibc fill memory with bytes of which any number is large or none: what reads some that nobody has written shall
not come out right."""
_PLAIN, _OTHERS = "float32", ("float16", "float64")
_OF_NO_DTYPE = frozenset({"If", "Where"})
"""What chooses, and is no number."""
_INTEGERS = frozenset({"int64", "bool"})
"""What models compute sizes, places and conditions in."""


def _tests(asked: Sequence[str]) -> Iterator[Case]:
    """ONNX's tests of the operators named, of all where none is."""
    return chain.from_iterable(map(cases, asked or (None,)))


def of_constants(asked: Sequence[str] = ()) -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test and the same of a constant: an input is added to what comes out."""
    for case in _tests(asked):
        values: list[Any] = [*list(case.given.values())[:1], case.right[0]]
        if (
            case.is_own
            and case.given
            and all(getattr(value, "dtype", None) == "float32" and value.ndim for value in values)
        ):
            yield constant(case.operator), case, _frozen(case)


def _frozen(case: Case) -> Case:
    import numpy
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph, made = model.graph, model.graph.output[0]
    graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in case.given.items())
    right = case.right[0]
    given = numpy.ones_like(right)
    graph.node.append(onnx.helper.make_node("Add", [made.name, "added"], ["with_added"]))
    del graph.input[:], graph.output[:]
    for values, name in ((graph.input, "added"), (graph.output, "with_added")):
        values.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, right.shape))
    return case._replace(model=model, given={"added": given}, right=[right + given])


def of_inputs(asked: Sequence[str] = ()) -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test whose inputs behind the first are constants, and the same where one is none."""
    for case in chain(_tests(asked), of_integers(asked)):
        if (
            case.is_own
            and len(case.given) > 1
            and not any(isinstance(one, (list, tuple)) for one in case.given.values())
        ):
            plain = _with_inputs(case, 1)
            for place, name in enumerate(case.model.graph.node[0].input):
                if place and name in list(case.given)[1:] and case.given[name].size:
                    yield computed(case.operator, place, folded=False), plain, _with_inputs(case, 1, name)
                    if case.given[name].dtype.kind == "i":  # sizes and axes, which exporters compute
                        yield computed(case.operator, place, folded=True), plain, _of_constants(plain, name)
                    if (read := _of_sizes(plain, name, case.given[name])) is not None:
                        yield of_sizes(case.operator, place), plain, read


def of_integers(asked: Sequence[str] = ()) -> Iterator[Case]:
    """ONNX's tests in integers and bools."""
    for one in measure_dtypes.cases(*asked):
        if one.dtype in _INTEGERS:
            given = dict(zip((value.name for value in one.model.graph.input), one.given, strict=True))
            yield Case(one.operator, one.since, f"test of {one.operator} in {one.dtype}", one.model, given, [one.right])


def of_defaults(asked: Sequence[str] = ()) -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test, and the same without an attribute that says what holds without it."""
    from onnx import NodeProto
    from onnx.reference import ReferenceEvaluator

    for case in _tests(asked):
        for place, attribute in enumerate(case.model.graph.node[0].attribute if case.is_own else ()):
            model = type(case.model).FromString(case.model.SerializeToString())
            node: NodeProto = model.graph.node[0]
            del node.attribute[place]
            try:
                found: Any = ReferenceEvaluator(model).run(None, dict(case.given))
            except Exception:  # noqa: S112 - it cannot be left out
                continue
            same = [getattr(one, "dtype", None) for one in found] == [getattr(one, "dtype", None) for one in case.right]
            if same and not difference(found, case.right, case.rtol):
                yield without(case.operator, attribute.name), case, case._replace(model=model)


def _with_inputs(case: Case, count: int, *names: str) -> Case:
    """A test with so many of its inputs and those of these names left, the others constants."""
    import onnx

    left = {*list(case.given)[:count], *names}
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    inputs = [one for one in case.model.graph.input if one.name in left]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    constants = [onnx.numpy_helper.from_array(one, name) for name, one in case.given.items() if name not in left]
    model.graph.initializer.extend(constants)
    return case._replace(model=model, given={name: one for name, one in case.given.items() if name in left})


def _of_constants(case: Case, name: str) -> Case:
    """A test in which a constant is computed: turned around, and back."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    (stored,) = (one for one in model.graph.initializer if one.name == name)
    stored.name = f"{name}_stored"
    shape = list(stored.dims)
    arrays = {"flat": [-1], "start": [-1], "end": [-(2**31)], "axis": [0], "step": [-1], "shape": shape}
    for called, value in arrays.items():
        tensor = onnx.helper.make_tensor(f"{name}_{called}", onnx.TensorProto.INT64, [len(value)], value)
        model.graph.initializer.append(tensor)
    how = [f"{name}_{one}" for one in ("start", "end", "axis", "step")]
    nodes = [
        onnx.helper.make_node("Reshape", [stored.name, f"{name}_flat"], [f"{name}_row"]),
        onnx.helper.make_node("Slice", [f"{name}_row", *how], [f"{name}_around"]),
        onnx.helper.make_node("Slice", [f"{name}_around", *how], [f"{name}_back"]),
        onnx.helper.make_node("Reshape", [f"{name}_back", f"{name}_shape"], [name]),
    ]
    return _behind(model, nodes, case)


def _of_sizes(case: Case, name: str, value: Any) -> Case | None:
    """A test in which a constant is read of the sizes of its input, None where they have no such."""
    import onnx

    (given,) = case.given
    shape = list(case.given[given].shape)
    if value.dtype != "int64" or value.ndim != 1 or not {*value.tolist()} <= {*shape}:
        return None
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    (stored,) = (one for one in model.graph.initializer if one.name == name)
    places = [shape.index(one) for one in value.tolist()]
    stored.CopyFrom(onnx.helper.make_tensor(f"{name}_places", onnx.TensorProto.INT64, [len(places)], places))
    nodes = [
        onnx.helper.make_node("Shape", [given], [f"{name}_sizes"]),
        onnx.helper.make_node("Gather", [f"{name}_sizes", stored.name], [name]),
    ]
    return _behind(model, nodes, case)


def _behind(model: Any, nodes: Sequence[Any], case: Case) -> Case:
    """A test with nodes before its own."""
    tested = [type(one).FromString(one.SerializeToString()) for one in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *tested])
    return case._replace(model=model)


def of_mixtures(asked: Sequence[str] = ()) -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test and the same with the constants behind its first input in another dtype."""
    from onnx import defs

    for case in _tests(asked):
        schema = defs.get_schema(case.operator, case.since)
        first = schema.inputs[0].type_str if schema.inputs else ""
        kinds = [schema.inputs[min(i, len(schema.inputs) - 1)] for i, _ in enumerate(case.model.graph.node[0].input)]
        names = [
            name
            for name, kind in zip(case.model.graph.node[0].input, kinds, strict=True)
            if kind.type_str == first
            and kind.is_homogeneous
            and getattr(case.given.get(name), "dtype", "") == "float32"
        ]
        if case.is_own and len(names) > 1 and names[0] == case.model.graph.node[0].input[0]:
            halved = {name: case.given[name].astype("float16") for name in names[1:]}
            plain = _with_inputs(case, 1)
            yield mixed(case.operator), plain, _with_inputs(case._replace(given=case.given | halved), 1)


def of_foreign(asked: Sequence[str] = ()) -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test and the same with integers behind its first input in another dtype than the only
    one that its schema has for them."""
    from onnx import defs

    for case in _tests(asked):
        formals = defs.get_schema(case.operator, case.since).inputs
        for place, (name, formal) in enumerate(zip(case.model.graph.node[0].input, formals, strict=False)):
            only = list(formal.types) == ["tensor(int64)"] and place and case.is_own
            if only and getattr(case.given.get(name), "dtype", "") == "int64":
                plain = _with_inputs(case, 1)
                changed = case._replace(given=case.given | {name: case.given[name].astype("int32")})
                yield foreign(case.operator, place), plain, _with_inputs(changed, 1)


def of_casts(asked: Sequence[str] = ()) -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test of int64 with constants behind its first input, and the same where a Cast makes it
    of float32; what comes out is cast to that."""
    for one in measure_dtypes.cases(*asked):
        names = [value.name for value in one.model.graph.input]
        given = dict(zip(names, one.given, strict=True))
        if one.dtype == "int64" and one.model.graph.node[0].input[0] == names[0]:
            case = Case(one.operator, one.since, "test of int64", one.model, given, [one.right])
            plain = _with_inputs(_cast_behind(case), 1)
            yield cast_to_int64(case.operator), plain, _cast_before(plain)


def _cast_behind(case: Case) -> Case:
    from onnx import TensorProto, helper

    model = type(case.model).FromString(case.model.SerializeToString())
    output = model.graph.output[0]
    model.graph.node.append(helper.make_node("Cast", [output.name], ["as_float"], to=TensorProto.FLOAT))
    output.name, output.type.tensor_type.elem_type = "as_float", TensorProto.FLOAT
    return case._replace(model=model, right=[case.right[0].astype("float32")])


def _cast_before(case: Case) -> Case:
    from onnx import TensorProto, helper

    model = type(case.model).FromString(case.model.SerializeToString())
    first, node = model.graph.input[0], model.graph.node[0]
    node.input[0] = "as_int64"
    first.type.tensor_type.elem_type = TensorProto.FLOAT
    cast = helper.make_node("Cast", [first.name], ["as_int64"], to=TensorProto.INT64)
    given = {name: value.astype("float32") if name == first.name else value for name, value in case.given.items()}
    return _behind(model, [cast], case._replace(given=given))


def of_dtypes(asked: Sequence[str] = ()) -> Iterator[tuple[str, str, Case]]:
    """Situations, each with a dtype and a test in it, with constants behind the first input."""
    for one in measure_dtypes.cases(*asked):
        given = dict(zip((value.name for value in one.model.graph.input), one.given, strict=True))
        case = Case(one.operator, one.since, "test of other dtypes", one.model, given, [one.right])
        inputs = sum(map(bool, one.model.graph.node[0].input))
        if one.dtype in _OTHERS and case.model.graph.node[0].input[0] == next(iter(given)):
            yield with_inputs(one.operator, inputs), one.dtype, _with_inputs(case, 1)


def _called(case: Case) -> str:
    """Whose test it is: those that are convlint's say so."""
    return case.name if " " in case.name else f"ONNX's {case.name}"


def _run(process: RuntimeProcess, case: Case, dtype: str = _PLAIN) -> Said:
    return process.run(case.model.SerializeToString(), case.given, case.right, RTOL * (100 if "16" in dtype else 10))


def _again(process: RuntimeProcess, case: Case, dtype: str) -> Said:
    """What a runtime makes of a test that it may pass by chance: some read memory that nobody has written."""
    said = (_run(process, case, dtype) for _ in range(TIMES))
    return next((one for one in said if not one.passed), Said("right"))


def _dtype(case: Case) -> str:
    """The dtype of the first input of the operator that is tested, of the model's where it is computed; empty where
    that decides nothing."""
    from onnx import helper

    if case.operator in _OF_NO_DTYPE:
        return ""
    graph = case.model.graph
    tested = next((node.input[0] for node in graph.node if node.op_type == case.operator and node.input), "")
    stored = next((one for one in graph.initializer if one.name == tested), None)
    if stored is not None:
        return str(helper.tensor_dtype_to_np_dtype(stored.data_type))
    value = case.given.get(tested, next(iter(case.given.values()), None))
    return str(getattr(value, "dtype", ""))


def measured(target: str, asked: Sequence[str]) -> list[Fault]:
    """The situations that the installed runtime of a target gets wrong, though it takes the operator elsewhere."""
    noted = Noted(installed(target))
    with RuntimeProcess(target, seconds=SECONDS) as process:
        others = _taken_casts(process)
        _measure_tests(process, noted, asked, others)
        for situation, plain, changed in of_own():
            if asked and plain.operator not in asked:
                continue
            for dtype, one, other in in_dtypes(_dtype(plain), plain, changed, others):
                if _run(process, one, dtype).passed:
                    noted.add(situation, f"{changed.name}, not of {plain.name}", _again(process, other, dtype), dtype)
        _measure_options(process, noted, asked)
        _measure_casts(process, noted, asked)
        if _is_by_version(target):
            _measure_dtypes(process, noted, asked)
    return noted.faults()


def _taken_casts(process: RuntimeProcess) -> list[str]:
    """The other dtypes that a runtime casts to and computes in at all."""
    casts = ((dtype, in_dtype(simplest(), dtype)) for dtype in OTHERS)
    return [dtype for dtype, case in casts if case is not None and _run(process, case, dtype).passed]


def _measure_tests(process: RuntimeProcess, noted: Noted, asked: Sequence[str], others: Sequence[str]) -> None:
    """Notes what becomes of ONNX's tests where they are changed, a few of each situation and dtype."""
    tries = Counter[tuple[str, str]]()
    kinds = (of_constants, of_inputs, of_mixtures, of_foreign, of_defaults)
    for situation, plain, changed in chain.from_iterable(kind(asked) for kind in kinds):
        for dtype, one, other in in_dtypes(_dtype(plain), plain, changed, others):
            tries[situation, dtype] += 1
            is_open = (situation, dtype) not in noted.passed and tries[situation, dtype] <= TRIES
            if is_open and _run(process, one, dtype).passed:
                noted.add(situation, _called(plain), _run(process, other, dtype), dtype)


def _measure_options(process: RuntimeProcess, noted: Noted, asked: Sequence[str]) -> None:
    """Notes the attributes to which it comes down that tests fail: all else that such a test tells holds in one that is
    passed, and what is passed fails with it."""
    taken: dict[str, list[Case]] = {}
    failed: list[tuple[Case, Said]] = []
    for case in _tests(asked):
        if case.is_own and case.given:
            said = _run(process, _as_exported(case))
            if said.passed:
                taken.setdefault(case.operator, []).append(_as_exported(case))
            else:
                failed.append((case, said))
    for case, said in failed:
        others = taken.get(case.operator, [])
        suspects = _told(case).difference(*map(_told, others)) if others else set()
        if len(suspects) == 1 and _fails_with(process, next(iter(suspects)), others):
            dtype = str(getattr(next(iter(case.given.values())), "dtype", ""))
            noted.add(option(case.operator, suspects.pop()), _called(case), said, dtype)


def _told(case: Case) -> set[str]:
    return options(case.model.graph.node[0])


def _fails_with(process: RuntimeProcess, told: str, taken: Sequence[Case]) -> bool:
    """Whether tests that are passed fail with an attribute that is so, where it may be so."""
    changed = list(islice(filter(None, (_with_option(case, told) for case in taken)), TRIES))
    return bool(changed) and not any(_run(process, one).passed for one in changed)


def _with_option(case: Case, told: str) -> Case | None:
    """A test with an attribute that is so, None where ONNX's reference does not compute that."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    name, _, value = told.partition("=")
    model = type(case.model).FromString(case.model.SerializeToString())
    node = model.graph.node[0]
    others = [one for one in node.attribute if one.name != name]
    del node.attribute[:]
    node.attribute.extend([*others, helper.make_attribute(name, int(value) if value in ("0", "1") else value)])
    try:
        found: Any = ReferenceEvaluator(model).run(None, dict(case.given))
    except Exception:  # it cannot be so there
        return None
    return case._replace(model=model, right=list(found))


def _as_exported(case: Case) -> Case:
    """A test with constants behind its first input, where that can be."""
    return case if any(isinstance(one, (list, tuple)) for one in case.given.values()) else _with_inputs(case, 1)


def _measure_casts(process: RuntimeProcess, noted: Noted, asked: Sequence[str]) -> None:
    """Notes which operators fail of int64 that a Cast makes, and not of that which is given."""
    for situation, plain, changed in of_casts(asked):
        if _run(process, plain).passed:
            said = _run(process, changed)
            if said.what != "unable":  # Python gets no other output of that kind
                noted.add(situation, f"ONNX's tests of {plain.operator} in int64", said, "int64")


def _is_by_version(target: str) -> bool:
    """Whether ONNX's tests in other dtypes are what the facts of a target rest on."""
    known = facts(target)
    return known is not None and any(row.since_version for row in known.rows)


def _measure_dtypes(process: RuntimeProcess, noted: Noted, asked: Sequence[str]) -> None:
    """Notes with how many inputs an operator fails of a dtype, of which it is taken with others."""
    alone = Noted(noted.version)
    for situation, dtype, case in of_dtypes(asked):
        alone.add(situation, f"ONNX's tests of {case.operator} in {dtype}", _run(process, case), dtype)
    taken = {(situation.split()[-1], dtype) for situation, dtype in alone.passed}
    noted.failed |= {key: one for key, one in alone.failed.items() if (key[0].split()[-1], key[1]) in taken}
    noted.passed |= alone.passed


@dataclass
class Noted:
    """What came out right in situations, and what did not, by situation and dtype."""

    version: str
    failed: dict[tuple[str, str], Fault] = field(default_factory=dict)
    passed: set[tuple[str, str]] = field(default_factory=set)

    def add(self, situation: str, written: str, said: Said, dtype: str = _PLAIN) -> None:
        """One more test."""
        if said.passed:
            self.passed.add((situation, dtype))
            return
        what = {"wrong": "gets it wrong", "refused": "refuses it", "hung": "hangs"}.get(said.what, "ends the process")
        made = Fault(situation, written, what, self.version, live.today(), dtype)
        self.failed.setdefault((situation, dtype), made)

    def faults(self) -> list[Fault]:
        """What never came out right: of float32, with the dtypes of which it did; of others where it did of that."""
        never = {key: one for key, one in self.failed.items() if key not in self.passed}
        return [
            msgspec.structs.replace(never[situation, dtype], right_of=self._right_of(situation, dtype))
            for situation, dtype in sorted(never)
            if dtype not in OTHERS or (situation, _PLAIN) not in never
        ]

    def _right_of(self, situation: str, dtype: str) -> str:
        return " ".join(one for one in OTHERS if dtype == _PLAIN and (situation, one) in self.passed)


def main(target: str, asked: Sequence[str]) -> None:
    """Measures, and writes what failed beside the chains that are known."""
    os.environ |= _PERTURBED
    found = measured(target, asked)
    known = (one for one in faults().get(target, ()) if not is_in_a_row(one.chain))
    kept = [one for one in known if asked and one.chain.split()[-1] not in asked]
    write(target, sorted([*found, *kept], key=lambda one: one.chain), in_a_row=False)
    sys.stdout.write(f"{target}: {', '.join(in_words(one.chain) for one in found)}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
