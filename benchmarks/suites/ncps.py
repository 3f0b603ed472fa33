"""Liquid neural networks: cells that step through time."""

import torch
from ncps.torch import LTC, CfC
from ncps.wirings import AutoNCP

from convlint.trial.labels.suite import Case

SOURCE = ("ncps",)
_FEATURES = 5


def _series(batch, length):
    return lambda: (torch.randn(batch, length, _FEATURES),)


def _going_on(batch, length):
    """With the state to start from."""
    return lambda: (torch.randn(batch, length, _FEATURES), torch.randn(batch, 8))


def _case(name, model, inputs=_series):
    return Case(name, model, inputs(2, 6), inputs(3, 9))


CASES = [
    _case("CfC", lambda: CfC(_FEATURES, 8)),
    _case("CfC, pure", lambda: CfC(_FEATURES, 8, mode="pure", return_sequences=False)),
    _case("CfC, mixed memory", lambda: CfC(_FEATURES, 8, mixed_memory=True, proj_size=3)),
    _case("CfC, going on", lambda: CfC(_FEATURES, 8), _going_on),
    _case("LTC", lambda: LTC(_FEATURES, 8)),
    _case("LTC, mixed memory", lambda: LTC(_FEATURES, AutoNCP(8, 3), mixed_memory=True)),
]
