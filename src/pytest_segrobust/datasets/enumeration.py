"""Which cases there are: from one of three sources, checked as a whole, sorted, excluded ones set aside."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DataError
from .decathlon import cases_of_decathlon
from .names import nearest
from .patterns import cases_by_pattern
from .table import cases_of_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ..requirements.settings import DataSettings
    from .case import Case


@dataclass(frozen=True)
class Enumeration:
    """The cases in use, sorted by id; the excluded ones with their reasons; where several channels in a file lie."""

    cases: tuple[Case, ...]
    excluded: tuple[tuple[str, str], ...]
    channel_axis: str | None


def enumerate_cases(settings: DataSettings, root: Path) -> Enumeration:
    """Find the cases of [data]; files are not opened yet.

    Raises DataError where the source is missing or given twice, an id or an image is there twice, nobody says who is
    one patient, an excluded case does not exist, or no case is left.
    """
    source = _source(settings)
    channel_axis: str | None = settings.channel_axis
    if source == "images":
        cases = list(cases_by_pattern(settings, root))
    elif source == "cases":
        cases = list(cases_of_table(settings, root))
    else:
        cases, channels = cases_of_decathlon(settings, root)
        if channels > 1:
            channel_axis = channel_axis or "last"  # the Decathlon's own layout
    cases.sort(key=lambda case: case.id)
    for identity, reason in settings.exclude.items():
        if identity not in {case.id for case in cases}:
            raise DataError(f"[data] exclude: no case {identity}{nearest(identity, [case.id for case in cases])}")
        if not reason.strip():
            raise DataError(f"[data] exclude: {identity} has no reason; the report must say why a case is left out")
    kept = tuple(case for case in cases if case.id not in settings.exclude)
    if not kept:
        raise DataError(f"[data] {source}: no case is left; there are {len(cases)} and all are excluded")
    _require_distinct(kept, source)
    return Enumeration(kept, tuple(sorted(settings.exclude.items())), channel_axis)


def _source(settings: DataSettings) -> str:
    given = [key for key in ("images", "cases", "decathlon") if getattr(settings, key)]
    if len(given) != 1:
        found = f"{' and '.join(given)} are given" if given else "none is given"
        raise DataError(f"[data] needs one of images, cases and decathlon, but {found}")
    if settings.labels and given != ["images"]:
        raise DataError(f"[data] labels goes with images; with {given[0]} the labels are named there: leave labels out")
    if given != ["cases"] and not (settings.patient or "").strip():
        raise DataError('[data] patient is missing: say who counts as one patient, such as patient = "{name}"')
    return given[0]


def _require_distinct(cases: Iterable[Case], source: str) -> None:
    cases = list(cases)
    identity, count = Counter(case.id for case in cases).most_common(1)[0]
    if count > 1:
        paths = ", ".join(str(case.images[0]) for case in cases if case.id == identity)
        raise DataError(f"[data] {source}: {count} cases have the id {identity} ({paths}); give each its own")
    seen: dict[tuple[Path, ...], str] = {}
    for case in cases:
        if not case.patient.strip():
            raise DataError(f"case {case.id}: the patient is empty; say who counts as one with [data] patient")
        images = tuple(path.resolve() for path in case.images)
        if images in seen:
            raise DataError(
                f"cases {seen[images]} and {case.id} are the same image, {case.images[0]}; it would count twice"
            )
        seen[images] = case.id
        if case.label is not None and case.label.resolve() in images:
            raise DataError(f"case {case.id}: {case.label} is both image and label; correct [data] {source}")
