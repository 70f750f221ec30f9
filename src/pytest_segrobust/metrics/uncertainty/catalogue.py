"""The uncertainty measures: names, ranges, which way is better, and sources, for sentences and reports.

Free of numpy and torch: the sentence grammar reads it while pytest collects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Level = Literal["patients", "voxels", "severities"]


@dataclass(frozen=True)
class UncertaintyMeasure:
    """One measure: its range, which way is better, and where it is computed.

    `lowest` and `highest` are None where the range has no end, `no_information` is what a map scores that knows nothing
    (None where that depends on the data). `function` is module.function of this package, `field` what holds the value in
    its result, where that has several. Measures of "voxels" give each case a number, `worst` where a case has no output;
    those of "patients" are one number of all patients at a point, those of "severities" of all patients along a line of
    growing severity. `needs` are what a requirement must state beside its limit: the DSC below which a case is a failure,
    the share of cases that may be referred, the fall of the DSC that is to be warned of.
    """

    key: str
    name: str
    level: Level
    better: Literal["higher", "lower"]
    lowest: float | None
    highest: float | None
    no_information: float | None
    function: str
    source: str
    field: str = ""
    undefined: str = "constant uncertainty"
    synonyms: tuple[str, ...] = ()
    worst: float | None = None
    needs: tuple[Literal["dsc_below", "referral", "fall"], ...] = ()


def _correlations() -> Iterator[UncertaintyMeasure]:
    """Three coefficients, each over patients, over patients and severities together, and within each patient."""
    for name, source in (
        ("Spearman", "Spearman 1904, of mid-ranks"),
        ("Pearson", "Pearson 1895"),
        ("Kendall", "Kendall 1945, tau-b"),
    ):
        key = name.lower()
        yield UncertaintyMeasure(
            key, f"{name} correlation with error", "patients", "higher", -1, 1, 0, "correlation.correlation", source,
            undefined="constant uncertainty or error; fewer than 3 patients",
        )  # fmt: skip
        yield UncertaintyMeasure(
            f"{key}_across", f"{name} correlation with error across severities", "severities", "higher", -1, 1, 0,
            "correlation.clustered", f"{source}; patients × severities, patients as clusters", "pooled",
            undefined="constant uncertainty or error; fewer than 3 patients",
        )  # fmt: skip
        yield UncertaintyMeasure(
            f"{key}_within", f"{name} correlation with error within patients", "severities", "higher", -1, 1, 0,
            "correlation.clustered", f"{source}; mean of patients' own coefficients", "within",
            undefined="no patient's error changes; fewer than 3 patients",
        )  # fmt: skip


_NO_ERRORS = "no wrong or no right voxels; constant uncertainty"
_NO_FAILURES = "no failures or nothing but failures; constant uncertainty"
_NOTHING = "an empty region"
NLL_WORST = 16.2  # -ln of the floor of 1e-7, rounded up

MEASURES: dict[str, UncertaintyMeasure] = {
    measure.key: measure
    for measure in (
        *_correlations(),
        UncertaintyMeasure("aurc", "AURC", "patients", "lower", 0, 1, None, "selective.risk_coverage",
                           "Geifman, Uziel and El-Yaniv 2019; mean of R(k), risk 1 - DSC", "aurc"),
        UncertaintyMeasure("e_aurc", "E-AURC", "patients", "lower", 0, 1, None, "selective.risk_coverage",
                           "Geifman, Uziel and El-Yaniv 2019; AURC less the best order's", "e_aurc"),
        UncertaintyMeasure("n_aurc", "nAURC", "patients", "higher", None, 1, 0, "selective.risk_coverage",
                           "(AURC_rand - AURC) / (AURC_rand - AURC_opt)", "n_aurc",
                           undefined="constant uncertainty; equal risks"),
        UncertaintyMeasure("failure_auroc", "failure detection AUROC", "patients", "higher", 0, 1, 0.5,
                           "selective.failure_detection", "Hanley and McNeil 1982; failure is DSC below a limit", "auroc",
                           undefined=_NO_FAILURES, needs=("dsc_below",)),
        UncertaintyMeasure("failure_recall", "recall of failures at a referral rate", "patients", "higher", 0, 1, None,
                           "selective.failure_detection", "share of failures among the most uncertain cases", "recall",
                           undefined="no failures; constant uncertainty", needs=("dsc_below", "referral")),
        UncertaintyMeasure("error_auroc", "error detection AUROC", "voxels", "higher", 0, 1, 0.5,
                           "separation.error_detection", "Hendrycks and Gimpel 2017, in a band round the boundaries",
                           "auroc", undefined=_NO_ERRORS, worst=0),
        UncertaintyMeasure("error_aupr", "error detection AUPR", "voxels", "higher", 0, 1, None,
                           "separation.error_detection", "average precision; prevalence for no ranking", "aupr",
                           undefined=_NO_ERRORS, worst=0),
        UncertaintyMeasure("gap", "uncertainty of wrong less right voxels", "voxels", "higher", None, None, 0,
                           "separation.uncertainty_gap", "Carannante et al. 2026; E[u|wrong] - E[u|right]", "difference",
                           undefined="no wrong or no right voxels", worst=-1),
        UncertaintyMeasure("ue_dice", "uncertainty-error overlap", "voxels", "higher", 0, 1, None,
                           "separation.error_overlap", "Jungo and Reyes 2019", "ue_dice", undefined=_NOTHING,
                           synonyms=("UE-Dice", "U-E overlap"), worst=0),
        UncertaintyMeasure("pavpu", "PAvPU", "voxels", "higher", 0, 1, None, "patches.pavpu",
                           "Mukhoti and Gal 2018, arXiv:1811.12709", "pavpu", worst=0),
        UncertaintyMeasure("ause", "AUSE", "voxels", "lower", 0, 1, None, "separation.sparsification",
                           "Ilg et al. 2018, arXiv:1802.07095", "ause",
                           undefined="equal errors; constant uncertainty", worst=1),
        UncertaintyMeasure("delta_dsc", "DSC gained by removing uncertain voxels", "voxels", "higher", -1, 1, 0,
                           "removal.removal", "Carannante et al. 2026, with a frozen threshold", "delta_dsc",
                           undefined="nothing of the structure left, or none to begin with", worst=-1),
        UncertaintyMeasure("qu_brats", "QU-BraTS score", "voxels", "higher", 0, 1, None, "removal.qu_brats",
                           "Mehta et al. 2022, arXiv:2112.10074", "score",
                           undefined="no true positives or no true negatives", worst=0),
        UncertaintyMeasure("ece", "ECE", "voxels", "lower", 0, 1, None, "calibration.reliability",
                           "Naeini et al. 2015; Guo et al. 2017", "ece", undefined=_NOTHING,
                           synonyms=("expected calibration error",), worst=1),
        UncertaintyMeasure("ace", "ACE", "voxels", "lower", 0, 1, None, "calibration.reliability",
                           "Kahl et al. 2024: mean over bins that are not empty", "ace", undefined=_NOTHING, worst=1),
        UncertaintyMeasure("brier", "Brier score", "voxels", "lower", 0, 2, None, "calibration.brier",
                           "Brier 1950, over all classes", undefined=_NOTHING, worst=2),
        UncertaintyMeasure("nll", "negative log-likelihood", "voxels", "lower", 0, None, None,
                           "calibration.negative_log_likelihood", "-ln p of the true class, p floored at 1e-7",
                           undefined=_NOTHING, synonyms=("NLL",), worst=NLL_WORST),
        UncertaintyMeasure("severity_tau", "rise of uncertainty with severity", "severities", "higher", -1, 1, 0,
                           "trend.severity_trend", "Kendall 1945, mean of patients' tau-b", "mean_tau"),
        UncertaintyMeasure("silent_failure_rate", "silent failure rate", "patients", "lower", 0, 1, None,
                           "warning.silent_failures", "share of patients that failed without an alarm: confident and wrong",
                           "rate", undefined="never", synonyms=("rate of silent failures",), needs=("dsc_below",)),
        UncertaintyMeasure("early_warning", "early warning", "severities", "higher", 0, 1, None,
                           "warning.early_warning", "share of falls that an alarm came before", "share",
                           undefined="no DSC fell", needs=("fall",)),
    )
}  # fmt: skip
