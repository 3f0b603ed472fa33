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


def test_making_a_distribution_beforehand_is_not_traced(agree: Agree) -> None:
    agree(forward("return self.d.mean + x", init="self.d = torch.distributions.Normal(torch.zeros(4), torch.ones(4))"))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("self.prior.log_prob(x)", "CVL307"),
        ("self.normal.log_prob(x)", "CVL307"),
        ("torch.distributions.Normal(0.0, 1.0).log_prob(x)", "CVL307"),
        ("torch.distributions.Uniform(0, 1).cdf(x)", "CVL307"),
        ("self.unchecked.log_prob(x)", ""),
        ("x + self.prior.sample(x.shape)", ""),
        ("x + self.prior.mean + self.prior.entropy()", ""),
        ("x + self.prior.log_prob(torch.tensor(0.5).item())", ""),
    ],
)
def test_a_distribution_that_was_made_of_numbers_or_beforehand_checks_what_it_is_asked(
    agree: Agree, asked: str, code: str
) -> None:
    init = (
        "self.prior = torch.distributions.Normal(0.0, 1.0)\n"
        "self.normal = torch.distributions.Normal(torch.zeros(4), torch.ones(4))\n"
        "self.unchecked = torch.distributions.Normal(0.0, 1.0, validate_args=False)"
    )
    agree(forward(f"return {asked}" + f"  # {code}" * bool(code), init=init), select=["CVL307"])


def test_a_distribution_is_reported_once_where_it_is_made(agree: Agree) -> None:
    agree(forward("d = torch.distributions.Normal(x, 1.0)  # CVL307\nreturn d.log_prob(x)"))
