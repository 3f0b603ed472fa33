"""The detector with the same weights and no data-dependent shape, loop or branch.

Suppression is left to the runtime behind the graph: every target brings its own.
"""

import torch

from ..detector import Detector


def decode(anchors, deltas):
    sizes = anchors[..., 2:] - anchors[..., :2]
    centres = (anchors[..., 2:] + anchors[..., :2]) / 2
    middle = centres + deltas[..., :2] * sizes / 10
    half = torch.exp(deltas[..., 2:].clamp(max=4.0) / 5) * sizes / 2
    return torch.cat([middle - half, middle + half], dim=-1)


class ExportableDetector(Detector):
    def anchors_of(self, feature, level):
        height, width = feature.shape[2], feature.shape[3]
        stride = self.grid.strides[level]
        xs = (torch.arange(width) + 0.5) * stride
        ys = (torch.arange(height) + 0.5) * stride
        grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
        centres = torch.stack([grid_x, grid_y, grid_x, grid_y], dim=-1).reshape(-1, 4)
        return centres + getattr(self.grid, f"cell{level}")

    def candidates_of(self, feature, level):
        logits, deltas, centre = self.head(feature)
        classes = logits.shape[1]
        scores = logits.flatten(2).transpose(1, 2).sigmoid()
        deltas = deltas.flatten(2).transpose(1, 2)
        ranked = torch.where(scores > self.threshold, scores * centre.flatten(2).transpose(1, 2).sigmoid(), -1.0)
        ranked, order = ranked.flatten(1).topk(self.candidates, dim=1)
        location = torch.div(order, classes, rounding_mode="floor")
        chosen = torch.gather(deltas, 1, location[..., None].expand(-1, -1, 4))
        return decode(self.anchors_of(feature, level)[location], chosen), ranked, order - location * classes

    def forward(self, images):
        height, width = images.shape[2], images.shape[3]
        levels = [self.candidates_of(feature, i) for i, feature in enumerate(self.backbone(images))]
        boxes, scores, labels = (torch.cat([level[i] for level in levels], dim=1) for i in range(3))
        xs = boxes[..., 0::2].clamp(min=0, max=width - 1)
        ys = boxes[..., 1::2].clamp(min=0, max=height - 1)
        boxes = torch.stack([xs[..., 0], ys[..., 0], xs[..., 1], ys[..., 1]], dim=-1)
        large = torch.minimum(xs[..., 1] - xs[..., 0], ys[..., 1] - ys[..., 0]) >= 1
        valid = large & (scores > 0)
        # runtimes order what is below the threshold, and so equal, each in their own way: say nothing of it
        boxes, labels = torch.where(valid[..., None], boxes, 0.0), torch.where(valid, labels, 0)
        return boxes, torch.where(valid, scores, 0.0).sqrt(), labels, valid
