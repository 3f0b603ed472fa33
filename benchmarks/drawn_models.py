"""Models that were drawn by lot, for ``predicted_models.py``: ``python drawn_models.py SEED`` prints a draw.

``python drawn_models.py SEED practice`` draws of the kinds in ``practice_models.py``, ``python drawn_models.py SEED
hard`` of these and of the kinds in ``hard_models.py``, ``python drawn_models.py SEED each`` one of each of them.

Pools are what packages have: one of each of timm's files, torchvision's, transformers' and ultralytics' models,
segmentation_models_pytorch's decoders on small encoders, and models of sound, volumes, sequences and graphs that are
made below. A model is drawn before anything is known of it; in one of three draws it computes in another dtype.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

Made = tuple[nn.Module, tuple[Any, ...]]
COUNTS = {"timm": 3, "torchvision": 2, "transformers": 4, "smp": 1, "ultralytics": 1, "other": 4}
"""How many are drawn of each pool."""
COUNTS_OF_KINDS = {"detector": 5, "recurrent": 3, "step": 3, "sound": 3, "graph": 2, "segmentation": 3}
"""How many are drawn of each kind in ``practice_models.py``."""
COUNTS_OF_HARD_KINDS = {
    "detector": 4, "recurrent": 2, "step": 2, "sound": 2, "graph": 2, "segmentation": 2,
    "volume": 3, "algebra": 3, "integer": 2, "order": 3, "sampled": 3, "frequency": 3, "code": 2, "bag": 2, "scan": 2,
    "masked": 2, "memory": 1,
}  # fmt: skip
"""The same, and of each kind in ``hard_models.py``."""
LARGE = ("timm", "torchvision", "transformers")
"""The pools that have models that are too large."""
DTYPES = ("float16", "bfloat16", "float64")
DRAWS: dict[int, tuple[str, ...]] = {
    1: (
        "timm:edgenext_small",
        "timm:efficientnet_b0_g16_evos@float16",
        "timm:rexnet_150",
        "torchvision:quantized_mobilenet_v3_large",
        "torchvision:resnet18",
        "transformers:cohere2_moe",
        "transformers:data2vec-audio",
        "transformers:falcon_mamba",
        "transformers:fastspeech2_conformer",
        "ultralytics:yolov8-ghost-p6",
        "smp:DeepLabV3Plus+mit_b0",
        "other:ecapa",
        "other:unet-of-text@bfloat16",
        "other:hifi-gan",
        "other:vae",
    ),
    2: (
        "timm:edgenext_x_small",
        "timm:rexnet_100",
        "timm:efficientnet_b0_gn@float16",
        "torchvision:mobilenet_v3_large",
        "torchvision:mobilenet_v3_small@float64",
        "transformers:glm@float64",
        "transformers:yoso",
        "transformers:sew@float16",
        "transformers:hyperclovax",
        "ultralytics:yolo12-obb",
        "smp:Unet+mit_b0",
        "other:attention-unet",
        "other:bag-of-words",
        "other:gcn@bfloat16",
        "other:face@float16",
    ),
    3: (
        "timm:fastvit_mci0",
        "timm:hardcorenas_c",
        "timm:shvit_s2",
        "torchvision:shufflenet_v2_x1_5",
        "torchvision:mc3_18",
        "transformers:ernie4_5",
        "transformers:glm4",
        "transformers:mobilevitv2",
        "transformers:xglm",
        "ultralytics:yolov8-world",
        "smp:MAnet+resnet18",
        "other:decoder@float64",
        "other:masked-encoder",
        "other:unetr@float16",
        "other:cross-vit@float64",
    ),
    4: (
        "timm:cpubone_b0_bfrobust",
        "timm:inception_next_atto@float64",
        "timm:dla46x_c",
        "torchvision:squeezenet1_0",
        "torchvision:efficientnet_b1@float64",
        "transformers:layoutlm",
        "transformers:olmo3",
        "transformers:tapas",
        "transformers:nllb-moe",
        "ultralytics:yolo26-pose",
        "smp:FPN+timm-regnetx_002@float64",
        "other:gat",
        "other:mel-spectrogram@bfloat16",
        "other:conformer@float64",
        "other:conv-tasnet",
    ),
    5: (
        "timm:efficientvit_m0@float16",
        "timm:starnet_s4@bfloat16",
        "timm:repghostnet_080@bfloat16",
        "torchvision:mnasnet1_3",
        "torchvision:mnasnet1_0@float16",
        "transformers:wav2vec2-conformer",
        "transformers:glpn",
        "transformers:arcee",
        "transformers:blenderbot",
        "ultralytics:yolov5",
        "smp:Unet+timm-regnetx_002",
        "other:deep-speech",
        "other:codec@bfloat16",
        "other:seg-res-net@float16",
        "other:clicks",
    ),
    6: (
        "practice:rt-detr@float16",
        "practice:d-fine",
        "practice:deformable-detr",
        "practice:yolos",
        "practice:efficient-det",
        "practice:voice-activity",
        "practice:characters",
        "practice:packed@bfloat16",
        "practice:static-cache",
        "practice:flow@float64",
        "practice:llama-cache",
        "practice:quantized-sound@float64",
        "practice:mask-of-sound@float64",
        "practice:demucs",
        "practice:points",
        "practice:transformer-conv@float64",
        "practice:maskformer",
        "practice:reassembled",
        "practice:deep-lab",
    ),
    7: (
        "practice:ssd",
        "practice:fcos@float16",
        "practice:retinanet",
        "practice:detr@float64",
        "practice:translated@float16",
        "practice:emformer@float16",
        "practice:nucleus@float64",
        "practice:greedy",
        "practice:letters",
        "practice:mfcc",
        "practice:arma@float16",
        "practice:sparse-product",
        "practice:pyramid@float16",
        "practice:panoptic@bfloat16",
        "hard:film",
        "hard:volume-unet",
        "hard:registered",
        "hard:aligned",
        "hard:kalman",
        "hard:ridge",
        "hard:relative-buckets",
        "hard:buckets",
        "hard:distinct@bfloat16",
        "hard:medians",
        "hard:resampled-rays",
        "hard:sharpened",
        "hard:turned-pictures",
        "hard:splatted",
        "hard:decibels",
        "hard:rotated",
        "hard:fourier-operator",
        "hard:faked",
        "hard:small-weights@float16",
        "hard:weighted-bags@float64",
        "hard:ragged@bfloat16",
        "hard:stacked-gru",
        "hard:peepholes@float16",
        "hard:windows",
        "hard:segments",
        "hard:adapted@float16",
    ),
    8: (
        "practice:mask-rcnn",
        "practice:projected",
        "practice:beams",
        "practice:speaker",
        "practice:pooled-graphs",
        "practice:flow-of-pictures",
        "hard:cost-volume",
        "hard:whitened",
        "hard:bits@bfloat16",
        "hard:ranked",
        "hard:regions",
        "hard:mixed-by-frequencies@float64",
        "hard:nearest-codes@bfloat16",
        "hard:multi-hot",
        "hard:backwards",
        "hard:queries-of-sets@float16",
        "hard:matched",
    ),
    9: (
        "timm:test_vit_relpos@bfloat16",
        "timm:efficientvim_m1",
        "timm:fasternet_t0@float16",
        "torchvision:mnasnet0_5",
        "torchvision:shufflenet_v2_x2_0@float16",
        "transformers:bigbird_pegasus@float64",
        "transformers:cwm",
        "transformers:bitnet",
        "transformers:convbert@float16",
        "ultralytics:yolov8-cls-resnet101",
        "smp:PSPNet+efficientnet-b0@float16",
        "other:keypoint-heat",
        "other:tagger",
        "other:wav2letter@bfloat16",
    ),
    10: (
        "timm:mobilevit_s",
        "timm:regnetx_002@bfloat16",
        "timm:bat_resnext26ts@bfloat16",
        "torchvision:efficientnet_b2",
        "torchvision:shufflenet_v2_x1_0",
        "transformers:pegasus",
        "transformers:visual_bert@float64",
        "transformers:internlm3",
        "transformers:diffllama@float16",
        "ultralytics:yolov8-p2@float16",
        "smp:PSPNet+timm-regnetx_002",
    ),
}
"""By seed what was drawn, and could be made."""
AT_SEVERAL = (
    "other:cross-vit@float64",
    "other:decoder@float64",
    "other:ecapa",
    "other:face@float16",
    "other:gcn@bfloat16",
    "smp:MAnet+resnet18",
    "timm:convnext_atto",
    "timm:efficientnet_b0_g16_evos@float16",
    "timm:mobilenetv3_small_050",
    "timm:rexnet_100",
    "timm:rexnet_150",
    "torchvision:densenet121",
    "torchvision:mc3_18",
    "torchvision:quantized_mobilenet_v3_large",
    "torchvision:squeezenet1_1",
    "transformers:glm4",
    "transformers:gpt2",
    "ultralytics:yolo12-obb",
    "ultralytics:yolov8-ghost-p6",
    "varied:canny",
)
"""By lot (seed 7) of the models that had been run at one opset: those that are exported at others too."""
DECODERS = ("Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "PAN", "DeepLabV3Plus", "UPerNet", "Segformer")
ENCODERS = ("resnet18", "mobilenet_v2", "efficientnet-b0", "mit_b0", "timm-regnetx_002")


def conv_tasnet() -> Made:
    """Two speakers of a wave."""
    from torchaudio.models import ConvTasNet

    made = ConvTasNet(enc_num_feats=32, msk_num_feats=16, msk_num_hidden_feats=32, msk_num_layers=2, msk_num_stacks=1)
    return made, (torch.randn(1, 1, 800),)


def wav2letter() -> Made:
    """Letters of features of sound."""
    from torchaudio.models import Wav2Letter

    return Wav2Letter(num_classes=30, input_type="mfcc", num_features=13), (torch.randn(1, 13, 200),)


def deep_speech() -> Made:
    """Letters of a spectrogram, by a recurrent layer."""
    from torchaudio.models import DeepSpeech

    return DeepSpeech(n_feature=20, n_hidden=32, n_class=30), (torch.randn(1, 1, 12, 20),)


def conformer() -> Made:
    """Frames of sound and how many of them count."""
    from torchaudio.models import Conformer

    made = Conformer(input_dim=16, num_heads=2, ffn_dim=32, num_layers=1, depthwise_conv_kernel_size=7)
    return made, (torch.randn(2, 20, 16), torch.tensor([20, 15]))


def mel_spectrogram() -> Made:
    """A spectrogram of a wave."""
    from torchaudio.transforms import MelSpectrogram

    return MelSpectrogram(n_fft=256, n_mels=20), (torch.randn(1, 2000),)


def ecapa() -> Made:
    """Who speaks."""
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    channels = [32, 32, 32, 32, 96]
    return ECAPA_TDNN(20, channels=channels, lin_neurons=16, attention_channels=16), (torch.randn(1, 50, 20),)


def hifi_gan() -> Made:
    """A wave of a spectrogram."""
    from speechbrain.lobes.models.HifiGAN import HifiganGenerator

    made = HifiganGenerator(
        in_channels=20,
        out_channels=1,
        resblock_type="1",
        resblock_dilation_sizes=[[1, 3, 5], [1, 3, 5]],
        resblock_kernel_sizes=[3, 5],
        upsample_kernel_sizes=[8, 4],
        upsample_initial_channel=32,
        upsample_factors=[4, 2],
    )
    return made, (torch.randn(1, 20, 30),)


def codec() -> Made:
    """Codes of a wave."""
    from encodec.modules import SEANetEncoder

    return SEANetEncoder(n_filters=8, dimension=32, ratios=[4, 2]), (torch.randn(1, 1, 640),)


def seg_res_net() -> Made:
    """Segmentation of volumes with group norms."""
    from monai.networks.nets import SegResNet

    return SegResNet(3, init_filters=8, in_channels=1, out_channels=2), (torch.randn(1, 1, 16, 16, 16),)


def attention_unet() -> Made:
    """Segmentation of pictures with gates."""
    from monai.networks.nets import AttentionUnet

    return AttentionUnet(2, 1, 2, channels=(8, 16, 32), strides=(2, 2)), (torch.randn(1, 1, 32, 32),)


def unetr() -> Made:
    """Segmentation of volumes by a transformer."""
    from monai.networks.nets import UNETR

    sizes = {"feature_size": 8, "hidden_size": 48, "mlp_dim": 96, "num_heads": 4}
    return UNETR(1, 2, img_size=(32, 32, 32), **sizes), (torch.randn(1, 1, 32, 32, 32),)


def vae() -> Made:
    """A picture through the space of a diffusion model."""
    from diffusers import AutoencoderKL

    made = AutoencoderKL(block_out_channels=(16, 32), down_block_types=("DownEncoderBlock2D",) * 2,
                         up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=8)  # fmt: skip
    return Called(lambda x: made(x, return_dict=False)[0], made), (torch.randn(1, 3, 32, 32),)


def unet_of_text() -> Made:
    """A step of diffusion that is told what to draw."""
    from diffusers import UNet2DConditionModel

    made = UNet2DConditionModel(
        sample_size=16, block_out_channels=(16, 32), layers_per_block=1, cross_attention_dim=16, norm_num_groups=8,
        attention_head_dim=4, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    inputs = (torch.randn(1, 4, 16, 16), torch.tensor([7]), torch.randn(1, 5, 16))
    return Called(lambda x, t, text: made(x, t, text, return_dict=False)[0], made), inputs


def cross_vit() -> Made:
    """Two sizes of patches that look at each other."""
    from vit_pytorch.cross_vit import CrossViT

    made = CrossViT(image_size=64, num_classes=10, depth=1, sm_dim=32, lg_dim=32, sm_patch_size=8, lg_patch_size=16)
    return made, (torch.randn(1, 3, 64, 64),)


def simple_vit_of_frequencies() -> Made:
    """A transformer of patches and of their Fourier transform."""
    from vit_pytorch.simple_vit_with_fft import SimpleViT

    sizes = {"image_size": 64, "patch_size": 16, "freq_patch_size": 16, "dim": 32, "depth": 1, "heads": 2}
    return SimpleViT(num_classes=10, mlp_dim=64, **sizes), (torch.randn(1, 3, 64, 64),)


def decoder() -> Made:
    """A decoder of text with relative positions."""
    from x_transformers import Decoder, TransformerWrapper

    made = TransformerWrapper(
        num_tokens=100, max_seq_len=32, attn_layers=Decoder(dim=32, depth=1, heads=2, rotary_pos_emb=True)
    )
    return made, (torch.randint(0, 100, (1, 16)),)


def tagger() -> Made:
    """Words tagged in both directions."""

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.tags = nn.Embedding(100, 16), nn.Linear(32, 5)
            self.lstm = nn.LSTM(16, 16, batch_first=True, bidirectional=True)

        def forward(self, words: torch.Tensor) -> torch.Tensor:
            best: torch.Tensor = self.tags(self.lstm(self.words(words))[0]).argmax(-1)
            return best

    return Tagger(), (torch.randint(0, 100, (2, 12)),)


def bag_of_words() -> Made:
    """Texts as means of their words."""

    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bag, self.out = nn.EmbeddingBag(100, 16), nn.Linear(16, 4)

        def forward(self, words: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
            return torch.softmax(self.out(self.bag(words, starts)), -1)

    return Bag(), (torch.randint(0, 100, (10,)), torch.tensor([0, 4]))


def masked_encoder() -> Made:
    """A transformer that does not look at padding."""
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    made = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    mask = torch.tensor([[False] * 8, [False] * 5 + [True] * 3])
    return Called(lambda x, padding: made(x, src_key_padding_mask=padding), made), (torch.randn(2, 8, 32), mask)


def gcn() -> Made:
    """Nodes of a graph by their neighbours."""
    from torch_geometric.nn import GCN

    return GCN(8, 16, 2, 4), (torch.randn(5, 8), torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]]))


def gat() -> Made:
    """Nodes of a graph by the neighbours that they attend to."""
    from torch_geometric.nn import GAT

    return GAT(8, 16, 2, 4), (torch.randn(5, 8), torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]]))


def face() -> Made:
    """Faces as vectors."""
    from facenet_pytorch import InceptionResnetV1

    return InceptionResnetV1(), (torch.randn(1, 3, 96, 96),)


def keypoint_heat() -> Made:
    """Where heat is highest, and how sure."""

    def best(heat: torch.Tensor) -> tuple[torch.Tensor, ...]:
        flat = heat.flatten(2)
        score, index = flat.max(-1)
        width = heat.shape[-1]
        return torch.stack([index % width, index // width], -1), score

    net = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 5, 4, 2, 1))
    return Called(lambda x: best(net(x)), net), (torch.randn(1, 3, 32, 32),)


def clicks() -> Made:
    """Clicks predicted of categories and numbers: a factorization machine with a deep part."""

    class DeepFM(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.linear = nn.Embedding(60, 8), nn.Embedding(60, 1)
            self.register_buffer("starts", torch.tensor([0, 20, 40]))
            self.deep = nn.Sequential(nn.Linear(28, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))

        def forward(self, ids: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
            ids = ids + self.starts
            each = self.table(ids)
            crossed = 0.5 * (each.sum(1).pow(2) - each.pow(2).sum(1)).sum(1, keepdim=True)
            deep = self.deep(torch.cat([each.flatten(1), numbers], 1))
            return torch.sigmoid(self.linear(ids).sum(1) + crossed + deep)

    return DeepFM(), (torch.randint(0, 20, (2, 3)), torch.randn(2, 4))


class Called(nn.Module):
    """A function of a model's as a model."""

    def __init__(self, function: Callable[..., Any], model: nn.Module) -> None:
        super().__init__()
        self.function, self.model = function, model

    def forward(self, *tensors: torch.Tensor) -> Any:
        """What the function gives."""
        return self.function(*tensors)


OTHERS: dict[str, Callable[[], Made]] = {
    "conv-tasnet": conv_tasnet,
    "wav2letter": wav2letter,
    "deep-speech": deep_speech,
    "conformer": conformer,
    "mel-spectrogram": mel_spectrogram,
    "ecapa": ecapa,
    "hifi-gan": hifi_gan,
    "codec": codec,
    "seg-res-net": seg_res_net,
    "attention-unet": attention_unet,
    "unetr": unetr,
    "vae": vae,
    "unet-of-text": unet_of_text,
    "cross-vit": cross_vit,
    "vit-of-frequencies": simple_vit_of_frequencies,
    "decoder": decoder,
    "tagger": tagger,
    "bag-of-words": bag_of_words,
    "masked-encoder": masked_encoder,
    "gcn": gcn,
    "gat": gat,
    "face": face,
    "keypoint-heat": keypoint_heat,
    "clicks": clicks,
}


def segmenter(name: str) -> Made:
    """A model of segmentation_models_pytorch, ``DECODER+ENCODER``."""
    import segmentation_models_pytorch as smp

    decoder, _, encoder = name.partition("+")
    return smp.create_model(decoder, encoder, encoder_weights=None, classes=2), (torch.randn(1, 3, 64, 64),)


def pools() -> Mapping[str, list[str]]:
    """The names of all models that may be drawn."""
    import fixed_models

    listed = {
        "timm": fixed_models.timm_models,
        "torchvision": fixed_models.torchvision_models,
        "transformers": fixed_models.transformers_models,
        "ultralytics": fixed_models.ultralytics_models,
    }
    found = {package: [name for name, *_ in make(set())] for package, make in listed.items()}
    found["smp"] = [f"smp:{decoder}+{encoder}" for decoder in DECODERS for encoder in ENCODERS]
    found["other"] = [f"other:{one}" for one in OTHERS]
    return found


def pools_of_kinds() -> Mapping[str, list[str]]:
    """The names of the models of kinds that break in practice."""
    import practice_models

    return {kind: [f"practice:{one}" for one in models] for kind, models in practice_models.KINDS.items()}


def pools_of_hard_kinds() -> Mapping[str, list[str]]:
    """The same, and of the kinds that came later."""
    import hard_models

    hard = {kind: [f"hard:{one}" for one in models] for kind, models in hard_models.KINDS.items()}
    return {**pools_of_kinds(), **hard}


def drawn(seed: int, seen: set[str], named: Mapping[str, list[str]], counts: Mapping[str, int]) -> list[str]:
    """A draw among what was not seen, each pool in an order by lot: those that can be made, and are not large."""
    import fixed_models
    import predicted_models

    lot, found = random.Random(seed), []  # noqa: S311 - a draw that can be drawn again
    for pool, names in named.items():
        wanted, order = counts[pool], sorted(names)
        lot.shuffle(order)
        for name in (one for one in order if one not in seen):
            dtype = lot.choice(DTYPES) if lot.random() < 1 / 3 else ""
            full = f"{name}@{dtype}" if dtype else name
            if wanted and _is_made(full, predicted_models.made, fixed_models.LARGEST):
                found.append(full)
                wanted -= 1
            if not wanted:
                break
    return found


def _is_made(name: str, make: Callable[[str], Made], largest: int) -> bool:
    try:
        if name.partition(":")[0] in LARGE:
            with torch.device("meta"):
                size = sum(one.numel() for one in make(name)[0].parameters())
            if size > largest:
                return False
        model, inputs = make(name)
        with torch.no_grad():
            model(*inputs)
    except Exception as error:
        sys.stderr.write(f"{name}: {type(error).__name__}: {error}"[:120].replace("\n", " ") + "\n")
        return False
    return True


if __name__ == "__main__":
    import predicted_models

    predicted_models.stand_in()  # timm needs torchvision when it is listed
    known = {one.partition("@")[0] for one in predicted_models.names()}
    makers = {"": pools, "practice": pools_of_kinds, "hard": pools_of_hard_kinds, "each": pools_of_hard_kinds}
    one_each = dict.fromkeys(COUNTS_OF_HARD_KINDS, 1)
    counted = {"": COUNTS, "practice": COUNTS_OF_KINDS, "hard": COUNTS_OF_HARD_KINDS, "each": one_each}
    what = "".join(sys.argv[2:])
    print("\n".join(drawn(int(sys.argv[1]), known, makers[what](), counted[what])))
