"""Quantizers of vectors."""

import torch
import vector_quantize_pytorch

from convlint.trial.labels.suite import Case

SOURCE = ("vector_quantize_pytorch",)


def _case(name, kind="VectorQuantize", **options):
    def make():
        return getattr(vector_quantize_pytorch, kind)(dim=8, **options)

    return Case(name, make, lambda: (torch.randn(2, 6, 8),), lambda: (torch.randn(3, 9, 8),))


CASES = [
    _case("VQ", codebook_size=16),
    _case("VQ cosine", codebook_size=16, use_cosine_sim=True),
    _case("VQ heads", codebook_size=16, heads=2, separate_codebook_per_head=True, codebook_dim=4),
    _case("VQ rotation", codebook_size=16, rotation_trick=True),
    _case("VQ kmeans", codebook_size=16, kmeans_init=True),
    _case("ResidualVQ", "ResidualVQ", num_quantizers=2, codebook_size=16),
    _case("GroupedResidualVQ", "GroupedResidualVQ", num_quantizers=2, codebook_size=16, groups=2),
    _case("RandomProjection", "RandomProjectionQuantizer", codebook_size=16, codebook_dim=4, num_codebooks=2),
    _case("FSQ", "FSQ", levels=[3, 4]),
    _case("ResidualFSQ", "ResidualFSQ", levels=[3, 4], num_quantizers=2),
    _case("LFQ", "LFQ", codebook_size=16),
    _case("ResidualLFQ", "ResidualLFQ", codebook_size=16, num_quantizers=2),
    _case("SimVQ", "SimVQ", codebook_size=16),
    _case("ResidualSimVQ", "ResidualSimVQ", num_quantizers=2, codebook_size=16),
]
