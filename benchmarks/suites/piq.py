"""How good an image is, as a network or a formula tells it."""

import sys
from unittest.mock import MagicMock

import torch

from convlint.trial.labels.suite import Case

# piq imports it for the weights of networks
for name in ("torchvision", "torchvision.models"):
    sys.modules.setdefault(name, MagicMock())

import piq as quality  # noqa: E402
from piq.pieapp import PieAPPModel  # noqa: E402

SOURCE = ("piq",)


def _image(batch, height, width):
    return torch.rand(batch, 3, height, width)


def _pairs(a, b):
    return {"a": lambda: (_image(*a), _image(*a)), "b": lambda: (_image(*b), _image(*b))}


def _single(a, b):
    return {"a": lambda: (_image(*a),), "b": lambda: (_image(*b),)}


_SMALL = ((2, 64, 64), (3, 96, 80))
_LARGE = ((1, 176, 176), (2, 208, 192))
_DOWN = ((1, 288, 288), (2, 560, 544))


CASES = [
    Case("SSIM", quality.SSIMLoss, **_pairs(*_SMALL)),
    Case("SSIM of large images", quality.SSIMLoss, **_pairs(*_DOWN)),
    Case("multi-scale SSIM", quality.MultiScaleSSIMLoss, **_pairs(*_LARGE)),
    Case("gradient magnitude", quality.GMSDLoss, **_pairs(*_SMALL)),
    Case("multi-scale gradient magnitude", lambda: quality.MultiScaleGMSDLoss(chromatic=True), **_pairs(*_SMALL)),
    Case("visual information", quality.VIFLoss, **_pairs(*_SMALL)),
    Case("features", quality.FSIMLoss, **_pairs(*_SMALL)),
    Case("saliency", quality.VSILoss, **_pairs(*_SMALL)),
    Case("mean deviation", quality.MDSILoss, **_pairs(*_SMALL)),
    Case("Haar wavelets", quality.HaarPSILoss, **_pairs(*_SMALL)),
    Case("spectral residual", quality.SRSIMLoss, **_pairs(*_SMALL)),
    Case("bands of cosines", quality.DSSLoss, **_pairs(*_SMALL)),
    Case("information weights", quality.InformationWeightedSSIMLoss, **_pairs(*_LARGE)),
    Case("total variation", quality.TVLoss, **_single(*_SMALL)),
    Case("pairwise preference", PieAPPModel, **_single((2, 64, 64), (3, 64, 64))),
]
