"""The use ledger: every use is there once, and no line can be changed, moved or taken out unseen."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.use_ledger import append, counted, holds, read_ledger, summary_lines, use_of

WRITER = """
import sys
from pathlib import Path
from pytest_segrobust.evidence.use_ledger import append

for number in range(int(sys.argv[3])):
    append(Path(sys.argv[1]), {"kind": "use", "run_id": f"{sys.argv[2]}-{number}"})
"""


def use(run_id: str, model: str = "m", data: str = "d", cases=("c1", "c2"), *, resumed: bool = False):
    run = {"run_id": run_id, "model": {"sha256": [model]}, "data": {"sha256": data}, "spec": {"sha256": "s"}}
    return use_of(run, cases=cases, tool="1", resumed=resumed)


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "ledger.jsonl"
    for number in range(4):
        append(made, use(f"r{number}", model="m" if number else "old"))
        append(made, {"kind": "end", "run_id": f"r{number}", "status": "complete", "verdict": "failed"})
    return made


def test_uses_and_models_of_a_test_set_are_counted(path):
    said = counted(append(path, use("r4")), use("r4"), file="ledger.jsonl")

    assert (said["uses"], said["models"], said["uses_of_this_model"], said["intact"]) == (5, 2, 4, True)
    assert said["earlier_verdicts"] == ["failed"] * 3
    assert said["words"] == (
        "This test set has judged 2 models in 5 runs of this ledger, and this model in 4, this run counted."
    )


def test_a_run_is_entered_once(path):
    before = path.read_bytes()

    append(path, use("r2"))

    assert path.read_bytes() == before


def test_leaving_a_case_out_is_no_new_test_set(path):
    fewer = use("r4", data="other", cases=("c1",))

    said = counted(append(path, fewer), fewer, file="l")

    assert (said["uses"], said["uses_of_overlapping_sets"]) == (1, 4)
    assert "4 more runs used other selections that share cases" in said["words"]


def test_a_resumed_run_is_no_second_judgement_of_its_own_beginning(path):
    append(path, use("begun"))
    resumed = use("goes on", resumed=True)

    assert counted(append(path, resumed), resumed, file="l")["earlier_verdicts"] == ["failed"] * 3


def test_resuming_what_was_complete_is_one(path):
    resumed = use("again", resumed=True)

    assert len(counted(append(path, resumed), resumed, file="l")["earlier_verdicts"]) == 3


@pytest.mark.parametrize("line", range(8))
@pytest.mark.parametrize("harm", ["changed", "taken out", "moved", "spaced"])
def test_any_change_of_any_line_is_found(path, line, harm):
    lines = path.read_bytes().splitlines(keepends=True)
    head = read_ledger(path).head
    if harm == "changed":
        lines[line] = lines[line].replace(b'"r', b'"q', 1)
    elif harm == "taken out":
        del lines[line]
    elif harm == "moved":
        lines[line], lines[line - 1] = lines[line - 1], lines[line]
    else:
        lines[line] = lines[line].replace(b'":', b'": ', 1)
    path.write_bytes(b"".join(lines))

    found = read_ledger(path)

    assert not (found.intact and holds(found, head))
    if (harm, line) != ("taken out", 7):  # a file cut at its end follows; the report's hash of its last line tells it
        assert not found.intact


def test_a_forged_line_breaks_the_one_after_it(path):
    lines = path.read_bytes().splitlines()
    entry = {**json.loads(lines[3]), "verdict": "passed"}
    lines[3] = json.dumps(entry, separators=(",", ":")).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")

    assert "line 4: was changed" in read_ledger(path).broken
    assert "line 5: does not follow the line before it" in read_ledger(path).broken


def test_a_broken_ledger_stays_broken_and_is_still_written(path):
    path.write_bytes(path.read_bytes()[:-20])

    found = append(path, use("r9"))

    assert not found.intact
    assert [entry["run_id"] for entry in found.entries][-1] == "r9"
    assert not counted(found, use("r9"), file="ledger.jsonl")["intact"]
    assert "cannot be relied on" in counted(found, use("r9"), file="ledger.jsonl")["words"]
    assert any("BROKEN" in text for text in summary_lines(found))


@pytest.mark.parametrize("line", [b'{"kind":"use","cases":7}', b'{"kind":"end","run_id":[1]}', b'{"kind":"use","cases":[[]]}',
                                  b'{"kind":"use","model_sha256":7}', b"[" * 100_000])  # fmt: skip
def test_a_line_that_no_run_writes_is_told_and_stops_nothing(path, line):
    path.write_bytes(path.read_bytes() + line + b"\n")

    found = append(path, use("r9"))

    assert not found.intact
    assert counted(found, use("r9"), file="l")["uses"] == 5
    assert len(summary_lines(found)) > 2


def test_processes_take_turns(tmp_path):
    path = tmp_path / "ledger.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(n), "25"]) for n in range(3)]

    assert [process.wait(60) for process in writers] == [0, 0, 0]
    found = read_ledger(path)
    assert found.intact
    assert len({entry["run_id"] for entry in found.entries}) == len(found.entries) == 75


def test_a_folder_that_takes_no_file_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(EvidenceError, match=r"use ledger cannot be written .*\[trace\] ledger"):
        append(tmp_path / "file" / "ledger.jsonl", use("r"))


def test_the_summary_counts_by_data_and_model(path):
    assert [line.rpartition(", the last")[0] for line in summary_lines(read_ledger(path))[:2]] == [
        "data d, model old: 1 use",
        "data d, model m: 3 uses",
    ]
