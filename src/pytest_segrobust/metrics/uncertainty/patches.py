"""PAvPU: patches that are accurate and certain, or inaccurate and uncertain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..overlap import check_mask
from .measured import Mask, Measured, Values, finite, is_level, undefined

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class PatchAgreement:
    """Counts of patches, and three shares from 0 to 1, of which more is better.

    pavpu                    (n_ac + n_iu) / n
    accurate_when_certain    p(accurate | certain) = n_ac / (n_ac + n_ic)
    uncertain_when_wrong     p(uncertain | inaccurate) = n_iu / (n_ic + n_iu)
    """

    pavpu: Measured
    accurate_when_certain: Measured
    uncertain_when_wrong: Measured
    accurate_certain: int
    accurate_uncertain: int
    inaccurate_certain: int
    inaccurate_uncertain: int


def pavpu(
    uncertainty: Values,
    wrong: Mask,
    size: Sequence[int],
    *,
    threshold: float,
    accuracy: float = 0.5,
    region: Mask | None = None,
) -> PatchAgreement:
    """Over the image cut into patches of `size` voxels (Mukhoti and Gal 2018, arXiv:1811.12709). O(n).

    A patch is accurate where more than the share `accuracy` of its voxels is right, uncertain where its mean u is above the
    `threshold`. Only voxels of the region count, patches without any are left out, and patches cut by the image's border
    count as they are (as in torch-uncertainty). PAvPU praises a model that is never uncertain and mostly right
    (arXiv:2403.19826): constant uncertainty has no value, and p(uncertain | inaccurate) belongs beside every value.
    """
    u = finite(uncertainty, "the uncertainty map")
    check_mask(wrong, "the map of wrong voxels", u.shape)
    counted = np.ones(u.shape, bool) if region is None else region
    check_mask(counted, "the region", u.shape)
    if len(size) != u.ndim or min(size) < 1:
        raise ValueError(f"patches of {tuple(size)} voxels do not fit a map of {u.ndim} axes")
    voxels = _sums(counted.astype(np.float64), size)
    held = voxels > 0
    voxels = voxels[held]
    accurate = _sums((counted & ~wrong).astype(np.float64), size)[held] / np.maximum(voxels, 1) > accuracy
    uncertain = _sums(np.where(counted, u, 0.0), size)[held] / np.maximum(voxels, 1) > threshold
    ac, au, ic, iu = (
        int(np.count_nonzero(kind))
        for kind in (accurate & ~uncertain, accurate & uncertain, ~accurate & ~uncertain, ~accurate & uncertain)
    )
    n = ac + au + ic + iu
    if not n:
        reason = "the region holds no voxels"
    elif is_level(u[counted]):
        reason = f"uncertainty is the same in all {n} patches: it tells none from another"
    else:
        return PatchAgreement(
            Measured((ac + iu) / n),
            Measured(ac / (ac + ic)) if ac + ic else undefined(f"none of {n} patches is certain"),
            Measured(iu / (ic + iu)) if ic + iu else undefined(f"none of {n} patches is inaccurate"),
            ac, au, ic, iu,
        )  # fmt: skip
    nothing = undefined(reason)
    return PatchAgreement(nothing, nothing, nothing, ac, au, ic, iu)


def _sums(values: Values, size: Sequence[int]) -> Values:
    """Sums over the patches of a map."""
    for axis, edge in enumerate(size):
        values = np.add.reduceat(values, range(0, values.shape[axis], edge), axis=axis)
    return values
