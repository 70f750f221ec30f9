"""The risks file: which hazards there are, and which control each requirement is to show effective."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import SpecError

from .marked_toml import MarkedToml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = ("id", "hazard", "control")


@dataclass(frozen=True)
class Risk:
    """One line of the risk analysis: a hazard and the control that answers it. `more` are the file's further columns."""

    id: str
    hazard: str
    control: str = ""
    more: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data, as in the key "trace" of a report."""
        return asdict(self)


def read_risks(path: Path) -> list[Risk]:
    """The risks of a .csv (columns id, hazard, control) or a .toml ([[risk]] with these keys), in the file's order.

    Raises SpecError, one line that names file, line and key, where an id is missing or stands twice, or a hazard is empty.
    """
    risks: list[Risk] = []
    first: dict[str, str] = {}
    for place, row in _toml(path) if path.suffix.lower() == ".toml" else _csv(path):
        identity = row.get("id", "")
        for key in ("id", "hazard"):
            if not row.get(key):
                raise SpecError(f"{place}: {key}: is empty; every risk has an id and says its hazard")
        if identity in first:
            raise SpecError(f"{place}: id: {identity} stands twice, first at {first[identity]}; give each line its own")
        first[identity] = place
        more = {key: value for key, value in row.items() if key not in COLUMNS}
        risks.append(Risk(identity, row["hazard"], row.get("control", ""), more))
    if not risks:
        raise SpecError(
            f"{path.name}: holds no risk; leave [trace] risks out, or write the columns {', '.join(COLUMNS)}"
        )
    return risks


def _toml(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    file = MarkedToml(path)
    file.refuse_other_tables(("risk",))
    for index, row in file.rows("risk", COLUMNS, open_ended=True):
        yield str(file.error("risk", index, "id", "")).partition(": ")[0], row


def _csv(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SpecError(
            f"{path.name}: the risks file cannot be read ({error.strerror}); correct [trace] risks"
        ) from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path.name}: not UTF-8 at byte {error.start}; save it as CSV UTF-8") from None
    heading = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in heading and "," not in heading else ",")
    rows = _read(reader, path)
    columns = [name.strip().lower() for name in next(rows, [])]
    for column in ("id", "hazard"):
        if columns.count(column) != 1:
            raise SpecError(
                f"{path.name}:1: {column}: the first line needs this column once (known: {', '.join(COLUMNS)})"
            )
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise SpecError(
                f"{path.name}:{reader.line_num}: {len(cells)} cells for {len(columns)} columns; correct the row"
            )
        yield f"{path.name}:{reader.line_num}", dict(zip(columns, (cell.strip() for cell in cells), strict=True))


def _read(reader: Any, path: Path) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:  # such as a quotation mark that is never closed
        raise SpecError(f"{path.name}:{reader.line_num}: not CSV ({error}); correct the row") from None
