"""Non-maximum suppression without the C++ extension: once in NumPy, once as a Python loop."""

import numpy as np
import torch


def suppress_numpy(boxes, scores, threshold):
    corners = boxes.detach().cpu().numpy()
    order = np.argsort(-scores.detach().cpu().numpy())
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    keep = []
    while order.size > 0:
        best, rest = order[0], order[1:]
        keep.append(best)
        low = np.maximum(corners[best, :2], corners[rest, :2])
        high = np.minimum(corners[best, 2:], corners[rest, 2:])
        common = np.prod(np.clip(high - low, 0, None), axis=1)
        order = rest[common / (areas[best] + areas[rest] - common) <= threshold]
    return torch.from_numpy(np.array(keep, dtype=np.int64))


def suppress_loop(boxes, scores, threshold):
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = scores.argsort(descending=True)
    keep = []
    while order.numel() > 0:
        best, rest = order[0], order[1:]
        keep.append(best)
        low = torch.maximum(boxes[best, :2], boxes[rest, :2])
        high = torch.minimum(boxes[best, 2:], boxes[rest, 2:])
        common = (high - low).clamp(min=0).prod(dim=1)
        order = rest[common / (areas[best] + areas[rest] - common) <= threshold]
    return torch.stack(keep) if keep else order
