"""What becomes of a store when its report folder is used for a new run."""

from __future__ import annotations

from pathlib import Path

from .store import Store


def make_way(path: Path) -> Path | None:
    """Rename an older store to `run-1.sqlite`, `run-2.sqlite` ... and say where it is; None where there is none.

    EvidenceError where the file is not a store: a file of someone else's is never moved.
    """
    path = Path(path)
    if not path.exists():
        return None
    # Opening and closing folds the write-ahead log of a killed run into the file, so that nothing is left behind.
    Store.open(path).close()
    number = 1
    while (older := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    path.replace(older)
    return older
