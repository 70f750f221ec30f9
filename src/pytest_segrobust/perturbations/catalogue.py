"""The declaration of a perturbation: its parameters, units, ranges and where they come from.

Torch-free on purpose: sentences are checked against this catalogue while pytest collects, where a two-second
import would be felt. A module of this package that declares perturbations imports torch inside its functions.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Scale = Literal["linear", "log", "decibel"]


@dataclass(frozen=True)
class Parameter:
    """One number that says how strong a perturbation is.

    `identity` is the value that changes nothing (`math.inf` for an SNR in dB). `lowest` and `highest` bound what is
    possible at all; `plausible` is what a clinic meets, with its `source`. `scale` is the coordinate in which severity
    runs evenly: the value itself, its logarithm, or, for decibels, the amplitude 10^(-value/20).
    """

    name: str
    identity: float
    lowest: float
    highest: float
    unit: str = ""
    scale: Scale = "linear"
    plausible: tuple[float, float] | None = None
    source: str = ""
    meaning: str = ""

    def to_coordinate(self, value: float) -> float:
        """The severity coordinate of a value: itself, its natural logarithm, or the amplitude 10^(-dB/20)."""
        if self.scale == "log":
            return math.log(value)
        return 10.0 ** (-value / 20) if self.scale == "decibel" else float(value)

    def from_coordinate(self, coordinate: float) -> float:
        """The inverse of `to_coordinate`, kept within `lowest` and `highest`; amplitude 0 is an SNR of infinity."""
        if self.scale == "log":
            value = math.exp(coordinate)
        elif self.scale == "decibel":
            value = -20 * math.log10(coordinate) if coordinate > 0 else math.inf
        else:
            value = float(coordinate)
        return min(max(value, self.lowest), self.highest)


@dataclass(frozen=True)
class Choice:
    """One word that says what a perturbation does, such as the axis of a flip."""

    name: str
    options: tuple[str, ...]
    meaning: str = ""


@dataclass(frozen=True)
class Perturbation:
    """What is done to an image, and all that a sentence, a search or a report must know about it.

    `name` is the words used in sentences ("gaussian noise"). `alternatives` lists the sets of parameters of which
    exactly one must be stated (sigma or snr). `moves_labels` is true where the reference moves with the image.

    `apply(batch, **parameters)` is given a `frame.Batch` and, for each parameter, a tuple of one number per sample (one
    word for all, for a choice); it never sees a sample at its identity. It returns the new values on the unit intensity
    scale; where labels move, it returns the moved values and their frames. `could_change(image, region, frame,
    **parameters)` is asked where nothing changed: could it have? Without it, see `application.could_change`.
    """

    name: str
    summary: str
    alternatives: tuple[tuple[Parameter | Choice, ...], ...]
    apply: Callable[..., Any]
    random: bool = False
    moves_labels: bool = False
    local: bool = True  # may act on one structure alone
    differentiable: bool = True
    synonyms: tuple[str, ...] = ()
    source: str = ""
    could_change: Callable[..., bool] | None = None

    @property
    def identifier(self) -> str:
        """The name as a Python and TOML key: `gaussian_noise`."""
        return self.name.replace(" ", "_").replace("-", "_")

    @property
    def parameters(self) -> dict[str, Parameter | Choice]:
        """All parameters of all alternatives by name."""
        return {parameter.name: parameter for group in self.alternatives for parameter in group}


_declared: dict[str, Perturbation] = {}


def declare(perturbation: Perturbation) -> Perturbation:
    """Add a perturbation to the catalogue; names and synonyms are unique over all of it."""
    taken = {word for known in _declared.values() for word in (known.name, *known.synonyms)}
    clash = taken & {perturbation.name, *perturbation.synonyms}
    if clash:
        raise ValueError(f"perturbation declared twice: {sorted(clash)}")
    _declared[perturbation.name] = perturbation
    return perturbation


@cache
def catalogue() -> dict[str, Perturbation]:
    """Every perturbation by name; a new file in this package is found by being there."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{module.name}")
    return dict(sorted(_declared.items()))
