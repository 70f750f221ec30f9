"""Cases from a table, cases.csv: one row per case, columns id, image or image_1 ..., label, patient, and metadata."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError
from .case import Case
from .names import fill, nearest, without_ending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..requirements.settings import DataSettings


def cases_of_table(settings: DataSettings, root: Path) -> Iterator[Case]:
    """The rows of [data] cases; paths are relative to the table's folder, columns without a meaning are metadata.

    `[data] patient` names the column of who counts as one (default "patient"), or is a pattern of columns.
    Raises DataError, naming table, row and column, for what is missing, doubled or not UTF-8.
    """
    table = root / str(settings.cases)
    columns, rows = _rows(table)
    images = _image_columns(columns, table)
    patient = settings.patient or "patient"
    if "{" not in patient and patient not in columns:
        raise DataError(
            f"{table}: no column {patient}, which says who counts as one patient{nearest(patient, columns)}"
        )
    used = {"id", "label", patient, *images}
    for line, row in rows:
        identity = row.get("id") or without_ending(Path(row[images[0]]).name)
        out = identity in settings.exclude  # an excluded case need not be whole
        for column in (name for name in columns if name in used and not row[name] and not out):
            raise DataError(f"{table}: line {line} has nothing in column {column}; fill it in or exclude the case")
        who = fill(patient, {**row, "name": identity}, key="patient") if "{" in patient else row[patient]
        label = table.parent / row["label"] if row.get("label") else None
        metadata = {name: value for name, value in row.items() if name not in used}
        yield Case(identity, who, tuple(table.parent / row[name] for name in images), label, metadata)


def _rows(table: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{table}: not UTF-8 at byte {error.start}; save the table as CSV UTF-8") from error
    except OSError as error:
        raise DataError(
            f"{table}: the table of cases cannot be read ({error.strerror}); correct [data] cases"
        ) from error
    first = text.partition("\n")[0]
    separator = ";" if ";" in first and "," not in first else ","  # spreadsheets in many countries write ;
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        columns = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise DataError(f"{table}: line 1 is not CSV ({error})") from error
    if not any(columns):
        raise DataError(f"{table}: the table is empty; its first line names the columns: id, image, label, patient")
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise DataError(f"{table}: column {doubled[0] or '(no name)'} is there twice; give every column its own name")
    return columns, _cells(table, columns, reader)


def _cells(table: Path, columns: list[str], reader: Iterator[list[str]]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        for cells in reader:
            line = getattr(reader, "line_num", 0)
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                raise DataError(
                    f"{table}: line {line} has {len(cells)} cells for {len(columns)} columns; correct the row"
                )
            yield line, {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}
    except csv.Error as error:
        raise DataError(f"{table}: line {getattr(reader, 'line_num', 0)} is not CSV ({error})") from error


def _image_columns(columns: list[str], table: Path) -> list[str]:
    numbered = [name for name in columns if name.startswith("image_") and name[6:].isdecimal()]
    if "image" in columns and numbered:
        raise DataError(
            f"{table}: has both image and {numbered[0]}; use image for one file, image_1, image_2 ... for several"
        )
    if "image" in columns:
        return ["image"]
    expected = [f"image_{number}" for number in range(1, len(numbered) + 1)]
    if not numbered or sorted(numbered) != sorted(expected):
        raise DataError(f"{table}: no column {(expected or ['image'])[-1]}{nearest('image', columns)}")
    return expected
