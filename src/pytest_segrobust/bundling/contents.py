"""The files that a check looks at, whether they lie in an archive or in a folder."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from pytest_segrobust.errors import EvidenceError

from .archive import CHUNK, open_archive
from .manifest import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Contents(Protocol):
    """Files by name."""

    names: list[str]

    def open(self, name: str) -> IO[bytes]:
        """A file as a stream."""
        ...


class Folder:
    """The files below a folder, by their names in it with "/"."""

    def __init__(self, folder: Path, names: list[str] | None = None) -> None:
        self.path = folder
        self.names = sorted(_below(folder)) if names is None else names

    def open(self, name: str) -> IO[bytes]:
        """A file as a stream; it is one of `names`, so it lies in the folder."""
        path = self.path / name
        if path.is_symlink() or not path.is_file():
            raise EvidenceError(f"{name}: a link or no file, where a file belongs")
        return path.open("rb")


@contextmanager
def open_contents(path: Path) -> Iterator[Contents]:
    """The contents of a bundle, of the folder that it was unpacked to, or of a report folder.

    Raises EvidenceError where there is none of these.
    """
    if path.is_dir():
        yield Folder(path)
        return
    if not path.exists():
        raise EvidenceError(f"{path}: there is no such file or folder")
    with open_archive(path) as archive:
        if NAME not in archive.names:
            raise EvidenceError(f"{path}: a zip without {NAME}: not a bundle of segrobust bundle")
        yield archive


def sha256(contents: Contents, name: str) -> str:
    """The SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with contents.open(name) as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()
