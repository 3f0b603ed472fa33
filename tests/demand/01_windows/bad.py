"""Attention inside windows: the file runs on the traced image and stops at `Reshape` on every other."""

import torch
from torch import nn


def cut(x: torch.Tensor, size: int) -> torch.Tensor:
    batch, height, width, channels = x.shape
    x = x.view(batch, height // size, size, width // size, size, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, size * size, channels)


def join(windows: torch.Tensor, size: int, height: int, width: int) -> torch.Tensor:
    batch = int(windows.shape[0] / (height * width / size / size))  # <- CVL202
    x = windows.view(batch, height // size, width // size, size, size, -1)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(batch, height, width, -1)


class WindowMixer(nn.Module):
    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[1], x.shape[2]
        query, key, value = self.qkv(cut(self.norm(x), self.size)).chunk(3, dim=-1)
        weights = (query @ key.transpose(1, 2) * query.shape[-1] ** -0.5).softmax(-1)
        return x + self.proj(join(weights @ value, self.size, height, width))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, kernel_size=2, stride=2)
        self.blocks = nn.Sequential(WindowMixer(8, 4), WindowMixer(8, 2))
        self.head = nn.Linear(8, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem(images).permute(0, 2, 3, 1)
        return self.head(self.blocks(x).mean((1, 2)))
