"""Each image is normalized for itself, in a loop: `you marked batch as dynamic but your code specialized it`."""

import torch
from torch import nn


def stretch(image: torch.Tensor) -> torch.Tensor:
    low, high = image.amin(), image.amax()
    return (image - low) / (high - low + 1e-6)


class Normalize(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        stretched = []
        for i in range(images.shape[0]):  # <- CVL303
            stretched.append(stretch(images[i]))
        return torch.stack(stretched)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.preprocess = Normalize()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        self.head = nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.backbone(self.preprocess(images))
        return self.head(features.mean((2, 3)))
