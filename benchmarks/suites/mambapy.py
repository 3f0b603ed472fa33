"""State space models in pure torch."""

import torch
from mambapy import mamba, vim
from mambapy.jamba import JambaLM, JambaLMConfig

from convlint.trial.labels.suite import Case

SOURCE = ("mambapy",)
_STEPS = {"dt_min": 0.5, "dt_max": 2.0}
"""Large ones: with those of an untrained model the scan hardly shows in the result."""


class _Step(torch.nn.Module):
    """One token, with the state after those before."""

    def __init__(self):
        super().__init__()
        self.mamba = mamba.Mamba(mamba.MambaConfig(**_STEPS, d_model=16, n_layers=2))

    def forward(self, x, states, inputs):
        x, caches = self.mamba.step(x, [(states, inputs), (states, inputs)])
        return x, *caches


def _sequence(batch, length):
    return lambda: (torch.randn(batch, length, 16),)


def _tokens(batch, length):
    return lambda: (torch.randint(40, (batch, length)),)


def _before(batch):
    return lambda: (torch.randn(batch, 16), torch.randn(batch, 32, 16), torch.randn(batch, 32, 3))


def _jamba():
    return JambaLM(
        JambaLMConfig(
            **_STEPS,
            d_model=16,
            n_layers=4,
            mlp_size=24,
            num_attention_heads=4,
            num_key_value_heads=2,
            num_experts=4,
            attn_layer_offset=1,
            attn_layer_period=2,
            vocab_size=40,
        )
    )


CASES = [
    Case(
        "Mamba, parallel scan",
        lambda: mamba.Mamba(mamba.MambaConfig(**_STEPS, d_model=16, n_layers=2)),
        _sequence(2, 8),
        _sequence(3, 11),
    ),
    Case(
        "Mamba, sequential scan",
        lambda: mamba.Mamba(mamba.MambaConfig(**_STEPS, d_model=16, n_layers=2, pscan=False, inner_layernorms=True)),
        _sequence(2, 8),
        _sequence(3, 11),
    ),
    Case(
        "Mamba, muP",
        lambda: mamba.Mamba(mamba.MambaConfig(**_STEPS, d_model=16, n_layers=1, mup=True, mup_base_width=8)),
        _sequence(2, 8),
        _sequence(3, 16),
    ),
    Case("Mamba, one step", _Step, _before(2), _before(3)),
    Case(
        "VMamba",
        lambda: vim.VMamba(vim.MambaConfig(**_STEPS, d_model=16, n_layers=2)),
        _sequence(2, 8),
        _sequence(3, 11),
    ),
    Case("Jamba", _jamba, _tokens(2, 8), _tokens(3, 11)),
]
