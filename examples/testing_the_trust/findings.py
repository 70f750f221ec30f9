"""What the paper finds, held against what was measured here: each agreement is computed, its likely cause is written.

The rules were set before its numbers were looked at. They ask how families differ, not for the paper's numbers: data, network and SNR
are not the same (see README.md).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import paper
from causes import CAUSES
from measured import CLEAN, STRUCTURES
from results import is_severe, labels, snr_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Results = dict[str, Any]
Agrees = Literal["agrees", "agrees in part", "does not agree"]

ALIKE = 0.03
"""Of DSC: families that differ by less are alike on clean and mild images."""
BAYESIAN = tuple(family for family in paper.FAMILIES if family != "deterministic")
NOISES = ("gaussian noise", "poisson noise", "speckle noise", "salt and pepper noise")
CLEAN_SNR = float("inf")
SEVERE = "gaussian noise(snr=8)"
LOCAL = "gaussian noise(snr=10) on anterior"


@dataclass(frozen=True)
class Finding:
    """A claim of the paper, whether it was found here, by which numbers, and why it may be so."""

    claim: str
    agrees: Agrees
    numbers: str
    cause: str


def findings(found: Results) -> list[Finding]:
    """All of them, in the paper's order."""
    return [Finding(claim, *judge(found), CAUSES[name]) for name, (claim, judge) in CLAIMS.items()]


def _alike(found: Results) -> tuple[Agrees, str]:
    """The paper's four families at every mild point of noise on the whole image."""
    spread = {
        (point, structure): _range([_mean(found, point, structure, family, "dsc") for family in paper.FAMILIES])
        for point in _whole(found)
        if not is_severe(point)
        for structure in STRUCTURES
    }
    (point, structure), most = max(spread.items(), key=lambda item: item[1])
    agrees: Agrees = "agrees" if most <= ALIKE else "agrees in part" if most <= 2 * ALIKE else "does not agree"
    mildest = max(width for (each, _), width in spread.items() if (snr_of(each) or CLEAN_SNR) >= 20)
    words = (
        f"their mean DSC lies within {mildest:.3f} on clean images and at 20 dB and more, within {most:.3f} above 12 dB"
    )
    return agrees, f"{words} (most apart: {point}, {structure})"


def _better_under(part: str) -> Callable[[Results], tuple[Agrees, str]]:
    """SUPER-Net against the paper's other three, at the strong end, by paired differences."""

    def judge(found: Results) -> tuple[Agrees, str]:
        pairs = [pair for pair in found["paired"][part] if pair["family"] in paper.FAMILIES and _is_hit(pair)]
        better, worse = (sum(pair["super_net"] == word for pair in pairs) for word in ("better", "worse"))
        numbers = [pair["difference"][0] for pair in pairs]
        words = (
            f"of {len(pairs)} paired comparisons SUPER-Net is better in {better}, worse in {worse}, by Holm; "
            f"DSC differs by {min(numbers):+.3f} to {max(numbers):+.3f}"
        )
        agrees: Agrees = "does not agree" if worse >= better else "agrees in part"
        return ("agrees" if not worse and 3 * better >= 2 * len(pairs) else agrees), words

    return judge


def _monotone(found: Results) -> tuple[Agrees, str]:
    """Mean uncertainty along growing noise on the whole image: never falling, for both structures."""
    rises = {
        family: sum(all(_rising(found, family, noise, s) for s in STRUCTURES) for noise in NOISES)
        for family in BAYESIAN
    }
    words = ", ".join(f"{labels()[family]} {count} of {len(NOISES)}" for family, count in rises.items())
    alone = all(count < len(NOISES) for family, count in rises.items() if family != "super_unet")
    full = rises["super_unet"] == len(NOISES)
    agrees: Agrees = "agrees" if full and alone else "agrees in part" if full else "does not agree"
    return agrees, f"noises under which the mean variance never falls: {words}"


def _wrong_voxels(found: Results) -> tuple[Agrees, str]:
    """Mean variance of wrong and of right voxels, everywhere."""
    ratios = {
        family: [
            _mean(found, point, structure, family, "uncertainty_wrong")
            / _mean(found, point, structure, family, "uncertainty_right")
            for point in found["cells"]["noise"]
            for structure in STRUCTURES
        ]
        for family in BAYESIAN
    }
    words = ", ".join(f"{labels()[family]} {min(each):.1f} to {max(each):.1f}" for family, each in ratios.items())
    agrees: Agrees = "agrees" if min(map(min, ratios.values())) > 1 else "agrees in part"
    return agrees, f"variance of wrong voxels over that of right ones, over all points: {words}"


def _fading(found: Results) -> tuple[Agrees, str]:
    """Variance of wrong voxels from 15 to 8 dB of Gaussian noise: MC dropout's falls, SUPER-Net's rises."""
    change = {
        family: _both(found, SEVERE, family, "uncertainty_wrong")
        / _both(found, "gaussian noise(snr=15)", family, "uncertainty_wrong")
        - 1
        for family in BAYESIAN
    }
    words = ", ".join(f"{labels()[family]} {100 * each:+.0f} %" for family, each in change.items())
    found_both = change["mc_dropout"] < 0 < change["super_unet"]
    agrees: Agrees = (
        "agrees"
        if found_both
        else "agrees in part"
        if change["super_unet"] > max(change["mc_dropout"], 0)
        else "does not agree"
    )
    return agrees, f"variance of wrong voxels from 15 to 8 dB of Gaussian noise: {words}"


def _direction(found: Results) -> tuple[Agrees, str]:
    """Over- and under-segmentation, less that of clean images: which of the two rises more."""
    whole, local = (
        {family: _risen(found, point, "anterior", family) for family in paper.FAMILIES} for point in (SEVERE, LOCAL)
    )
    over, under = sum(a > b for a, b in whole.values()), sum(b > a for a, b in local.values())
    everyone = len(paper.FAMILIES)
    words = (
        f"anterior, noise on the whole image: Os rises by {_span(a for a, _ in whole.values())}, Us by {_span(b for _, b in whole.values())}; "
        f"on anterior alone: Os by {_span(a for a, _ in local.values())}, Us by {_span(b for _, b in local.values())}"
    )
    agrees: Agrees = (
        "agrees" if over == under == everyone else "agrees in part" if everyone in (over, under) else "does not agree"
    )
    return agrees, words


def _removal(found: Results) -> tuple[Agrees, str]:
    """DSC after voxels above a threshold are removed, which was frozen on clean images."""
    gain = {family: _both(found, SEVERE, family, "delta_dsc") for family in BAYESIAN}
    score = {family: _both(found, SEVERE, family, "qu_brats") for family in BAYESIAN}
    words = ", ".join(f"{labels()[f]} {gain[f]:+.3f} (QU-BraTS {score[f]:.2f})" for f in BAYESIAN)
    rises = gain["super_unet"] >= 0
    agrees: Agrees = "agrees" if rises and gain["mc_dropout"] < 0 else "agrees in part" if rises else "does not agree"
    return agrees, f"ΔDSC at 8 dB of Gaussian noise, mean of both structures: {words}"


def _cost(found: Results) -> tuple[Agrees, str]:
    """Time per slice: SUPER-Net costs a small multiple of one pass, far less than the others."""
    times = {family: found["cost"][family]["times"] for family in BAYESIAN}
    words = ", ".join(f"{labels()[family]} {each:.1f} ×" for family, each in times.items())
    agrees: Agrees = "agrees" if times["super_unet"] < times["ensemble"] < times["mc_dropout"] else "does not agree"
    return agrees, f"time per slice over the deterministic network's: {words}"


CLAIMS: dict[str, tuple[str, Callable[[Results], tuple[Agrees, str]]]] = {
    "alike": ("all families behave alike on clean and mildly corrupted images", _alike),
    "noise": ("SUPER-Net degrades less under severe noise", _better_under("noise")),
    "attacks": ("SUPER-Net degrades less under strong attack", _better_under("attacks")),
    "direction": (
        "noise on the whole image makes networks find too much, noise on one structure too little of it",
        _direction,
    ),
    "monotone": ("only SUPER-Net's variance rises with severity throughout", _monotone),
    "wrong": ("wrong voxels have the larger variance in every Bayesian family", _wrong_voxels),
    "fading": ("under stronger noise the variance of MC dropout's errors falls, that of SUPER-Net's rises", _fading),
    "removal": ("removing uncertain voxels does not harm SUPER-Net under severe noise, and harms MC dropout", _removal),
    "cost": ("SUPER-Net's uncertainty costs far less than that of ensembles and MC dropout", _cost),
}


def _is_hit(pair: dict[str, Any]) -> bool:
    """Whether the structure is the one that noise or attack is aimed at, if it is aimed at one."""
    point, structure = pair["point"], pair["structure"]
    if " on " in point:
        return bool(point.endswith(f" on {structure}"))
    return "source=" not in point or f"source={structure}" in point


def _whole(found: Results) -> Iterator[str]:
    return (point for point in found["cells"]["noise"] if " on " not in point)


def _rising(found: Results, family: str, noise: str, structure: str) -> bool:
    line = sorted(
        (point for point in _whole(found) if point.startswith(f"{noise}(")), key=lambda point: -(snr_of(point) or 0)
    )
    means = [_mean(found, point, structure, family, "uncertainty") for point in (CLEAN, *line)]
    return all(milder <= stronger for milder, stronger in itertools.pairwise(means))


def _risen(found: Results, point: str, structure: str, family: str) -> tuple[float, float]:
    over, under = (
        _mean(found, point, structure, family, key) - _mean(found, CLEAN, structure, family, key)
        for key in ("over_segmentation", "under_segmentation")
    )
    return over, under


def _both(found: Results, point: str, family: str, key: str) -> float:
    return sum(_mean(found, point, structure, family, key) for structure in STRUCTURES) / len(STRUCTURES)


def _mean(found: Results, point: str, structure: str, family: str, key: str) -> float:
    return float(found["cells"]["noise"][point][structure][family][key][0])


def _range(values: list[float]) -> float:
    return max(values) - min(values)


def _span(values: Iterator[float]) -> str:
    known = list(values)
    return f"{min(known):+.2f} to {max(known):+.2f}"
