"""The battery's list: each planted defect with the requirement or the check that must see it, and the models that are honest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .bench import AMBIGUOUS, ORGANS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..evidence.records import RequirementResult, Verdict


@dataclass(frozen=True)
class Planted:
    """A model on a set of patients, a requirement, and the verdicts that are right; `also` says what else must be so."""

    id: str
    purpose: str
    model: str
    requirement: str
    verdicts: tuple[Verdict, ...] = ("failed",)
    cohort: str = "organs"
    also: Callable[[RequirementResult], str] = lambda _: ""


def _breaks_near(result: RequirementResult) -> str:
    """The breaking point of a model that breaks at sigma = 0.07 lies there, as far as the search went."""
    found = result.breaking_point
    severity = None if found is None else found.severity
    return "" if severity is not None and 0.5 < severity <= 0.95 else f"breaking point {severity}"


def _names_the_case(result: RequirementResult) -> str:
    failures = result.gross_failures
    if failures is not None and failures.count == 1 and len({case["case"] for case in failures.cases}) == 1:
        return ""
    return "its one gross failure is not named"


def _counts(patients: int, cases: int) -> Callable[[RequirementResult], str]:
    def counted(result: RequirementResult) -> str:
        found = (result.n_patients, result.n_cases)
        return "" if found == (patients, cases) else f"{found[0]} patients, {found[1]} cases"

    return counted


def _all_count(result: RequirementResult) -> str:
    return _counts(20, 20)(result)


def _says_constant(result: RequirementResult) -> str:
    return "" if "uncertainty is the same" in result.reason or "constant" in result.reason else "the reason is missing"


def _names_the_site(result: RequirementResult) -> str:
    """Site B, and it alone, is shown to be bad."""
    verdicts = {each["stratum"]: each["verdict"] for each in result.strata}
    return "" if verdicts == {"A": "passed", "B": "failed"} else f"by site: {verdicts}"


def _says(words: str) -> Callable[[RequirementResult], str]:
    return lambda result: "" if words in result.reason else "the reason is missing"


_says_unsteady = _says("depends on more than the image")


DEFECTS: tuple[Planted, ...] = (
    Planted("D-IGNORES-A-CLASS", "never says right", "IgnoresAClass", "DSC", also=_all_count),
    Planted("D-MIRRORED", "mixes up left and right", "Mirrored", "DSC"),
    Planted("D-BREAKS-ABOVE-SIGMA", "breaks above sigma = 0.07", "BreaksAboveSigma", "DSC-DROP", also=_breaks_near),
    Planted("D-VANISHES", "loses everything in noise: distances of nothing must not look small",
            "VanishesInNoise", "HD95", also=_all_count),
    Planted("D-FAR-FALSE-POSITIVES", "adds voxels far away, which overlap hardly feels", "FarFalsePositives", "HD95"),
    Planted("D-SHIFTED-HD95", "is 3 voxels of 1.5 mm off", "ShiftsByThree", "HD95"),
    Planted("D-SHIFTED-NSD", "is 3 voxels of 1.5 mm off", "ShiftsByThree", "NSD"),
    Planted("D-VOLUME", "is too large by half", "ScalesVolume", "VOLUME"),
    Planted("D-OVER", "is too large by half", "ScalesVolume", "OVER"),
    Planted("D-NAN", "returns NaN for a third of patients", "NaNOnSome", "FAILURES", also=_all_count),
    Planted("D-NAN-DSC", "returns NaN for a third of patients: none leaves the mean", "NaNOnSome", "DSC", also=_all_count),
    Planted("D-RAISES", "raises for a third of patients", "RaisesOnSome", "FAILURES", also=_all_count),
    Planted("D-BATCH-BORDER", "loses the last image of each batch", "BatchBorder", "FAILURES", also=_all_count),
    Planted("D-SUBGROUP", "is bad on one of two sites: the mean of all patients hides it", "BadSubgroup", "EACH",
            cohort="sites", also=_names_the_site),
    Planted("D-SUBGROUP-WORST", "is bad on one of two sites", "BadSubgroup", "WORST", cohort="sites", also=_names_the_site),
    Planted("D-SUBGROUP-SHARE", "is bad on two of three sites, a third of patients", "BadSubgroup", "MOST"),
    Planted("D-RARE", "loses 1 patient of 20: too few to fail, but never a pass, and the case is named",
            "RareCollapse", "FAILURES", ("inconclusive", "failed"), also=_names_the_case),
    Planted("D-RARE-MANY", "loses 10 patients of 200", "RareCollapse", "RARE", cohort="many"),
    Planted("D-WATERMARK", "reads the label, which leaked into the image's last bits", "ReadsTheWatermark", "DSC",
            cohort="watermarked"),
    Planted("D-TWO", "breaks above sigma = 0.07, in a domain of two perturbations", "BreaksAboveSigma", "TWO"),
    Planted("D-OVER-CONFIDENT", "is sure of everything", "OverConfident", "ECE", cohort="ambiguous"),
    Planted("D-ANTI-CORRELATED", "is uncertain where it is right", "AntiCorrelated", "CORRELATION", cohort="ambiguous"),
    Planted("D-CONSTANT", "is equally uncertain of everything, which says nothing", "ConstantUncertainty", "CORRELATION",
            ("not_evaluable",), cohort="ambiguous", also=_says_constant),
    Planted("D-LEAK-DSC", "returns the image, which is the label", "ReadsTheCopy", "DSC", ("invalid",), cohort="copied",
            also=_says("is its own label")),
    Planted("D-BATCH-DEPENDENT-DSC", "sees nothing in an image that is alone in its batch", "BatchDependent", "DSC",
            ("invalid",), also=_says_unsteady),
    Planted("D-ORDER-DEPENDENT-DSC", "remembers the image before", "OrderDependent", "DSC", ("invalid",), also=_says_unsteady),
    Planted("D-RANDOM-CLOCK-DSC", "draws from a generator that no seed reaches", "RandomByClock", "DSC", ("invalid",),
            also=_says_unsteady),
)  # fmt: skip

UNDERPOWERED: tuple[Planted, ...] = (
    Planted("U-SPREAD", "6 patients that differ widely, the limit amid them", "SiteErodes", "MEAN", ("inconclusive",),
            cohort="few", also=_counts(6, 6)),
    Planted("U-SHARE", "6 good patients cannot show anything of 85 % of patients", "Organs", "MOST", ("inconclusive",),
            cohort="few", also=_counts(6, 6)),
    Planted("U-SCANS", "3 scans of each of 7 patients are 7 patients, not 21", "Organs", "MOST", ("inconclusive",),
            cohort="scans", also=_counts(7, 21)),
)  # fmt: skip


def honest() -> Iterator[Planted]:
    """The honest models, on every requirement that is used."""
    for name in ORGANS:
        yield Planted(f"H-{name}", "an honest model", "Organs", name, ("passed",), also=_all_count)
    for name in AMBIGUOUS:
        purpose = "a model that knows what it does not know"
        yield Planted(f"H-{name}", purpose, "Ambiguous", name, ("passed",), "ambiguous", _all_count)
    yield Planted(
        "H-ALL-OF-BAD-SITE",
        "a model that is bad on one site, by the mean of all alone: why strata are claimed",
        "BadSubgroup",
        "ALL",
        ("passed",),
        "sites",
        _all_count,
    )
    for name in ("EACH", "WORST"):
        yield Planted(f"H-{name}", "an honest model", "Organs", name, ("passed",), "sites")
    yield Planted("H-RARE", "an honest model", "Organs", "RARE", ("passed",), "many", _counts(200, 200))
