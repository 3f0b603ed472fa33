"""Forecasting: the networks of GluonTS's estimators."""

import torch
from gluonts.torch.distributions import StudentTOutput
from gluonts.torch.model.d_linear.module import DLinearModel
from gluonts.torch.model.deep_npts._network import DeepNPTSNetwork
from gluonts.torch.model.deepar.module import DeepARModel
from gluonts.torch.model.i_transformer.module import ITransformerModel
from gluonts.torch.model.lag_tst.module import LagTSTModel
from gluonts.torch.model.patch_tst.module import PatchTSTModel
from gluonts.torch.model.simple_feedforward.module import SimpleFeedForwardModel
from gluonts.torch.model.tft.module import TemporalFusionTransformerModel
from gluonts.torch.model.tide.module import TiDEModel
from gluonts.torch.model.wavenet.module import WaveNet

from convlint.trial.labels.suite import Case

SOURCE = ("gluonts",)
_PAST, _FUTURE = 16, 4
_TRANSFORMER = {
    "d_model": 16,
    "nhead": 2,
    "dim_feedforward": 24,
    "dropout": 0.1,
    "activation": "relu",
    "norm_first": False,
    "num_encoder_layers": 1,
}


def _described(model, batch):
    """Inputs as a model itself describes them."""

    def draw():
        described = model().describe_inputs(batch)
        return {
            name: torch.zeros(given.shape, dtype=given.dtype)
            if given.dtype == torch.long
            else torch.rand(given.shape, dtype=given.dtype)
            for name, given in described.items()
        }

    return draw


def _case(name, model):
    return Case(name, model, _described(model, 2), _described(model, 3))


def _series(batch, count):
    return lambda: (torch.rand(batch, _PAST, count), torch.ones(batch, _PAST, count))


def _tide():
    sizes = dict.fromkeys(
        (
            "feat_proj_hidden_dim",
            "encoder_hidden_dim",
            "decoder_hidden_dim",
            "temporal_hidden_dim",
            "distr_hidden_dim",
            "decoder_output_dim",
        ),
        8,
    )
    return TiDEModel(
        _PAST,
        _FUTURE,
        num_feat_dynamic_real=1,
        num_feat_dynamic_proj=2,
        num_feat_static_real=1,
        num_feat_static_cat=1,
        cardinality=[2],
        embedding_dimension=[4],
        dropout_rate=0.1,
        num_layers_encoder=1,
        num_layers_decoder=1,
        layer_norm=True,
        distr_output=StudentTOutput(),
        scaling="mean",
        **sizes,
    )


def _patches():
    return PatchTSTModel(
        _FUTURE,
        _PAST,
        patch_len=4,
        stride=2,
        padding_patch="end",
        num_feat_dynamic_real=1,
        scaling="std",
        **_TRANSFORMER,
    )


def _deep_npts():
    return DeepNPTSNetwork(
        context_length=_PAST,
        num_hidden_nodes=[8],
        cardinality=[2],
        embedding_dimension=[4],
        num_time_features=2,
        input_scaling="min_max_scaling",
    )


def _wavenet():
    return WaveNet(_FUTURE, [-1.0, 0.0, 1.0], 4, 4, dilation_depth=3, num_stacks=1, num_parallel_samples=2)


def _waves(batch):
    def draw():
        past = _wavenet().receptive_field
        return {
            "feat_static_cat": torch.zeros(batch, 1, dtype=torch.long),
            "feat_static_real": torch.rand(batch, 1),
            "past_target": torch.randint(4, (batch, past)),
            "past_observed_values": torch.ones(batch, past),
            "past_time_feat": torch.rand(batch, 1, past),
            "future_time_feat": torch.rand(batch, 1, _FUTURE),
            "scale": torch.rand(batch, 1) + 1,
        }

    return draw


def _points(batch):
    return lambda: {
        "feat_static_cat": torch.zeros(batch, 1, dtype=torch.long),
        "feat_static_real": torch.rand(batch, 1),
        "past_target": torch.rand(batch, _PAST),
        "past_observed_values": torch.ones(batch, _PAST),
        "past_time_feat": torch.rand(batch, _PAST, 2),
    }


CASES = [
    _case("DLinear", lambda: DLinearModel(_FUTURE, _PAST, 8, kernel_size=5)),
    _case("SimpleFeedForward", lambda: SimpleFeedForwardModel(_FUTURE, _PAST, [8, 8])),
    _case("PatchTST", _patches),
    _case("LagTST", lambda: LagTSTModel(_FUTURE, _PAST, "D", scaling="mean", lags_seq=[1, 2], **_TRANSFORMER)),
    _case("TiDE", _tide),
    _case("TFT", lambda: TemporalFusionTransformerModel(_PAST, _FUTURE, d_hidden=8, d_var=8)),
    Case(
        "ITransformer",
        lambda: ITransformerModel(_FUTURE, _PAST, scaling="mean", **_TRANSFORMER),
        _series(2, 3),
        _series(3, 5),
    ),
    _case("DeepAR", lambda: DeepARModel("D", _PAST, _FUTURE, hidden_size=8, lags_seq=[1, 2], num_parallel_samples=3)),
    Case("WaveNet", _wavenet, _waves(2), _waves(3)),
    Case(
        "DeepNPTS",
        _deep_npts,
        _points(2),
        _points(3),
    ),
]
