"""How much a file can hold once unpacked: a header that asks for more is refused before memory is taken."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

from ..errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

DEFLATE_RATIO = 1032  # deflate cannot pack tighter: https://zlib.net/zlib_tech.html
_CHUNK = 1 << 20


def require_capacity(path: Path, needed: int, *, ratio: int = 1) -> None:
    """Raise DataError where `needed` bytes cannot come out of the file, packed at most 1 : `ratio`."""
    size = path.stat().st_size
    if needed > (size + 64) * ratio:
        raise DataError(
            f"its header asks for {needed} bytes, but the file's {size} bytes cannot hold them; it is damaged"
        )


def require_gzip_length(path: Path, needed: int) -> None:
    """Raise DataError where a gzip file unpacks to fewer than `needed` bytes.

    The last four bytes of a gzip file state its unpacked length, so a whole file costs nothing to check. Truncated
    files and files of several members say something else there and are unpacked once, piece by piece.
    """
    require_capacity(path, needed, ratio=DEFLATE_RATIO)
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        stated = int.from_bytes(file.read(4), "little")
    if stated == needed % (1 << 32):
        return
    held = 0
    with gzip.open(path) as stream:
        while held < needed and (chunk := stream.read(_CHUNK)):  # raises EOFError in the middle of a member
            held += len(chunk)
    if held < needed:
        raise DataError(f"is truncated: it holds {held} of {needed} bytes; copy or export it again")
