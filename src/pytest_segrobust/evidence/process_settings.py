"""What of a process can change the last bits of its numbers: threads, and the switches of determinism."""

from __future__ import annotations

import os
import sys
from typing import Any

_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
)


def threads() -> int | None:
    """How many threads torch computes with; None where it is not loaded."""
    torch: Any = sys.modules.get("torch")
    return int(torch.get_num_threads()) if hasattr(torch, "get_num_threads") else None


def determinism() -> dict[str, Any]:
    """Torch's switches, where it is loaded, and the variables of the environment that bear on numbers, where they are set."""
    torch: Any = sys.modules.get("torch")
    flags: dict[str, Any] = {}
    if hasattr(torch, "are_deterministic_algorithms_enabled"):
        flags = {
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "float32_matmul": torch.get_float32_matmul_precision(),
        }
    return {**flags, "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ}}
