"""Numbers with units as people write them: 5 %, 2/255, 1e-3, 10 dB; read exactly, written so that they read back."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pytest_segrobust.errors import SpecError

# Units that can be written, each with its spellings. Those that no parameter has are here so that `sigma <= 1 voxel`
# is told which unit is meant, instead of being called an unknown word.
UNITS: dict[str, tuple[str, ...]] = {
    "%": ("%", "percent", "per cent"),
    "points": ("points", "point", "percentage points", "DSC points"),
    "mm": ("mm", "millimetre", "millimetres", "millimeter", "millimeters"),
    "dB": ("dB", "decibel", "decibels"),
    "deg": ("deg", "degree", "degrees", "°"),
    "cm": ("cm",),
    "µm": ("µm", "um", "micron", "microns"),
    "voxels": ("voxels", "voxel", "pixels", "pixel", "px", "vox"),
    "HU": ("HU",),
    "s": ("seconds", "second"),
    "T": ("T", "tesla"),
}

_LONGEST = 40  # characters: beyond it a number is a mistake, and reading it exactly could take for ever


@dataclass(frozen=True)
class Quantity:
    """A number as written and its unit ("" where none stands)."""

    number: Fraction
    unit: str
    text: str

    @property
    def value(self) -> float:
        """The number, percent and points taken as hundredths."""
        return float(self.number / 100) if self.unit in ("%", "points") else float(self.number)


def read(number: str, unit: str = "") -> Quantity:
    """The quantity that a text means; fractions such as 2/255 are exact."""
    text = f"{number} {unit}".strip() if unit else number
    if "," in number:
        raise SpecError(f"'{number}': write the number with a decimal point, {number.replace(',', '.')}")
    numerator, _, denominator = re.sub(r"\s+", "", number).partition("/")
    if len(number) > _LONGEST or not all(map(_readable, (numerator, denominator or "1"))):
        raise SpecError(f"'{number[:_LONGEST]}' is not a number that can be used here")
    value = Fraction(Decimal(numerator))
    if denominator:
        if not float(denominator):
            raise SpecError(f"'{number}' divides by 0")
        value /= Fraction(Decimal(denominator))
    return Quantity(value, unit, text)


def _readable(number: str) -> bool:
    """Neither huge nor tiny: an exponent of a billion would be expanded digit by digit."""
    value = abs(float(number))
    return 1e-30 < value < 1e30 or not re.search("[1-9]", re.split("[eE]", number)[0])


def plain(value: float) -> str:
    """The shortest text that reads back as the same number: 0.1, 10, 2/255."""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = repr(float(value)).removesuffix(".0")
    if len(text) > 8 and abs(value) < 10:
        # Attack budgets are stated in steps of an 8-bit image.
        steps = round(value * 255)
        if steps and float(Fraction(steps, 255)) == value:
            return f"{steps}/255"
    return text


def percent(value: float) -> str:
    """A share as percent, reading back as the same number: 0.05 is "5 %"."""
    hundredfold = (Decimal(repr(float(value))) * 100).normalize()
    text = f"{hundredfold:f}" if -12 < hundredfold.adjusted() < 12 else f"{hundredfold:e}"
    return f"{text} %"


def with_unit(value: float, unit: str) -> str:
    """The number and its unit, if it has one: "10 dB"."""
    return f"{plain(value)} {unit}" if unit else plain(value)
