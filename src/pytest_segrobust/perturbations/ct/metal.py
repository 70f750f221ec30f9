"""Metal in the body: rays that hardly pass it are dark, hardened and noisy, and streak over the slice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..elementwise import elementwise
from .attenuation import AIR, WATER, densest, scans

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame
    from .attenuation import Scan
    from .projection import Views

PHOTONS = 1e6  # as of "low dose"; estimate
STORED = (-1024.0, 3071.0)  # HU; what 12 bits hold
SMALLEST = 0.01  # mm; rounding may hide what is smaller
# Two energies, 50 and 100 keV, of equal weight: water and titanium (4.5 g/cm³) per mm, NIST XCOM.
ENERGIES = ((0.0227, 0.547), (0.0171, 0.123))

Place = tuple[int, float, float]  # number of the slice; mm from its middle down and to the right


def metal_streaks(batch: Batch, *, diameter: Sequence[float]) -> torch.Tensor:
    """Put a titanium sphere into each body and add what it does to the line integrals, reconstructed."""
    import torch

    return torch.stack(
        [
            image + _difference(batch, i, scan, width / 2)
            for i, (image, scan, width) in enumerate(zip(batch.values, scans(batch), diameter, strict=True))
        ]
    )


def measured(integrals: torch.Tensor, chord: torch.Tensor) -> torch.Tensor:
    """What metal adds to a line integral: -log of the mean transmission at two energies, with it less without it.

    Without metal p is right (scanners correct for water); through metal more of the hard energy is left.
    """
    import torch

    (soft_water, soft_metal), (hard_water, hard_metal) = ENERGIES
    # log((e^-a + e^-b) / (e^-a' + e^-b')), with the hard energy's factors taken out: they would underflow.
    softness = integrals * ((soft_water - hard_water) / WATER)
    more = softness + chord * (soft_metal - hard_metal)

    def rest(exponent: torch.Tensor) -> torch.Tensor:
        return elementwise(torch.log1p, elementwise(torch.exp, -exponent))

    return chord * hard_metal + rest(softness) - rest(more)


def chords(offsets: torch.Tensor, widths: torch.Tensor, radius: float) -> torch.Tensor:
    """The mean way, mm, of rays at a distance `offsets` and of some width, mm, through a disc."""
    import torch

    def area(places: torch.Tensor) -> torch.Tensor:
        x = places.clamp(-radius, radius)
        return x * (radius * radius - x * x).clamp_min(0).sqrt() + radius**2 * elementwise(torch.asin, x / radius)

    place, half = offsets.double(), widths.double() / 2
    return ((area(place + half) - area(place - half)) / (2 * half)).to(offsets.dtype)


def could_show(image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, *, diameter: float) -> bool:
    """Whether there is a body to put metal into, and the metal is no speck."""
    return diameter >= SMALLEST and densest(image, frame) > AIR


def _difference(batch: Batch, i: int, scan: Scan, radius: float) -> torch.Tensor:
    """What the metal does to an image, (C, *spatial), on the unit intensity scale."""
    import torch

    place = _place(batch, i, scan)
    if place is None:
        return torch.zeros_like(batch.values[i])
    thickness = 1.0 if scan.stack.axis is None else scan.frame.spacing[scan.stack.axis]
    reach = math.ceil(radius / thickness) - 1  # slices at the sphere's very end have a disc of radius 0
    middle, count = place[0], scan.slices.shape[1]
    begin, end = max(0, middle - reach), min(count, middle + reach + 1)

    def change(first: int, views: Views, integrals: torch.Tensor) -> torch.Tensor:
        numbers = range(begin + first - middle, begin + first - middle + integrals.shape[1])
        radii = [math.sqrt(radius**2 - (number * thickness) ** 2) for number in numbers]
        chord = torch.stack([_disc(views, place, r) for r in radii])
        unit = [batch.normal(_field(number, views), (len(integrals), *views.shape))[i] for number in numbers]
        darker = measured(integrals, chord)
        before = elementwise(torch.exp, (integrals - math.log(PHOTONS)).clamp_max(0))
        after = elementwise(torch.exp, (integrals + darker - math.log(PHOTONS)).clamp_max(0))
        # Next to 0 a square root has no finite slope.
        deviation = ((after - before) / views.density).clamp_min(torch.finfo(before.dtype).tiny).sqrt()
        return darker + deviation * torch.stack(unit, 1)

    effect = scan.in_hounsfield(scan.scanner.effect(scan.slices[:, begin:end], change))
    old = (scan.stack.slices(batch.values[i]) - _zero(scan)) * scan.span
    old = old[:, begin:end]
    stored = torch.minimum(torch.maximum(old + effect, old.clamp_max(STORED[0])), old.clamp_min(STORED[1]))
    return scan.on_unit_scale(torch.nn.functional.pad(stored - old, (0, 0, 0, 0, begin, count - end)))


def _zero(scan: Scan) -> torch.Tensor:
    """Where 0 HU lies on the unit intensity scale, (C, 1, 1, 1)."""
    import numpy as np
    import torch

    frame = scan.frame
    return torch.as_tensor(np.asarray(-frame.low / (frame.high - frame.low))).to(scan.span).reshape(-1, 1, 1, 1)


def _place(batch: Batch, i: int, scan: Scan) -> Place | None:
    """The voxel of the body that is nearest to a drawn place; None where there is no body.

    Nearest rather than the n-th: so a slight change of the image does not move the metal.
    """
    import torch

    with torch.no_grad():
        body = (scan.slices > WATER * (1 + AIR / 1000)).any(0)
        drawn = batch.uniform(0, (3,))[i].tolist()
        thickness = 1.0 if scan.stack.axis is None else scan.frame.spacing[scan.stack.axis]
        spacing = (thickness, *scan.stack.spacing)
        distance = torch.zeros((), dtype=torch.float64, device=body.device)
        for axis, (size, step, share) in enumerate(zip(body.shape, spacing, drawn, strict=True)):
            along = (torch.arange(size, device=body.device) + 0.5 - share * size) * step
            distance = distance + (along.double() ** 2).reshape(-1, *(1 for _ in range(2 - axis)))
        distance = torch.where(body, distance, math.inf)
        nearest = int(distance.flatten().argmin())
        if not math.isfinite(float(distance.flatten()[nearest])):
            return None
    height, width = body.shape[1:]
    row, column = divmod(nearest % (height * width), width)
    return (
        nearest // (height * width),
        (row - (height - 1) / 2) * spacing[1],
        (column - (width - 1) / 2) * spacing[2],
    )


def _disc(views: Views, place: Place, radius: float) -> torch.Tensor:
    """The chords (V, P) of a disc at a place."""
    along, across = place[1:] if views.number == 0 else (place[2], place[1])
    middle = (across - views.slopes * along) * views.cosines
    return chords(views.offsets - middle, views.spacing[1] * views.cosines, radius)


def _field(number: int, views: Views) -> int:
    """The number of a slice's noise: slices are counted from the metal's middle, below and above."""
    return 2 * (2 * abs(number) + (number < 0)) + views.number


declare(
    Perturbation(
        "metal streaks",
        "A titanium sphere in the body, with the streaks of its hardening and of photons that it stops; images in HU.",
        alternatives=(
            (
                Parameter(
                    "diameter",
                    identity=0.0,
                    lowest=0.0,
                    highest=200.0,
                    unit="mm",
                    plausible=(0.0, 10.0),
                    source="estimate, no survey: clips have 1-3 mm, screws 4-8 mm, the heads of hip prostheses 28-36 mm",
                    meaning="of the sphere, at a drawn place in the body",
                ),
            ),
        ),
        apply=metal_streaks,
        random=True,
        local=False,
        synonyms=("metal artefact", "metal artifact"),
        modalities=("CT",),
        could_change=could_show,
        source="a simple projection model: exact chords of the sphere, two energies (50 and 100 keV), 1e6 photons, parallel-beam filtered back-projection of the difference, HU kept within 12 bits",
    )
)
