"""What an exception from a user's model means: a case that crashed, too little memory, or a wrong set-up."""

from __future__ import annotations

import re

import torch

OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|failed to allocate memory|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
CHANNELS = re.compile(
    r"weight of size \[([\d, ]+)\], expected input\[[\d, ]+\] to have (\d+) channels, but got (\d+) channels"
)
FLAT = re.compile(r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d")
SOLID = "the network is 3-D and was given 2-D images: check dimensions in [model] and the images"


def first_line(error: BaseException, limit: int = 200) -> str:
    """The exception's type and the first line of its text, at most `limit` characters."""
    lines = str(error).strip().splitlines()
    return (f"{type(error).__name__}: {lines[0].strip()}" if lines else type(error).__name__)[:limit]


def crash(error: BaseException, where: str = "") -> str:
    """The words of a crashed case, as they stand in `Prediction.failure`."""
    return f"crashed{where}: {first_line(error)}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch might have worked; the CPU's allocator and ONNX Runtime say so in words alone."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error)) is not None


def has_poisoned_device(error: BaseException) -> bool:
    """Whether the GPU is left in an error state, so that every later case of this process would fail with it."""
    return not is_out_of_memory(error) and "CUDA error:" in str(error)


def setup_fault(error: BaseException, axes: int) -> str | None:
    """What is wrong with [model] if the exception says that no image at all could work, else None.

    `axes` is the number of axes of the batch: torch takes a 2-D batch for a single volume and then misses channels.
    """
    text = str(error)
    if found := CHANNELS.search(text):
        if axes == 4 and found[1].count(",") == 4:
            return SOLID
        return f"the network takes {found[2]} input channels and was given {found[3]}: check channels in [model]"
    if FLAT.search(text):
        return "the network is 2-D and was given volumes: set dimensions = 2 in [model] to feed them slice by slice"
    return None
