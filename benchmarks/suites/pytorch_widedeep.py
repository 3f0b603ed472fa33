"""Tables, with texts beside them; recommenders."""

import sys
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock

import torch

from convlint.trial.labels.suite import Case

# pytorch_widedeep imports them to prepare data, and for models that are others'
_LARGE = ("transformers", "torchvision", "torchvision.models", "torchvision.models._api", "torchvision.transforms")
for name in ("gensim", "gensim.utils", "spacy", "spacy.symbols", *_LARGE):
    sys.modules.setdefault(name, MagicMock(__spec__=ModuleSpec(name, None)))

from pytorch_widedeep.models import (  # noqa: E402
    SAINT,
    AttentiveRNN,
    BasicRNN,
    ContextAttentionMLP,
    FTTransformer,
    StackedAttentiveRNN,
    TabFastFormer,
    TabMlp,
    TabNet,
    TabPerceiver,
    TabTransformer,
    Wide,
    WideDeep,
)
from pytorch_widedeep.models.rec import (  # noqa: E402
    DeepCrossNetworkV2,
    DeepInterestNetwork,
    ExtremeDeepFactorizationMachine,
    Transformer,
)
from pytorch_widedeep.models.tabular.self_supervised.contrastive_denoising_model import (  # noqa: E402
    ContrastiveDenoisingModel,
)
from pytorch_widedeep.models.tabular.self_supervised.encoder_decoder_model import EncoderDecoderModel  # noqa: E402

SOURCE = ("pytorch_widedeep",)
_VALUES, _WORDS, _WIDTH = 6, 20, 8
_NAMES, _NUMBERS = ["shop", "town", "kind"], ["age", "price"]
_COLUMNS = {name: place for place, name in enumerate((*_NAMES, *_NUMBERS))}
_SIZES = [(name, _VALUES) for name in _NAMES]
_EMBEDDED = [(name, _VALUES, 4) for name in _NAMES]
_ALL = {"column_idx": _COLUMNS, "cat_embed_input": _SIZES, "continuous_cols": _NUMBERS}
_ALL_EMBEDDED = {**_ALL, "cat_embed_input": _EMBEDDED}
_ATTENTION = {**_ALL, "input_dim": _WIDTH, "n_blocks": 1}
_BOUNDS = {name: [-2.0, -0.5, 0.5, 2.0] for name in _NUMBERS}
_WATCHED = ["first", "second", "third"]


def _table(rows):
    return torch.cat([torch.randint(1, _VALUES, (rows, len(_NAMES))), torch.randn(rows, len(_NUMBERS))], 1)


def _words(rows, longest=9):
    lengths = longest - torch.arange(rows) % 4
    return torch.where(torch.arange(longest) < lengths[:, None], torch.randint(2, _WORDS, (rows, longest)), 1)


def _rows(name, model):
    return Case(name, model, lambda: (_table(4),), lambda: (_table(7),))


def _texts(name, model):
    return Case(name, model, lambda: (_words(4, 9),), lambda: (_words(7, 12),))


def _of(name, kind, **options):
    return _rows(name, lambda: kind(**options))


def _behaviour(rows):
    """A user, an item, and what the user saw before."""
    return lambda: (torch.randint(1, _VALUES, (rows, 2 + len(_WATCHED))),)


def _interest():
    return DeepInterestNetwork(
        column_idx={name: place for place, name in enumerate(("user", "item", *_WATCHED))},
        user_behavior_confiq=(_WATCHED, _VALUES, _WIDTH),
        target_item_col="item",
        cat_embed_input=[("user", _VALUES, _WIDTH)],
        attention_unit_activation="dice",
        mlp_hidden_dims=[8],
    )


def _wide_and_deep():
    return WideDeep(
        wide=Wide(len(_NAMES) * _VALUES, 1),
        deeptabular=TabMlp(**_ALL_EMBEDDED, mlp_hidden_dims=[8]),
        deeptext=BasicRNN(_WORDS, 4, hidden_dim=4, n_layers=1),
        head_hidden_dims=[8],
        enforce_positive=True,
    )


def _everything(rows):
    return lambda: (
        {
            "wide": torch.randint(1, len(_NAMES) * _VALUES, (rows, len(_NAMES))),
            "deeptabular": _table(rows),
            "deeptext": _words(rows),
        },
    )


def _denoising():
    return ContrastiveDenoisingModel(
        SAINT(**_ATTENTION, n_heads=2),
        preprocessor=_Preprocessor(),
        loss_type="both",
        projection_head1_dims=[8, 8],
        projection_head2_dims=None,
        projection_heads_activation="relu",
        cat_mlp_type="multiple",
        cont_mlp_type="multiple",
        denoise_mlps_activation="relu",
    )


class _Preprocessor:
    """What the model asks of the one that would have encoded the table."""

    with_cls_token = False
    label_encoder = type(
        "Encoder", (), {"encoding_dict": {name: {value: value for value in range(1, _VALUES)} for name in _NAMES}}
    )


CASES = [
    _of(
        "MLP, periodic",
        TabMlp,
        **_ALL_EMBEDDED,
        mlp_hidden_dims=[8],
        embed_continuous=True,
        embed_continuous_method="periodic",
        cont_embed_dim=4,
        n_frequencies=3,
        sigma=0.1,
        share_last_layer=False,
    ),
    _of(
        "MLP, piecewise",
        TabMlp,
        **_ALL_EMBEDDED,
        mlp_hidden_dims=[8],
        embed_continuous=True,
        embed_continuous_method="piecewise",
        cont_embed_dim=4,
        quantization_setup=_BOUNDS,
    ),
    _of("TabNet", TabNet, **_ALL_EMBEDDED, n_steps=2, ghost_bn=True, virtual_batch_size=4),
    _of("TabNet, entmax", TabNet, **_ALL_EMBEDDED, n_steps=2, mask_type="entmax", ghost_bn=False),
    _of("TabTransformer", TabTransformer, **_ATTENTION, n_heads=2, shared_embed=True, frac_shared_embed=0.25),
    _of("SAINT", SAINT, **_ATTENTION, n_heads=2),
    _of("FT-Transformer", FTTransformer, **_ATTENTION, n_heads=2, mlp_hidden_dims=[8]),
    _of("TabFastFormer", TabFastFormer, **_ATTENTION, n_heads=2),
    _of(
        "Perceiver",
        TabPerceiver,
        **_ALL,
        input_dim=_WIDTH,
        n_cross_attn_heads=2,
        n_latents=3,
        latent_dim=8,
        n_latent_heads=2,
        n_latent_blocks=1,
        n_perceiver_blocks=2,
    ),
    _of("context attention", ContextAttentionMLP, **_ATTENTION, with_addnorm=True),
    _of(
        "DCN v2",
        DeepCrossNetworkV2,
        **_ALL_EMBEDDED,
        num_cross_layers=2,
        low_rank=2,
        num_experts=2,
        mlp_hidden_dims=[8],
    ),
    _of(
        "xDeepFM",
        ExtremeDeepFactorizationMachine,
        column_idx={name: _COLUMNS[name] for name in _NAMES},
        cat_embed_input=_SIZES,
        input_dim=_WIDTH,
        cin_layer_dims=[4, 4],
        mlp_hidden_dims=[8],
    ),
    Case("DIN", _interest, _behaviour(4), _behaviour(7)),
    Case("wide and deep", _wide_and_deep, _everything(4), _everything(7)),
    _texts("LSTM", lambda: BasicRNN(_WORDS, 4, hidden_dim=4, n_layers=1, head_hidden_dims=[8])),
    _texts(
        "attentive GRU", lambda: AttentiveRNN(_WORDS, 4, hidden_dim=4, n_layers=1, rnn_type="gru", bidirectional=True)
    ),
    _texts(
        "stacked attentive LSTM", lambda: StackedAttentiveRNN(_WORDS, 4, hidden_dim=4, n_blocks=2, with_addnorm=True)
    ),
    Case(
        "Transformer",
        lambda: Transformer(vocab_size=_WORDS, seq_length=9, input_dim=8, n_heads=2, n_blocks=1, with_cls_token=False),
        lambda: (_words(4),),
        lambda: (_words(7),),
    ),
    _rows(
        "encoder and decoder", lambda: EncoderDecoderModel(TabMlp(**_ALL_EMBEDDED, mlp_hidden_dims=[8, 4]), None, 0.2)
    ),
    _rows("denoising", _denoising),
]
