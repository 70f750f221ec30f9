"""Fewer photons: noise that is stronger where the body absorbs more, and correlated as the reconstruction leaves it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..elementwise import elementwise
from ..strength import total, voxels
from .attenuation import AIR, WATER, scans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from ..frame import Batch
    from .attenuation import Scan
    from .projection import Views

REFERENCE_NOISE = 12.0  # HU; estimate, no survey: routine abdominal CT has 10-15 HU


def low_dose(
    batch: Batch,
    *,
    dose: Sequence[float] | None = None,
    noise: Sequence[float] | None = None,
    photons: Sequence[float] | None = None,
) -> torch.Tensor:
    """Add the reconstruction of noise in the line integrals p, normal with a variance that is proportional to exp(p).

    The body's own noise counts as `REFERENCE_NOISE` at full dose, so a share `dose` adds sqrt(1/dose - 1) times that.
    Counted from photons it would be far too weak in a cropped image, which does not show all that attenuated the rays.
    """
    import torch

    changes = []
    for i, scan in enumerate(scans(batch)):
        if photons is not None:
            difference = _noise(batch, i, scan, _counted(photons[i]))
        else:
            difference = _noise(batch, i, scan, _relative)
            if noise is not None:
                region = None if batch.region is None else batch.region[i]
                wanted = noise[i]
            else:
                region, wanted = _body(scan), REFERENCE_NOISE * math.sqrt(1 / (dose or ())[i] - 1)
            difference = difference * (wanted / _root_mean_square(scan.stack.image(difference), region))
        changes.append(scan.on_unit_scale(difference))
    return batch.values + torch.stack(changes)


def _noise(batch: Batch, i: int, scan: Scan, deviation: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Noise in HU, (C, slices, height, width), whose standard deviation in a ray of density 1 is given by its integral."""
    import torch

    def change(first: int, views: Views, integrals: torch.Tensor) -> torch.Tensor:
        channels, slices = integrals.shape[:2]
        unit = [
            batch.normal(2 * (first + k) + views.number, (channels, *views.shape))[i] for k in range(slices)
        ]  # slice by slice: the fields of a whole scan would not fit the cache
        return deviation(integrals) * torch.stack(unit, 1) / views.density.sqrt()

    return scan.in_hounsfield(scan.scanner.effect(scan.slices, change))


def _relative(integrals: torch.Tensor) -> torch.Tensor:
    import torch

    return elementwise(torch.exp, integrals / 2)


def _counted(photons: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """sqrt(exp(p) / photons), and no more than 1: log(count) of less than one photon is nothing that a scanner works with."""
    import torch

    def deviation(integrals: torch.Tensor) -> torch.Tensor:
        return elementwise(torch.exp, ((integrals - math.log(photons)) / 2).clamp_max(0))

    return deviation


def _body(scan: Scan) -> torch.Tensor | None:
    """What is denser than air, (*spatial), or None where nothing is."""
    body = scan.stack.image((scan.slices.detach() > WATER * (1 + AIR / 1000)).any(0, keepdim=True))[0]
    return body if bool(body.any()) else None


def _root_mean_square(image: torch.Tensor, region: torch.Tensor | None) -> torch.Tensor:
    one, where = image.unsqueeze(0), None if region is None else region.unsqueeze(0)
    return (total(one * one, where).sum() / (voxels(one, where).sum() * len(image))).sqrt()


declare(
    Perturbation(
        "low dose",
        "Noise of a CT scan with fewer photons; images in HU.",
        alternatives=(
            (
                Parameter(
                    "dose",
                    identity=1.0,
                    lowest=0.005,
                    highest=1.0,
                    scale="log",
                    plausible=(0.25, 1.0),
                    source="estimate, no survey: a quarter of the dose is what low-dose studies simulate",
                    meaning="share of the dose at which the image was taken, whose noise counts as 12 HU in the body (estimate: routine abdominal CT)",
                ),
            ),
            (
                Parameter(
                    "noise",
                    identity=0.0,
                    lowest=0.0,
                    highest=1000.0,
                    unit="HU",
                    plausible=(0.0, 30.0),
                    source="estimate, no survey: 10-15 HU in routine abdominal CT, 25-40 HU at low dose",
                    meaning="root mean square of the added noise over the perturbed region",
                ),
            ),
            (
                Parameter(
                    "photons",
                    identity=math.inf,
                    lowest=100.0,
                    highest=math.inf,
                    scale="inverse root",
                    plausible=(1e6, math.inf),
                    source="estimate, no survey: 1e6 are about 40 HU in the middle of 30 cm of water with voxels of 0.75 mm",
                    meaning="unattenuated, in a ray as high as a slice and 1 mm wide, in each of 1000 views of half a turn",
                ),
            ),
        ),
        apply=low_dose,
        random=True,
        synonyms=("low-dose CT", "quantum noise"),
        modalities=("CT",),
        source="normal approximation of log-Poisson noise, variance exp(p) / photons, parallel-beam filtered back-projection (Ram-Lak) of the noise alone",
    )
)
