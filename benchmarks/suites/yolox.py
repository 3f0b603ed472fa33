"""Detectors without anchors."""

import sys
from unittest.mock import MagicMock

import torch

from convlint.trial.labels.suite import Case

# yolox imports them for what follows a model, and for data
for name in ("torchvision", "pycocotools", "pycocotools.coco"):
    sys.modules.setdefault(name, MagicMock())

from yolox.models import IouLoss, YoloFpn, YoloPafpn, YoloxHead, YoloxModule  # noqa: E402
from yolox.models.network_blocks import Focus, SPPBottleneck  # noqa: E402

SOURCE = ("yolox",)
_CLASSES, _WIDTH = 3, 0.125
_CHANNELS = [256, 512, 1024]


def _images(batch, height, width):
    return lambda: (torch.rand(batch, 3, height, width),)


def _levels(batch, height, width):
    return lambda: (
        [
            torch.randn(batch, int(channels * _WIDTH), height // step, width // step)
            for channels, step in zip(_CHANNELS, (1, 2, 4), strict=True)
        ],
    )


def _boxes(count):
    return lambda: (10 * torch.rand(count, 4), 10 * torch.rand(count, 4))


def _case(name, model):
    return Case(name, model, _images(2, 64, 96), _images(3, 96, 64))


def _detector(depthwise=False, act="silu", decoded=True):
    def model():
        backbone = YoloPafpn(0.33, _WIDTH, in_channels=_CHANNELS, depthwise=depthwise, act=act)
        head = YoloxHead(_CLASSES, _WIDTH, in_channels=_CHANNELS, depthwise=depthwise, act=act)
        head.decode_in_inference = decoded
        return YoloxModule(backbone, head)

    return model


CASES = [
    _case("YOLOX", _detector()),
    _case("YOLOX, depthwise, raw", _detector(depthwise=True, act="relu", decoded=False)),
    _case("Darknet", lambda: YoloFpn(depth=21)),
    _case("focus", lambda: Focus(3, 8, ksize=3)),
    Case(
        "pyramid pooling",
        lambda: SPPBottleneck(8, 8),
        lambda: (torch.randn(2, 8, 12, 16),),
        lambda: (torch.randn(3, 8, 17, 12),),
    ),
    Case("head", lambda: YoloxHead(_CLASSES, _WIDTH), _levels(2, 8, 12), _levels(3, 12, 16)),
    Case("IoU", lambda: IouLoss(), _boxes(4), _boxes(7)),
    Case("GIoU", lambda: IouLoss("mean", "giou"), _boxes(4), _boxes(7)),
]
