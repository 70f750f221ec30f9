"""The store of a run: one SQLite file that every process of the run writes to while it measures."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pytest_segrobust.errors import EvidenceError

from .measurement_rows import COLUMNS, HOLES, dump, measurement_of, row_of
from .picture import Picture, pack, unpack
from .records import RequirementResult
from .tables import APPLICATION, BUSY_SECONDS, TABLES, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np

    from .records import Measurement

_RESULT_KEYS = {field.name for field in fields(RequirementResult)}


class Store:
    """What was measured and decided in one run.

    Every method that writes commits before it returns, so that a killed process loses only what it had not handed
    over. Several processes of one machine may hold the same file; threads of one process may share a Store.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self._results: dict[str, tuple[str | None, str | None, RequirementResult]] = {}  # as last read, with their rows
        self.path = path

    @classmethod
    def create(cls, path: Path, run: Mapping[str, Any]) -> Store:
        """A new store with the values of `run` and a `run_id`. EvidenceError where the file exists or its folder cannot be written."""
        path = Path(path)
        if path.exists():
            raise EvidenceError(f"{path}: a run is stored here already; resume it or choose another report folder")
        # Built beside and renamed, so that a worker never opens half a store.
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            connection = _connect(new)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(TABLES)
            store = cls(connection, new)
            store.set_run(**{"run_id": uuid.uuid4().hex[:12], **run})
            store.close()
            for left in ("-wal", "-shm"):  # of a store that was deleted: SQLite would replay it into this one
                path.with_name(path.name + left).unlink(missing_ok=True)
            new.replace(path)
        except (OSError, sqlite3.Error) as error:
            raise EvidenceError(f"{path}: the store of the run cannot be written ({error})") from error
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Store:
        """The store at `path`. EvidenceError where it is absent, not a store, or of another version of the tables."""
        path = Path(path)
        if not path.is_file():
            raise EvidenceError(f"{path}: no run is stored here; run pytest with --segrobust-model first")
        try:
            connection = _connect(path)
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise EvidenceError(f"{path}: not the store of a run ({error}); choose another report folder") from error
        if application != APPLICATION:
            connection.close()
            raise EvidenceError(f"{path}: an SQLite file, but not the store of a run; choose another report folder")
        if version != VERSION:
            connection.close()
            raise EvidenceError(
                f"{path}: written with version {version} of the store's tables, this is version {VERSION}; "
                "read it with the release that wrote it, or start a new report folder"
            )
        return cls(connection, path)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One transaction that no other process writes beside: all of it is kept, or nothing."""
        with self._lock:
            if self._connection.in_transaction:  # part of a larger one
                yield
                return
            try:
                # IMMEDIATE takes the write lock at once and waits for it; a lock upgraded later would fail instead.
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise EvidenceError(f"{self.path}: the store cannot be written ({error})") from error
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):  # a full disk, a store that was taken away
                    raise EvidenceError(f"{self.path}: the store cannot be written ({error})") from error
                raise

    def set_run(self, **values: Any) -> None:
        """Add or replace values that describe the run; each must be JSON."""
        rows = [(key, dump(value)) for key, value in values.items()]
        self._write(
            "INSERT INTO run (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", rows
        )

    def run(self) -> dict[str, Any]:
        """All values of `set_run`, by name."""
        return {key: json.loads(value) for key, value in self._read("SELECT key, value FROM run ORDER BY key")}

    def declare(self, requirements: Sequence[Mapping[str, Any]]) -> None:
        """Say which requirements the run owes a verdict: `id`, `statement`, `order`, and any key of a result.

        They are "not_run" until a result is put. Declaring an id again changes nothing.
        """
        with self.exclusive():
            (last,) = self._connection.execute("SELECT coalesce(max(position), -1) FROM declared").fetchone()
            rows = [(r["id"], int(r.get("order", last + 1 + n)), dump(dict(r))) for n, r in enumerate(requirements)]
            self._connection.executemany("INSERT OR IGNORE INTO declared (id, position, plain) VALUES (?, ?, ?)", rows)

    def add(self, context: str, measurements: Sequence[Measurement]) -> None:
        """Keep measurements, all or none; one that is there already stays as it was."""
        rows = [row_of(context, measurement) for measurement in measurements]
        self._write(f"INSERT OR IGNORE INTO measurement ({COLUMNS}) VALUES ({HOLES})", rows)  # noqa: S608  # constants

    def points(self, context: str) -> list[str]:
        """The points at which anything was measured, as text, in the order in which they were first reached."""
        found = self._read(
            "SELECT point FROM measurement WHERE context = ? GROUP BY point ORDER BY MIN(rowid)", (context,)
        )
        return [row[0] for row in found]

    def find(self, context: str, point: str, realisation: int, cases: Sequence[str] | None = None) -> list[Measurement]:
        """The measurements at a point, of the given cases or of all, sorted by case and then as they were added."""
        chosen = "" if cases is None else " AND case_id IN (SELECT value FROM json_each(?))"
        values = (context, point, realisation) if cases is None else (context, point, realisation, dump(list(cases)))
        rows = self._read(
            f"SELECT {COLUMNS} FROM measurement WHERE context = ? AND point = ? AND realisation = ?{chosen} "  # noqa: S608
            "ORDER BY case_id, rowid",
            values,
        )
        return [measurement_of(row) for row in rows]

    def put_result(self, result: RequirementResult) -> None:
        """Keep the result of a requirement; the last one put counts."""
        self._write(
            "INSERT INTO result (id, plain) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET plain = excluded.plain",
            [(result.id, dump(result.to_json()))],
        )

    def results(self) -> dict[str, RequirementResult]:
        """Every declared requirement by id, in order of declaration, "not_run" where no result was put.

        One that has not changed since it was last read is the same object, for a result is as long as the cases are many
        and most of a run's are read after every item. Raises EvidenceError where another version of this tool wrote them.
        """
        rows = self._read(
            "SELECT id, declared.plain, result.plain FROM declared LEFT JOIN result USING (id) ORDER BY position, id"
        ) + self._read("SELECT id, NULL, plain FROM result WHERE id NOT IN (SELECT id FROM declared) ORDER BY rowid")
        known = self._results
        try:
            self._results = {
                key: known[key]
                if key in known and known[key][:2] == (declared, result)
                else (declared, result, _result(declared, result))
                for key, declared, result in rows
            }
        except EvidenceError as error:
            raise EvidenceError(f"{self.path}: {error}") from None
        return {key: result for key, (_, _, result) in self._results.items()}

    def forget_results(self, *, but: Sequence[str] = ()) -> None:
        """Forget what was declared, decided, drawn and said of the run, and keep what was measured, spent and noted.

        A resumed run decides anew, of a model and data that may be others. Values of `set_run` under the names `but` stay.
        """
        with self.exclusive():
            self._connection.execute(
                "DELETE FROM run WHERE key NOT IN (SELECT value FROM json_each(?))", [dump([*but])]
            )
            for table in ("declared", "result", "picture"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  # the names stand in the line above

    def put_picture(
        self,
        requirement: str,
        case: str,
        structure: str,
        arrays: Mapping[str, np.ndarray],
        about: Mapping[str, Any],
    ) -> None:
        """Keep a picture (see `Picture`); the last one of the same requirement, case and structure counts."""
        self._write(
            "INSERT INTO picture (requirement, case_id, structure, about, arrays) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (requirement, case_id, structure) DO UPDATE SET about = excluded.about, arrays = excluded.arrays",
            [(requirement, case, structure, dump(dict(about)), pack(arrays))],
        )

    def pictures(self, requirement: str | None = None) -> list[Picture]:
        """The pictures of a requirement, or of all, in the order in which they were first put."""
        rows = self._read(
            "SELECT requirement, case_id, structure, arrays, about FROM picture "
            "WHERE ?1 IS NULL OR requirement = ?1 ORDER BY rowid",
            (requirement,),
        )
        return [Picture(row[0], row[1], row[2], unpack(row[3]), json.loads(row[4])) for row in rows]

    def clear_pictures(self, requirement: str) -> None:
        """Forget the pictures of a requirement, before those of a newer result are put."""
        self._write("DELETE FROM picture WHERE requirement = ?", [(requirement,)])

    def add_cost(self, *, process: str, forward_passes: int, forward_seconds: float, wall_seconds: float) -> None:
        """Say what a process has cost so far; its latest word counts."""
        self._write(
            "INSERT INTO cost (process, forward_passes, forward_seconds, wall_seconds) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (process) DO UPDATE SET forward_passes = excluded.forward_passes, "
            "forward_seconds = excluded.forward_seconds, wall_seconds = excluded.wall_seconds",
            [(process, int(forward_passes), float(forward_seconds), float(wall_seconds))],
        )

    def cost(self) -> dict[str, Any]:
        """The sums over all processes, and the processes; `wall_seconds` of two workers side by side count twice."""
        rows = self._read("SELECT process, forward_passes, forward_seconds, wall_seconds FROM cost ORDER BY process")
        names = ("process", "forward_passes", "forward_seconds", "wall_seconds")
        processes = [dict(zip(names, row, strict=True)) for row in rows]
        sums = {name: sum(process[name] for process in processes) for name in names[1:]}
        return {**sums, "processes": processes}

    def event(self, kind: str, text: str) -> None:
        """Note a deviation: a worker that died, an interruption, a resumed run, a device that could not be used."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write("INSERT INTO event (time, kind, text) VALUES (?, ?, ?)", [(now, kind, text)])

    def events(self) -> list[dict[str, str]]:
        """All deviations in order: `time` (UTC), `kind`, `text`."""
        rows = self._read("SELECT time, kind, text FROM event ORDER BY number")
        return [dict(zip(("time", "kind", "text"), row, strict=True)) for row in rows]

    def close(self) -> None:
        """Let go of the file; the last process to do so folds the write-ahead log into it."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self.exclusive():
            self._connection.executemany(statement, rows)

    def _read(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise EvidenceError(f"{self.path}: the store cannot be read ({error})") from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # With a write-ahead log, NORMAL loses nothing when a process dies; only a power cut may take the last commits.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _result(declared: str | None, result: str | None) -> RequirementResult:
    if result is not None:
        return RequirementResult.from_json(json.loads(result))
    plain = {key: value for key, value in json.loads(declared or "{}").items() if key in _RESULT_KEYS}
    return RequirementResult.from_json({"statement": "", "reason": "not run", **plain, "verdict": "not_run"})
