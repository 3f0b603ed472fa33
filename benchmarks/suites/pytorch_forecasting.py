"""Forecasting: models that are made for a data set, and take its batches."""

import numpy
import pandas
import torch
from lightning.pytorch import LightningModule
from pytorch_forecasting import (
    Baseline,
    DecoderMLP,
    DeepAR,
    NBeats,
    NBeatsKAN,
    NHiTS,
    RecurrentNetwork,
    TemporalFusionTransformer,
    TimeSeriesDataSet,
)
from pytorch_forecasting.metrics import QuantileLoss
from pytorch_forecasting.models.tide import TiDEModel
from pytorch_forecasting.models.timexer import TimeXer
from pytorch_forecasting.models.xlstm import xLSTMTime

from convlint.trial.labels.suite import Case

LightningModule._jit_is_scripting = True  # as in its own ``to_torchscript``: a module asks for no trainer

SOURCE = ("pytorch_forecasting",)
_QUIET = {"log_interval": -1, "logging_metrics": torch.nn.ModuleList()}
_COVARIATES = {
    "static_categoricals": ["shop"],
    "time_varying_known_categoricals": ["weekday"],
    "time_varying_known_reals": ["price", "time"],
}


def _sales(seed, days):
    random = numpy.random.default_rng(seed)
    rows = [(shop, time, str(time % 7), random.random()) for shop in "abc" for time in range(days)]
    frame = pandas.DataFrame(rows, columns=["shop", "time", "weekday", "price"])
    frame["sold"] = random.random(len(frame)) * 5 + frame["time"] * 0.1
    return frame


def _data(seed, past, future, shortest, covariates):
    return TimeSeriesDataSet(
        _sales(seed, 30),
        time_idx="time",
        target="sold",
        group_ids=["shop"],
        min_encoder_length=shortest,
        max_encoder_length=past,
        max_prediction_length=future,
        time_varying_unknown_reals=["sold"],
        add_relative_time_idx=False,
        add_target_scales=False,
        randomize_length=None,
        **covariates,
    )


def _batch(seed, size, *lengths):
    def draw():
        torch.manual_seed(seed)
        loader = _data(seed, *lengths).to_dataloader(train=True, batch_size=size)
        return (next(iter(loader))[0],)

    return draw


def _case(name, model, covariates=_COVARIATES, a=(8, 3), b=(11, 5), shortest=(6, 4)):
    """Where ``shortest`` is less than the past of A or B, the series of a batch differ in length."""

    def made():
        torch.manual_seed(0)
        return model(_data(0, *a, shortest[0], covariates))

    return Case(
        name, made, _batch(0, 4, *a, shortest[0], covariates), _batch(1, 5, *b, min(shortest[1], b[0]), covariates)
    )


def _fixed(name, model, covariates=_COVARIATES):
    """For models of one length."""
    return _case(name, model, covariates, b=(8, 3), shortest=(8, 8))


def _recurrent(model, **options):
    return lambda data: model.from_dataset(data, hidden_size=8, rnn_layers=2, dropout=0.1, **options, **_QUIET)


CASES = [
    _case("Baseline", lambda data: Baseline.from_dataset(data), shortest=(6, 4)),
    _case(
        "DecoderMLP",
        lambda data: DecoderMLP.from_dataset(data, hidden_size=8, n_hidden_layers=1, target="sold", **_QUIET),
    ),
    _case("RecurrentNetwork, LSTM", _recurrent(RecurrentNetwork, cell_type="LSTM")),
    _case("RecurrentNetwork, GRU", _recurrent(RecurrentNetwork, cell_type="GRU"), shortest=(8, 11)),
    _case("DeepAR", _recurrent(DeepAR)),
    _case(
        "TemporalFusionTransformer",
        lambda data: TemporalFusionTransformer.from_dataset(
            data,
            hidden_size=8,
            attention_head_size=2,
            hidden_continuous_size=4,
            output_size=3,
            loss=QuantileLoss([0.1, 0.5, 0.9]),
            **_QUIET,
        ),
    ),
    _fixed(
        "NBeats",
        lambda data: NBeats.from_dataset(data, widths=[8, 8], num_blocks=[1, 1], num_block_layers=[1, 1], **_QUIET),
        {},
    ),
    _fixed(
        "NBeatsKAN",
        lambda data: NBeatsKAN.from_dataset(data, widths=[8, 8], num_blocks=[1, 1], num_block_layers=[1, 1], **_QUIET),
        {},
    ),
    _fixed("NHiTS", lambda data: NHiTS.from_dataset(data, hidden_size=8, **_QUIET)),
    _fixed(
        "TiDE",
        lambda data: TiDEModel.from_dataset(
            data, hidden_size=8, temporal_decoder_hidden=8, use_layer_norm=True, **_QUIET
        ),
    ),
    _fixed(
        "TimeXer",
        lambda data: TimeXer.from_dataset(data, hidden_size=8, n_heads=2, e_layers=1, d_ff=8, patch_length=4, **_QUIET),
    ),
    _case(
        "xLSTMTime",
        lambda data: xLSTMTime.from_dataset(data, input_size=1, hidden_size=8, output_size=1, **_QUIET),
        {},
        shortest=(8, 11),
    ),
]
