"""A layer in the frequency domain: `Exporting the operator 'aten::fft_rfft' ... is not supported`."""

import torch
from torch import nn


class SpectralFilter(nn.Module):
    def __init__(self, length: int, channels: int) -> None:
        super().__init__()
        self.length = length
        self.weight = nn.Parameter(torch.randn(channels, length // 2 + 1, 2) / length)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.rfft(x, n=self.length, dim=-1)  # <- CVL801
        spectrum = spectrum * torch.view_as_complex(self.weight)  # <- CVL801
        return torch.fft.irfft(spectrum, n=self.length, dim=-1)  # <- CVL801


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, 4, kernel_size=3, padding=1)
        self.filter = SpectralFilter(length=32, channels=4)
        self.head = nn.Conv1d(4, 2, kernel_size=1)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        features = torch.tanh(self.stem(signal))
        return self.head(features + self.filter(features))
