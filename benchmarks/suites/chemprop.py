"""Molecules as graphs, by messages along their bonds."""

import sys
from unittest.mock import MagicMock

import torch

from convlint.trial.labels.suite import Case

# chemprop describes molecules by them before a model sees them
for name in ("descriptastorus", "descriptastorus.descriptors", "cuik_molmaker"):
    sys.modules.setdefault(name, MagicMock())

from chemprop.data import BatchMolGraph  # noqa: E402
from chemprop.models import MPNN, MolAtomBondMPNN, MulticomponentMPNN  # noqa: E402
from chemprop.nn import (  # noqa: E402
    AtomMessagePassing,
    AttentiveAggregation,
    BinaryClassificationFFN,
    BinaryDirichletFFN,
    BondMessagePassing,
    ConstrainerFFN,
    EvidentialFFN,
    GraphTransform,
    MABAtomMessagePassing,
    MABBondMessagePassing,
    MeanAggregation,
    MulticlassClassificationFFN,
    MulticlassDirichletFFN,
    MulticomponentMessagePassing,
    MveFFN,
    NormAggregation,
    QuantileFFN,
    RegressionFFN,
    ScaleTransform,
    SpectralFFN,
    SumAggregation,
    UnscaleTransform,
)

SOURCE = ("chemprop",)
_ATOM, _BOND, _WIDTH = 6, 4, 8


def _graph(vertices, edges, ends, reverse, molecule):
    graph = BatchMolGraph.__new__(BatchMolGraph)
    graph.V, graph.E, graph.edge_index, graph.rev_edge_index, graph.batch = vertices, edges, ends, reverse, molecule
    return graph


class _Batched(torch.nn.Module):
    """A model of batches of molecules as one of the tensors in them: exporters take nothing else."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, graph, *more):
        return self.model(_graph(*graph), *more)


class _Components(_Batched):
    """A model of several molecules at once."""

    def forward(self, graphs, *more):
        return self.model([_graph(*graph) for graph in graphs], *more)


def _chains(*sizes):
    """Molecules whose atoms hang together in a row."""
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    bonds = [(start + i, start + i + 1) for start, size in zip(starts, sizes, strict=True) for i in range(size - 1)]
    ends = torch.tensor([pair for one, other in bonds for pair in ((one, other), (other, one))]).T
    edges = torch.randn(len(bonds), _BOND).repeat_interleave(2, 0)
    reverse = torch.arange(2 * len(bonds)).view(-1, 2).flip(1).flatten()
    return (
        torch.randn(sum(sizes), _ATOM),
        edges,
        ends,
        reverse,
        torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)),
    )


_A, _B = (3, 4), (5, 2, 4)


def _both(*more):
    """The molecules alone, or with what ``more`` makes of their sizes."""
    return {
        "a": lambda: (_chains(*_A), *(make(_A) for make in more)),
        "b": lambda: (_chains(*_B), *(make(_B) for make in more)),
    }


def _of_atoms(sizes):
    return torch.randn(sum(sizes), 3)


def _of_molecules(sizes):
    return torch.randn(len(sizes), 5)


def _messages(kind=BondMessagePassing, **options):
    return kind(_ATOM, _BOND, _WIDTH, **options)


def _scale(width):
    return [0.5] * width, [2.0] * width


def _network(messages, aggregation, predictor, **options):
    return lambda: _Batched(MPNN(messages(), aggregation(), predictor(), **options))


def _attentive():
    return AttentiveAggregation(output_size=_WIDTH)


def _atoms_and_bonds(kind, **options):
    return lambda: _Batched(
        MolAtomBondMPNN(
            kind(_ATOM, _BOND, _WIDTH),
            MeanAggregation(),
            RegressionFFN(input_dim=_WIDTH),
            RegressionFFN(input_dim=_WIDTH),
            RegressionFFN(input_dim=2 * _WIDTH),
            **options,
        )
    )


def _constraint(*sizes):
    return lambda: (
        torch.randn(sum(sizes), _WIDTH),
        torch.randn(sum(sizes), 1),
        torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)),
        torch.randn(len(sizes), 1),
    )


def _components(shared):
    blocks = [_messages(), _messages()]
    messages = MulticomponentMessagePassing(blocks[:1] if shared else blocks, 2, shared)
    return _Components(MulticomponentMPNN(messages, MeanAggregation(), RegressionFFN(input_dim=2 * _WIDTH)))


def _two(sizes):
    return [_chains(*sizes), _chains(*reversed(sizes))]


CASES = [
    Case("bonds, mean", _network(_messages, MeanAggregation, lambda: RegressionFFN(input_dim=_WIDTH)), **_both()),
    Case(
        "atoms, sum, with a norm over the batch",
        _network(
            lambda: _messages(AtomMessagePassing, undirected=True),
            SumAggregation,
            lambda: BinaryClassificationFFN(input_dim=_WIDTH, n_tasks=2),
            batch_norm=True,
        ),
        **_both(),
    ),
    Case("bonds, attention", _network(_messages, _attentive, lambda: EvidentialFFN(input_dim=_WIDTH)), **_both()),
    Case(
        "with descriptors",
        lambda: _Batched(
            MPNN(
                _messages(d_vd=3, V_d_transform=ScaleTransform(*_scale(3))),
                NormAggregation(),
                MveFFN(input_dim=_WIDTH + 3 + 5, output_transform=UnscaleTransform(*_scale(1))),
                X_d_transform=ScaleTransform(*_scale(5)),
            )
        ),
        **_both(_of_atoms, _of_molecules),
    ),
    Case(
        "scaled graphs",
        lambda: _Batched(
            MPNN(
                _messages(
                    graph_transform=GraphTransform(ScaleTransform(*_scale(_ATOM)), ScaleTransform(*_scale(_BOND)))
                ),
                MeanAggregation(),
                QuantileFFN(input_dim=_WIDTH),
            )
        ),
        **_both(),
    ),
    Case(
        "classes",
        _network(_messages, MeanAggregation, lambda: MulticlassClassificationFFN(4, input_dim=_WIDTH, n_tasks=2)),
        **_both(),
    ),
    Case(
        "classes of Dirichlet",
        _network(_messages, MeanAggregation, lambda: MulticlassDirichletFFN(4, input_dim=_WIDTH, n_tasks=2)),
        **_both(),
    ),
    Case(
        "two classes of Dirichlet",
        _network(_messages, MeanAggregation, lambda: BinaryDirichletFFN(input_dim=_WIDTH, n_tasks=2)),
        **_both(),
    ),
    Case(
        "spectra",
        _network(
            _messages,
            MeanAggregation,
            lambda: SpectralFFN(n_tasks=12, input_dim=_WIDTH, spectral_activation="softplus"),
        ),
        **_both(),
    ),
    Case("atoms and bonds", _atoms_and_bonds(MABBondMessagePassing), **_both()),
    Case("atoms and bonds, along atoms", _atoms_and_bonds(MABAtomMessagePassing), **_both()),
    Case("constraints", lambda: ConstrainerFFN(fp_dim=_WIDTH), a=_constraint(*_A), b=_constraint(*_B)),
    Case("two components", lambda: _components(False), a=lambda: (_two(_A),), b=lambda: (_two(_B),)),
    Case("two components, shared", lambda: _components(True), a=lambda: (_two(_A),), b=lambda: (_two(_B),)),
]
