"""Bright for dark: an image that is shown as its negative."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .catalogue import Parameter, Perturbation, declare

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from .frame import Batch


def inversion(batch: Batch, *, strength: Sequence[float]) -> torch.Tensor:
    """The negative 1 - u at strength 1, even grey at one half."""
    return batch.values + batch.each(strength) * (1 - 2 * batch.values)


declare(
    Perturbation(
        "inversion",
        "Bright and dark exchanged on the unit intensity scale.",
        alternatives=(
            (
                Parameter(
                    "strength",
                    identity=0.0,
                    lowest=0.0,
                    highest=1.0,
                    plausible=(0.0, 1.0),
                    source="DICOM PS3.3: MONOCHROME1 images are negatives to a reader that does not know it",
                    meaning="1 is the negative",
                ),
            ),
        ),
        apply=inversion,
        synonyms=("intensity inversion",),
        source="x = u + strength · (1 - 2u)",
    )
)
