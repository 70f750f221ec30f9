"""A MONAI bundle: the network that its configuration describes, with the weights in models/.

A bundle's configuration is a program: "$" expressions are evaluated and `_target_` may name any function. Only what
describes a network of MONAI itself is read here; preprocessing stays with [model] and is not taken from the bundle.
"""

from __future__ import annotations

import importlib
import json
import re
from typing import TYPE_CHECKING, Any

import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.crash import first_line
from pytest_segrobust.models.weights import load_into, read_safetensors, read_weights

if TYPE_CHECKING:
    from pathlib import Path

CONFIGS = ("inference.json", "inference.yaml", "inference.yml", "train.json", "train.yaml", "evaluate.json")
HOMES = ("monai.networks.nets", "monai.networks.blocks", "monai.networks.layers")
REFERENCE = re.compile(r"@([\w#]+(?:::\w+)*)")


def open_bundle(folder: Path) -> torch.nn.Module:
    """The bundle's network with its weights.

    Raises ModelError where there is no `network_def`, where it does more than name networks of MONAI with plain
    arguments, or where the weights do not fit.
    """
    config_file = next((folder / "configs" / name for name in CONFIGS if (folder / "configs" / name).is_file()), None)
    if config_file is None:
        raise ModelError(f"{folder}: no configs/inference.json that describes the network")
    config = _read(config_file)
    if "network_def" not in config:
        raise ModelError(f"{config_file}: no network_def; hand over the weights file and network instead")
    network = _build(config["network_def"], config, config_file)
    if not isinstance(network, torch.nn.Module):
        raise ModelError(f"{config_file}: network_def is {type(network).__name__}, not a network")
    for name in ("model.pt", "model.safetensors"):
        file = folder / "models" / name
        if file.is_file():
            weights = read_weights(file) if name.endswith(".pt") else read_safetensors(file)
            load_into(network, weights, file, f"network_def of {config_file.name}")
            return network
    raise ModelError(f"{folder}: no weights in models/model.pt; download the bundle with its weights")


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".json":
            config = json.loads(text)
        else:
            import yaml  # type: ignore[import-untyped]

            config = yaml.safe_load(text)
    except ImportError as error:
        raise ModelError(f"{file}: pip install pyyaml to read it") from error
    except Exception as error:
        raise ModelError(f"{file} cannot be read ({first_line(error)})") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file}: a table of settings is needed, not {type(config).__name__}")
    return config


def _build(value: Any, config: dict[str, Any], file: Path, depth: int = 0) -> Any:
    """The value with its references followed and its networks made: what was looked at is what is built."""
    if depth > 20:
        raise ModelError(f"{file}: network_def refers to itself")
    if isinstance(value, str):
        return _resolve(value, config, file, depth)
    if isinstance(value, list):
        return [_build(entry, config, file, depth + 1) for entry in value]
    if not isinstance(value, dict):
        return value
    arguments = {key: entry for key, entry in value.items() if key not in ("_target_", "_desc_")}
    for key in arguments:
        if key.startswith("_"):
            raise ModelError(f"refused: {file}: {key} in network_def; only _target_ and plain arguments are read")
    if "_target_" not in value:
        return {key: _build(entry, config, file, depth + 1) for key, entry in arguments.items()}
    target = _network_class(str(value["_target_"]), file)
    arguments = {key: _build(entry, config, file, depth + 1) for key, entry in arguments.items()}
    if any("pretrained" in key and entry for key, entry in arguments.items()):
        raise ModelError(f"refused: {file}: pretrained in network_def would download weights; set it to false")
    try:
        return target(**arguments)
    except Exception as error:
        raise ModelError(f"{file}: {target.__name__} of network_def cannot be built ({first_line(error)})") from error


def _resolve(text: str, config: dict[str, Any], file: Path, depth: int) -> Any:
    if text.startswith(("$", "%")):
        raise ModelError(
            f"refused: {file}: network_def holds the expression {text[:60]!r}, which would run code; "
            "hand over the weights file and network instead"
        )
    if not text.startswith("@"):
        return text
    if REFERENCE.fullmatch(text) is None:
        raise ModelError(f"{file}: network_def refers to {text[:60]!r}, which is no plain name")
    found: Any = config
    for part in text[1:].replace("#", "::").split("::"):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ModelError(f"{file}: network_def refers to {text}, which is not there") from error
    return _build(found, config, file, depth + 1)


def _network_class(target: str, file: Path) -> type[torch.nn.Module]:
    """The class that `_target_` names: a network of MONAI's own, in full or by its bare name."""
    module_name, _, name = target.rpartition(".")
    places = [module_name] if module_name else list(HOMES)
    for place in places:
        if not (place + ".").startswith(tuple(home + "." for home in HOMES)):
            continue
        try:
            found = getattr(importlib.import_module(place), name, None)
        except ImportError:
            continue
        if isinstance(found, type) and issubclass(found, torch.nn.Module) and found.__module__.startswith(HOMES):
            return found
    raise ModelError(
        f"refused: {file}: _target_ {target!r} is no network of monai.networks.nets, blocks or layers; "
        "hand over the weights file and network instead"
    )
