"""Functions of einx read sizes as plain numbers, and keep them where a pattern reshapes, as traces show; of einops."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Agree, Cli
from convlint_rules.examples import forward

INIT = "self.table = nn.Parameter(torch.ones(4, 5))"


KEPT = [
    ('einx.subtract("j, i -> i j", x[0], x[1])', True),
    ('einx.where("a, a b, -> a b", x[:, 0] > 0, x, 0.0)', True),
    ('einx.id("a b -> (a b)", x)', True),
    ('einx.id("a b -> a c b", x, c=2)', True),
    ('einx.mean("a [b] -> a 1", x)', True),
    ('einx.get_at("a [b], a -> a", x, i)', True),
    ('einx.rearrange("a b -> b a", x)', False),
    ('einx.multiply("a b, a b -> a b", x, x)', False),
    ('einx.add("a b, ", x, 1.0)', False),
    ('einx.sum("[a b]", x)', False),
    ('einx.dot("a b, c b -> a c", x, x)', False),
]


@pytest.mark.parametrize(("call", "kept"), KEPT)
def test_a_trace_keeps_what_it_reshapes_by(call: str, kept: bool) -> None:
    torch, einx = pytest.importorskip("torch"), pytest.importorskip("einx")

    class Model(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return eval(call, {"einx": einx, "x": x, "i": torch.arange(x.shape[0])})

    other = torch.randn(5, 6)
    traced = torch.jit.trace(Model(), torch.randn(3, 4), check_trace=False)
    if kept:
        with pytest.raises(RuntimeError, match=r"invalid for input of size"):
            traced(other)
    else:
        assert torch.allclose(traced(other), Model()(other), atol=1e-5)


@pytest.mark.parametrize(("call", "kept"), [*KEPT, ("einx.sum(self.pattern, x)", False)])
def test_the_traced_sizes_are_kept_where_something_is_reshaped(agree: Agree, cli: Cli, call: str, kept: bool) -> None:
    agree(forward(f"return {call}  # CVL209", "x: torch.Tensor, i", "einx", INIT))
    assert ("frozen by the TorchScript routes" in cli("model.py", "--select", "CVL209").out) == kept


@pytest.mark.parametrize("call", ['einx.sum("a [b]", self.table)', 'einops.rearrange(x, "b t -> t b")'])
def test_sizes_of_the_weights_do_not_vary_and_einops_reads_none(agree: Agree, call: str) -> None:
    agree(forward(f"return {call} + x.sum()", "x: torch.Tensor", "einops, einx", INIT))


def test_unpacking_checks_sizes_in_the_librarys_own_code(agree: Agree, cli: Cli) -> None:
    agree(forward("(y,) = einops.unpack(x, ps, 'b * d')\nreturn y", "x: torch.Tensor, ps", "einops"))
    assert "checks sizes in the library's own code" in cli("model.py", "--show-harmless").out
