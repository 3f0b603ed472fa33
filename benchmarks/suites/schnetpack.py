"""Atoms, and what they do to each other."""

import torch
from torch.utils.data import dataloader

from convlint.trial.labels.suite import Case

# schnetpack reads a name that torch 2.13 has no more, for the type of its own loader
dataloader.T_co = getattr(dataloader, "_T_co", None)

import schnetpack.nn as snn  # noqa: E402
from schnetpack import properties  # noqa: E402
from schnetpack.atomistic import (  # noqa: E402
    Atomwise,
    DipoleMoment,
    EnergyCoulomb,
    EnergyEwald,
    Forces,
    PairwiseDistances,
    Polarizability,
    Response,
    StaticExternalFields,
    ZBLRepulsionEnergy,
)
from schnetpack.atomistic.electrostatic import DampedCoulombPotential  # noqa: E402
from schnetpack.model import NeuralNetworkPotential  # noqa: E402
from schnetpack.representation import FieldSchNet, PaiNN, SchNet, SO3net  # noqa: E402
from schnetpack.transform import AddOffsets, CastTo64  # noqa: E402

SOURCE = ("schnetpack",)
_WIDTH, _CUTOFF = 8, 4.0


def _pairs(counts):
    """All pairs of atoms of the same molecule."""
    molecule = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    same = (molecule[:, None] == molecule) & ~torch.eye(len(molecule), dtype=torch.bool)
    return molecule, *same.nonzero().unbind(1)


def _atoms(*counts, **more):
    def inputs():
        molecule, i, j = _pairs(counts)
        batch = {
            properties.idx: torch.arange(len(counts)),
            properties.Z: torch.randint(1, 9, (len(molecule),)),
            properties.R: torch.randn(len(molecule), 3),
            properties.idx_m: molecule,
            properties.idx_i: i,
            properties.idx_j: j,
            properties.offsets: torch.zeros(len(i), 3),
            properties.n_atoms: torch.tensor(counts),
            properties.cell: 10 * torch.eye(3).repeat(len(counts), 1, 1),
        }
        return (batch | {name: make(counts) for name, make in more.items()},)

    return inputs


def _case(name, model, **more):
    return Case(name, model, _atoms(3, 4, **more), _atoms(5, 2, 4, **more))


def _field(counts):
    return torch.randn(len(counts), 3)


def _charges(counts):
    return torch.randn(sum(counts))


def _charge(counts):
    return torch.randint(-1, 2, (len(counts),)).float()


def _spin(counts):
    return torch.randint(1, 4, (len(counts),)).float()


def _radial():
    return {"radial_basis": snn.GaussianRBF(n_rbf=6, cutoff=_CUTOFF), "cutoff_fn": snn.CosineCutoff(_CUTOFF)}


def _bessel():
    return {"radial_basis": snn.BesselRBF(n_rbf=6, cutoff=_CUTOFF), "cutoff_fn": snn.MollifierCutoff(_CUTOFF)}


def _potential(representation, *outputs, inputs=(), **options):
    return lambda: NeuralNetworkPotential(
        representation(),
        input_modules=[*inputs, PairwiseDistances()],
        output_modules=[output() for output in outputs],
        **options,
    )


def _schnet():
    return SchNet(_WIDTH, 2, **_radial())


def _charged_schnet():
    embeddings = [
        snn.ElectronicEmbedding(properties.total_charge, _WIDTH, is_charged=True),
        snn.ElectronicEmbedding(properties.spin_multiplicity, _WIDTH, is_charged=False),
    ]
    nuclei = snn.NuclearEmbedding(101, _WIDTH)
    return SchNet(_WIDTH, 1, **_bessel(), nuclear_embedding=nuclei, electronic_embeddings=embeddings)


def _painn():
    return PaiNN(_WIDTH, 2, **_bessel())


def _so3net():
    return SO3net(_WIDTH, 1, lmax=2, **_radial(), return_vector_representation=True)


def _field_schnet():
    return FieldSchNet(_WIDTH, 1, external_fields=[properties.electric_field], **_radial())


def _energy(**options):
    return lambda: Atomwise(_WIDTH, output_key=properties.energy, **options)


def _repulsion():
    return ZBLRepulsionEnergy("kcal/mol", "Angstrom", "repulsion", cutoff_fn=snn.CosineCutoff(_CUTOFF))


def _damped_coulomb():
    potential = DampedCoulombPotential(snn.SwitchFunction(1.0, 3.0))
    return EnergyCoulomb("kcal/mol", "Angstrom", potential, "coulomb", use_neighbors_lr=False)


def _ewald():
    return EnergyEwald(0.3, 2, "kcal/mol", "Angstrom", "ewald", use_neighbors_lr=False)


class _Derived(torch.nn.Module):
    """What is a derivative of the energy needs gradients in inference too."""

    def __init__(self, potential):
        super().__init__()
        self.potential = potential()

    def forward(self, inputs):
        with torch.enable_grad():
            return {name: value.detach() for name, value in self.potential(inputs).items()}


class _Pairwise(torch.nn.Module):
    """A term of the energy that needs the distances alone."""

    def __init__(self, term, key):
        super().__init__()
        self.distances, self.term, self.key = PairwiseDistances(), term(), key

    def forward(self, inputs):
        return self.term(self.distances(inputs))[self.key]


CASES = [
    _case("SchNet, mean", _potential(_schnet, _energy(aggregation_mode="avg", per_atom_output_key="each"))),
    _case("SchNet, forces", lambda: _Derived(_potential(_schnet, _energy(), Forces))),
    _case(
        "SchNet, double",
        _potential(
            _schnet,
            _energy(),
            postprocessors=[
                CastTo64(),
                AddOffsets(properties.energy, add_mean=True, property_mean=torch.tensor(1.0)),
            ],
        ),
    ),
    _case(
        "SchNet, charge and spin",
        _potential(_charged_schnet, _energy()),
        **{properties.total_charge: _charge, properties.spin_multiplicity: _spin},
    ),
    _case(
        "PaiNN, dipole",
        _potential(_painn, lambda: DipoleMoment(_WIDTH, use_vector_representation=True, return_charges=True)),
        total_charge=_charge,
    ),
    _case(
        "PaiNN, dipole's size",
        _potential(_painn, lambda: DipoleMoment(_WIDTH, predict_magnitude=True, correct_charges=False)),
    ),
    _case("PaiNN, polarizability", _potential(_painn, lambda: Polarizability(_WIDTH))),
    _case("SO3net", _potential(_so3net, _energy())),
    _case("FieldSchNet", _potential(_field_schnet, _energy()), electric_field=_field),
    _case(
        "FieldSchNet, response",
        lambda: _Derived(
            _potential(
                _field_schnet,
                _energy(),
                lambda: Response(properties.energy, [properties.forces, properties.dipole_moment]),
                inputs=[StaticExternalFields([properties.electric_field])],
            )
        ),
        electric_field=_field,
    ),
    _case("repulsion", lambda: _Pairwise(_repulsion, "repulsion")),
    _case("Coulomb, damped", lambda: _Pairwise(_damped_coulomb, "coulomb"), partial_charges=_charges),
    _case("Ewald", lambda: _Pairwise(_ewald, "ewald"), partial_charges=_charges),
]
