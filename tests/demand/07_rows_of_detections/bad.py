"""Detections as rows of box, score and class: `Type parameter (T) of Optype (Concat) bound to different types`."""

import torch
from torch import nn


class Scores(nn.Module):
    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.classify = nn.Linear(width, classes)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores = self.classify(features).sigmoid()
        return scores.amax(dim=-1), scores.argmax(dim=-1)


def as_rows(boxes: torch.Tensor, scores: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    labelled = torch.stack((scores, classes), dim=-1)  # <- CVL510
    return torch.cat((boxes, labelled), dim=-1)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.neck = nn.Sequential(nn.Linear(6, 12), nn.ReLU())
        self.scores = Scores(12, classes=5)
        self.boxes = nn.Linear(12, 4)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        features = self.neck(features)
        scores, classes = self.scores(features)
        return as_rows(self.boxes(features), scores, classes)
