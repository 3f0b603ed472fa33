"""Boxes are clipped to the image through their columns: the export succeeds, and no box is clipped."""

import torch
from torch import nn


def decode(deltas: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    sizes = anchors[:, 2:] - anchors[:, :2]
    centers = anchors[:, :2] + 0.5 * sizes + deltas[..., :2] * sizes
    halves = 0.5 * sizes * deltas[..., 2:].clamp(max=4.0).exp()
    return torch.cat((centers - halves, centers + halves), dim=-1)


def clip(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    columns = boxes.unbind(-1)
    for i, column in enumerate(columns):
        column.clamp_(min=0, max=height if i % 2 else width)  # <- CVL101
    return boxes


class BoxHead(nn.Module):
    def __init__(self, width: int, anchors: int) -> None:
        super().__init__()
        self.regress = nn.Linear(width, 4)
        corners = torch.arange(float(anchors))[:, None] * torch.tensor([4.0, 2.0])
        self.register_buffer("anchors", torch.cat((corners, corners + 8), dim=1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return clip(decode(self.regress(features), self.anchors), height=16, width=32)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.neck = nn.Sequential(nn.Linear(6, 12), nn.ReLU())
        self.boxes = BoxHead(12, anchors=10)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.boxes(self.neck(features))
