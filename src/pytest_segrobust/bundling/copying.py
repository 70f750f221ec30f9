"""A copy of a store that is one moment of it, names no home folder, and is the same however often it is made."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.home import without_home

if TYPE_CHECKING:
    from pathlib import Path


def copy_store(source: Path, target: Path) -> Path:
    """Write the store at `source` to `target`, which must not exist.

    Raises EvidenceError where it cannot be read or written.
    """
    try:
        with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=60)) as store:
            store.execute("VACUUM INTO ?", (str(target),))
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")  # opened for reading, it leaves no files beside it
            for table, key, column in (("run", "key", "value"), ("result", "id", "plain"), ("event", "number", "text")):
                rows = copy.execute(f"SELECT {key}, {column} FROM {table}").fetchall()  # noqa: S608  # names from above
                changed = [(_homeless(text, plain=table == "event"), row) for row, text in rows]
                copy.executemany(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", changed)  # noqa: S608  # as above
            copy.execute("VACUUM")  # pages that held the old text are gone with it
    except sqlite3.Error as error:
        raise EvidenceError(f"{source}: the store cannot be copied ({error})") from None
    return target


def _homeless(text: str, *, plain: bool) -> str:
    if plain:
        return str(without_home(text))
    value = json.loads(text)
    clean = without_home(value)
    return text if clean == value else json.dumps(clean, ensure_ascii=False)
