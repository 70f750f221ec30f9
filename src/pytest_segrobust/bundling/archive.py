"""A zip of files, written in one way only, and read without trusting it.

Members are stored, not compressed: then the files decide every byte of the archive, so that a changed byte anywhere is found by
writing it again, and no archive can unpack to more than its own size.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING

from pytest_segrobust.errors import EvidenceError

from .manifest import NAME, is_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip knows: when a file was written says nothing of what is in it
_REGULAR = 0o100644 << 16
_MOST_MEMBERS = 100_000


@dataclass(frozen=True)
class Member:
    """A file to be packed: its name in the archive, its size in bytes, and what opens it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def in_order(names: Iterable[str]) -> list[str]:
    """The one order of members: the manifest first, which says what the rest is, then by name."""
    return sorted(names, key=lambda name: (name != NAME, name))


def write_archive(target: IO[bytes], members: Iterable[Member]) -> None:
    """Write members in the order given; the same members give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for member in members:
            info = zipfile.ZipInfo(member.name, _EPOCH)
            info.create_system, info.external_attr = 3, _REGULAR
            info.file_size = member.size  # tells whether the large form is needed
            with member.open() as source, archive.open(info, "w") as packed:
                shutil.copyfileobj(source, packed, CHUNK)


class Archive:
    """An archive of `write_archive`, for reading; nothing is ever unpacked by the names that it brings."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.names = [info.filename for info in archive.infolist()]

    def open(self, name: str) -> IO[bytes]:
        """A member as a stream."""
        return self._archive.open(name)

    def is_as_written(self, path: Path) -> bool:
        """Whether the file is, byte for byte, what `write_archive` makes of these members in their one order."""
        if self.names != in_order(self.names):
            return False
        infos = [self._archive.getinfo(name) for name in self.names]
        members = [Member(info.filename, info.file_size, partial(self.open, info.filename)) for info in infos]
        with tempfile.TemporaryFile() as again, path.open("rb") as file:
            write_archive(again, members)
            again.seek(0)
            while block := again.read(CHUNK):
                if file.read(len(block)) != block:
                    return False
            return not file.read(1)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive. EvidenceError where it is none, or holds what `write_archive` never writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_strangers(archive, path)
            yield Archive(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OverflowError, ValueError) as error:
        raise EvidenceError(f"{path}: damaged, or not a zip ({error})") from None
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read ({error.strerror or error})") from None


def _refuse_strangers(archive: zipfile.ZipFile, path: Path) -> None:
    members, seen, total = archive.infolist(), set(), 0
    if len(members) > _MOST_MEMBERS:
        raise EvidenceError(f"{path}: {len(members)} members are more than any bundle has")
    for member in members:
        name = member.filename
        if not is_plain(name) or member.orig_filename != name or name in seen:
            raise EvidenceError(f"{path}: a member is called {name!r}, which no bundle has: it is not opened")
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 0x1:
            raise EvidenceError(
                f"{path}: {name} is compressed or encrypted, so another program has packed it again; "
                "unpack it and verify the folder"
            )
        if member.external_attr != _REGULAR:
            raise EvidenceError(f"{path}: {name} is not marked as a plain file, as every member of a bundle is")
        seen.add(name)
        total += member.file_size
    if total > path.stat().st_size:
        raise EvidenceError(f"{path}: its members claim to be larger than it is itself: it is not opened")
