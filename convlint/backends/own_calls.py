"""Calls of our own by which targets are measured, of what torch's operator tests do not call, or not in this way."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from convlint.trial.program_runtimes import BY_DATA, PRELU, SIX_AXES, UNEVEN, UNSTRIDED, VOLUMES

KINDS = ("float", "int", "bool")
CASTS = (torch.float16, torch.bfloat16, torch.float64)
"""What floats are cast to before a call that is taken, and from behind it."""


class Branch(torch.nn.Module):
    """One of two ways, by what the input holds."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What is computed on it."""
        return torch.cond(x.sum() > 0, lambda one: one.sin(), lambda one: one.cos(), (x,))  # type: ignore[no-any-return]


class Repetition(torch.nn.Module):
    """The same again, until what it gives is large."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What comes out."""
        from torch._higher_order_ops.while_loop import while_loop

        return while_loop(lambda one: one.sum() < 100, lambda one: (one * 2 + 1,), (x,))[0]  # type: ignore[no-any-return,no-untyped-call]


class Check(torch.nn.Module):
    """A check of what the input holds."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input, where it holds."""
        torch._assert_async((x >= 0).all(), "no negatives")
        return x + 1


class Selected(torch.nn.Module):
    """One place along an axis that is not the first."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What is there."""
        return x.relu()[:, 1].sigmoid()


class Bag(torch.nn.Module):
    """The means of bags of a table's rows."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.EmbeddingBag(10, 4, mode="mean")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One for each row of the input."""
        found: torch.Tensor = self.table((x * 9).long())
        return found


class Masked(torch.nn.Module):
    """As many numbers as there happen to be: programs check what is known of a size."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Those that are large."""
        return x[x > 0.5] * 2


class Columns(torch.nn.Module):
    """As many columns as there happen to be."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Those that begin with a large number."""
        return x[:, x[0] > 0.5] * 2


class Places(torch.nn.Module):
    """Where numbers are, as many as there happen to be."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The places of those that are large."""
        return (x > 0.5).nonzero()


class Spectrum(torch.nn.Module):
    """How strong frequencies are."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sizes of complex numbers."""
        sizes: torch.Tensor = torch.fft.rfft(x.to(self.dtype)).abs()
        return sizes.float()


class Converted(torch.nn.Module):
    """Numbers of another dtype."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input's."""
        return x.relu().to(self.dtype)


class Written(torch.nn.Module):
    """A place that is written, behind a layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The others as they were."""
        y = x.relu()
        y[:, 1] = 0.5
        return y


class Divided(torch.nn.Module):
    """Integers that are divided, none of them negative: runtimes differ in which way they round what is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """How often two fits."""
        return torch.div((x * 9).long(), 2, rounding_mode="trunc")


class Rounded(torch.nn.Module):
    """Numbers rounded as integers of eight bits are."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input, in steps."""
        return torch.fake_quantize_per_tensor_affine(x.relu(), 0.02, 0, 0, 255)


class Inverse(torch.nn.Module):
    """Matrices that are turned around."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The inverse of what is near to the identity."""
        inverse: torch.Tensor = torch.linalg.inv(0.1 * x + torch.eye(x.shape[-1]))
        return inverse


class Grid(torch.nn.Module):
    """Where a picture is looked at that is turned and moved."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The places of four by four pixels, by a matrix for each picture."""
        return torch.nn.functional.affine_grid(x, [len(x), 3, 4, 4], align_corners=False)


class Between(torch.nn.Module):
    """Two conditions at once."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Those numbers of which both are so."""
        return ((x > 0.2) & (x < 0.8)).float()


class Looked(torch.nn.Module):
    """A volume that is sampled where it says itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Its numbers there."""
        return torch.nn.functional.grid_sample(x, x[:, :3].permute(0, 2, 3, 4, 1), align_corners=False)


class Applied(torch.nn.Module):
    """A function of an input, as numbers of a class of dtypes."""

    def __init__(self, function: Callable[[torch.Tensor], Any], kind: str) -> None:
        super().__init__()
        self.function, self.made_of = function, _MADE_OF[kind]

    def forward(self, x: torch.Tensor) -> Any:
        """What it gives."""
        return self.function(self.made_of(x))


class Pooled(torch.nn.Module):
    """A pooling that is told its size only."""

    def __init__(self, pool: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The largest of two by two."""
        return self.pool(x, 2)


class Padded(torch.nn.Module):
    """A picture with an edge, of which a convolution is made: its weights have the dtype that the edge has to keep."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The convolution of what is larger below and on the right."""
        made: torch.Tensor = self.conv(torch.nn.functional.pad(x, (0, 1, 0, 1)))
        return made


class Deep(torch.nn.Module):
    """A tensor that is given a sixth axis."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Each number with each of the last axis."""
        return (x.unsqueeze(-1) * x.unsqueeze(-2)).sum(-1)


def _resized(mode: str, axes: int) -> tuple[Callable[[], torch.nn.Module], tuple[int, ...]]:
    return functools.partial(torch.nn.Upsample, scale_factor=2, mode=mode), (1, 3, *[4] * (axes - 2))


OWN: dict[str, tuple[Callable[[], torch.nn.Module], tuple[int, ...]]] = {
    "cond": (Branch, (2, 3)),
    "while_loop": (Repetition, (2, 3)),
    "_assert_async": (Check, (2, 3)),
    "_assert_scalar": (Masked, (4, 5)),
    "_embedding_bag": (Bag, (2, 3)),
    f"index.{BY_DATA}": (Columns, (4, 5)),
    f"nonzero.{BY_DATA}": (Places, (4, 5)),
    f"convolution.{UNEVEN}": (functools.partial(torch.nn.ConvTranspose2d, 3, 4, 3, 2, 1, 1), (1, 3, 8, 8)),
    f"convolution.{VOLUMES}": (functools.partial(torch.nn.Conv3d, 3, 4, 3), (1, 3, 6, 6, 6)),
    f"convolution.{UNEVEN}_{VOLUMES}": (
        functools.partial(torch.nn.ConvTranspose3d, 3, 4, 3, 2, 1, 1),
        (1, 3, 4, 4, 4),
    ),
    f"where.{PRELU}": (torch.nn.PReLU, (1, 3, 4)),
    "constant_pad_nd": (Padded, (1, 3, 6, 6)),
    "pad": (Padded, (1, 3, 6, 6)),  # which it is in programs that are not taken apart
    "linalg_inv": (Inverse, (1, 3, 3)),
    "max_pool3d": (functools.partial(torch.nn.MaxPool3d, 2), (1, 3, 4, 4, 4)),
    f"max_pool2d.{UNSTRIDED}": (functools.partial(Pooled, torch.nn.functional.max_pool2d), (1, 3, 4, 4)),
    f"max_pool3d.{UNSTRIDED}": (functools.partial(Pooled, torch.nn.functional.max_pool3d), (1, 3, 4, 4, 4)),
    "affine_grid_generator": (Grid, (1, 2, 3)),
    "and": (Between, (2, 3)),
    f"grid_sampler.{VOLUMES}": (Looked, (1, 3, 4, 4, 4)),
    f"unsqueeze.{SIX_AXES}": (Deep, (1, 2, 2, 3, 3)),
    "upsample_nearest1d": _resized("nearest", 3),
    "upsample_nearest2d": _resized("nearest", 4),
    "upsample_nearest3d": _resized("nearest", 5),
    "upsample_linear1d": _resized("linear", 3),
    "upsample_bicubic2d": _resized("bicubic", 4),
    "upsample_trilinear3d": _resized("trilinear", 5),
}
"""What torch has no tests of, or of which no operator is common to its tests, with the shape of an input."""
OWN_OF_ONNX = {
    "Gather": (Selected, (1, 3, 4)),
    "Resize": _resized("nearest", 4),
    "ScatterND": (Written, (1, 3, 4)),
    "QuantizeLinear": (Rounded, (1, 3, 4)),
    "DequantizeLinear": (Rounded, (1, 3, 4)),
}
"""The same by operators of ONNX, as models have them."""
OWN_OF_INTEGERS = {"Div": (Divided, (2, 3))}
"""The same of integers."""
OVERLOADED: dict[str, Callable[[torch.Tensor], Any]] = {
    "all": lambda x: x.all(-1),
    "any": lambda x: x.any(-1),
    "concat": lambda x: torch.concat([x, x], 1),
    "copy": lambda x: _overwritten(x),
    "index": lambda x: x[:, torch.tensor([2, 0])],
    "masked_fill": lambda x: x.masked_fill(x == 0, 1),
    "max": lambda x: tuple(x.max(-1)),
    "meshgrid": lambda x: torch.meshgrid(x[0, 0], x[1, 0], indexing="ij"),
    "min": lambda x: tuple(x.min(-1)),
    "prod": lambda x: x.prod(-1),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "round": lambda x: x.round(),
    "scatter": lambda x: x.scatter(1, _first_row(x), x[:, :1]),
    "scatter_add": lambda x: x.scatter_add(1, _first_row(x), x[:, :1]),
    "sort": lambda x: tuple(x.sort(-1)),
    "std": lambda x: x.std(-1),
    "sum": lambda x: x.sum(-1),
    "type_as": lambda x: torch.ones(1).type_as(x) + x,
    "var": lambda x: x.var(-1),
    "where": lambda x: torch.where(x == 0, x, x[:1]),
    "zeros_like": lambda x: torch.zeros_like(x) + x,
}
"""Functions whose overloads have operators of their own, so that none is common to torch's tests of them."""
OVERLOADED_OF_PICTURES: dict[str, Callable[[torch.Tensor], Any]] = {
    "max_pool2d": functools.partial(torch.nn.functional.max_pool2d, kernel_size=2, stride=2),
    "pixel_shuffle": lambda x: torch.nn.functional.pixel_shuffle(torch.cat([x, x, x, x], 1), 2),
}
"""The same of pictures alone, with a point."""
_MADE_OF: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "float": lambda x: x,
    "int": lambda x: (x * 9).long(),
    "bool": lambda x: x > 0.5,
}


def _first_row(x: torch.Tensor) -> torch.Tensor:
    return x[:, :1].long() * 0  # what the input makes: converters lose the dtype of zeros


def _overwritten(x: torch.Tensor) -> torch.Tensor:
    made = torch.zeros_like(x)
    made[:, 1:] = x[:, 1:]
    return made


SPECTRA = {
    f"spectrum of {dtype}": (functools.partial(Spectrum, dtype), (2, 8)) for dtype in (torch.float32, torch.float64)
}
"""Calls that take the sizes of complex numbers."""
CONVERSIONS = {
    f"Cast to {dtype}": (functools.partial(Converted, dtype), (1, 3, 4))
    for dtype in (torch.float32, torch.int32, torch.int64, torch.bool, *CASTS)
}
"""Calls that become a Cast, of which the dtype that it makes counts too."""
APPLIED = {
    f"{name} of {kind}": (functools.partial(Applied, function, kind), shape)
    for table, kinds, shape in ((OVERLOADED, KINDS, (2, 4, 5)), (OVERLOADED_OF_PICTURES, KINDS[:1], (2, 3, 4, 4)))
    for name, function in table.items()
    for kind in kinds
}
"""Calls of functions that have several operators."""
ALL = OWN | OWN_OF_ONNX | OWN_OF_INTEGERS | SPECTRA | CONVERSIONS | APPLIED
"""By their names: what makes the module, and the sizes of its input."""
