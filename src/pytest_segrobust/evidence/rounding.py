"""Numbers as text: three significant digits, and no rounding that flatters a result.

A bound is rounded outwards, away from the estimate, so that what is printed claims less than what was computed. Digits
are added where three would put a number on the wrong side of its limit: 0.7996 is never "0.800" beside a limit of 0.8.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Literal

Toward = Literal["nearest", "down", "up"]
_MODES = {"nearest": ROUND_HALF_EVEN, "down": ROUND_FLOOR, "up": ROUND_CEILING}
_NOISE = 1e-12  # less than this is the residue of floating point, not a result
_MOST_DIGITS = 17  # enough to tell any two floats apart


def rounded(value: float | None, toward: Toward = "nearest", *, beside: float | None = None, digits: int = 3) -> str:
    """The value with three significant digits (never fewer than its whole part), on its own side of `beside`.

    None and NaN are an en dash, infinities "∞" and "-∞".
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) < _NOISE:
        return "0"
    text = _text(value, toward, digits)
    while beside is not None and digits < _MOST_DIGITS and _side(float(text), beside) != _side(value, beside):
        digits += 1
        text = _text(value, toward, digits)
    return text


def signed(value: float | None, toward: Toward = "nearest", *, beside: float | None = None) -> str:
    """As `rounded`, with the sign of a number above zero too: `+0.52`, for a correlation or a gain."""
    text = rounded(value, toward, beside=beside)
    return f"+{text}" if value is not None and value > 0 and text != "0" else text


def outwards(value: float | None, *, beside: float | None = None) -> str:
    """The value rounded away from zero: of a number whose best is zero, the side that flatters nobody."""
    return rounded(value, "down" if value is not None and value < 0 else "up", beside=beside)


def interval_text(interval: tuple[float | None, float | None] | None) -> str:
    """`[L, U]`, both bounds rounded outwards."""
    if interval is None:
        return "–"
    low, high = interval
    return f"[{rounded(low, 'down')}, {rounded(high, 'up')}]"


def exact(value: float | None) -> str:
    """A number that a person stated, such as a limit, as they would write it."""
    if value is None:
        return "–"
    return f"{value:.9g}" if math.isfinite(value) else rounded(value)


def percent(share: float | None, toward: Toward = "nearest") -> str:
    """A share in percent with three significant digits: `12.5 %`."""
    return "–" if share is None else f"{rounded(float(Decimal(repr(float(share))) * 100), toward)} %"


def _text(value: float, toward: Toward, digits: int) -> str:
    number = Decimal(repr(float(value)))
    places = max(0, digits - 1 - number.adjusted())
    quantum = Decimal(1).scaleb(-places)
    cut = number.quantize(quantum, rounding=_MODES[toward])
    if cut.adjusted() > number.adjusted() and places > 0:  # 0.9996 became 1.000: one place too many
        cut = cut.quantize(Decimal(1).scaleb(1 - places))
    return f"{cut:f}" if number.adjusted() > -6 else f"{cut:.{digits - 1}e}"


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)
