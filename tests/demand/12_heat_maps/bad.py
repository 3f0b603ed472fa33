"""Landmarks from heat maps, by NumPy: the traced answer is a constant of the graph."""

import numpy as np
import torch
from torch import nn


def peaks(heat_maps: np.ndarray) -> np.ndarray:
    flat = heat_maps.reshape(heat_maps.shape[0], heat_maps.shape[1], -1)
    places = np.argmax(flat, axis=-1)
    rows, columns = places // heat_maps.shape[-1], places % heat_maps.shape[-1]
    return np.stack((columns, rows), axis=-1).astype(np.float32)


class Landmarks(nn.Module):
    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        self.predict = nn.Conv2d(channels, points, kernel_size=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        heat_maps = self.predict(features).detach().cpu().numpy()  # <- CVL201
        return torch.from_numpy(peaks(heat_maps)).to(features.device)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.landmarks = Landmarks(8, points=5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.landmarks(self.backbone(images)) / 16
