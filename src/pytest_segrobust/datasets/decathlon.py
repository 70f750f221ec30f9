"""Cases from a folder of the Medical Segmentation Decathlon, as its dataset.json lists them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .case import Case
from .names import fill, without_ending

if TYPE_CHECKING:
    from ..requirements.settings import DataSettings


def cases_of_decathlon(settings: DataSettings, root: Path) -> tuple[list[Case], int]:
    """The cases of the section, and how many channels ("modality") the files hold, 0 where it is not said.

    Training entries are {"image": ..., "label": ...}, test entries are paths without label.
    Raises DataError where dataset.json is missing, is no JSON, or is no such listing.
    """
    path = root / str(settings.decathlon)
    path = path / "dataset.json" if path.is_dir() else path
    listing = _listing(path)
    entries = listing.get(settings.section)
    if not isinstance(entries, list) or not entries:
        raise DataError(
            f'{path}: no list "{settings.section}" of cases; name the files with [data] images and labels instead'
        )
    modality = listing.get("modality", {})
    channels = len(modality) if isinstance(modality, (dict, list)) else 0
    return [_case(entry, place, path, str(settings.patient)) for place, entry in enumerate(entries, 1)], channels


def _listing(path: Path) -> dict[str, Any]:
    try:
        listing = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); correct [data] decathlon") from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: not JSON ({' '.join(str(error).split())}); restore the file of the data set"
        ) from error
    if not isinstance(listing, dict):
        raise DataError(f'{path}: not a listing of the Decathlon; it should be an object with "training" and "test"')
    return listing


def _case(entry: object, place: int, path: Path, patient: str) -> Case:
    image, label = (entry.get("image"), entry.get("label")) if isinstance(entry, dict) else (entry, None)
    if not isinstance(image, str) or not isinstance(label, str | None):
        raise DataError(f'{path}: entry {place} is neither a path nor {{"image": path, "label": path}}; correct it')
    name = without_ending(Path(image).name)
    who = fill(patient, {"name": name}, key="patient")
    return Case(name, who, (path.parent / image,), None if label is None else path.parent / label)
