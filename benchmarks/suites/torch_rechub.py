"""Recommenders: models of features, of sequences, and generative ones."""

import torch
from torch_rechub.basic.features import DenseFeature, SequenceFeature, SparseFeature
from torch_rechub.models.generative import HLLMModel, HSTUModel
from torch_rechub.models.generative.rqvae import RQVAEModel
from torch_rechub.models.matching import MIND, NARM, SINE, STAMP, ComirecDR, ComirecSA, GRU4Rec, SASRec
from torch_rechub.models.multi_task import PLE
from torch_rechub.models.ranking import BST, DIEN, DIN, AutoInt, DCNv2, FiBiNet

from convlint.trial.labels.suite import Case

SOURCE = ("torch_rechub",)
_ITEMS, _WIDTH, _LONGEST = 30, 8, 12
_MLP = {"dims": [16]}
_SEQUENCES = ("seq", "pos", "neg")


def _user():
    return [SparseFeature("user", _ITEMS, _WIDTH), SparseFeature("city", _ITEMS, _WIDTH)]


def _item():
    return [SparseFeature("item", _ITEMS, _WIDTH, padding_idx=0)]


def _bought(name="bought", pooling="concat"):
    return [SequenceFeature(name, _ITEMS, _WIDTH, pooling=pooling, shared_with="item", padding_idx=0)]


def _ids(*shape):
    return torch.randint(1, _ITEMS, shape)


def _padded(batch, length):
    """Sequences that end early, each at another place."""
    lengths = length - torch.arange(batch) % length
    return torch.where(torch.arange(length) < lengths[:, None], _ids(batch, length), 0)


def _shop(batch, length):
    names = ("bought", "passed")
    return lambda: (
        {name: _ids(batch) for name in ("user", "city", "item")}
        | {name: _padded(batch, length) for name in names}
        | {"others": _ids(batch, 3), "price": torch.rand(batch)},
    )


def _shop_case(name, model, a=(4, 6), b=(5, 9)):
    """Inputs by the name of a feature."""
    return Case(name, model, _shop(*a), _shop(*b))


def _session(batch, length):
    return lambda: ({name: _padded(batch, length) for name in _SEQUENCES},)


def _generated(batch, length):
    return lambda: (_padded(batch, length), torch.randint(10_000, (batch, length)))


def _others():
    return [SequenceFeature("others", _ITEMS, _WIDTH, pooling="concat", shared_with="item")]


def _matching(model, **options):
    return model(_user(), _bought(), _item(), _others(), **options)


def _sasrec():
    first, *rest = (SequenceFeature(name, _ITEMS, _WIDTH, pooling="concat") for name in _SEQUENCES)
    for feature in rest:
        feature.shared_with = first.name
    return SASRec([first, *rest], max_len=_LONGEST, num_blocks=1)


def _ple():
    return PLE(
        [*_user(), DenseFeature("price")],
        ["classification", "regression"],
        n_level=1,
        n_expert_specific=2,
        n_expert_shared=1,
        expert_params={"dims": [8]},
        tower_params_list=[{"dims": [8]}, {"dims": [8]}],
    )


CASES = [
    _shop_case("DIN", lambda: DIN(_user(), _bought(), _item(), _MLP, {"dims": [8]})),
    _shop_case("DIEN", lambda: DIEN(_user(), _bought(), _bought("passed"), _item(), _MLP)),
    _shop_case("BST", lambda: BST(_user(), _bought(), _item(), _MLP, nhead=2)),
    _shop_case("AutoInt", lambda: AutoInt(_user(), [DenseFeature("price")], num_layers=1, mlp_params=_MLP)),
    _shop_case("DCNv2", lambda: DCNv2([*_user(), DenseFeature("price")], 2, _MLP)),
    _shop_case("FiBiNet", lambda: FiBiNet(_user(), _MLP)),
    _shop_case("PLE", _ple),
    _shop_case("GRU4Rec", lambda: _matching(GRU4Rec, user_params={"dims": [_WIDTH]})),
    _shop_case("ComirecSA", lambda: _matching(ComirecSA)),
    _shop_case("ComirecDR", lambda: _matching(ComirecDR, max_length=6), b=(5, 6)),
    _shop_case("MIND", lambda: _matching(MIND, max_length=6, dynamic_interest=True), b=(5, 6)),
    _shop_case("SINE", lambda: SINE(["bought"], ["item"], ["others"], _ITEMS, _WIDTH, 8, 4, 2, 6), b=(5, 6)),
    Case(
        "NARM",
        lambda: NARM(SequenceFeature("seq", _ITEMS, _WIDTH, pooling="concat"), 8, 0.1, 0.1),
        _session(4, 6),
        _session(5, 9),
    ),
    Case(
        "STAMP",
        lambda: STAMP(SequenceFeature("seq", _ITEMS, _WIDTH, pooling="concat"), 0.1, 0.1),
        _session(4, 6),
        _session(5, 9),
    ),
    Case("SASRec", _sasrec, _session(4, 6), _session(5, 9)),
    Case(
        "HSTU",
        lambda: HSTUModel(_ITEMS, d_model=16, n_heads=2, n_layers=1, dqk=8, dv=8, max_seq_len=_LONGEST),
        _generated(2, 6),
        _generated(3, 9),
    ),
    Case(
        "HLLM",
        lambda: HLLMModel(torch.randn(_ITEMS, 16), _ITEMS, d_model=16, n_heads=2, n_layers=1, max_seq_len=_LONGEST),
        _generated(2, 6),
        _generated(3, 9),
    ),
    Case(
        "RQ-VAE",
        lambda: RQVAEModel(in_dim=16, num_emb_list=[8, 8], e_dim=4, layers=[12], sk_epsilons=[0.0, 0.003]),
        lambda: (torch.randn(4, 16),),
        lambda: (torch.randn(7, 16),),
    ),
]
