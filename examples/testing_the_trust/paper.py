"""What Carannante et al. (MIDL 2026, PMLR 315:4217-4239, CC-BY 4.0) report on the hippocampus: their columns beside ours.

Families are in the paper's order: deterministic, MC dropout, ensemble of five, SUPER-Net. Tables are transcribed; what is
from a figure is read off it, to about 0.01 of DSC. Scores are means over slices, 2-D, on a split by
slices whose empty ones were removed; their SNR is of a batch after clipping. So columns stand side by side to compare how
families differ, not to compare a number with a number.
"""

from __future__ import annotations

FAMILIES = ("deterministic", "mc_dropout", "ensemble", "super_unet")

Row = dict[str, float]


def _row(*values: float) -> Row:
    return dict(zip(FAMILIES, values, strict=True))


CLEAN: dict[tuple[str, str], Row] = {
    ("anterior", "dsc"): _row(0.79, 0.79, 0.79, 0.79),
    ("anterior", "hd95"): _row(1.56, 1.68, 1.58, 1.62),
    ("anterior", "over_segmentation"): _row(0.15, 0.13, 0.09, 0.15),
    ("anterior", "under_segmentation"): _row(0.14, 0.17, 0.19, 0.15),
    ("posterior", "dsc"): _row(0.76, 0.76, 0.77, 0.74),
    ("posterior", "hd95"): _row(1.81, 2.11, 2.01, 2.21),
    ("posterior", "over_segmentation"): _row(0.17, 0.15, 0.11, 0.14),
    ("posterior", "under_segmentation"): _row(0.15, 0.19, 0.21, 0.23),
}
"""Table 3, by structure and measure; HD95 in pixels."""

NOISE: dict[tuple[str, str], Row] = {
    ("speckle noise(snr=20)", "anterior"): _row(0.77, 0.77, 0.78, 0.78),
    ("speckle noise(snr=20)", "posterior"): _row(0.73, 0.74, 0.75, 0.73),
    ("speckle noise(snr=14)", "anterior"): _row(0.58, 0.65, 0.65, 0.68),
    ("speckle noise(snr=14)", "posterior"): _row(0.53, 0.54, 0.60, 0.63),
    ("speckle noise(snr=10)", "anterior"): _row(0.18, 0.20, 0.23, 0.48),
    ("speckle noise(snr=10)", "posterior"): _row(0.09, 0.10, 0.12, 0.37),
    ("poisson noise(snr=20)", "anterior"): _row(0.74, 0.75, 0.75, 0.77),
    ("poisson noise(snr=20)", "posterior"): _row(0.73, 0.71, 0.72, 0.71),
    ("poisson noise(snr=11)", "anterior"): _row(0.39, 0.38, 0.39, 0.56),
    ("poisson noise(snr=11)", "posterior"): _row(0.39, 0.38, 0.36, 0.52),
    ("poisson noise(snr=8)", "anterior"): _row(0.22, 0.20, 0.22, 0.40),
    ("poisson noise(snr=8)", "posterior"): _row(0.23, 0.21, 0.21, 0.36),
}
"""Table 5: DSC by point and structure, noise on the whole image."""

ANTERIOR: dict[str, Row] = {
    "gaussian noise(snr=15)": _row(0.49, 0.53, 0.53, 0.69),
    "gaussian noise(snr=8)": _row(0.09, 0.12, 0.10, 0.36),
    "gaussian noise(snr=24) on anterior": _row(0.35, 0.47, 0.41, 0.57),
    "gaussian noise(snr=10) on anterior": _row(0.05, 0.11, 0.07, 0.22),
    "gaussian noise(snr=10) on posterior": _row(0.74, 0.75, 0.75, 0.76),
    "targeted pgd(snr=23, source=anterior, target=posterior)": _row(0.71, 0.72, 0.72, 0.72),
    "targeted pgd(snr=15, source=anterior, target=posterior)": _row(0.40, 0.45, 0.48, 0.52),
    "targeted pgd(snr=23, source=posterior, target=anterior)": _row(0.59, 0.64, 0.55, 0.65),
    "targeted pgd(snr=15, source=posterior, target=anterior)": _row(0.21, 0.32, 0.34, 0.42),
}
"""Figure 2: DSC of anterior by point, read off."""


def dsc(point: str, structure: str) -> Row | None:
    """The paper's DSC of a structure at a point that is not clean; None where it shows none."""
    return NOISE.get((point, structure)) or (ANTERIOR.get(point) if structure == "anterior" else None)


SECONDS_PER_SLICE = {"deterministic": 0.81, "mc_dropout": 0.82 * 20, "ensemble": 0.81 * 5, "super_unet": 1.92}
"""Table 6, for all passes: of MC dropout 20, of the ensemble 5."""
