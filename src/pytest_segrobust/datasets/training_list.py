"""What the model was trained on: patterns of images, tables, or lists of fingerprints that the training site shares."""

from __future__ import annotations

import base64
import csv
import io
import json
import secrets
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .fingerprint import SIDE, Fingerprint, as_text, fingerprint
from .patterns import cases_by_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..requirements.settings import DataSettings

KIND = "segrobust fingerprints"


def training_fingerprints(settings: DataSettings, root: Path) -> list[Fingerprint]:
    """All of [data] train, in order.

    Raises DataError, one line that names the file, line and key, where an entry cannot be read or matches nothing.
    """
    sources = [settings.train] if isinstance(settings.train, str) else list(settings.train or [])
    return [found for source in sources for found in _of(source, settings, root)]


def _of(source: str, settings: DataSettings, root: Path) -> Iterator[Fingerprint]:
    if source.lower().endswith(".json"):
        return iter(read_list(root / source))
    if source.lower().endswith(".csv"):
        return _of_table(root / source, settings)
    return _of_pattern(source, settings, root)


def _of_pattern(pattern: str, settings: DataSettings, root: Path) -> Iterator[Fingerprint]:
    who = settings.train_patient or settings.patient or "{name}"
    if "{" not in who:
        raise DataError(
            f'[data] train = "{pattern}": say who is one patient in these files with [data] train_patient = "{{name}}"'
        )
    read = settings.model_copy(update={"images": pattern, "labels": None, "patient": who, "exclude": {}})
    try:
        cases = list(cases_by_pattern(read, root))
    except DataError as error:
        raise DataError(
            str(error).replace("[data] images", "[data] train").replace("[data] patient", "[data] train_patient")
        ) from None
    for case in cases:
        yield fingerprint(case.images[0], patient=case.patient, channel_axis=settings.channel_axis, name=case.id)


def _of_table(table: Path, settings: DataSettings) -> Iterator[Fingerprint]:
    """Columns image and patient, or one of them; paths are relative to the table's folder."""
    try:
        text = table.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{table}: the training list cannot be read ({error}); correct [data] train") from None
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in first and "," not in first else ",")
    columns = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    if not {"image", "patient"} & set(columns):
        raise DataError(
            f"{table}:1: image, patient: the first line needs one of these columns; it has {', '.join(columns)}"
        )
    empty = True
    for row in reader:
        image, patient = (str(row.get(key) or "").strip() for key in ("image", "patient"))
        if not image and not patient:
            continue
        empty = False
        if not image:
            yield Fingerprint(f"line {reader.line_num}", patient)
            continue
        try:
            yield fingerprint(
                table.parent / image, patient=patient or None, channel_axis=settings.channel_axis, name=image
            )
        except DataError as error:
            raise DataError(f"{table}:{reader.line_num}: image: {error}") from None
    if empty:
        raise DataError(f"{table}:2: image, patient: the training list is empty")


def read_list(path: Path) -> list[Fingerprint]:
    """A list that `segrobust fingerprint` wrote. Raises DataError, naming file and key, where it is no such list."""
    try:
        plain = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: the training list cannot be read ({error.strerror}); correct [data] train") from None
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise DataError(f"{path}:{line}: not JSON ({getattr(error, 'msg', error)})") from None
    if not isinstance(plain, dict) or plain.get("kind") != KIND:
        raise DataError(f'{path}:1: kind: must be "{KIND}"; `segrobust fingerprint` writes such a list')
    salt, images = plain.get("salt"), plain.get("images")
    if not isinstance(salt, str) or len(salt) < 16 or not isinstance(images, list) or not images:
        raise DataError(
            f"{path}:1: salt, images: must be a text of 16 characters or more, and a list that is not empty"
        )
    return [_entry(entry, path, number, salt) for number, entry in enumerate(images, start=1)]


def _entry(entry: Any, path: Path, number: int, salt: str) -> Fingerprint:
    if not isinstance(entry, dict) or not any(entry.get(key) for key in ("patient", "file", "voxels", "thumbnail")):
        raise DataError(f"{path}: images, entry {number}: holds none of patient, file, voxels, thumbnail")
    dimensions = 2 if entry.get("dimensions") == 2 else 3
    small = None
    if entry.get("thumbnail"):
        try:
            small = base64.b64decode(entry["thumbnail"], validate=True)
        except (ValueError, TypeError):
            small = b""
        if len(small) != SIDE[dimensions] ** dimensions:
            raise DataError(f"{path}: images, entry {number}: thumbnail: is not what `segrobust fingerprint` writes")
    name = f"entry {number} of {path.name}"
    return Fingerprint(name, entry.get("patient"), entry.get("file"), entry.get("voxels"), small, dimensions, salt)


def shared_list(found: Sequence[Fingerprint], *, thumbnails: bool = True, salt: str | None = None) -> dict[str, Any]:
    """What `segrobust fingerprint` writes: hashes under a salt of the list's own, no name of a patient or a file.

    Entries are sorted by hash, so that their order says nothing either.
    """
    salt = salt or secrets.token_hex(16)
    entries = []
    for each in found:
        hidden = each.salted(salt)
        entry = {
            "patient": hidden.patient,
            "file": hidden.file,
            "voxels": hidden.voxels,
            "dimensions": hidden.dimensions,
        }
        if thumbnails and hidden.thumbnail is not None:
            entry["thumbnail"] = as_text(hidden.thumbnail)
        entries.append({key: value for key, value in entry.items() if value is not None})
    entries.sort(key=lambda entry: str(entry.get("file") or entry.get("patient")))
    return {"kind": KIND, "version": 1, "salt": salt, "images": entries}
