"""TOML files that people fill in beside a spec: read whole, with errors that name the line and the key."""

from __future__ import annotations

import os
import tomllib
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements.lines import line_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


class MarkedToml:
    """The tables of a file, and errors that say where in it something stands.

    Raises SpecError, one line, where the file cannot be read or is not TOML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_bytes().decode("utf-8-sig")
            self.tables: dict[str, Any] = tomllib.loads(self.text)
        except OSError as error:
            raise SpecError(f"{path.name}: cannot be read ({os.strerror(error.errno or 0)})") from None
        except UnicodeDecodeError as error:
            raise SpecError(f"{path.name}: not UTF-8 at byte {error.start}; save the file as UTF-8") from None
        except (ValueError, RecursionError) as error:  # also of a number too long, or of brackets too deep
            raise SpecError(f"{path.name}: not TOML: {error}") from None

    def error(self, table: str, index: int, key: str, message: str) -> SpecError:
        """What is wrong at a key of the index-th [[table]]."""
        line = line_of(self.text, (table, index, key)) or line_of(self.text, (table, index))
        place = f"{self.path.name}:{line}" if line else self.path.name
        return SpecError(f"{place}: [[{table}]] number {index + 1}, {key}: {message}")

    def refuse_other_tables(self, known: Collection[str]) -> None:
        """Raise where the file has a table that means nothing here."""
        for name in self.tables:
            if name not in known:
                listed = ", ".join(f"[[{each}]]" for each in known)
                raise SpecError(f"{self._place(name)}: {name}: means nothing here (known: {listed})")

    def _place(self, name: str) -> str:
        line = line_of(self.text, (name,)) or line_of(self.text, (name, 0))
        return f"{self.path.name}:{line}" if line else self.path.name

    def rows(
        self, table: str, keys: Collection[str], *, open_ended: bool = False
    ) -> Iterator[tuple[int, dict[str, str]]]:
        """Every [[table]] with the texts of its keys; a date may stand without quotation marks.

        Other keys are errors, or kept where `open_ended`.
        """
        found = self.tables.get(table, [])
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise SpecError(f"{self._place(table)}: {table}: write [[{table}]], in double brackets")
        for index, row in enumerate(found):
            texts = {}
            for key, said in row.items():
                if key not in keys and not open_ended:
                    raise self.error(table, index, key, f"unknown key (known: {', '.join(keys)})")
                value = said.isoformat() if isinstance(said, (date, datetime)) else said
                if not isinstance(value, str):
                    raise self.error(table, index, key, f"must be a text in quotation marks, not {value!r}")
                texts[key] = value.strip()
            yield index, texts
