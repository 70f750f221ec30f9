"""Opening what `--segrobust-model` names, whatever its format, without running code that a file brings along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.fingerprint import sha256_of, sha256_of_weights
from pytest_segrobust.models.formats import Format, recognise
from pytest_segrobust.models.functions import UserFunction, described, find_function, is_function_name
from pytest_segrobust.models.programs import OnnxNetwork, Shape, open_exported_program, open_torchscript
from pytest_segrobust.models.weights import load_into, read_safetensors, read_weights

if TYPE_CHECKING:
    from pytest_segrobust.requirements.settings import ModelSettings


@dataclass(frozen=True)
class Checkpoint:
    """A network that is ready to predict, with where it came from.

    `sha256` was taken before the file was opened; "source:" stands before it where there is no file and it is of the
    source that holds the function. `input_shape` is what the file fixes of (batch, channels, *spatial).
    """

    path: str
    kind: Format | str
    sha256: str
    network: torch.nn.Module
    input_shape: Shape | None = None
    code: UserFunction | None = None
    weights_sha256: str | None = None  # where no file says what the weights are

    @property
    def parameters(self) -> int | None:
        """The number of parameters, None for ONNX, which does not tell."""
        if isinstance(self.network, OnnxNetwork):
            return None
        return sum(parameter.numel() for parameter in self.network.parameters())


def open_checkpoint(
    path: str, settings: ModelSettings, *, root: Path, device: torch.device, seed: int = 0
) -> Checkpoint:
    """Open a file, a folder or a `module:function`, in eval mode, on the device, with no gradients of parameters.

    `seed` is what torch's generator starts from while a `module:function` builds its network.
    Raises ModelError, in one line, for everything that can be wrong with it.
    """
    file = Path(path).expanduser()
    if is_function_name(path) and not file.exists():
        function, network = _build(path, root, "--segrobust-model", seed)
        network = _ready(network, device)
        source = f"source:{function.sha256}"
        held = sha256_of_weights(network)
        return Checkpoint(path, "function", source, network, code=function, weights_sha256=held)
    kind = recognise(file)
    sha256 = sha256_of(file)
    if kind == "torchscript":
        return Checkpoint(path, kind, sha256, _frozen(open_torchscript(file, device)))
    if kind == "exported program":
        network, shape = open_exported_program(file, device)
        return Checkpoint(path, kind, sha256, _frozen(network), shape)
    if kind == "onnx":
        onnx = OnnxNetwork(file, device)
        return Checkpoint(path, kind, sha256, onnx, onnx.input_shape)
    if kind == "monai bundle":
        from pytest_segrobust.models.bundle import open_bundle

        return Checkpoint(path, kind, sha256, _ready(open_bundle(file), device))
    weights = read_weights(file) if kind == "weights" else read_safetensors(file)
    if settings.network is None:
        raise ModelError(
            f"{path} holds weights alone: say in [model] which network they belong to, "
            'as network = "my_package.models:build_unet"'
        )
    function, network = _build(settings.network, root, "network", seed)
    load_into(network, weights, file, settings.network)
    return Checkpoint(path, kind, sha256, _ready(network, device), code=function)


def _build(name: str, root: Path, role: str, seed: int) -> tuple[UserFunction, torch.nn.Module]:
    """The function named and the network that it returns, with the same random weights in every process."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # before the import: a module may make its network as it is imported
        function = find_function(name, root, role)
        if isinstance(function.function, torch.nn.Module):
            return function, function.function
        if not callable(function.function):
            kind = type(function.function).__name__
            raise ModelError(f"{name} is {kind}, not a function that returns a network")
        try:
            network = function()
        except Exception as error:
            raise ModelError(f"{name} raised {described(error)}") from error
    if not isinstance(network, torch.nn.Module):
        raise ModelError(f"{name} returned {type(network).__name__}, not a torch.nn.Module")
    return function, network


def _ready(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    return _frozen(network.to(device).eval())


def _frozen(network: torch.nn.Module) -> torch.nn.Module:
    for parameter in network.parameters():
        parameter.requires_grad = False
    return network
