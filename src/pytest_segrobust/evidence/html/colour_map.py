"""The colours of an uncertainty map: from dark violet to yellow, in steps that look equally large."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Lightness rises evenly from end to end, so that the map reads the same in grey and for the colour-blind: stops of
# viridis (Smith and van der Walt 2015), evenly spaced.
STOPS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")
LEVELS = 256

RAMP = f"linear-gradient(90deg,{','.join(STOPS)})"


def palette() -> np.ndarray:
    """uint8 (256, 3): the colour of each level, straight between the stops."""
    import numpy as np

    stops = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in STOPS], dtype=np.float64)
    places = np.linspace(0, len(STOPS) - 1, LEVELS)
    colours = np.stack([np.interp(places, np.arange(len(STOPS)), stops[:, channel]) for channel in range(3)], axis=1)
    rounded: np.ndarray = np.round(colours).astype(np.uint8)
    return rounded
