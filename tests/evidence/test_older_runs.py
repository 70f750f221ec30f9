"""A new run in an old report folder."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.older_runs import make_way
from pytest_segrobust.evidence.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_is_moved_where_nothing_is(tmp_path: Path):
    assert make_way(tmp_path / "run.sqlite") is None


def test_older_runs_are_numbered_and_readable(tmp_path: Path):
    path = tmp_path / "run.sqlite"
    for seed in (1, 2):
        Store.create(path, {"seed": seed}).close()
        make_way(path)

    assert sorted(file.name for file in tmp_path.iterdir()) == ["run-1.sqlite", "run-2.sqlite"]
    with Store.open(tmp_path / "run-2.sqlite") as store:
        assert store.run()["seed"] == 2


def test_what_a_killed_run_left_in_its_log_moves_along(tmp_path: Path):
    path = tmp_path / "run.sqlite"
    code = (
        "import os, sys; from pathlib import Path; from pytest_segrobust.evidence.store import Store;"
        "store = Store.create(Path(sys.argv[1]), {}); store.event('written', 'before the end'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert (tmp_path / "run.sqlite-wal").exists(), "the process did not end in the middle"

    older = make_way(path)
    Store.create(path, {}).close()

    assert older is not None
    with Store.open(older) as store:
        assert [event["text"] for event in store.events()] == ["before the end"]
    with Store.open(path) as store:
        assert store.events() == []


def test_a_file_of_somebody_else_is_not_moved(tmp_path: Path):
    path = tmp_path / "run.sqlite"
    path.write_text("a novel")

    with pytest.raises(EvidenceError):
        make_way(path)
    assert path.read_text() == "a novel"
