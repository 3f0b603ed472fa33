"""Put into evaluation mode before it is exported."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(4), Block(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)


def trace(model: nn.Module) -> torch.jit.ScriptModule:
    with torch.no_grad():
        return torch.jit.trace(model, torch.randn(3, 4), check_trace=False)


model = Model().eval()
exported = trace(model)
