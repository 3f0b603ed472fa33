"""Models that compute what most networks do not, for ``predicted_models.py``; small, with random weights.

Recurrent layers, codebooks, sorting, histograms, filters that go on until nothing changes, boxes, a step of a sampler.

Each is a function that gives a model of a package and its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Made = tuple[nn.Module, tuple[Any, ...]]


class Called(nn.Module):
    """A function as a model."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: torch.Tensor) -> Any:
        """What the function gives."""
        return self.function(*tensors)


def crnn() -> Made:
    """Text recognition by convolutions and LSTMs."""
    from doctr.models import crnn_mobilenet_v3_small

    return crnn_mobilenet_v3_small(pretrained=False, pretrained_backbone=False), (torch.randn(1, 3, 32, 128),)


def fsq() -> Made:
    """Finite scalar quantization."""
    from vector_quantize_pytorch import FSQ

    return FSQ([8, 5, 5]), (torch.randn(1, 20, 3),)


def tabnet() -> Made:
    """Attention over columns of a table, by sparsemax: sorting and running sums."""
    from pytorch_tabnet.tab_network import TabNet

    return TabNet(12, 3, group_attention_matrix=torch.eye(12)), (torch.randn(4, 12),)


def key_net() -> Made:
    """Key points by derivatives and pyramids of an image."""
    from kornia.feature import KeyNet

    return KeyNet(pretrained=False), (torch.randn(1, 1, 64, 64),)


def hard_net() -> Made:
    """Descriptors of patches."""
    from kornia.feature import HardNet

    return HardNet(pretrained=False), (torch.randn(4, 1, 32, 32),)


def harris() -> Made:
    """Corners of an image."""
    from kornia.feature import CornerHarris

    return CornerHarris(0.04), (torch.rand(1, 1, 64, 64),)


def canny() -> Made:
    """Edges of an image, until none is added."""
    from kornia.filters import Canny

    return Canny(), (torch.rand(1, 3, 64, 64),)


def sift() -> Made:
    """Histograms of the directions of an image's gradients."""
    from kornia.feature import SIFTDescriptor

    return SIFTDescriptor(32), (torch.rand(4, 1, 32, 32),)


def jpeg() -> Made:
    """What JPEG leaves of an image."""
    from kornia.enhance import JPEGCodecDifferentiable

    return JPEGCodecDifferentiable(), (torch.rand(1, 3, 64, 64), torch.tensor([50.0]))


def clahe() -> Made:
    """Contrast by histograms of tiles."""
    from kornia.enhance import equalize_clahe

    return Called(equalize_clahe), (torch.rand(1, 3, 64, 64),)


def equalized() -> Made:
    """Contrast by a histogram of the whole picture."""
    from kornia.enhance import equalize

    return Called(equalize), (torch.rand(1, 3, 32, 32),)


def median() -> Made:
    """Median of neighbourhoods."""
    from kornia.filters import MedianBlur

    return MedianBlur((3, 3)), (torch.rand(1, 3, 32, 32),)


def warp() -> Made:
    """A picture seen from elsewhere, by a matrix that is inverted."""
    from kornia.geometry import warp_perspective

    def warped(image: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        return warp_perspective(image, matrix, (32, 32))

    return Called(warped), (torch.rand(1, 3, 32, 32), torch.eye(3)[None] + 0.01)


def quaternions() -> Made:
    """Quaternions of matrices."""
    from kornia.geometry.conversions import rotation_matrix_to_quaternion

    return Called(rotation_matrix_to_quaternion), (torch.eye(3)[None].repeat(4, 1, 1),)


def segment_anything() -> Made:
    """The image encoder of Segment Anything, small: windows and relative positions."""
    from segment_anything.modeling import ImageEncoderViT

    sizes = {"img_size": 64, "embed_dim": 32, "depth": 2, "num_heads": 2, "out_chans": 16, "window_size": 3}
    return ImageEncoderViT(**sizes, use_rel_pos=True, global_attn_indexes=(1,)), (torch.randn(1, 3, 64, 64),)


def diffusion_step() -> Made:
    """One step of a sampler of diffusion models."""
    from denoising_diffusion_pytorch import GaussianDiffusion, Unet

    unet = Unet(dim=16, dim_mults=(1, 2), flash_attn=False)
    made = GaussianDiffusion(unet, image_size=16, timesteps=4, sampling_timesteps=2)

    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.diffusion = made

        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            mean, _, log_variance, _ = self.diffusion.p_mean_variance(x, t)
            return mean + (0.5 * log_variance).exp() * x

    return Step(), (torch.randn(1, 3, 16, 16), torch.tensor([3]))


def yolo(name: str) -> Callable[[], Made]:
    """A detector of ultralytics, boxes decoded."""

    def make() -> Made:
        import ultralytics

        return ultralytics.YOLO(f"{name}.yaml").model, (torch.randn(1, 3, 64, 64),)

    return make


def reformer() -> Made:
    """Attention in buckets of hashes: sorting."""
    from reformer_pytorch import ReformerLM

    made = ReformerLM(num_tokens=100, dim=32, depth=1, max_seq_len=64, heads=2, bucket_size=8, n_hashes=2)
    return made, (torch.randint(0, 100, (1, 32)),)


def tcn() -> Made:
    """Causal convolutions in time."""
    from pytorch_tcn import TCN

    return TCN(8, [8, 8]), (torch.randn(1, 8, 32),)


def unet_3d() -> Made:
    """Segmentation of volumes."""
    from monai.networks.nets import UNet

    return UNet(3, 1, 2, channels=(4, 8), strides=(2,)), (torch.randn(1, 1, 16, 16, 16),)


def dyn_unet() -> Made:
    """Segmentation of volumes with deconvolution and instance norms."""
    from monai.networks.nets import DynUNet

    made = DynUNet(3, 1, 2, [3, 3], [1, 2], [2], filters=[4, 8])
    return made, (torch.randn(1, 1, 16, 16, 16),)


MODELS: dict[str, Callable[[], Made]] = {
    "tabnet": tabnet,
    "canny": canny,
    "sift": sift,
    "fsq": fsq,
    "jpeg": jpeg,
    "clahe": clahe,
    "crnn": crnn,
    "yolov10n": yolo("yolov10n"),
    "warp": warp,
    "equalize": equalized,
    "median": median,
    "diffusion-step": diffusion_step,
    "key-net": key_net,
    "unet-3d": unet_3d,
    "quaternions": quaternions,
    "yolov8n-obb": yolo("yolov8n-obb"),
    "segment-anything": segment_anything,
    "harris": harris,
    "dyn-unet": dyn_unet,
    "reformer": reformer,
    "tcn": tcn,
    "hard-net": hard_net,
    "yolov8n": yolo("yolov8n"),
}
