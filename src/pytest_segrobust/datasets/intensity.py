"""The unit intensity scale: which values of an image are 0 and 1 where sigma and epsilon are stated."""

from __future__ import annotations

import numpy as np

from ..errors import DataError
from ..requirements.settings import Percentiles, Window


def unit_scale(image: np.ndarray, intensity: Percentiles | Window) -> tuple[np.ndarray, np.ndarray]:
    """The values that are 0 and 1, `low` and `high`, float32 of shape (channels,).

    `image` is float32 (channels, *spatial). Percentiles are of all voxels of a channel (numpy's linear interpolation).
    Raises DataError for voxels that are NaN or infinite, and for an image that is constant on that scale.
    """
    finite = np.isfinite(image)
    if not finite.all():
        raise DataError(
            f"{int((~finite).sum())} voxels are NaN or infinite; replace them in the file or exclude the case"
        )
    if isinstance(intensity, Window):
        bounds = np.tile(np.array(intensity.window, dtype=np.float32), (len(image), 1))
        words = f"[data] intensity window {list(intensity.window)}"
    else:
        bounds = np.array([np.percentile(channel, intensity.percentiles) for channel in image], dtype=np.float32)
        words = f"percentiles {' and '.join(f'{share:g}' for share in intensity.percentiles)}"
    for number, (channel, (low, high)) in enumerate(zip(image, bounds, strict=True), 1):
        if channel.min() == channel.max():
            raise DataError(
                f"channel {number} is constant ({channel.min():g}): there is nothing to segment; exclude the case"
            )
        if not low < high:
            raise DataError(
                f"channel {number} has no unit scale: {words} are {low:g} and {high:g}; widen [data] intensity"
            )
    return bounds[:, 0].copy(), bounds[:, 1].copy()
