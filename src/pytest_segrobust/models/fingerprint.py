"""The SHA-256 of what a model is made of, taken before anything is opened."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch


def sha256_of_file(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_folder(folder: Path) -> str:
    """One SHA-256 over the names and contents of all files, sorted by name.

    Hidden files and `__pycache__` are left out: they change by looking at a folder, and no model is made of them.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            digest.update(f"{'/'.join(parts)}\0{sha256_of_file(path)}\n".encode())
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's sorted files."""
    return sha256_of_folder(path) if path.is_dir() else sha256_of_file(path)


def sha256_of_weights(network: torch.nn.Module) -> str:
    """One SHA-256 over names, types, shapes and values of parameters and buffers, wherever they came from."""
    import torch

    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        if isinstance(value, torch.Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\0".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def package_of(source: Path) -> Path:
    """The folder of the outermost package that a source file belongs to, or the file's own folder."""
    folder = source.parent
    while (folder / "__init__.py").exists() and (folder.parent / "__init__.py").exists():
        folder = folder.parent
    return folder


SKIPPED = frozenset({"site-packages", "dist-packages", "node_modules", "__pycache__", "build", "dist", "venv"})


def sha256_of_sources(folders: Iterable[Path]) -> str:
    """SHA-256 over every .py file below the folders, except hidden folders, environments and what is installed in them.

    A network's answer depends on modules that its own module imports, and nothing tells cheaply which these are.
    """
    digest = hashlib.sha256()
    seen: set[Path] = set()
    for folder in sorted(set(folders)):
        for path in _sources(folder):
            if path not in seen:
                seen.add(path)
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
                digest.update(bytes.fromhex(sha256_of_file(path)))
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for current, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        yield from (Path(current) / name for name in sorted(files) if name.endswith(".py"))
