"""A point: one exact perturbation, or several in order, with one exact value for every parameter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Value = float | str


@dataclass(frozen=True)
class Step:
    """One perturbation of the catalogue at exact values; `on` names the structure it is confined to."""

    name: str
    parameters: tuple[tuple[str, Value], ...]
    on: str | None = None

    def __str__(self) -> str:
        values = ", ".join(f"{key}={_text(value)}" for key, value in self.parameters)
        return f"{self.name}({values})" + (f" on {self.on}" if self.on else "")


@dataclass(frozen=True)
class Point:
    """What is done to an image, exactly. No steps at all is the clean image.

    `str(point)` is canonical: equal points have equal texts, and the text is the key of stored measurements.
    """

    steps: tuple[Step, ...] = ()

    @classmethod
    def of(cls, name: str, *, on: str | None = None, **parameters: Value) -> Point:
        """A point of one step: `Point.of("gaussian noise", sigma=0.1)`."""
        values = tuple(sorted((key, v if isinstance(v, str) else rounded(v)) for key, v in parameters.items()))
        return cls((Step(name, values, on),))

    def __or__(self, other: Point) -> Point:
        """This first, then the other."""
        return Point(self.steps + other.steps)

    def __str__(self) -> str:
        return " | ".join(map(str, self.steps)) or "clean"

    def to_json(self) -> list[dict[str, Any]]:
        """Plain data, for reports and replay."""
        return [
            {"perturbation": step.name, "parameters": {k: _plain(v) for k, v in step.parameters}, "on": step.on}
            for step in self.steps
        ]

    @classmethod
    def from_json(cls, steps: str | list[dict[str, Any]]) -> Point:
        """The inverse of `to_json`."""
        plain = json.loads(steps) if isinstance(steps, str) else steps
        return cls(
            tuple(
                step
                for item in plain
                for step in cls.of(
                    item["perturbation"],
                    on=item["on"],
                    **{k: float("inf") if v == "inf" else v for k, v in item["parameters"].items()},
                ).steps
            )
        )


CLEAN = Point()


def rounded(value: float) -> float:
    """Nine significant digits: enough for any physics, and a text that a person can type again. There is one zero."""
    return float(f"{float(value):.9g}") + 0.0


def _text(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.9g}"


def _plain(value: Value) -> Value:
    return "inf" if value == float("inf") else value  # JSON has no infinity
