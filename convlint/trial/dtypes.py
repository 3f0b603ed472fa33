"""Makes ``dtypes.json``: what each route makes of operators on each mix of dtypes, by running them.

``python -m convlint.trial.dtypes [WORD...]`` measures all rows, or only those of operators
that contain a word, or (``missing``) those that the table does not have yet, and keeps the others. Every row is a
model of one expression, exported on all routes and compared with eager on other values (negative ones too) and
another batch. Linting only reads the table.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from convlint.analyzer import torch_facts
from convlint.errors import UsageError
from convlint.trial.job import Job, without_folders
from convlint.trial.runner import Runner

TABLE = Path(torch_facts.__file__).with_name("dtypes.json")
INPUTS = {
    **dict.fromkeys(("f", "g"), "float32[N=3, 4]"),
    **dict.fromkeys(("i", "k"), "int64[N=3, 4]"),
    "p": "int64[N=3, 4] in 1..3",
    **dict.fromkeys(("b", "c"), "bool[N=3, 4]"),
    "m": "float32[N=2, 3, 8, 8]",
}
FIRST = {
    "float": "f",
    "int": "i",
    "bool": "b",
    "bfloat16": "f.bfloat16()",
}
SECOND = {
    "float": "g",
    "int": "k",
    "bool": "c",
    "bfloat16": "g.bfloat16()",
    "0.5": "0.5",
    "2": "2",
}
CLASSES = ("float", "int", "bool")
PAIRS = [(a, b) for a in CLASSES for b in CLASSES if a != b or a != "float"]
NUMBERS = [(a, b) for a in ("int", "bool") for b in ("0.5", "2")] + [("float", "2")]

BINARY = {
    "torch.add": "{0} + {1}",
    "torch.sub": "{0} - {1}",
    "torch.mul": "{0} * {1}",
    "torch.div": "{0} / ({1} + 10)",
    "torch.floor_divide": "{0} // ({1} + 10)",
    "torch.remainder": "{0} % ({1} + 10)",
    "torch.fmod": "torch.fmod({0}, {1} + 10)",
    "torch.pow": "{0} ** {1}",
    "torch.lt": "{0} < {1}",
    "torch.eq": "{0} == {1}",
    "torch.where": "torch.where(g > 0, {0}, {1})",
}
TENSORS = {
    "torch.maximum": "torch.maximum({0}, {1})",
    "torch.minimum": "torch.minimum({0}, {1})",
    "torch.max": "torch.max({0}, {1})",
    "torch.cat": "torch.cat([{0}, {1}], 1)",
    "torch.stack": "torch.stack([{0}, {1}], 1)",
    "torch.atan2": "torch.atan2({0}, {1})",
    "torch.bitwise_and": "{0} & {1}",
    "torch.logical_and": "torch.logical_and({0}, {1})",
    "torch.isin": "torch.isin({0}, {1})",
    "torch.outer": "torch.outer({0}[0], {1}[0])",
    "torch.matmul": "{0} @ {1}.transpose(0, 1)",
    "torch.bmm": "torch.bmm({0}[None], {1}.transpose(0, 1)[None])",
    "torch.einsum": "torch.einsum('ni,mi->nm', {0}, {1})",
    "torch.nn.functional.linear": "nn.functional.linear({0}, {1})",
    "torch.addcmul": "torch.addcmul({0}, {1}, {1})",
    "torch.addcdiv": "torch.addcdiv({0}, {1}, {1} + 10)",
    "torch.lerp": "torch.lerp({0}, {1}, 0.5)",
    "torch.clamp": "torch.clamp({0}, min={1})",
    "torch.masked_fill": "{0}.masked_fill(g > 0, {1}[0, 0])",
    "torch.scatter": "{0}.scatter(1, p, {1})",
    "torch.scatter_add": "{0}.scatter_add(1, p, {1})",
    "torch.index_add": "{0}.index_add(0, p[:, 0] - 1, {1})",
    "torch.index_put": "{0}.index_put((p[:, 0] - 1,), {1})",
    "torch.index_copy": "{0}.index_copy(0, torch.arange(2), {1}[:2])",
    "torch.Tensor.copy_": "{0}.clone().copy_({1})",
    "torch.bucketize": "torch.bucketize({0}, {1}[0].sort()[0])",
    "torch.searchsorted": "torch.searchsorted({1}[0].sort()[0], {0})",
    "torch.cdist": "torch.cdist({0}, {1})",
    "torch.nn.functional.mse_loss": "nn.functional.mse_loss({0}, {1})",
}
ONLY_NUMBERS = {
    "torch.clamp": "{0}.clamp({1}, 3)",
    "torch.clamp min": "{0}.clamp(min={1})",
    "torch.clamp max": "{0}.clamp(max={1})",
    "torch.clamp both": "{0}.clamp({1}, {1} + 1)",
    "torch.clamp_min": "{0}.clamp_min({1})",
    "torch.masked_fill": "{0}.masked_fill(g > 0, {1})",
    "torch.rsub": "{1} - {0}",
    "torch.rpow": "{1} ** {0}",
    "torch.rdiv": "{1} / ({0} + 10)",
    "torch.rfloordiv": "{1} // ({0} + 10)",
    "torch.full_like": "torch.full_like({0}, {1})",
    "torch.nn.functional.pad": "nn.functional.pad({0}, (1, 1), value={1})",
    "torch.new_full": "{0}.new_full((2, 2), {1})",
}
REDUCTIONS = ("sum", "prod", "mean", "max", "min", "amax", "amin", "any", "all", "argmax", "argmin")
UNARY = {
    **{
        f"torch.{name}": f"{{0}}.{name}()"
        for name in [
            "abs",
            "neg",
            "sign",
            *REDUCTIONS,
            "sqrt",
            "rsqrt",
            "exp",
            "log",
            "sin",
            "sigmoid",
            "tanh",
            "erf",
            "relu",
            "floor",
            "ceil",
            "round",
            "trunc",
            "square",
            "cos",
            "log1p",
            "reciprocal",
            "isnan",
            "logical_not",
            "bitwise_not",
            "nonzero",
            "unique",
            "diag",
            "tril",
            "triu",
            "std",
        ]
    },
    **{
        f"torch.{name} dim": f"{{0}}.{name}(1)"
        for name in [
            *REDUCTIONS,
            "cumsum",
            "cumprod",
            "cummax",
            "logsumexp",
            "softmax",
            "sort",
            "argsort",
            "median",
            "flip",
            "softmax",
            "count_nonzero",
            "std",
            "norm",
        ]
    },
    "torch.clamp": "{0}.clamp(0, 1)",
    "torch.topk": "{0}.topk(2)",
    "torch.gather": "{0}.gather(1, p)",
    "torch.index_select": "{0}.index_select(0, p[:, 0] - 1)",
    "torch.repeat_interleave": "{0}.repeat_interleave(2, 0)",
    "torch.roll": "{0}.roll(1, 1)",
    "torch.nn.functional.pad": "nn.functional.pad({0}, (1, 1))",
    "torch.nn.functional.relu": "nn.functional.relu({0})",
    "torch.nn.functional.softmax": "nn.functional.softmax({0}, 1)",
    "torch.nn.functional.gelu": "nn.functional.gelu({0})",
    "torch.nn.functional.silu": "nn.functional.silu({0})",
    **{
        f"torch.nn.functional.{name}": f"nn.functional.{name}({{0}})"
        for name in ["elu", "hardsigmoid", "hardswish", "hardtanh", "mish", "softplus"]
    },
    "torch.nn.functional.leaky_relu": "nn.functional.leaky_relu({0})",
    "torch.nn.functional.layer_norm": "nn.functional.layer_norm({0}, (4,))",
    "torch.nn.functional.normalize": "nn.functional.normalize({0})",
    "torch.nn.functional.one_hot": "nn.functional.one_hot(({0} > 0).long(), 3)",
    "torch.nn.functional.max_pool1d": "nn.functional.max_pool1d({0}[None], 2)",
    "torch.nn.functional.avg_pool1d": "nn.functional.avg_pool1d({0}[None], 2)",
    "torch.nn.functional.interpolate": "nn.functional.interpolate({0}[None], scale_factor=2)",
    "torch.nn.functional.conv1d": "nn.functional.conv1d({0}[None].transpose(1, 2), {0}.new_ones(2, 4, 1))",
    "torch.matmul": "{0} @ {0}.transpose(0, 1)",
    "torch.floor_divide": "{0} // 2",
    "torch.floor_divide -2": "{0} // -2",
    "torch.remainder": "{0} % 3",
    "torch.remainder -3": "{0} % -3",
    "torch.fmod": "torch.fmod({0}, 3)",
    "torch.div floor": "torch.div({0}, 3, rounding_mode='floor')",
    "torch.div trunc": "torch.div({0}, 3, rounding_mode='trunc')",
    "torch.floor_divide tensor": "{0} // torch.tensor(2)",
    "torch.pow": "{0} ** 2",
    "torch.bitwise_left_shift": "{0} << 1",
    "torch.bitwise_right_shift": "{0} >> 1",
    "torch.linalg.norm": "torch.linalg.norm({0}, dim=1)",
    "setitem": "y = {0}.clone(); y[:, 0] = 0; return y",
    "setitem mask": "y = {0}.clone(); y[g > 0] = 0; return y",
}
MORE = {
    "index int32": ["f[p.to(torch.int32) - 1]", "f.gather(1, p.to(torch.int32))", "f.take_along_dim(p, 1)"],
    "index_select int32": ["f.index_select(0, p[:, 0].to(torch.int32) - 1)"],
    "embedding int32": ["nn.functional.embedding(p.to(torch.int32), torch.ones(4, 2))"],
    "index uint8": ["f[(f > 0).to(torch.uint8)]"],
    "one_hot int32": ["nn.functional.one_hot(p.to(torch.int32), 4)"],
    "arange": [
        "f + torch.arange(f.shape[1])",
        "f * torch.arange(4, dtype=torch.float64)",
        "f[torch.arange(0.0, 2.0).int()]",
    ],
    "setitem mixed": [
        "y = f.clone(); y[:, 0] = i[:, 0]; return y",
        "y = i.clone(); y[:, 0] = f[:, 0]; return y",
        "y = f.clone(); y[g > 0] = i[g > 0]; return y",
        "y = i.clone(); y[g > 0] = 0.5; return y",
        "y = i.clone(); y[:, 0] = 2.5; return y",
        "y = f.clone(); y[:, 0] = b[:, 0]; return y",
        "y = i.clone(); y[:, 0] = b[:, 0]; return y",
    ],
    "inplace mixed": [
        "y = f.clone(); y += i; return y",
        "y = f.clone(); y *= b; return y",
        "y = i.clone(); y *= b; return y",
        "y = i.clone(); y += 1; return y",
        "y = i.clone(); y //= 2; return y",
        "y = i.clone(); y %= 3; return y",
    ],
    "clamp": [
        "f.clamp(0, 0.5)",
        "f.clamp(0.0, 0.5)",
        "f.clamp(1e-6, 1)",
        "torch.clamp(f, min=0, max=0.5)",
        "f.clone().clamp_(0, 0.5)",
        "f.clip(0, 0.5)",
        "nn.functional.hardtanh(f, 0, 0.5)",
        "i.clamp(0, 3.0)",
        "i.clamp(0.0, 3.0)",
        "i.float().clamp(0.0, 3.0)",
        "f.argmax(1).clamp(min=0.0)",
        "f / b.sum(1, keepdim=True).clamp(min=1e-6)",
        "f / b.sum(1, keepdim=True).float().clamp(min=1e-6)",
    ],
    "division": [
        "i // p",
        "i % p",
        "torch.floor_divide(i, p)",
        "torch.remainder(i, 3)",
        "i.floor_divide(2)",
        "i.remainder(3)",
        "torch.div(i, p, rounding_mode='floor')",
        "torch.div(i, 2, rounding_mode='floor')",
        "i.fmod(3)",
        "(i * 1) // 4",
        "(i / 2).floor().long()",
        "(i / 2).long()",
        "(i - k) // 2",
        "(i - k) % 3",
        "i.abs() // 2",
        "-(i.abs()) // 2",
        "(i - 1) // 2",
        "7 // p",
        "-7 // p",
        "i.to(torch.int32) // 2",
        "i.to(torch.int32) % 3",
        "f // 2",
        "f % 3",
        "f // -1.5",
        "f % -1.5",
        "f.argmax(1) // 2",
        "f.argmax(1) % 3",
        "i + torch.arange(-2, 2) // 2",
        "f.long() // 2",
        "i // 2 * 2",
        "f.floor_divide(2)",
        "f.int() // 2",
        "b.sum(1) // 2",
        "b.cumsum(1) // 2",
        "b.nonzero() // 2",
        "f.topk(2)[1] // 2",
        "f + -(-f.shape[0] // 2)",
        "f + -f.shape[0] // 2",
        "f + f.shape[0] // -2",
        "f + (-f.shape[0] % 4)",
        "f + (f.shape[0] + 1) // 2",
        "i // f",
        "f // (i + 20)",
        "p // 2.0",
        "torch.floor_divide(7, p)",
        "torch.div(i, 2.0, rounding_mode='floor')",
        "torch.div(torch.tensor(7), p, rounding_mode='floor')",
        "7.0 // p",
        "7 // (f.abs() + 1)",
        "7.0 // (f.abs() + 1)",
        "-7 // (f.abs() + 1)",
        "torch.tensor(7) // p",
        "f.shape[0] // p",
        "p // f.shape[0]",
        "f.double() // 2",
        "f.div(2, rounding_mode='floor')",
        "f.long() % 3",
        "y = i + 0; y //= 2; return y",
        "-7 % p",
        "i // -2",
        "i % -3",
        "8 // i.abs().add(1)",
        "2.5 // p",
        "7 % p",
        "f.shape[1] // 2 + f",
        "i // 2.0",
        "i % 2.5",
    ],
    "autocast": [
        f"with {context}:\n    y = nn.functional.linear(f, f.new_ones(2, 4))\nreturn y.float()"
        for context in (
            "torch.autocast('cpu', dtype=torch.bfloat16)",
            "torch.autocast('cpu', dtype=torch.float16)",
            "torch.autocast('cpu')",
            "torch.autocast('cuda')",
            "torch.autocast(f.device.type)",
            "torch.autocast('cpu', enabled=False)",
            "torch.autocast('cuda', enabled=False)",
            "torch.autocast('cuda', dtype=torch.float16)",
            "torch.amp.autocast('cpu', dtype=torch.bfloat16)",
            "torch.autocast('cuda', dtype=torch.bfloat16)",
            "torch.autocast(device_type='cpu', dtype=torch.float32)",
            "torch.autocast(device_type='cuda', dtype=torch.float32)",
            "torch.cuda.amp.autocast()",
            "torch.cuda.amp.autocast(enabled=False)",
            "torch.cpu.amp.autocast()",
        )
    ]
    + [
        "with torch.autocast('cpu', dtype=torch.bfloat16):\n    y = f * 2\nreturn y",
        "with torch.autocast('cpu', dtype=torch.bfloat16):\n    y = f @ g.transpose(0, 1)\nreturn y.float()",
        "with torch.autocast('cpu', dtype=torch.bfloat16):\n    y = f.exp().sum()\nreturn y",
    ],
    "reduced": [
        f"{body}"
        for one in ("half", "bfloat16")
        for body in (
            f"f.{one}().float()",
            f"f.to(torch.{'float16' if one == 'half' else one}).float()",
            f"(f.{one}() * 2).float()",
            f"f.{one}()",
            f"(f.{one}() * g.{one}()).float()",
            f"nn.functional.linear(f.{one}(), g.{one}()).float()",
            f"nn.functional.conv2d(m.{one}(), torch.ones(2, 3, 1, 1).{one}()).float()",
            f"f.{one}().softmax(1).float()",
            f"nn.functional.layer_norm(f.{one}(), (4,)).float()",
            f"f + g.{one}()",
            f"f.{one}().sum(1).float()",
            f"nn.functional.interpolate(m.{one}(), scale_factor=2.0, mode='bilinear').float()",
        )
    ],
    "float64": [
        "f.double().sin().float()",
        "f.double() @ g.double().transpose(0, 1)",
        "f.double().cumsum(1)",
        "nn.functional.conv2d(m.double(), torch.ones(2, 3, 1, 1).double())",
        "nn.functional.max_pool2d(m.double(), 2)",
        "nn.functional.gelu(f.double())",
        "nn.functional.silu(f.double())",
        "nn.functional.layer_norm(f.double(), (4,))",
        "nn.functional.interpolate(m.double(), scale_factor=2.0, mode='bilinear')",
        "f.double().topk(2)",
        "f.double().softmax(1)",
        "f.double().erf()",
        "f.double().sigmoid()",
        "f.double().atan2(g.double())",
        "f + torch.linspace(0, 1, 4, dtype=torch.float64)",
        "f * torch.tensor(0.5, dtype=torch.float64)",
        "f.double().clamp(0, 1)",
        "f.double().round()",
        "f.double().floor()",
        "f.double().cos()",
        "f.double().tan()",
        "f.double().tanh()",
        "f.double().exp()",
        "f.double().log1p()",
        "f.double().asin()",
        "f.double().norm(dim=1)",
        "nn.functional.avg_pool2d(m.double(), 2)",
        "nn.functional.batch_norm(m.double(), torch.zeros(3).double(), torch.ones(3).double())",
        "nn.functional.grid_sample(m.double(), m.double()[:, :2].permute(0, 2, 3, 1))",
        "f.double().argmax(1)",
        "torch.einsum('ni,mi->nm', f.double(), g.double())",
        "nn.functional.leaky_relu(f.double())",
        "nn.functional.elu(f.double())",
        "nn.functional.softplus(f.double())",
        "nn.functional.hardswish(f.double())",
        "f.double().max(1)",
        "f.double().prod(1)",
        "f.double().logsumexp(1)",
        "f.double().trunc()",
        "nn.functional.adaptive_avg_pool2d(m.double(), 1)",
    ],
    "complex": [
        "torch.fft.rfft(f).abs()",
        "torch.view_as_real(torch.fft.rfft(f))",
        "torch.fft.fft(f).real",
        "torch.fft.fft2(m).abs()",
        "torch.fft.irfft(torch.fft.rfft(f), n=4)",
        "torch.fft.rfft2(m).abs()",
        "torch.fft.irfft2(torch.fft.rfft2(m), s=(8, 8))",
        "torch.fft.fftshift(f)",
        "torch.fft.ifft(torch.fft.fft(f)).real",
        "torch.fft.fftn(m).real",
        "torch.fft.rfftn(m).abs()",
        "torch.view_as_real(torch.complex(f, g))",
        "torch.complex(f, g).abs()",
        "torch.complex(f, g).angle()",
        "torch.view_as_real(torch.polar(f.abs(), g))",
        "torch.view_as_real(torch.view_as_complex(f.reshape(-1, 2, 2)))",
        "torch.view_as_real(torch.view_as_complex(f.reshape(-1, 2, 2)) * torch.view_as_complex(g.reshape(-1, 2, 2)))",
        "torch.view_as_real(torch.view_as_complex(f.reshape(-1, 2, 2)) * torch.polar(torch.ones(2), torch.ones(2)))",
        "torch.view_as_real(torch.view_as_complex(f.reshape(-1, 2, 2)) + torch.view_as_complex(g.reshape(-1, 2, 2)))",
        "torch.complex(f, g).real",
        "torch.complex(f, g).imag",
        "torch.complex(f, g).conj().imag",
        "f.to(torch.complex64).real",
        "(torch.complex(f, g) @ torch.complex(f, g).transpose(0, 1)).abs()",
        "torch.complex(f, g)",
        "(1j * f).imag",
        "(torch.complex(f, g) / 2).real",
        "torch.exp(torch.complex(f, g)).real",
        "torch.complex(f, g).reshape(-1).real",
        "(torch.complex(f, g) * f).real",
        "torch.fft.fftfreq(4) + f",
        "torch.fft.hfft(f)",
        "torch.complex(f, g)[:, :2].imag",
        "torch.cat([torch.complex(f, g), torch.complex(g, f)]).imag",
        "torch.complex(f, g).sum(1).imag",
        "(torch.complex(f, g) * torch.complex(g, f)).imag",
        "(torch.complex(f, g) / torch.complex(g, f.abs() + 1)).imag",
        "torch.stft(m[:, 0].reshape(-1, 64), 16, return_complex=True, window=torch.ones(16)).abs()",
        "torch.stft(m[:, 0].reshape(-1, 64), 16, return_complex=False, window=torch.ones(16))",
        "torch.view_as_real(torch.stft(m[:, 0].reshape(-1, 64), 16, return_complex=True, window=torch.ones(16)))",
    ],
}

AUTOCAST = {
    "torch.matmul": "torch.matmul(f, g.transpose(0, 1))",
    "torch.mm": "torch.mm(f, g.transpose(0, 1))",
    "torch.bmm": "torch.bmm(f[None], g.transpose(0, 1)[None])",
    "torch.addmm": "torch.addmm(f.new_zeros(1), f, g.transpose(0, 1))",
    "torch.baddbmm": "torch.baddbmm(f.new_zeros(1), f[None], g.transpose(0, 1)[None])",
    "torch.einsum": "torch.einsum('ni,mi->nm', f, g)",
    "torch.mv": "torch.mv(f, g[0])",
    "torch.dot": "torch.dot(f[0], g[0])",
    "torch.outer": "torch.outer(f[0], g[0])",
    "torch.cdist": "torch.cdist(f, g)",
    "torch.nn.functional.linear": "nn.functional.linear(f, f.new_ones(2, 4))",
    "torch.nn.functional.conv1d": "nn.functional.conv1d(m[:, 0], m.new_ones(2, 8, 1))",
    "torch.nn.functional.conv2d": "nn.functional.conv2d(m, m.new_ones(2, 3, 1, 1))",
    "torch.nn.functional.conv_transpose2d": "nn.functional.conv_transpose2d(m, m.new_ones(3, 2, 1, 1))",
    "torch.nn.functional.scaled_dot_product_attention": "nn.functional.scaled_dot_product_attention(m, m, m)",
    "torch.nn.functional.bilinear": "nn.functional.bilinear(f, g, f.new_ones(2, 4, 4))",
    "torch.nn.functional.layer_norm": "nn.functional.layer_norm(f, (4,))",
    "torch.nn.functional.gelu": "nn.functional.gelu(f)",
    "torch.nn.functional.softmax": "nn.functional.softmax(f, 1)",
    "torch.nn.functional.interpolate": "nn.functional.interpolate(m, scale_factor=2.0, mode='bilinear')",
    "torch.cat": "torch.cat([f, g])",
    "torch.sum": "f.sum(1)",
    "torch.mul": "f * g",
    "torch.exp": "f.exp()",
}
"""What is called under ``torch.autocast("cpu", dtype=torch.bfloat16)``, its result made a float again."""


class Row(NamedTuple):
    """One model to measure."""

    operator: str
    dtypes: str
    body: str


def rows() -> Iterator[Row]:
    """All rows."""
    for templates, pairs in ((BINARY, PAIRS + NUMBERS), (TENSORS, PAIRS), (ONLY_NUMBERS, NUMBERS)):
        for (name, text), (a, b) in itertools.product(templates.items(), pairs):
            yield Row(name, f"{a}, {b}", text.format(FIRST[a], SECOND[b]))
    for (name, text), a in itertools.product(UNARY.items(), ("int", "bool")):
        yield Row(name, a, text.format(FIRST[a]))
    reduced = "bfloat16"  # made a float again: an array cannot hold it
    for name, text in {**BINARY, **TENSORS}.items():
        yield Row(name, f"{reduced}, {reduced}", f"({text.format(FIRST[reduced], SECOND[reduced])}).float()")
    for name, text in UNARY.items():
        if ";" not in text:
            yield Row(name, reduced, f"({text.format(FIRST[reduced])}).float()")
    for name, text in AUTOCAST.items():
        yield Row(
            "under autocast",
            name,
            f"with torch.autocast('cpu', dtype=torch.bfloat16):\n    y = {text}\nreturn y.float()",
        )
    for theme, bodies in MORE.items():
        yield from (Row(theme, "", body) for body in bodies)


def source(body: str) -> tuple[str, str]:
    """The file of the model, and its inputs."""
    *before, last = body.replace("; ", "\n").split("\n")
    lines = [*before, last if last.startswith("return") else f"return {last}"]
    used = [name for name in INPUTS if re.search(rf"(?<![\w.'\"]){name}(?![\w'\"=])", body)]
    head = "import torch\nfrom torch import nn\n\n\nclass Model(nn.Module):\n"
    text = f"{head}    def forward(self, {', '.join(used)}):\n" + "".join(f"        {line}\n" for line in lines)
    return text, "; ".join(f"{name}: {INPUTS[name]}" for name in used)


class Measured(NamedTuple):
    """What came of a row: the harmful routes with the reason, or why eager itself refuses."""

    harm: dict[str, str]
    why: dict[str, str]
    eager: str
    versions: dict[str, str]


def measure(row: Row, runner: Runner, folder: Path) -> Measured:
    """What the routes make of a row."""
    text, inputs = source(row.body)
    path = folder / "model.py"
    path.write_text(text, encoding="utf-8")
    try:
        trial = runner.run(Job(path=str(path), inputs=inputs))
    except UsageError as error:
        return Measured({}, {}, str(error).rpartition("given: ")[2][:100], {})
    bad = {route: outcome for route, outcome in trial.outcomes.items() if outcome.level}
    why = {route: (f"on {o.on}: " if o.on else "") + without_folders(o.message)[:300] for route, o in bad.items()}
    return Measured({route: o.level.name for route, o in bad.items()}, why, "", dict(trial.versions))


def _share(todo: Sequence[Row]) -> list[tuple[Row, Measured]]:
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder, Runner(seconds=60) as runner:
        return [(row, measure(row, runner, Path(folder))) for row in todo]


def as_json(known: dict[str, dict[str, Any]], measured: Sequence[tuple[Row, Measured]]) -> dict[str, dict[str, Any]]:
    """The rows by operator and dtypes (or body): what is measured now in the place of what was."""
    for row, found in measured:
        entry: dict[str, Any] = {"body": row.body} if row.dtypes else {}
        entry |= {"eager": found.eager} if found.eager else {"harm": found.harm}
        if found.why:
            entry["why"] = found.why
        known.setdefault(row.operator, {})[row.dtypes or row.body] = entry
    return known


def main(words: Sequence[str]) -> None:
    """Measures in two processes, and writes the table, one row a line, after every sixty rows."""
    known = _stored()["rows"] if list(words) == ["missing"] else None
    if known is not None:
        todo = [row for row in rows() if (row.dtypes or row.body) not in known.get(row.operator, {})]
    else:
        todo = [row for row in rows() if not words or any(word in row.operator for word in words)]
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(todo), 60):
            part = todo[start : start + 60]
            store([one for half in pool.map(_share, (part[::2], part[1::2])) for one in half])


def _stored() -> dict[str, Any]:
    table: dict[str, Any] = {"versions": {}, "rows": {}}
    return json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else table


def store(measured: Sequence[tuple[Row, Measured]]) -> None:
    """Puts rows into the table; rows that no longer exist leave it."""
    old = _stored()
    versions = next((found.versions for _, found in measured if found.versions), old["versions"])
    table = as_json(old["rows"], measured)
    blocks: dict[str, list[str]] = {}
    for row in rows():
        key = row.dtypes or row.body
        if key in table.get(row.operator, {}):
            line = f"   {json.dumps(key)}: {json.dumps(table[row.operator][key])}"
            blocks.setdefault(row.operator, []).append(line)
    body = ",\n".join(
        f"  {json.dumps(name)}: {{\n{(',' + chr(10)).join(lines)}\n  }}" for name, lines in blocks.items()
    )
    TABLE.write_text(f'{{\n "versions": {json.dumps(versions)},\n "rows": {{\n{body}\n }}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
