"""Both branches are computed, and one is taken."""

import torch
from torch import nn


def suppress(scores: torch.Tensor) -> torch.Tensor:
    return torch.cat((torch.zeros_like(scores[:, :1]), scores[:, 1:] * 0.5), dim=1)


def keep(scores: torch.Tensor) -> torch.Tensor:
    return scores * 1.0


class Background(nn.Module):
    """Silences the first class where it is the strongest of all."""

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        means = scores.mean(0)
        return torch.where(means[0] >= means.max(), suppress(scores), keep(scores))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 4))
        self.background = Background()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.background(self.layers(x).softmax(-1))
