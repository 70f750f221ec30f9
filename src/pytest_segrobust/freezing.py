"""Freezing requirements before a test, and what a run says of the requirement files it was given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import EvidenceError
from .evidence.lock import Lock, LockEntry, amended, difference, lock_path, read_lock, write_lock
from .evidence.provenance import now
from .requirements.spec import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .requirements.spec import Spec

# The most pressing first: what several files together are.
_ORDER = ("changed", "not_frozen", "frozen")


def freeze(path: Path, *, approver: str, reason: str = "") -> tuple[Lock, bool]:
    """Write down a requirement file's canonical form as frozen; the lock, and whether it had to be written.

    The first freezing makes the lock, one of a changed file appends an amendment, and one of the same file changes nothing.

    Raises:
        SpecError: the requirement file cannot be read.
        EvidenceError: the lock was edited by hand, nobody approves, or a change has no reason.
    """
    spec = load(path)
    if not approver.strip():
        raise EvidenceError(f"{path.name}: say who approves it with --approver")
    where = lock_path(path)
    lock = _lock_of(path)
    if lock is not None and lock.last.sha256 == spec.sha256:
        return lock, False
    if lock is not None and not reason.strip():
        raise EvidenceError(f"{path.name} was frozen already and has changed since; say why with --reason")
    entry = LockEntry(
        number=0,
        time=now(),
        approver=approver.strip(),
        reason=" ".join(reason.split()),
        tool=f"pytest-segrobust {__version__}",
        sha256=spec.sha256,
        text_sha256=spec.text_sha256,
        canonical=json.loads(spec.canonical),
    )
    lock = amended(lock, path.name, entry)
    write_lock(where, lock)
    return lock, True


def frozen_state(specs: Sequence[Spec]) -> dict[str, Any]:
    """Whether a run's requirement files are those that were frozen, for the report: its key "freeze".

    Of several files the most pressing one speaks, and `files` says of each.
    """
    states = [_state(spec) for spec in specs]
    chosen = min(states, key=lambda state: _ORDER.index(state["state"]))
    if len(states) == 1:
        return chosen
    words = " ".join(dict.fromkeys(state["words"] for state in states))
    files = [{key: state[key] for key in ("spec", "state", "lock", "sha256", "words")} for state in states]
    return {**chosen, "words": words, "files": files}


def texts(specs: Sequence[Spec]) -> dict[str, str]:
    """Requirement files and locks as they are now, by the names they are kept under in a bundle."""
    found: dict[str, str] = {}
    for number, spec in enumerate(specs, start=1):
        for path in (spec.path, lock_path(spec.path)):
            name = path.name if path.name not in found else f"{number}-{path.name}"
            try:
                found[name] = path.read_bytes().decode("utf-8")
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError):  # what cannot be read is told by the state, and not kept
                continue
    return found


def _lock_of(spec: Path) -> Lock | None:
    """The lock beside a requirement file, None where there is none; EvidenceError where it cannot be trusted."""
    path = lock_path(spec)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise EvidenceError(f"{path.name}: cannot be read; restore it") from None
    return read_lock(text, path.name)


def _state(spec: Spec) -> dict[str, Any]:
    name, where = spec.path.name, lock_path(spec.path).name
    state: dict[str, Any] = {
        "spec": name,
        "state": "not_frozen",
        "lock": None,
        "sha256": None,
        "frozen_at": None,
        "approver": "",
        "amendments": [],
        "diff": [],
    }
    try:
        lock = _lock_of(spec.path)
    except EvidenceError as error:
        return {**state, "lock": where, "words": f"The lock cannot be trusted: {error}."}
    if lock is None:
        return {**state, "words": f"{name} was not frozen before this run (segrobust freeze)."}
    last, first = lock.last, lock.entries[0]
    same = last.sha256 == spec.sha256
    state |= {
        "state": "frozen" if same else "changed",
        "lock": where,
        "lock_head": last.entry_sha256,
        "sha256": last.sha256,
        "frozen_at": last.time,
        "approver": last.approver,
        "tool": last.tool,
        "amendments": [
            {
                "time": entry.time,
                "approver": entry.approver,
                "reason": entry.reason,
                "sha256": entry.sha256,
                "diff": entry.diff,
            }
            for entry in lock.entries[1:]
        ],
    }
    frozen = f"frozen on {_day(last.time)} by {last.approver}"
    if not same:
        state["diff"] = difference(last.canonical, json.loads(spec.canonical))
        why = (
            f"; the file is the same, but {last.tool} read it differently"
            if last.text_sha256 == spec.text_sha256
            else ""
        )
        return {
            **state,
            "words": f"{name} is NOT the one that was {frozen}: it has changed since ({len(state['diff'])} lines of the "
            f"canonical form differ){why}.",
        }
    count = len(lock.entries) - 1
    amended_words = f", amended {'once' if count == 1 else f'{count} times'} since {_day(first.time)}" if count else ""
    return {**state, "words": f"{name} was {frozen}{amended_words}, and this run was made under it unchanged."}


def _day(time: str) -> str:
    return time.replace("T", " ").replace("+00:00", " UTC")
