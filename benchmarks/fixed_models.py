"""What models compute with random weights: ``python fixed_models.py LINES MODULE...``, one JSON line each.

The modules are those that a repair touched: each is imported, and models that use one of them are taken first. What
LINES holds already is not run again. Runs in an environment of the packages, without convlint.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

TRAINED = 4
"""One in so many is differentiated as well."""
LARGEST, LARGEST_REPAIRED = 12_000_000, 100_000_000
"""Parameters of a model that is still run: of any, and of one that a repair reaches."""
LONGEST = 384
"""Pixels along an image's side."""
SMALL = {
    "hidden_size": 32, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "num_hidden_layers": 2, "n_layer": 2,
    "num_layers": 2, "intermediate_size": 64, "vocab_size": 100, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    "num_attention_heads": 4, "num_key_value_heads": 4, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "n_embd": 32, "n_head": 4, "attention_window": 4, "num_experts": 4, "num_local_experts": 4, "head_dim": 8,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 128,
}  # fmt: skip
"""Settings of transformers' models, where a configuration has them."""
Made = tuple[torch.nn.Module, dict[str, Any]]
Results = Mapping[str, dict[str, Any]]


def timm_models(touched: set[str]) -> Iterator[tuple[str, bool, Callable[[], Made]]]:
    """One model of each of timm's files, those first that a repair reaches; then others."""
    import timm

    names: dict[str, list[str]] = {}
    for name in timm.list_models():
        names.setdefault(timm.model_entrypoint(name).__module__, []).append(name)
    rounds = [(module, mine[at]) for at in range(4) for module, mine in sorted(names.items()) if at < len(mine)]
    rounds.sort(key=lambda one: not _reaches(one[0], touched))
    for module, name in rounds:

        def make(name: str = name) -> Made:
            model = timm.create_model(name, pretrained=False)
            size = model.pretrained_cfg["input_size"]
            if max(size) > LONGEST:
                raise ValueError("too large")
            return model, {"": torch.randn(1, *size)}

        yield f"timm:{name}", _reaches(module, touched), make


def torchvision_models(touched: set[str]) -> Iterator[tuple[str, bool, Callable[[], Made]]]:
    """torchvision's models, detectors first."""
    import torchvision.models as zoo

    names = sorted(zoo.list_models(), key=lambda name: not zoo.get_model_builder(name).__module__.count("detection"))
    for name in names:
        module = zoo.get_model_builder(name).__module__

        def make(name: str = name, module: str = module) -> Made:
            weights = {"weights": None} | ({"weights_backbone": None} if module.count(".") > 2 else {})
            weights = {key: value for key, value in weights.items() if "video" not in module or key == "weights"}
            model = zoo.get_model(name, **weights)
            shape = (1, 3, 16, 112, 112) if "video" in module else (2, 3, 128, 128)
            images = torch.randn(2, 3, *((224, 224) if "vit" in name or "swin" in name else shape[-2:]))
            return model, {
                "": list(images) if "detection" in module else torch.randn(shape) if "video" in module else images
            }

        yield f"torchvision:{name}", _reaches(module, touched), make


def transformers_models(touched: set[str]) -> Iterator[tuple[str, bool, Callable[[], Made]]]:
    """The plain models of transformers, small ones, those first that a repair reaches."""
    from transformers import AutoConfig, AutoModel
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    kinds = sorted(MODEL_MAPPING_NAMES, key=lambda kind: not _reaches(f"transformers.models.{_folder(kind)}", touched))
    for kind in kinds:

        def make(kind: str = kind) -> Made:
            config = AutoConfig.for_model(kind)
            for name, value in SMALL.items():
                if isinstance(getattr(config, name, None), int):
                    setattr(config, name, value)
            model = AutoModel.from_config(config)
            if model.main_input_name == "pixel_values":
                size = getattr(config, "image_size", 64)
                return model, {
                    "pixel_values": torch.randn(2, 3, size, size) if isinstance(size, int) else torch.randn(2, 3, *size)
                }
            if model.main_input_name == "input_values":
                return model, {"input_values": torch.randn(2, 4000)}
            given = {"input_ids": torch.randint(3, 90, (2, 16))}
            if config.is_encoder_decoder:
                given["decoder_input_ids"] = torch.randint(3, 90, (2, 8))
            return model, given

        yield f"transformers:{kind}", _reaches(f"transformers.models.{_folder(kind)}", touched), make


def ultralytics_models(touched: set[str]) -> Iterator[tuple[str, bool, Callable[[], Made]]]:
    """The smallest of each architecture that ultralytics describes."""
    import ultralytics

    folder = Path(ultralytics.__file__).parent / "cfg/models"
    for path in sorted(folder.rglob("yolo*.yaml")):

        def make(path: Path = path) -> Made:
            model = ultralytics.YOLO(str(path)).model
            return model, {"": torch.randn(1, 3, 128, 128)}

        yield f"ultralytics:{path.stem}", _any_of("ultralytics.nn", touched), make


def _folder(kind: str) -> str:
    from transformers.models.auto.configuration_auto import model_type_to_module_name

    return str(model_type_to_module_name(kind))


def _any_of(package: str, touched: set[str]) -> bool:
    """Whether a module of a package was touched."""
    return any(name.startswith(f"{package}.") for name in touched)


def _reaches(module: str, touched: set[str]) -> bool:
    """Whether a module, or what it imports of its own package, was touched."""
    names = {module, *(name for name in touched if name.startswith(f"{module}."))}
    loaded = sys.modules.get(module)
    names |= {value.__module__ for value in vars(loaded).values() if hasattr(value, "__module__")} if loaded else set()
    return bool(names & touched)


def computed(make: Callable[[], Made], *, trained: bool, largest: int) -> dict[str, str]:
    """Hashes of what a model computes, or the error."""
    try:
        with torch.device("meta"):
            size = sum(one.numel() for one in make()[0].parameters())
        if size > largest:
            return {"error": "too large"}
        torch.manual_seed(0)
        model, given = make()
        model.eval()
        inputs = [given.pop("")] if "" in given else []
        with torch.set_grad_enabled(trained):
            outputs = list(_tensors(model(*inputs, **given)))
        found = {"outputs": _hash(outputs)}
        if trained:
            sum(one.float().sum() for one in outputs if one.requires_grad).backward()
            found["gradients"] = _hash([one.grad for one in model.parameters() if one.grad is not None])
    except Exception as error:
        return {"error": type(error).__name__}
    return found


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _tensors(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)


def _hash(tensors: list[torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for one in tensors:
        digest.update(f"{one.dtype} {tuple(one.shape)} {one.stride()}".encode())
        digest.update(one.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


FAMILIES = {
    timm_models: 80,
    torchvision_models: 20,
    transformers_models: 30,
    ultralytics_models: 10,
}
"""How many models of each are wanted."""


def imported(module: str) -> str:
    """Nothing, or why a module cannot be imported."""
    try:
        importlib.import_module(module)
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace(os.environ.get("PYTHONPATH", ""), "")
    return ""


def main() -> None:
    """The modules that were touched, then each family's models, until enough of them have computed something."""
    warnings.simplefilter("ignore")
    sys.stdout = sys.stderr  # packages print while they make models
    torch.set_num_threads(1)
    kept, touched = Path(sys.argv[1]), set(sys.argv[2:])
    lines = kept.read_text().splitlines() if kept.is_file() else []
    known = {one["name"]: one for one in map(json.loads, lines)}
    with kept.open("a") as out:
        for result in results(touched, known):
            if result["name"] not in known:
                out.write(json.dumps(result) + "\n")
                out.flush()


def results(touched: set[str], known: Results) -> Iterator[dict[str, Any]]:
    """What is said of each module and model."""
    for module in sorted(touched):
        name = f"import:{module}"
        yield known.get(name) or {"name": name, "imported": imported(module)}
    for family, wanted in FAMILIES.items():
        count = 0
        for name, reached, make in family(touched):
            largest = LARGEST_REPAIRED if reached else LARGEST
            one = known.get(name) or {"name": name, "touched": reached} | computed(
                make, trained=count % TRAINED == 0, largest=largest
            )
            yield one
            count += "outputs" in one
            if count >= wanted:
                break


if __name__ == "__main__":
    main()
