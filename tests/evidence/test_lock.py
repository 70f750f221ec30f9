"""What was frozen stays readable, each amendment says what changed, and an entry edited by hand is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.lock import Lock, LockEntry, amended, canonical_text, lock_path, read_lock
from pytest_segrobust.requirements.canonical import sha256


def entry(limit: int, approver: str = "R. Viewer", reason: str = "") -> LockEntry:
    canonical = {"requirements": [{"id": "R-1", "statement": f"DSC drop is below {limit} %"}], "model": {"x": 0.1}}
    return LockEntry(
        number=0,
        time="2026-03-02T09:14:03+00:00",
        approver=approver,
        reason=reason,
        tool="tool 1",
        sha256=sha256(canonical_text(canonical)),
        text_sha256="0" * 64,
        canonical=canonical,
    )


@pytest.fixture
def lock() -> Lock:
    first = amended(None, "segrobust.toml", entry(5))
    return amended(first, "segrobust.toml", entry(7, reason="reader study"))


def test_a_lock_is_read_as_it_was_written_with_every_earlier_entry(lock: Lock) -> None:
    assert read_lock(lock.to_text(), "l") == lock
    assert [each.number for each in lock.entries] == [1, 2]
    assert lock.entries[1].previous == lock.entries[0].entry_sha256


def test_an_amendment_says_in_lines_what_changed(lock: Lock) -> None:
    assert lock.entries[0].diff == []
    changed = [line for line in lock.last.diff if line[0] in "+-"]
    assert changed == ['-   "statement": "DSC drop is below 5 %"', '+   "statement": "DSC drop is below 7 %"']


def test_any_value_edited_by_hand_is_found(lock: Lock) -> None:
    plain = json.loads(lock.to_text())
    for number, kept in enumerate(plain["entries"]):
        for key, value in kept.items():
            edited = json.loads(lock.to_text())
            edited["entries"][number][key] = {"str": f"{value}x", "int": 9, "list": ["+x"], "dict": {}}[
                type(value).__name__
            ]
            with pytest.raises(EvidenceError, match="edited by hand"):
                read_lock(json.dumps(edited), "segrobust.lock")


def test_an_entry_taken_out_put_in_or_moved_is_found(lock: Lock) -> None:
    first, second = json.loads(lock.to_text())["entries"]
    for entries in ([second], [], [second, first], [first, first], [first, second, second], [{**first, "more": 1}]):
        text = json.dumps({"format": "segrobust lock 1", "spec": "s", "entries": entries})
        with pytest.raises(EvidenceError):
            read_lock(text, "segrobust.lock")


def test_a_consistent_edit_of_an_earlier_entry_breaks_the_chain(lock: Lock) -> None:
    forged = amended(None, "segrobust.toml", entry(9))
    with pytest.raises(EvidenceError, match="edited by hand"):
        read_lock(Lock("segrobust.toml", (forged.last, lock.last)).to_text(), "segrobust.lock")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"format": "other 1"}', "{" * 100_000, '{"format": "segrobust lock 1"}']
)
def test_what_is_no_lock_is_one_line(text: str) -> None:
    with pytest.raises(EvidenceError, match=r"segrobust\.lock") as caught:
        read_lock(text, "segrobust.lock")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "lock_name"),
    [
        ("segrobust.toml", "segrobust.lock"),
        ("liver.segrobust.toml", "liver.segrobust.lock"),
        ("uv.toml", "uv.segrobust.lock"),
    ],
)
def test_a_lock_has_a_name_that_is_nobody_elses(spec: str, lock_name: str) -> None:
    assert lock_path(Path("d") / spec) == Path("d") / lock_name
