"""Where a result comes from: the environment and the project's git state, as plain data.

Nothing here names a person, a machine or a folder of theirs.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_DISTRIBUTION = "pytest-segrobust"
_BESIDES = ("onnx", "onnxruntime", "numpy", "torch", "monai")  # extras of ours that change numbers when they are there


def environment(project: Path | None = None, *, ignoring: Path | None = None) -> dict[str, Any]:
    """The machine and the software of this process; `torch` is described only where it is loaded already.

    `project` is a folder of the user's, whose git state is told ("git" is None where it has none); `ignoring` is the
    report folder, which makes no project dirty.
    """
    return {
        "os": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": packages(),
        "torch": _torch(),
        "git": git_state(project, ignoring=ignoring) if project is not None else None,
    }


def now() -> str:
    """The time as UTC in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def packages() -> dict[str, str]:
    """Versions of this tool, of what it depends on, and of extras that are installed, by name."""
    try:
        required = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:  # run from a source tree
        required = []
    names = {match[0] for line in required if (match := re.match(r"[A-Za-z0-9._-]+", line))}
    versions = {}
    for name in sorted({_DISTRIBUTION, *names, *_BESIDES}, key=str.lower):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def git_state(folder: Path, *, ignoring: Path | None = None) -> dict[str, Any] | None:
    """`commit` and `dirty` of the repository that holds `folder`; None where there is no git or no commit.

    What a run itself writes is no change of a project: caches, the use ledger under its usual name, and the folder
    `ignoring`, unless the project lies in it.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    top = _git(folder, "rev-parse", "--show-toplevel")
    left_out = [f":(exclude,glob)**/{name}/**" for name in ("__pycache__", ".hypothesis", ".pytest_cache")]
    left_out.append(":(exclude,glob)**/segrobust-ledger.jsonl")
    if ignoring is not None and top and ignoring.resolve().is_relative_to(Path(top).resolve()):
        name = ignoring.resolve().relative_to(Path(top).resolve()).as_posix()
        left_out += [] if folder.resolve().is_relative_to(ignoring.resolve()) else [f":(exclude,top,literal){name}"]
    changed = _git(Path(top or folder), "status", "--porcelain", "--", ".", *left_out)
    return {"commit": commit, "dirty": None if changed is None else bool(changed)}


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine()


def _torch() -> dict[str, Any] | None:
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_num_threads"):
        return None
    cudnn = torch.backends.cudnn
    described: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn_deterministic": cudnn.deterministic,
        "cudnn_benchmark": cudnn.benchmark,
        "float32_matmul": torch.get_float32_matmul_precision(),
        "cuda": torch.version.cuda,
        "cudnn": cudnn.version() if torch.version.cuda else None,
        "gpus": [],
        "driver": None,
    }
    if torch.cuda.is_available():
        described["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        described["driver"] = _driver()
    return described


def _driver() -> str | None:
    program = shutil.which("nvidia-smi")
    text = _output([program, "--query-gpu=driver_version", "--format=csv,noheader"]) if program else None
    return text.splitlines()[0].strip() if text else None


def _git(folder: Path, *arguments: str) -> str | None:
    # A repository's own configuration may name a program to run as its file watcher: not for a look at its state.
    return _output(["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments])


def _output(command: list[str]) -> str | None:
    """What a program prints, or None where it is absent, fails, or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603  # fixed programs, no shell
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
