"""Fourier transforms of points that lie on no grid."""

import torch
from torchkbnufft import KbInterp, KbInterpAdjoint, KbNufft, KbNufftAdjoint, ToepNufft

from convlint.trial.labels.suite import Case

SOURCE = ("torchkbnufft",)
_IMAGE, _GRID = (8, 8), (16, 16)


def _made(kind, **options):
    return lambda: kind(im_size=_IMAGE, grid_size=_GRID, **options)


def _complex(*shape):
    return torch.randn(shape, dtype=torch.complex64)


def _places(count, *batch):
    return (torch.rand(*batch, 2, count) * 2 - 1) * torch.pi


def _image(size):
    return lambda batch, count: lambda: (_complex(batch, 1, *size), _places(count))


def _measured(batch, count):
    return lambda: (_complex(batch, 1, count), _places(count))


def _coils(batch, count):
    return lambda: {"image": _complex(batch, 1, *_IMAGE), "omega": _places(count), "smaps": _complex(1, 3, *_IMAGE)}


def _real(batch, count):
    return lambda: (torch.randn(batch, 1, *_IMAGE, 2), _places(count))


def _kernel(batch, count):
    del count  # the places are in the kernel
    return lambda: (_complex(batch, 1, *_IMAGE), _complex(*_GRID))


def _case(name, model, inputs):
    return Case(name, model, inputs(2, 12), inputs(3, 17))


CASES = [
    _case("interpolation", _made(KbInterp), _image(_GRID)),
    _case("interpolation, back", _made(KbInterpAdjoint), _measured),
    _case("NUFFT", _made(KbNufft), _image(_IMAGE)),
    _case("NUFFT, real", _made(KbNufft, numpoints=4), _real),
    _case("NUFFT, coils", _made(KbNufft), _coils),
    _case("NUFFT, back", _made(KbNufftAdjoint), _measured),
    _case("Toeplitz", ToepNufft, _kernel),
]
