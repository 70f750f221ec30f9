"""How strong a perturbation really was: SNR and the share of changed voxels, measured on the perturbed image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def total(values: torch.Tensor, region: torch.Tensor | None = None) -> torch.Tensor:
    """Sums over space, (N, C), of values (N, C, *spatial), within `region` (N, *spatial) where one is given.

    Summed axis by axis: each partial sum then belongs to one thread, so that neither the number of threads nor the
    batch can change its rounding.
    """
    values = (values if region is None else values * region.unsqueeze(1)).contiguous()
    while values.ndim > 2:
        values = values.sum(-1)
    return values


def voxels(values: torch.Tensor, region: torch.Tensor | None = None) -> torch.Tensor:
    """How many voxels each sample has within `region`, (N,)."""
    import torch

    if region is None:
        return torch.full((len(values),), math.prod(values.shape[2:]), device=values.device)
    return region.flatten(1).sum(1)


def root_mean_square(unit: torch.Tensor, region: torch.Tensor | None = None) -> torch.Tensor:
    """The RMS of each sample, (N,), over voxels of the region and channels: the signal of an SNR."""
    return (total(unit * unit, region).sum(1) / (voxels(unit, region) * unit.shape[1])).sqrt()


def measured(
    before: torch.Tensor, after: torch.Tensor, low: torch.Tensor, span: torch.Tensor, region: torch.Tensor | None = None
) -> list[dict[str, float]]:
    """Per sample `snr` = 20 log10(RMS(u) / RMS(Δu)) in dB within the region, and the share of its voxels that changed.

    `before` and `after` are (N, C, *spatial) in the image's own units, `low` and `span` (N, C, 1, ...) make unit scale of
    them. Where nothing changed, and where the region is empty, the SNR is infinite and no voxel changed.
    """
    import torch

    with torch.no_grad():
        before, after = before.detach(), after.detach()
        unit, difference = (before - low) / span, (after - before)
        changed = difference if before.shape[1] == 1 else (difference != 0).any(1, keepdim=True)
        changed = (changed if region is None else changed * region.unsqueeze(1)).flatten(1)
        counts = [torch.count_nonzero(sample).item() for sample in changed]
        difference = difference / span
        signal = total(unit * unit, region).sum(1).tolist()
        noise = total(difference * difference).sum(1).tolist()
        sizes = voxels(before, region).tolist()
    return [
        {"snr": _decibel(s, n), "changed": count / size if size else 0.0}
        for s, n, count, size in zip(signal, noise, counts, sizes, strict=True)
    ]


def _decibel(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    if not (math.isfinite(signal) and math.isfinite(noise)):
        return math.nan
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf
