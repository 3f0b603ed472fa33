"""Exports models, for ``predictions.py``; in an environment of the packages.

``python predicted_models.py export FOLDER OPSET NAME WAY...`` writes the inputs, what eager gives, and by each way a
file of an ONNX exporter, or a program of torch with a list of its operators.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convlint.trial.program_runtimes import operators

TIMM = [
    "resnet18", "mobilenetv3_small_050", "efficientnet_b0", "convnext_atto", "vit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224", "mixer_s32_224", "levit_128s", "maxvit_rmlp_nano_rw_256",
    "coat_lite_tiny", "poolformer_s12", "xcit_nano_12_p16_224", "edgenext_xx_small", "hrnet_w18_small",
    "repvgg_a0", "gcvit_xxtiny", "nest_tiny", "halonet26t", "lambda_resnet26t", "volo_d1_224", "fastvit_t8",
    "mobilevit_xxs", "eva02_tiny_patch14_224", "beit_base_patch16_224", "davit_tiny", "tiny_vit_5m_224",
    "efficientformer_l1", "cspresnet50", "dla34", "ghostnet_100",
]  # fmt: skip
TORCHVISION = [
    "squeezenet1_1", "shufflenet_v2_x0_5", "googlenet", "densenet121", "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large", "fcn_resnet50", "ssdlite320_mobilenet_v3_large",
    "r3d_18", "swin_v2_t",
]  # fmt: skip
TRANSFORMERS = [
    "bert", "distilbert", "gpt2", "t5", "vit", "deberta-v2", "mobilebert", "llama", "segformer", "wav2vec2",
    "fnet", "mamba", "longformer", "roformer", "squeezebert", "mixtral", "whisper", "clip_vision_model",
    "bloom", "opt", "big_bird", "reformer", "nystromformer", "xlnet", "dpt", "canine", "mra", "rwkv", "ibert",
]  # fmt: skip
OF_OTHER_DTYPES = [
    "timm:resnet18@bfloat16", "transformers:bert@float64", "timm:vit_tiny_patch16_224@bfloat16",
    "transformers:gpt2@bfloat16", "torchvision:squeezenet1_1@float64", "timm:mobilenetv3_small_050@float16",
    "transformers:distilbert@float16", "timm:convnext_atto@float64", "transformers:llama@bfloat16",
]  # fmt: skip
"""Models that compute in another dtype than float32, in which they take and give tensors."""


def names() -> list[str]:
    """The models: those of each package in turn, some in other dtypes, and behind them what was drawn by lot."""
    import drawn_models

    return [*_chosen(), *(name for draw in drawn_models.DRAWS.values() for name in draw)]


def _chosen() -> list[str]:
    import varied_models

    lists = [OF_OTHER_DTYPES]
    lists += [[f"timm:{one}" for one in TIMM], [f"torchvision:{one}" for one in TORCHVISION]]
    lists.append([f"transformers:{one}" for one in TRANSFORMERS])
    lists.append([f"varied:{one}" for one in varied_models.MODELS])
    longest = max(map(len, lists))
    return [one[i] for i in range(longest) for one in lists if i < len(one)]


def stand_in() -> None:
    """Defines the operators of torchvision that the models here need, where its library is for another torch."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        operators.impl("nms", _nms, "CPU")
        made.library = operators  # type: ignore[attr-defined]  # it undoes its definitions when it goes
        from torchvision.ops import boxes

        boxes._assert_has_ops = _has_operators  # type: ignore[attr-defined]  # which is true now


def _has_operators() -> None:
    """A check that holds; torch.jit.script compiles it."""


def _nms(boxes: Any, scores: Any, threshold: float) -> Any:
    import torch

    left, kept = scores.argsort(descending=True), []
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low, high = torch.max(boxes[best, :2], boxes[left, :2]), torch.min(boxes[best, 2:], boxes[left, 2:])
        shared = (high - low).clamp(min=0).prod(1)
        left = left[shared / (areas[best] + areas[left] - shared) <= threshold]
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64)


def made(name: str) -> tuple[Any, tuple[Any, ...]]:
    """A model with random weights, and its inputs; ``@bfloat16`` behind its name makes it compute in that."""
    import drawn_models
    import fixed_models
    import hard_models
    import practice_models
    import torch
    import varied_models

    stand_in()
    torch.manual_seed(0)
    name, _, dtype = name.partition("@")
    if dtype:
        model, inputs = made(name)
        return Other(model, getattr(torch, dtype)).eval(), inputs
    package, _, wanted = name.partition(":")
    makers = {
        "timm": fixed_models.timm_models,
        "torchvision": fixed_models.torchvision_models,
        "transformers": fixed_models.transformers_models,
        "ultralytics": fixed_models.ultralytics_models,
    }
    if package in ("varied", "other", "practice", "hard", "smp"):
        model, inputs = {
            "varied": lambda: varied_models.MODELS[wanted](),
            "other": lambda: drawn_models.OTHERS[wanted](),
            "practice": lambda: practice_models.MODELS[wanted](),
            "hard": lambda: hard_models.MODELS[wanted](),
            "smp": lambda: drawn_models.segmenter(wanted),
        }[package]()
        return Flat(model.eval(), ()).eval(), inputs
    if package == "timm":  # the list names some that the maker passes over
        import timm

        model = timm.create_model(wanted, pretrained=False)
        return model.eval(), (torch.randn(1, *model.pretrained_cfg["input_size"]),)
    model, given = next(make for label, _, make in makers[package](set()) if label == name)()
    model = model.eval()
    if package == "transformers":
        model.config.use_cache = False
        return Flat(model, tuple(given)).eval(), tuple(given.values())
    return Flat(model, ()).eval(), tuple(given.values())


def _modules() -> tuple[type, type]:
    import torch
    from torch.utils import _pytree as pytree

    class Other(torch.nn.Module):
        """A model of another dtype, of and to float32."""

        def __init__(self, model: torch.nn.Module, dtype: torch.dtype) -> None:
            super().__init__()
            self.model, self.dtype = model.to(dtype), dtype

        def forward(self, *tensors: Any) -> Any:
            """What the model gives."""
            given = [one.to(self.dtype) if one.is_floating_point() else one for one in tensors]
            found = pytree.tree_leaves(self.model(*given))
            return tuple(one.float() if one.is_floating_point() else one for one in found)

    class Flat(torch.nn.Module):
        """A model as a function of tensors that gives a tuple of tensors."""

        def __init__(self, model: torch.nn.Module, names: tuple[str, ...]) -> None:
            super().__init__()
            self.model, self.names = model, names

        def forward(self, *tensors: Any) -> Any:
            """The tensors in what the model gives."""
            result = self.model(**dict(zip(self.names, tensors, strict=True))) if self.names else self.model(*tensors)
            values = list(result.values()) if isinstance(result, Mapping) else result
            leaves = pytree.tree_leaves(values)
            return tuple(one for one in leaves if isinstance(one, torch.Tensor))

    return Flat, Other


def Flat(model: Any, names: tuple[str, ...]) -> Any:  # noqa: N802 - a class that needs torch
    """The model of flat inputs and outputs."""
    return _modules()[0](model, names)


def Other(model: Any, dtype: Any) -> Any:  # noqa: N802 - a class that needs torch
    """The model in another dtype."""
    return _modules()[1](model, dtype)


def export(folder: Path, opset: int, name: str, ways: Sequence[str]) -> None:
    """Writes what one model becomes."""
    import torch
    from torch.utils import _pytree as pytree

    warnings.simplefilter("ignore")
    model, inputs = made(name)
    stem = folder / name.replace(":", "_")
    with torch.no_grad():
        expected = pytree.tree_leaves(model(*inputs))
    flat = [one.numpy() for one in pytree.tree_leaves(inputs)]
    np.savez(f"{stem}.npz", *flat, **{f"out{i}": one.detach().numpy() for i, one in enumerate(expected)})
    told: dict[str, str] = {}
    for way in ways:
        try:
            with torch.no_grad():
                WAYS[way](model, inputs, stem, opset)
            told[way] = "exported"
        except Exception as error:
            told[way] = f"{type(error).__name__}: {error}"[:200]
    print(json.dumps(told))


def _program(model: Any, inputs: tuple[Any, ...], stem: Path, _: int) -> None:
    import torch

    exported = torch.export.export(model, inputs, strict=False)
    decomposed = {"torch_export": exported.run_decompositions({}), "core": exported.run_decompositions()}
    uses = {graph: operators(program) for graph, program in decomposed.items()}
    Path(f"{stem}.operators").write_text(json.dumps(uses))
    torch.export.save(exported, f"{stem}.pt2")


def _onnx(which: str) -> Callable[[Any, tuple[Any, ...], Path, int], None]:
    def write(model: Any, inputs: tuple[Any, ...], stem: Path, opset: int) -> None:
        import torch

        file, dynamo = f"{stem}.{which}.onnx", which == "dynamo"
        torch.onnx.export(model, inputs, file, dynamo=dynamo, opset_version=opset, external_data=False, verbose=False)
        _check_opset(Path(file), opset)

    return write


def _check_opset(file: Path, asked: int) -> None:
    """Removes a file that its exporter could not bring to the opset that was asked for."""
    import onnx

    opsets = {one.domain: one.version for one in onnx.load(file, load_external_data=False).opset_import}
    if opsets[""] != asked:
        file.unlink()
        raise ValueError(f"it stays at opset {opsets['']}")


WAYS = {"torch.export": _program, "torchscript": _onnx("torchscript"), "dynamo": _onnx("dynamo")}
"""What writes a program or a file."""


if __name__ == "__main__":
    if sys.argv[1] == "export":
        export(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:])
    else:
        print("\n".join(names()))
