"""What feeds, trains and tests a model, by its names and by what it gives: no exporter enters there by itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from convlint.analyzer.index import ClassInfo, FunctionInfo
from convlint.analyzer.run import Run
from convlint.source.walk import walk

_AROUND = frozenset(
    [
        "data",
        "dataset",
        "datasets",
        "dataloader",
        "dataloaders",
        "augment",
        "augmentation",
        "loss",
        "losses",
        "criterion",
        "criterions",
        "evaluation",
        "evaluator",
        "evaluators",
        "metrics",
        "optim",
        "optimizer",
        "tests",
        "test",
        "testing",
        "trainer",
        "trainers",
    ]
)
"""Folders and files of what feeds, trains and tests a model."""
_MODELS = frozenset(["models", "model", "modules", "layers", "networks", "nets", "nn", "backbones", "architectures"])
"""Folders of models, also where they lie in one called `training`."""
CLASS = re.compile(
    r".*(Loss|Criterion|Dataset|BatchSampler|Metric|Optimizer|HungarianMatcher|Augmentation|(?<!Pre)Train(er|ing)?)"
    r"(s|es)?$"
)
FUNCTION = re.compile(
    r"loss|criterion|metric|accuracy|train|valid|evaluat|test|collate|load|save|plot|draw|visuali|log|convert|export|main"
    r"|backward|augment|optimi|sample_batch|dataset|to_pil|to_image|^__\w+__$|(?<=[a-z])_$",
    re.IGNORECASE,
)
"""Parts of the names of functions that feed, train, test or show a model, and Python's own hooks; torch calls what
fills weights `trunc_normal_`."""
LOSS = re.compile(r"(.*_)?(loss|losses|criterion)(_.*)?", re.IGNORECASE)
"""Names of losses, and of functions that only training calls."""
_TRAINS = frozenset(["backward", "zero_grad"])
"""Methods by which a loss changes weights."""
_TRUTH = "gt_"
"""How the names of what is known only in training begin: the ground truth."""


def is_around(name: str) -> bool:
    """Whether a module is, or lies in, what feeds, trains or tests a model: ``data``, ``data_preprocessors``."""
    parts = name.split(".")
    if any(part in _AROUND or part.startswith(("data_", "dataset_")) for part in parts):
        return True
    return "training" in parts and _MODELS.isdisjoint(parts[parts.index("training") :])


def is_given_truth(function: FunctionInfo) -> bool:
    """Whether a function is always given the ground truth, which only training knows."""
    return any(one.arg.startswith(_TRUTH) and default is None for one, default in function.parameters)


def is_step(run: Run, cls: ClassInfo, method: FunctionInfo) -> bool:
    """Whether a method is a step of training: all that it returns is a loss, or it has weights trained itself."""
    called = (part.func for part in walk(method.node) if isinstance(part, ast.Call))
    trains = any(isinstance(func, ast.Attribute) and func.attr in _TRAINS for func in called)
    return gives_loss(run, cls, method) or trains  # the former notes what the answer rests on


def gives_loss(run: Run, cls: ClassInfo, method: FunctionInfo, depth: int = 3) -> bool:
    """Whether all that a method returns is a loss, with what else training wants to know."""
    run.rest_on(method)
    returned = list(_returned(method.node.body)) if isinstance(method.node, ast.FunctionDef) else []
    return bool(returned) and all(one is not None and _is_loss(run, cls, one, depth) for one in returned)


def _is_loss(run: Run, cls: ClassInfo, node: ast.expr, depth: int) -> bool:
    match node:
        case ast.Tuple(elts=[first, *_]):
            return _is_loss(run, cls, first, depth)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return bool(LOSS.fullmatch(name))
        case ast.Call(func=ast.Name(id="dict"), keywords=[ast.keyword(arg=str(name)), *_]):
            return bool(LOSS.fullmatch(name))
        case ast.Dict(keys=[ast.Constant(value=str(name)), *_]):
            return bool(LOSS.fullmatch(name))
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)) if depth:
            method = run.method(cls, name)
            return bool(LOSS.fullmatch(name)) or (method is not None and gives_loss(run, cls, method, depth - 1))
    return False


def _returned(body: list[ast.stmt]) -> Iterator[ast.expr | None]:
    """What the statements of a function return, those of functions inside it aside."""
    for statement in body:
        if isinstance(statement, ast.Return):
            yield statement.value
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for name in ("body", "orelse", "handlers", "finalbody", "cases"):
                for part in getattr(statement, name, []):
                    yield from _returned([part] if isinstance(part, ast.stmt) else part.body)
