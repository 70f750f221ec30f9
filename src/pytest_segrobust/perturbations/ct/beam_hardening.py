"""Beam hardening that the scanner did not correct: cups in large bodies, dark bands between dense parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from .attenuation import AIR, densest, scans

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame
    from .projection import Views

# Estimate: a tenth of the line integral is missing behind 30 cm of water (p = 5.8) at 120 kVp.
HARDENING = 0.017


def beam_hardening(batch: Batch, *, strength: Sequence[float]) -> torch.Tensor:
    """Line integrals p become p - strength · HARDENING · p²; the reconstructed difference is added to the image."""
    import torch

    def change(_first: int, _views: Views, integrals: torch.Tensor) -> torch.Tensor:
        return integrals * integrals

    changes = [
        scan.on_unit_scale(scan.in_hounsfield(scan.scanner.effect(scan.slices, change))) * (-HARDENING * share)
        for scan, share in zip(scans(batch), strength, strict=True)
    ]
    return batch.values + torch.stack(changes)


def could_harden(image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, *, strength: float) -> bool:
    """Whether the strength is no matter of rounding, and the image shows more than air."""
    return strength > 1e-3 and densest(image, frame) > AIR


declare(
    Perturbation(
        "beam hardening",
        "Beam hardening that is not corrected: cupping and dark bands; images in HU.",
        alternatives=(
            (
                Parameter(
                    "strength",
                    identity=0.0,
                    lowest=0.0,
                    highest=3.0,
                    plausible=(0.0, 0.1),
                    source="estimate, no survey: scanners correct for water; a tenth that is left cups 30 cm of water by some 8 HU",
                    meaning="share of a 120 kVp beam's hardening that is left: 1 takes a tenth of the attenuation of 30 cm of water",
                ),
            ),
        ),
        apply=beam_hardening,
        synonyms=("cupping",),
        modalities=("CT",),
        could_change=could_harden,
        source="p' = p - strength · 0.017 · p² (the quadratic term of the polynomial that corrects for water), parallel-beam filtered back-projection of the difference",
    )
)
