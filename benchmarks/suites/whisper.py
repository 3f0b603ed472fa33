"""Speech recognition."""

import torch
from whisper.model import ModelDimensions, Whisper

from convlint.trial.labels.suite import Case

SOURCE = ("whisper",)
_AUDIO, _STATE, _WORDS = 24, 32, 60


class _Cached(torch.nn.Module):
    """A step of decoding with the cache of the steps before, as ``whisper.decoding`` does."""

    def __init__(self):
        super().__init__()
        self.whole = _whisper()

    def forward(self, tokens, audio):
        cache, hooks = self.whole.install_kv_cache_hooks()
        self.whole.decoder(tokens[:, :-1], audio, kv_cache=cache)
        step = self.whole.decoder(tokens[:, -1:], audio, kv_cache=cache)
        for hook in hooks:
            hook.remove()
        return step


def _whisper():
    made = Whisper(ModelDimensions(16, _AUDIO, _STATE, 4, 2, _WORDS, 20, _STATE, 4, 2))
    torch.nn.init.normal_(made.decoder.positional_embedding)
    return made


def _sound(batch):
    return torch.randn(batch, 16, 2 * _AUDIO)


def _tokens(batch, length):
    return torch.randint(_WORDS, (batch, length))


def _heard(batch):
    return torch.randn(batch, _AUDIO, _STATE)


CASES = [
    Case("encoder", lambda: _whisper().encoder, lambda: (_sound(2),), lambda: (_sound(3),)),
    Case("decoder", lambda: _whisper().decoder, lambda: (_tokens(2, 5), _heard(2)), lambda: (_tokens(3, 9), _heard(3))),
    Case("whole", _whisper, lambda: (_sound(2), _tokens(2, 5)), lambda: (_sound(3), _tokens(3, 9))),
    Case("cached step", _Cached, lambda: (_tokens(2, 5), _heard(2)), lambda: (_tokens(3, 9), _heard(3))),
]
