"""Methods that write in place, attributes, copies and derivatives that an exporter has no operator for."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree, body_after
from convlint_rules.examples import forward

REFUSED = ["CVL801"]


@pytest.mark.parametrize(
    "body",
    [
        "y = x.clone()\ny.erfinv_()  # CVL801\nreturn y",
        "y = x.clone()\ny.put_(torch.tensor([0, 1]), x[0, :2])  # CVL801\nreturn y",
        "y = x.clone()\ny[:, 0].erfinv_()  # CVL801\nreturn y",
        "return x.abs().trunc_()  # CVL801",
        "y = torch.empty_like(x)\ny.copy_(x * 2)  # CVL801\nreturn y",
        "return x @ x.mT  # CVL801",
        "return x @ x.mH  # CVL801",
        "return nn.utils.rnn.pad_sequence([x[0], x[1]])  # CVL801",
    ],
)
def test_what_is_written_or_read_by_an_operator_that_is_lacking_is_found(agree: Agree, body: str) -> None:
    agree(forward(body), select=REFUSED)


@pytest.mark.parametrize(
    "body",
    [
        "y = x.clone()\ny.add_(1).mul_(2)\nreturn y",
        "y = x.clone()\ny[:, 0].copy_(x[:, 1])\nreturn y",
        "y = torch.zeros_like(x)\ny[:2].copy_(x[:2])\nreturn y",
        "return x * self.config.H",
    ],
)
def test_what_has_an_operator_is_not(agree: Agree, body: str) -> None:
    agree(forward(body, init="self.config = None"), select=REFUSED)


def test_the_transpose_of_what_may_be_an_array_is_not_rewritten_unasked(tmp_path: Path) -> None:
    assert body_after(tmp_path, "return x.mT @ x", select=REFUSED) == "return x.mT @ x"
    fixed = body_after(tmp_path, "return x.mT @ x", select=REFUSED, unsafe_fixes=True)
    assert fixed == "return x.transpose(-2, -1) @ x"


@pytest.mark.parametrize(
    "assigned",
    [
        "y[...] = x * 2  # CVL109",
        "y[()] = x * 2  # CVL109",
        "y[:] = x * 2",
        "y[...] = 0",
        "y[...] += x",
        "y[...] = x.mean()",
        "y[..., 0] = x[..., 0]",
    ],
)
def test_a_tensor_assigned_to_all_under_dots_is_found(agree: Agree, assigned: str) -> None:
    agree(forward(f"y = torch.zeros_like(x)\n{assigned}\nreturn y"), select=["CVL109"])


def test_derivatives_are_found_where_they_are_traced(agree: Agree) -> None:
    source = forward(
        """
        y = x.detach().requires_grad_()
        forces = torch.autograd.grad(self.energy(y).sum(), y)[0]  # CVL809
        if self.training:
            return torch.autograd.grad(forces.sum(), y)[0]
        return forces + torch.func.jvp(torch.sin, (x,), (x,))[1]
        """,
        init="self.energy = nn.Linear(4, 1)",
    )
    agree(source, select=["CVL809"])


def test_of_a_derivative_those_exporters_are_named_that_stop(agree: Agree) -> None:
    body = "return torch.autograd.functional.vjp(torch.sin, x, x)[1]"
    agree(forward(f"{body}  # CVL809"), select=["CVL809"])
    agree(forward(body), select=["CVL809"], exporter="dynamo")
