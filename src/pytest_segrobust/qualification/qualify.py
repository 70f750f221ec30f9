"""A qualification from the first check to the last, in a folder of its own that is gone afterwards."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..evidence.provenance import now
from . import battery, coverage, installation, metric_checks, perturbation_checks
from .bench import Bench
from .check import Check, made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SCHEMA = 1


@dataclass(frozen=True)
class Qualification:
    """What came of it. The checks are the same on every run of one seed; `machine`, `started` and `seconds` are not."""

    seed: int
    checks: tuple[Check, ...]
    machine: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every check was made and found what was expected; nothing checked is not passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that found something else."""
        return tuple(check for check in self.checks if not check.passed)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `qualification.json`."""
        return {
            "schema": SCHEMA,
            "tool": {"name": installation.DISTRIBUTION, "version": __version__},
            "seed": self.seed,
            "passed": self.passed,
            "checks": [check.to_json() for check in self.checks],
            "started": self.started,
            "seconds": round(self.seconds, 1),
            "machine": self.machine,
        }


def qualify(
    *, seed: int = 0, only: Iterable[str] | None = None, each: Callable[[Check], None] | None = None
) -> Qualification:
    """All checks, or those of these ids alone; `each` is told of every check as it is made.

    Nothing of the machine is used but its processor, and no network. Made patients lie in a temporary folder.
    """
    started, clock = now(), time.perf_counter()
    checks = []
    with tempfile.TemporaryDirectory(prefix="segrobust-qualify-") as folder:
        for check in _checks(Path(folder), seed, None if only is None else list(only)):
            checks.append(check)
            if each is not None:
                each(check)
    seconds = time.perf_counter() - clock
    return Qualification(seed, tuple(checks), installation.machine(), started, seconds)


def _checks(folder: Path, seed: int, only: list[str] | None) -> Iterator[Check]:
    yield from made(installation.PART, installation.plan(), only)
    yield from made(metric_checks.PART, metric_checks.plan(), only)
    yield from made(perturbation_checks.PART, perturbation_checks.plan(seed), only)
    yield from made(coverage.PART, coverage.plan(), only)
    yield from made(battery.PART, battery.plan(Bench(folder, seed=seed)), only)
