"""Backbone, head and post-processing."""

import torch
import torch.nn.functional as F
from torch import nn

from .detections import Detections, merge
from .grids import AnchorGrid
from .suppress import suppress_loop, suppress_numpy


class Backbone(nn.Module):
    def __init__(self, width, levels):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, stride=4, padding=1)
        self.stages = nn.ModuleList([nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(levels)])

    def forward(self, images):
        x = F.relu(self.stem(images))
        features = []
        for stage in self.stages:
            x = F.relu(stage(x))
            features.append(x)
        return features


class Head(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.tower = nn.Conv2d(width, width, 3, padding=1)
        self.classify = nn.Conv2d(width, classes, 3, padding=1)
        self.regress = nn.Conv2d(width, 4, 3, padding=1)
        self.centre = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, feature):
        x = F.relu(self.tower(feature))
        return self.classify(x), self.regress(x), self.centre(x)


def decode(anchors, deltas):
    sizes = anchors[:, 2:] - anchors[:, :2]
    centres = (anchors[:, 2:] + anchors[:, :2]) / 2
    boxes = torch.zeros_like(deltas)
    middle = centres + deltas[:, :2] * sizes / 10
    half = torch.exp(deltas[:, 2:].clamp(max=4.0) / 5) * sizes / 2
    boxes[:, :2] = middle - half
    boxes[:, 2:] = middle + half
    return boxes


class Detector(nn.Module):
    def __init__(self, classes=3, width=8, threshold=0.4, candidates=40, most=10, overlap=0.6, numpy=True):
        super().__init__()
        strides = (8, 16)
        self.backbone = Backbone(width, len(strides))
        self.head = Head(width, classes)
        self.grid = AnchorGrid(strides)
        self.threshold, self.candidates, self.most, self.overlap = threshold, candidates, most, overlap
        self.suppress = suppress_numpy if numpy else suppress_loop

    def level(self, logits, deltas, centre, anchors, size):
        classes = logits.shape[0]
        scores = logits.permute(1, 2, 0).reshape(-1, classes).sigmoid()
        deltas = deltas.permute(1, 2, 0).reshape(-1, 4)
        centre = centre.permute(1, 2, 0).reshape(-1).sigmoid()
        mask = scores > self.threshold
        count = mask.sum().clamp(max=self.candidates)
        ranked, order = (scores * centre[:, None])[mask].topk(count, sorted=False)
        places = mask.nonzero()[order]
        location, label = places[:, 0], places[:, 1]
        found = Detections(decode(anchors[location], deltas[location]), ranked.sqrt(), label)
        return found.clip(*size).without_small(1)

    def forward(self, images):
        size = images.shape[-2:]
        features = self.backbone(images)
        anchors = self.grid(features)
        results = []
        outputs = [self.head(feature) for feature in features]
        for i in range(images.shape[0]):
            parts = [self.level(c[i], d[i], t[i], a, size) for (c, d, t), a in zip(outputs, anchors)]
            found = merge(parts)
            found = found[self.suppress(found.boxes, found.scores, self.overlap)]
            if len(found) > self.most:
                limit = torch.kthvalue(found.scores, len(found) - self.most + 1)[0].item()
                found = found[found.scores >= limit]
            results.append((found.boxes, found.scores, found.labels))
        return results
