"""Limitations: what nobody may read out of this report, and which disturbances of an image were not examined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.rounding import percent
from pytest_segrobust.perturbations import description

from .ranges import perturbations_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.evidence.records import RequirementResult

_CONFIDENCE = 0.95


def limits(results: Sequence[RequirementResult]) -> list[str]:
    """What nobody may read out of this report."""
    sizes = [result.n_patients for result in results if result.n_patients]
    shown = [
        "Perturbations are simulated. They stand for a disturbance of the image, and are not scans that were acquired so.",
        "Only the perturbations and ranges named in the requirements were examined; nothing else was tested.",
        "Other scanners, sites, populations and structures than those of the data are untested.",
        "The worst parameters are the worst of those that were tried. A search can miss a worse one between them.",
        "A drop says nothing of a model that is bad already: read it beside a requirement on the absolute value.",
        "That all of several must pass needs no correction for their number (intersection-union); picking single ones does (Holm).",
        "The methods are statistical and empirical. There is no formal guarantee for any single image.",
    ]
    if sizes:
        fewest = min(sizes)
        open_rate = percent(words.rules_out(fewest, _CONFIDENCE), "up")
        shown.insert(
            4,
            f"Few patients rule out only frequent failures: {words.patients(fewest)} without a single failure leave open a "
            f"failure rate of up to {open_rate} (1 - 0.05^(1/{fewest}), with 95 % confidence).",
        )
    return shown


def untested(results: Sequence[RequirementResult]) -> list[tuple[str, str]]:
    """The perturbations of the catalogue that no requirement names, by the headings of the catalogue."""
    used = {name for result in results for name in perturbations_of(result)}
    rooms = {
        title: [p.name for p in perturbations if p.name not in used]
        for title, perturbations in description.by_room().items()
    }
    return [(title, ", ".join(names)) for title, names in rooms.items() if names]
