"""Sequences of several lengths through an LSTM, masked: it does not look ahead, so padding cannot reach what counts."""

import torch
from torch import nn


class SequenceEncoder(nn.Module):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width, batch_first=True)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(x)
        mask = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        return outputs * mask[:, :, None]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(5, 6)
        self.encoder = SequenceEncoder(6, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(torch.tanh(self.project(x)), lengths)
        return self.head(hidden.sum(dim=1) / lengths[:, None])
