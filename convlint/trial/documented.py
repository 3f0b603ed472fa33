"""Inputs of the shapes that the docstring of ``forward`` has: ``x (Tensor): frames of shape `(B, T, input_dim)```."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator
from itertools import product

from torch import nn

_ENTRY = re.compile(r"^\s*(\w+)(?: \([^\n:]*\))?:", re.MULTILINE)
_SHAPE = re.compile(r"shape:?\s+`*[(\[]([\w, ]+)[)\]]")
_BATCH = re.compile(r"[BN]|bs|batch(?:_size)?")
_WIDTH = re.compile(r"[CD]|\w*(?:channel|dim|feature|hidden|embed|bins)\w*")
_CHANNELS = re.compile(r"C|\w*channels?")
"""Of sound and images these are few, and a model need not keep how many."""
_OF_LAYERS = ("in_channels", "in_features", "num_features", "input_size")
_LENGTHS = re.compile(r"\w*len(?:gth)?s?")
_SIZES = (64, 1024, 16000)
"""Of what has no number in the model: images and tokens are short, sound is long."""


def documented(model: nn.Module, wanted: Collection[str]) -> Iterator[str]:
    """Inputs for the parameters of a model, nothing where one of them has no shape in the docstring."""
    shapes = _shapes(inspect.getdoc(model.forward) or "")
    if not wanted or not all(name in shapes for name in wanted):
        return
    words = list(dict.fromkeys(word for name in wanted for word in shapes[name]))
    for size in _SIZES:
        for sizes in product(*(_sizes(model, word, size) for word in words)):
            yield "; ".join(_input(name, shapes[name], dict(zip(words, sizes, strict=True)), size) for name in wanted)


def _shapes(text: str) -> dict[str, list[str]]:
    """What each parameter's axes are called."""
    _, *entries = _ENTRY.split(text)
    found = ((name, _SHAPE.search(told)) for name, told in zip(entries[::2], entries[1::2], strict=True))
    shapes: dict[str, list[str]] = {}
    for name, shape in found:
        if shape:  # the first: what is returned may be called the same
            shapes.setdefault(name, [word for one in shape[1].split(",") if (word := one.strip().replace(" ", "_"))])
    return shapes


def _sizes(model: nn.Module, word: str, size: int) -> list[str]:
    """What an axis may be in the language of inputs: a number that the model or its first layer has, or a dimension."""
    if word.isdecimal():
        return [word]
    if _BATCH.fullmatch(word):
        return ["N=2"]
    if _WIDTH.fullmatch(word):
        return list(dict.fromkeys(map(str, _widths(model, word)))) or [f"{word}=3"]
    return [f"{word}={size}"]


def _widths(model: nn.Module, word: str) -> Iterator[int]:
    numbers = {name: one for name, one in vars(model).items() if isinstance(one, int) and one > 1}
    if word in numbers:
        yield numbers[word]
    layers = (getattr(layer, name, None) for layer in model.modules() for name in _OF_LAYERS)
    yield from [one for one in layers if isinstance(one, int) and one > 0][:1]
    yield from (one for name, one in numbers.items() if word in name)
    if _CHANNELS.fullmatch(word):
        yield from (1, 2, 3)


def _input(name: str, words: list[str], sizes: dict[str, str], size: int) -> str:
    """A tensor; of lengths all are whole, as the longest one must be."""
    shape = ", ".join(sizes[word] for word in words)
    return f"{name}: int64[{shape}] in {size}..{size}" if _LENGTHS.fullmatch(name) else f"{name}: float32[{shape}]"
