"""Networks that come as programs: TorchScript, torch.export and ONNX."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.crash import first_line
from pytest_segrobust.models.screening import screen_exported_program, screen_script_graph, screen_torchscript

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Shape = tuple[int | None, ...]  # of the one input; None where any size goes


def open_torchscript(path: Path, device: torch.device) -> torch.nn.Module:
    """A scripted or traced network, on the device."""
    screen_torchscript(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces TorchScript's end at every load
            network = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise ModelError(f"{path} cannot be opened as TorchScript ({first_line(error)})") from error
    screen_script_graph(path, network)
    opened: torch.nn.Module = network.eval()
    return opened


def open_exported_program(path: Path, device: torch.device) -> tuple[torch.nn.Module, Shape]:
    """A network of torch.export, on the device, with the input shape that it was exported for.

    Raises ModelError where it was exported in training mode: its dropout can no longer be switched off.
    """
    screen_exported_program(path)
    loudness = logging.getLogger("torch.export").level
    try:
        logging.getLogger("torch.export").setLevel(logging.ERROR)  # it warns of every ending but .pt2
        program = torch.export.load(path)
        if device.type != "cpu":
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(program, device)
    except Exception as error:
        raise ModelError(f"{path} cannot be opened as a torch.export program ({first_line(error)})") from error
    finally:
        logging.getLogger("torch.export").setLevel(loudness)
    inputs = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    if len(inputs) != 1:
        raise ModelError(f"{path} takes {len(inputs)} inputs; a network that takes one image batch is needed")
    if any(_trains(node) for node in program.graph.nodes):
        raise ModelError(f"{path} was exported in training mode: call network.eval() before torch.export.export")
    shape = tuple(size if isinstance(size, int) else None for size in inputs[0].meta["val"].shape)
    return program.module(), shape


def _trains(node: torch.fx.Node) -> bool:
    """Whether a node drops out, or normalises by the batch's own statistics."""
    name = str(node.target)
    if name.startswith(("aten.dropout", "aten.feature_dropout", "aten.alpha_dropout")):
        return bool(node.args[2]) if len(node.args) > 2 else False
    return name.startswith("aten.batch_norm") and len(node.args) > 5 and bool(node.args[5])


class OnnxNetwork(torch.nn.Module):
    """An ONNX file as a network: one image batch in, its first output out, on the device it was given."""

    def __init__(self, path: Path, device: torch.device) -> None:
        super().__init__()
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(f'{path} is an ONNX file: pip install "pytest-segrobust[onnx]" to open it') from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()  # else every xdist worker takes every core
        options.log_severity_level = 3
        available = onnxruntime.get_available_providers()
        providers: list[Any] = ["CPUExecutionProvider"]
        if device.type == "cuda" and "CUDAExecutionProvider" in available:
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:
            raise ModelError(f"{path} is not an ONNX network, or is damaged ({first_line(error)})") from error
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(f"{path} takes {len(inputs)} inputs; a network that takes one image batch is needed")
        self.input_name: str = inputs[0].name
        self.output_name: str = self.session.get_outputs()[0].name
        self.input_dtype = {"tensor(float)": torch.float32, "tensor(double)": torch.float64}.get(
            inputs[0].type, torch.float16
        )
        self.input_shape: Shape = tuple(size if isinstance(size, int) else None for size in inputs[0].shape)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The first output for a batch (N, channels, *spatial)."""
        array = images.to(self.input_dtype).contiguous().cpu().numpy()
        (output,) = self.session.run([self.output_name], {self.input_name: array})
        return torch.from_numpy(output).to(images.device)


def spatial_shape(shape: Sequence[int | None] | None) -> tuple[int, ...] | None:
    """The window that a program fixed at export, or None where it takes any size."""
    if shape is None or len(shape) < 4 or any(size is None for size in shape[2:]):
        return None
    return tuple(int(size) for size in shape[2:] if size is not None)
