"""Spikes in k-space: a spark or a loose contact during one sample, seen as stripes over the whole image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..catalogue import Parameter, Perturbation, declare
from ..effect import VISIBLE
from ..strength import total
from .magnitude import magnitude

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ..frame import Batch, Frame

MOST = 20


def spikes(batch: Batch, *, intensity: Sequence[float], spikes: Sequence[float] | None = None) -> torch.Tensor:
    """A value of the size intensity · max|K| added at one place of k-space; of the image, the real part, as TorchIO.

    The largest |K| of a magnitude image is its centre, the sum of all voxels, so a spike is a wave of the amplitude
    intensity · mean(u) about each channel. Its frequency, not 0 and not the Nyquist frequency, and its phase are drawn
    once per case. Without `spikes` there is one; of a fraction, the last has that share of its size; no two are at one place.
    """
    import torch

    drawn = batch.uniform(0, (MOST, 2)).tolist()
    counts = [1.0] * len(intensity) if spikes is None else spikes
    samples = zip(batch.values, batch.frames, drawn, intensity, counts, strict=True)
    return torch.stack([_striped(*sample) for sample in samples])


def places(drawn: Sequence[float], shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Different places in k-space, one for each number in [0, 1), by their frequencies in cycles per field of view.

    Of k and -k, one stands for both. Fewer where k-space is too small; none where it is but a centre.
    """
    sizes = [(size - 1) // 2 * 2 + 1 for size in shape]  # without the Nyquist frequency, which is its own opposite
    half = math.prod(sizes) // 2
    taken: list[int] = []
    for u in drawn[:half]:
        number = int(u * (half - len(taken)))
        for before in sorted(taken):
            number += number >= before
        taken.append(number)
    return [_frequencies(number + half + 1, sizes) for number in taken]


def wave(frequencies: Sequence[int], phase: float, like: torch.Tensor) -> torch.Tensor:
    """cos(2π Σ f_a x_a / n_a + phase) over an image of the shape of `like` (C, *spatial)."""
    import torch

    shape = like.shape[1:]
    # cos(a + b) = cos a cos b - sin a sin b: products and sums have the same bits everywhere, cosines of images do not.
    cosine, sine = (torch.tensor(f(phase), dtype=torch.float64).to(like) for f in (math.cos, math.sin))
    for size, frequency in zip(shape, frequencies, strict=True):
        angles = [2 * math.pi * (frequency * x % size) / size for x in range(size)]
        cos, sin = (
            torch.tensor([f(angle) for angle in angles], dtype=torch.float64).to(like) for f in (math.cos, math.sin)
        )
        cosine, sine = cosine.unsqueeze(-1), sine.unsqueeze(-1)
        cosine, sine = cosine * cos - sine * sin, sine * cos + cosine * sin
    return cosine


def _striped(
    values: torch.Tensor, frame: Frame, drawn: list[tuple[float, float]], intensity: float, count: float
) -> torch.Tensor:
    """An image (C, *spatial) with the first `count` of the spikes that are drawn: place and phase, in [0, 1)."""
    if intensity == 0:
        return values
    shape = values.shape[1:]
    signal = total(magnitude(values, frame).unsqueeze(0)).reshape(-1, *(1 for _ in shape))
    amplitude = intensity * signal / math.prod(shape)
    where = places([place for place, _ in drawn], shape)[: math.ceil(count)]
    stripes = [
        min(count - number, 1.0) * wave(at, 2 * math.pi * phase, like=values)
        for number, (at, (_, phase)) in enumerate(zip(where, drawn, strict=False))
    ]
    return values + amplitude * sum(stripes) if stripes else values


def _frequencies(number: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """The frequencies of a place by its number, where the centre of k-space has the middle number."""
    found: list[int] = []
    for size in reversed(sizes):
        number, place = divmod(number, size)
        found.insert(0, place - size // 2)
    return tuple(found)


def could_spike(
    image: torch.Tensor, _region: torch.Tensor | None, frame: Frame, *, intensity: float, spikes: float = 1.0
) -> bool:
    """Whether there is a spike, a k-space for it and a signal that it is measured by."""
    signal = bool((magnitude(image, frame) != 0).any())
    return intensity > VISIBLE and spikes > 0 and signal and any(size > 2 for size in image.shape[1:])


INTENSITY = Parameter(
    "intensity",
    identity=0.0,
    lowest=0.0,
    highest=10.0,
    plausible=(0.0, 0.2),
    source="segmentation failures benchmark (arXiv 2406.03323): 0.1-0.2 is low, 0.7-0.9 high; TorchIO's default is 1-3",
    meaning="size of a spike in units of the largest k-space value: amplitude of its stripes in units of the image's mean",
)

declare(
    Perturbation(
        "spikes",
        "Stripes over the whole image, as of a spike in k-space.",
        alternatives=(
            (INTENSITY,),
            (
                INTENSITY,
                Parameter(
                    "spikes",
                    identity=0.0,
                    lowest=0.0,
                    highest=float(MOST),
                    plausible=(0.0, 3.0),
                    source="estimate, no survey: TorchIO's default is 1",
                    meaning="how many spikes; of a fraction, the last has that share of its size",
                ),
            ),
        ),
        apply=spikes,
        random=True,
        local=False,
        synonyms=("herringbone artefact", "spike noise", "k-space spikes"),
        source="K + intensity · max|K| e^{iφ} at one place, real part of the inverse transform (TorchIO's RandomSpike)",
        could_change=could_spike,
        modalities=("MR",),
    )
)
