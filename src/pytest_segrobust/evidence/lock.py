"""The lock of a requirement file: what was frozen, when and by whom; every amendment stays, each chained to the one before.

The chain finds an entry that was edited by hand. It cannot find a lock that was written anew as a whole: for that its last
hash must be kept elsewhere too, in a commit, a signature or a quality record.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import EvidenceError

from .atomic_write import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORMAT = "segrobust lock 1"
_FIRST = "0" * 64  # what the first entry names as the one before it


@dataclass(frozen=True)
class LockEntry:
    """One freezing. `canonical` is the whole canonical form, `sha256` its hash, `diff` what changed since the entry before.

    `previous` is the `entry_sha256` of the entry before, 64 zeros in the first.
    """

    number: int  # from 1
    time: str  # UTC, ISO 8601
    approver: str
    reason: str
    tool: str
    sha256: str
    text_sha256: str
    canonical: dict[str, Any]
    diff: list[str] = field(default_factory=list)
    previous: str = _FIRST
    entry_sha256: str = ""

    def hashed(self) -> str:
        """The SHA-256 over everything in the entry but itself."""
        plain = {key: value for key, value in asdict(self).items() if key != "entry_sha256"}
        return _sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


@dataclass(frozen=True)
class Lock:
    """The entries of a lock file, oldest first; there is always one."""

    spec: str  # name of the requirement file
    entries: tuple[LockEntry, ...]

    @property
    def last(self) -> LockEntry:
        """What is frozen now."""
        return self.entries[-1]

    def to_text(self) -> str:
        """The lock file."""
        plain = {"format": FORMAT, "spec": self.spec, "entries": [asdict(entry) for entry in self.entries]}
        return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def lock_path(spec: Path) -> Path:
    """Where the lock of a requirement file lies: beside it, `segrobust.lock` for `segrobust.toml`.

    The name always ends in `segrobust.lock`: beside a `uv.toml` a `uv.lock` would be somebody else's.
    """
    stem = spec.name.removesuffix(".toml")
    return spec.with_name(f"{stem if stem.endswith('segrobust') else f'{stem}.segrobust'}.lock")


def read_lock(text: str, name: str) -> Lock:
    """The lock in a text, every entry and the chain checked; `name` is for the error.

    Raises EvidenceError where it is no lock, or was edited by hand.
    """
    try:
        plain = json.loads(text)
        if plain["format"] != FORMAT:
            raise EvidenceError(f"{name}: not a lock that this version can read (it says {plain['format']!r})")
        known = {each.name for each in fields(LockEntry)}
        entries = [LockEntry(**entry) for entry in plain["entries"] if known == entry.keys()]
        lock = Lock(str(plain["spec"]), tuple(entries))
        whole = len(entries) == len(plain["entries"]) > 0 and plain.keys() == {"format", "spec", "entries"}
        faults = list(_faults(entries)) if whole else ["its keys are not those that segrobust freeze writes"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise EvidenceError(f"{name}: not a lock of segrobust freeze, or damaged; restore it") from None
    if faults:
        raise EvidenceError(f"{name}: was edited by hand: {faults[0]}; restore it, it is the record of what was frozen")
    return lock


def amended(lock: Lock | None, spec: str, entry: LockEntry) -> Lock:
    """The lock with one more entry, whose number, diff and chain are filled in here."""
    before = () if lock is None else lock.entries
    previous = before[-1].entry_sha256 if before else _FIRST
    diff = difference(before[-1].canonical, entry.canonical) if before else []
    filled = LockEntry(**{**asdict(entry), "number": len(before) + 1, "previous": previous, "diff": diff})
    return Lock(spec, (*before, LockEntry(**{**asdict(filled), "entry_sha256": filled.hashed()})))


def write_lock(path: Path, lock: Lock) -> Path:
    """Write the lock file, whole or not at all."""
    return write_atomically(path, lock.to_text())


def difference(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs between two canonical forms: lines with - and +, each block under the place where it stands."""
    lines = difflib.unified_diff(canonical_text(old).splitlines(), canonical_text(new).splitlines(), n=1, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++"))]


def canonical_text(canonical: dict[str, Any]) -> str:
    """The canonical form as the text whose SHA-256 names it, see `requirements.canonical`."""
    return json.dumps(canonical, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)


def _faults(entries: Sequence[LockEntry]) -> list[str]:
    faults, previous, before = [], _FIRST, None
    for number, entry in enumerate(entries, start=1):
        if not all(
            isinstance(getattr(entry, name), str) for name in ("time", "approver", "reason", "tool", "text_sha256")
        ):
            return [f"entry {number} holds something else than text"]
        if entry.number != number or entry.previous != previous:
            faults.append(f"entry {number} does not follow the one before it")
        if _sha256(canonical_text(entry.canonical)) != entry.sha256:
            faults.append(f"entry {number}: its canonical form does not have the hash that stands beside it")
        if entry.diff != ([] if before is None else difference(before, entry.canonical)):
            faults.append(f"entry {number}: its diff is not that of its canonical forms")
        if entry.hashed() != entry.entry_sha256:
            faults.append(f"entry {number} does not have the hash that it had when it was written")
        previous, before = entry.entry_sha256, entry.canonical
    return faults


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
