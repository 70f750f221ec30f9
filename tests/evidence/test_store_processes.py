"""The store under several writers, and after one was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_segrobust.evidence.records import Measurement
from pytest_segrobust.evidence.store import Store

if TYPE_CHECKING:
    from pathlib import Path

MEASUREMENT = Measurement("c1", "p1", "gaussian noise(sigma=0.1)", 0, "tumour", {"dsc": 0.1})

WRITER = """
import sys
from pathlib import Path
from pytest_segrobust.evidence.records import Measurement
from pytest_segrobust.evidence.store import Store

store = Store.open(Path(sys.argv[1]))
for n in range(int(sys.argv[3])):
    store.add("context", [Measurement(f"{sys.argv[2]}-{n}-{k}", "p", "clean", 0, "s", {"dsc": n / 7}) for k in range(5)])
    store.event("written", f"{sys.argv[2]} {n}")
    print(n, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path):
    with Store.create(tmp_path / "run.sqlite", {"seed": 0}) as opened:
        yield opened


def writer(path: Path, name: str, rounds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(rounds)], stdout=subprocess.PIPE, text=True
    )


def test_two_processes_write_at_once_and_nothing_is_lost(store: Store):
    writers = [writer(store.path, name, 60) for name in ("a", "b")]
    for process in writers:
        process.communicate()

    assert [process.returncode for process in writers] == [0, 0]
    assert len(store.find("context", "clean", 0)) == 2 * 60 * 5
    assert len(store.events()) == 2 * 60


def test_kill_9_keeps_every_committed_row(store: Store):
    process = writer(store.path, "a", 100_000)
    assert process.stdout is not None
    written = -1
    while written < 20:
        written = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()

    written = int(rest[-1]) if rest else written
    with Store.open(store.path) as again:
        found = again.find("context", "clean", 0)
        assert len(found) % 5 == 0, "a transaction was kept in part"
        assert len(found) >= 5 * (written + 1)
        again.add("context", [MEASUREMENT])  # and the store can be written on


def test_threads_of_one_process_share_a_store(store: Store):
    def add(name: str) -> None:
        for n in range(20):
            store.add("context", [replace(MEASUREMENT, case=f"{name}{n}")])

    threads = [threading.Thread(target=add, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(store.find("context", MEASUREMENT.point, 0)) == 60


def test_a_writer_waits_for_another_writer(store: Store):
    with Store.open(store.path) as other:
        done = threading.Event()

        def add() -> None:
            other.add("context", [MEASUREMENT])
            done.set()

        with store.exclusive():
            thread = threading.Thread(target=add)
            thread.start()
            time.sleep(0.1)
            assert not done.is_set()
        thread.join(10)

        assert done.is_set()
        assert len(store.find("context", MEASUREMENT.point, 0)) == 1
