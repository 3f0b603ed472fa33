"""Small detectors as people write them, with NonMaxSuppression at their end, and their export by both exporters."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

CLASSES = 4


@torch.library.custom_op("convlint_tests::nms", mutates_args=())
def nms(boxes: Tensor, scores: Tensor, most: int, iou: float, score: float, centered: int) -> Tensor:
    """ONNX's NonMaxSuppression: greedy, class by class; (image, class, box) of what is kept."""
    kept = []
    for image, (its_boxes, its_scores) in enumerate(zip(boxes, scores, strict=True)):
        corners = its_boxes
        if centered:
            middle, size = its_boxes[:, :2], its_boxes[:, 2:]
            corners = torch.cat([middle - size / 2, middle + size / 2], 1)
        for label, values in enumerate(its_scores):
            left = [int(i) for i in values.argsort(descending=True) if values[i] > score]
            found: list[int] = []
            while left and len(found) < most:
                best = left.pop(0)
                found.append(best)
                left = [i for i in left if _overlap(corners[best], corners[i]) <= iou]
            kept += [[image, label, i] for i in found]
    return torch.tensor(kept, dtype=torch.int64).reshape(-1, 3)


def _overlap(one: Tensor, other: Tensor) -> float:
    low, high = torch.maximum(one[:2], other[:2]), torch.minimum(one[2:], other[2:])
    both = (high - low).clamp(min=0).prod()
    return float(both / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - both))


@nms.register_fake
def _(boxes: Tensor, scores: Tensor, most: int, iou: float, score: float, centered: int) -> Tensor:
    return boxes.new_empty((torch.library.get_ctx().new_dynamic_size(), 3), dtype=torch.int64)


def _backbone(channels: int, *strides: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    before = 3
    for stride in strides:
        layers += [nn.Conv2d(before, channels, 3, stride, 1), nn.BatchNorm2d(channels), nn.ReLU()]
        before = channels
    return nn.Sequential(*layers)


class Ssd(nn.Module):
    """Two scales, anchors made in `forward` from the sizes of the maps, softmax, no objectness."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _backbone(8, 2, 2, 2)
        self.extra = nn.Conv2d(8, 8, 3, 2, 1)
        self.where = nn.ModuleList([nn.Conv2d(8, 2 * 4, 3, 1, 1) for _ in range(2)])
        self.what = nn.ModuleList([nn.Conv2d(8, 2 * (CLASSES + 1), 3, 1, 1) for _ in range(2)])

    def anchors(self, feature: Tensor, size: float) -> Tensor:
        height, width = feature.shape[2], feature.shape[3]
        y = (torch.arange(height, dtype=torch.float32) + 0.5) / height
        x = (torch.arange(width, dtype=torch.float32) + 0.5) / width
        centers = torch.stack([y[:, None].expand(height, width), x[None].expand(height, width)], -1)
        both = [torch.cat([centers, torch.full_like(centers, size * scale)], -1) for scale in (1.0, 1.5)]
        return torch.stack(both, 2).reshape(-1, 4)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first = self.stem(images)
        maps = [first, torch.relu(self.extra(first))]
        batch = images.shape[0]
        anchors = torch.cat([self.anchors(one, 0.2 * (i + 1)) for i, one in enumerate(maps)])
        moved = torch.cat(
            [m(f).permute(0, 2, 3, 1).reshape(batch, -1, 4) for m, f in zip(self.where, maps, strict=True)], 1
        )
        logits = torch.cat(
            [m(f).permute(0, 2, 3, 1).reshape(batch, -1, CLASSES + 1) for m, f in zip(self.what, maps, strict=True)], 1
        )
        centers = anchors[:, :2] + moved[..., :2] * 0.1 * anchors[:, 2:]
        sizes = anchors[:, 2:] * torch.exp(moved[..., 2:] * 0.2)
        boxes = torch.cat([centers - sizes / 2, centers + sizes / 2], -1)
        scores = torch.softmax(logits, -1)[..., 1:].transpose(1, 2)
        kept = nms(boxes, scores, 20, 0.45, 0.1, 0)
        return boxes[kept[:, 0], kept[:, 2]], kept[:, 1], scores[kept[:, 0], kept[:, 1], kept[:, 2]]


class RetinaNet(nn.Module):
    """A pyramid with shared heads, sigmoid scores, the best of each level before suppression."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _backbone(8, 2, 2)
        self.down = nn.Conv2d(8, 8, 3, 2, 1)
        self.lateral = nn.Conv2d(8, 8, 1)
        self.heads = nn.ModuleList([nn.Conv2d(8, CLASSES, 3, 1, 1), nn.Conv2d(8, 4, 3, 1, 1)])
        self.register_buffer("anchors", torch.rand(320, 4) * 0.2 + torch.tensor([0.0, 0.0, 0.3, 0.3]))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.stem(images)
        coarse = self.down(fine)
        fine = self.lateral(fine) + nn.functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        scores = torch.cat([self.heads[0](level).flatten(2) for level in (fine, coarse)], 2).sigmoid()
        moved = torch.cat([self.heads[1](level).flatten(2) for level in (fine, coarse)], 2).transpose(1, 2)
        boxes = self.anchors + moved * 0.1
        best = scores.amax(1).topk(100, 1).indices
        boxes = boxes.gather(1, best[..., None].expand(-1, -1, 4))
        scores = scores.gather(2, best[:, None].expand(-1, CLASSES, -1))
        kept = nms(boxes, scores, 30, 0.5, 0.05, 0)
        return boxes[kept[:, 0], kept[:, 2]], kept


class Yolo(nn.Module):
    """One scale, centers and sizes, objectness times class scores; suppression of centered boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _backbone(8, 2, 2, 2)
        self.head = nn.Conv2d(8, 5 + CLASSES, 1)

    def forward(self, images: Tensor) -> Tensor:
        raw = self.head(self.stem(images))
        batch, height, width = images.shape[0], raw.shape[2], raw.shape[3]
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        grid = torch.stack([x, y], -1).reshape(1, -1, 2).float()
        raw = raw.permute(0, 2, 3, 1).reshape(batch, -1, 5 + CLASSES)
        boxes = torch.cat([(raw[..., :2].sigmoid() * 2 - 0.5 + grid) * 8, (raw[..., 2:4].sigmoid() * 2) ** 2 * 16], -1)
        scores = raw[..., 4:5].sigmoid() * raw[..., 5:].sigmoid()
        return nms(boxes, scores.transpose(1, 2), 50, 0.6, 0.1, 1)


def export_torchscript(model: nn.Module, path: Path, batch: bool = False) -> None:
    """The older exporter, which records lines if it is verbose."""

    def written(g, boxes, scores, most, iou, score, centered):  # type: ignore[no-untyped-def]
        number = torch.onnx.symbolic_helper._maybe_get_const
        limits = [
            g.op("Constant", value_t=torch.tensor([number(most, "i")], dtype=torch.int64)),
            g.op("Constant", value_t=torch.tensor([number(iou, "f")])),
            g.op("Constant", value_t=torch.tensor([number(score, "f")])),
        ]
        return g.op("NonMaxSuppression", boxes, scores, *limits, center_point_box_i=number(centered, "i"))

    torch.onnx.register_custom_op_symbolic("convlint_tests::nms", written, 11)
    torch.onnx.export(
        model,
        (torch.rand(2, 3, 64, 64),),
        path,
        dynamo=False,
        opset_version=14,
        input_names=["images"],
        dynamic_axes={"images": {0: "batch"}} if batch else None,
    )


def export_dynamo(model: nn.Module, path: Path) -> None:
    """The newer exporter, of any batch."""
    from onnxscript import opset18 as op

    def written(boxes, scores, most: int, iou: float, score: float, centered: int):  # type: ignore[no-untyped-def]
        limits = op.Constant(value_ints=[most]), op.Constant(value_floats=[iou]), op.Constant(value_floats=[score])
        return op.NonMaxSuppression(boxes, scores, *limits, center_point_box=centered)

    torch.onnx.export(
        model,
        (torch.rand(2, 3, 64, 64),),
        path,
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        custom_translation_table={torch.ops.convlint_tests.nms.default: written},
        verbose=False,
        external_data=False,
    )
