"""Networks that say how sure they are in one pass: what each voxel's distribution has in closed form.

The same formulas as `metrics.uncertainty.maps`, of a batch and on the device.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from pytest_segrobust.models.running_moments import entropy


class Component(NamedTuple):
    """What one pass says: probabilities and their variances (N, classes, *spatial), expected entropy (N, 1, *spatial)."""

    probabilities: torch.Tensor
    variances: torch.Tensor | None = None
    expected_entropy: torch.Tensor | None = None


def of_mean_and_variance(mean: torch.Tensor, variances: torch.Tensor, *, entropies: bool) -> Component:
    """Of probabilities and their variances; the expected entropy is a second-order Taylor expansion about the mean.

    It is H(m) - ½ Σ v / m and not below 0 (the delta method, as in Smith and Gal 2018); a mean of 0 adds nothing.
    """
    mean = mean + (variances - variances)  # NaN where a variance is NaN or infinite
    if not entropies:
        return Component(mean, variances)
    probabilities = mean.clamp(0, 1)  # 0 to 1 but for rounding: this was judged
    total = entropy(probabilities)
    ratio = torch.where(probabilities > 0, variances / probabilities, torch.zeros_like(variances))
    return Component(mean, variances, total - torch.minimum(ratio.sum(1, keepdim=True) / 2, total))


def of_evidence(alpha: torch.Tensor, *, entropies: bool) -> Component:
    """Of Dirichlet concentrations above 0 (Sensoy et al. 2018; expected entropy: Malinin and Gales 2018, equation 23)."""
    total = alpha.sum(1, keepdim=True)
    mean = alpha / total
    variances = mean * (1 - mean) / (total + 1)
    if not entropies:
        return Component(mean, variances)
    # double, for the digamma of large concentrations differ in few digits; MPS has none
    concentrations = alpha if alpha.device.type == "mps" else alpha.double()
    total = concentrations.sum(1, keepdim=True)
    doubt = torch.digamma(concentrations + 1) - torch.digamma(total + 1)
    expected = -(concentrations / total * doubt).sum(1, keepdim=True)
    return Component(mean, variances, expected.clamp_min(0).to(alpha.dtype))
