"""All axes of size 1 are dropped: with one image the batch goes too, but not in the graph."""

import torch
from torch import nn


class Gate(nn.Module):
    """Weighs channels by what they hold over the whole image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.weigh = nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.weigh(self.pool(x).squeeze()).sigmoid()  # <- CVL604
        return x * weights[..., None, None]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, kernel_size=3, padding=1)
        self.gate = Gate(8)
        self.head = nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.gate(torch.relu(self.stem(images)))
        return self.head(features.mean((2, 3)).squeeze())  # <- CVL604
