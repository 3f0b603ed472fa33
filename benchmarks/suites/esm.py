"""Sequences of amino acids, alignments of them, and their backbones."""

import sys
from argparse import Namespace
from unittest.mock import MagicMock

import torch

from convlint.trial.labels.suite import Case

# esm reads files of structures and averages over graphs by them
_UNUSED = """torch_geometric torch_geometric.nn torch_scatter biotite biotite.structure biotite.structure.io
    biotite.structure.residues biotite.sequence biotite.sequence.align"""
for name in _UNUSED.split():
    sys.modules.setdefault(name, MagicMock())

from esm import ESM2, Alphabet, MSATransformer, ProteinBertModel  # noqa: E402
from esm.axial_attention import ColumnSelfAttention, RowSelfAttention  # noqa: E402
from esm.inverse_folding.features import DihedralFeatures, Normalize  # noqa: E402
from esm.inverse_folding.gvp_modules import GVP, LayerNorm  # noqa: E402
from esm.inverse_folding.transformer_decoder import TransformerDecoder  # noqa: E402
from esm.inverse_folding.transformer_layer import TransformerEncoderLayer  # noqa: E402
from esm.modules import SinusoidalPositionalEmbedding  # noqa: E402

SOURCE = ("esm",)
_WIDTH, _HEADS = 16, 4
_ONE = Alphabet.from_architecture("ESM-1")
_ONE_B = Alphabet.from_architecture("ESM-1b")
_MSA = Alphabet.from_architecture("msa_transformer")

_COMMON = {
    "embed_dim": _WIDTH,
    "layers": 2,
    "ffn_embed_dim": 32,
    "attention_heads": _HEADS,
    "logit_bias": False,
    "max_positions": 64,
    "token_dropout": True,
    "emb_layer_norm_before": True,
    "final_bias": True,
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "activation_dropout": 0.1,
    "max_tokens": 2**10,
}


def _arguments(**more):
    return Namespace(**_COMMON, **more)


def _sequences(batch, length, alphabet=_ONE_B, padding=0):
    """Letters between a beginning and, where the alphabet has one, an end; the last one is shorter by the padding."""
    tokens = torch.randint(4, 24, (batch, length))
    tokens[:, 0] = alphabet.cls_idx
    if alphabet.append_eos:
        tokens[:, -1] = alphabet.eos_idx
    if padding:
        tokens[-1, -padding:] = alphabet.padding_idx
    return tokens


def _padded(alphabet=_ONE_B):
    return {
        "a": lambda: (_sequences(2, 12, alphabet, 3),),
        "b": lambda: (_sequences(3, 20, alphabet, 5),),
    }


def _alignments(batch, rows, length, padding):
    tokens = torch.randint(4, 24, (batch, rows, length))
    tokens[:, :, 0] = _MSA.cls_idx
    if padding:
        tokens[-1, :, -padding:] = _MSA.padding_idx
    return tokens


def _rows(rows, columns, batch):
    return lambda: (torch.randn(rows, columns, batch, _WIDTH),)


_MORE = {
    "decoder_embed_dim": _WIDTH,
    "decoder_ffn_embed_dim": 32,
    "decoder_attention_heads": _HEADS,
    "decoder_layers": 2,
    "encoder_embed_dim": _WIDTH,
    "encoder_ffn_embed_dim": 32,
    "encoder_attention_heads": _HEADS,
}


def _decoder():
    embedding = torch.nn.Embedding(len(_ONE_B), _WIDTH, padding_idx=_ONE_B.padding_idx)
    return TransformerDecoder(_arguments(**_MORE), _ONE_B, embedding)


def _decoded(batch, length, seen, padding):
    encoded = {
        "encoder_out": [torch.randn(seen, batch, _WIDTH)],
        "encoder_padding_mask": [torch.arange(seen) >= torch.full((batch, 1), seen - 1)],
    }
    return lambda: (_sequences(batch, length, padding=padding), encoded)


CASES = [
    Case("ESM-2", lambda: ESM2(2, _WIDTH, _HEADS), **_padded()),
    Case(
        "ESM-2 without padding",
        lambda: ESM2(2, _WIDTH, _HEADS),
        a=lambda: (_sequences(2, 12),),
        b=lambda: (_sequences(3, 20, padding=4),),
    ),
    Case(
        "ESM-2, contacts",
        lambda: ESM2(2, _WIDTH, _HEADS),
        a=lambda: {"tokens": _sequences(2, 12, padding=3), "repr_layers": [0, 2], "return_contacts": True},
        b=lambda: {"tokens": _sequences(3, 20, padding=5), "repr_layers": [0, 2], "return_contacts": True},
    ),
    Case("ESM-1", lambda: ProteinBertModel(_arguments(arch="protein_bert_base"), _ONE), **_padded(_ONE)),
    Case("ESM-1b", lambda: ProteinBertModel(_arguments(arch="roberta_large"), _ONE_B), **_padded()),
    Case(
        "ESM-1b, contacts",
        lambda: ProteinBertModel(_arguments(arch="roberta_large"), _ONE_B),
        a=lambda: {"tokens": _sequences(2, 12), "return_contacts": True},
        b=lambda: {"tokens": _sequences(3, 20), "return_contacts": True},
    ),
    Case(
        "MSA transformer",
        lambda: MSATransformer(_arguments(embed_positions_msa=True, embed_positions_msa_dim=_WIDTH), _MSA),
        a=lambda: (_alignments(2, 4, 12, 3),),
        b=lambda: (_alignments(3, 6, 20, 5),),
    ),
    Case(
        "MSA transformer, contacts",
        lambda: MSATransformer(_arguments(), _MSA),
        a=lambda: {"tokens": _alignments(1, 4, 12, 0), "return_contacts": True},
        b=lambda: {"tokens": _alignments(1, 6, 20, 0), "return_contacts": True},
    ),
    Case("attention along rows", lambda: RowSelfAttention(_WIDTH, _HEADS), a=_rows(4, 10, 2), b=_rows(6, 14, 3)),
    Case("attention along columns", lambda: ColumnSelfAttention(_WIDTH, _HEADS), a=_rows(4, 10, 2), b=_rows(6, 14, 3)),
    Case("attention along one row", lambda: ColumnSelfAttention(_WIDTH, _HEADS), a=_rows(1, 10, 2), b=_rows(1, 14, 3)),
    Case("decoder of structures", _decoder, a=_decoded(2, 8, 10, 0), b=_decoded(3, 12, 14, 2)),
    Case(
        "layer of an encoder",
        lambda: TransformerEncoderLayer(_arguments(**_MORE)),
        a=lambda: (torch.randn(10, 2, _WIDTH), torch.arange(10).expand(2, 10) >= 8),
        b=lambda: (torch.randn(14, 3, _WIDTH), torch.arange(14).expand(3, 14) >= 9),
    ),
    Case(
        "positions",
        lambda: SinusoidalPositionalEmbedding(_WIDTH, _ONE_B.padding_idx),
        **_padded(),
    ),
    Case(
        "dihedrals",
        lambda: DihedralFeatures(_WIDTH),
        a=lambda: (torch.randn(2, 10, 3, 3),),
        b=lambda: (torch.randn(3, 15, 3, 3),),
    ),
    Case(
        "geometric vectors",
        lambda: GVP((8, 4), (6, 5), vector_gate=True),
        a=lambda: ((torch.randn(10, 8), torch.randn(10, 4, 3)),),
        b=lambda: ((torch.randn(14, 8), torch.randn(14, 4, 3)),),
    ),
    Case(
        "vectors of scalars alone",
        lambda: GVP((8, 0), (6, 5)),
        a=lambda: ((torch.randn(10, 8), None),),
        b=lambda: ((torch.randn(14, 8), None),),
    ),
    Case(
        "norm of vectors",
        lambda: LayerNorm((8, 4)),
        a=lambda: ((torch.randn(10, 8), torch.randn(10, 4, 3)),),
        b=lambda: ((torch.randn(14, 8), torch.randn(14, 4, 3)),),
    ),
    Case(
        "norm over an axis",
        lambda: Normalize(6),
        a=lambda: (torch.randn(2, 6, 10), 1),
        b=lambda: (torch.randn(3, 6, 14), 1),
    ),
]
