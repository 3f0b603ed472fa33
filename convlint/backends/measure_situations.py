"""Which operators installed runtimes get wrong where they stand: ``python -m convlint.backends.measure_situations
TARGET...``.

ONNX's own tests that a runtime passes are run again with the first input as a constant, with one of the others as an
input of the model and as what is computed of constants, where it passes them with constants, and with one of the others
in another dtype; those of operators that go over the places of a picture with one axis less, and one more. What fails
then goes into ``faults.json``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

from convlint.backends import live
from convlint.backends.chains import Fault, computed, constant, in_words, mixed, of_axes, write
from convlint.backends.operator_tests import RTOL, SECONDS, Case, cases
from convlint.trial.runtime_process import RuntimeProcess, Said
from convlint.trial.runtimes import installed

PICTURE = 4
TRIES = 4
"""How many tests of a situation are run at most."""
_SIZE = 6
_PLACES: dict[str, dict[str, list[int]]] = {
    "AveragePool": {"kernel_shape": [2]},
    "ConvTranspose": {"kernel_shape": [2]},
    "Conv": {"kernel_shape": [3]},
    "GlobalAveragePool": {},
    "GlobalMaxPool": {},
    "InstanceNormalization": {},
    "MaxPool": {"kernel_shape": [2]},
    "LpPool": {"kernel_shape": [2]},
    "BatchNormalization": {},
}
"""Operators of any number of places, with the attributes that say something of each of them."""
_WEIGHTS = {"Conv": 2, "ConvTranspose": 2, "InstanceNormalization": 3, "BatchNormalization": 5}
"""Those that have inputs beside the first, and how many inputs."""


def of_constants() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test and the same of a constant: an input is added to what comes out."""
    for case in cases():
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


def of_inputs() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test whose inputs behind the first are constants, and the same where one is none."""
    for case in cases():
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
    tested = [onnx.NodeProto.FromString(one.SerializeToString()) for one in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *tested])
    return case._replace(model=model)


def of_mixtures() -> Iterator[tuple[str, Case, Case]]:
    """Situations, each with a test and the same with the constants behind its first input in another dtype."""
    from onnx import defs

    for case in cases():
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


def of_ranks() -> Iterator[tuple[str, Case]]:
    """Situations, each with a model and what ONNX Runtime makes of it."""
    for operator in _PLACES:
        for axes in (PICTURE - 1, PICTURE, PICTURE + 1):
            yield of_axes(operator, axes), _of_places(operator, axes)


def _of_places(operator: str, axes: int) -> Case:
    import numpy
    import onnx

    from convlint.graph.runtime import session

    places = axes - 2
    draw = numpy.random.default_rng(0)
    shapes = [(1, 4, *[_SIZE] * places)]
    if operator in ("Conv", "ConvTranspose"):
        shapes.append((4, 4, *_PLACES[operator]["kernel_shape"] * places))
    else:
        shapes += [(4,)] * (_WEIGHTS.get(operator, 1) - 1)
    arrays = {f"x{i}": draw.random(shape, dtype="float32") for i, shape in enumerate(shapes)}
    attributes: dict[str, Any] = {name: value * places for name, value in _PLACES[operator].items()}
    node = onnx.helper.make_node(operator, list(arrays), ["y"], **attributes)
    given = onnx.helper.make_tensor_value_info("x0", onnx.TensorProto.FLOAT, shapes[0])
    made = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    weights = [onnx.numpy_helper.from_array(value, name) for name, value in arrays.items() if name != "x0"]
    graph = onnx.helper.make_graph([node], "g", [given], [made], weights)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    right = session(model.SerializeToString()).run(None, {"x0": arrays["x0"]})
    shape = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, right[0].shape)
    model.graph.output[0].CopyFrom(shape)  # which some want to be told
    return Case(operator, 17, f"{axes} axes", model, {"x0": arrays["x0"]}, list(right))


def _run(process: RuntimeProcess, case: Case) -> Said:
    return process.run(case.model.SerializeToString(), case.given, case.right, RTOL * 10)


def measured(target: str) -> dict[str, Fault]:
    """The situations that the installed runtime of a target gets wrong, though it takes the operator elsewhere."""
    failed: dict[str, Fault] = {}
    passed: set[str] = set()
    version, tries = installed(target), Counter[str]()
    with RuntimeProcess(target, seconds=SECONDS) as process:
        for situation, plain, changed in chain(of_constants(), of_inputs(), of_mixtures()):
            tries[situation] += 1
            if situation not in passed and tries[situation] <= TRIES and _run(process, plain).passed:
                _note(situation, f"ONNX's {plain.name}", _run(process, changed), version, failed, passed)
        ranks = {situation: (case, _run(process, case)) for situation, case in of_ranks()}
        for situation, (case, said) in ranks.items():
            if ranks[of_axes(case.operator, PICTURE)][1].passed:
                _note(situation, in_words(situation), said, version, failed, passed)
    return {situation: fault for situation, fault in failed.items() if situation not in passed}


def _note(situation: str, written: str, said: Said, version: str, failed: dict[str, Fault], passed: set[str]) -> None:
    if said.passed:
        passed.add(situation)
        return
    what = {"wrong": "gets it wrong", "refused": "refuses it", "hung": "hangs"}.get(said.what, "ends the process")
    failed.setdefault(situation, Fault(situation, written, what, version, live.today()))


def main(targets: list[str]) -> None:
    """Measures, and writes what failed beside the chains that are known."""
    for target in targets:
        found = measured(target)
        write(target, [found[name] for name in sorted(found)], in_a_row=False)
        sys.stdout.write(f"{target}: {', '.join(map(in_words, sorted(found)))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
