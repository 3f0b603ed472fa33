"""Equal values in each order that torch leaves open, and no others."""

import pytest
import torch

from convlint.trial.ties import Ties


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_the_values_are_those_of_torch(backwards: bool, dim: int) -> None:
    values = torch.tensor([[3.0, 1.0, 3.0, 2.0], [0.0, 1.0, 1.0, float("nan")], [3.0, 2.0, 2.0, 1.0]])
    for asked in (
        lambda: values.topk(2, dim),
        lambda: values.topk(3, dim, largest=False),
        lambda: values.sort(dim),
        lambda: values.sort(dim, descending=True),
        lambda: torch.sort(values, stable=True, dim=dim),
    ):
        with Ties(backwards=backwards):
            got, places = asked()
        assert torch.equal(got.nan_to_num(9.0), asked()[0].nan_to_num(9.0))
        assert torch.equal(values.gather(dim, places).nan_to_num(9.0), got.nan_to_num(9.0))


def test_equal_values_come_in_the_order_that_is_asked_for() -> None:
    values = torch.tensor([1.0, 5.0, 5.0, 5.0])
    with Ties(backwards=False):
        assert values.topk(2).indices.tolist() == [1, 2]
        assert values.argsort(descending=True).tolist() == [1, 2, 3, 0]
    with Ties(backwards=True):
        assert values.topk(2).indices.tolist() == [3, 2]
        assert values.argsort(descending=True).tolist() == [3, 2, 1, 0]
        assert values.sort(stable=True, descending=True).indices.tolist() == [1, 2, 3, 0]


def test_of_equal_boxes_each_may_be_kept() -> None:
    ops = pytest.importorskip("torchvision.ops")
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 4.1], [9.0, 9.0, 12.0, 12.0]])
    scores = torch.tensor([0.5, 0.5, 0.9])
    with Ties(backwards=False):
        assert ops.nms(boxes, scores, 0.5).tolist() == [2, 0]
    with Ties(backwards=True):
        assert ops.nms(boxes, scores, 0.5).tolist() == [2, 1]


def test_a_number_has_one_order() -> None:
    with Ties(backwards=True):
        assert [one.item() for one in torch.tensor(3.0).topk(1)] == [3.0, 0]
        assert [one.item() for one in torch.tensor(3.0).sort()] == [3.0, 0]
