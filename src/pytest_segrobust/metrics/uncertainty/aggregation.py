"""One uncertainty per case from a map (*spatial): which one is chosen can decide a verdict (Kahl et al. 2024, ValUES).

The default is the mean over the boundary band of the prediction. It needs neither validation data nor a size that fits
one organ, it sees a missed part beside the predicted one, and it grows neither with the image's background (as the
image mean does) nor with the structure's share of boundary, so that a correlation with error is not one with size.

An empty prediction has no foreground and no boundary. Its uncertainty is then the mean over the image, which is the lowest
of these numbers: a structure that was lost without a doubt must look certain, not fall out of the statistics.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..overlap import check_mask
from .measured import Mask, Measured, Values, finite
from .region import check_spacing, surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .region import Surroundings

Aggregation = Literal["image", "foreground", "boundary", "volume", "patch", "threshold"]
DEFAULT: Aggregation = "boundary"
PATCH_VOXELS = 10
"""Edge of the patch in voxels where no size is stated (Kahl et al. 2024)."""

EMPTY = "the prediction is empty: mean over the image"


def aggregate(
    uncertainty: Values,
    prediction: Mask,
    spacing: Sequence[float],
    how: Aggregation = DEFAULT,
    *,
    band_mm: float | None = None,
    patch_mm: float | None = None,
    foreground_share: float | None = None,
    view: Mask | None = None,
) -> Measured:
    """The case's uncertainty by one of the aggregations, with the sizes that it needs.

    `uncertainty` is (*spatial) and finite, `prediction` the structure's predicted mask, `spacing` mm per axis. Of an image
    that moved, `view` says which voxels come from inside it: the others are as if they were beyond its border.

    Raises ValueError for an unknown aggregation, "threshold" without the foreground's share, or a view of nothing.
    """
    if how == "boundary":
        return boundary_mean(uncertainty, prediction, spacing, band_mm, view)
    if how == "patch":
        return max_patch(uncertainty, patch_voxels(spacing, patch_mm), view)
    if view is not None:
        check_mask(view, "the view", prediction.shape)
        uncertainty, prediction = uncertainty[view], prediction[view]
    if how == "image":
        return image_mean(uncertainty)
    if how == "foreground":
        return foreground_mean(uncertainty, prediction)
    if how == "volume":
        return volume_normalised(uncertainty, prediction)
    if how == "threshold":
        if foreground_share is None:
            raise ValueError(
                "the threshold aggregation needs foreground_share, the mean share of validation predictions"
            )
        return threshold_mean(uncertainty, foreground_share)
    raise ValueError(f"no aggregation is called {how!r}")


def image_mean(uncertainty: Values) -> Measured:
    """Mean over all voxels (Carannante et al. 2026). Falls with the share of background."""
    return Measured(float(finite(uncertainty, "the uncertainty map").mean()))


def foreground_mean(uncertainty: Values, prediction: Mask) -> Measured:
    """Mean over the predicted structure. Blind to what was missed outside it."""
    u = _checked(uncertainty, prediction)
    return Measured(float(u[prediction].mean())) if prediction.any() else _of_image(u, EMPTY)


def boundary_mean(
    uncertainty: Values,
    prediction: Mask,
    spacing: Sequence[float],
    width: float | None = None,
    view: Mask | None = None,
) -> Measured:
    """Mean over the voxels at most `width` mm from the prediction's boundary, on both sides (Zenk et al. 2024).

    Default width: 4 of the smallest voxel edges. A prediction that fills the image has no boundary: mean over the image.
    """
    check_mask(prediction, "the prediction", np.shape(uncertainty))
    return mean_in_band(uncertainty, surroundings(prediction, spacing, width, view), view)


def mean_in_band(uncertainty: Values, prediction: Surroundings, view: Mask | None = None) -> Measured:
    """`boundary_mean` where the prediction's band is known already."""
    if prediction.band.any():
        return Measured(float(finite(uncertainty[prediction.box][prediction.band], "the uncertainty map").mean()))
    if not prediction.mask.any():
        return _of_image(uncertainty, EMPTY, view)
    seen = prediction.mask.size if view is None else np.count_nonzero(view)
    if np.count_nonzero(prediction.mask) == seen:
        return _of_image(uncertainty, "the prediction fills the image: mean over the image", view)
    raise ValueError("the band is narrower than the smallest voxel edge, and has no voxels")


def volume_normalised(uncertainty: Values, prediction: Mask) -> Measured:
    """Sum over the image per predicted voxel: Σ u / |X|. Mirrors 1 - DSC, and like it is larger for small structures.

    The sum over the image (arXiv:2308.07506), freed of most of the structure's size.
    """
    u = _checked(uncertainty, prediction)
    voxels = int(np.count_nonzero(prediction))
    return Measured(float(u.sum() / voxels)) if voxels else _of_image(u, EMPTY)


def max_patch(uncertainty: Values, size: Sequence[int], view: Mask | None = None) -> Measured:
    """The largest mean over any box of `size` voxels that lies in the image (Kahl et al. 2024); needs no prediction.

    A patch longer than the image along an axis is as long as the image. Sums run along the axes: O(voxels). Where no box
    lies in the view, it is the mean over the view.
    """
    u = finite(uncertainty, "the uncertainty map")
    if len(size) != u.ndim or min(size) < 1:
        raise ValueError(f"a patch of {tuple(size)} voxels does not fit a map of {u.ndim} axes")
    means = _patch_means(u, size)
    if view is None:
        return Measured(float(means.max()))
    whole = _patch_means(view.astype(np.float64), size) > 1 - 0.5 / math.prod(size)
    return Measured(float(means[whole].max())) if whole.any() else _of_image(u, "no patch lies in view: mean", view)


def _patch_means(values: Values, size: Sequence[int]) -> Values:
    for axis, edge in enumerate(size):
        length = min(edge, values.shape[axis])
        running = np.cumsum(values, axis=axis)
        first = np.take(running, [length - 1], axis=axis)
        later = np.take(running, range(length, values.shape[axis]), axis=axis)
        before = np.take(running, range(values.shape[axis] - length), axis=axis)
        values = np.concatenate((first, later - before), axis=axis) / length
    return values


def patch_voxels(spacing: Sequence[float], edge_mm: float | None = None) -> tuple[int, ...]:
    """The patch's edge in voxels per axis: `edge_mm` rounded, at least 1; 10 voxels where none is stated."""
    steps = check_spacing(spacing, len(spacing))
    if edge_mm is None:
        return (PATCH_VOXELS,) * len(steps)
    if not (math.isfinite(edge_mm) and edge_mm > 0):
        raise ValueError(f"a patch of {edge_mm} mm has no voxels")
    return tuple(max(1, round(edge_mm / step)) for step in steps)


def threshold_mean(uncertainty: Values, foreground_share: float, threshold: float | None = None) -> Measured:
    """Mean of the u at or above a threshold, as many voxels as a typical prediction has (Kahl et al. 2024).

    The threshold is the map's own quantile at 1 - `foreground_share`, the mean share of an image that is predicted
    foreground in validation. A `threshold` frozen on validation maps (their form) is used instead where given; a map that
    nowhere reaches it is worth its largest value.
    """
    u = finite(uncertainty, "the uncertainty map")
    if not 0 < foreground_share < 1:
        raise ValueError(f"a foreground share of {foreground_share} is not between 0 and 1")
    limit = float(np.quantile(u, 1 - foreground_share)) if threshold is None else threshold
    above = u[u >= limit]
    if above.size == 0:
        return Measured(float(u.max()), f"no voxel reaches the threshold {limit:.4g}: the largest uncertainty")
    return Measured(float(above.mean()))


def mean_foreground_share(predictions: Sequence[Mask]) -> float:
    """The mean share of voxels that validation predictions mark, for `threshold_mean`.

    Raises ValueError where there are none, or all are empty or all full.
    """
    shares = [float(np.count_nonzero(mask)) / mask.size for mask in predictions]
    share = math.fsum(shares) / len(shares) if shares else 0.0
    if not 0 < share < 1:
        raise ValueError(f"{len(shares)} validation predictions have a mean foreground share of {share:.4g}")
    return share


def _checked(uncertainty: Values, prediction: Mask) -> Values:
    check_mask(prediction, "the prediction")
    return finite(uncertainty, "the uncertainty map", prediction.shape)


def _of_image(u: Values, reason: str, view: Mask | None = None) -> Measured:
    return Measured(float(finite(u if view is None else u[view], "the uncertainty map").mean()), reason)
