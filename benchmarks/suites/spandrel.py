"""Image restoration: many architectures in one package."""

import sys
from types import ModuleType

import torch

from convlint.trial.labels.suite import Case

# spandrel imports torchvision for two architectures that are not here; the registry's wheels need a torch for CUDA
_FUNCTIONAL = ModuleType("torchvision.transforms.functional")
_FUNCTIONAL.InterpolationMode = _FUNCTIONAL.rotate = _FUNCTIONAL.normalize = None
for _name in ("torchvision", "torchvision.transforms"):
    sys.modules.setdefault(_name, ModuleType(_name))
sys.modules.setdefault(_FUNCTIONAL.__name__, _FUNCTIONAL)

from spandrel.architectures import (  # noqa: E402 - after what stands for torchvision
    DAT,
    FBCNN,
    HAT,
    PLKSR,
    SAFMN,
    Compact,
    DRUNet,
    MixDehazeNet,
    NAFNet,
    OmniSR,
    RealCUGAN,
    SCUNet,
    Swin2SR,
    SwinIR,
    Uformer,
)

SOURCE = ("spandrel",)


def _images(batch, height, width):
    return lambda: (torch.rand(batch, 3, height, width),)


def _case(name, model, a=(2, 32, 32), b=(3, 40, 56)):
    return Case(name, model, _images(*a), _images(*b))


_SMALL = {"depths": [2, 2], "embed_dim": 24, "num_heads": [2, 2], "window_size": 8, "img_size": 32, "upscale": 2}

CASES = [
    _case("Compact", lambda: Compact.Compact(num_feat=8, num_conv=2, upscale=2)),
    _case("SwinIR", lambda: SwinIR.SwinIR(**_SMALL, upsampler="pixelshuffle"), b=(3, 37, 50)),
    _case("Swin2SR", lambda: Swin2SR.Swin2SR(**_SMALL, upsampler="pixelshuffledirect"), b=(3, 37, 50)),
    _case(
        "DAT",
        lambda: DAT.DAT(
            img_size=32, split_size=[4, 8], depth=[2, 2], embed_dim=24, num_heads=[2, 2], expansion_factor=2, upscale=2
        ),
    ),
    _case(
        "HAT", lambda: HAT.HAT(**_SMALL, compress_ratio=3, squeeze_factor=4, upsampler="pixelshuffle"), b=(3, 32, 32)
    ),
    _case(
        "NAFNet",
        lambda: NAFNet.NAFNet(width=8, enc_blk_nums=[1, 1], middle_blk_num=1, dec_blk_nums=[1, 1]),
        b=(3, 37, 50),
    ),
    _case("RealCUGAN", lambda: RealCUGAN.UpCunet2x(), b=(3, 37, 50)),
    _case("SCUNet", lambda: SCUNet.SCUNet(config=[1] * 7, dim=64, input_resolution=64), a=(2, 64, 64), b=(3, 70, 100)),
    _case(
        "OmniSR", lambda: OmniSR.OmniSR(num_feat=16, block_num=1, res_num=1, up_scale=2, window_size=8), b=(3, 37, 50)
    ),
    _case("FBCNN", lambda: FBCNN.FBCNN(nb=1), b=(3, 37, 50)),
    _case("SAFMN", lambda: SAFMN.SAFMN(dim=16, n_blocks=1, upscaling_factor=2), b=(3, 40, 64)),
    _case("PLKSR", lambda: PLKSR.PLKSR(dim=16, n_blocks=2, upscaling_factor=2)),
    _case(
        "MixDehazeNet",
        lambda: MixDehazeNet.MixDehazeNet(embed_dims=[8, 16, 32, 16, 8], depths=[1] * 5),
        a=(2, 64, 64),
        b=(3, 70, 100),
    ),
    _case("DRUNet", lambda: DRUNet.DRUNet(in_nc=3, out_nc=3, nc=[8, 16, 16, 16], nb=1)),
    _case(
        "Uformer", lambda: Uformer.Uformer(img_size=128, embed_dim=16, depths=[1] * 9), a=(1, 128, 128), b=(2, 128, 128)
    ),
]
