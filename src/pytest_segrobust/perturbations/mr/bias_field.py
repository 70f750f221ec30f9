"""The shading of a receive coil: a smooth field that multiplies the image."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..effect import VISIBLE
from ..elementwise import elementwise
from .magnitude import magnitude

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame

ORDER = 3


def bias_field(batch: Batch, *, strength: Sequence[float]) -> torch.Tensor:
    """The image's own values times exp(Σ c_ijk x^i y^j z^k), i + j + k ≤ 3, the same field for all channels.

    x, y and z run from -1 to 1 between the centres of the first and the last voxel. The coefficients, the constant one
    among them, are drawn uniformly between -1 and 1 once per case and multiplied by `strength`. Own values, not those
    of the unit scale, so that air without signal stays without.
    """
    import torch

    shape = batch.values.shape[2:]
    coefficients = 2 * batch.uniform(0, (len(powers(len(shape))),)).double() - 1
    changed = []
    for values, frame, drawn, number in zip(batch.values, batch.frames, coefficients, strength, strict=True):
        exponent = polynomial(drawn * number, shape, like=values)
        # By its difference, so that a mild field does not drown in the rounding of 1 + x.
        changed.append(values + magnitude(values, frame) * elementwise(torch.expm1, exponent))
    return torch.stack(changed)


def powers(dimensions: int) -> list[tuple[int, ...]]:
    """The exponents of a polynomial of order 3, in the order of its coefficients; the last axis runs fastest, as TorchIO's."""
    return [each for each in product(range(ORDER + 1), repeat=dimensions) if sum(each) <= ORDER]


def polynomial(coefficients: torch.Tensor, shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """Σ c_ijk x^i y^j z^k over an image of that shape, one coefficient for each of `powers`."""
    terms = dict(zip(powers(len(shape)), coefficients.double().cpu(), strict=True))
    for size in reversed(shape[1:]):
        terms = {outer: _along(terms, outer, size) for outer in dict.fromkeys(power[:-1] for power in terms)}
    return _along({power: term.to(like) for power, term in terms.items()}, (), shape[0])


def could_shade(image: torch.Tensor, region: torch.Tensor | None, frame: Frame, *, strength: float) -> bool:
    """Whether there is signal to shade, and the field is more than rounding."""
    signal = magnitude(image, frame)
    return strength > VISIBLE and bool(((signal if region is None else signal[:, region]) != 0).any())


def _along(terms: dict[tuple[int, ...], torch.Tensor], outer: tuple[int, ...], size: int) -> torch.Tensor:
    """The polynomial in the last coordinate whose coefficients are the terms with the powers `outer` of the others."""
    import torch

    # Horner's sums rather than a matrix product, whose rounding depends on the number of threads.
    first = terms[*outer, 0]
    places = torch.linspace(-1, 1, size, dtype=torch.float64) if size > 1 else torch.zeros(1, dtype=torch.float64)
    column = places.to(first).reshape(-1, *(1 for _ in range(first.ndim)))
    highest = ORDER - sum(outer)
    value = terms[*outer, highest].unsqueeze(0)
    for power in range(highest - 1, -1, -1):
        value = value * column + terms[*outer, power]
    return value.expand(size, *value.shape[1:])


declare(
    Perturbation(
        "bias field",
        "Smooth shading across the image, as of a receive coil that hears near tissue louder.",
        alternatives=(
            (
                Parameter(
                    "strength",
                    identity=0.0,
                    lowest=0.0,
                    highest=3.0,
                    plausible=(0.0, 0.5),
                    source="TorchIO's default: 0.5; ROOD-MRI (Boone et al. 2023): 0.3-1.5, level 1 is 0.3",
                    meaning="bound of the coefficients of a polynomial of order 3 over the image, the field's logarithm",
                ),
            ),
        ),
        apply=bias_field,
        random=True,
        synonyms=("inhomogeneity", "bias"),
        source="u · exp(Σ c_ijk x^i y^j z^k), i + j + k ≤ 3, c uniform in ±strength (Van Leemput et al. 1999; TorchIO)",
        could_change=could_shade,
        modalities=("MR",),
    )
)
