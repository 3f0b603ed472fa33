"""Nothing may be detected: `Could not guard on data-dependent expression Eq(u0, 0)`."""

import torch
from torch import nn


class Detections(nn.Module):
    """The mean feature of all points that are sure to be of an object."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def select(self, features: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return features[scores.sigmoid() > self.threshold]  # <- CVL401

    def forward(self, features: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        found = self.select(features, scores)
        if found.shape[0] == 0:  # <- CVL301
            return features.new_zeros(features.shape[-1])
        return found.sum(0) / found.shape[0]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(4, 8)
        self.detections = Detections(threshold=0.6)
        self.head = nn.Linear(8, 2)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.head(self.detections(self.embed(points), points[:, -1]))
