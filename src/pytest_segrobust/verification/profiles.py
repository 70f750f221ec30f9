"""How much a run may cost: budgets by profile."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_segrobust.errors import SpecError


@dataclass(frozen=True)
class Budget:
    """What one requirement may spend.

    `points` are tried on `screening_patients` patients; the `worst` of them, the corners (`corners` at most) and
    `curve_points` severities are then measured on all. `bisections` sharpen the breaking point of a failure.
    `realisations` are noise draws per patient and point, `resamples` those of the bootstrap. `may_stop`: whether
    [decision] stop_early may leave patients out; evidence for a release is of all of them.
    """

    points: int
    screening_patients: int
    worst: int
    corners: int
    curve_points: int
    bisections: int
    realisations: int
    resamples: int
    may_stop: bool = True

    def for_attacks(self) -> Budget:
        """The budget where a step attacks: each point costs dozens of passes.

        The largest radius of a ball is the worst one by its definition, so that little is left to search.
        """
        return replace(
            self,
            points=max(2, self.points // 5),
            curve_points=max(2, self.curve_points // 2),
            bisections=max(2, self.bisections // 2),
        )


def profile(name: str) -> Budget:
    """The budget of a profile; SpecError with the known names where there is none."""
    if name not in PROFILES:
        raise SpecError(f"no profile is called {name!r}; there are {', '.join(PROFILES)}")
    return PROFILES[name]


PROFILES = {
    "smoke": Budget(8, 3, 1, 4, 3, 2, 1, 4000),
    "ci": Budget(30, 8, 2, 8, 5, 5, 1, 4000),
    "evidence": Budget(80, 16, 3, 16, 10, 8, 3, 10_000, may_stop=False),
}
