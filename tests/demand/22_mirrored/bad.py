"""Some images are mirrored, chosen by a mask: `Exporting index_put_ with a boolean index` and the like."""

import torch
from torch import nn


class MirrorChosen(nn.Module):
    def forward(self, images: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
        images = images.clone()
        images[mirrored] = images[mirrored].flip(-1)  # <- CVL105
        return images


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mirror = MirrorChosen()
        self.stem = nn.Conv2d(3, 4, kernel_size=3, padding=1)

    def forward(self, images: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
        return self.stem(self.mirror(images, mirrored))
