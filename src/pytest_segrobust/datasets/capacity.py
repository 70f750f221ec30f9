"""How much a file can hold once unpacked: a header that asks for more is refused before memory is taken."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

from ..errors import DataError

if TYPE_CHECKING:
    import bz2
    from pathlib import Path

DEFLATE_RATIO = 1032  # deflate cannot pack tighter: https://zlib.net/zlib_tech.html
_CHUNK = 1 << 20


def require_capacity(path: Path, needed: int, *, ratio: int = 1) -> None:
    """Raise DataError where `needed` bytes cannot come out of the file, packed at most 1 : `ratio`."""
    size = path.stat().st_size
    if needed > size * ratio:
        raise DataError(
            f"its header asks for {needed} bytes, but the file's {size} bytes cannot hold them; it is damaged"
        )


def require_gzip_length(path: Path, needed: int, *, start: int = 0) -> None:
    """Raise DataError where the gzip data from byte `start` on unpack to fewer than `needed` bytes.

    The last four bytes of gzip data state their unpacked length, so whole files cost nothing to check. Truncated
    files and files of several members say something else there and are unpacked once, piece by piece.
    """
    require_capacity(path, needed, ratio=DEFLATE_RATIO)
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        stated = int.from_bytes(file.read(4), "little")
        if stated != needed % (1 << 32):
            file.seek(start)
            require_length(gzip.GzipFile(fileobj=file), needed)


def require_length(stream: gzip.GzipFile | bz2.BZ2File, needed: int) -> None:
    """Raise DataError where a stream ends before `needed` bytes; the decoder's EOFError where it is cut in the middle."""
    held = 0
    while held < needed and (chunk := stream.read(min(_CHUNK, needed - held))):
        held += len(chunk)
    if held < needed:
        raise DataError(f"is truncated: it holds {held} of {needed} bytes; copy or export it again")
