"""The tables of the store, and the version that says which tables they are."""

from __future__ import annotations

APPLICATION = 0x5E6B0B57  # SQLite's application_id: this file is a store of ours
VERSION = 2
BUSY_SECONDS = 60.0  # how long a process waits for another one's commit; commits take milliseconds

TABLES = f"""
BEGIN;
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE declared (id TEXT PRIMARY KEY, position INTEGER NOT NULL, plain TEXT NOT NULL);
CREATE TABLE measurement (
    context TEXT NOT NULL, case_id TEXT NOT NULL, patient TEXT NOT NULL, point TEXT NOT NULL,
    realisation INTEGER NOT NULL, structure TEXT NOT NULL, scores TEXT NOT NULL, failure TEXT,
    reference_voxels INTEGER, predicted_voxels INTEGER, strength TEXT NOT NULL,
    undefined TEXT NOT NULL, reliability TEXT NOT NULL
);
CREATE UNIQUE INDEX measured ON measurement (context, point, realisation, case_id, structure);
CREATE TABLE result (id TEXT PRIMARY KEY, plain TEXT NOT NULL);
CREATE TABLE picture (
    requirement TEXT NOT NULL, case_id TEXT NOT NULL, structure TEXT NOT NULL,
    about TEXT NOT NULL, arrays BLOB NOT NULL, UNIQUE (requirement, case_id, structure)
);
CREATE TABLE cost (
    process TEXT PRIMARY KEY, forward_passes INTEGER NOT NULL, forward_seconds REAL NOT NULL, wall_seconds REAL NOT NULL
);
CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""
