"""The runs of a comparison, opened, and refused where they measured different things."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EvidenceError, SegrobustError
from ..evidence.compared import ComparedRun
from ..evidence.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..evidence.records import RequirementResult
    from ..requirements.spec import Spec

_ARITHMETIC = ("torch", "numpy", "scipy", "monai", "nibabel")


@dataclass(frozen=True)
class OpenedRun:
    """A report folder: what its run says of itself, and its store."""

    name: str
    directory: Path
    store: Store

    @cached_property
    def run(self) -> dict[str, Any]:
        """What was told of the run."""
        return self.store.run()

    @cached_property
    def results(self) -> dict[str, RequirementResult]:
        """Every requirement it declared."""
        return self.store.results()

    @property
    def data(self) -> dict[str, Any]:
        """What was told of its data."""
        return dict(self.run.get("data") or {})

    @property
    def spec_hashes(self) -> tuple[str, ...]:
        """Of all its requirement files."""
        return tuple(sorted(entry["sha256"] for entry in self.run.get("specs", [])))

    @property
    def packages(self) -> dict[str, str]:
        """The packages it ran with."""
        return dict((self.run.get("environment") or {}).get("packages") or {})

    def described(self) -> ComparedRun:
        """What the report says of it."""
        run = self.run
        return ComparedRun(
            name=self.name,
            directory=str(self.directory),
            run_id=str(run.get("run_id", "")),
            status=str(run.get("status", "")),
            started=str(run.get("started", "")),
            model=list((run.get("model") or {}).get("sha256") or []),
            device=str(run.get("device", "")),
            profile=str(run.get("profile", "")),
        )


@contextmanager
def opened(directories: Sequence[Path]) -> Iterator[list[OpenedRun]]:
    """The runs of report folders, the first of which is the old one.

    Raises EvidenceError where a folder holds no run, or is named twice.
    """
    if len({path.resolve() for path in directories}) < len(directories):
        raise EvidenceError("a report folder is named twice; a run compared with itself says nothing")
    with ExitStack() as stack:
        yield [
            OpenedRun(name, path, stack.enter_context(Store.open(path / "run.sqlite")))
            for name, path in zip(_names(directories), directories, strict=True)
        ]


def refuse_unlike(old: OpenedRun, new: OpenedRun, *, common: bool) -> None:
    """Raise EvidenceError, with all reasons, where a difference would not be one of the models alone."""
    reasons = [
        f"{words} ({_short(before)}, {_short(after)})"
        for words, before, after in (
            ("other data", old.data.get("sha256"), new.data.get("sha256")),
            ("another intensity scale", old.data.get("intensity"), new.data.get("intensity")),
            ("other patients", old.data.get("patient"), new.data.get("patient")),
            ("another seed, so other noise", old.run.get("seed"), new.run.get("seed")),
            ("another version of this tool", old.packages.get(_TOOL), new.packages.get(_TOOL)),
            ("another source of this tool", old.run.get("tool_sha256"), new.run.get("tool_sha256")),
        )
        if before != after
    ]
    if not common and old.spec_hashes != new.spec_hashes:
        reasons.append("another requirement file; --common compares the requirements that both state in the same words")
    reasons += [f"{run.name} measured nothing" for run in (old, new) if not run.data.get("sha256")]
    if reasons:
        raise EvidenceError(f"{new.name} cannot be compared with {old.name}: {'; '.join(dict.fromkeys(reasons))}")


def notes_on(old: OpenedRun, new: OpenedRun) -> list[str]:
    """What else differs, so that a difference may be of it."""
    notes = [
        f"{run.name}: the run is {run.run.get('status', 'unknown')}"
        for run in (old, new)
        if run.run.get("status") != "complete"
    ]
    if old.run.get("model") == new.run.get("model"):
        notes.append(f"{old.name} and {new.name} are of the same model")
    packages = [name for name in _ARITHMETIC if old.packages.get(name) != new.packages.get(name)]
    changed = [f"{name} {old.packages.get(name)} → {new.packages.get(name)}" for name in packages]
    changed += [
        f"{name} {old.run.get(name)} → {new.run.get(name)}"
        for name in ("device", "profile")
        if old.run.get(name) != new.run.get(name)
    ]
    if changed:
        notes.append(f"{new.name} differs from {old.name} in more than the model: {', '.join(changed)}")
    return notes


def spec_of(runs: Sequence[OpenedRun], named: Path | None) -> dict[str, Spec]:
    """The requirement files of the runs that can still be found, by hash.

    Raises EvidenceError where none is found: [decision] says what a failure is and which cases count.
    """
    from ..requirements.spec import load

    wanted = {digest for run in runs for digest in run.spec_hashes}
    places = [Path(entry["path"]) for run in runs for entry in run.run.get("specs", [])]
    found: dict[str, Spec] = {}
    for path in [named, *places] if named else places:
        try:
            spec = load(path)
        except SegrobustError:
            if path == named:
                raise
            continue
        if spec.sha256 in wanted:
            found.setdefault(spec.sha256, spec)
        elif path == named:
            raise EvidenceError(f"{path} is not the requirement file of these runs: its hash is {spec.sha256[:12]}")
    if not found:
        raise EvidenceError(
            f"the requirement file of {runs[0].name} is not at {places[0] if places else 'any known place'} any more, or "
            "has changed; name the one of that run with --spec"
        )
    return found


_TOOL = "pytest-segrobust"


def _short(value: object) -> str:
    return value[:12] if isinstance(value, str) else str(value)


def _names(directories: Sequence[Path]) -> list[str]:
    """The shortest way to tell the folders apart."""
    last = [path.resolve().name for path in directories]
    return last if len(set(last)) == len(last) else [os.path.relpath(path) for path in directories]
