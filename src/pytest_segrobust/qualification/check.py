"""One check of a qualification: what it is for, what is expected, what was found, and whether that is the same."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True)
class Check:
    """A line of the form; all texts are deterministic. `caught_by` names what must see a planted defect."""

    id: str
    part: str
    purpose: str
    expected: str
    found: str
    passed: bool
    caught_by: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for `qualification.json`."""
        return asdict(self)


@dataclass(frozen=True)
class Planned:
    """A check that has not been made: `measure` returns what was found, in words, and whether it is as expected."""

    id: str
    purpose: str
    expected: str
    measure: Callable[[], tuple[str, bool]]
    caught_by: str = ""


def number(id_: str, purpose: str, expected: float, measure: Callable[[], float], tolerance: float = 1e-9) -> Planned:
    """A check of a number that is known, to within an absolute tolerance."""

    def found() -> tuple[str, bool]:
        value = float(measure())
        return _shown(value), abs(value - expected) <= tolerance  # NaN is within nothing

    return Planned(id_, purpose, f"{_shown(expected)} ± {tolerance:.3g}", found)


def at_most(id_: str, purpose: str, limit: float, measure: Callable[[], float], *, above: float = -math.inf) -> Planned:
    """A check of a number that has a limit, and must be more than `above` to mean anything."""

    def found() -> tuple[str, bool]:
        value = float(measure())
        return _shown(value), above < value <= limit

    more = "" if above == -math.inf else f" and more than {_shown(above)}"
    return Planned(id_, purpose, f"at most {_shown(limit)}{more}", found)


def holds(id_: str, purpose: str, expected: str, measure: Callable[[], bool]) -> Planned:
    """A check of something that is so or is not."""

    def found() -> tuple[str, bool]:
        so = bool(measure())
        return ("so" if so else "not so"), so

    return Planned(id_, purpose, expected, found)


def made(part: str, planned: Iterable[Planned], only: Iterable[str] | None = None) -> Iterator[Check]:
    """Make the checks, those of these ids alone where given; what raises has not passed, and says what was raised."""
    wanted = None if only is None else set(only)
    for plan in planned:
        if wanted is not None and plan.id not in wanted:
            continue
        try:
            found, passed = plan.measure()
        except Exception as error:
            found, passed = " ".join(f"raised {type(error).__name__}: {error}".split())[:300], False
        yield Check(plan.id, part, plan.purpose, plan.expected, found, passed, plan.caught_by)


def _shown(value: float) -> str:
    return f"{value:.6g}"
