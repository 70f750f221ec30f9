"""What sentences call the measures of uncertainty: their names, and what else the field calls them."""

from __future__ import annotations

from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES

# Where the catalogue's name says what a sentence says by numbers ("at 20 % referral"), or the field has a shorter one.
_NAMES = {
    "failure_recall": "recall of failures",
    "early_warning": "early warning rate",
    "ue_dice": "UE-Dice",
    "nll": "NLL",
}
_AREA = ("{} AUROC", "AUROC of {}", "{} ROC AUC", "{} AUC")
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "aurc": ("area under the risk-coverage curve",),
    "e_aurc": ("excess AURC",),
    "n_aurc": ("normalised AURC", "normalized AURC"),
    "failure_auroc": tuple(form.format("failure detection") for form in _AREA[1:]),
    "failure_recall": ("share of failures found",),
    "error_auroc": tuple(form.format("error detection") for form in _AREA[1:]),
    "error_aupr": ("AUPR of error detection", "error detection AUPRC", "error detection average precision"),
    "gap": ("uncertainty gap",),
    "ue_dice": ("uncertainty-error Dice",),
    "pavpu": ("patch accuracy versus patch uncertainty", "patch accuracy vs patch uncertainty"),
    "ause": ("area under the sparsification error curve", "sparsification error"),
    "delta_dsc": ("DSC gain by removing uncertain voxels", "ΔDSC", "delta DSC"),
    "qu_brats": ("QU-BraTS",),
    "ece": ("calibration error",),
    "ace": ("average calibration error",),
    "brier": ("Brier",),
    "nll": ("log loss",),
    "silent_failure_rate": ("silent failures",),
    "early_warning": ("rate of early warnings", "early warnings"),
    "severity_tau": ("Kendall's tau of uncertainty with severity", "tau of uncertainty with severity"),
}


def name(key: str) -> str:
    """The measure's own name in a sentence: "ECE", "recall of failures"."""
    return _NAMES.get(key, MEASURES[key].name)


def spellings(key: str) -> tuple[str, ...]:
    """The name first, then all else that means the measure."""
    known = (name(key), MEASURES[key].name, *MEASURES[key].synonyms, *_SYNONYMS.get(key, ()), *_correlation(key))
    return tuple(dict.fromkeys(known))


def _correlation(key: str) -> tuple[str, ...]:
    """As in "Spearman correlation of uncertainty with error"; where no coefficient is named, Spearman's is meant."""
    coefficient, _, rest = MEASURES[key].name.partition(" correlation with error")
    if MEASURES[key].function.partition(".")[0] != "correlation":
        return ()
    said = (f"correlation of uncertainty with error{rest}", f"correlation of uncertainty and error{rest}")
    named = tuple(f"{coefficient} {words}" for words in said)
    return (*named, *said, f"rank {said[0]}") if coefficient == "Spearman" else named
