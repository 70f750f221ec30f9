"""The failure gallery: the worst cases by a rule that was fixed before anyone looked, and a control drawn by lot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.rounding import rounded
from pytest_segrobust.evidence.strict_json import number
from pytest_segrobust.evidence.verdicts import WORDS

from ..overlay import panels, uncertainty_scale
from .summary import pressing_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.picture import Picture
    from pytest_segrobust.evidence.records import RequirementResult

_BYTES = 1_800_000  # of all pictures together: the page stays small enough to be sent by mail
_MOST_PIXELS = 1 << 17
MOST = 24  # requirements with pictures; the others' are in the store


def shown(results: Sequence[RequirementResult]) -> list[str]:
    """The requirements whose pictures the page has, the most pressing first where there are too many."""
    return [result.id for result in pressing_first(results)[:MOST]] if len(results) > MOST else [r.id for r in results]


def gallery(
    results: Sequence[RequirementResult], pictures: Sequence[Picture], anchors: Mapping[str, str]
) -> dict[str, Any]:
    """The pictures by requirement, in the order of the report."""
    chosen = set(shown(results))
    own: dict[str, list[Picture]] = {}
    for picture in pictures:
        if picture.requirement in chosen:
            own.setdefault(picture.requirement, []).append(picture)
    budget = min(_MOST_PIXELS, _BYTES // (2 * max(1, sum(map(len, own.values())))))
    return {
        "requirements": [
            {
                "id": result.id,
                "anchor": anchors[result.id],
                "verdict": result.verdict,
                "word": WORDS[result.verdict],
                "statement": result.statement,
                "pictures": [_picture(picture, budget, result.unit) for picture in own[result.id]],
            }
            for result in results
            if result.id in own
        ],
        "more": max(0, len(results) - MOST),
        "most": MOST,
    }


def _picture(picture: Picture, budget: int, unit: str) -> dict[str, Any]:
    about = picture.about
    value = number(about.get("value"))
    parts = [
        f"patient {about['patient']}" if about.get("patient") not in (None, picture.case) else "",
        picture.structure,
        _slice(about),
        f"{rounded(value)} {unit}".strip() if value is not None else "",
        str(about.get("note") or ""),
    ]
    return {
        "case": picture.case,
        "text": " · ".join(part for part in parts if part),
        "point": str(about.get("point") or ""),
        "control": "control" in str(about.get("note") or ""),
        "panels": panels(picture, most_pixels=budget),
        "scale": uncertainty_scale(picture),
    }


def _slice(about: Mapping[str, Any]) -> str:
    """Which slice is shown; an image of two dimensions has none."""
    if about.get("slice") is None:
        return ""
    axis = about.get("axis")
    return f"slice {about['slice']}" + (f" of axis {axis}" if isinstance(axis, int) else f" ({axis})" if axis else "")
