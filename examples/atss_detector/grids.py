"""Anchor boxes, one a location, from Python integers."""

import numpy as np
import torch
from torch import nn


class AnchorGrid(nn.Module):
    def __init__(self, strides, scale=8):
        super().__init__()
        self.strides = strides
        for level, stride in enumerate(strides):
            half = stride * scale / 2
            cell = np.array([[-half, -half, half, half]], dtype=np.float32)
            self.register_buffer(f"cell{level}", torch.from_numpy(cell))

    def forward(self, features):
        anchors = []
        for level, feature in enumerate(features):
            height, width = int(feature.shape[2]), int(feature.shape[3])
            stride = self.strides[level]
            xs = (torch.arange(width) + 0.5) * stride
            ys = (torch.arange(height) + 0.5) * stride
            grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
            centres = torch.stack([grid_x, grid_y, grid_x, grid_y], dim=-1).reshape(-1, 4)
            anchors.append(centres + getattr(self, f"cell{level}"))
        return anchors
