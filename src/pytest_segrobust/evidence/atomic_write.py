"""Writing a file so that a reader sees the old one or the new one, never a part."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_segrobust.errors import EvidenceError

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(path: Path, text: str) -> Path:
    """Write UTF-8 text, its line ends as they are, in the manner of `write_bytes_atomically`."""
    return write_bytes_atomically(path, text.encode("utf-8"))


def write_bytes_atomically(path: Path, data: bytes) -> Path:
    """Write bytes to a temporary file beside `path`, force it to disk, and rename it over `path`.

    EvidenceError where that cannot be done; `path` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # a rename that reaches the disk before the data would leave an empty file
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise EvidenceError(
                f"{path}: cannot be written ({error.strerror or error}); the file is as it was"
            ) from error
        raise
    return path
