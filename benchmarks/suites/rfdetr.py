"""A detector of objects, their masks and their keypoints, by parts."""

import sys
from importlib.util import find_spec, module_from_spec
from unittest.mock import MagicMock

import torch
from transformers.utils import is_torchvision_available

from convlint.trial.labels.suite import Case

# what the package itself imports is for training
sys.modules.setdefault("rfdetr", module_from_spec(find_spec("rfdetr")))
is_torchvision_available()  # transformers keeps the answer, and has no use for what follows
for name in ("torchvision", "torchvision.ops", "torchvision.ops.boxes"):
    sys.modules.setdefault(name, MagicMock())

from rfdetr.models.backbone.dinov2_with_windowed_attn import (  # noqa: E402
    WindowedDinov2WithRegistersBackbone,
    WindowedDinov2WithRegistersConfig,
)
from rfdetr.models.backbone.projector import MultiScaleProjector  # noqa: E402
from rfdetr.models.heads.keypoints import ConditionalQueryInitializer  # noqa: E402
from rfdetr.models.heads.segmentation import SegmentationHead  # noqa: E402
from rfdetr.models.ops.modules.ms_deform_attn import MSDeformAttn  # noqa: E402
from rfdetr.models.position_encoding import PositionEmbeddingLearned, PositionEmbeddingSine  # noqa: E402
from rfdetr.models.postprocess import PostProcess  # noqa: E402
from rfdetr.models.transformer import Transformer  # noqa: E402
from rfdetr.utilities.tensors import NestedTensor  # noqa: E402

SOURCE = ("rfdetr",)
_WIDTH, _HEADS, _QUERIES, _CLASSES = 16, 2, 5, 3


def _backbone(**options):
    config = WindowedDinov2WithRegistersConfig(
        hidden_size=_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=_HEADS,
        image_size=64,
        patch_size=8,
        out_indices=[1, 3],
        **options,
    )
    return lambda: WindowedDinov2WithRegistersBackbone(config)


def _images(batch, height, width):
    return lambda: (torch.rand(batch, 3, height, width),)


class _Nested(torch.nn.Module):
    """A model of padded images as one of tensors: exporters take nothing else."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images, mask):
        return self.model(NestedTensor(images, mask))


def _masks(batch, height, width, padding):
    mask = torch.zeros(batch, height, width, dtype=torch.bool)
    if padding:
        mask[-1, :, -padding:] = True
    return mask


def _nested(batch, height, width, padding):
    return lambda: (torch.rand(batch, _WIDTH, height, width), _masks(batch, height, width, padding))


def _sizes(*levels):
    return torch.tensor(levels)


def _starts(sizes):
    areas = sizes.prod(1)
    return torch.cat([areas.new_zeros(1), areas.cumsum(0)[:-1]])


def _attended(batch, queries, levels, boxes, known=False):
    """What deformable attention takes, with the sizes of the levels as numbers too or not."""

    def inputs():
        sizes = _sizes(*levels)
        total = int(sizes.prod(1).sum())
        given = {
            "query": torch.randn(batch, queries, _WIDTH),
            "reference_points": torch.rand(batch, queries, len(levels), boxes),
            "input_flatten": torch.randn(batch, total, _WIDTH),
            "input_spatial_shapes": sizes,
            "input_level_start_index": _starts(sizes),
            "input_padding_mask": torch.zeros(batch, total, dtype=torch.bool),
        }
        return given | ({"input_spatial_shapes_hw": list(levels)} if known else {})

    return inputs


_TWO = ([(6, 6), (3, 3)], [(8, 5), (4, 3)])


def _transformer(**options):
    def made():
        transformer = Transformer(
            d_model=_WIDTH,
            sa_nhead=_HEADS,
            ca_nhead=_HEADS,
            num_queries=_QUERIES,
            num_decoder_layers=2,
            dim_feedforward=32,
            return_intermediate_dec=True,
            num_feature_levels=1,
            dec_n_points=2,
            bbox_reparam=True,
            **options,
        )
        if options.get("two_stage"):
            transformer.enc_out_class_embed = torch.nn.ModuleList([torch.nn.Linear(_WIDTH, _CLASSES)])
            transformer.enc_out_bbox_embed = torch.nn.ModuleList([torch.nn.Linear(_WIDTH, 4)])
        if not options.get("lite_refpoint_refine"):
            transformer.decoder.bbox_embed = torch.nn.Linear(_WIDTH, 4)
        return transformer

    return made


def _scene(batch, height, width, padding, *, masked=True):
    return lambda: (
        [torch.randn(batch, _WIDTH, height, width)],
        [_masks(batch, height, width, padding)] if masked else None,
        [torch.randn(batch, _WIDTH, height, width)],
        torch.rand(_QUERIES, 4),
        torch.randn(_QUERIES, _WIDTH),
    )


def _nothing(_batch):
    return {}


def _detections(batch, more=_nothing):
    return lambda: (
        {"pred_logits": torch.randn(batch, 8, _CLASSES), "pred_boxes": torch.rand(batch, 8, 4)} | more(batch),
        torch.tensor([[64, 48]]).repeat(batch, 1) * torch.arange(1, batch + 1)[:, None],
    )


def _predicted_masks(batch):
    return {"pred_masks": torch.randn(batch, 8, 16, 16)}


def _predicted_points(batch):
    return {"pred_keypoints": torch.randn(batch, 8, 6, 8)}


def _features(batch, height, width):
    return lambda: ([torch.randn(batch, _WIDTH, height, width) for _ in range(2)],)


def _segmented(batch, height, width, image):
    return lambda: (
        torch.randn(batch, _WIDTH, height, width),
        [torch.randn(batch, _QUERIES, _WIDTH) for _ in range(2)],
        image,
    )


CASES = [
    Case("backbone", _backbone(num_windows=1), a=_images(2, 64, 64), b=_images(3, 64, 64)),
    Case("backbone with windows", _backbone(num_windows=2), a=_images(2, 64, 64), b=_images(3, 96, 64)),
    Case(
        "backbone with windows in some layers",
        _backbone(num_windows=2, window_block_indexes=[0, 2], num_register_tokens=0),
        a=_images(1, 64, 64),
        b=_images(2, 64, 64),
    ),
    Case(
        "sines", lambda: _Nested(PositionEmbeddingSine(8, normalize=True)), a=_nested(2, 6, 8, 2), b=_nested(3, 7, 9, 3)
    ),
    Case(
        "learned positions", lambda: _Nested(PositionEmbeddingLearned(8)), a=_nested(2, 6, 8, 0), b=_nested(3, 7, 9, 0)
    ),
    Case(
        "deformable attention of points",
        lambda: MSDeformAttn(_WIDTH, 2, _HEADS, 2),
        a=_attended(2, 5, _TWO[0], 2),
        b=_attended(3, 7, _TWO[1], 2),
    ),
    Case(
        "deformable attention of boxes",
        lambda: MSDeformAttn(_WIDTH, 2, _HEADS, 2),
        a=_attended(2, 5, _TWO[0], 4, known=True),
        b=_attended(3, 7, _TWO[0], 4, known=True),
    ),
    Case("decoder", _transformer(), a=_scene(2, 6, 6, 2), b=_scene(3, 8, 7, 3)),
    Case("decoder of two stages", _transformer(two_stage=True), a=_scene(2, 6, 6, 2), b=_scene(3, 8, 7, 3)),
    Case(
        "decoder, refined once",
        _transformer(lite_refpoint_refine=True),
        a=_scene(2, 6, 6, 0),
        b=_scene(3, 8, 7, 0),
    ),
    Case("boxes", lambda: PostProcess(6), a=_detections(2), b=_detections(3)),
    Case(
        "boxes and masks",
        lambda: PostProcess(6),
        a=_detections(2, _predicted_masks),
        b=_detections(3, _predicted_masks),
    ),
    Case(
        "boxes and keypoints",
        lambda: PostProcess(6, num_keypoints_per_class=[2, 0, 2]),
        a=_detections(2, _predicted_points),
        b=_detections(3, _predicted_points),
    ),
    Case(
        "segmentation",
        lambda: SegmentationHead(_WIDTH, 2),
        a=_segmented(2, 8, 8, (64, 64)),
        b=_segmented(3, 10, 9, (64, 64)),
    ),
    Case(
        "pyramid",
        lambda: MultiScaleProjector([_WIDTH, _WIDTH], 8, [2.0, 1.0, 0.5, 0.25], layer_norm=True),
        a=_features(2, 8, 8),
        b=_features(3, 12, 10),
    ),
    Case(
        "queries of keypoints",
        lambda: ConditionalQueryInitializer(_WIDTH, 4),
        a=lambda: (torch.randn(2, _WIDTH),),
        b=lambda: (torch.randn(3, _WIDTH),),
    ),
]
