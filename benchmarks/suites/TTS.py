"""Speech synthesis: recurrent decoders, durations, flows, vocoders."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import torch

from convlint.trial.labels.suite import Case

# it asks whether these are installed; the parts that are here do without
for _name in ("torchaudio", "torchcodec", "matplotlib", "matplotlib.pyplot"):
    _module = ModuleType(_name)
    _module.__spec__ = ModuleSpec(_name, None)
    _module.__path__ = []
    _module.pyplot = None
    sys.modules.setdefault(_name, _module)

from TTS.encoder.models.resnet import ResNetSpeakerEncoder  # noqa: E402
from TTS.tts.configs.fast_pitch_config import FastPitchConfig  # noqa: E402
from TTS.tts.configs.glow_tts_config import GlowTTSConfig  # noqa: E402
from TTS.tts.layers.delightful_tts.conformer import Conformer  # noqa: E402
from TTS.tts.layers.tacotron import tacotron, tacotron2  # noqa: E402
from TTS.tts.layers.tacotron.gst_layers import GST  # noqa: E402
from TTS.tts.layers.vits.networks import ResidualCouplingBlocks, TextEncoder  # noqa: E402
from TTS.tts.layers.vits.stochastic_duration_predictor import StochasticDurationPredictor  # noqa: E402
from TTS.tts.layers.xtts.perceiver_encoder import PerceiverResampler  # noqa: E402
from TTS.tts.models.forward_tts import ForwardTTS  # noqa: E402
from TTS.tts.models.glow_tts import GlowTTS  # noqa: E402
from TTS.vocoder.models.hifigan_generator import HifiganGenerator  # noqa: E402
from TTS.vocoder.models.multiband_melgan_generator import MultibandMelganGenerator  # noqa: E402
from TTS.vocoder.models.parallel_wavegan_generator import ParallelWaveganGenerator  # noqa: E402
from TTS.vocoder.models.univnet_generator import UnivnetGenerator  # noqa: E402

SOURCE = ("TTS",)
_MEL, _LETTERS = 8, 20
_ATTENTION = {
    "attn_norm": "softmax",
    "prenet_type": "original",
    "prenet_dropout": False,
    "trans_agent": False,
    "forward_attn_mask": False,
    "location_attn": True,
    "attn_K": 3,
    "separate_stopnet": True,
    "max_decoder_steps": 4,
}
_TRANSFORMER = {"hidden_channels_ffn": 16, "num_heads": 2, "num_layers": 1, "dropout_p": 0.1}


class _Inference(torch.nn.Module):
    """What a model is exported for: not its ``forward``, which is for training."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *inputs):
        return self.model.inference(*inputs)


def _letters(batch, count):
    return torch.randint(1, _LETTERS, (batch, count))


def _lengths(batch, longest):
    return longest - torch.arange(batch)


def _mask(batch, longest):
    return torch.arange(longest) < _lengths(batch, longest)[:, None]


def _random(*shape):
    return lambda: (torch.randn(shape),)


def _spoken(batch, letters, frames):
    return lambda: (torch.randn(batch, letters, 16), torch.rand(batch, frames, _MEL), _mask(batch, letters))


def _decoder(kind, **options):
    return kind(in_channels=16, frame_channels=_MEL, r=2, **_ATTENTION, **options)


def _tacotron():
    return _decoder(tacotron.Decoder, memory_size=4, attn_type="original", attn_windowing=False, forward_attn=True)


def _tacotron2(attention="original", window=False):
    return _decoder(tacotron2.Decoder, attn_type=attention, attn_win=window, forward_attn=False)


def _fast_pitch():
    config = FastPitchConfig()
    arguments = config.model_args
    arguments.num_chars, arguments.out_channels, arguments.hidden_channels = _LETTERS, _MEL, 16
    arguments.encoder_params = arguments.decoder_params = _TRANSFORMER
    arguments.pitch_predictor_hidden_channels = arguments.duration_predictor_hidden_channels = 8
    arguments.use_aligner = False
    return _Inference(ForwardTTS(config))


def _glow_tts():
    config = GlowTTSConfig(
        num_chars=_LETTERS,
        out_channels=_MEL,
        hidden_channels_enc=16,
        hidden_channels_dec=16,
        hidden_channels_dp=8,
        num_flow_blocks_dec=2,
        encoder_params={
            "kernel_size": 3,
            "dropout_p": 0.1,
            "num_layers": 1,
            "num_heads": 2,
            "hidden_channels_ffn": 16,
            "input_length": None,
        },
    )
    return _Inference(GlowTTS(config))


def _text(batch, count):
    return lambda: (
        _letters(batch, count),
        {"x_lengths": _lengths(batch, count), "d_vectors": None, "speaker_ids": None},
    )


def _latents(batch, count):
    return lambda: {
        "x": torch.randn(batch, 8, count),
        "x_mask": _mask(batch, count)[:, None].float(),
        "reverse": True,
    }


def _conformed(batch, count):
    return lambda: (
        torch.randn(batch, count, 16),
        ~_mask(batch, count),
        torch.randn(batch, 6),
        torch.randn(1, 2 * count, 16),
    )


def _hifigan():
    return HifiganGenerator(_MEL, 1, "1", [[1, 3, 5], [1, 3, 5]], [3, 5], [8, 4], 16, [4, 2])


def _univnet():
    return UnivnetGenerator(
        in_channels=4,
        out_channels=1,
        hidden_channels=4,
        cond_channels=_MEL,
        upsample_factors=[4, 2],
        lvc_layers_each_block=2,
        lvc_kernel_size=3,
        kpnet_hidden_channels=4,
        kpnet_conv_size=1,
        dropout=0.0,
    )


CASES = [
    Case("Tacotron encoder", lambda: tacotron.Encoder(16), _random(2, 7, 16), _random(3, 10, 16)),
    Case("Tacotron decoder", _tacotron, _spoken(2, 7, 4), _spoken(3, 10, 6)),
    Case(
        "Tacotron2 encoder",
        lambda: tacotron2.Encoder(16),
        lambda: (torch.randn(2, 16, 7), _lengths(2, 7)),
        lambda: (torch.randn(3, 16, 10), _lengths(3, 10)),
    ),
    Case("Tacotron2 decoder", lambda: _tacotron2(window=True), _spoken(2, 7, 4), _spoken(3, 10, 6)),
    Case("Tacotron2 decoder, Graves", lambda: _tacotron2("graves"), _spoken(2, 7, 4), _spoken(3, 10, 6)),
    Case("Tacotron2 decoder, free", lambda: _Inference(_tacotron2()), _random(1, 7, 16), _random(1, 10, 16)),
    Case("style tokens", lambda: GST(_MEL, 2, 4, 16), _random(2, 70, _MEL), _random(3, 90, _MEL)),
    Case("FastPitch", _fast_pitch, lambda: (_letters(1, 7),), lambda: (_letters(1, 10),)),
    Case("GlowTTS", _glow_tts, _text(2, 7), _text(3, 10)),
    Case(
        "VITS text encoder",
        lambda: TextEncoder(_LETTERS, 8, 16, 16, 2, 1, 3, 0.1),
        lambda: (_letters(2, 4), _lengths(2, 4)),
        lambda: (_letters(3, 10), _lengths(3, 10)),
    ),
    Case("VITS flow", lambda: ResidualCouplingBlocks(8, 8, 3, 1, 2, num_flows=2), _latents(2, 7), _latents(3, 10)),
    Case("VITS durations", lambda: StochasticDurationPredictor(8, 8, 3, 0.1), _latents(2, 7), _latents(3, 10)),
    Case("Conformer", lambda: Conformer(16, 1, 2, 6, 0.1, 3, 0.1), _conformed(2, 7), _conformed(3, 10)),
    Case(
        "Perceiver",
        lambda: PerceiverResampler(dim=16, depth=1, num_latents=4, dim_head=8, heads=2),
        _random(2, 7, 16),
        _random(3, 10, 16),
    ),
    Case(
        "speaker encoder",
        lambda: _Inference(ResNetSpeakerEncoder(16, 8, [1] * 4, [4, 4, 8, 8])),
        _random(2, 16, 40),
        _random(3, 16, 56),
    ),
    Case("HiFi-GAN", lambda: _Inference(_hifigan()), _random(2, _MEL, 7), _random(3, _MEL, 10)),
    Case("UnivNet", lambda: _Inference(_univnet()), _random(2, _MEL, 7), _random(3, _MEL, 10)),
    Case(
        "MelGAN",
        lambda: _Inference(MultibandMelganGenerator(_MEL, base_channels=32, upsample_factors=(2, 2))),
        _random(2, _MEL, 7),
        _random(3, _MEL, 10),
    ),
    Case(
        "Parallel WaveGAN",
        lambda: ParallelWaveganGenerator(
            num_res_blocks=2,
            stacks=1,
            res_channels=4,
            gate_channels=8,
            skip_channels=4,
            aux_channels=80,
            upsample_factors=[2, 2],
        ),
        _random(2, 80, 7),
        _random(3, 80, 10),
    ),
]
