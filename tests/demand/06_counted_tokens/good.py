"""Sentences are averaged over their tokens: what is counted are the weights."""

import torch
from torch import nn


class MeanPooling(nn.Module):
    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        weights = mask.unsqueeze(-1).to(tokens.dtype)
        counts = weights.sum(dim=1)
        return (tokens * weights).sum(dim=1) / counts.clamp(min=1e-9)


class Model(nn.Module):
    def __init__(self, padding: int = 0) -> None:
        super().__init__()
        self.padding = padding
        self.embedding = nn.Embedding(100, 8, padding_idx=padding)
        self.mixer = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU())
        self.pooling = MeanPooling()

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        mask = ids.ne(self.padding)
        sentences = self.pooling(self.mixer(self.embedding(ids)), mask)
        return nn.functional.normalize(sentences, dim=-1)
