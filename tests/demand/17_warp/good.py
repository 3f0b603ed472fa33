"""A warp by optical flow, by gathering four neighbours: operators that opset 11 has."""

import torch
from torch import nn


class Warp(nn.Module):
    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width
        rows, columns = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
        self.register_buffer("rows", rows.contiguous())
        self.register_buffer("columns", columns.contiguous())

    def pick(self, frame: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """What stands at whole places, 0 outside of the frame."""
        inside = (rows >= 0) & (rows < self.height) & (columns >= 0) & (columns < self.width)
        places = rows.clamp(0.0, self.height - 1.0) * self.width + columns.clamp(0.0, self.width - 1.0)
        places = places.long().flatten(1)[:, None].expand(-1, frame.shape[1], -1)
        found = frame.flatten(2).gather(2, places).reshape(-1, frame.shape[1], self.height, self.width)
        return found * inside[:, None].to(frame.dtype)

    def forward(self, frame: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
        columns, rows = self.columns + flow[:, 0], self.rows + flow[:, 1]
        left, top = columns.floor(), rows.floor()
        right, low = (columns - left)[:, None], (rows - top)[:, None]
        upper = self.pick(frame, top, left) * (1 - right) + self.pick(frame, top, left + 1) * right
        lower = self.pick(frame, top + 1, left) * (1 - right) + self.pick(frame, top + 1, left + 1) * right
        return upper * (1 - low) + lower * low


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.estimate = nn.Conv2d(6, 2, kernel_size=3, padding=1)
        self.warp = Warp(6, 8)

    def forward(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        flow = torch.tanh(self.estimate(torch.cat((before, after), dim=1))) * 1.5
        return self.warp(before, flow)
