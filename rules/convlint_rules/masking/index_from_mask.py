from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from convlint.events import DynamicShape
from convlint.findings import Applicability, Finding, Fix, Harm, Span
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import function_around


class IndexFromMask(Rule):
    """
    ## What it does
    Finds `x[mask.nonzero().squeeze(1)]`: a mask turned into positions only to select with them.

    ## Why it breaks
    `x[mask]` selects the same elements with one operator less, and is what a later rewriting for a target with
    fixed shapes begins with. With torch 2.13 and ONNX Runtime both forms export: shown by `--show-harmless`.

    ## Fix safety
    Safe where a mask of one axis, and no more, is computed from what it selects from, so that it is as long. Unsafe
    where it comes from elsewhere: a mask must be as long as the axis, which positions need not; and `squeeze()` without
    a dimension selects otherwise where exactly one element passes. Positions that have a name are repaired where they
    get it, if all that is done with them is to select.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html
    """

    code, name, since = "CVL402", "index-from-mask", "0.1"
    events = (DynamicShape,)
    examples = [
        Example(
            title="Positions of large scores",
            bad=forward(
                """
                keep = torch.where(scores > 0.5)[0]
                scores = scores[keep]
                return scores, boxes[keep]
                """,
                parameters="boxes, scores",
            ),
            good=forward(
                """
                keep = scores > 0.5
                scores = scores[keep]
                return scores, boxes[keep]
                """,
                parameters="boxes, scores",
            ),
            inputs="boxes: float32[N=3, 4]; scores: float32[N]",
            harm=Harm(),
        ),
        Example(
            title="Positions written in the index",
            bad=forward("return x[(x[:, 0] > 0).nonzero().squeeze(1)]"),
            good=forward("return x[x[:, 0] > 0]"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(),
        ),
    ]

    def check(self, event: DynamicShape, context: Context) -> Finding | None:
        """Harmless, with a hint and often a repair."""
        if event.how != "index-from-mask" or not event.whole:
            return None
        made = _made(event)
        advice = "index with the mask itself"
        if made is not None:
            advice = f"index with the mask itself, `{event.quote(made.mask_span)}`"
        message = f"`{event.short}` selects by positions made from a mask: {advice}"
        return self.finding(event, message, Harm(), context, fixable=_applicability(event, made))

    def fix(self, event: DynamicShape, context: Context) -> Fix | None:
        """The mask instead of its positions, in the index or where these get their name."""
        made = _made(event)
        applicability = _applicability(event, made)
        if made is None or applicability is None:
            return None
        mask = edit(made.span, "{mask}", mask=event.cst_at(made.mask_span))
        return Fix("Index with the mask", (mask,), applicability)


class _Made(NamedTuple):
    """Positions of a mask where they are made."""

    span: Span
    mask: ast.expr
    mask_span: Span
    exact: bool
    """Whether they are as many as the mask has elements that are true; else ``squeeze()`` may drop their axis."""
    column: bool
    """Whether they are one column of several, if the mask has more than one axis."""
    of: frozenset[str]
    """The names of what they select from, empty where something else than a name is among them."""


def _applicability(event: DynamicShape, made: _Made | None) -> Applicability | None:
    if made is None or (made.column and not event.one_axis):
        return None
    same_length = len(made.of) == 1 and _is_made_of(made.mask, *made.of)
    return Applicability.safe if event.one_axis and made.exact and same_length else Applicability.unsafe


def _made(event: DynamicShape) -> _Made | None:
    """The positions, if nothing is done with them but select."""
    document, span = event.document, event.operand.span
    function = function_around(event, span)
    if function is None:
        return None
    parts = [part for part in ast.walk(function) if isinstance(part, ast.expr) and part.lineno <= span.end_row]
    index = next((part for part in parts if document.span(part) == span), None)
    if not isinstance(index, ast.Name):
        chosen = [index] if index is not None else []
        value, names = index, _selected(function, chosen)
    else:
        uses = [part for part in ast.walk(function) if isinstance(part, ast.Name) and part.id == index.id]
        chosen = [use for use in uses if isinstance(use.ctx, ast.Load)]
        names = _selected(function, chosen)
        value = _value_of(function, index.id) if names and len(uses) == len(chosen) + 1 else None
        if value is not None and not _stay(function, names, value, chosen):
            names = ["", ""]
    found = _positions(value, event.torch) if value is not None and names else None
    if found is None or value is None:
        return None
    mask, exact, column = found
    of = frozenset(names) if all(names) else frozenset()
    return _Made(document.span(value), mask, document.span(mask), exact, column, of)


def _selected(function: ast.AST, chosen: Sequence[ast.expr]) -> list[str]:
    """What expressions select from, ``''`` for what has no name; nothing where one of them is no index."""
    found = []
    for one in ast.walk(function):
        if isinstance(one, ast.Subscript):
            among = one.slice.elts if isinstance(one.slice, ast.Tuple) else [one.slice]
            owner = one.value.id if isinstance(one.value, ast.Name) and among[0] in chosen else ""
            found += [owner for part in among if part in chosen]
    return found if len(found) == len(chosen) else []


def _value_of(function: ast.AST, name: str) -> ast.expr | None:
    """What a name is assigned, alone."""
    for one in ast.walk(function):
        match one:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return value
    return None


def _stay(function: ast.AST, names: Sequence[str], value: ast.expr, uses: Sequence[ast.expr]) -> bool:
    """Whether what is selected from is still what it was when the positions were made."""
    rows = range(value.lineno, max(use.lineno for use in uses))
    stored = (one for one in ast.walk(function) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
    return not any(one.id in names and one.lineno in rows for one in stored)


def _positions(node: ast.expr, torch: str) -> tuple[ast.expr, bool, bool] | None:
    """The mask of positions, whether they have an axis for certain, and whether they are one column of several."""
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="squeeze"), args=args, keywords=[]):
            mask = _nonzero(inner, torch, as_tuple=False)
            return (mask, bool(args), False) if mask is not None else None
        case ast.Call(func=ast.Attribute(value=inner, attr="flatten" | "view" | "reshape"), keywords=[]):
            mask = _nonzero(inner, torch, as_tuple=False)
        case ast.Subscript(value=inner, slice=ast.Tuple(elts=[ast.Slice(None, None, None), ast.Constant(value=0)])):
            mask = _nonzero(inner, torch, as_tuple=False)
            return (mask, True, True) if mask is not None else None
        case ast.Subscript(value=inner, slice=ast.Constant(value=0)):
            mask = _nonzero(inner, torch, as_tuple=True)
            return (mask, True, True) if mask is not None else None
        case _:
            return None
    return (mask, True, False) if mask is not None else None


def _nonzero(node: ast.expr, torch: str, *, as_tuple: bool) -> ast.expr | None:
    """The ``m`` of ``m.nonzero()`` and ``torch.nonzero(m)``, or of what gives a column for each axis."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    words = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
    owner, name = node.func.value, node.func.attr
    of_torch = isinstance(owner, ast.Name) and owner.id == torch
    if len(node.args) != int(of_torch):
        return None
    if as_tuple:
        gives = (name == "where" and of_torch and not words) or (name == "nonzero" and words == {"as_tuple": True})
    else:
        gives = name in ("nonzero", "argwhere") and not words
    return (node.args[0] if of_torch else owner) if gives else None


def _is_made_of(mask: ast.expr, name: str) -> bool:
    """Whether a mask has as many elements as a tensor with a name: it is compared, or a column of it, with numbers."""
    match mask:
        case (
            ast.Name(id=found)
            | ast.Subscript(value=ast.Name(id=found), slice=ast.Tuple(elts=[ast.Slice(None, None, None), *_]))
        ):
            return found == name
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=one):
            return _is_made_of(one, name)
        case ast.Compare(left=left, comparators=[right]):
            return _is_made_of(left, name) and _is_made_of(right, name)
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr() | ast.BitXor(), right=right):
            return _is_made_of(left, name) and _is_made_of(right, name)
    return False
