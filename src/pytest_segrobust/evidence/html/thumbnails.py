"""A perturbation as it grows: the same slice of one case, clean and at three severities, from the pictures of the run."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from .overlay import grey_levels, png, whole_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.evidence.picture import Picture
    from pytest_segrobust.evidence.records import RequirementResult

_PIXELS = 1 << 13  # enough to see what noise or blur does; a page has many of them


def thumbnails(users: Sequence[RequirementResult], pictures: Sequence[Picture], name: str) -> list[dict[str, Any]]:
    """Title and drawing of each panel; none where no picture of such a requirement was kept.

    Taken from a requirement that is about this perturbation alone where there is one. Without severities (an attack, a
    report of an earlier version), the worst point stands for them.
    """
    chosen = _chosen(users, pictures, name)
    if chosen is None:
        return []
    stated = [str(text) for text in chosen.about.get("severities") or []]
    shown = [("clean", "clean")]
    shown += [(f"severity_{number}", _short(text, name)) for number, text in enumerate(stated, 1)]
    if not stated:
        shown.append(("perturbed", f"worst point: {chosen.about.get('point') or name}"))
    images = {key: chosen.arrays[key] for key, _ in shown if key in chosen.arrays}
    low, high = whole_range(chosen.about, images)
    return [
        {"title": title, "svg": _drawing(images[key], chosen, title, low, high)}
        for key, title in shown
        if key in images and images[key].ndim == 2
    ]


def _short(text: str, name: str) -> str:
    """`sigma = 0.1` of "gaussian noise(sigma=0.1)": the name stands above; several steps stay as they are."""
    if text.startswith(f"{name}(") and text.endswith(")") and " | " not in text:
        return text[len(name) + 1 : -1].replace("=", " = ")
    return text


def _chosen(users: Sequence[RequirementResult], pictures: Sequence[Picture], name: str) -> Picture | None:
    alone = {r.id: len(r.domains) == 1 or name == _only(r) for r in users}
    found = [p for p in pictures if p.requirement in alone and "clean" in p.arrays]
    found.sort(key=lambda p: (not alone[p.requirement], "severities" not in p.about, p.about.get("point") == "clean"))
    return found[0] if found else None


def _only(result: RequirementResult) -> str:
    steps = (result.worst or {}).get("parameters") or []
    return str(steps[0].get("perturbation")) if len(steps) == 1 else ""


def _drawing(image: Any, picture: Picture, title: str, low: float, high: float) -> Markup:
    rows, columns = image.shape
    height, width = (float(mm) for mm in (picture.about.get("spacing") or (1.0, 1.0)))
    ratio = columns * width / (rows * height)
    label = f"Case {picture.case}, {title}"
    # Safe to mark: all but the label is made of numbers, and the label is escaped.
    return Markup(  # noqa: S704
        f'<span class="frame"><svg role="img" aria-label="{html.escape(label)}" viewBox="0 0 {columns} {rows}" '
        f'preserveAspectRatio="none" style="aspect-ratio:{ratio:.4g}"><image width="{columns}" height="{rows}" '
        f'preserveAspectRatio="none" href="{png(grey_levels(image, low, high), _PIXELS)}"/></svg></span>'
    )
