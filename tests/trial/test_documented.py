"""Inputs that are guessed for several tensors, and from the shapes in the docstring of ``forward``."""

from __future__ import annotations

import pytest

pytest.importorskip("onnxruntime")

import torch
from torch import nn

from convlint.trial.guess import guess
from convlint.trial.job import ModelSpec

SPEC = ModelSpec(factory="net.py:Model")


class Waves(nn.Module):
    """Takes sound and turns it into images before its first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 2, 1)

    def forward(self, wave):  # type: ignore[no-untyped-def]
        """Separates.

        Args:
            wave (torch.Tensor): the mixed sound, of shape
                `(batch_size, channels, num_frames)`

        Returns:
            wave: of shape `(batch_size, 5)`.
        """
        if wave.dim() != 3 or wave.shape[1] != 3 or wave.shape[2] < 1000:
            raise ValueError("no sound")
        return self.conv(wave[:, :1].unflatten(2, (4, -1)).transpose(1, 2))


class Frames(nn.Module):
    """Takes frames, and how many of them count: the longest must be whole."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 2)

    def forward(self, frames, lengths):  # type: ignore[no-untyped-def]
        """Encodes.

        Args:
            frames: with shape `(B, T, input_dim)`.
            lengths: with shape `(B,)`.
        """
        counts = torch.arange(int(lengths.max())) < lengths[:, None]
        return self.linear(frames) * counts[:, :, None]


def test_a_shape_of_the_docstring_is_tried_with_the_sizes_of_sound() -> None:
    found = guess(Waves(), SPEC)
    assert found == ("wave: float32[N=2, 3, num_frames=1024]", "the docstring of `forward`")


def test_lengths_are_whole_and_of_a_length_that_stays() -> None:
    assert guess(Frames(), SPEC).text == "frames: float32[N=2, 64, 6]; lengths: int64[N=2] in 64..64"


class Flow(nn.Module):
    """Takes two images of one kind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, image1, image2):  # type: ignore[no-untyped-def]
        return self.conv(image1) - self.conv(image2)


def test_what_is_called_alike_is_alike() -> None:
    image = "float32[N=2, 3, H=64, W=64]"
    assert guess(Flow(), SPEC) == (f"image1: {image}; image2: {image}", "the first layer, `conv`, a Conv2d")
