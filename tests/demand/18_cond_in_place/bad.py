"""`torch.cond` instead of `if`, with a branch that writes in place: the dynamo routes stop, as do the others."""

import torch
from torch import nn


def suppress(scores: torch.Tensor) -> torch.Tensor:
    scores[:, 0] = 0.0
    return scores * 0.5


def keep(scores: torch.Tensor) -> torch.Tensor:
    return scores * 1.0


class Background(nn.Module):
    """Silences the first class where it is the strongest of all."""

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        means = scores.mean(0)
        return torch.cond(means[0] >= means.max(), suppress, keep, (scores,))  # <- CVL306


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 4))
        self.background = Background()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.background(self.layers(x).softmax(-1))
