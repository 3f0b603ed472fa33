"""Inputs for a model of which nothing is said: from what its library says, its first layer and its annotations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import nn

from convlint.errors import UsageError
from convlint.trial.compare import named_leaves
from convlint.trial.documented import documented
from convlint.trial.execute import eager, told
from convlint.trial.flat import by_parameter
from convlint.trial.inputs import parse_inputs
from convlint.trial.job import ModelSpec
from convlint.trial.subject import prepare

_IMAGE_SIZES = (64, 224, 32, 256, 128, 299, 384, 512)
_IMAGE, _SEQUENCE, _ROWS = "float32[N=2, 3, H=64, W=64]", "float32[N=2, L=8, 16]", "float32[N=2, 16]"
_WHOLE = "int64[N, L=8] in 0..9"
_COUNTS = re.compile(r"(?:^|_)(?:ids?|index|indices|labels?|lengths?|sizes?|timesteps?|tokens?)$")
"""Names of tensors of whole numbers."""
_WIDTHS = ("dim", "d_model", "embed_dim", "hidden_size", "in_features", "input_size")
"""What models call how wide what they take is."""
_LENGTHS = {"decoder_": "T", "": "L"}
"""Of a sequence of tokens by the beginning of the name of what has it: a decoder's is another than an encoder's."""
_NUMBERS: Mapping[Any, str] = {int: "2", float: "0.5", bool: "True", "int": "2", "float": "0.5", "bool": "True"}
"""A value for a parameter that is annotated so."""


class Guess(NamedTuple):
    """Inputs in the language of ``convlint.trial.inputs``, and what they were guessed from."""

    text: str
    why: str


def guess(model: nn.Module, spec: ModelSpec) -> Guess:
    """The first inputs that the model takes.

    Raises:
        UsageError: it takes none of them.
    """
    failure = ""
    tried = set()
    for one in _candidates(model):
        why_not = _refused(model, spec, one.text)
        if not why_not:
            text = _fixed_where_needed(model, spec, one.text)
            free = " and ".join(name for name in parse_inputs(text).dims if name in _LENGTHS.values())
            return Guess(text, f"{one.why}, and that {free} may change" if free else one.why)
        tried.add(one.text)
        failure = failure or f"; `{one.text}` fails: {why_not}"
    takes = _takes(model)
    examples = [*_examples(list(_wanted(model) or ["x"]))]
    example = next((one for one in examples if one not in tried), examples[0])
    raise UsageError(
        f"`{spec.factory}` takes {takes}, and what it takes cannot be guessed{failure}; describe it, for example "
        f"`--input '{example}'`"
    )


def _examples(names: Sequence[str]) -> Iterator[str]:
    """Inputs to show a user how they are described."""
    for floats in (_IMAGE, _SEQUENCE, _ROWS):
        yield "; ".join(f"{name}: {_WHOLE if _COUNTS.search(name) else floats}" for name in names)


def _takes(model: nn.Module) -> str:
    """The parameters of a model, where it needs some only these."""
    names, needed = list(inspect.signature(model.forward).parameters), list(_needed(model))
    told = ", ".join(f"`{name}`" for name in needed or names)
    more = len(names) - len(needed)
    return f"{told} (and {more} more, which it need not be given)" if needed and more else told


def _refused(model: nn.Module, spec: ModelSpec, text: str) -> str:
    """Why the model does not take inputs, nothing where it does."""
    try:
        subject = prepare(model, spec, text).subject
        eager(subject, subject.samples[0])
    except Exception as error:
        return told(error)
    return ""


def _fixed_where_needed(model: nn.Module, spec: ModelSpec, text: str) -> str:
    """The inputs with those dimensions dynamic for which the model takes another size."""
    for dim in parse_inputs(text).dims.values():
        named = f"{dim.name}={dim.size}"
        if _refused(model, spec, text.replace(named, f"{dim.name}={dim.size + (dim.size if dim.size > 8 else 1)}")):
            text = text.replace(named, str(dim.size))
    return text


def _candidates(model: nn.Module) -> Iterator[Guess]:
    yield from _stated(model)
    needed = _wanted(model)
    tensors = [name for name, annotation in needed.items() if annotation not in _NUMBERS]
    if tensors == ["x", "edge_index"]:
        yield from _graphs(model)
    if len({name.rstrip("0123456789") for name in tensors}) == 1:
        yield from _by_layers(model, tensors, needed)
    if len(tensors) == len(needed):
        yield from (Guess(text, "the docstring of `forward`") for text in documented(model, tensors))
    if len(tensors) == 1 == len(needed):
        yield from _by_widths(model, tensors[0])


def _by_layers(model: nn.Module, tensors: Sequence[str], needed: Mapping[str, Any]) -> Iterator[Guess]:
    """What the first layer takes that says so, for the one tensor that a model needs, or for several that are alike."""
    constants = "".join(f"; {name} = {_NUMBERS[needed[name]]}" for name in needed if name not in tensors)
    for place, layer in model.named_modules():
        layouts = list(_layouts(layer))
        for layout in layouts:
            kind = type(layer).__name__
            told = f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"
            called = f"`{place}`, {told}" if place else told
            alike = "; ".join(f"{name}: {layout}" for name in tensors)
            yield Guess(f"{alike}{constants}", f"the first layer, {called}")
        if layouts:
            return


def _by_widths(model: nn.Module, tensor: str) -> Iterator[Guess]:
    """What a model without such a layer may take: rows or sequences as wide as it says, or as its parameters are."""
    widths = [(getattr(model, name, None), f"its `{name}`") for name in _WIDTHS]
    shaped = (one for one in (*model.named_parameters(), *model.named_buffers()) if one[1].dim() > 1)
    widths += [
        (size, f"the shape of `{place}`") for place, one in [*shaped][:1] for size in (one.shape[-1], one.shape[0])
    ]
    for width, why in widths:
        if isinstance(width, int) and width > 1:
            yield from (Guess(f"{tensor}: float32[N=2{axes}, {width}]", why) for axes in (", L=8", ""))


def _graphs(model: nn.Module) -> Iterator[Guess]:
    """The nodes and edges of a graph, as torch_geometric calls them, for the first layer that says what a node has.

    There are always as many nodes as the edges name.
    """
    for layer in model.modules():
        features = getattr(layer, "in_channels", None)
        if isinstance(features, int) and features > 0:
            nodes = f"x: float32[N=4..60, {features}]"
            yield Guess(f"{nodes}; edge_index: int64[2, E=16] in 0..3", "the names of a graph's nodes and edges")
            return


def _needed(model: nn.Module) -> dict[str, Any]:
    """The parameters of a model that have no value by themselves, and their annotations."""
    return {
        name: one.annotation
        for name, one in inspect.signature(model.forward).parameters.items()
        if one.default is inspect.Parameter.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    }


def _wanted(model: nn.Module) -> dict[str, Any]:
    return _needed(model) or _main(model)


def _main(model: nn.Module) -> dict[str, Any]:
    """What a model takes that could do without any one of its parameters: what it says it mainly takes, or the first.

    It needs none where it takes one of several: pixels or what was made of them, tokens or their embeddings.
    """
    named = getattr(model, "main_input_name", "")
    parameters = inspect.signature(model.forward).parameters
    first = [name for name, one in parameters.items() if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)][:1]
    return {name: parameters[name].annotation for name in ([named] if named in parameters else first)}


def _stated(model: nn.Module) -> Iterator[Guess]:
    """What models of Lightning, timm and transformers say of themselves."""
    example = getattr(model, "example_input_array", None)
    if example is not None:
        given = example if isinstance(example, (Mapping, tuple, list)) else (example,)
        named = given if isinstance(given, Mapping) else by_parameter(model, given)
        yield Guess(_described(dict(named_leaves(named))), "`example_input_array`")
    timm = getattr(model, "default_cfg", None)
    if isinstance(timm, Mapping) and timm.get("input_size"):
        channels, height, width = timm["input_size"]
        yield Guess(f"x: float32[N=2, {channels}, H={height}, W={width}]", "`default_cfg`")
    dummy = getattr(model, "dummy_inputs", None)
    if sizes := _configured(model):
        yield Guess(f"{getattr(model, 'main_input_name', '')}: float32[{sizes}]", "its `config`")
    elif isinstance(dummy, Mapping) and dummy.keys() <= inspect.signature(model.forward).parameters.keys():
        # the base class of transformers gives tokens for every model, those of images too
        yield Guess(_described(dummy, _LENGTHS), "`dummy_inputs`")


def _configured(model: nn.Module) -> str:
    """The sizes of an image or of a series as the ``config`` of a model of transformers has them, or ''."""
    config = getattr(model, "config", None)
    match getattr(model, "main_input_name", ""):
        case "pixel_values":
            for one in (config, *(getattr(config, part, None) for part in ("vision_config", "backbone_config"))):
                match getattr(one, "image_size", None):
                    case (int(height) as width) | [int(height), int(width)]:
                        return f"N=2, {getattr(one, 'num_channels', 3)}, H={height}, W={width}"
        case "past_values":
            length, series = (getattr(config, name, None) for name in ("context_length", "num_input_channels"))
            return f"N=2, {length}, {series}" if length and series else ""
    return ""


def _described(values: Mapping[str, Any], lengths: Mapping[str, str] = MappingProxyType({})) -> str:
    """Tensors in the language: their first axis is the batch, whole numbers stay where they are.

    The second axis of a table is a length, with the name that ``lengths`` has for the beginning of the tensor's.
    """
    parts, known = [], dict[str, int]()
    for name, value in values.items():
        if not isinstance(value, torch.Tensor):
            parts.append(f"{name} = {value!r}")
            continue
        length = next((called for start, called in lengths.items() if name.startswith(start)), "")
        names = ["N", length] if value.dim() == 2 else ["N"]
        sizes = [
            f"{name}={size}" if name and known.setdefault(name, size) == size else str(size)
            for name, size in zip_longest(names[: value.dim()], value.shape)
        ]
        dtype = str(value.dtype).removeprefix("torch.")
        whole = not (value.is_floating_point() or value.is_complex() or value.dtype is torch.bool) and value.numel()
        bounds = f" in {min(0, int(value.min()))}..{max(1, int(value.max()))}" if whole else ""
        parts.append(f"{name}: {dtype}[{', '.join(sizes)}]{bounds}")
    return "; ".join(parts)


def _layouts(layer: nn.Module) -> Iterator[str]:
    """What a layer takes, nothing for layers that do not say."""
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            yield from (f"float32[N=2, {layer.in_channels}, H={size}, W={size}]" for size in _IMAGE_SIZES)
            yield f"float32[N=2, L=64, {layer.in_channels}]"  # a model of points, which groups them itself
        case nn.BatchNorm2d():
            yield from (f"float32[N=2, {layer.num_features}, H={size}, W={size}]" for size in _IMAGE_SIZES)
        case nn.Conv1d() | nn.ConvTranspose1d():
            yield from (f"float32[N=2, {layer.in_channels}, L={size}]" for size in (64, 1024, 16000))
            yield f"float32[N=2, L=64, {layer.in_channels}]"  # a model of sequences, which turns them itself
            if layer.in_channels == 1:
                yield from (f"float32[N=2, L={size}]" for size in (1024, 16000))  # of sound, which adds the axis itself
        case nn.Conv3d():
            yield from (f"float32[N=2, {layer.in_channels}, D={size}, H={size}, W={size}]" for size in (16, 32, 64))
        case nn.Embedding():
            yield from (f"int64[N=2{axes}] in 0..{layer.num_embeddings - 1}" for axes in (", L=8", ""))
        case nn.Linear():
            yield from (f"float32[N=2{axes}, {layer.in_features}]" for axes in ("", ", L=8"))
        case nn.LayerNorm():
            shape = ", ".join(map(str, layer.normalized_shape))
            yield from (f"float32[N=2{axes}, {shape}]" for axes in (", L=8", ""))
        case nn.RNNBase():
            yield f"float32[{'N=2, L=8' if layer.batch_first else 'L=8, N=2'}, {layer.input_size}]"
