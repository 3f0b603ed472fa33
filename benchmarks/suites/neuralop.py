"""Neural operators: functions on grids of any size, and on points."""

import torch
from neuralop.models import CODANO, FNO, FNOGNO, TFNO, UNO

from convlint.trial.labels.suite import Case

SOURCE = ("neuralop",)


def _grid(*size):
    return lambda batch, more: lambda: (torch.randn(batch, 2, *(n + more for n in size)),)


def _case(name, model, inputs):
    return Case(name, model, inputs(2, 0), inputs(3, 4))


def _fno(kind=FNO, modes=(4, 4), **options):
    return lambda: kind(n_modes=modes, in_channels=2, out_channels=1, hidden_channels=8, n_layers=2, **options)


def _uno():
    return UNO(
        in_channels=2,
        out_channels=1,
        hidden_channels=8,
        lifting_channels=8,
        projection_channels=8,
        n_layers=3,
        uno_out_channels=[8, 8, 8],
        uno_n_modes=[[4, 4], [4, 4], [4, 4]],
        uno_scalings=[[0.5, 0.5], [1, 1], [2, 2]],
        channel_mlp_skip="linear",
    )


def _codano():
    return CODANO(
        lifting_channels=8,
        hidden_variable_codimension=4,
        projection_channels=8,
        n_layers=2,
        n_heads=[1, 1],
        n_modes=[[4, 4], [4, 4]],
        attention_scaling_factors=[1, 1],
        per_layer_scaling_factors=[[1, 1], [1, 1]],
        enable_cls_token=False,
    )


def _from_grid(batch, more):
    del batch
    grid = torch.stack(torch.meshgrid(*[torch.linspace(0, 1, 6)] * 3, indexing="ij"), dim=-1)
    return lambda: (grid, torch.rand(9 + more, 3), torch.randn(6, 6, 6, 2))


def _fnogno():
    return FNOGNO(
        in_channels=2,
        out_channels=1,
        gno_coord_dim=3,
        fno_n_modes=(3, 3, 3),
        fno_hidden_channels=8,
        fno_n_layers=1,
        gno_radius=0.4,
        gno_use_open3d=False,
        gno_use_torch_scatter=False,
    )


CASES = [
    _case("FNO", _fno(), _grid(12, 16)),
    _case("FNO, 3d", _fno(modes=(3, 3, 3)), _grid(6, 8, 8)),
    _case("FNO, no grid, padded", _fno(positional_embedding=None, domain_padding=0.25), _grid(12, 16)),
    _case("FNO, normed", _fno(norm="group_norm", stabilizer="tanh", channel_mlp_skip="linear"), _grid(12, 16)),
    _case("TFNO", _fno(TFNO, factorization="tucker", rank=0.4), _grid(12, 16)),
    _case("UNO", _uno, _grid(12, 16)),
    _case("CODANO", _codano, _grid(12, 16)),
    _case("FNOGNO", _fnogno, _from_grid),
]
