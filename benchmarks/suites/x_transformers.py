"""Transformers with many options, in part by einx."""

import torch
from x_transformers import ContinuousTransformerWrapper, Decoder, Encoder, TransformerWrapper, ViTransformerWrapper

from convlint.trial.labels.suite import Case

SOURCE = ("x_transformers",)
_WORDS, _SIZE = 40, {"dim": 16, "depth": 2, "heads": 2}


def _case(name, kind=Decoder, wrapper=None, **options):
    def make():
        layers = kind(**_SIZE, attn_dim_head=8, **options)
        return TransformerWrapper(num_tokens=_WORDS, max_seq_len=32, attn_layers=layers, **(wrapper or {}))

    return Case(name, make, _words(2, 12), _words(3, 17))


def _words(batch, length):
    return lambda: (torch.randint(_WORDS, (batch, length)),)


def _masked(batch, length):
    def inputs():
        mask = torch.arange(length)[None] < torch.randint(3, length, (batch, 1))
        return {"x": torch.randint(_WORDS, (batch, length)), "mask": mask}

    return inputs


def _continuous():
    return ContinuousTransformerWrapper(dim_in=6, dim_out=5, max_seq_len=32, attn_layers=Encoder(**_SIZE))


def _images():
    return ViTransformerWrapper(image_size=32, patch_size=8, num_classes=5, attn_layers=Encoder(**_SIZE))


CASES = [
    _case("Decoder"),
    _case("Encoder", Encoder),
    Case("Encoder masked", _case("", Encoder).model, _masked(2, 12), _masked(3, 17)),
    _case("rotary", rotary_pos_emb=True),
    _case("xpos", rotary_xpos=True),
    _case("alibi", alibi_pos_bias=True),
    _case("rel pos", Encoder, rel_pos_bias=True),
    _case("dynamic pos", Encoder, dynamic_pos_bias=True),
    _case("flash", attn_flash=True),
    _case("rmsnorm glu", use_rmsnorm=True, ff_glu=True),
    _case("memory", Encoder, {"num_memory_tokens": 3}),
    _case("talking heads", attn_pre_talking_heads=True),
    _case("topk", attn_sparse_topk=4),
    _case("qk norm", attn_qk_norm=True),
    _case("macaron", Encoder, macaron=True),
    _case("sandwich", Encoder, sandwich_coef=1),
    _case("shift", shift_tokens=1),
    _case("gated", attn_gate_values=True),
    _case("hyper", num_residual_streams=2),
    _case("memory of keys", attn_num_mem_kv=2),
    Case("continuous", _continuous, lambda: (torch.randn(2, 12, 6),), lambda: (torch.randn(3, 17, 6),)),
    Case("images", _images, lambda: (torch.randn(2, 3, 32, 32),), lambda: (torch.randn(3, 3, 32, 32),)),
]
