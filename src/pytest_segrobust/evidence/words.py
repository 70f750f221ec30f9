"""A result as short texts: the same words in the terminal, in JUnit and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES

from .rounding import exact, percent, rounded, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import BreakingPoint, GrossFailures, RequirementResult, Verdict
    from .rounding import Toward

APPROXIMATE = "the interval of a mean is approximate"
"""How a warning begins that a pass at the limit may be more frequent than stated."""

_BETTER_LOW = ("below", "at most")
_BETTER_HIGH = ("above", "at least")

# Measures that lie on both sides of zero, where zero is to know nothing: they are printed with their sign.
_SIGNED = tuple(m.name for m in MEASURES.values() if m.no_information == 0 and m.lowest != 0)


def deciding_bound(result: RequirementResult) -> float | None:
    """The bound on the unfavourable side: U of "below", L of "at least", of "within" the one further from zero."""
    if result.interval is None:
        return None
    low, high = result.interval
    if result.comparison in _BETTER_HIGH:
        return low
    if result.comparison in _BETTER_LOW or low is None or high is None:
        return high
    return low if abs(low) > abs(high) else high


def unfavourable_bound(result: RequirementResult) -> Toward:
    """The side that `deciding_bound` is rounded to: outwards."""
    return unfavourable(result, deciding_bound(result))


def with_unit(text: str, unit: str) -> str:
    """`3.20 mm`; a missing number stays an en dash."""
    return f"{text} {unit}" if unit and text != "–" else text


def estimate(result: RequirementResult) -> str:
    """The estimate on its own side of the limit, rounded toward the unfavourable side, without its unit."""
    return number(result, result.estimate, unfavourable(result, result.estimate))


def unfavourable(result: RequirementResult, value: float | None) -> Toward:
    """The side that a number of the requirement's measure is rounded to: never the one that its limit wants it on."""
    return unfavourable_side(result.comparison, value)


def unfavourable_side(comparison: str, value: float | None) -> Toward:
    """The side that a value compared so with its limit is rounded to."""
    if comparison in _BETTER_HIGH:
        return "down"
    if comparison == "within":
        return "down" if value is not None and value < 0 else "up"
    return "up" if comparison in _BETTER_LOW else "nearest"


def number(result: RequirementResult, value: float | None, toward: Toward = "nearest") -> str:
    """A number of the requirement's measure on its own side of the limit; correlations and gains with their sign."""
    written = signed if any(name in result.measure for name in _SIGNED) else rounded
    return written(value, toward, beside=_beside(result, value))


def interval(result: RequirementResult) -> str:
    """The deciding interval `[L, U]`, rounded outwards."""
    return bounds(result, result.interval)


def bounds(result: RequirementResult, found: tuple[float | None, float | None] | None) -> str:
    """An interval of the requirement's measure, rounded outwards, each bound on its own side of the limit."""
    if found is None:
        return "–"
    low, high = found
    return f"[{number(result, low, 'down')}, {number(result, high, 'up')}]"


def limit(result: RequirementResult) -> str:
    """`below 0.05`, `at least 0.8`, `within ±0.05 mm`."""
    if result.limit is None:
        return "–"
    sign = "±" if result.comparison == "within" else ""
    return with_unit(f"{result.comparison} {sign}{exact(result.limit)}".strip(), result.unit)


def sidedness(result: RequirementResult) -> str:
    """What the interval is: both bounds one-sided."""
    return f"one-sided {level(result.confidence)}"


def level(share: float) -> str:
    """A level of confidence as it was stated: `95 %`."""
    return f"{exact(100 * share)} %"


def tier(result: RequirementResult) -> str:
    """What stands beside the verdict of a stress test: whether a run ends red by it; "" of any other."""
    if result.tier == "plausible":
        return ""
    return "stress, gates" if result.gates else "stress, does not gate"


def counted(verdicts: Mapping[Verdict, int]) -> str:
    """`1 failed, 2 passed`, the most pressing first."""
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in verdicts.items() if count)


def patients(count: int) -> str:
    """`1 patient`, `24 patients`."""
    return f"{count} patient{'' if count == 1 else 's'}"


def gross_failures(failures: GrossFailures | None, confidence: float) -> str:
    """`2 of 24 patients (at most 24 % with 95 % confidence)`."""
    if failures is None:
        return "not counted"
    bound = f"at most {percent(failures.upper_bound, 'up')} with {level(confidence)} confidence"
    return f"{failures.count} of {patients(failures.n_patients)} ({bound})"


def point(worst: dict[str, Any] | None) -> str:
    """The worst parameters: `gaussian noise(sigma=0.1), structure anterior`."""
    if not worst:
        return "–"
    text = str(worst.get("text") or parameters(worst.get("parameters")))
    structure = worst.get("structure")
    return f"{text}, structure {structure}" if structure else text


def fresh_noise(result: RequirementResult) -> str:
    """What the worst point gives under noise that was not searched: `0.031 (searched: 0.034)`; "" where nothing is random."""
    if result.worst is None or "fresh_estimate" not in result.worst:
        return ""
    fresh = with_unit(number(result, result.worst["fresh_estimate"]), result.unit)
    return f"{fresh} (searched: {with_unit(estimate(result), result.unit)})"


def parameters(steps: list[dict[str, Any]] | None) -> str:
    """A point's steps as text: `gaussian noise(sigma=0.1) | gamma(gamma=1.2)`; no steps are the clean image."""
    texts = []
    for step in steps or []:
        values = ", ".join(f"{key}={_value(value)}" for key, value in step.get("parameters", {}).items())
        texts.append(f"{step['perturbation']}({values})" + (f" on {step['on']}" if step.get("on") else ""))
    return " | ".join(texts) or "clean"


def breaking_point(found: BreakingPoint | None) -> str:
    """Where the requirement breaks, or how far it held."""
    if found is None:
        return "not searched"
    if found.words:
        return found.words
    if found.severity is None:
        return f"held to {parameters(found.held_to)}, the largest tried" if found.held_to else "none found"
    return f"breaks at {parameters(found.parameters)}"


def rules_out(n_patients: int, confidence: float) -> float:
    """The largest rate of failing patients that n patients without a failure leave open: 1 - (1 - confidence)^(1/n)."""
    return 1.0 - (1.0 - confidence) ** (1.0 / n_patients) if n_patients > 0 else 1.0


def _value(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _beside(result: RequirementResult, value: float | None) -> float | None:
    """The end of the allowed range that a value must visibly stay on its side of."""
    if result.limit is None or result.comparison != "within" or value is None:
        return result.limit
    return -result.limit if value < 0 else result.limit
