"""Which device a model runs on, and how many images fit on it at once. Imports nothing heavy: the controller uses it."""

from __future__ import annotations

import importlib.util
import math
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_segrobust.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

BYTES_PER_VOXEL = 1024  # of one image in a U-Net at inference, generously: about 256 float feature maps alive at once
LARGEST_BATCH = 64
CPU_BATCH = {2: 16, 3: 4}
CPU_VOXELS = 2_000_000  # in one batch: about 2 GB at BYTES_PER_VOXEL


def choose_device(name: str | None = None) -> torch.device:
    """The device named ("cpu", "cuda", "cuda:1", "mps"), else the best there is: cuda, then mps, then cpu.

    Raises ModelError where the name means nothing or the device is not there.
    """
    import torch

    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    found = re.fullmatch(r"(cpu|cuda|mps)(?::(\d+))?", name.strip().lower())
    if found is None:
        raise ModelError(f'--segrobust-device="{name}": no such device; write cpu, cuda, cuda:0 or mps')
    kind, index = found[1], int(found[2] or 0)
    if kind == "cpu":
        return torch.device("cpu")
    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise ModelError(f"--segrobust-device={name}: this torch or this machine has no mps; leave the option out")
        return torch.device("mps")
    if not torch.cuda.is_available():
        why = "was built without CUDA" if torch.version.cuda is None and torch.version.hip is None else "sees no GPU"
        raise ModelError(f"--segrobust-device={name}: torch {torch.__version__} {why}; leave the option out for cpu")
    if index >= torch.cuda.device_count():
        raise ModelError(f"--segrobust-device={name}: there are {torch.cuda.device_count()} GPUs, counted from cuda:0")
    return torch.device("cuda", index if found[2] else torch.cuda.current_device())


def devices_for_workers() -> list[str]:
    """The devices to share out among worker processes, counted without initialising CUDA or importing torch.

    A controller that initialised CUDA would hold memory on a GPU it never uses, and its children could not fork.
    """
    build = _torch_build()
    if build == "cuda":
        count = _visible_gpus()
        if count:
            return [f"cuda:{index}" for index in range(count)]
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return ["mps"]
    return ["cpu"]


def default_batch_size(device: torch.device, shape: Sequence[int], channels: int = 1) -> int:
    """How many images of this spatial shape to pass at once where the user does not say; at least 1.

    A first guess, halved whenever memory runs out. It goes by a GPU's whole memory, not by what is free now: the same
    run must make the same batches tomorrow, and in every worker.
    """
    voxels = math.prod(shape)
    if device.type == "cpu":
        return max(1, min(CPU_BATCH.get(len(shape), 4), CPU_VOXELS // voxels))
    if device.type != "cuda":  # mps shares the machine's memory and reports none that is free
        return max(1, min(CPU_BATCH.get(len(shape), 4), 2 * CPU_VOXELS // voxels))
    import torch

    memory = torch.cuda.get_device_properties(device).total_memory
    return max(1, min(LARGEST_BATCH, int(0.5 * memory / (voxels * (BYTES_PER_VOXEL + 4 * channels)))))


def peak_memory(device: torch.device) -> dict[str, int | None]:
    """The most memory in bytes that this process took so far, and the most of its GPU; None where that is not told."""
    taken: int | None = None
    try:
        import resource

        taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    except ImportError:  # Windows
        pass
    if device.type != "cuda":
        return {"process": taken, "device": None}
    import torch

    return {"process": taken, "device": torch.cuda.max_memory_allocated(device)}


def _torch_build() -> str:
    """What torch was built for, read from its version file: importing torch takes seconds."""
    try:
        spec = importlib.util.find_spec("torch")
    except (ImportError, ValueError):
        return "none"
    if spec is None or spec.origin is None:
        return "none"
    try:
        text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    except OSError:
        return "cuda"  # unknown: let the count of GPUs decide
    found = re.search(r"^cuda\b[^=\n]*=\s*(.+)$", text, re.MULTILINE)
    return "cpu" if found is not None and found[1].strip() == "None" else "cuda"


def _visible_gpus() -> int:
    """GPUs that this process may use: those of `nvidia-smi -L`, as CUDA_VISIBLE_DEVICES narrows them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = None
    if visible is not None:
        names = []
        for name in (part.strip() for part in visible.split(",")):
            if name in ("", "-1"):  # CUDA ignores everything from the first invalid entry on
                break
            names.append(name)
        if not names:
            return 0
    installed = _installed_gpus()
    if names is None:
        return installed
    valid = 0
    for name in names:
        if name.isdigit() and int(name) >= installed:
            break
        valid += 1
    return valid if installed else 0


def _installed_gpus() -> int:
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"],  # noqa: S607 - it lies elsewhere on every system
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines()) if listed.returncode == 0 else 0
