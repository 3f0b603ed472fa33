"""Time series with holes: imputation, forecasts and classes."""

import sys
from unittest.mock import MagicMock

import torch

from convlint.trial.labels.suite import Case

# pypots imports it for data sets that no model reads
sys.modules.setdefault("benchpots", MagicMock())

from pypots.classification.seft.core import _SeFT  # noqa: E402
from pypots.forecasting.mixlinear.core import _MixLinear  # noqa: E402
from pypots.imputation.autoformer.core import _Autoformer  # noqa: E402
from pypots.imputation.brits.core import _BRITS  # noqa: E402
from pypots.imputation.crossformer.core import _Crossformer  # noqa: E402
from pypots.imputation.csdi.core import _CSDI  # noqa: E402
from pypots.imputation.etsformer.core import _ETSformer  # noqa: E402
from pypots.imputation.fedformer.core import _FEDformer  # noqa: E402
from pypots.imputation.film.core import _FiLM  # noqa: E402
from pypots.imputation.gpvae.core import _GPVAE  # noqa: E402
from pypots.imputation.grud.core import _GRUD  # noqa: E402
from pypots.imputation.imputeformer.core import _ImputeFormer  # noqa: E402
from pypots.imputation.informer.core import _Informer  # noqa: E402
from pypots.imputation.micn.core import _MICN  # noqa: E402
from pypots.imputation.mrnn.core import _MRNN  # noqa: E402
from pypots.imputation.patchtst.core import _PatchTST  # noqa: E402
from pypots.imputation.reformer.core import _Reformer  # noqa: E402
from pypots.imputation.scinet.core import _SCINet  # noqa: E402
from pypots.imputation.timesnet.core import _TimesNet  # noqa: E402
from pypots.nn.modules.loss import MAE, MSE, CrossEntropy  # noqa: E402

SOURCE = ("pypots",)
_STEPS, _FEATURES, _AHEAD, _CLASSES = 16, 5, 8, 3
_BOTH = {"n_steps": _STEPS, "n_features": _FEATURES}
_TRANSFORMER = {**_BOTH, "n_layers": 1, "d_model": 8, "n_heads": 2, "d_ffn": 16, "dropout": 0.1}
_HEADS = {"d_k": 4, "d_v": 4, "attn_dropout": 0.1}
_WEIGHTS = {"ORT_weight": 1.0, "MIT_weight": 1.0}
_JUDGED = {"training_loss": MAE(), "validation_metric": MSE()}
_CLASSIFIED = {"training_loss": CrossEntropy(), "validation_metric": CrossEntropy()}


def _series(batch, steps=_STEPS):
    mask = (torch.rand(batch, steps, _FEATURES) > 0.3).float()
    return {"X": torch.randn(batch, steps, _FEATURES) * mask, "missing_mask": mask}


def _holes(batch):
    return lambda: (_series(batch),)


def _both_ways(batch):
    def inputs():
        there = _series(batch) | {"deltas": torch.rand(batch, _STEPS, _FEATURES)}
        return ({"forward": there, "backward": {name: value.flip(1) for name, value in there.items()}},)

    return inputs


def _carried(batch):
    def inputs():
        known = _series(batch)
        return (
            known
            | {
                "deltas": torch.rand(batch, _STEPS, _FEATURES),
                "empirical_mean": torch.randn(_FEATURES),
                "X_filledLOCF": known["X"],
            },
        )

    return inputs


def _diffused(batch):
    def inputs():
        known = _series(batch)
        return (
            {
                "X": known["X"].transpose(1, 2),
                "cond_mask": known["missing_mask"].transpose(1, 2),
                "observed_tp": torch.arange(_STEPS).float().expand(batch, -1).contiguous(),
            },
        )

    return inputs


def _case(name, kind, inputs=_holes, **options):
    return Case(name, lambda: kind(**options, **_JUDGED), inputs(2), inputs(3))


def _imputed(name, kind, **options):
    return _case(name, kind, **options, **_WEIGHTS)


def _csdi():
    return _CSDI(
        _FEATURES,
        n_layers=1,
        n_heads=2,
        n_channels=8,
        d_time_embedding=8,
        d_feature_embedding=4,
        d_diffusion_embedding=8,
        is_unconditional=False,
        n_diffusion_steps=2,
        schedule="quad",
        beta_start=0.0001,
        beta_end=0.5,
    )


def _seft():
    return _SeFT(
        **_BOTH,
        n_classes=_CLASSES,
        n_layers=1,
        n_heads=2,
        d_model=8,
        d_ffn=16,
        n_seeds=2,
        dropout=0.1,
        max_timescale=100.0,
        **_CLASSIFIED,
    )


CASES = [
    _imputed("PatchTST", _PatchTST, **_TRANSFORMER, **_HEADS, patch_size=4, patch_stride=4),
    _imputed("Informer", _Informer, **{**_TRANSFORMER, "n_layers": 2}, factor=2, distil=False),
    _imputed("Autoformer", _Autoformer, **_TRANSFORMER, factor=2, moving_avg_window_size=5),
    _imputed(
        "FEDformer, wavelets",
        _FEDformer,
        **_TRANSFORMER,
        moving_avg_window_size=5,
        version="Wavelets",
        modes=4,
        mode_select="random",
    ),
    _imputed("Crossformer", _Crossformer, **_TRANSFORMER, factor=2, seg_len=4, win_size=2),
    _imputed("Reformer", _Reformer, **_TRANSFORMER, bucket_size=4, n_hashes=2, causal=False),
    _imputed(
        "ETSformer",
        _ETSformer,
        **_BOTH,
        n_encoder_layers=1,
        n_decoder_layers=1,
        d_model=8,
        n_heads=2,
        d_ffn=16,
        dropout=0.1,
        top_k=2,
    ),
    _imputed("FiLM", _FiLM, **_BOTH, window_size=[8], multiscale=[1, 2], modes1=4, ratio=0.5, mode_type=0, d_model=8),
    _imputed("MICN", _MICN, **_BOTH, n_layers=1, d_model=8, dropout=0.1, conv_kernel=[4, 8]),
    _imputed(
        "SCINet",
        _SCINet,
        **_BOTH,
        n_stacks=1,
        n_levels=2,
        n_groups=1,
        n_decoder_layers=1,
        d_hidden=2,
        kernel_size=3,
        dropout=0.1,
        concat_len=0,
        pos_enc=True,
    ),
    _imputed(
        "ImputeFormer",
        _ImputeFormer,
        **_BOTH,
        n_layers=1,
        d_input_embed=8,
        d_learnable_embed=8,
        d_proj=4,
        d_ffn=16,
        n_temporal_heads=2,
        dropout=0.1,
        input_dim=1,
        output_dim=1,
    ),
    _case(
        "TimesNet",
        _TimesNet,
        **_BOTH,
        n_layers=1,
        top_k=2,
        d_model=8,
        d_ffn=8,
        n_kernels=2,
        dropout=0.1,
        apply_nonstationary_norm=True,
    ),
    _case("BRITS", _BRITS, _both_ways, **_BOTH, rnn_hidden_size=8),
    _case("M-RNN", _MRNN, _both_ways, **_BOTH, rnn_hidden_size=8),
    _case("GRU-D", _GRUD, _carried, **_BOTH, rnn_hidden_size=8),
    Case(
        "GP-VAE",
        lambda: _GPVAE(_FEATURES, _STEPS, 4, encoder_sizes=(8, 8), decoder_sizes=(8, 8), window_size=4),
        _holes(2),
        _holes(3),
    ),
    Case("CSDI", _csdi, _diffused(2), _diffused(3)),
    Case("SeFT", _seft, _holes(2), _holes(3)),
    _case(
        "MixLinear",
        _MixLinear,
        **_BOTH,
        n_pred_steps=_AHEAD,
        n_pred_features=_FEATURES,
        period_len=4,
        lpf=2,
        alpha=0.5,
        rank=2,
    ),
]
