"""Spectrograms as layers."""

import torch
from nnAudio import features

from convlint.trial.labels.suite import Case

SOURCE = ("nnAudio",)
_RATE = 8000


def _waves(batch, samples):
    return lambda: (torch.randn(batch, samples),)


def _case(name, model, a=4000, b=6200):
    return Case(name, model, _waves(2, a), _waves(3, b))


def _stft(**options):
    return features.STFT(n_fft=256, hop_length=64, sr=_RATE, verbose=False, **options)


def _constant_q(kind, **options):
    return kind(sr=_RATE, hop_length=128, fmin=220, n_bins=24, verbose=False, **options)


def _there_and_back():
    made = _stft(iSTFT=True)

    class Both(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.stft = made

        def forward(self, wave):
            return self.stft.inverse(self.stft(wave), length=wave.shape[-1])

    return Both()


CASES = [
    _case("STFT", _stft),
    _case("STFT, magnitude", lambda: _stft(output_format="Magnitude", center=False)),
    _case("STFT, phase", lambda: _stft(output_format="Phase", freq_scale="log", pad_mode="constant")),
    _case("STFT, there and back", _there_and_back),
    _case("mel", lambda: features.MelSpectrogram(_RATE, 256, n_mels=20, hop_length=64, verbose=False)),
    _case("MFCC", lambda: features.MFCC(_RATE, 12, verbose=False, n_fft=256, n_mels=20, hop_length=64)),
    _case("CQT 1992", lambda: features.CQT1992(sr=_RATE, hop_length=128, fmin=220, n_bins=24)),
    _case("CQT 1992 v2", lambda: _constant_q(features.CQT1992v2)),
    _case("CQT 2010 v2", lambda: _constant_q(features.CQT2010v2)),
]
