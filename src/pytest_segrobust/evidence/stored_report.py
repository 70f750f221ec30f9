"""The report of a folder as it lies there, with its pictures: what every format is rendered from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import EvidenceError

from .report import FILE_NAME
from .store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from .picture import Picture

STORE_NAME = "run.sqlite"


@dataclass(frozen=True)
class StoredReport:
    """report.json as data, the SHA-256 of the file, and the pictures of the store beside it, where there is one."""

    report: dict[str, Any]
    sha256: str
    pictures: list[Picture]


def read_stored_report(directory: Path, *, with_pictures: bool = True) -> StoredReport:
    """Read a report folder. EvidenceError where there is no report, or it is not JSON."""
    source = directory / FILE_NAME
    try:
        data = source.read_bytes()
        report = json.loads(data)
    except FileNotFoundError:
        raise EvidenceError(f"{source}: there is no report here; run pytest with --segrobust-model first") from None
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{source}: cannot be read as a report ({error})") from error
    pictures: list[Picture] = []
    if with_pictures and (directory / STORE_NAME).exists():  # a report that was sent alone still has its page
        with Store.open(directory / STORE_NAME) as store:
            pictures = store.pictures()
    return StoredReport(report, hashlib.sha256(data).hexdigest(), pictures)
