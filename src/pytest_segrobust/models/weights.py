"""Weights alone, read without running anything, and put into the network they belong to."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.crash import first_line

if TYPE_CHECKING:
    from pathlib import Path

WRAPPERS = ("state_dict", "model_state_dict", "network_weights", "model", "network", "net", "weights")
PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.")  # DataParallel, torch.compile, Lightning


def read_weights(path: Path) -> dict[str, Any]:
    """The state_dict in a file of `torch.save`, out of the usual wrappers; `weights_only=True`, always.

    Raises ModelError where the file is damaged, wants to run code, or holds no weights.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(_why_not(path, error)) from error
    return _state_dict(content, path)


def read_safetensors(path: Path) -> dict[str, Any]:
    """The tensors of a safetensors file."""
    from safetensors.torch import load_file

    try:
        weights: dict[str, Any] = load_file(path)
    except Exception as error:
        raise ModelError(f"{path} is cut off or damaged ({first_line(error)}): copy it again") from error
    if not weights:
        raise ModelError(f"{path} holds no weights")
    return weights


def load_into(network: torch.nn.Module, weights: dict[str, Any], path: Path, network_name: str) -> None:
    """Put the weights into the network, every one of them.

    Raises ModelError that names the first weights that are missing, left over or of another shape.
    """
    expected = network.state_dict()
    weights = _without_prefix(weights, set(expected))
    missing = [key for key in expected if key not in weights]
    left_over = [key for key in weights if key not in expected]
    shapes = [
        f"{key} is {tuple(weights[key].shape)} in the file and {tuple(value.shape)} in the network"
        for key, value in expected.items()
        if isinstance(value, torch.Tensor)
        and isinstance(weights.get(key), torch.Tensor)
        and weights[key].shape != value.shape
    ]
    faults = [_some("missing", missing), _some("left over", left_over), _some("of another shape", shapes)]
    if any(faults):
        words = "; ".join(fault for fault in faults if fault)
        raise ModelError(f"{path} does not fit {network_name}: {words}; is it the checkpoint of another net?")
    try:
        network.load_state_dict(weights, strict=True)
    except Exception as error:
        raise ModelError(f"{path} does not fit {network_name}: {first_line(error)}") from error


def _some(fault: str, entries: list[str]) -> str:
    if not entries:
        return ""
    rest = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    return f"{len(entries)} weights {fault} ({', '.join(entries[:3])}{rest})"


def _without_prefix(weights: dict[str, Any], expected: set[str]) -> dict[str, Any]:
    """The weights under the network's own names, where a wrapper around it had put a prefix before all of them."""
    while not expected & weights.keys():
        prefix = next((p for p in PREFIXES if all(key.startswith(p) for key in weights)), None)
        if prefix is None:
            break
        weights = {key.removeprefix(prefix): value for key, value in weights.items()}
    return weights


def _state_dict(content: Any, path: Path, depth: int = 0) -> dict[str, Any]:
    if isinstance(content, Mapping) and content:
        if all(isinstance(key, str) for key in content) and _mostly_tensors(content):
            return dict(content)
        for key in WRAPPERS if depth < 2 else ():
            if isinstance(content.get(key), Mapping):
                return _state_dict(content[key], path, depth + 1)
        keys = ", ".join(str(key) for key in list(content)[:6])
        raise ModelError(f"{path} holds no weights under a usual name (its keys: {keys}): save the state_dict alone")
    what = "nothing" if isinstance(content, Mapping) else type(content).__name__
    raise ModelError(f"{path} holds {what}, no weights: save them with torch.save(network.state_dict(), ...)")


def _mostly_tensors(content: Mapping[Any, Any]) -> bool:
    """Whether this is the state_dict itself; `_extra_state` entries may be anything."""
    return all(isinstance(value, torch.Tensor) or str(key).endswith("_extra_state") for key, value in content.items())


def _why_not(path: Path, error: Exception) -> str:
    text = str(error)
    wanted = re.search(r"GLOBAL ([\w.]+)", text) or re.search(r"(?:global|class|type) ([\w]+(?:\.[\w]+)+)", text)
    if isinstance(error, pickle.UnpicklingError) and ("Weights only" in text or wanted):
        what = f" ({wanted[1]})" if wanted else ""
        return (
            f"refused: {path} wants to run code while it is read{what}; "
            "only plain weights are opened: save them with torch.save(network.state_dict(), ...)"
        )
    return f"{path} is not a checkpoint, or is cut off or damaged ({first_line(error)}): copy it again"
