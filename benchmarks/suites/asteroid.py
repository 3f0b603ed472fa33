"""Separation of sounds: wave in, waves out."""

import torch
from asteroid.masknn import TDConvNetpp
from asteroid.models import (
    ConvTasNet,
    DCUNet,
    DeMask,
    DPRNNTasNet,
    DPTNet,
    FasNetTAC,
    LSTMTasNet,
    SuDORMRFImprovedNet,
    SuDORMRFNet,
)

from convlint.trial.labels.suite import Case

SOURCE = ("asteroid", "asteroid_filterbanks")


def _waves(*shape):
    return lambda: (torch.randn(shape),)


def _case(name, model, a=(2, 1, 403), b=(3, 1, 620)):
    return Case(name, model, _waves(*a), _waves(*b))


def _dptnet():
    return DPTNet(n_src=2, n_filters=8, ff_hid=8, n_heads=2, chunk_size=10, n_repeats=1)


def _microphones(batch, count, samples, valid):
    return lambda: (torch.randn(batch, count, samples), torch.tensor(valid))


def _fasnet():
    return FasNetTAC(
        n_src=2,
        enc_dim=8,
        feature_dim=8,
        hidden_dim=8,
        n_layers=1,
        window_ms=4,
        context_ms=8,
        sample_rate=2000,
        tac_hidden_dim=8,
        chunk_size=10,
        hop_size=5,
    )


_CONVOLUTIONS = {"n_blocks": 2, "n_repeats": 1, "bn_chan": 8, "hid_chan": 16, "skip_chan": 8}

CASES = [
    _case("ConvTasNet", lambda: ConvTasNet(n_src=2, n_filters=16, **_CONVOLUTIONS)),
    _case(
        "ConvTasNet, causal",
        lambda: ConvTasNet(n_src=2, n_filters=16, causal=True, norm_type="cgLN", **_CONVOLUTIONS),
    ),
    _case(
        "ConvTasNet, STFT",
        lambda: ConvTasNet(n_src=2, n_filters=16, fb_name="torch_stft", norm_type="cLN", **_CONVOLUTIONS),
        a=(2, 403),
        b=(3, 620),
    ),
    _case("TDConvNet++", lambda: TDConvNetpp(8, 2, **_CONVOLUTIONS, norm_type="fgLN"), a=(2, 8, 20), b=(3, 8, 31)),
    _case("DPRNN", lambda: DPRNNTasNet(n_src=2, bn_chan=8, hid_size=8, chunk_size=10, n_repeats=1, n_filters=16)),
    _case(
        "DPRNN, multiplied",
        lambda: DPRNNTasNet(
            n_src=2,
            bn_chan=8,
            hid_size=8,
            chunk_size=10,
            n_repeats=1,
            n_filters=16,
            fb_name="param_sinc",
            kernel_size=17,
            use_mulcat=True,
            bidirectional=False,
            norm_type="cLN",
        ),
    ),
    _case("DPTNet", _dptnet),
    _case("LSTMTasNet", lambda: LSTMTasNet(n_src=2, n_layers=2, hid_size=8, n_filters=16)),
    _case("SuDoRM-RF", lambda: SuDORMRFNet(n_src=2, bn_chan=8, num_blocks=2, upsampling_depth=3, n_filters=16)),
    _case(
        "SuDoRM-RF, improved",
        lambda: SuDORMRFImprovedNet(n_src=2, bn_chan=8, num_blocks=2, upsampling_depth=3, n_filters=16),
    ),
    _case(
        "DCUNet",
        lambda: DCUNet("mini", stft_n_filters=64, stft_kernel_size=64, stft_stride=16, fix_length_mode="pad"),
        b=(3, 1, 630),
    ),
    _case("DeMask", lambda: DeMask(input_type="cat", hidden_dims=(16,), n_filters=32, kernel_size=32, stride=16)),
    Case("FaSNet-TAC", _fasnet, _microphones(2, 3, 160, [3, 2]), _microphones(3, 4, 250, [2, 4, 3])),
]
