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
    from collections.abc import Callable, Iterable

Scale = Literal["linear", "log", "decibel", "reciprocal", "inverse root"]
Modality = Literal["any", "MR", "CT", "ultrasound", "X-ray"]


@dataclass(frozen=True)
class Parameter:
    """One number that says how strong a perturbation is.

    `identity` is the value that changes nothing (`math.inf` for an SNR in dB). `lowest` and `highest` bound what is
    possible at all; `plausible` is what a clinic meets, with its `source`. `scale` is the coordinate in which severity
    runs evenly: the value itself, its logarithm, for decibels the amplitude 10^(-value/20), for what grows as an image
    gets better its reciprocal (levels of grey) or the inverse of its square root (photons: the noise's amplitude).
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
        """The severity coordinate of a value, by `scale`."""
        if self.scale == "log":
            return math.log(value)
        if self.scale == "decibel":
            return float(10.0 ** (-value / 20))
        if self.scale == "reciprocal":
            return 1 / value
        return float(value) if self.scale == "linear" else 1 / math.sqrt(value)

    def from_coordinate(self, coordinate: float) -> float:
        """The inverse of `to_coordinate`, kept within `lowest` and `highest`; amplitude 0 is an SNR of infinity."""
        if self.scale == "log":
            value = math.exp(coordinate)
        elif self.scale == "linear":
            value = float(coordinate)
        elif coordinate <= 0:
            value = math.inf
        elif self.scale == "decibel":
            value = -20 * math.log10(coordinate)
        else:
            value = 1 / coordinate if self.scale == "reciprocal" else 1 / (coordinate * coordinate)
        return min(max(value, self.lowest), self.highest)


@dataclass(frozen=True)
class Choice:
    """One word that says what a perturbation does, such as the axis of a flip."""

    name: str
    options: tuple[str, ...]
    meaning: str = ""


@dataclass(frozen=True)
class StructureName:
    """One word that names a structure of the model, such as the target of a targeted attack; any but an empty one."""

    name: str
    meaning: str = ""


@dataclass(frozen=True)
class Perturbation:
    """What is done to an image, and all that a sentence, a search or a report must know about it.

    `name` is the words used in sentences ("gaussian noise"). `alternatives` lists the sets of parameters of which
    exactly one must be stated (sigma or snr). `moves_labels` is true where the reference moves with the image.

    `apply(batch, **parameters)` is given a `frame.Batch` and, for each parameter, a tuple of one number per sample (one
    word for all, for a choice); it never sees a sample whose numbers are all at their identity. It returns the new
    values on the unit intensity scale; where labels move, it returns how each sample moves, a list of `movement.Motion`.
    `could_change(image, region, frame, **parameters)` is asked where nothing changed: could it have? Without it, see
    `application.could_change`.
    """

    name: str
    summary: str
    alternatives: tuple[tuple[Parameter | Choice | StructureName, ...], ...]
    apply: Callable[..., Any]
    random: bool = False
    settled_by: tuple[str, ...] = ()  # words that, where stated, leave nothing to chance
    moves_labels: bool = False
    local: bool = True  # may act on one structure alone
    differentiable: bool = True
    synonyms: tuple[str, ...] = ()
    source: str = ""
    could_change: Callable[..., bool] | None = None
    modalities: tuple[Modality, ...] = ("any",)
    attack: bool = False  # its function also sees the model, its labels and how much it may ask of it

    def draws(self, stated: Iterable[str]) -> bool:
        """Whether anything is random once these parameters are stated."""
        return self.random and not set(stated) & set(self.settled_by)

    @property
    def identifier(self) -> str:
        """The name as a Python and TOML key: `gaussian_noise`."""
        return self.name.replace(" ", "_").replace("-", "_")

    @property
    def parameters(self) -> dict[str, Parameter | Choice | StructureName]:
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
    for module in pkgutil.walk_packages(package.__path__, prefix=f"{__package__}."):
        importlib.import_module(module.name)
    return dict(sorted(_declared.items()))
