"""Models of more kinds that break in practice, for ``predicted_models.py``: small, with random weights.

Volumes, linear algebra, integers and bits, order, pictures sampled at computed places, frequencies, codes, bags and
hashed tables, scans, masked attention, and memories. They were chosen by kind, as those of ``practice_models.py``, and
before anything was known of what targets make of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from drawn_models import Called, Made
from torch import nn
from torch.nn import functional

PICTURE = (1, 3, 32, 32)
WORDS, SIZE = 50, 16


def of(function: Callable[..., Any], *parts: nn.Module) -> nn.Module:
    """A function of tensors, with the layers that it uses, as a model."""
    return Called(function, nn.ModuleList(parts))


# --- volumes ---------------------------------------------------------------------------------------------------------


def volume_unet() -> Made:
    """Organs in a scan: halved by a pool, and enlarged by a transposed convolution."""
    first, second = nn.Conv3d(1, 4, 3, padding=1), nn.Conv3d(4, 8, 3, padding=1)
    norm, up, out = nn.InstanceNorm3d(4, affine=True), nn.ConvTranspose3d(8, 4, 2, 2), nn.Conv3d(8, 2, 1)

    def organs(x: torch.Tensor) -> torch.Tensor:
        left = norm(first(x)).relu()
        small = second(functional.max_pool3d(left, 2)).relu()
        return out(torch.cat([left, up(small)], 1)).softmax(1)

    return of(organs, first, second, norm, up, out), (torch.randn(1, 1, 8, 16, 16),)


def film() -> Made:
    """A film's class, by factored convolutions of space and of time."""
    space, time = nn.Conv3d(3, 8, (1, 3, 3), padding=(0, 1, 1)), nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0))
    norm, out = nn.BatchNorm3d(8), nn.Linear(8, 5)

    def kind(x: torch.Tensor) -> torch.Tensor:
        return out(functional.adaptive_avg_pool3d(norm(time(space(x).relu())).relu(), 1).flatten(1))

    return of(kind, space, time, norm, out), (torch.randn(1, 3, 6, 16, 16),)


def cost_volume() -> Made:
    """How far away pixels are, of two pictures that are compared at several shifts."""
    net, mix = nn.Conv2d(3, 8, 3, padding=1), nn.Conv3d(16, 1, 3, padding=1)

    def far(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        one, other = net(left), net(right)
        shifted = [functional.pad(other, (n, 0))[..., : other.shape[-1]] for n in range(4)]
        volume = torch.stack([torch.cat([one, each], 1) for each in shifted], 2)
        likely = mix(volume).squeeze(1).softmax(1)
        steps = torch.arange(4, device=left.device, dtype=left.dtype)
        return (likely * steps.view(1, -1, 1, 1)).sum(1)

    return of(far, net, mix), (torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16))


def registered() -> Made:
    """A scan warped by a field of shifts: VoxelMorph."""
    net = nn.Conv3d(2, 3, 3, padding=1)

    def moved(fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        shifts = net(torch.cat([fixed, moving], 1)).permute(0, 2, 3, 4, 1).tanh() / 8
        lines = [torch.linspace(-1, 1, n, device=fixed.device, dtype=fixed.dtype) for n in fixed.shape[2:]]
        grid = torch.stack(torch.meshgrid(*lines, indexing="ij")[::-1], -1)
        return functional.grid_sample(moving, grid + shifts, align_corners=True)

    return of(moved, net), (torch.rand(1, 1, 6, 8, 8), torch.rand(1, 1, 6, 8, 8))


def upscaled_volume() -> Made:
    """A coarse volume made fine by interpolation and layers."""
    net, out = nn.Conv3d(1, 4, 3, padding=1), nn.Conv3d(4, 1, 1)

    def fine(x: torch.Tensor) -> torch.Tensor:
        larger = functional.interpolate(net(x), scale_factor=2, mode="trilinear", align_corners=False)
        return out(functional.leaky_relu(functional.avg_pool3d(larger, 3, 1, 1)))

    return of(fine, net, out), (torch.rand(1, 1, 4, 8, 8),)


# --- linear algebra --------------------------------------------------------------------------------------------------


def whitened() -> Made:
    """Features without what they share: by the Cholesky factor of their covariance."""
    net, out = nn.Linear(12, 6), nn.Linear(6, 2)

    def found(x: torch.Tensor) -> torch.Tensor:
        seen = net(x)
        seen = seen - seen.mean(0)
        factor = torch.linalg.cholesky(seen.T @ seen / len(seen) + 0.1 * torch.eye(6, device=x.device, dtype=x.dtype))
        return out(torch.linalg.solve_triangular(factor, seen.T, upper=False).T)

    return of(found, net, out), (torch.randn(20, 12),)


def aligned() -> Made:
    """The turn that lays one cloud of points on another: Kabsch."""
    net = nn.Linear(3, 3)

    def turned(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        one, other = net(x), y
        left, _, right = torch.linalg.svd((one - one.mean(0)).T @ (other - other.mean(0)))
        return one @ left @ right

    return of(turned, net), (torch.randn(12, 3), torch.randn(12, 3))


def ridge() -> Made:
    """Few examples learned at once, by a closed form, and others judged by it."""
    net = nn.Linear(8, 5)

    def judged(seen: torch.Tensor, wanted: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        a = net(seen)
        inverse = torch.linalg.inv(a.T @ a + torch.eye(5, device=seen.device, dtype=seen.dtype))
        return net(others) @ (inverse @ a.T @ wanted)

    return of(judged, net), (torch.randn(10, 8), torch.randn(10, 3), torch.randn(4, 8))


def kalman() -> Made:
    """Where something is, of what was seen of it: steps of a Kalman filter."""
    seen = nn.Linear(4, 2, bias=False)

    def places(x: torch.Tensor) -> torch.Tensor:
        unit = torch.eye(4, device=x.device, dtype=x.dtype)
        state, spread, found = x.new_zeros(4), unit, []
        for one in x.unbind(0):
            spread = spread + 0.1 * unit
            measured = seen.weight @ spread @ seen.weight.T + unit[:2, :2]
            gain = torch.linalg.solve(measured, seen.weight @ spread).T
            state = state + gain @ (one - seen.weight @ state)
            spread = (unit - gain @ seen.weight) @ spread
            found.append(state)
        return torch.stack(found)

    return of(places, seen), (torch.randn(4, 2),)


def likelihood() -> Made:
    """How likely points are under mixed bells with covariances."""
    net = nn.Linear(5, 3)

    def likely(x: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        seen = net(x)
        matrix = factor @ factor.mT + torch.eye(3, device=x.device, dtype=x.dtype)
        apart = torch.einsum("ni,kij,nj->nk", seen, matrix, seen)
        return torch.logsumexp(0.5 * torch.logdet(matrix) - 0.5 * apart, -1)

    return of(likely, net), (torch.randn(6, 5), torch.randn(2, 3, 3))


def turned() -> Made:
    """Turns by the exponential of skew matrices."""
    net = nn.Linear(6, 3)

    def found(x: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        a, b, c = net(x).unbind(-1)
        none = torch.zeros_like(a)
        skew = torch.stack([none, -c, b, c, none, -a, -b, a, none], -1).view(-1, 3, 3)
        return points @ torch.linalg.matrix_exp(skew)

    return of(found, net), (torch.randn(2, 6), torch.randn(2, 7, 3))


# --- integers and bits -----------------------------------------------------------------------------------------------


def hashed_words() -> Made:
    """Pairs of words in a small table, by a hash of bits."""
    table, out = nn.Embedding(32, SIZE), nn.Linear(SIZE, 3)

    def kind(words: torch.Tensor) -> torch.Tensor:
        mixed = (words[:, 1:] * 31) ^ (words[:, :-1] << 3)
        return out(table((mixed ^ (mixed >> 2)) & 31).mean(1))

    return of(kind, table, out), (torch.randint(0, WORDS, (2, 9)),)


def bits() -> Made:
    """Numbers as their bits, through a layer, and as numbers again."""
    net = nn.Linear(8, 8)

    def again(numbers: torch.Tensor) -> torch.Tensor:
        places = torch.arange(8, device=numbers.device)
        ones = (numbers[..., None] >> places) & 1
        found = (net(ones.to(net.weight.dtype)) > 0).long()
        return (found << places).sum(-1)

    return of(again, net), (torch.randint(0, 256, (2, 6)),)


def buckets() -> Made:
    """Numbers in buckets, each with a vector."""
    table, out = nn.Embedding(6, SIZE), nn.Linear(4 * SIZE, 1)
    edges = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])

    def score(x: torch.Tensor) -> torch.Tensor:
        return out(table(torch.bucketize(x, edges.to(x.device, x.dtype))).flatten(1)).sigmoid()

    return of(score, table, out), (torch.randn(3, 4),)


def counted() -> Made:
    """A histogram of what is likeliest, and which pairs are not equal."""
    net = nn.Conv2d(3, 5, 1)

    def counts(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        one, other = net(x).argmax(1), net(y).argmax(1)
        pairs = functional.one_hot(one * 5 + other, 25).flatten(0, 2).sum(0).view(5, 5)
        both = pairs.diagonal()
        union = pairs.sum(0) + pairs.sum(1) - both
        return pairs, both / union.clamp(min=1), (one != other).any(-1)

    return of(counts, net), (torch.rand(PICTURE), torch.rand(PICTURE))


def relative_buckets() -> Made:
    """Attention with a bias by how far words are from each other, in buckets that grow."""
    bias, both, out = nn.Embedding(8, 2), nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, SIZE)

    def found(x: torch.Tensor) -> torch.Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        far = places[None] - places[:, None]
        near = far.abs()
        large = 2 + (torch.log(near.float().clamp(min=1) / 2) / math.log(4) * 2).long()
        bucket = torch.where(near < 2, near, large.clamp(max=3)) + 4 * (far > 0).long()
        query, key, value = both(x).view(*x.shape[:2], 3, 2, 8).permute(2, 0, 3, 1, 4)
        weights = query @ key.transpose(2, 3) + bias(bucket).permute(2, 0, 1)
        return out((weights.softmax(-1) @ value).transpose(1, 2).flatten(2))

    return of(found, bias, both, out), (torch.randn(2, 10, SIZE),)


def game() -> Made:
    """A board of cells that live and die, three steps, and what a net says of it."""
    net = nn.Linear(64, 2)
    around = torch.tensor([[1.0, 1, 1], [1, 0, 1], [1, 1, 1]])[None, None]

    def ends(board: torch.Tensor) -> tuple[torch.Tensor, ...]:
        for _ in range(3):
            near = functional.conv2d(functional.pad(board.float(), (1, 1, 1, 1), mode="circular"), around)
            board = (near == 3) | (board & (near == 2))
        return board, net(board.flatten(1).to(net.weight.dtype))

    return of(ends, net), (torch.rand(1, 1, 8, 8) > 0.5,)


# --- order -----------------------------------------------------------------------------------------------------------


def medians() -> Made:
    """Points of sets by medians, and by what is third."""
    net, out = nn.Linear(4, 8), nn.Linear(16, 3)

    def kind(x: torch.Tensor) -> torch.Tensor:
        seen = net(x)
        return out(torch.cat([seen.median(1).values, seen.kthvalue(3, 1).values], -1))

    return of(kind, net, out), (torch.randn(2, 7, 4),)


def ranked() -> Made:
    """What is ranked by two scores together: places of a sort of a sort."""
    net = nn.Linear(6, 2)

    def order(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        places = net(x).argsort(1, descending=True).argsort(1)
        fused = (1.0 / (60 + places)).sum(-1)
        return fused, fused.sort(1, descending=True).indices

    return of(order, net), (torch.randn(2, 8, 6),)


def distinct() -> Made:
    """Words that occur, how often, and their mean vector."""
    table, out = nn.Embedding(WORDS, SIZE), nn.Linear(SIZE, 3)

    def found(words: torch.Tensor) -> torch.Tensor:
        ids, counts = torch.unique(words, return_counts=True)
        weights = counts.to(table.weight.dtype)
        return out((table(ids) * weights[:, None]).sum(0) / weights.sum())

    return of(found, table, out), (torch.randint(0, 9, (20,)),)


def sparse_experts() -> Made:
    """The two likeliest of four experts for each word, gathered and put back."""
    gate, experts = nn.Linear(SIZE, 4), nn.ModuleList(nn.Linear(SIZE, SIZE) for _ in range(4))

    def found(x: torch.Tensor) -> torch.Tensor:
        likely, chosen = gate(x).softmax(-1).topk(2)
        made = torch.zeros_like(x)
        for i, expert in enumerate(experts):
            place, rank = torch.where(chosen == i)
            made = made.index_add(0, place, expert(x[place]) * likely[place, rank, None])
        return made

    return of(found, gate, experts), (torch.randn(6, SIZE),)


def pruned_tokens() -> Made:
    """Half the patches, those that are looked at most, and the others as one."""
    patches, score, layer = nn.Conv2d(3, SIZE, 8, 8), nn.Linear(SIZE, 1), nn.Linear(SIZE, SIZE)

    def left(x: torch.Tensor) -> torch.Tensor:
        seen = patches(x).flatten(2).transpose(1, 2)
        weights = score(seen).squeeze(-1)
        index = weights.topk(8).indices.sort(-1).values
        kept = seen.gather(1, index[..., None].expand(-1, -1, SIZE))
        others = torch.ones_like(weights).scatter(1, index, 0.0)
        rest = (seen * others[..., None]).sum(1, keepdim=True) / others.sum(1)[:, None, None]
        return layer(torch.cat([kept, rest], 1))

    return of(left, patches, score, layer), (torch.rand(PICTURE),)


def resampled_rays() -> Made:
    """Places along rays, drawn again where it is dense: a NeRF's second pass."""
    net = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))

    def places(start: torch.Tensor, way: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        along = torch.linspace(0.1, 1, 8, device=start.device, dtype=start.dtype)
        dense = functional.softplus(net(start[:, None] + way[:, None] * along[:, None]).squeeze(-1))
        seen = 1 - torch.exp(-dense / 8)
        through = torch.cumprod(torch.cat([torch.ones_like(seen[:, :1]), 1 - seen[:, :-1]], 1), 1)
        weights = seen * through + 1e-3
        sums = (weights / weights.sum(1, keepdim=True)).cumsum(1)
        index = torch.searchsorted(sums, numbers).clamp(max=7)
        return along.expand_as(sums).gather(1, index)

    return of(places, net), (torch.rand(2, 3), torch.rand(2, 3), torch.rand(2, 5))


# --- pictures sampled at computed places -----------------------------------------------------------------------------


def deformable() -> Made:
    """Convolutions that look where they want to."""
    from torchvision.ops import DeformConv2d

    shifts, net, out = nn.Conv2d(3, 18, 3, padding=1), DeformConv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1)
    return of(lambda x: out(net(x, shifts(x)).relu()), shifts, net, out), (torch.rand(PICTURE),)


def turned_pictures() -> Made:
    """A picture that is turned upright before it is read: a spatial transformer."""
    where, net, out = nn.Linear(3 * 16, 6), nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 10)

    def digit(x: torch.Tensor) -> torch.Tensor:
        turn = where(functional.adaptive_avg_pool2d(x, 4).flatten(1)).view(-1, 2, 3)
        grid = functional.affine_grid(turn, list(x.shape), align_corners=False)
        upright = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
        return out(net(upright).relu().mean((2, 3)))

    return of(digit, where, net, out), (torch.rand(PICTURE),)


def regions() -> Made:
    """Classes of regions of a picture that are given: RoIAlign."""
    from torchvision.ops import RoIAlign

    net, pool, out = nn.Conv2d(3, 8, 3, 2, 1), RoIAlign(4, 0.5, 2), nn.Linear(8 * 16, 3)

    def kinds(x: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        return out(pool(net(x).relu(), boxes).flatten(1))

    boxes = torch.tensor([[0.0, 2, 2, 20, 24], [0.0, 8, 1, 30, 15]])
    return of(kinds, net, pool, out), (torch.rand(PICTURE), boxes)


def sharpened() -> Made:
    """A picture made larger by curves, with its edges drawn again."""
    net = nn.Conv2d(3, 12, 3, padding=1, padding_mode="reflect")

    def larger(x: torch.Tensor) -> torch.Tensor:
        smooth = functional.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False, antialias=True)
        return (smooth + functional.pixel_shuffle(net(x), 2)).clamp(0, 1)

    return of(larger, net), (torch.rand(PICTURE),)


def correlated() -> Made:
    """Where pixels have gone: how alike each is to its neighbours in another picture."""
    net, out = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(9, 2, 3, padding=1)

    def moves(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        seen, then = functional.normalize(net(one), dim=1), functional.normalize(net(other), dim=1)
        around = functional.unfold(then, 3, padding=1).view(1, 8, 9, 16, 16)
        return out((seen[:, :, None] * around).sum(1))

    return of(moves, net, out), (torch.rand(PICTURE), torch.rand(PICTURE))


def pooled_twice() -> Made:
    """A picture pooled with the places of what was largest, and unpooled there: SegNet."""
    net, out = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 3, padding=1)

    def classes(x: torch.Tensor) -> torch.Tensor:
        small, places = functional.max_pool2d(net(x), 2, return_indices=True)
        return out(functional.max_unpool2d(small.relu(), places, 2))

    return of(classes, net, out), (torch.rand(PICTURE),)


def splatted() -> Made:
    """Points thrown on a map of what is below them: a lift and a splat."""
    net, out = nn.Linear(4, 8), nn.Conv2d(8, 3, 3, padding=1)

    def seen_from_above(points: torch.Tensor) -> torch.Tensor:
        cells = (points[:, :2] * 8).long().clamp(0, 7)
        index = cells[:, 0] * 8 + cells[:, 1]
        empty = points.new_full((64, 8), 0.0)
        largest = empty.scatter_reduce(0, index[:, None].expand(-1, 8), net(points), "amax", include_self=False)
        return out(largest.T.view(1, 8, 8, 8))

    return of(seen_from_above, net, out), (torch.rand(30, 4),)


# --- frequencies -----------------------------------------------------------------------------------------------------


def fourier_operator() -> Made:
    """A field a moment later: weights of its lowest frequencies, FNO."""
    lift, out = nn.Conv2d(1, 8, 1), nn.Conv2d(8, 1, 1)
    weights = nn.ParameterList([nn.Parameter(torch.randn(8, 8, 4, 4) / 8) for _ in range(2)])

    def later(x: torch.Tensor) -> torch.Tensor:
        seen = lift(x)
        found = torch.fft.rfft2(seen)
        low = torch.einsum("bixy,ioxy->boxy", found[..., :4, :4], torch.complex(*weights))
        whole = functional.pad(low, (0, found.shape[-1] - 4, 0, found.shape[-2] - 4))
        return out(functional.gelu(torch.fft.irfft2(whole, s=x.shape[-2:]) + seen))

    return Called(later, nn.ModuleList([lift, out, weights])), (torch.randn(1, 1, 16, 16),)


def envelope() -> Made:
    """How loud a wave is at each moment: the size of its analytic signal."""
    net = nn.Conv1d(1, 2, 5, padding=2)

    def loud(x: torch.Tensor) -> torch.Tensor:
        found = torch.fft.fft(x)
        step = torch.zeros(x.shape[-1], device=x.device, dtype=x.dtype)
        step[0], step[1 : x.shape[-1] // 2], step[x.shape[-1] // 2] = 1.0, 2.0, 1.0
        return net(torch.fft.ifft(found * step).abs())

    return of(loud, net), (torch.randn(1, 1, 64),)


def long_convolution() -> Made:
    """A sequence by a filter as long as itself, multiplied as frequencies: Hyena and S4."""
    both, out = nn.Linear(SIZE, 2 * SIZE), nn.Linear(SIZE, SIZE)
    filters = nn.ParameterList([nn.Parameter(torch.randn(SIZE, 20) / 20)])

    def found(x: torch.Tensor) -> torch.Tensor:
        value, gate = both(x).chunk(2, -1)
        size = 2 * x.shape[1]
        seen = torch.fft.rfft(value.transpose(1, 2), n=size) * torch.fft.rfft(filters[0], n=size)
        mixed = torch.fft.irfft(seen, n=size)[..., : x.shape[1]].transpose(1, 2)
        return out(mixed * gate.sigmoid())

    return Called(found, nn.ModuleList([both, out, filters])), (torch.randn(2, 20, SIZE),)


def decibels() -> Made:
    """A spectrogram in decibels, and its change, through a recurrent layer."""
    lstm, out = nn.LSTM(66, SIZE, batch_first=True, bidirectional=True), nn.Linear(2 * SIZE, 4)
    window = torch.hann_window(64)

    def kinds(wave: torch.Tensor) -> torch.Tensor:
        strength = torch.stft(wave, 64, 32, window=window, return_complex=True).abs() ** 2
        loud = 10 * torch.log10(strength.clamp(min=1e-6)).transpose(1, 2)
        change = torch.diff(loud, dim=1, prepend=loud[:, :1])
        return out(lstm(torch.cat([loud, change], -1))[0])

    return of(kinds, lstm, out), (torch.randn(1, 512),)


def rotated() -> Made:
    """Attention with places as complex numbers that keys and queries are multiplied with."""
    both, out = nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, SIZE)

    def found(x: torch.Tensor) -> torch.Tensor:
        query, key, value = both(x).float().view(*x.shape[:2], 3, 2, 8).permute(2, 0, 3, 1, 4)
        angles = torch.outer(torch.arange(x.shape[1], device=x.device).float(), 0.1 ** torch.arange(4).float())
        places = torch.polar(torch.ones_like(angles), angles)
        turn = [torch.view_as_complex(one.reshape(*one.shape[:-1], 4, 2)) * places for one in (query, key)]
        query, key = (torch.view_as_real(one).flatten(3) for one in turn)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return out(seen.transpose(1, 2).flatten(2).to(x.dtype))

    return of(found, both, out), (torch.randn(1, 6, SIZE),)


def mixed_by_frequencies() -> Made:
    """Patches mixed by a global filter of frequencies: GFNet."""
    patches, norm, out = nn.Conv2d(3, SIZE, 4, 4), nn.LayerNorm(SIZE), nn.Linear(SIZE, 5)
    filters = nn.ParameterList([nn.Parameter(torch.randn(8, 5, SIZE, 2) / 8)])

    def kind(x: torch.Tensor) -> torch.Tensor:
        seen = norm(patches(x).permute(0, 2, 3, 1))
        found = torch.fft.rfft2(seen, dim=(1, 2), norm="ortho") * torch.view_as_complex(filters[0])
        return out(torch.fft.irfft2(found, s=(8, 8), dim=(1, 2), norm="ortho").mean((1, 2)))

    return Called(kind, nn.ModuleList([patches, norm, out, filters])), (torch.rand(PICTURE),)


# --- codes -----------------------------------------------------------------------------------------------------------


def nearest_codes() -> Made:
    """A picture by the nearest of a book's vectors: VQ-VAE."""
    net, book, out = nn.Conv2d(3, 8, 4, 4), nn.Embedding(16, 8), nn.ConvTranspose2d(8, 3, 4, 4)

    def again(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen = net(x).permute(0, 2, 3, 1)
        codes = torch.cdist(seen.flatten(1, 2), book.weight[None]).argmin(-1)
        return out(book(codes).view_as(seen).permute(0, 3, 1, 2)), codes

    return of(again, net, book, out), (torch.rand(PICTURE),)


def levels() -> Made:
    """Numbers rounded to few levels, and the one number that they are: FSQ."""
    net, out = nn.Linear(8, 3), nn.Linear(3, 8)

    def codes(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        sizes = torch.tensor([8, 5, 5], device=x.device)
        seen = net(x).tanh() * (sizes - 1) / 2
        rounded = torch.round(seen)
        index = ((rounded + sizes // 2).long() * torch.tensor([1, 8, 40], device=x.device)).sum(-1)
        return out((rounded / (sizes // 2)).to(x.dtype)), index

    return of(codes, net, out), (torch.randn(2, 5, 8),)


def faked() -> Made:
    """Layers whose weights and numbers are rounded as integers of eight bits are."""
    net, out = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 4)

    def kind(x: torch.Tensor) -> torch.Tensor:
        scale = net.weight.detach().abs().amax((1, 2, 3)) / 127
        zero = torch.zeros(8, dtype=torch.int32)
        weight = torch.fake_quantize_per_channel_affine(net.weight, scale, zero, 0, -128, 127)
        seen = functional.conv2d(x, weight, net.bias, padding=1).relu()
        seen = torch.fake_quantize_per_tensor_affine(seen, 0.02, 0, 0, 255)
        return out(seen.mean((2, 3)))

    return of(kind, net, out), (torch.rand(PICTURE),)


def small_weights() -> Made:
    """A layer of weights that are kept in eight bits with a scale for each row."""
    out = nn.Linear(SIZE, 4)
    kept, scale = torch.randint(-127, 128, (SIZE, 12), dtype=torch.int8), torch.rand(SIZE, 1) / 100

    def found(x: torch.Tensor) -> torch.Tensor:
        rows = x.abs().amax(-1, keepdim=True) / 127
        rounded = torch.round(x / rows).clamp(-128, 127)
        return out(functional.linear(rounded * rows, kept.to(x.dtype) * scale.to(x.dtype)).relu())

    return of(found, out), (torch.randn(3, 12),)


def signs() -> Made:
    """Layers of weights and numbers that are one or minus one."""
    net, norm, out = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Linear(8, 4)

    def kind(x: torch.Tensor) -> torch.Tensor:
        weight = net.weight.sign() * net.weight.abs().mean((1, 2, 3), keepdim=True)
        seen = functional.hardtanh(norm(functional.conv2d((x - 0.5).sign(), weight, padding=1)))
        return out(functional.max_pool2d(seen, 4).flatten(2).mean(-1))

    return of(kind, net, norm, out), (torch.rand(PICTURE),)


# --- bags ------------------------------------------------------------------------------------------------------------


def weighted_bags() -> Made:
    """Bags of words, each word with a weight."""
    bag, out = nn.EmbeddingBag(WORDS, SIZE, mode="sum"), nn.Linear(SIZE, 2)

    def kind(words: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return out(bag(words, per_sample_weights=weights))

    return of(kind, bag, out), (torch.randint(0, WORDS, (3, 5)), torch.rand(3, 5))


def largest_bags() -> Made:
    """Bags of words by what is largest in them, of several tables."""
    bags, out = nn.ModuleList(nn.EmbeddingBag(20, 8, mode="max") for _ in range(3)), nn.Linear(27, 1)

    def click(words: torch.Tensor, starts: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        seen = torch.stack([bag(one, at) for bag, one, at in zip(bags, words, starts, strict=True)], 1)
        pairs = seen @ seen.transpose(1, 2)
        below = torch.tril_indices(3, 3, -1)
        return out(torch.cat([pairs[:, below[0], below[1]], seen.flatten(1)], 1)) + numbers.sum(1, keepdim=True)

    inputs = torch.randint(0, 20, (3, 7)), torch.tensor([[0, 3], [0, 2], [0, 5]]), torch.randn(2, 4)
    return of(click, bags, out), inputs


def ragged() -> Made:
    """Means of lists of unlike lengths, which are kept one behind another."""
    table, out = nn.Embedding(WORDS, SIZE), nn.Linear(SIZE, 2)

    def kind(words: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        sums = functional.pad(table(words).cumsum(0), (0, 0, 1, 0))[ends]
        lengths = torch.diff(ends, prepend=ends.new_zeros(1))
        each = torch.diff(sums, dim=0, prepend=torch.zeros_like(sums[:1]))
        return out(each / lengths.clamp(min=1)[:, None])

    return of(kind, table, out), (torch.randint(0, WORDS, (12,)), torch.tensor([3, 7, 12]))


def multi_hot() -> Made:
    """Sets of labels as rows of ones, crossed with each other."""
    first, out = nn.Linear(20, SIZE), nn.Linear(SIZE, 20)

    def others(labels: torch.Tensor) -> torch.Tensor:
        empty = torch.zeros(len(labels), 21, device=labels.device, dtype=first.weight.dtype)
        sets = empty.scatter(1, labels, 1.0)[:, 1:]
        return out(first(sets).relu()).masked_fill(sets.bool(), -1e4)

    return of(others, first, out), (torch.randint(0, 21, (3, 5)),)


# --- scans -----------------------------------------------------------------------------------------------------------


def selective_scan() -> Made:
    """A state that is kept as far as each word wants it: Mamba's scan, step by step."""
    into, out = nn.Linear(SIZE, SIZE + 8), nn.Linear(SIZE, SIZE)
    rates = nn.ParameterList([nn.Parameter(torch.rand(SIZE, 4))])

    def found(x: torch.Tensor) -> torch.Tensor:
        steps, b, c = into(x).split([SIZE, 4, 4], -1)
        steps = functional.softplus(steps)
        kept = torch.exp(-steps[..., None] * rates[0])
        added = (steps * x)[..., None] * b[:, :, None]
        state, seen = torch.zeros_like(kept[:, 0]), []
        for i in range(x.shape[1]):
            state = kept[:, i] * state + added[:, i]
            seen.append((state * c[:, i, None]).sum(-1))
        return out(torch.stack(seen, 1))

    return Called(found, nn.ModuleList([into, out, rates])), (torch.randn(2, 6, SIZE),)


def linear_attention() -> Made:
    """Attention without a softmax: sums of keys by values, along the words."""
    both, out = nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, SIZE)

    def found(x: torch.Tensor) -> torch.Tensor:
        query, key, value = both(x).chunk(3, -1)
        query, key = functional.elu(query) + 1, functional.elu(key) + 1
        sums = torch.einsum("bnd,bne->bnde", key, value).cumsum(1)
        parts = torch.einsum("bnd,bnd->bn", query, key.cumsum(1))
        return out(torch.einsum("bnd,bnde->bne", query, sums) / parts[..., None])

    return of(found, both, out), (torch.randn(2, 8, SIZE),)


def peepholes() -> Made:
    """LSTM cells that see their own state, with a norm of their gates."""
    gates, norm = nn.Linear(8 + SIZE, 4 * SIZE), nn.LayerNorm(4 * SIZE)
    looks = nn.ParameterList([nn.Parameter(torch.randn(3, SIZE))])

    def ends(x: torch.Tensor) -> torch.Tensor:
        hidden = x.new_zeros(x.shape[1], SIZE)
        kept = torch.zeros_like(hidden)
        for one in x:
            into, forget, new, let_out = norm(gates(torch.cat([one, hidden], 1))).chunk(4, 1)
            kept = (forget + looks[0][0] * kept).sigmoid() * kept + (into + looks[0][1] * kept).sigmoid() * new.tanh()
            hidden = (let_out + looks[0][2] * kept).sigmoid() * kept.tanh()
        return hidden

    return Called(ends, nn.ModuleList([gates, norm, looks])), (torch.randn(5, 2, 8),)


def backwards() -> Made:
    """The likeliest way through labels of words: Viterbi with pointers back."""
    net = nn.Linear(SIZE, 5)
    moves = nn.ParameterList([nn.Parameter(torch.randn(5, 5))])

    def labels(x: torch.Tensor) -> torch.Tensor:
        scores = net(x)
        best, pointers = scores[0], []
        for one in scores[1:]:
            best, pointer = (best[:, None] + moves[0]).max(0)
            best = best + one
            pointers.append(pointer)
        way = [best.argmax(0, keepdim=True)]
        for pointer in reversed(pointers):
            way.append(pointer.gather(0, way[-1]))
        return torch.cat(way[::-1])

    return Called(labels, nn.ModuleList([net, moves])), (torch.randn(6, SIZE),)


def stacked_gru() -> Made:
    """Two GRUs in both directions whose hidden states are pooled by attention with a mask."""
    gru, look, out = nn.GRU(8, SIZE, 2, batch_first=True, bidirectional=True), nn.Linear(2 * SIZE, 1), nn.Linear(32, 3)

    def kind(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        seen, _ = gru(x)
        there = torch.arange(x.shape[1], device=x.device)[None] < lengths[:, None]
        weights = look(seen).squeeze(-1).masked_fill(~there, -math.inf).softmax(1)
        return out((weights[:, None] @ seen).squeeze(1))

    return of(kind, gru, look, out), (torch.randn(2, 6, 8), torch.tensor([6, 4]))


# --- masked attention ------------------------------------------------------------------------------------------------


def windows() -> Made:
    """Attention to the words nearby, and to the first, in all directions that are allowed."""
    layer = nn.MultiheadAttention(SIZE, 2, batch_first=True)

    def found(x: torch.Tensor) -> torch.Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        far = (places[:, None] - places[None]).abs() > 2
        mask = far & (places[None] > 0) & (places[:, None] > 0)
        return layer(x, x, x, attn_mask=mask, need_weights=False)[0]

    return of(found, layer), (torch.randn(2, 9, SIZE),)


def segments() -> Made:
    """Texts that are packed in a row and see only themselves, with slopes by how far words are."""
    words, both, out = nn.Embedding(WORDS, SIZE), nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, WORDS)

    def next_words(ids: torch.Tensor) -> torch.Tensor:
        text = (ids == 0).cumsum(1)
        same = (text[:, :, None] == text[:, None]).tril()
        places = torch.arange(ids.shape[1], device=ids.device)
        seen = words(ids)
        slopes = torch.tensor([0.5, 0.25], device=ids.device, dtype=seen.dtype)[:, None, None]
        bias = (places[None] - places[:, None]).to(seen.dtype) * slopes
        bias = bias.masked_fill(~same[:, None], torch.finfo(seen.dtype).min)
        query, key, value = both(seen).view(*ids.shape, 3, 2, 8).permute(2, 0, 3, 1, 4)
        return out(functional.scaled_dot_product_attention(query, key, value, bias).transpose(1, 2).flatten(2))

    return of(next_words, words, both, out), (torch.tensor([[0, 4, 7, 0, 9, 3, 8, 0]]),)


def grouped_queries() -> Made:
    """Attention of four heads to the keys of two, with a cap on the scores and norms of keys and queries."""
    query, both, out, norm = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 32), nn.RMSNorm(8)

    def found(x: torch.Tensor) -> torch.Tensor:
        q = norm(query(x).view(*x.shape[:2], 4, 8)).transpose(1, 2)
        k, v = both(x).view(*x.shape[:2], 2, 2, 8).permute(2, 0, 3, 1, 4)
        k, v = norm(k).repeat_interleave(2, 1), v.repeat_interleave(2, 1)
        scores = 20 * torch.tanh(q @ k.mT / 20)
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        return out((scores.masked_fill(mask, -math.inf).softmax(-1) @ v).transpose(1, 2).flatten(2))

    return of(found, query, both, out, norm), (torch.randn(1, 7, 32),)


def queries_of_sets() -> Made:
    """Few latents that look at many numbers of which some are missing: Perceiver."""
    into, look, out = nn.Linear(4, SIZE), nn.MultiheadAttention(SIZE, 2, batch_first=True), nn.Linear(SIZE, 3)
    latents = nn.ParameterList([nn.Parameter(torch.randn(3, SIZE))])

    def found(x: torch.Tensor) -> torch.Tensor:
        missing = torch.isnan(x).any(-1)
        seen = into(torch.nan_to_num(x))
        asked = latents[0].expand(len(x), -1, -1)
        return out(look(asked, seen, seen, key_padding_mask=missing)[0])

    x = torch.randn(2, 7, 4)
    x[0, 2, 1] = x[1, 5, 0] = math.nan
    return Called(found, nn.ModuleList([into, look, out, latents])), (x,)


# --- memories --------------------------------------------------------------------------------------------------------


def turing_machine() -> Made:
    """A memory that is read and written where a controller looks: by content, and a shift around its end."""
    control, out = nn.Linear(12, 8 + 3 + 8 + 8), nn.Linear(8, 4)

    def step(x: torch.Tensor, memory: torch.Tensor, before: torch.Tensor) -> tuple[torch.Tensor, ...]:
        key, shift, erase, add = control(torch.cat([x, before @ memory], -1)).split([8, 3, 8, 8], -1)
        alike = functional.cosine_similarity(memory, key[None], dim=-1)
        weights = 0.5 * alike.softmax(0) + 0.5 * before
        moved = torch.stack([weights.roll(n) for n in (-1, 0, 1)], -1) @ shift.softmax(-1)
        memory = memory * (1 - torch.outer(moved, erase.sigmoid())) + torch.outer(moved, add)
        return out(moved @ memory), memory, moved

    return of(step, control, out), (torch.randn(4), torch.randn(6, 8), torch.rand(6))


def neighbours() -> Made:
    """What the nearest that are remembered say of what is asked."""
    net = nn.Linear(8, 6)

    def said(asked: torch.Tensor, known: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        one, other = functional.normalize(net(asked)), functional.normalize(net(known))
        near, index = (one @ other.T).topk(3)
        votes = functional.one_hot(kinds[index], 4).to(near.dtype) * (near / 0.1).softmax(-1)[..., None]
        return votes.sum(1)

    return of(said, net), (torch.randn(2, 8), torch.randn(12, 8), torch.randint(0, 4, (12,)))


def adapted() -> Made:
    """Norms of numbers by a running mean that goes with them, and a choice of two ways by how sure it is."""
    first, easy, hard = nn.Linear(8, 8), nn.Linear(8, 3), nn.Sequential(nn.Linear(8, 16), nn.Mish(), nn.Linear(16, 3))

    def kind(x: torch.Tensor, mean: torch.Tensor) -> tuple[torch.Tensor, ...]:
        mean = torch.lerp(mean, x.mean(0), 0.1)
        seen = torch.addcmul(first(x - mean), x, x, value=0.5)
        quick, slow = easy(seen), hard(seen)
        sure = quick.softmax(-1).amax(-1, keepdim=True) > 0.5
        return torch.where(sure, quick, slow), mean

    return of(kind, first, easy, hard), (torch.randn(4, 8), torch.zeros(8))


def matched() -> Made:
    """Two sets laid on each other by scores that rows and columns share: Sinkhorn."""
    net = nn.Linear(6, 8)

    def pairs(one: torch.Tensor, other: torch.Tensor) -> Sequence[torch.Tensor]:
        scores = net(one) @ net(other).mT
        for _ in range(3):
            scores = scores - scores.logsumexp(-1, keepdim=True)
            scores = scores - scores.logsumexp(-2, keepdim=True)
        best, index = scores.exp().max(-1)
        back = scores.argmax(-2).gather(-1, index)
        return index, best * (back == torch.arange(index.shape[-1], device=one.device))

    return of(pairs, net), (torch.randn(1, 5, 6), torch.randn(1, 5, 6))


KINDS: dict[str, dict[str, Callable[[], Made]]] = {
    "volume": {
        "volume-unet": volume_unet,
        "film": film,
        "cost-volume": cost_volume,
        "registered": registered,
        "upscaled-volume": upscaled_volume,
    },
    "algebra": {
        "whitened": whitened,
        "aligned": aligned,
        "ridge": ridge,
        "kalman": kalman,
        "likelihood": likelihood,
        "turned": turned,
    },
    "integer": {
        "hashed-words": hashed_words,
        "bits": bits,
        "buckets": buckets,
        "counted": counted,
        "relative-buckets": relative_buckets,
        "game": game,
    },
    "order": {
        "medians": medians,
        "ranked": ranked,
        "distinct": distinct,
        "sparse-experts": sparse_experts,
        "pruned-tokens": pruned_tokens,
        "resampled-rays": resampled_rays,
    },
    "sampled": {
        "deformable": deformable,
        "turned-pictures": turned_pictures,
        "regions": regions,
        "sharpened": sharpened,
        "correlated": correlated,
        "pooled-twice": pooled_twice,
        "splatted": splatted,
    },
    "frequency": {
        "fourier-operator": fourier_operator,
        "envelope": envelope,
        "long-convolution": long_convolution,
        "decibels": decibels,
        "rotated": rotated,
        "mixed-by-frequencies": mixed_by_frequencies,
    },
    "code": {
        "nearest-codes": nearest_codes,
        "levels": levels,
        "faked": faked,
        "small-weights": small_weights,
        "signs": signs,
    },
    "bag": {
        "weighted-bags": weighted_bags,
        "largest-bags": largest_bags,
        "ragged": ragged,
        "multi-hot": multi_hot,
    },
    "scan": {
        "selective-scan": selective_scan,
        "linear-attention": linear_attention,
        "peepholes": peepholes,
        "backwards": backwards,
        "stacked-gru": stacked_gru,
    },
    "masked": {
        "windows": windows,
        "segments": segments,
        "grouped-queries": grouped_queries,
        "queries-of-sets": queries_of_sets,
    },
    "memory": {
        "turing-machine": turing_machine,
        "neighbours": neighbours,
        "adapted": adapted,
        "matched": matched,
    },
}
"""By kind and name."""
MODELS = {name: make for kind in KINDS.values() for name, make in kind.items()}
