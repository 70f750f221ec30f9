"""How much a run may cost: budgets by profile."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_segrobust.errors import SpecError


@dataclass(frozen=True)
class Budget:
    """What one requirement may spend.

    `points` are tried on `screening_patients` patients; the `worst` of them, the corners (`corners` at most) and
    `curve_points` severities are then measured on all. `bisections` sharpen the breaking point of a failure.
    `realisations` are noise draws per patient and point, `resamples` those of the bootstrap.
    """

    points: int
    screening_patients: int
    worst: int
    corners: int
    curve_points: int
    bisections: int
    realisations: int
    resamples: int


def profile(name: str) -> Budget:
    """The budget of a profile; SpecError with the known names where there is none."""
    if name not in PROFILES:
        raise SpecError(f"no profile is called {name!r}; there are {', '.join(PROFILES)}")
    return PROFILES[name]


PROFILES = {
    "smoke": Budget(8, 3, 1, 4, 3, 2, 1, 4000),
    "ci": Budget(30, 8, 2, 8, 5, 5, 1, 4000),
    "evidence": Budget(80, 16, 3, 16, 10, 8, 3, 10_000),
}
