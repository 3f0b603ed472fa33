"""Calls that an ONNX exporter writes as another computation."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

POOL, WORDS, BEND, SAME = (
    "self.layer = nn.AvgPool2d({})",
    "self.layer = nn.Embedding({})",
    "self.layer = nn.Softplus({})",
    "self.layer = nn.Conv1d({})",
)


@pytest.mark.parametrize(
    "call",
    [
        "nn.functional.avg_pool2d(x, 2, divisor_override=1)",
        "nn.functional.avg_pool3d(x, 2, 2, 0, False, True, 1)",
        "nn.functional.embedding(x, self.words, max_norm=1.0)",
        "nn.functional.embedding(x, self.words, None, 2)",
        "nn.functional.softplus(x, 1, 2)",
        "x.std(keepdim=True)",
        "torch.var_mean(x, None, True, True)",
        "x.norm(keepdim=True)",
        "torch.linalg.norm(x, keepdim=True)",
        "torch.linalg.vector_norm(x, 1, None, True)",
        "x.mean(dim=None, keepdim=True)",
        "torch.argmin(x, keepdim=True)",
        "x.sigmoid().any()",
        "torch.any(x.float(), dim=1)",
        "nn.functional.cosine_similarity(x.reshape(4, 3, 5), x.reshape(60)[:5].reshape(1, 5))",
        "nn.functional.cosine_similarity(x.reshape(4, 3), x.reshape(4, 3)[:, :1], dim=-1)",
        "x.sigmoid().all()",
        "nn.functional.batch_norm(x, self.mean, self.var, training=True)",
        'nn.functional.conv1d(x, self.weight, padding="same", dilation=2)',
        'nn.functional.conv2d(x, self.weight, None, 1, "same", (1, 3))',
        "x.reshape(2, 3).tile((2, 1, 1))",
        "torch.tile(x.reshape(2, 3), (2, 1, 1))",
        "x.reshape(2, 3).tile(2, 1, 1)",
    ],
)
def test_what_an_exporter_changes(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}  # CVL810"))


@pytest.mark.parametrize(
    "call",
    [
        "nn.functional.avg_pool2d(x, 2, divisor_override=None)",
        "nn.functional.avg_pool2d(x, 2, divisor_override=self.divisor)",
        "nn.functional.embedding(x, self.words, 0)",
        "nn.functional.softplus(x, 2.0)",
        "nn.functional.softplus(x, 1, 20)",
        "x.std(1, keepdim=True)",
        "x.std()",
        "x.norm(2, -1, True)",
        "x.mean((1, 2), keepdim=True)",
        "x.argmax(1, keepdim=True)",
        "(x > 0).any()",
        "(x > 0).all()",
        "nn.functional.batch_norm(x, self.mean, self.var, training=self.training)",
        "nn.functional.batch_norm(x, None, None, training=True)",
        'torch.linalg.norm(x.reshape(2, 3), "fro", keepdim=True)',
        'nn.functional.conv1d(x, self.weight, padding="same")',
        "nn.functional.conv1d(x, self.weight, padding=2, dilation=2)",
        "x.reshape(2, 3).tile((2, 1))",
        "x.tile((2, 1, 1))",
        "x.any()",
        "nn.functional.cosine_similarity(x[:, None], x[None], dim=-1)",
        "nn.functional.cosine_similarity(x.reshape(4, 3), x.reshape(1, 3))",
        "nn.functional.cosine_similarity(x.reshape(4, 3, 5), x.reshape(60)[:5].reshape(1, 5), dim=-1)",
    ],
)
def test_what_all_exporters_write_as_it_is(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}"))


@pytest.mark.parametrize(
    ("init", "code"),
    [
        (POOL.format("2, divisor_override=4"), "  # CVL810"),
        (POOL.format("2, 2, 0, False, True, 4"), "  # CVL810"),
        (POOL.format("2"), ""),
        (WORDS.format("9, 4, max_norm=1.0"), "  # CVL810"),
        (WORDS.format("9, 4, 0"), ""),
        (BEND.format("1.0, 3.0"), "  # CVL810"),
        (BEND.format("beta=3"), ""),
        (SAME.format("4, 4, 3, padding='same', dilation=2"), "  # CVL810"),
        (SAME.format("4, 4, 3, 1, 'same', 2"), "  # CVL810"),
        (SAME.format("4, 4, 3, padding='same', dilation=config.dilation"), ""),
        (SAME.format("4, 4, 3, padding='same', dilation=2, padding_mode='reflect'"), ""),
    ],
)
def test_layers_made_with_an_option(agree: Agree, init: str, code: str) -> None:
    agree(forward(f"return self.layer(x){code}", init=init))


@pytest.mark.parametrize(
    ("call", "torchscript", "dynamo"),
    [
        ("x.norm(keepdim=True)", True, True),
        ("x.std(keepdim=True)", True, False),
        ("x.argmax(keepdim=True)", False, True),
        ("nn.functional.batch_norm(x, self.mean, self.var, training=True)", False, True),
    ],
)
def test_it_is_told_of_the_exporter_that_does(agree: Agree, call: str, torchscript: bool, dynamo: bool) -> None:
    for exporter, named in (("torchscript", torchscript), ("dynamo", dynamo)):
        agree(forward(f"return {call}{'  # CVL810' if named else ''}"), exporter=exporter)
