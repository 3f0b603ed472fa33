"""Speech from phonemes and a voice."""

import sys
from unittest.mock import MagicMock

import torch
from transformers import AlbertConfig

from convlint.trial.labels.suite import Case

# kokoro imports them to find phonemes of a text, which no model does
for name in ("misaki", "misaki.espeak"):
    sys.modules.setdefault(name, MagicMock())

from kokoro.custom_stft import CustomSTFT  # noqa: E402
from kokoro.istftnet import AdaINResBlock1, Decoder, SineGen, TorchSTFT  # noqa: E402
from kokoro.model import KModel, KModelForONNX  # noqa: E402
from kokoro.modules import CustomAlbert, DurationEncoder, ProsodyPredictor, TextEncoder  # noqa: E402

SOURCE = ("kokoro",)
_SYMBOLS, _STYLE = 20, 16
_GENERATOR = {
    "resblock_kernel_sizes": [3, 5],
    "upsample_rates": [4, 2],
    "upsample_initial_channel": 512,
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]],
    "upsample_kernel_sizes": [8, 4],
    "gen_istft_n_fft": 8,
    "gen_istft_hop_size": 2,
}


def _wave(batch, samples):
    return lambda: (torch.randn(batch, samples),)


def _frames(batch, count):
    """What is said, how high, how loud, and by whom."""
    return lambda: (
        torch.randn(batch, 512, count),
        200 * torch.rand(batch, 2 * count),
        torch.rand(batch, 2 * count),
        torch.randn(batch, _STYLE),
    )


def _lengths(batch, longest):
    lengths = longest - torch.arange(batch) % longest
    return lengths, torch.arange(longest) >= lengths[:, None]


def _text(batch, longest):
    def inputs():
        return torch.randint(1, _SYMBOLS, (batch, longest)), *_lengths(batch, longest)

    return inputs


def _encoded(batch, longest):
    def inputs():
        return torch.randn(batch, 32, longest), torch.randn(batch, _STYLE), *_lengths(batch, longest)

    return inputs


def _aligned(batch, longest, frames):
    def inputs():
        lengths, mask = _lengths(batch, longest)
        alignment = torch.eye(longest).repeat_interleave(frames, 1).expand(batch, -1, -1).contiguous()
        return torch.randn(batch, 32, longest), torch.randn(batch, _STYLE), lengths, alignment, mask

    return inputs


def _phonemes(batch, count):
    return lambda: (torch.randint(1, _SYMBOLS, (batch, count)),)


def _spoken(count):
    return lambda: (torch.randint(1, _SYMBOLS, (1, count)), torch.randn(1, 2 * 128))


def _decoder(disable_complex):
    return lambda: Decoder(512, _STYLE, 80, **_GENERATOR, disable_complex=disable_complex)


def _albert(hidden):
    return AlbertConfig(
        vocab_size=_SYMBOLS,
        embedding_size=8,
        hidden_size=hidden,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        num_hidden_layers=2,
    )


class _Speaker(KModel):
    """With the weights that it is made with: a ``KModel`` reads its own from a file."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.bert = CustomAlbert(_albert(16))
        self.bert_encoder = torch.nn.Linear(16, 512)
        self.predictor = ProsodyPredictor(style_dim=128, d_hid=512, nlayers=1, max_dur=4, dropout=0.1)
        self.text_encoder = TextEncoder(channels=512, kernel_size=5, depth=1, n_symbols=_SYMBOLS)
        self.decoder = Decoder(512, 128, 80, **_GENERATOR)


class _Contour(torch.nn.Module):
    """The part of a predictor that is called by another name than ``forward``."""

    def __init__(self):
        super().__init__()
        self.predictor = _predictor()

    def forward(self, x, s):
        return self.predictor.F0Ntrain(x, s)


def _predictor():
    return ProsodyPredictor(style_dim=_STYLE, d_hid=32, nlayers=2, max_dur=5)


CASES = [
    Case("STFT", lambda: TorchSTFT(16, 4, 16), _wave(2, 64), _wave(3, 96)),
    Case("STFT, convolutions", lambda: CustomSTFT(16, 4, 16), _wave(2, 64), _wave(3, 96)),
    Case("STFT, not centred", lambda: CustomSTFT(16, 4, 12, center=False), _wave(2, 64), _wave(3, 96)),
    Case(
        "sines",
        lambda: SineGen(24000, 16, harmonic_num=2, voiced_threshold=10),
        lambda: (300 * torch.rand(2, 64, 1),),
        lambda: (300 * torch.rand(3, 96, 1),),
    ),
    Case(
        "pulses",
        lambda: SineGen(24000, 16, voiced_threshold=100, flag_for_pulse=True),
        lambda: (300 * torch.rand(2, 64, 1),),
        lambda: (300 * torch.rand(3, 96, 1),),
    ),
    Case(
        "residual block",
        lambda: AdaINResBlock1(8, style_dim=_STYLE),
        lambda: (torch.randn(2, 8, 12), torch.randn(2, _STYLE)),
        lambda: (torch.randn(3, 8, 19), torch.randn(3, _STYLE)),
    ),
    Case("decoder", _decoder(False), _frames(2, 6), _frames(3, 9)),
    Case("decoder, convolutions", _decoder(True), _frames(2, 6), _frames(3, 9)),
    Case("text", lambda: TextEncoder(32, 5, 2, _SYMBOLS), _text(2, 7), _text(3, 10)),
    Case("durations", lambda: DurationEncoder(_STYLE, 32, 2), _encoded(2, 7), _encoded(3, 10)),
    Case("prosody", _predictor, _aligned(2, 7, 2), _aligned(3, 10, 3)),
    Case(
        "contour",
        _Contour,
        lambda: (torch.randn(2, 32 + _STYLE, 6), torch.randn(2, _STYLE)),
        lambda: (torch.randn(3, 32 + _STYLE, 9), torch.randn(3, _STYLE)),
    ),
    Case("ALBERT", lambda: CustomAlbert(_albert(16)), _phonemes(2, 7), _phonemes(3, 10)),
    Case("speaker", lambda: KModelForONNX(_Speaker()), _spoken(7), _spoken(10)),
]
