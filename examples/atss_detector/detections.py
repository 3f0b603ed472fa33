"""A list of boxes with scores and labels, as detection code had it."""

import torch


class Detections:
    def __init__(self, boxes, scores, labels):
        self.boxes = boxes
        self.scores = scores
        self.labels = labels

    def __len__(self):
        return self.boxes.shape[0]

    def __getitem__(self, index):
        return Detections(self.boxes[index], self.scores[index], self.labels[index])

    def clip(self, height, width):
        xs = self.boxes[:, 0::2]
        ys = self.boxes[:, 1::2]
        xs.clamp_(min=0, max=width - 1)
        ys.clamp_(min=0, max=height - 1)
        return self

    def without_small(self, size):
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        keep = (sides.min(dim=1)[0] >= size).nonzero().squeeze(1)
        return self[keep]


def merge(parts):
    return Detections(
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.scores for part in parts]),
        torch.cat([part.labels for part in parts]),
    )
