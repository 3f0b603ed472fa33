"""Models of the kinds that break in practice, for ``predicted_models.py``: small, with random weights.

Detectors to their last box, recurrent layers, steps of generation and of samplers with what they keep, sound, graphs,
segmentation with interpolation. They were chosen by kind, before anything was known of what targets make of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from drawn_models import Called, Made
from torch import nn
from torch.nn import functional

PICTURE, CHANNELS = (3, 96, 96), 32
NODES, EDGES = 6, ((0, 1, 2, 3, 4, 5, 0, 2), (1, 2, 3, 4, 5, 0, 3, 5))


def picture() -> torch.Tensor:
    """A picture, of numbers from 0 to 1."""
    return torch.rand(1, *PICTURE)


def small_backbone() -> nn.Sequential:
    """Convolutions that halve a picture three times."""
    layers: list[nn.Module] = []
    for before, after in ((3, 8), (8, 16), (16, CHANNELS)):
        layers += [nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def one_level(anchors: int = 3) -> tuple[nn.Module, Any]:
    """A backbone of one level for torchvision's detectors, and its anchors."""
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    backbone = small_backbone()
    backbone.out_channels = CHANNELS  # type: ignore[assignment]  # as torchvision asks for it
    return backbone, AnchorGenerator(((32,) if anchors == 1 else (16, 32, 48),), ((1.0,),))


def of_one(detector: nn.Module) -> Made:
    """A detector that takes lists of pictures, of one."""
    return Called(lambda x: detector([x]), detector), (picture()[0],)


def of_torchvision(name: str) -> Callable[[], Made]:
    """A detector of torchvision, small: it resizes, finds anchors and suppresses what overlaps."""

    def make() -> Made:
        from torchvision.models import detection

        backbone, anchors = one_level(1 if name == "FCOS" else 3)
        rpn = {"rpn_anchor_generator": anchors, "rpn_pre_nms_top_n_test": 20, "rpn_post_nms_top_n_test": 8}
        sizes = {"min_size": 96, "max_size": 96, "box_detections_per_img": 8} | rpn if "RCNN" in name else {}
        if not sizes:
            sizes = {"min_size": 96, "max_size": 96, "anchor_generator": anchors, "score_thresh": 0.01}
        return of_one(getattr(detection, name)(backbone, num_classes=3, **sizes, **_pools(name)))

    return make


def _pools(name: str) -> dict[str, Any]:
    from torchvision.ops import MultiScaleRoIAlign

    heads = {"FasterRCNN": ("box",), "MaskRCNN": ("box", "mask")}
    sizes = {"box": 7, "mask": 14}
    return {f"{head}_roi_pool": MultiScaleRoIAlign(["0"], sizes[head], 2) for head in heads.get(name, ())}


class Levels(nn.Module):
    """A backbone of one level by a name."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the backbone makes of a picture."""
        return {"0": self.backbone(x)}


def ssd() -> Made:
    """An SSD of torchvision, small: default boxes of one level."""
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
    from torchvision.models.detection.ssd import SSD, SSDHead

    backbone, _ = one_level()
    boxes = DefaultBoxGenerator([[2]], scales=[0.3, 0.6])
    made = SSD(Levels(backbone), boxes, (96, 96), 3, head=SSDHead([CHANNELS], boxes.num_anchors_per_location(), 3))
    made.score_thresh = 0.01
    return of_one(made)


def efficient_det() -> Made:
    """EfficientDet with its anchors and what overlaps suppressed."""
    from effdet import DetBenchPredict, EfficientDet, get_efficientdet_config

    config = get_efficientdet_config("tf_efficientdet_lite0")
    config.image_size, config.num_classes, config.max_detection_points, config.max_det_per_image = [128, 128], 3, 50, 10
    return DetBenchPredict(EfficientDet(config, pretrained_backbone=False)), (torch.rand(1, 3, 128, 128),)


def yolo_with_boxes_kept() -> Made:
    """A YOLO whose boxes are kept where no better one overlaps them."""
    import ultralytics
    from torchvision.ops import batched_nms

    net = ultralytics.YOLO("yolov8n.yaml").model.eval()

    def kept(x: torch.Tensor) -> torch.Tensor:
        found = net(x)[0][0].T
        scores, classes = found[:, 4:].max(1)
        half = found[:, 2:4] / 2
        boxes = torch.cat([found[:, :2] - half, found[:, :2] + half], 1)
        best = scores.topk(50).indices
        left = batched_nms(boxes[best], scores[best], classes[best], 0.5)
        return torch.cat([boxes[best][left], scores[best][left][:, None]], 1)

    return Called(kept, net), (torch.rand(1, 3, 64, 64),)


def center_net() -> Made:
    """Boxes around the highest points of a heat map, by pooling."""
    net = small_backbone()
    heat, size = nn.Conv2d(CHANNELS, 4, 1), nn.Conv2d(CHANNELS, 4, 1)

    def boxes(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = net(x)
        scores = heat(found).sigmoid()
        scores = scores * (functional.max_pool2d(scores, 3, 1, 1) == scores)
        best, index = scores.flatten(1).topk(10)
        area, width = scores[0, 0].numel(), scores.shape[-1]
        classes, place = index // area, index % area
        sizes = size(found).flatten(2).gather(2, place[:, None].expand(-1, 4, -1))
        x0, y0 = (place % width).float(), (place // width).float()
        return torch.stack([x0 - sizes[:, 0], y0 - sizes[:, 1], x0 + sizes[:, 2], y0 + sizes[:, 3]], 2), best, classes

    return Called(boxes, nn.ModuleList([net, heat, size])), (picture(),)


def of_transformers(kind: str, task: str, **sizes: Any) -> Callable[[], Made]:
    """A model of transformers with the head of a task, and the picture that it takes."""

    def make() -> Made:
        import transformers

        config = transformers.AutoConfig.for_model(kind)
        settings = {"backbone": None, "use_timm_backbone": False, "use_pretrained_backbone": False, "num_labels": 3}
        for name, value in (settings | SMALLER | sizes).items():
            if hasattr(config, name):
                setattr(config, name, value)
        if hasattr(config, "backbone_config"):
            config.backbone_config = transformers.ResNetConfig(
                embedding_size=8, hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1], layer_type="basic",
                out_features=["stage2", "stage3", "stage4"],
            )  # fmt: skip
        made = getattr(transformers, f"AutoModelFor{task}").from_config(config)

        def found(x: torch.Tensor) -> Sequence[torch.Tensor]:
            said = made(pixel_values=x)
            names = ("logits", "pred_boxes", "class_queries_logits", "masks_queries_logits")
            return [said[name] for name in names if name in said]

        return Called(found, made), (picture(),)

    return make


SMALLER = {
    "d_model": 32, "hidden_size": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_hidden_dim": 32,
    "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
    "num_queries": 10, "num_hidden_layers": 1, "intermediate_size": 64, "num_attention_heads": 2,
    "image_size": [96, 96], "patch_size": 16, "num_detection_tokens": 10, "anchor_image_size": None, "feature_size": 32,
    "mask_feature_size": 32, "hidden_dim": 32, "num_denoising": 0, "dim_feedforward": 32,
}  # fmt: skip
"""Settings of transformers' detectors, where a configuration has them."""
OF_THREE_LEVELS = {"decoder_layers": 2, "encoder_in_channels": [16, 16, 16], "decoder_in_channels": [32, 32, 32]}


def packed() -> Made:
    """Sequences of several lengths, packed for a GRU."""
    gru, out = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 3)

    def ends(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        given = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        return out(gru(given)[1][-1])

    return Called(ends, nn.ModuleList([gru, out])), (torch.randn(3, 7, 8), torch.tensor([7, 5, 2]))


def projected() -> Made:
    """LSTMs on each other with projections, from states that are given."""
    lstm = nn.LSTM(8, 16, 2, batch_first=True, proj_size=6)
    return Called(lambda x, h, c: lstm(x, (h, c)), lstm), (
        torch.randn(2, 5, 8),
        torch.randn(2, 2, 6),
        torch.randn(2, 2, 16),
    )


def translated() -> Made:
    """Words read by a GRU and written one by one, by cells that look back at what was read."""
    words, read, cell = nn.Embedding(50, 16), nn.GRU(16, 16, batch_first=True), nn.GRUCell(32, 16)
    out = nn.Linear(16, 50)

    def written(source: torch.Tensor) -> torch.Tensor:
        seen, state = read(words(source))
        state, word, found = state[0], source.new_full((source.shape[0],), 1), []
        for _ in range(4):
            weights = torch.softmax((seen @ state[:, :, None]).squeeze(2), 1)
            context = (weights[:, None] @ seen).squeeze(1)
            state = cell(torch.cat([words(word), context], 1), state)
            scores = out(state)
            word = scores.argmax(1)
            found.append(scores)
        return torch.stack(found, 1)

    return Called(written, nn.ModuleList([words, read, cell, out])), (torch.randint(0, 50, (2, 6)),)


def conv_lstm() -> Made:
    """Frames of a film by a cell of convolutions, one after another."""
    gates = nn.Conv2d(3 + 8, 32, 3, 1, 1)

    def last(film: torch.Tensor) -> torch.Tensor:
        hidden = film.new_zeros(film.shape[0], 8, *film.shape[-2:])
        kept = torch.zeros_like(hidden)
        for frame in film.unbind(1):
            into, forget, out, new = gates(torch.cat([frame, hidden], 1)).chunk(4, 1)
            kept = forget.sigmoid() * kept + into.sigmoid() * new.tanh()
            hidden = out.sigmoid() * kept.tanh()
        return hidden

    return Called(last, gates), (torch.randn(1, 4, 3, 16, 16),)


def characters() -> Made:
    """Plain recurrent layers in both directions."""
    words, rnn, out = nn.Embedding(30, 12), nn.RNN(12, 16, 2, bidirectional=True), nn.Linear(32, 30)
    return Called(lambda x: out(rnn(words(x))[0]), nn.ModuleList([words, rnn, out])), (torch.randint(0, 30, (9, 2)),)


def emformer() -> Made:
    """Speech in segments with memory."""
    from torchaudio.models import Emformer

    made = Emformer(16, 2, 32, 1, segment_length=4, right_context_length=1)
    return made, (torch.randn(1, 9, 16), torch.tensor([8]))


def voice_activity() -> Made:
    """Whether somebody speaks in a piece of a wave, and the state for the next."""
    filters, lstm, out = nn.Conv1d(1, 34, 32, 16, bias=False), nn.LSTMCell(17, 16), nn.Linear(16, 1)

    def speaks(wave: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        padded = functional.pad(wave[:, None], (16, 16), mode="reflect")
        real, imaginary = filters(padded).chunk(2, 1)
        strength = (real**2 + imaginary**2).sqrt()
        for frame in strength.unbind(2):
            h, c = lstm(frame, (h, c))
        return out(h.relu()).sigmoid(), h, c

    return Called(speaks, nn.ModuleList([filters, lstm, out])), (
        torch.randn(1, 96),
        torch.zeros(1, 16),
        torch.zeros(1, 16),
    )


def with_cache(kind: str) -> Callable[[], Made]:
    """A step of a decoder of transformers with the keys and values of the words before."""

    def make() -> Made:
        import transformers
        from fixed_models import SMALL

        config = transformers.AutoConfig.for_model(kind)
        for name, value in SMALL.items():
            if isinstance(getattr(config, name, None), int):
                setattr(config, name, value)
        made = transformers.AutoModelForCausalLM.from_config(config)

        def step(word: torch.Tensor, place: torch.Tensor, *kept: torch.Tensor) -> Sequence[torch.Tensor]:
            cache = transformers.DynamicCache()
            for layer in range(len(kept) // 2):
                cache.update(kept[2 * layer], kept[2 * layer + 1], layer)
            said = made(input_ids=word, position_ids=place, past_key_values=cache, use_cache=True)
            layers = said.past_key_values.layers
            return [said.logits, *(one for layer in layers for one in (layer.keys, layer.values))]

        kept = [torch.randn(1, 4, 5, 8) for _ in range(2 * config.num_hidden_layers)]
        return Called(step, made), (torch.randint(3, 90, (1, 1)), torch.tensor([[5]]), *kept)

    return make


def static_cache() -> Made:
    """Attention of a word to a cache of a fixed size, which it is written into."""
    query, both, out = nn.Linear(32, 32), nn.Linear(32, 64), nn.Linear(32, 32)

    def step(
        x: torch.Tensor, place: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        key, value = both(x).view(1, 1, 2, 4, 8).unbind(2)
        keys = keys.index_copy(2, place, key.transpose(1, 2))
        values = values.index_copy(2, place, value.transpose(1, 2))
        seen = (torch.arange(keys.shape[2], device=x.device) <= place)[None]
        found = functional.scaled_dot_product_attention(query(x).view(1, 1, 4, 8).transpose(1, 2), keys, values, seen)
        return out(found.transpose(1, 2).flatten(2)), keys, values

    inputs = torch.randn(1, 1, 32), torch.tensor([3]), torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    return Called(step, nn.ModuleList([query, both, out])), inputs


def nucleus() -> Made:
    """The likeliest words that make up nine tenths, and one of them by a number that is given."""
    out = nn.Linear(16, 40)

    def word(x: torch.Tensor, number: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scores, order = (out(x) / 0.7).sort(-1, descending=True)
        sums = scores.softmax(-1).cumsum(-1)
        left_out = sums - scores.softmax(-1) > 0.9
        scores = scores.masked_fill(left_out, -math.inf)
        likely = torch.full_like(scores, -math.inf).scatter(1, order, scores).softmax(-1)
        return likely, (likely.cumsum(-1) < number).sum(-1).clamp(max=39)

    return Called(word, out), (torch.randn(2, 16), torch.rand(2, 1))


def beams() -> Made:
    """A step of a search by beams: the best continuations, and the caches of the beams that they continue."""
    out = nn.Linear(16, 40)

    def step(x: torch.Tensor, sums: torch.Tensor, words: torch.Tensor, cache: torch.Tensor) -> tuple[torch.Tensor, ...]:
        total = sums[:, None] + out(x).log_softmax(-1)
        sums, index = total.flatten().topk(3)
        beam, word = torch.div(index, 40, rounding_mode="floor"), index.remainder(40)
        return sums, torch.cat([words.index_select(0, beam), word[:, None]], 1), cache.index_select(0, beam)

    inputs = torch.randn(3, 16), torch.randn(3), torch.randint(0, 40, (3, 5)), torch.randn(3, 2, 5, 8)
    return Called(step, out), inputs


def greedy() -> Made:
    """Words written one by one by a small transformer, until as many as are wanted."""
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    words, out = nn.Embedding(50, 32), nn.Linear(32, 50)

    def written(ids: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1], device=ids.device)
            scores = out(layer(words(ids), src_mask=mask, is_causal=True)[:, -1])
            ids = torch.cat([ids, scores.argmax(-1, keepdim=True)], 1)
        return ids

    return Called(written, nn.ModuleList([layer, words, out])), (torch.randint(0, 50, (1, 5)),)


def accepted() -> Made:
    """How many drafted words a larger model accepts, and the words that are left."""
    small, large = nn.Linear(16, 30), nn.Linear(16, 30)

    def words(x: torch.Tensor, drafted: torch.Tensor, numbers: torch.Tensor) -> tuple[torch.Tensor, ...]:
        likely, wanted = small(x).softmax(-1), large(x).softmax(-1)
        mine, other = (one.gather(2, drafted[..., None]).squeeze(2) for one in (likely, wanted))
        kept = (numbers < other / mine.clamp(min=1e-6)).long().cumprod(1)
        return kept.sum(1), torch.where(kept.bool(), drafted, wanted.argmax(-1))

    return Called(words, nn.ModuleList([small, large])), (
        torch.randn(2, 4, 16),
        torch.randint(0, 30, (2, 4)),
        torch.rand(2, 4),
    )


def ddim() -> Made:
    """A step of a sampler with its schedule, from one time to another."""
    from diffusers import UNet2DModel

    net = UNet2DModel(
        sample_size=16, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    schedule = (1 - torch.linspace(1e-4, 0.02, 100)).cumprod(0)
    net.register_buffer("schedule", schedule)

    def step(x: torch.Tensor, time: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        noise = net(x, time, return_dict=False)[0]
        now, then = (net.schedule[one].view(-1, 1, 1, 1) for one in (time, before))
        clean = ((x - (1 - now).sqrt() * noise) / now.sqrt()).clamp(-1, 1)
        return then.sqrt() * clean + (1 - then).sqrt() * noise

    return Called(step, net), (torch.randn(1, 3, 16, 16), torch.tensor([60]), torch.tensor([40]))


def flow() -> Made:
    """Points that flow by a network's velocity, in steps of Heun."""
    net = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, 2))

    def ends(x: torch.Tensor) -> torch.Tensor:
        times = torch.linspace(0, 1, 5, device=x.device)
        for now, then in zip(times[:-1], times[1:], strict=True):  # noqa: RUF007 - of tensors, in one operator each
            first = net(torch.cat([x, now.expand(x.shape[0], 1)], 1))
            ahead = x + (then - now) * first
            x = x + (then - now) / 2 * (first + net(torch.cat([ahead, then.expand(x.shape[0], 1)], 1)))
        return x

    return Called(ends, net), (torch.randn(4, 2),)


def letters() -> Made:
    """Letters of frames: the likeliest of each, without repeats and blanks."""
    net = nn.Sequential(nn.Conv1d(8, 16, 3, padding=1), nn.ReLU(), nn.Conv1d(16, 6, 1))

    def best(x: torch.Tensor) -> torch.Tensor:
        ids = torch.unique_consecutive(net(x)[0].argmax(0))
        return ids[ids != 0]

    return Called(best, net), (torch.randn(1, 8, 20),)


def mask_of_sound() -> Made:
    """A wave without noise: a spectrogram, a mask by a GRU, and a wave again."""
    gru, out = nn.GRU(33, 16, batch_first=True), nn.Linear(16, 33)
    window = torch.hann_window(64)

    def clean(wave: torch.Tensor) -> torch.Tensor:
        found = torch.stft(wave, 64, 16, window=window, return_complex=True)
        mask = out(gru(found.abs().transpose(1, 2))[0]).sigmoid().transpose(1, 2)
        return torch.istft(found * mask, 64, 16, window=window, length=wave.shape[1])

    return Called(clean, nn.ModuleList([gru, out])), (torch.randn(1, 640),)


def mfcc() -> Made:
    """Cepstral coefficients of a wave."""
    from torchaudio.transforms import MFCC

    return MFCC(n_mfcc=10, melkwargs={"n_fft": 256, "n_mels": 20}), (torch.randn(1, 2000),)


def resampled() -> Made:
    """A wave at another rate, and its loud and quiet parts."""
    from torchaudio.transforms import AmplitudeToDB, Resample

    resample, decibels = Resample(16000, 12000), AmplitudeToDB(top_db=60)
    return Called(lambda x: decibels(resample(x) ** 2), nn.ModuleList([resample, decibels])), (torch.randn(1, 1600),)


def demucs() -> Made:
    """Instruments of a song, by waves and spectrograms."""
    from torchaudio.models import HDemucs

    return HDemucs(["drums", "other"], audio_channels=1, channels=4), (torch.randn(1, 1, 16384),)


def quantized_sound() -> Made:
    """A wave of codes of several books."""
    from encodec.modules import SEANetDecoder
    from encodec.quantization import ResidualVectorQuantizer

    books = ResidualVectorQuantizer(32, n_q=3, bins=16)
    net = SEANetDecoder(n_filters=8, dimension=32, ratios=[4, 2])
    return Called(lambda codes: net(books.decode(codes)), nn.ModuleList([books, net])), (
        torch.randint(0, 16, (3, 1, 20)),
    )


def speaker() -> Made:
    """Who speaks in a wave: its filter bank first."""
    from speechbrain.lobes.features import Fbank
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    bank = Fbank(n_mels=20)
    net = ECAPA_TDNN(20, channels=[16] * 4 + [48], lin_neurons=16, attention_channels=16)
    return Called(lambda wave: net(bank(wave)), nn.ModuleList([bank, net])), (torch.randn(1, 3200),)


def quakes() -> Made:
    """A wave filtered by what it was before."""
    from torchaudio.functional import lfilter

    a, b = torch.tensor([1.0, -0.5, 0.25]), torch.tensor([0.2, 0.4, 0.2])
    net = nn.Conv1d(1, 4, 5)
    return Called(lambda x: net(lfilter(x, a, b)), net), (torch.randn(1, 1, 64),)


def of_geometric(name: str, **options: Any) -> Callable[[], Made]:
    """A convolution of torch_geometric between two linear layers."""

    def make() -> Made:
        from torch_geometric import nn as layers

        first, convolution, last = nn.Linear(8, 16), getattr(layers, name)(16, 16, **options), nn.Linear(16, 4)

        def found(x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
            return last(convolution(first(x).relu(), edges).relu())

        return Called(found, nn.ModuleList([first, convolution, last])), (torch.randn(NODES, 8), torch.tensor(EDGES))

    return make


def pooled_graphs() -> Made:
    """Graphs as means and maxima of their nodes."""
    from torch_geometric.nn import SAGEConv, global_max_pool, global_mean_pool

    convolution, out = SAGEConv(8, 16), nn.Linear(32, 3)

    def found(x: torch.Tensor, edges: torch.Tensor, graph: torch.Tensor) -> torch.Tensor:
        nodes = convolution(x, edges).relu()
        return out(torch.cat([global_mean_pool(nodes, graph, 2), global_max_pool(nodes, graph, 2)], 1))

    inputs = torch.randn(NODES, 8), torch.tensor(EDGES), torch.tensor([0, 0, 0, 1, 1, 1])
    return Called(found, nn.ModuleList([convolution, out])), inputs


def atoms() -> Made:
    """Energy and forces' norms of atoms that are near each other."""
    kinds, filters, out = (
        nn.Embedding(10, 16),
        nn.Sequential(nn.Linear(8, 16), nn.Softplus(), nn.Linear(16, 16)),
        nn.Linear(16, 1),
    )

    def energy(kind: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        far = torch.cdist(places, places)
        one, other = (far + 10 * torch.eye(len(far), device=far.device) < 1.5).nonzero().unbind(1)
        each = torch.exp(-((far[one, other][:, None] - torch.linspace(0, 2, 8, device=far.device)) ** 2))
        found = kinds(kind)
        found = found + torch.zeros_like(found).index_add(0, one, found[other] * filters(each))
        return out(found).sum(0)

    return Called(energy, nn.ModuleList([kinds, filters, out])), (torch.randint(0, 10, (6,)), torch.rand(6, 3))


def sparse_product() -> Made:
    """Nodes by a sparse matrix of their neighbours."""
    first, last = nn.Linear(8, 16), nn.Linear(16, 4)

    def found(x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        weights = torch.ones(edges.shape[1], device=x.device, dtype=x.dtype)
        near = torch.sparse_coo_tensor(edges, weights, (NODES, NODES))
        return last(torch.sparse.mm(near, first(x)).relu())

    return Called(found, nn.ModuleList([first, last])), (torch.randn(NODES, 8), torch.tensor(EDGES))


def points() -> Made:
    """Points by what is between each and its nearest neighbours."""
    net, out = nn.Sequential(nn.Conv2d(6, 16, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.2)), nn.Linear(16, 5)

    def kind(x: torch.Tensor) -> torch.Tensor:
        near = torch.cdist(x, x).topk(4, largest=False).indices
        around = torch.stack([cloud[index] for cloud, index in zip(x, near, strict=True)])
        each = torch.cat([around - x[:, :, None], x[:, :, None].expand_as(around)], 3)
        return out(net(each.permute(0, 3, 1, 2)).amax((2, 3)))

    return Called(kind, nn.ModuleList([net, out])), (torch.randn(2, 20, 3),)


def flow_of_pictures() -> Made:
    """Where each pixel of a picture goes in another: RAFT."""
    from torchvision.models.optical_flow import raft_small

    made = raft_small(weights=None)
    return Called(lambda x, y: made(x, y, 2)[-1], made), (torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128))


def deep_lab() -> Made:
    """Segmentation with dilated convolutions, of the size of the picture."""
    from torchvision.models.segmentation.deeplabv3 import DeepLabHead

    net, head = small_backbone(), DeepLabHead(CHANNELS, 4)

    def classes(x: torch.Tensor) -> torch.Tensor:
        found = functional.interpolate(head(net(x)), x.shape[-2:], mode="bilinear", align_corners=False)
        return found.softmax(1)

    return Called(classes, nn.ModuleList([net, head])), (picture(),)


def pyramid() -> Made:
    """Segmentation with means of tiles of several sizes, enlarged by cubic curves."""
    net, out = small_backbone(), nn.Conv2d(4 * CHANNELS, 3, 3, padding=1)

    def classes(x: torch.Tensor) -> torch.Tensor:
        found, size = net(x), (12, 12)
        tiles = [functional.adaptive_avg_pool2d(found, one) for one in (1, 2, 5)]
        larger = [functional.interpolate(one, size, mode="bicubic", align_corners=True) for one in tiles]
        return functional.interpolate(out(torch.cat([found, *larger], 1)), scale_factor=8.0, mode="nearest-exact")

    return Called(classes, nn.ModuleList([net, out])), (picture(),)


def point_rend() -> Made:
    """Segmentation whose least certain points are asked again of finer features."""
    net, coarse, fine = small_backbone(), nn.Conv2d(CHANNELS, 3, 1), nn.Conv1d(CHANNELS + 3, 3, 1)

    def classes(x: torch.Tensor) -> torch.Tensor:
        found = net(x)
        scores = functional.interpolate(coarse(found), scale_factor=2, mode="bilinear", align_corners=False)
        best = scores.topk(2, 1).values
        height, width = scores.shape[-2:]
        index = (best[:, 1] - best[:, 0]).flatten(1).topk(20).indices
        places = torch.stack([index % width, index // width], 2).float() / width * 2 - 1
        of = [
            functional.grid_sample(one, places[:, :, None], align_corners=False).squeeze(3) for one in (found, scores)
        ]
        again = fine(torch.cat(of, 1))
        return scores.flatten(2).scatter(2, index[:, None].expand(-1, 3, -1), again).view(1, 3, height, width)

    return Called(classes, nn.ModuleList([net, coarse, fine])), (picture(),)


def of_prompts() -> Made:
    """Masks of what is pointed at in a picture: Segment Anything's decoder of prompts."""
    from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer

    prompts = PromptEncoder(32, (8, 8), (128, 128), 8)
    attention = TwoWayTransformer(depth=1, embedding_dim=32, mlp_dim=64, num_heads=2)
    masks = MaskDecoder(transformer_dim=32, transformer=attention, iou_head_hidden_dim=32)

    def found(seen: torch.Tensor, places: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        sparse, dense = prompts((places, labels), None, None)
        low, scores = masks(seen, prompts.get_dense_pe(), sparse, dense, multimask_output=True)
        return functional.interpolate(low, (128, 128), mode="bilinear", align_corners=False), scores

    inputs = torch.randn(1, 32, 8, 8), torch.rand(1, 2, 2) * 128, torch.tensor([[1, 0]])
    return Called(found, nn.ModuleList([prompts, masks])), inputs


def reassembled() -> Made:
    """A map enlarged by kernels of its own: what CARAFE does."""
    net, kernels = small_backbone(), nn.Conv2d(CHANNELS, 4 * 9, 3, padding=1)

    def larger(x: torch.Tensor) -> torch.Tensor:
        found = net(x)
        size, height, width = found.shape[1], found.shape[2], found.shape[3]
        weights = functional.pixel_shuffle(kernels(found), 2).softmax(1)
        around = functional.unfold(found, 3, padding=1).view(1, size * 9, height, width)
        around = functional.interpolate(around, scale_factor=2, mode="nearest").view(1, size, 9, height * 2, width * 2)
        return (around * weights[:, None]).sum(2)

    return Called(larger, nn.ModuleList([net, kernels])), (picture(),)


def panoptic() -> Made:
    """Things and stuff in one map: masks by their scores, the largest kept, an area of each counted."""
    net, masks, classes = small_backbone(), nn.Conv2d(CHANNELS, 6, 1), nn.Linear(CHANNELS, 4)

    def found(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        seen = net(x)
        each = functional.interpolate(masks(seen), scale_factor=4, mode="bilinear").sigmoid()
        score, kind = classes(seen.mean((2, 3))).softmax(-1).max(-1)
        winner = (each * score.view(-1, 1, 1, 1)).argmax(1)
        areas = functional.one_hot(winner, 6).sum((1, 2))
        return winner, areas, torch.where(areas > 20, kind[:, None], -1)

    return Called(found, nn.ModuleList([net, masks, classes])), (picture(),)


KINDS: dict[str, dict[str, Callable[[], Made]]] = {
    "detector": {
        "faster-rcnn": of_torchvision("FasterRCNN"),
        "mask-rcnn": of_torchvision("MaskRCNN"),
        "retinanet": of_torchvision("RetinaNet"),
        "fcos": of_torchvision("FCOS"),
        "ssd": ssd,
        "efficient-det": efficient_det,
        "yolo-nms": yolo_with_boxes_kept,
        "center-net": center_net,
        "detr": of_transformers("detr", "ObjectDetection"),
        "conditional-detr": of_transformers("conditional_detr", "ObjectDetection"),
        "deformable-detr": of_transformers("deformable_detr", "ObjectDetection", decoder_layers=2),
        "rt-detr": of_transformers("rt_detr", "ObjectDetection", **OF_THREE_LEVELS),
        "d-fine": of_transformers("d_fine", "ObjectDetection", **OF_THREE_LEVELS),
        "yolos": of_transformers("yolos", "ObjectDetection"),
    },
    "recurrent": {
        "packed": packed,
        "projected": projected,
        "translated": translated,
        "conv-lstm": conv_lstm,
        "characters": characters,
        "emformer": emformer,
        "voice-activity": voice_activity,
    },
    "step": {
        "gpt2-cache": with_cache("gpt2"),
        "llama-cache": with_cache("llama"),
        "static-cache": static_cache,
        "nucleus": nucleus,
        "beams": beams,
        "greedy": greedy,
        "accepted": accepted,
        "ddim": ddim,
        "flow": flow,
    },
    "sound": {
        "letters": letters,
        "mask-of-sound": mask_of_sound,
        "mfcc": mfcc,
        "resampled": resampled,
        "demucs": demucs,
        "quantized-sound": quantized_sound,
        "speaker": speaker,
        "quakes": quakes,
    },
    "graph": {
        "arma": of_geometric("ARMAConv"),
        "transformer-conv": of_geometric("TransformerConv"),
        "cheb": of_geometric("ChebConv", K=3),
        "pooled-graphs": pooled_graphs,
        "atoms": atoms,
        "sparse-product": sparse_product,
        "points": points,
    },
    "segmentation": {
        "flow-of-pictures": flow_of_pictures,
        "deep-lab": deep_lab,
        "pyramid": pyramid,
        "point-rend": point_rend,
        "of-prompts": of_prompts,
        "reassembled": reassembled,
        "panoptic": panoptic,
        "maskformer": of_transformers("maskformer", "UniversalSegmentation"),
    },
}
"""By kind and name."""
MODELS = {name: make for kind in KINDS.values() for name, make in kind.items()}
