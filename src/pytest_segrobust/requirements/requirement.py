"""A requirement as plain data: what is measured, under what, against which limit, for whom."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Form = Literal["value", "drop", "relative drop", "increase"]
Comparison = Literal["below", "at most", "above", "at least", "within"]
Tier = Literal["plausible", "stress"]


@dataclass(frozen=True)
class Measure:
    """A metric and how clean and perturbed values of it are set against each other.

    `metric` is a key of `metrics.catalogue.METRICS`, or "gross_failure_rate" (a share of patients).
    `tolerance` is in mm, for NSD alone. Uncertainty measures are keys of `metrics.uncertainty.catalogue.MEASURES`; those
    of failures name the DSC below which a case is one (`dsc_below`) and the share of cases that may be referred to a
    reader (`referral`), early warning the fall of the DSC that is to be warned of (`fall`).
    """

    metric: str
    form: Form = "value"
    tolerance: float | None = None
    dsc_below: float | None = None
    referral: float | None = None
    fall: float | None = None


@dataclass(frozen=True)
class Range:
    """The values of one parameter for which the requirement must hold, both ends included."""

    parameter: str
    low: float
    high: float


@dataclass(frozen=True)
class Options:
    """The words of one choice for which the requirement must hold."""

    parameter: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Domain:
    """One perturbation of the catalogue with the range of every parameter; `on` confines it to a structure.

    A parameter that names a structure has Options of that one word. `source` says which level of which published table
    the numbers are; the numbers alone are the claim.
    """

    perturbation: str
    ranges: tuple[Range | Options, ...]
    on: str | None = None
    source: str = field(default="", compare=False)

    @property
    def acts_on(self) -> tuple[str, ...]:
        """The structures without which a case is not perturbed: where it is confined to, and what a target replaces."""
        named = [word for r in self.ranges if isinstance(r, Options) and r.parameter == "source" for word in r.words]
        return tuple(name for name in (self.on, *named) if name is not None)


@dataclass(frozen=True)
class Requirement:
    """One claim, decided by one verdict.

    `domains` is empty for a requirement on clean images. `structure` is None where the claim is about each structure;
    `average` is true where it is about their mean. `limit` is in the measure's own unit (5 % is 0.05).
    `patients` is the share for which it must hold (0.95), None where it is about the mean over patients.
    `for_each` is the column of the data in each of whose strata it must hold by itself, None where all patients count together.
    """

    id: str
    measure: Measure
    comparison: Comparison
    limit: float
    domains: tuple[Domain, ...] = ()
    structure: str | None = None
    average: bool = False
    patients: float | None = None
    for_each: str | None = None
    confidence: float = 0.95
    confidence_stated: bool = False  # the sentence itself named it
    rationale: str = ""
    risks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    statement: str = ""  # as the user wrote it; for the long form, the sentence that means the same
    line: int = 0  # where it stands in its file
    tier: Tier = "plausible"  # "stress" where a range goes beyond what a clinic meets
    gates: bool = True  # whether a run ends red where it is not met

    @property
    def claim(self) -> Requirement:
        """What is claimed, without its name, reasons and place: equal claims are decided alike."""
        return replace(self, id="", rationale="", risks=(), tags=(), statement="", line=0, tier="plausible", gates=True)
