"""The records of a comparison of runs: plain data for comparison.json, the page and the terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .records import Verdict

Shown = Literal["non-inferior", "worse", "open"]

MEANINGS: dict[Shown, str] = {
    "non-inferior": "the whole interval of the difference is at most the margin, at every point that was compared",
    "worse": "at some point the whole interval is beyond the margin: shown to be worse",
    "open": "neither was shown, or something that must be compared was not measured in both",
}


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs; the first is what the others are compared with."""

    name: str
    directory: str
    run_id: str
    status: str
    started: str
    model: list[str]  # SHA-256
    device: str
    profile: str


@dataclass(frozen=True)
class Difference:
    """One structure at one point: the metric's mean scores, and the paired difference; positive is worse."""

    structure: str
    point: str
    place: str  # "clean", "worst of old" ...; "" for any other point that was measured in both
    severity: float | None  # on the old run's degradation curve
    n_patients: int
    old: float
    new: float
    estimate: float
    interval: tuple[float, float] | None  # both bounds one-sided; None where too few patients are there
    method: str = ""
    warning: str = ""
    shown: Shown = "open"


@dataclass(frozen=True)
class FailureChange:
    """A gross failure that one of two models has at a point and the other has not."""

    case: str
    patient: str
    structure: str
    point: str
    failure: str


@dataclass(frozen=True)
class ComparedRequirement:
    """One requirement in the first run and in another: differences, failures, verdicts."""

    run: str  # the name of the other run
    id: str
    statement: str
    metric: str  # in words: what was scored, such as "DSC"
    unit: str
    better: str
    confidence: float
    margin: float | None
    shown: Shown
    reason: str
    old_verdict: Verdict
    new_verdict: Verdict
    old_estimate: float | None  # of the requirement's own measure, each run's at its own worst point
    new_estimate: float | None
    measure: str = ""
    named: bool | None = None  # whether what is shown may be said of this one alone, by Holm over all; None: no margin
    differs: str = (
        ""  # where old was worst: "better" or "worse", two-sided and by Holm over all; "" where neither is shown
    )
    differences: list[Difference] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # what would have to be measured in both, and was not
    new_failures: list[FailureChange] = field(default_factory=list)
    repaired_failures: list[FailureChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def lost(self) -> bool:
        """Whether it had passed and does not any more."""
        return self.old_verdict == "passed" and self.new_verdict != "passed"

    @property
    def deciding(self) -> Difference | None:
        """The difference that is shown first."""
        return deciding(self.differences, self.shown)


def deciding(differences: Sequence[Difference], shown: Shown) -> Difference | None:
    """Of the differences that show what all together show, the largest: by the lower bound of what is shown to be worse.

    None where none has an interval.
    """
    found = [each for each in differences if each.interval is not None]
    alike = [each for each in found if each.shown == shown] or found
    return max(alike, key=lambda each: (each.interval or (0, 0))[0 if shown == "worse" else 1], default=None)


@dataclass(frozen=True)
class Unmatched:
    """A requirement that was not compared, of which run, and why; `counts` where nothing may be concluded without it."""

    run: str
    id: str
    statement: str
    why: str
    counts: bool


@dataclass(frozen=True)
class ComparisonReport:
    """All of a comparison; `runs[0]` is the old one."""

    runs: list[ComparedRun]
    margins: dict[str, float]
    requirements: list[ComparedRequirement]
    unmatched: list[Unmatched] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_patients: int = 0
    n_cases: int = 0

    @property
    def non_inferior(self) -> bool:
        """Whether all that was to be shown was shown, no case fails anew, and nothing that had passed is lost."""
        return (
            bool(self.requirements)
            and all(each.shown == "non-inferior" and not each.lost for each in self.requirements)
            and not any(each.new_failures for each in self.requirements)
            and not any(each.counts for each in self.unmatched)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"schema_version": 1, "non_inferior": self.non_inferior, **asdict(self)}
