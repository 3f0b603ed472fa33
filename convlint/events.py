"""The vocabulary of events: what can go wrong in an export, with the abstract values involved.

The analyzer makes events, rules judge them. An event says what happens, never how bad it is.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from convlint.findings import ROUTES, Edit, Place, Span
from convlint.source.document import Document
from convlint.source.suppressions import comments

if TYPE_CHECKING:
    from libcst import BaseExpression, BaseStatement


class Taint(enum.IntEnum):
    """What a value depends on, in rising order of harm when it is frozen into a graph."""

    none = 0
    """Constants and configuration."""
    fixed = 1
    """A size that the architecture fixes: channels, the shape of a parameter."""
    state = 2
    """Parameters and buffers: the same on every call, but tensors to the exporters."""
    shape = 3
    """The size of an input."""
    data = 4
    """The values of an input."""


def one_line(text: str) -> str:
    """Source text on one line, without comments, shortened to 60 characters."""
    text = " ".join((_without_comments(text) if "#" in text else text).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _without_comments(text: str) -> str:
    document = Document("", f"({text}\n)")  # in brackets an expression may go on where it likes
    found = comments(document)
    return document.apply([Edit(Span(row, at, row, at + len(one)), "") for row, at, one in found])[1:-1]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a tracer sees differently from eager, at one expression."""

    document: Document
    span: Span
    """The expression at which it happens."""
    statement: Span
    """The simple statement around it, or the header of the compound one."""
    function: str = ""
    """The qualified name of the function, ``module.Class.method``."""
    routes: frozenset[str] = frozenset(ROUTES)
    """The routes on which the code runs at all (code may ask whether it is being traced)."""
    only_checks: bool = False
    """Whether it happens in a test that only raises, warns or logs: nothing of it is in a traced graph."""
    torch: str = ""
    """What the file calls torch, empty where it does not import the module."""
    scripted: bool = False
    """Whether TorchScript compiles the function, on some route: what it takes is not all of Python."""

    @property
    def text(self) -> str:
        """The source of the expression."""
        return self.document.segment(self.span)

    @property
    def related(self) -> tuple[Place, ...]:
        """Other places that take part in it."""
        return ()

    @property
    def short(self) -> str:
        """The source of the expression on one line, for a message."""
        return one_line(self.text)

    def quote(self, span: Span) -> str:
        """The source of another expression of the file on one line, for a message."""
        return one_line(self.document.segment(span))

    @property
    def cst(self) -> BaseExpression:
        """The LibCST node of the expression, parsed when asked for."""
        return self.cst_at(self.span)

    def cst_at(self, span: Span) -> BaseExpression:
        """The LibCST node of another expression of the file, an operand's say."""
        return self.document.expression(span)

    @property
    def cst_statement(self) -> BaseStatement:
        """The LibCST node of the statement, parsed when asked for; a simple one is in a line of its own."""
        return self.document.statement(self.statement)


class Operand(msgspec.Struct, frozen=True, kw_only=True):
    """A value that takes part in an event: where it is written and what is known of it."""

    span: Span
    taint: Taint = Taint.none
    kind: str = "unknown"
    """tensor, dim, number, ndarray, shape, list, unknown..."""
    dtype: str | None = None
    """float, int, bool, complex, or None where unknown."""
    rank: int | None = None
    sure: bool = True
    """False where it may be something else too, or is a tensor only by the look of its use."""
    literal: bool = False
    """Whether a plain number is written there."""


class Failed(Event, frozen=True, kw_only=True):
    """convlint itself failed while it followed a function: what it would have found there is missing."""

    why: str


class LeavesGraph(Event, frozen=True, kw_only=True):
    """A tensor or dimension becomes a Python or NumPy value: ``.item()``, ``int()``, ``np.exp(t)``..."""

    how: str
    """item, tolist, numpy, int, float, bool, complex, len, numel (of a shape), copy, numpy-call (a NumPy function)."""
    operand: Operand
    callee: str = ""
    """The function's qualified name where ``how`` does not say it (``numpy.exp``)."""
    only_arithmetic: bool = False
    """Whether the result is used in tensor arithmetic only (so that the tensor could stay one)."""
    must_be_plain: bool = False
    """Whether the result goes where a traced size would not do: it is a key, or a constant for an exporter."""
    left_open: bool = False
    """Whether a number in it is a parameter's that is not said to be an int: other callers may give a float."""
    only_counts: bool = False
    """Whether the result only bounds slices, or says how many `topk` and `arange` give."""
    array: Span | None = None
    """What NumPy makes of it: the outermost call around it."""
    rewrapped: tuple[Span, ...] = ()
    """The ``torch.from_numpy(...)`` that make tensors of the array again: around it, or around the name it gets."""


class PythonMath(Event, frozen=True, kw_only=True):
    """A Python function computes on tensors or dimensions: ``math.ceil``, ``min``, ``max``, ``round``..."""

    callee: str
    operands: tuple[Operand, ...]
    taint: Taint
    dividend: Operand | None = None
    """Of a quotient, ``math.ceil(n / 4)``: what is divided."""
    divisor: Operand | None = None
    """Of a quotient: by what."""
    only_arithmetic: bool = False
    """Whether nothing but the operands is given, and the result is used in tensor arithmetic only."""
    plain: bool = False
    """Whether the operands are written one by one, and nothing else."""


class TensorFromValues(Event, frozen=True, kw_only=True):
    """``torch.tensor``/``as_tensor``/``from_numpy`` around values that come from tensors."""

    callee: str
    operand: Operand
    frozen: frozenset[str] = frozenset()
    """Of sizes and counts, as measured: the routes that keep the traced ones."""
    refused: frozenset[str] = frozenset()
    """The routes that stop."""
    elements: tuple[Operand, ...] = ()
    """Of a list or tuple that is written there: its elements, none where one is starred."""
    given: tuple[str, ...] = ()
    """The names by which the call's arguments are given, empty for those by position."""
    numbers: bool = False
    """Whether Python numbers are read, as sizes and counts are, and no tensors."""


class Branch(Event, frozen=True, kw_only=True):
    """Python decides on a tensor's value or on a dimension."""

    form: str
    """if, while, ternary, assert, and, or, not, filter; inside (of a function of torch, which asks for sizes)."""
    operand: Operand
    taint: Taint
    frozen_on: frozenset[str] = frozenset()
    """Routes on which the value had already become a plain Python number (reported there)."""
    whole: Span
    """The whole ``if`` or ``while`` statement with what it decides on, or the whole conditional expression."""
    following: Span | None = None
    """The statement behind it in the same block."""
    dispensable: bool = False
    """Whether all that it decides is whether to pad, expand or copy, which would change nothing where it is false."""
    degenerate: bool = False
    """Whether only sizes of 0 and 1 are told apart from all others: ``n == 1``, ``if n``."""
    raises: bool = False
    """Whether a test that fails ends the run, and one that holds does nothing at all."""


class ChecksArguments(Event, frozen=True, kw_only=True):
    """A distribution checks values: those of the tensors that it is made of, ``torch.distributions.Normal(mean, std)``,
    or the one that a method of it is given, ``normal.log_prob(x)``.
    """

    avoidable: bool
    """Whether ``validate_args=False`` leaves the checks out."""
    asked: bool = False
    """Whether it is a method that checks."""


OF_PARTS = ("join", "sum", "part")
"""What is done with the parts of a tensor without a loop: all are joined or added, or one is taken."""


class LoopOverDim(Event, frozen=True, kw_only=True):
    """The length of a Python loop is a dimension: ``for i in range(x.shape[0])``."""

    operand: Operand
    taint: Taint
    form: str
    """for, comprehension, list, list-repeat; of the parts of a tensor also those of ``OF_PARTS``."""
    pieces: str = ""
    """The method that took a tensor apart into what the loop goes over: ``split``, ``unbind``."""


class IteratesTensor(Event, frozen=True, kw_only=True):
    """A tensor is iterated over: ``for row in x``, ``zip(x, y)``, ``a, b = x``."""

    operand: Operand
    form: str
    """for, zip, enumerate, unpack, comprehension, list."""
    dynamic: bool = True
    """Whether the length can differ from the traced one."""
    counted: bool = False
    """Whether the length depends on values, as that of what a mask selects does."""


class DynamicShape(Event, frozen=True, kw_only=True):
    """An operator's output shape depends on values: ``x[mask]``, ``nonzero``, ``topk(k=count)``..."""

    how: str
    """mask, nonzero, where, masked_select, unique, repeat_interleave, bincount, topk, index-from-mask, slice."""
    operand: Operand
    whole: bool = False
    """Whether an index holds just the positions of a mask, so that the mask itself selects the same."""
    one_axis: bool = False
    """Whether that mask surely has one axis."""
    decided_on: tuple[tuple[str, Span], ...] = ()
    """Where (file and range) in other functions Python needs the count that begins here."""

    @property
    def related(self) -> tuple[Place, ...]:
        """Where the count is needed."""
        return tuple((path, span, "the count is needed here") for path, span in self.decided_on)


class AsksCount(Event, frozen=True, kw_only=True):
    """A function or layer is called that asks how many values there are, where that depends on values."""

    callee: str
    """``BatchNorm1d``, ``torch.nn.functional.scaled_dot_product_attention``, ``Tensor.roll``."""
    operand: Operand


class InplaceWrite(Event, frozen=True, kw_only=True):
    """A tensor is written in place and another name of the same memory is read afterwards."""

    how: str
    """method (``v.add_()``), augmented (``v += 1``), index (``v[0] = 1``), mask (``v[m] = 1``), out (``out=v``)."""
    target: Operand
    name: str
    """The source text of what is written to."""
    method: str = ""
    """The in-place method, where a call writes what can be computed out of place too: ``add_``."""
    index: Operand | None = None
    value: Operand | None = None
    """What a plain assignment to an index, ``y[index] = value``, assigns."""
    view: str = ""
    """How the written tensor came to share memory: slice, select, view, chunk..., empty where it is the base itself."""
    view_row: int = 0
    """The line on which that view was made."""
    view_path: str = ""
    """The file of that line."""
    view_text: str = ""
    """The expression that made it: ``y[:, 0]``."""
    base: str = ""
    """What it is a view of: ``y``."""
    read: Span | None = None
    """Where the other name is read after the write, None where nothing else reads it."""
    read_path: str = ""
    """The file that reads it."""
    read_name: str = ""
    lost: bool = False
    """Whether the TorchScript exporter loses the write for that reader (see the analyzer's ``aliases``)."""
    stale: bool = False
    """Whether the reader is an older view of what was written to (a view read after its base changed)."""
    chained: str = ""
    """For an index assignment into a slice, ``y[:, 0][m] = v``: what the last index is (basic, mask, tensor)."""
    alike: bool = False
    """Whether that mask surely has the axes of what it selects from."""

    @property
    def related(self) -> tuple[Place, ...]:
        """Where the view was made, and where the other name is read."""
        if self.read is None:
            return ()
        read = (self.read_path, self.read, f"`{self.read_name}` is read here")
        if not self.view_row:
            return (read,)
        made = Span(self.view_row, 1, self.view_row, 1)
        if self.view_path == self.document.path:
            line = self.document.lines[self.view_row - 1].rstrip()
            made = Span(self.view_row, len(line) - len(line.lstrip()) + 1, self.view_row, len(line) + 1)
        return (self.view_path, made, "the view is made here"), read

    @property
    def view_at(self) -> str:
        """Where the view was made, in words: ``line 3``."""
        return self._line(self.view_row, self.view_path)

    @property
    def read_at(self) -> str:
        """Where the other name is read, in words: ``line 3 of other.py``."""
        return self._line(self.read.row if self.read else self.span.row, self.read_path)

    def _line(self, row: int, path: str) -> str:
        return f"line {row}" if path in ("", self.document.path) else f"line {row} of {PurePath(path).name}"


class OverlappingWrite(Event, frozen=True, kw_only=True):
    """A tensor is written from a view of its own memory, ``y[:, 1:] = y[:, :-1]``, and the write overtakes the read."""

    name: str
    """The source text of what is written to."""
    value: Operand
    """What is read meanwhile."""
    view_text: str
    """The expression that made it: ``y[:, :-1]``."""


class BroadcastWrite(Event, frozen=True, kw_only=True):
    """A value is broadcast to sizes of an input where it is assigned: ``y[:, 0] = self.token``."""

    name: str
    """The source text of where it is put."""
    value: Operand


class MaskAmongIndices(Event, frozen=True, kw_only=True):
    """``y[:, mask] = value``: a boolean mask is one of several indices under which is assigned."""

    mask: Operand
    after_slice: bool
    """Whether a slice, or dots, stand before the mask."""
    after_dots: bool
    mistaken: bool
    """Whether something stands behind the mask, it has several axes, or it has a number before and selects for tensors.
    """


class UnusualIndexWrite(Event, frozen=True, kw_only=True):
    """``y[None, 0] = value``, ``y[..., positions] = value`` and the like."""

    how: Literal["none", "dots", "apart", "broadcast", "whole"]
    """``None`` among the indices; dots before positions; something between two positions; fewer axes than there; a
    tensor for all, under dots or nothing."""


class SumsByIndex(Event, frozen=True, kw_only=True):
    """``y.index_add(0, index, x)``: what has the same index is added, or reduced otherwise."""

    callee: str
    how: Literal["index", "axis", "scaled", "whole", "mean", "without", "scatter"]
    """Added at indices that may repeat, along an axis counted from the end, scaled, or at each place of the axis; by
    ``scatter_reduce`` as a mean, or without what was there; by ``scatter``.
    """


class CropsPadding(Event, frozen=True, kw_only=True):
    """A tensor that was padded by sizes is cut to them: ``F.pad(x, (0, -n % 4))[..., :n]``."""

    name: str
    """The source text of what is cut."""
    bounds: tuple[tuple[int | None, str], ...]
    """The axes that are cut, from the end, None where unknown, and the sizes that are left, as source text."""


class MaskWrite(Event, frozen=True, kw_only=True):
    """``y[mask] = value``: index assignment under a boolean mask."""

    target: Operand
    mask: Operand
    value: Operand
    plain: bool = False
    """Whether it is the whole statement, neither augmented nor one of several targets, and the mask the whole index."""
    fewer_axes: bool = False
    """Whether the mask surely has fewer axes than the target, as it selects rows."""
    missing: int | None = None
    """How many fewer, None where that is not known."""
    one_for_all: bool = False
    """Whether the value is a tensor that is surely broadcast to the elements or rows that the mask selects."""
    replaceable: bool = False
    """Whether what ``torch.where`` makes can take the place of the target unseen: only a local name leads there, and
    the mask lays nothing out otherwise.
    """


class BitwiseWrite(Event, frozen=True, kw_only=True):
    """``m |= other``, ``m[:, 0] &= other``, ``n <<= 1``: a bitwise operator that writes into a tensor."""

    operator: str
    """``|``, ``&``, ``^``, ``<<`` or ``>>``."""
    target: Operand
    """The tensor that is written into, the indexed one where only a part of it is."""
    value: Operand
    written: Span
    """What stands before the operator: ``m``, ``m[:, 0]``."""
    indexed: bool = False
    repeatable: bool = False
    """Whether what stands before the operator may be written twice."""
    replaceable: bool = False
    """Whether a new tensor can take the place of the target unseen, as only a local name leads to it."""


class StateWrite(Event, frozen=True, kw_only=True):
    """A parameter, a buffer, another attribute or a whole module changes in ``forward``."""

    name: str
    what: str
    """parameter, buffer; attribute for what else a module keeps, list and dict where these grow; module where all its
    weights are converted (``.to(...)``)."""
    through_data: bool = False
    """Whether the write goes through ``.data``."""
    replaced: bool = False
    """Whether it is ``.data`` that is assigned, and values of inputs are in what it gets."""
    assigned: bool = False
    """Whether the attribute is assigned: the tensor that was there is not written to."""
    method: str = ""
    """The method that writes: ``copy_``, ``append``."""
    kept: bool = True
    """Whether what one call leaves there reaches the next."""
    made_once: bool = False
    """Whether what is kept comes from no values of inputs."""
    recorded: bool = True
    """Whether a trace records how it is made: a tensor, a layer, a size that is still the tracer's own."""
    of_part: bool = False
    """Whether a part of the model keeps it, and not the module that is exported."""
    data: Span | None = None
    """The ``data`` behind the parameter's name where it could as well be a call."""


class Untraceable(Event, frozen=True, kw_only=True):
    """A call that ``torch.jit.trace`` cannot follow at all."""

    how: str
    """control-flow (``torch.cond``), size (``torch._check`` of one), compiled (a function by ``torch.compile``),
    stateless (``functional_call``), reentrant (``torch.utils.checkpoint`` of what has weights), function (a
    ``torch.autograd.Function`` of a list).
    """
    callee: str
    writing: str = ""
    """A branch of control flow that writes in place, which the dynamo ONNX exporter refuses."""


class RaisingProperty(Event, frozen=True, kw_only=True):
    """A property of a module only raises; the range is that of the exception."""

    name: str
    owner: str
    """The class of the module, which may have it from a base."""


class Derivative(Event, frozen=True, kw_only=True):
    """A derivative is computed by autograd."""

    callee: str
    """``torch.autograd.grad``."""
    refused: frozenset[str]
    """The routes that stop at it, or are wrong, as measured."""


class FloorDivision(Event, frozen=True, kw_only=True):
    """``a // b`` where a tensor takes part, or a size with a minus before it."""

    form: str
    """operator, augmented (``a //= b``), function (``torch.floor_divide``)."""
    dividend: Operand
    divisor: Operand
    may_be_negative: bool
    """Whether the code says that quotients may be negative."""
    whole: Span | None = None
    """The minus sign before it and what it stands before, where a size is rounded up: ``-(-n // 4)``."""


class RemainderOfSize(Event, frozen=True, kw_only=True):
    """``places % width``: the remainder of integers, by a size of an input."""

    dividend: Operand
    divisor: Operand


class Clamp(Event, frozen=True, kw_only=True):
    """A tensor is limited to plain numbers of another dtype than its own, or to an integer and a float."""

    operand: Operand
    bounds: tuple[Operand, ...]
    """Those that are given, each an int or a float."""


class NarrowIndex(Event, frozen=True, kw_only=True):
    """A tensor is indexed by one of integers of 32 bits."""

    index: Operand
    writes: bool
    """Whether it is written to there."""


class RefusedDtypes(Event, frozen=True, kw_only=True):
    """An operator on tensors of dtypes that an ONNX exporter, or ONNX Runtime, refuses."""

    dtypes: tuple[str, ...]
    """Of one tensor, or of two: float, int or bool."""
    refusing: frozenset[str]
    """The routes that end so."""
    repair: Literal["", "receiver", "argument", "select", "convert", "join", "fill"] = ""
    """What can be written instead: integers for the mask of a running sum, which is the receiver or an argument; masks
    joined for one selected or filled by another, or for their sum; of two tensors that are stacked, the lesser dtype
    made the greater."""


class BoolAsNumber(Event, frozen=True, kw_only=True):
    """True or False is given where torch takes any number, as measured."""

    value: Span
    number: str
    """The number that it stands for, where it is written there: 1 or 0."""
    refused: frozenset[str]
    """The routes that stop."""
    same: bool
    """Whether eager makes the same of that number."""
    made: bool
    """Whether it decides the dtype of what is made: ``torch.full(size, True)``."""


class ReducedPrecision(Event, frozen=True, kw_only=True):
    """``torch.autocast`` is entered, and an operator under it computes in bfloat16."""

    operator: str
    """The first such operator: ``torch.matmul``, or the layer's name, ``Conv2d``."""
    owner: str = ""
    """What the module is called in whose method it happens, ``self``; empty in a function."""
    enabled: Span | None = None
    """What is given for ``enabled``."""


class UnsupportedOperator(Event, frozen=True, kw_only=True):
    """A function or layer that an ONNX exporter has no operator for is called."""

    callee: str
    """``torch.diff``, or the layer's name: ``RMSNorm``."""
    operator: str
    """What the exporter calls it: ``aten::rms_norm``."""
    custom: bool = False
    """Whether it is an operator of the user's own, which no exporter knows."""
    switch: str = ""
    """The parameter that must be on for it: ``antialias``."""
    form: str = ""
    """The calls that are meant, where others are fine: ``of several axes at once``."""
    instead: str = ""
    """What to write instead, where there is more to say than: with other operators."""
    fused: bool = False
    """Whether only under ``torch.no_grad()``, where torch takes a fused kernel."""
    since: int = 0
    """The opset from which on it has one; 0 where it has none."""
    sure: bool = True
    """Whether it is surely called: what has an attribute ``mT`` is a tensor most likely."""


Graphs = Mapping[str, tuple[tuple[int, tuple[str, ...]], ...]]
"""Of graphs, those of routes and ``core``, which is taken apart into ATen's core operators, the operators in them from
an opset on: ``CumSum/i`` of integers."""
_CLASSES = {"f": "float", "i": "int", "b": "bool"}


def operator_and_class(operator: str) -> tuple[str, str]:
    """``CumSum/i`` as the operator and the class of its first input's dtype, '' where that is not known."""
    name, _, letter = operator.partition("/")
    return name, _CLASSES.get(letter, "")


class OperatorCall(Event, frozen=True, kw_only=True):
    """A function or layer of torch is called of which it was measured what operators it becomes."""

    callee: str
    """``torch.cumsum``, or the layer's name: ``GRU``."""
    dtype: str | None
    """The class of its first input's dtype, None where unknown."""
    graphs: Graphs
    dynamic: bool = False
    """Whether the shape of its result depends on values, so that a ``DynamicShape`` may say more."""

    def operators(self, graph: str, opset: int) -> list[tuple[str, str]] | None:
        """What it surely becomes in a graph: operators, each with the class of its first input's dtype or ''.

        None where that was not measured, or where the graph cannot be made.
        """
        known = [operators for since, operators in self.graphs.get(graph, ()) if since <= opset]
        return [operator_and_class(one) for one in known[-1]] if known else None


class DividesSize(Event, frozen=True, kw_only=True):
    """A function that gives a tensor divides a size and rounds: ``torch.div(n, 2, rounding_mode="floor")``."""

    callee: str
    dividend: Operand
    divisor: Operand


class SqueezesNothing(Event, frozen=True, kw_only=True):
    """``x.squeeze(1)`` where that size is another constant than 1, so that eager leaves the tensor as it is."""

    operand: Operand
    axis: int


class AxesFromEnd(Event, frozen=True, kw_only=True):
    """Axes are named from the end: ``x.permute(0, -1, 1)``, ``x.movedim(-1, 1)``, ``x.unfold(-1, 4, 2)``."""

    callee: str
    axes: tuple[Span, ...]
    """Where they are written."""
    from_front: tuple[int, ...]
    """Which they are counted from the front, empty where the number of axes is not known."""


Mistranslation = Literal[
    "divisor",
    "axes",
    "axes_by_both",
    "axes_refused",
    "axes_by_dynamo",
    "fractions",
    "floats",
    "norm",
    "spread",
    "bend",
    "same",
    "tiles",
    "trains",
]


class Mistranslated(Event, frozen=True, kw_only=True):
    """A call that an ONNX exporter writes as another computation, or in another shape, without a word."""

    how: Mistranslation
    """``divisor_override`` of a pool; ``keepdim`` where no axes are named, by the TorchScript exporter, both, it while
    the dynamo exporter's file is refused, or the dynamo one; ``any`` of floats, and ``all``; ``max_norm`` of an
    embedding; ``cosine_similarity`` of tensors that are repeated along the axis; ``threshold`` of a ``softplus``;
    ``padding="same"`` with a dilation; ``tile`` to more axes than there are; ``batch_norm`` with ``training=True``.
    """
    certain: bool = True
    """Whether for all values, and for the sizes that are not known."""


class Distances(Event, frozen=True, kw_only=True):
    """``torch.cdist`` in a form that is written row by row, not as a product of matrices."""

    norm: str = ""
    """The norm as it is written, empty for the Euclidean one."""
    wrong: bool = False
    """Whether the TorchScript ONNX exporter leaves out the absolute values, which this norm needs."""
    certain: bool = True
    """Whether it is whatever the numbers of rows, else where both are at most 25."""


class SqueezesBatch(Event, frozen=True, kw_only=True):
    """``x.squeeze()``, which drops the first axis too where that is 1, a size that varies."""

    operand: Operand
    ones: tuple[int, ...]
    """The axes that are surely 1."""
    certain: bool
    """Whether all other sizes are known: constants, or such of inputs as have a name."""
    use: str = ""
    """What of the result goes wrong in a graph where that axis was dropped in eager: index (by ``...``), transpose (of
    axes counted from the end), linear, convolution; empty while nothing of it does.
    """
    used: Place | None = None
    """Where."""

    @property
    def related(self) -> tuple[Place, ...]:
        """Where it goes wrong."""
        return (self.used,) if self.used is not None else ()


class FixedBatch(Event, frozen=True, kw_only=True):
    """A shape is made with a batch size that the configuration sets: ``x.view(self.batch_size, -1)``."""

    callee: str
    """``view``, ``torch.zeros``."""
    size: Operand
    inferred: bool
    """Whether another size is -1, so that other batches pass, with their samples mixed."""


class PacksSequence(Event, frozen=True, kw_only=True):
    """``pack_padded_sequence`` and its like: sequences whose lengths are the values of a tensor."""

    callee: str


class Unbatched(Event, frozen=True, kw_only=True):
    """A layer or function is given an input without a batch axis, which the TorchScript ONNX exporter takes for one."""

    callee: str
    """``MaxPool2d``, ``max_pool2d``."""
    operand: Operand
    wrong: bool
    """Whether the file answers wrongly; else ONNX Runtime refuses it."""


class NeedsSize(Event, frozen=True, kw_only=True):
    """A function or layer is called that an exporter takes only where a size, here one of an input, is a number."""

    callee: str
    """``LSTM``, ``Tensor.unfold``, ``torch.nn.functional.adaptive_avg_pool2d``."""
    operand: Operand
    by: str
    """onnx_torchscript, torch_export, or onnx_dynamo where that alone needs it."""
    dynamo: str = ""
    """What the dynamo ONNX exporter makes of it: breaks, frozen, or nothing wrong."""
    kernel: bool = False
    """Whether it is a size of the kernel of a convolution."""


class SizesRead(Event, frozen=True, kw_only=True):
    """A library's function reads the sizes of a tensor, which may be others, as plain numbers."""

    reshapes: bool
    """Whether a tensor is surely brought into another shape with them."""


class SizeAsKey(Event, frozen=True, kw_only=True):
    """A size is looked up: as a key of a dict, in a set, or by ``functools.lru_cache``."""

    how: str
    """table (with keys of its own), set (made of sizes), cache (which has no keys yet), function (that is cached)."""
    size: Operand
    cached: str = ""
    """The function whose results are cached."""
    bound: bool = False
    """Whether that is a method."""


class DataRead(Event, frozen=True, kw_only=True):
    """A tensor's ``.data`` is read, or what was made by the model is written through it."""

    operand: Operand
    """The tensor."""
    data: Span
    """The name ``data`` itself."""
    written: bool = False
    only: str = ""
    """What alone is read of it: sizes, of which one varies; kind, its dtype and device, for a new tensor."""


class FormatsValue(Event, frozen=True, kw_only=True):
    """A tensor or a size is written into text with a format."""

    how: str
    """spec (``{:.2f}``), percent (``%.2f``)."""
    operand: Operand


class HiddenInt(Event, frozen=True, kw_only=True):
    """A size of an input is given for a parameter that some exporter takes only a plain number for, as measured."""

    callee: str
    """``torch.linspace``, ``repeat_interleave`` (of a tensor), ``Unfold``; a function's own name where ``scripted``."""
    parameter: str
    operand: Operand
    frozen: frozenset[str]
    """The routes that keep the traced size."""
    refused: frozenset[str]
    """The routes that stop, or whose file no runtime takes."""
    scripted: bool = False
    """Whether it is a function of the user's own, which TorchScript compiles."""


class AxisFromTensor(Event, frozen=True, kw_only=True):
    """An axis is a number out of a tensor that no input changes: ``x.mean(dim=torch.arange(1, x.dim()).tolist())``."""

    callee: str
    """``mean``, ``torch.cat``."""
    parameter: str
    """``dim``, ``axis``."""


class RandomDraw(Event, frozen=True, kw_only=True):
    """A call draws random numbers, in evaluation mode too."""

    callee: str
    """``torch.randn_like``, ``Tensor.normal_``, ``random.random``, ``numpy.random.rand``."""
    by_torch: bool = True
    """Whether torch draws them, so that an operator stands in the graph; else they are plain values."""
    refused: frozenset[str] = frozenset()
    """The routes that have no operator for it."""
    switch: str = ""
    """The parameter that says whether it draws: training, dropout_p."""
    given: Span | None = None
    """What is given for it, None where its default makes it draw."""
    owner: str = ""
    """What the module is called in whose method it happens, ``self``; empty in a function."""
    layer: bool = False
    """Whether it is a layer that is made in ``forward``: it draws its weights, or drops values in training mode."""


class Unregistered(Event, frozen=True, kw_only=True):
    """Modules or parameters that `forward` uses are kept where ``nn.Module`` does not see them; at the assignment."""

    name: str
    """``self.layers``."""
    kind: str
    """list, tuple or dict."""
    what: str
    """modules or parameters."""
    modal: str = ""
    """A layer among them that stays in training mode: ``Dropout``."""
    display: Span | None = None
    """The list or dict itself, where it is written there."""
    nn: str = ""
    """What the file calls ``torch.nn``."""


class UnusedInput(Event, frozen=True, kw_only=True):
    """A model that nothing else contains takes an input and does nothing with it; at the parameter."""

    model: str
    """The class."""
    name: str
    """The parameter."""


class PlainOutput(Event, frozen=True, kw_only=True):
    """A model that nothing else contains returns a value of Python's own."""

    model: str
    """The class."""
    kind: str
    """number, bool or text."""
    inside: bool
    """Whether it is in what is returned there, a dict with a name say."""


class ReturnedInput(Event, frozen=True, kw_only=True):
    """A model that nothing else contains returns an input as it is, beside what it computes."""

    model: str
    """The class."""
    name: str
    """The input."""
    inside: bool
    """Whether it is in what is returned there, a dict with a name say."""


class ReshapedInput(Event, frozen=True, kw_only=True):
    """A model that nothing else contains changes the axes of an input in place: ``mask.unsqueeze_(1)``."""

    model: str
    """The class."""
    name: str
    """The input."""
    method: str
    """What is called: ``unsqueeze_``."""


class _Unknown(enum.Enum):
    unknown = "unknown"


UNKNOWN = _Unknown.unknown
"""The value of an argument, or of a part of one, of which nothing is known."""


class Named(NamedTuple):
    """Something of a library in an argument: ``Dim.AUTO``, or what a call of it makes, ``Dim("n")``."""

    qualified: str
    called: bool = False


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is given, as far as it can be read in the code before it."""

    name: str = ""
    """The keyword; of a positional one its parameter where the function is known, else empty."""
    span: Span
    value: Any = UNKNOWN
    """A constant, a ``Named``, or a list, tuple or dict of such, with ``UNKNOWN`` in it for what is not known."""
    sizes: tuple[int | None, ...] | None = None
    """Of a tensor that is made in plain sight (``torch.randn(1, 3, 224, 224)``) its sizes, None for unknown ones; of
    one that only gets an axis there (``image.unsqueeze(0)``) the first."""
    made: Span | None = None
    """The call that makes that tensor, None where it makes only the first axis."""
    parts: tuple[Argument, ...] = ()
    """The elements of a tuple or list that is written there or before."""

    @property
    def known(self) -> bool:
        """Whether the whole value is known, nothing of it ``UNKNOWN``."""
        return _is_known(self.value)


def _is_known(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_known, (*value, *value.values())))
    if isinstance(value, (list, tuple)) and not isinstance(value, Named):
        return all(map(_is_known, value))
    return value is not UNKNOWN


class Generic(Event, frozen=True, kw_only=True):
    """Plain code, traced or not, in scripts and at module level too; made only where a rule asks for it."""


class OfLibrary(Generic, frozen=True, kw_only=True):
    """Something of a library that a rule asked for (``Rule.attributes``), whatever the file calls it."""

    qualified: str
    """Its qualified name: ``torch.float64``."""


class Attribute(OfLibrary, frozen=True, kw_only=True):
    """It is read, called or passed on: ``torch.float64``, or ``float64`` after ``from torch import float64``."""


class Assign(OfLibrary, frozen=True, kw_only=True):
    """It is assigned to: ``torch.backends.cudnn.benchmark = True``."""

    value: Argument


class Subscript(OfLibrary, frozen=True, kw_only=True):
    """An element of it is read, set or deleted: ``os.environ["TORCH_LOGS"]``."""

    index: Argument
    value: Argument | None = None
    """What the element is set to, None where it is not."""


class ClassDef(Generic, frozen=True, kw_only=True):
    """A class is defined, at module level or in another class; at its header."""

    name: str
    bases: tuple[str, ...]
    """Of all that it derives from, the project's classes first: ``nets.Base``, ``torch.nn.Module``."""
    methods: tuple[str, ...] = ()
    """The methods that it defines itself."""
    whole: Span
    """The whole class statement without its decorators."""

    @property
    def cst_statement(self) -> BaseStatement:
        """The LibCST node of the whole class, parsed when asked for."""
        return self.document.statement(self.whole)


class Call(Generic, frozen=True, kw_only=True):
    """A function that a rule asked for (``Rule.callees``) is called."""

    callee: str
    """The name that was asked for, whatever the file calls it: ``torch.load``; of a function of the project itself that
    of its definition or that by which it is imported."""
    arguments: tuple[Argument, ...] = ()
    complete: bool = True
    """False where ``*args`` or ``**options`` may give more than is written."""
    makes_model: bool = False
    """Whether the result is used as a model afterwards: put into evaluation mode, called, or exported."""
    attempted: bool = False
    """Whether it stands in the body of a ``try`` of its function."""

    def argument(self, name: str) -> Argument | None:
        """What is given for a parameter, None where nothing is (or not in plain sight, see ``complete``)."""
        return next((argument for argument in self.arguments if argument.name == name), None)


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The model that is exported, as far as it can be seen to be made."""

    name: str
    """Its class: ``Net``, ``Sequential``."""
    training: bool = False
    """Whether it is surely in training mode there."""
    modal: str = ""
    """A layer in it that computes otherwise while training: ``BatchNorm2d``."""
    scripted: bool = False
    """Whether ``torch.jit`` made it."""
    compiled: bool = False
    """Whether ``torch.compile`` made it."""
    parameters: tuple[str, ...] = ()
    """The parameters of its ``forward`` in order, none where they are not known."""
    by_name: tuple[str, ...] = ()
    """Those that are given by name only."""
    any_name: bool = False
    """Whether it takes others by any name: ``**options``."""
    gives_dict: bool = False
    """Whether ``forward`` returns a dict that is made in it, wherever it returns."""


class ExportCall(Call, frozen=True, kw_only=True):
    """A model is exported or traced. ``routes`` are those that the call may take, one where that is known."""

    model: Model | None = None
    """None where its making cannot be seen: a parameter, the result of somebody's function."""
    gives_function: bool = False
    """Whether a function of the project, or the method of a model, is given in its place."""

    @property
    def by_default(self) -> bool:
        """Whether ``torch.onnx.export`` itself chooses the exporter (of an exported program there is only one)."""
        open_ = self.callee == "torch.onnx.export" and self.complete and self.argument("dynamo") is None
        return open_ and not self.of_program

    @property
    def of_program(self) -> bool:
        """Whether a program of ``torch.export`` is given in the place of a model."""
        given = self.argument("model")
        return given is not None and given.value == Named("torch.export.export", True)

    @property
    def examples(self) -> Argument | None:
        """The argument that holds the positional example inputs."""
        return self.argument("example_inputs") or self.argument("args")

    @property
    def inputs(self) -> tuple[Argument, ...]:
        """The positional example inputs, none where they cannot be told apart."""
        given = self.examples
        return () if given is None else given.parts or ((given,) if given.sizes is not None else ())
