"""A layer in the frequency domain: the transform is a product with cosines and sines."""

import math

import torch
from torch import nn


class SpectralFilter(nn.Module):
    def __init__(self, length: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, length // 2 + 1, 2) / length)
        angles = 2 * math.pi / length * torch.outer(torch.arange(length), torch.arange(length // 2 + 1))
        doubled = torch.full((length // 2 + 1,), 2.0)
        doubled[0] = doubled[-1] = 1.0
        self.register_buffer("cosines", angles.cos())
        self.register_buffer("sines", angles.sin())
        self.register_buffer("scale", doubled / length)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        real, imaginary = x @ self.cosines, -(x @ self.sines)
        left, right = self.weight[..., 0], self.weight[..., 1]
        real, imaginary = real * left - imaginary * right, real * right + imaginary * left
        return (real * self.scale) @ self.cosines.T - (imaginary * self.scale) @ self.sines.T


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, 4, kernel_size=3, padding=1)
        self.filter = SpectralFilter(length=32, channels=4)
        self.head = nn.Conv1d(4, 2, kernel_size=1)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        features = torch.tanh(self.stem(signal))
        return self.head(features + self.filter(features))
