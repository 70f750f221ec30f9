"""A run against that of a release: asked for before anything runs, made when all is measured, never silently left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .comparison.comparing import compare
from .comparison.margins import read_margins, words
from .comparison.printed import printable
from .errors import EvidenceError, SegrobustError
from .evidence.html.comparison import write_comparison
from .evidence.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .evidence.compared import ComparedRequirement, ComparisonReport

NO_MARGIN = (
    "no margin was stated (--segrobust-margin), so nothing is shown but estimates: this says nothing of non-inferiority"
)


@dataclass(frozen=True)
class Release:
    """The report folder of a release, and by how much a new model may be worse, by unit."""

    directory: Path
    margins: dict[str, float] = field(default_factory=dict)

    @classmethod
    def named(cls, directory: Path, margins: Sequence[str], *, report: Path) -> Release:
        """The release in a folder, looked at before a run spends anything on it.

        Raises:
            EvidenceError: the folder holds no run, one that measured nothing, or is that of the new run itself.
            SpecError: a margin cannot be read.
        """
        if directory == report:
            raise EvidenceError(
                f"{directory} is the report folder of this run itself; name another with --segrobust-report"
            )
        with Store.open(directory / "run.sqlite") as store:
            if not (store.run().get("data") or {}).get("sha256"):
                raise EvidenceError(f"{directory}: its run measured nothing, so there is nothing to compare with")
        return cls(directory, read_margins(margins))


@dataclass(frozen=True)
class Outcome:
    """What became of the comparison: the comparison, or why there is none."""

    release: Release
    report: ComparisonReport | None = None
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether the run may end green.

        With a margin: non-inferior at every point compared. Without one nothing of that kind is claimed, but a case that
        fails anew, a verdict that is lost or a requirement that was not compared still ends the run red.
        """
        if self.report is None:
            return False
        if self.release.margins:
            return self.report.non_inferior
        return (
            bool(self.report.requirements)
            and not any(each.lost or each.new_failures for each in self.report.requirements)
            and not any(each.counts for each in self.report.unmatched)
        )

    def words(self) -> str:
        """The outcome in one line."""
        where = printable(str(self.release.directory))
        if self.report is None:
            return f"NOT compared with the release in {where}: {printable(self.why)}"
        if not self.release.margins:
            changes = "no case fails anew and no verdict is lost" if self.holds else "not shown to be as good"
            return f"compared with the release in {where}: {changes}; {NO_MARGIN}"
        shown = "non-inferior at every point compared" if self.holds else "NOT shown to be non-inferior"
        return f"compared with the release in {where}: {shown}; margin {words(self.release.margins)}"

    def to_json(self) -> dict[str, Any]:
        """What report.json says of it; the whole comparison lies beside it in comparison.json."""
        found = self.report
        return {
            "reference": str(self.release.directory),
            "margins": dict(self.release.margins),
            "status": "refused" if found is None else "made",
            "why": self.why,
            "holds": self.holds,
            "non_inferior": found is not None and found.non_inferior,
            "words": self.words(),
            "page": "" if found is None else "comparison.html",
            "requirements": [] if found is None else [_row(each) for each in found.requirements],
            "unmatched": [] if found is None else [{"id": each.id, "why": each.why} for each in found.unmatched],
            "notes": [] if found is None else list(found.notes),
        }


def owed(release: Release) -> dict[str, Any]:
    """What the report says until the comparison is made: a run that is killed must not look as if none had been asked for."""
    return {**Outcome(release, why="the run has not come to its end").to_json(), "status": "owed"}


def compared_with(release: Release, directory: Path) -> Outcome:
    """The run in a report folder against the release; comparison.html and comparison.json are written beside it.

    Whatever prevents it is its outcome: it never raises, and a comparison that was not made never holds.
    """
    try:
        report = compare([release.directory, directory], margins=release.margins)
        write_comparison(report, directory)
    except SegrobustError as error:
        return Outcome(release, why=str(error))
    except Exception as error:
        return Outcome(release, why=f"an error in the comparison ({type(error).__name__}: {error})")
    return Outcome(release, report)


def _row(each: ComparedRequirement) -> dict[str, Any]:
    found = each.deciding
    return {
        "id": each.id,
        "shown": each.shown,
        "reason": each.reason,
        "metric": each.metric,
        "unit": each.unit,
        "margin": each.margin,
        "difference": None if found is None else found.estimate,
        "interval": None if found is None or found.interval is None else list(found.interval),
        "at": "" if found is None else f"{found.structure} at {found.point}",
        "old_verdict": each.old_verdict,
        "new_verdict": each.new_verdict,
        "lost": each.lost,
        "new_failures": sorted({change.case for change in each.new_failures}),
        "repaired_failures": sorted({change.case for change in each.repaired_failures}),
    }
