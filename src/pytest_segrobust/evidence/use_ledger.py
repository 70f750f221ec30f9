"""The use ledger: an append-only file, chained by hashes, that counts how often a test set has judged a model.

A test set that is asked again and again until a model passes shows less with every time. Each line is one JSON object
whose "previous" is the SHA-256 of the line before and whose "sha256" is that of the line itself without it. What was
changed in between is found; a file cut at its end is found only beside a report, which keeps the hash of its last line.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from pytest_segrobust.errors import EvidenceError

from .provenance import now

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FILE_NAME = "segrobust-ledger.jsonl"
START = "0" * 64


@dataclass(frozen=True)
class Ledger:
    """What a ledger holds: its entries in order, and the lines (from 1) at which the chain is broken, with why."""

    entries: tuple[dict[str, Any], ...]
    broken: tuple[str, ...] = ()
    head: str = START

    @property
    def intact(self) -> bool:
        """Whether every line is as it was written and follows the one before."""
        return not self.broken


def read_ledger(path: Path) -> Ledger:
    """The ledger at `path`, empty where there is none. EvidenceError where it cannot be read."""
    try:
        return _parsed(path.read_bytes()) if path.exists() else Ledger(())
    except OSError as error:
        raise EvidenceError(f"{path}: the use ledger cannot be read ({error.strerror})") from None


def append(path: Path, entry: Mapping[str, Any]) -> Ledger:
    """Add one entry and hand back the whole ledger; processes take turns.

    An entry that says of which run it is ("run_id") and of which "kind" is added once. EvidenceError where the file
    cannot be written.
    """
    try:
        with _locked(path) as file:
            content = file.read()
            ledger = _parsed(content)
            if any(_same(known, entry) for known in ledger.entries):
                return ledger
            plain = {"time": now(), **entry, "previous": ledger.head}
            line = _line({**plain, "sha256": _hash(_line(plain))})
            torn = b"" if not content or content.endswith(b"\n") else b"\n"  # a machine that lost power in a line
            file.write(torn + line + b"\n")
            file.flush()
            os.fsync(file.fileno())
            return _parsed(content + torn + line + b"\n")
    except OSError as error:
        raise EvidenceError(
            f"{path}: the use ledger cannot be written ({error.strerror}); name another with [trace] ledger"
        ) from None


def use_of(run: Mapping[str, Any], *, cases: Sequence[str], tool: str, resumed: bool) -> dict[str, Any]:
    """The entry that says: in this run these data judge this model. `cases` are hashes of the cases' images."""
    return {
        "kind": "use",
        "run_id": run.get("run_id"),
        "tool": tool,
        "profile": run.get("profile"),
        "spec_sha256": (run.get("spec") or {}).get("sha256"),
        "model_sha256": list((run.get("model") or {}).get("sha256") or []),
        "data_sha256": (run.get("data") or {}).get("sha256"),
        "cases": sorted(cases),
        "resumed": resumed,
    }


def counted(ledger: Ledger, use: Mapping[str, Any], *, file: str) -> dict[str, Any]:
    """The key "use_ledger" of a report, the run of `use` itself counted."""
    uses = [entry for entry in ledger.entries if entry.get("kind") == "use"]
    same = [entry for entry in uses if entry.get("data_sha256") == use["data_sha256"]]
    of_this_model = [entry for entry in same if entry.get("model_sha256") == use["model_sha256"]]
    mine = set(use["cases"])
    sharing = [e for e in uses if e.get("data_sha256") != use["data_sha256"] and mine & set(e.get("cases") or [])]
    ends = {entry.get("run_id"): entry for entry in ledger.entries if entry.get("kind") == "end"}
    earlier = [ends.get(entry.get("run_id"), {}) for entry in of_this_model if entry.get("run_id") != use["run_id"]]
    if use.get("resumed") and earlier and earlier[-1].get("status") != "complete":
        del earlier[-1]  # what this run goes on with is no other judgement
    said = {
        "file": file,
        "uses": len(same),
        "models": len({json.dumps(entry.get("model_sha256")) for entry in same}),
        "uses_of_this_model": len(of_this_model),
        "uses_of_overlapping_sets": len(sharing),
        "earlier_verdicts": [str(end.get("verdict") or "no end recorded") for end in earlier],
        "intact": ledger.intact,
        "head": ledger.head,
    }
    return {**said, "words": _words(said, ledger)}


def holds(ledger: Ledger, head: str) -> bool:
    """Whether a line with this hash is in the chain."""
    following = {entry.get("previous") for entry in ledger.entries}
    return head in following or head == ledger.head


def summary_lines(ledger: Ledger) -> list[str]:
    """The ledger for a terminal: a line per test set and model, then whether the chain holds."""
    counts: dict[tuple[str, str], list[str]] = {}
    for entry in ledger.entries:
        if entry.get("kind") == "use":
            model = ", ".join(str(each)[:19] for each in entry.get("model_sha256") or []) or "a model without a file"
            counts.setdefault((str(entry.get("data_sha256"))[:12], model), []).append(str(entry.get("time")))
    lines = [
        f"data {data}, model {model}: {len(times)} use{'s' * (len(times) != 1)}, the last {times[-1]}"
        for (data, model), times in counts.items()
    ]
    lines += [f"BROKEN: {why}" for why in ledger.broken]
    return [*lines, f"{len(ledger.entries)} lines, the chain is {'intact' if ledger.intact else 'broken'}"]


def _words(said: Mapping[str, Any], ledger: Ledger) -> str:
    models, uses = said["models"], said["uses"]
    words = (
        f"This test set has judged {models} model{'s' * (models != 1)} in {uses} run{'s' * (uses != 1)} "
        f"of this ledger, and this model in {said['uses_of_this_model']}, this run counted."
    )
    if sharing := said["uses_of_overlapping_sets"]:
        words += f" {sharing} more run{'s' * (sharing != 1)} used other selections that share cases with it."
    if not ledger.intact:
        words += f" The chain of {said['file']} is broken ({ledger.broken[0]}): the counts cannot be relied on."
    return words


def _parsed(content: bytes) -> Ledger:
    entries: list[dict[str, Any]] = []
    broken: list[str] = []
    head = START
    for number, line in enumerate(content.splitlines(), start=1):
        if why := _wrong(line, head, entries):
            broken.append(f"line {number}: {why}")
        head = _hash(line)
    if content and not content.endswith(b"\n"):
        broken.append("the last line has no end")
    return Ledger(tuple(entries), tuple(broken), head)


def _wrong(line: bytes, head: str, entries: list[dict[str, Any]]) -> str:
    """Why a line is not what was written; an entry that can be read is kept all the same."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return "is no JSON"
    if not isinstance(entry, dict) or not _is_of_the_form(entry):
        return "is no entry"
    entries.append(entry)
    if entry.get("previous") != head:
        return "does not follow the line before it"
    bare = {key: value for key, value in entry.items() if key != "sha256"}
    return "" if entry.get("sha256") == _hash(_line(bare)) and line == _line(entry) else "was changed"


def _is_of_the_form(entry: Mapping[str, Any]) -> bool:
    """Whether what is counted later is of the kind that a run writes: nobody's edit may stop another's run."""
    lists = (entry.get("cases") or [], entry.get("model_sha256") or [])
    texts = (entry.get(key) for key in ("run_id", "kind", "data_sha256"))
    return all(isinstance(each, list) and all(isinstance(item, str) for item in each) for each in lists) and all(
        text is None or isinstance(text, str) for text in texts
    )


def _same(known: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    return known.get("run_id") == entry.get("run_id") and known.get("kind") == entry.get("kind")


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """The file open for reading and appending, by one process at a time; a process that dies lets go of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        try:
            import fcntl
        except ImportError:  # Windows
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file
