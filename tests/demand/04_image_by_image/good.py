"""Each image is normalized for itself, all at once."""

import torch
from torch import nn


def stretch(images: torch.Tensor) -> torch.Tensor:
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return (images - low) / (high - low + 1e-6)


class Normalize(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return stretch(images)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.preprocess = Normalize()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        self.head = nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.backbone(self.preprocess(images))
        return self.head(features.mean((2, 3)))
