"""Sixty real models with random weights and two sets of inputs each: a suite (``convlint.trial.labels``).

``preflights.py`` runs each through ``convlint preflight``. Needs timm, torchvision (built for the installed torch),
transformers, ultralytics and segmentation-models-pytorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from fixed_models import SMALL

from convlint.trial.labels.suite import Case

SOURCE = ("timm", "torchvision", "transformers", "ultralytics", "segmentation_models_pytorch")
Shape = tuple[int, ...]
WORDS = 90
"""Numbers of words stay below."""


def _floats(*shapes: Shape) -> Callable[[], tuple[torch.Tensor, ...]]:
    return lambda: tuple(torch.randn(shape) for shape in shapes)


def _timm(name: str, size: int = 96, other: Shape = (120, 136), **settings: Any) -> Case:
    def make() -> torch.nn.Module:
        import timm

        return timm.create_model(name, pretrained=False, **settings)

    return Case(f"timm:{name}", make, _floats((2, 3, size, size)), _floats((3, 3, *other)))


def _fixed(name: str, size: int = 96, **settings: Any) -> Case:
    """Of one size of images: only the batch may be another."""
    return _timm(name, size, (size, size), img_size=size, **settings)


def _torchvision(name: str, builder: str, a: Sequence[Shape], b: Sequence[Shape], **settings: Any) -> Case:
    def make() -> torch.nn.Module:
        import torchvision.models as zoo

        return zoo.get_model(builder, **{"weights": None} | settings)

    return Case(f"torchvision:{name}", make, _floats(*a), _floats(*b))


def _detector(name: str, builder: str) -> Case:
    """A model that takes a list of images of any size."""
    case = _torchvision(name, builder, [(3, 96, 128)], [(3, 120, 104)], weights_backbone=None)
    return Case(case.name, case.model, lambda: (list(case.a()),), lambda: (list(case.b()),))


def _image(name: str, builder: str, size: int = 96, **settings: Any) -> Case:
    return _torchvision(name, builder, [(2, 3, size, size)], [(3, 3, size + 24, size + 40)], **settings)


def _transformer(name: str, wanted: str, a: Callable[[], Any], b: Callable[[], Any], **settings: Any) -> Case:
    def make() -> torch.nn.Module:
        import transformers

        kind = getattr(transformers, wanted)
        config = kind.config_class(**settings)
        for setting, value in SMALL.items():
            if setting not in settings and isinstance(getattr(config, setting, None), int):
                setattr(config, setting, value)
        config.use_cache = False
        return kind(config)

    return Case(f"transformers:{name}", make, a, b)


def _ids(batch: int, length: int) -> Callable[[], dict[str, torch.Tensor]]:
    return lambda: {"input_ids": torch.randint(3, WORDS, (batch, length))}


def _words(batch: int, length: int, decoded: int = 0) -> Callable[[], dict[str, torch.Tensor]]:
    """A text of each length, its mask, and what is decoded of it."""

    def given() -> dict[str, torch.Tensor]:
        words = _ids(batch, length)()
        words["attention_mask"] = torch.ones(batch, length, dtype=torch.int64)
        words["attention_mask"][0, length - 3 :] = 0
        return words | ({"decoder_input_ids": torch.randint(3, WORDS, (batch, decoded))} if decoded else {})

    return given


def _text(name: str, wanted: str, length: int = 16, longer: int = 23, **settings: Any) -> Case:
    return _transformer(name, wanted, _words(2, length), _words(3, longer), **settings)


def _translation(name: str, wanted: str, **settings: Any) -> Case:
    return _transformer(name, wanted, _words(2, 16, 8), _words(3, 23, 11), **settings)


def _vision(name: str, wanted: str, size: int = 64, other: Shape = (72, 88), **settings: Any) -> Case:
    a, b = ({"pixel_values": shape} for shape in ((2, 3, size, size), (3, 3, *other)))
    return _transformer(name, wanted, _named(a), _named(b), **settings)


def _named(shapes: dict[str, Shape]) -> Callable[[], dict[str, torch.Tensor]]:
    return lambda: {name: torch.randn(shape) for name, shape in shapes.items()}


def _sounds(batch: int, length: int) -> Callable[[], dict[str, torch.Tensor]]:
    return _named({"input_values": (batch, length)})


def _with_words(length: int, batch: int) -> Callable[[], dict[str, torch.Tensor]]:
    return lambda: _words(batch, length)() | {"pixel_values": torch.randn(batch, 3, 64, 64)}


def _yolo(name: str) -> Case:
    def make() -> torch.nn.Module:
        import ultralytics

        model: torch.nn.Module = ultralytics.YOLO(f"{name}.yaml").model
        return model

    return Case(f"ultralytics:{name}", make, _floats((2, 3, 96, 128)), _floats((3, 3, 128, 160)))


def _segmenter(architecture: str, encoder: str) -> Case:
    def make() -> torch.nn.Module:
        import segmentation_models_pytorch as smp

        return smp.create_model(architecture, encoder, encoder_weights=None)

    name = f"segmentation_models_pytorch:{architecture}_{encoder}"
    return Case(name, make, _floats((2, 3, 64, 96)), _floats((3, 3, 128, 96)))


_DETR = {"use_timm_backbone": False, "backbone_config": {"model_type": "resnet", "depths": [1, 1, 1, 1]}}
_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
_CLIP = {
    "text_config": {**_TOWER, "vocab_size": 100, "eos_token_id": 2},
    "vision_config": {**_TOWER, "image_size": 64, "patch_size": 16},
    "projection_dim": 16,
}
_SHALLOW = {"depths": (1, 1, 1, 1)}

CASES = [
    _fixed("beit_base_patch16_224", depth=2),
    _timm("test_byobnet"),
    _fixed("cait_xxs24_224", depth=2),
    _timm("test_convnext"),
    _timm("cpubone_nano"),
    _timm("csatv2"),
    _timm("cspnext_tiny"),
    _timm("davit_tiny", **_SHALLOW),
    _fixed("deit_tiny_patch16_224", depth=2),
    _timm("edgenext_xx_small"),
    _timm("efficientvit_m0"),
    _timm("vit_tiny_patch16_dinov3_qkvb", other=(128, 160), depth=2),
    _timm("fasternet_t0", **_SHALLOW),
    _timm("fastvit_t8", layers=(1, 1, 1, 1)),
    _timm("lcnetv2_small", **_SHALLOW),
    _timm("lowformer_b0"),
    _timm("test_mambaout"),
    _fixed("test_coatnet"),
    _timm("mobilevit_xxs"),
    _timm("naflexvit_base_patch16_siglip", other=(128, 160), depth=2),
    _timm("pvt_v2_b0", **_SHALLOW),
    _fixed("vit_tiny_patch16_224", 224),
    _detector("fasterrcnn_mobilenet_320", "fasterrcnn_mobilenet_v3_large_320_fpn"),
    _detector("retinanet_resnet50_fpn_v2", "retinanet_resnet50_fpn_v2"),
    _detector("ssdlite320_mobilenet", "ssdlite320_mobilenet_v3_large"),
    _torchvision("raft_small", "raft_small", [(2, 3, 128, 128)] * 2, [(3, 3, 136, 160)] * 2),
    _torchvision("swin3d_t", "swin3d_t", [(1, 3, 16, 64, 64)], [(2, 3, 18, 80, 64)]),
    _image("googlenet", "googlenet", init_weights=False),
    _image("shufflenet_v2_x0_5", "shufflenet_v2_x0_5"),
    _image("deeplabv3_mobilenet", "deeplabv3_mobilenet_v3_large", weights_backbone=None),
    _image("lraspp_mobilenet", "lraspp_mobilenet_v3_large", weights_backbone=None),
    _image("resnet18", "resnet18"),
    _text("bert", "BertModel"),
    _text("ibert", "IBertModel", quant_mode=True),
    _transformer("fnet", "FNetModel", _ids(2, 16), _ids(3, 23)),
    _text("longformer", "LongformerModel"),
    _text("big_bird", "BigBirdModel", 64, 72, block_size=4, num_random_blocks=1),
    _text("modernbert", "ModernBertModel"),
    _text("deberta_v2", "DebertaV2Model"),
    _text("distilbert", "DistilBertForQuestionAnswering", dim=32, n_layers=2, n_heads=4, hidden_dim=64),
    _text("gpt2", "GPT2ForSequenceClassification", pad_token_id=0),
    _text("llama", "LlamaForCausalLM"),
    _text("mixtral", "MixtralForCausalLM"),
    _text("mamba", "MambaForCausalLM", state_size=8),
    _text("bloom", "BloomForCausalLM"),
    _translation("t5", "T5Model", d_kv=8, d_ff=64),
    _translation("bart", "BartModel"),
    _vision("detr", "DetrForObjectDetection", 96, (96, 128), **_DETR),
    _vision("segformer", "SegformerForSemanticSegmentation", depths=[1, 1, 1, 1]),
    _vision("swin", "SwinModel", image_size=64, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4),
    _vision("depth_anything", "DepthAnythingForDepthEstimation"),
    _vision("vit", "ViTModel", other=(64, 64), image_size=64),
    _transformer(
        "wav2vec2", "Wav2Vec2ForCTC", _named({"input_values": (2, 4000)}), _named({"input_values": (3, 5200)})
    ),
    _transformer("clip", "CLIPModel", _with_words(12, 2), _with_words(17, 3), **_CLIP),
    _yolo("yolov8n"),
    _yolo("yolo11n-seg"),
    _yolo("yolov10n"),
    _segmenter("unet", "mobilenet_v2"),
    _segmenter("deeplabv3plus", "mobilenet_v2"),
    _segmenter("segformer", "mit_b0"),
]
