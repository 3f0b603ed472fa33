"""Decoding of electroencephalograms."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import torch


class _Filters(ModuleType):
    """braindecode imports torchaudio for filters and spectrograms that none of these models make."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


for _name in ("torchaudio", "torchaudio.functional", "torchaudio.transforms"):
    _module = _Filters(_name)
    _module.__spec__ = ModuleSpec(_name, None)
    sys.modules[_name] = _module
    if "." in _name:
        setattr(sys.modules["torchaudio"], _name.rpartition(".")[2], _module)

from braindecode import models  # noqa: E402

from convlint.trial.labels.suite import Case  # noqa: E402

SOURCE = ("braindecode",)
_CHANNELS, _TIMES, _RATE = 8, 400, 100
_PLACES = [{"ch_name": f"C{i}", "kind": "eeg"} for i in range(_CHANNELS)]
_ANY_LENGTH = ("BDTCN", "EEGNet", "EEGTCNet", "PBT")
_OF_FIXED_LENGTH = (
    "ATCNet",
    "CTNet",
    "EEGConformer",
    "EEGMiner",
    "MSVTNet",
    "TIDNet",
)


def _signals(batch, times):
    return lambda: (torch.randn(batch, _CHANNELS, times),)


def _case(name, more):
    def made():
        return getattr(models, name)(n_chans=_CHANNELS, n_outputs=3, n_times=_TIMES, sfreq=_RATE, chs_info=_PLACES)

    return Case(name, made, _signals(2, _TIMES), _signals(3, _TIMES + more))


CASES = [_case(name, 100) for name in _ANY_LENGTH] + [_case(name, 0) for name in _OF_FIXED_LENGTH]
