"""The uncertainty measures: names, ranges, which way is better, and sources, for sentences and reports.

Free of numpy and torch: the sentence grammar reads it while pytest collects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["patients", "voxels", "severities"]


@dataclass(frozen=True)
class UncertaintyMeasure:
    """One measure: its range, which way is better, and where it is computed.

    `lowest` and `highest` are None where the range has no end, `no_information` is what a map scores that knows nothing
    (None where that depends on the data). `function` is module.function of this package, `field` what holds the value in
    its result, where that has several.
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


_NO_ERRORS = "no wrong or no right voxels; constant uncertainty"
_NO_FAILURES = "no failures or nothing but failures; constant uncertainty"
_NOTHING = "an empty region"

MEASURES: dict[str, UncertaintyMeasure] = {
    measure.key: measure
    for measure in (
        UncertaintyMeasure("spearman", "Spearman correlation with error", "patients", "higher", -1, 1, 0,
                           "correlation.correlation", "Spearman 1904, of mid-ranks",
                           undefined="constant uncertainty or error; fewer than 3 patients"),
        UncertaintyMeasure("pearson", "Pearson correlation with error", "patients", "higher", -1, 1, 0,
                           "correlation.correlation", "Pearson 1895",
                           undefined="constant uncertainty or error; fewer than 3 patients"),
        UncertaintyMeasure("kendall", "Kendall correlation with error", "patients", "higher", -1, 1, 0,
                           "correlation.correlation", "Kendall 1945, tau-b",
                           undefined="constant uncertainty or error; fewer than 3 patients"),
        UncertaintyMeasure("within", "correlation with error within patients", "severities", "higher", -1, 1, 0,
                           "correlation.clustered", "mean of patients' own coefficients", "within",
                           undefined="no patient's error changes; fewer than 3 patients"),
        UncertaintyMeasure("aurc", "AURC", "patients", "lower", 0, 1, None, "selective.risk_coverage",
                           "Geifman, Uziel and El-Yaniv 2019; mean of R(k), risk 1 - DSC", "aurc"),
        UncertaintyMeasure("e_aurc", "E-AURC", "patients", "lower", 0, 1, None, "selective.risk_coverage",
                           "Geifman, Uziel and El-Yaniv 2019; AURC less the best order's", "e_aurc"),
        UncertaintyMeasure("n_aurc", "nAURC", "patients", "higher", None, 1, 0, "selective.risk_coverage",
                           "(AURC_rand - AURC) / (AURC_rand - AURC_opt)", "n_aurc",
                           undefined="constant uncertainty; equal risks"),
        UncertaintyMeasure("failure_auroc", "failure detection AUROC", "patients", "higher", 0, 1, 0.5,
                           "selective.failure_detection", "Hanley and McNeil 1982; failure is DSC below a limit", "auroc",
                           undefined=_NO_FAILURES),
        UncertaintyMeasure("failure_recall", "recall of failures at a referral rate", "patients", "higher", 0, 1, None,
                           "selective.failure_detection", "share of failures among the most uncertain cases", "recall",
                           undefined="no failures; constant uncertainty"),
        UncertaintyMeasure("error_auroc", "error detection AUROC", "voxels", "higher", 0, 1, 0.5,
                           "separation.error_detection", "Hendrycks and Gimpel 2017, in a band round the boundaries",
                           "auroc", undefined=_NO_ERRORS),
        UncertaintyMeasure("error_aupr", "error detection AUPR", "voxels", "higher", 0, 1, None,
                           "separation.error_detection", "average precision; prevalence for no ranking", "aupr",
                           undefined=_NO_ERRORS),
        UncertaintyMeasure("gap", "uncertainty of wrong less right voxels", "voxels", "higher", None, None, 0,
                           "separation.uncertainty_gap", "Carannante et al. 2026; E[u|wrong] - E[u|right]", "difference",
                           undefined="no wrong or no right voxels"),
        UncertaintyMeasure("ue_dice", "uncertainty-error overlap", "voxels", "higher", 0, 1, None,
                           "separation.error_overlap", "Jungo and Reyes 2019", "ue_dice", undefined=_NOTHING,
                           synonyms=("UE-Dice", "U-E overlap")),
        UncertaintyMeasure("pavpu", "PAvPU", "voxels", "higher", 0, 1, None, "patches.pavpu",
                           "Mukhoti and Gal 2018, arXiv:1811.12709", "pavpu"),
        UncertaintyMeasure("ause", "AUSE", "voxels", "lower", 0, 1, None, "separation.sparsification",
                           "Ilg et al. 2018, arXiv:1802.07095", "ause",
                           undefined="equal errors; constant uncertainty"),
        UncertaintyMeasure("delta_dsc", "DSC gained by removing uncertain voxels", "voxels", "higher", -1, 1, 0,
                           "removal.removal", "Carannante et al. 2026, with a frozen threshold", "delta_dsc",
                           undefined="nothing of the structure left, or none to begin with"),
        UncertaintyMeasure("qu_brats", "QU-BraTS score", "voxels", "higher", 0, 1, None, "removal.qu_brats",
                           "Mehta et al. 2022, arXiv:2112.10074", "score",
                           undefined="no true positives or no true negatives"),
        UncertaintyMeasure("ece", "ECE", "voxels", "lower", 0, 1, None, "calibration.reliability",
                           "Naeini et al. 2015; Guo et al. 2017", "ece", undefined=_NOTHING,
                           synonyms=("expected calibration error",)),
        UncertaintyMeasure("ace", "ACE", "voxels", "lower", 0, 1, None, "calibration.reliability",
                           "Kahl et al. 2024: mean over bins that are not empty", "ace", undefined=_NOTHING),
        UncertaintyMeasure("brier", "Brier score", "voxels", "lower", 0, 2, None, "calibration.brier",
                           "Brier 1950, over all classes", undefined=_NOTHING),
        UncertaintyMeasure("nll", "negative log-likelihood", "voxels", "lower", 0, None, None,
                           "calibration.negative_log_likelihood", "-ln p of the true class, p floored at 1e-7",
                           undefined=_NOTHING, synonyms=("NLL",)),
        UncertaintyMeasure("severity_tau", "rise of uncertainty with severity", "severities", "higher", -1, 1, 0,
                           "trend.severity_trend", "Kendall 1945, mean of patients' tau-b", "mean_tau"),
        UncertaintyMeasure("silent", "silent failures", "patients", "lower", 0, 1, None, "warning.silent_failures",
                           "share of failures without an alarm", "share", undefined="no failures"),
        UncertaintyMeasure("early_warning", "early warning", "severities", "higher", 0, 1, None,
                           "warning.early_warning", "share of falls that an alarm came before", "share",
                           undefined="no DSC fell"),
    )
}  # fmt: skip
