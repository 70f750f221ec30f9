"""What is done to an image: the catalogue of perturbations, and exact points in it.

Every perturbation is a function here that gives a point: `perturbations.gaussian_noise(sigma=0.1, on="tumour")`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .point import CLEAN, Point, Step
from .severity import identity_point, is_identity, towards_identity

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLEAN", "Point", "Step", "identity_point", "is_identity", "towards_identity"]


def __getattr__(name: str) -> Callable[..., Point]:
    """The constructor of the perturbation of that name: the catalogue decides which there are."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .constructors import constructor

    return constructor(name)


def __dir__() -> list[str]:
    from .constructors import constructors

    return sorted([*globals(), *constructors()])
