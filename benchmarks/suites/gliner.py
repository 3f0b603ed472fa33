"""Names of things in texts, of the kinds that a prompt asks for."""

import torch
from gliner.config import (
    BiEncoderSpanConfig,
    RNNEncoderConfig,
    UniEncoderSpanConfig,
    UniEncoderSpanRelexConfig,
    UniEncoderTokenConfig,
)
from gliner.modeling.base import (
    BiEncoderSpanModel,
    UniEncoderSpanModel,
    UniEncoderSpanRelexModel,
    UniEncoderTokenModel,
)
from gliner.modeling.layers import CrossFuser, LayersFuser, LstmSeq2SeqEncoder
from gliner.modeling.multitask.relations_layers import RelationsRepLayer
from gliner.modeling.multitask.triples_layers import TriplesScoreLayer
from gliner.modeling.scorers import Scorer
from gliner.modeling.span_rep import SpanRepLayer
from transformers import BertConfig

from convlint.trial.labels.suite import Case

SOURCE = ("gliner",)
_WIDTH, _SPAN, _LETTERS, _CLASS, _RELATION = 16, 3, 64, 60, 61


def _bert():
    return BertConfig(
        vocab_size=_LETTERS,
        hidden_size=_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )


def _config(kind, **options):
    return kind(
        model_name="bert",
        hidden_size=_WIDTH,
        max_width=_SPAN,
        encoder_config=_bert(),
        class_token_index=_CLASS,
        vocab_size=_LETTERS,
        **options,
    )


def _spans(batch, words):
    starts = torch.arange(words).repeat_interleave(_SPAN)
    ends = starts + torch.arange(_SPAN).repeat(words)
    inside = ends < words
    return (torch.stack([starts, ends], -1) * inside[:, None]).repeat(batch, 1, 1), inside.repeat(batch, 1)


def _prompted(batch, kinds, words):
    """Kinds, each behind its token, then words of one token each."""
    prompt = torch.tensor([_CLASS, 5] * kinds)
    tokens = torch.cat([prompt.repeat(batch, 1), torch.randint(6, 50, (batch, words))], 1)
    places = torch.cat([torch.zeros(2 * kinds, dtype=torch.long), torch.arange(1, words + 1)])
    return {
        "input_ids": tokens,
        "attention_mask": torch.ones_like(tokens),
        "words_mask": places.repeat(batch, 1),
        "text_lengths": torch.full((batch, 1), words),
    }


def _asked(batch, kinds, words):
    def inputs():
        places, mask = _spans(batch, words)
        return _prompted(batch, kinds, words) | {"span_idx": places, "span_mask": mask}

    return inputs


def _tokens(batch, kinds, words):
    return lambda: _prompted(batch, kinds, words)


def _labelled(batch, kinds, words):
    def inputs():
        places, mask = _spans(batch, words)
        tokens = torch.randint(6, 50, (batch, words))
        labels = torch.randint(6, 50, (kinds, 4))
        return {
            "input_ids": tokens,
            "attention_mask": torch.ones_like(tokens),
            "labels_input_ids": labels,
            "labels_attention_mask": torch.ones_like(labels),
            "words_mask": torch.arange(1, words + 1).repeat(batch, 1),
            "text_lengths": torch.full((batch, 1), words),
            "span_idx": places,
            "span_mask": mask,
        }

    return inputs


def _represented(mode, **options):
    def inputs(batch, words):
        places, _ = _spans(batch, words)
        return lambda: (torch.randn(batch, words, _WIDTH), places)

    return Case(
        f"spans by {mode}",
        lambda: SpanRepLayer(_WIDTH, _SPAN, mode, **options),
        a=inputs(2, 6),
        b=inputs(3, 9),
    )


def _short(batch, words):
    return torch.arange(words) < torch.arange(words, words - batch, -1)[:, None]


def _in_context(batch, words):
    places, _ = _spans(batch, words)
    return lambda: {
        "x": torch.randn(batch, words, _WIDTH),
        "span_idx": places,
        "word_mask": _short(batch, words),
    }


def _related(mode):
    def inputs(batch, entities):
        return lambda: (torch.randn(batch, entities, _WIDTH), _short(batch, entities).float())

    return Case(
        f"relations by {mode}", lambda: RelationsRepLayer(_WIDTH, mode, nhead=2), a=inputs(2, 4), b=inputs(3, 6)
    )


def _scored(mode, **options):
    def inputs(triples):
        return lambda: tuple(torch.randn(triples, _WIDTH) for _ in range(3))

    return Case(f"triples by {mode}", lambda: TriplesScoreLayer(mode, _WIDTH, **options), a=inputs(5), b=inputs(8))


def _fused(batch, labels, words):
    return lambda: (
        torch.randn(batch, labels, _WIDTH),
        torch.randn(batch, words, _WIDTH),
        torch.ones(batch, labels),
        _short(batch, words).float(),
    )


CASES = [
    Case(
        "spans of a prompt",
        lambda: UniEncoderSpanModel(_config(UniEncoderSpanConfig, num_rnn_layers=1)),
        a=_asked(2, 2, 6),
        b=_asked(3, 4, 9),
    ),
    Case(
        "spans of a prompt, means of tokens",
        lambda: UniEncoderSpanModel(
            _config(UniEncoderSpanConfig, num_rnn_layers=0, subtoken_pooling="mean", fuse_layers=True)
        ),
        a=_asked(2, 2, 6),
        b=_asked(3, 4, 9),
    ),
    Case(
        "tokens of a prompt",
        lambda: UniEncoderTokenModel(_config(UniEncoderTokenConfig, num_rnn_layers=1)),
        a=_tokens(2, 2, 6),
        b=_tokens(3, 4, 9),
    ),
    Case(
        "tokens, then spans",
        lambda: UniEncoderTokenModel(_config(UniEncoderTokenConfig, num_rnn_layers=0, represent_spans=True)),
        a=_tokens(2, 2, 6),
        b=_tokens(3, 4, 9),
    ),
    Case(
        "relations",
        lambda: UniEncoderSpanRelexModel(
            _config(
                UniEncoderSpanRelexConfig,
                num_rnn_layers=0,
                rel_token_index=_RELATION,
                relations_layer="dot",
                triples_layer="DistMult",
            )
        ),
        a=_asked(2, 2, 6),
        b=_asked(3, 4, 9),
    ),
    Case(
        "spans of labels",
        lambda: BiEncoderSpanModel(
            _config(
                BiEncoderSpanConfig,
                num_rnn_layers=0,
                labels_encoder="bert",
                labels_encoder_config=_bert(),
                post_fusion_schema="l2l-l2t-t2t",
            )
        ),
        a=_labelled(2, 3, 6),
        b=_labelled(3, 4, 9),
    ),
    *(
        _represented(mode)
        for mode in ("marker", "markerV1", "query", "mlp", "cat", "conv_conv", "conv_max", "conv_share", "token_level")
    ),
    Case("spans in context", lambda: SpanRepLayer(_WIDTH, _SPAN, "markerV2"), a=_in_context(2, 6), b=_in_context(3, 9)),
    Case(
        "spans in the context of a recurrence",
        lambda: SpanRepLayer(
            _WIDTH, _SPAN, "markerV0", context_encoder_config=RNNEncoderConfig(_WIDTH, bidirectional=True)
        ),
        a=_in_context(2, 6),
        b=_in_context(3, 9),
    ),
    Case(
        "recurrence",
        lambda: LstmSeq2SeqEncoder(_config(UniEncoderSpanConfig)),
        a=lambda: (torch.randn(2, 6, _WIDTH), _short(2, 6)),
        b=lambda: (torch.randn(3, 9, _WIDTH), _short(3, 9)),
    ),
    Case(
        "fusion of labels and text",
        lambda: CrossFuser(_WIDTH, _WIDTH, 2, schema="l2l-l2t-t2t-t2l"),
        a=_fused(2, 3, 6),
        b=_fused(3, 5, 9),
    ),
    Case(
        "fusion of layers",
        lambda: LayersFuser(4, _WIDTH),
        a=lambda: ([torch.randn(2, 6, _WIDTH) for _ in range(5)],),
        b=lambda: ([torch.randn(3, 9, _WIDTH) for _ in range(5)],),
    ),
    Case(
        "scores of labels",
        lambda: Scorer(_WIDTH),
        a=lambda: (torch.randn(2, 6, _WIDTH), torch.randn(2, 3, _WIDTH)),
        b=lambda: (torch.randn(3, 9, _WIDTH), torch.randn(3, 5, _WIDTH)),
    ),
    *(_related(mode) for mode in ("dot", "mlp", "attention", "bilinear", "gcn", "gat")),
    *(_scored(mode) for mode in ("TransH", "TransF", "TripleRE", "ComplEx", "QuatE", "HolE", "TuckER", "ConvKB")),
    _scored("ConvE", emb_dim1=4),
]
