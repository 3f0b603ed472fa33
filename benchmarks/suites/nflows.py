"""Normalizing flows, there and back."""

import sys
from types import ModuleType

import torch

from convlint.trial.labels.suite import Case

# nflows imports it for plots that no model makes
_PLOTS = ModuleType("matplotlib")
_PLOTS.pyplot = None
sys.modules.setdefault("matplotlib", _PLOTS)

from nflows.distributions import ConditionalDiagonalNormal, MADEMoG, StandardNormal  # noqa: E402
from nflows.flows import Flow, MaskedAutoregressiveFlow, SimpleRealNVP  # noqa: E402
from nflows.nn.nets import ConvResidualNet, ResidualNet  # noqa: E402
from nflows.transforms import (  # noqa: E402
    ActNorm,
    AffineCouplingTransform,
    CompositeCDFTransform,
    CompositeTransform,
    InverseTransform,
    LogTanh,
    LULinear,
    MaskedPiecewiseLinearAutoregressiveTransform,
    MultiscaleCompositeTransform,
    OneByOneConvolution,
    PiecewiseCubicCDF,
    PiecewiseQuadraticCouplingTransform,
    PiecewiseRationalQuadraticCouplingTransform,
    QRLinear,
    RandomPermutation,
    Sigmoid,
    SqueezeTransform,
    SVDLinear,
)
from nflows.utils.torchutils import create_alternating_binary_mask, create_mid_split_binary_mask  # noqa: E402

SOURCE = ("nflows",)
_FEATURES = 6


class _LogProbability(torch.nn.Module):
    """A flow's own ``forward`` is not to be called."""

    def __init__(self, flow):
        super().__init__()
        self.flow = flow

    def forward(self, inputs, context=None):
        return self.flow.log_prob(inputs, context)


def _back(transform):
    """A module's inverse as a model."""
    return InverseTransform(transform)


def _rows(count, *more):
    return lambda: tuple(2 * torch.randn(count, size) for size in (_FEATURES, *more))


def _case(name, model, *more):
    return Case(name, model, _rows(4, *more), _rows(7, *more))


def _coupling(kind, context=None, **options):
    def net(ins, outs):
        return ResidualNet(ins, outs, hidden_features=8, context_features=context, num_blocks=1)

    return kind(create_alternating_binary_mask(_FEATURES), net, num_bins=4, tails="linear", tail_bound=2.0, **options)


def _linear():
    return CompositeTransform(
        [LULinear(_FEATURES), QRLinear(_FEATURES, 2), SVDLinear(_FEATURES, 2), RandomPermutation(_FEATURES), LogTanh()]
    )


def _steps(channels):
    coupling = AffineCouplingTransform(
        create_mid_split_binary_mask(channels), lambda ins, outs: ConvResidualNet(ins, outs, 4, num_blocks=1)
    )
    return CompositeTransform([ActNorm(channels), OneByOneConvolution(channels), coupling])


def _glow():
    """Two scales of images of 8 by 8."""
    made = MultiscaleCompositeTransform(2)
    made.add_transform(CompositeTransform([SqueezeTransform(), _steps(12)]), (12, 4, 4))
    made.add_transform(_steps(6), (6, 4, 4))
    return made


def _cubic():
    return CompositeCDFTransform(Sigmoid(), PiecewiseCubicCDF((_FEATURES,), num_bins=4))


def _autoregressive():
    return CompositeCDFTransform(Sigmoid(), MaskedPiecewiseLinearAutoregressiveTransform(4, _FEATURES, 8, num_blocks=1))


def _conditional():
    return Flow(
        _coupling(PiecewiseRationalQuadraticCouplingTransform, 3, apply_unconditional_transform=True),
        ConditionalDiagonalNormal([_FEATURES], torch.nn.Linear(3, 2 * _FEATURES)),
    )


CASES = [
    _case("RealNVP", lambda: _LogProbability(SimpleRealNVP(_FEATURES, 8, 2, 1))),
    _case("masked autoregressive flow", lambda: _LogProbability(MaskedAutoregressiveFlow(_FEATURES, 8, 2, 1))),
    _case("autoregressive, back", lambda: _back(_autoregressive())),
    _case("rational quadratic splines", lambda: _LogProbability(_conditional()), 3),
    _case(
        "rational quadratic splines, back",
        lambda: _back(_coupling(PiecewiseRationalQuadraticCouplingTransform)),
    ),
    _case("quadratic splines", lambda: _coupling(PiecewiseQuadraticCouplingTransform)),
    _case("cubic splines", _cubic),
    _case("cubic splines, back", lambda: _back(_cubic())),
    _case("linear", lambda: _LogProbability(Flow(_linear(), StandardNormal([_FEATURES])))),
    _case("linear, back", lambda: _back(_linear())),
    _case("mixture", lambda: _LogProbability(MADEMoG(_FEATURES, 8, 3, num_mixture_components=3)), 3),
    Case("Glow", _glow, lambda: (torch.randn(2, 3, 8, 8),), lambda: (torch.randn(3, 3, 8, 8),)),
    Case("Glow, back", lambda: _back(_glow()), lambda: (torch.randn(2, 192),), lambda: (torch.randn(3, 192),)),
]
