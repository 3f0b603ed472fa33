"""Distributions that are made inside of a model: whether they check values, which stops `torch.export`."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    ("made", "code"),
    [
        ("torch.distributions.Normal(x, 1.0)", "CVL307"),
        ("torch.distributions.normal.Normal(x, 1.0)", "CVL307"),
        ("torch.distributions.Normal(0.0, torch.ones(4))", "CVL307"),
        ("torch.distributions.Categorical(logits=x)", "CVL307"),
        ("torch.distributions.Normal(x, 1.0, validate_args=None)", "CVL307"),
        ("torch.distributions.Normal(x, 1.0, validate_args=True)", "CVL307"),
        ("torch.distributions.Normal(x, 1.0, validate_args=False)", ""),
        ("torch.distributions.Normal(x, 1.0, validate_args=self.check)", ""),
        ("torch.distributions.Normal(0.0, 1.0)", ""),
        ("torch.distributions.StudentT(x, validate_args=False)", "CVL307"),
    ],
)
def test_a_distribution_of_tensors_checks_them(agree: Agree, made: str, code: str) -> None:
    agree(forward(f"d = {made}" + (f"  # {code}" if code else "") + "\nreturn d.mean + x"))


def test_a_distribution_that_is_made_beforehand_is_not_traced(agree: Agree) -> None:
    agree(forward("return self.d.mean + x", init="self.d = torch.distributions.Normal(torch.zeros(4), torch.ones(4))"))
