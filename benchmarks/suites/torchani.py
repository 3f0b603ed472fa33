"""Energies of molecules: neighbours, features of atoms, a network for each element."""

import torch
from torchani.aev import AEVComputer
from torchani.arch import simple_ani, simple_aniq
from torchani.neighbors import AllPairs, CellList, VerletCellList
from torchani.nn import SpeciesConverter

from convlint.trial.labels.suite import Case

SOURCE = ("torchani",)
_SYMBOLS = ("H", "C", "N", "O")
_NUMBERS = torch.tensor([1, 6, 7, 8])
_SMALL = {"lot": "wb97x-631gd", "radial_shifts": 4, "angular_shifts": 2, "sections": 2, "self_energies": "zero"}


class _Neighbors(torch.nn.Module):
    """The neighbours that a list finds."""

    def __init__(self, kind):
        super().__init__()
        self.list = kind()

    def forward(self, species, coordinates, cell, pbc):
        return self.list(5.2, species, coordinates, cell, pbc)


def _ani(**options):
    return lambda: simple_ani(_SYMBOLS, **_SMALL, **options)


def _places(molecules, atoms, size):
    return size * torch.rand(molecules, atoms, 3)


def _numbers(molecules, atoms, padded=0):
    """Atomic numbers; the last molecule has fewer atoms."""
    numbers = _NUMBERS[torch.randint(4, (molecules, atoms))]
    numbers[-1, atoms - padded :] = -1
    return numbers


def _molecules(molecules, atoms, padded=0):
    return lambda: ((_numbers(molecules, atoms, padded), _places(molecules, atoms, 4.0)),)


def _crystal(atoms, size):
    return lambda: {
        "species_coordinates": (_numbers(1, atoms), _places(1, atoms, size)),
        "cell": size * torch.eye(3),
        "pbc": torch.ones(3, dtype=torch.bool),
    }


def _box(atoms, size):
    return lambda: (
        torch.randint(4, (1, atoms)),
        _places(1, atoms, size),
        size * torch.eye(3),
        torch.ones(3, dtype=torch.bool),
    )


CASES = [
    Case("ANI", _ani(repulsion=False), _molecules(2, 5, 1), _molecules(3, 7, 2)),
    Case("ANI, one molecule", _ani(container="SingleNN"), _molecules(1, 5), _molecules(1, 7)),
    Case(
        "ANI, shared networks, dispersion",
        _ani(container="ANISharedNetworks", dispersion=True, cutoff_fn="cosine"),
        _molecules(2, 5, 1),
        _molecules(3, 7, 2),
    ),
    Case("ANI, ensemble", _ani(ensemble_size=2), _molecules(2, 5), _molecules(3, 7)),
    Case("ANI, periodic", _ani(), _crystal(5, 8.0), _crystal(7, 5.0)),
    Case("ANI, cells", _ani(neighborlist="cell_list"), _crystal(12, 16.0), _crystal(15, 22.0)),
    Case("ANI, charges", lambda: simple_aniq(_SYMBOLS, **_SMALL), _molecules(2, 5, 1), _molecules(3, 7, 2)),
    Case("all pairs, periodic", lambda: _Neighbors(AllPairs), _box(5, 8.0), _box(7, 5.0)),
    Case("cell list, periodic", lambda: _Neighbors(CellList), _box(12, 16.0), _box(15, 22.0)),
    Case("Verlet list", lambda: _Neighbors(VerletCellList), _box(12, 16.0), _box(15, 22.0)),
    Case(
        "features",
        lambda: AEVComputer.like_1x(),
        lambda: (torch.randint(4, (2, 4)), _places(2, 4, 3.0)),
        lambda: (torch.randint(4, (3, 6)), _places(3, 6, 3.0)),
    ),
    Case(
        "elements",
        lambda: SpeciesConverter(_SYMBOLS),
        lambda: (_numbers(2, 5, 1),),
        lambda: (_numbers(3, 7, 2),),
    ),
]
