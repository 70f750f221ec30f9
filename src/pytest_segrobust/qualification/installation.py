"""What is installed: versions against what this package asks for, the tool's own files, and whether torch repeats itself."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import platform
import re
from typing import TYPE_CHECKING, Any

from ..evaluation.context import tool_source_hash
from ..evidence.provenance import environment
from .check import Planned, holds

if TYPE_CHECKING:
    from collections.abc import Iterator

PART = "IQ: installation"
DISTRIBUTION = "pytest-segrobust"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")


def machine() -> dict[str, Any]:
    """The machine, the software and the tool's own files, for the head of the form."""
    return {**environment(), "tool_source_sha256": tool_source_hash()}


def plan() -> Iterator[Planned]:
    """Python, each package, the tool's files, and the arithmetic of torch."""
    yield Planned("I-PYTHON", "the version of Python", _python_asked(), _python)
    for name, asked in _requirements():
        yield Planned(f"I-{name}", f"the version of {name}", asked or "any", lambda n=name, a=asked: _package(n, a))  # type: ignore[misc]
    yield Planned("I-FILES", "the tool's files as they were packed", "as in the record of the package", _files)
    yield holds("I-TORCH-REPEATS", "a convolution computed twice by torch", "the same bits", _repeats)
    yield holds("I-TORCH-SEED", "random numbers of torch from the same seed", "the same bits", _seeded)


def _requirements() -> Iterator[tuple[str, str]]:
    """Names and versions of what this package cannot do without; extras are not asked for."""
    try:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return
    for line in lines:
        match = _REQUIREMENT.fullmatch(line.strip())
        if match and "extra" not in (match[3] or ""):
            yield match[1], match[2].strip()


def _python_asked() -> str:
    try:
        return str(importlib.metadata.metadata(DISTRIBUTION).json.get("requires_python", "any"))
    except importlib.metadata.PackageNotFoundError:
        return "any"


def _python() -> tuple[str, bool]:
    return platform.python_version(), _python_asked() == "any" or _meets(platform.python_version(), _python_asked())


def _package(name: str, asked: str) -> tuple[str, bool]:
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed", False
    return found, _meets(found, asked)


def _meets(found: str, asked: str) -> bool:
    from packaging.specifiers import SpecifierSet  # pytest needs it, so it is there

    return SpecifierSet(asked).contains(found, prereleases=True)


def _files() -> tuple[str, bool]:
    """Each of the package's files against the SHA-256 that the installer recorded."""
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    ours = [file for file in files if file.parts[0] == "pytest_segrobust" and file.suffix == ".py" and file.hash]
    if not ours:
        return "installed from a source tree: there is no record to compare with; the hash above identifies it", True
    wrong = [str(file) for file in ours if file.hash is None or _digest(file.read_binary()) != file.hash.value]
    return (f"changed: {', '.join(wrong[:3])}" if wrong else f"{len(ours)} files as recorded"), not wrong


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _repeats() -> bool:
    import torch

    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, 4, 16, 24, 24, generator=generator)
    kernel = torch.randn(8, 4, 3, 3, 3, generator=generator)
    with torch.inference_mode():
        one, other = (torch.nn.functional.conv3d(image, kernel, padding=1) for _ in range(2))
    return torch.equal(one, other)


def _seeded() -> bool:
    import torch

    one, other = (torch.randn(1000, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    return torch.equal(one, other)
