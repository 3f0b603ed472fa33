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


def _detector(name: str, builder: str, **settings: Any) -> Case:
    """A model that takes a list of images of any size."""
    case = _torchvision(name, builder, [(3, 96, 128)], [(3, 120, 104)], weights_backbone=None, **settings)
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


def _sounds(*shape: int) -> Callable[[], dict[str, torch.Tensor]]:
    return _named({"input_values": shape})


def _heard(batch: int, decoded: int) -> Callable[[], dict[str, torch.Tensor]]:
    """A spectrogram, and what is decoded of it."""
    return lambda: {
        "input_features": torch.randn(batch, 16, 40),
        "decoder_input_ids": _ids(batch, decoded)()["input_ids"],
    }


def _spoken(batch: int, length: int, frames: int) -> Callable[[], dict[str, torch.Tensor]]:
    """A text, the spectrogram so far and who speaks."""
    return lambda: (
        _ids(batch, length)()
        | {
            "decoder_input_values": torch.randn(batch, frames, 16),
            "speaker_embeddings": torch.randn(batch, 8),
        }
    )


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
_RT_DETR = {
    "backbone_config": {
        "model_type": "rt_detr_resnet",
        "embedding_size": 8,
        "hidden_sizes": [8, 16, 32, 64],
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
        "out_features": ["stage2", "stage3", "stage4"],
    },
    "encoder_in_channels": [16, 32, 64],
    "encoder_hidden_dim": 32,
    "decoder_in_channels": [32, 32, 32],
    "num_queries": 10,
}
_REFORMER = {
    "attn_layers": ["local", "lsh"],
    "attention_head_size": 8,
    "axial_pos_shape": [8, 8],
    "axial_pos_embds_dim": [16, 16],
    "feed_forward_size": 64,
    "local_attn_chunk_length": 8,
    "lsh_attn_chunk_length": 8,
    "num_buckets": 4,
    "hash_seed": 0,
}
_PERCEIVER = {
    "num_latents": 16,
    "d_latents": 32,
    "num_self_attends_per_block": 2,
    "num_self_attention_heads": 4,
    "num_cross_attention_heads": 4,
}
_ENCODEC = {
    "hidden_size": 32,
    "num_filters": 4,
    "upsampling_ratios": [4, 2],
    "codebook_size": 16,
    "target_bandwidths": [60.0],
}
_SPEECHT5 = {
    "num_mel_bins": 16,
    "speaker_embedding_dim": 8,
    "speech_decoder_prenet_units": 16,
    "speech_decoder_postnet_units": 16,
    "speech_decoder_prenet_dropout": 0.0,
}
_SUPERPOINT = {"encoder_hidden_sizes": [8, 8, 16, 16], "decoder_hidden_size": 16, "descriptor_decoder_dim": 16}
_NO_LARGER = {"min_size": 96, "max_size": 160}
_SHALLOW = {"depths": (1, 1, 1, 1)}

CASES = [
    _timm("test_byobnet"),
    _fixed("cait_xxs24_224", depth=2),
    _timm("test_convnext"),
    _timm("cpubone_nano"),
    _timm("crossvit_tiny_240", 240, (264, 280)),
    _timm("csatv2"),
    _fixed("deit_tiny_patch16_224", depth=2),
    _timm("efficientvit_m0", img_size=96),
    _timm("vit_tiny_patch16_dinov3_qkvb", other=(128, 160), depth=2),
    _timm("lcnetv2_small", **_SHALLOW),
    _fixed("test_coatnet"),
    _timm("mobilevit_xxs"),
    _timm("naflexvit_base_patch16_siglip", other=(128, 160), depth=2),
    _timm("pvt_v2_b0", **_SHALLOW),
    _timm("sequencer2d_s", layers=(1, 1, 1, 1)),
    _fixed("vit_tiny_patch16_224", 224),
    _detector("fasterrcnn_mobilenet_320", "fasterrcnn_mobilenet_v3_large_320_fpn"),
    _detector("keypointrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn", **_NO_LARGER),
    _detector("fcos_resnet50_fpn", "fcos_resnet50_fpn", **_NO_LARGER),
    _detector("retinanet_resnet50_fpn_v2", "retinanet_resnet50_fpn_v2"),
    _detector("ssdlite320_mobilenet", "ssdlite320_mobilenet_v3_large"),
    _torchvision("raft_small", "raft_small", [(2, 3, 128, 128)] * 2, [(3, 3, 136, 160)] * 2),
    _torchvision("swin3d_t", "swin3d_t", [(1, 3, 16, 64, 64)], [(2, 3, 18, 80, 64)]),
    _image("googlenet", "googlenet", init_weights=False),
    _image("deeplabv3_mobilenet", "deeplabv3_mobilenet_v3_large", weights_backbone=None),
    _image("lraspp_mobilenet", "lraspp_mobilenet_v3_large", weights_backbone=None),
    _image("fcn_resnet50", "fcn_resnet50", weights_backbone=None),
    _image("resnet18", "resnet18"),
    _text("bert", "BertModel"),
    _text("ibert", "IBertModel", quant_mode=True),
    _transformer("fnet", "FNetModel", _ids(2, 16), _ids(3, 23)),
    _text("longformer", "LongformerModel"),
    _text("big_bird", "BigBirdModel", 64, 72, block_size=4, num_random_blocks=1),
    _text("deberta_v2", "DebertaV2Model"),
    _text("gpt2", "GPT2ForSequenceClassification", pad_token_id=0),
    _text("llama", "LlamaForCausalLM"),
    _text("mixtral", "MixtralForCausalLM"),
    _text("mamba", "MambaForCausalLM", state_size=8),
    _text("bloom", "BloomForCausalLM"),
    _text("rwkv", "RwkvForCausalLM", attention_hidden_size=32, context_length=64),
    _text("reformer", "ReformerModel", 32, 29, **_REFORMER),
    _text("perceiver", "PerceiverForMaskedLM", 128, 128, **_PERCEIVER),
    _translation("t5", "T5Model", d_kv=8, d_ff=64),
    _vision("detr", "DetrForObjectDetection", 96, (96, 128), **_DETR),
    _vision("superpoint", "SuperPointForKeypointDetection", **_SUPERPOINT),
    _vision("rt_detr", "RTDetrForObjectDetection", 128, (128, 160), **_RT_DETR),
    _vision("swin", "SwinModel", image_size=64, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4),
    _vision("depth_anything", "DepthAnythingForDepthEstimation"),
    _vision("vit", "ViTModel", other=(64, 64), image_size=64),
    _transformer("wav2vec2", "Wav2Vec2ForCTC", _sounds(2, 4000), _sounds(3, 5200)),
    _transformer("encodec", "EncodecModel", _sounds(2, 1, 640), _sounds(3, 1, 803), **_ENCODEC),
    _transformer("whisper", "WhisperModel", _heard(2, 6), _heard(3, 7), num_mel_bins=16, max_source_positions=20),
    _transformer("speecht5", "SpeechT5ForTextToSpeech", _spoken(2, 10, 8), _spoken(3, 11, 10), **_SPEECHT5),
    _transformer("clip", "CLIPModel", _with_words(12, 2), _with_words(17, 3), **_CLIP),
    _yolo("yolov8n"),
    _yolo("yolo11n-seg"),
    _yolo("yolov10n"),
    _segmenter("unet", "mobilenet_v2"),
    _segmenter("deeplabv3plus", "mobilenet_v2"),
    _segmenter("segformer", "mit_b0"),
]
