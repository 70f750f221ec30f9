"""Which cases there are: from one of three sources, checked as a whole, sorted, excluded ones set aside."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DataError
from .decathlon import cases_of_decathlon
from .names import nearest
from .patterns import cases_by_pattern
from .table import cases_of_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..requirements.settings import DataSettings
    from .case import Case


@dataclass(frozen=True)
class Enumeration:
    """The cases in use and those left out, sorted by id; the latter's reasons; where several channels in a file lie."""

    cases: tuple[Case, ...]
    excluded: tuple[tuple[str, str], ...]
    channel_axis: str | None
    left_out: tuple[Case, ...] = ()


def enumerate_cases(settings: DataSettings, root: Path) -> Enumeration:
    """Find the cases of [data]; files are not opened yet.

    Raises DataError where the source is missing or given twice, an id, an image or a label is there twice, some cases
    have no label, nobody says who is one patient, an excluded case does not exist, or no case is left.
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
    _require_own_labels(kept, source)
    left_out = tuple(case for case in cases if case.id in settings.exclude)
    return Enumeration(kept, tuple(sorted(settings.exclude.items())), channel_axis, left_out)


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


def _require_distinct(cases: Sequence[Case], source: str) -> None:
    identity, count = Counter(case.id for case in cases).most_common(1)[0]
    if count > 1:
        paths = ", ".join(str(case.images[0]) for case in cases if case.id == identity)
        raise DataError(f"[data] {source}: {count} cases have the id {identity} ({paths}); give each its own")
    images: dict[tuple[str, ...], str] = {}
    for case in cases:
        if not case.patient.strip():
            raise DataError(f"case {case.id}: the patient is empty; say who counts as one with [data] patient")
        files = tuple(os.path.realpath(path) for path in case.images)
        if len(set(files)) < len(files):
            raise DataError(f"case {case.id}: the same file is two of its channels; correct [data] {source}")
        if files in images:
            raise DataError(
                f"cases {images[files]} and {case.id} are the same image, {case.images[0]}; it would count twice"
            )
        images[files] = case.id


def _require_own_labels(cases: Sequence[Case], source: str) -> None:
    unlabelled = [case.id for case in cases if case.label is None]
    if unlabelled and len(unlabelled) < len(cases):
        raise DataError(
            f"case {unlabelled[0]} has no label while others have; add it, exclude the case, or leave out all labels"
        )
    labels: dict[str, str] = {}
    for case in cases:
        if case.label is None:
            continue
        file = os.path.realpath(case.label)
        if file in map(os.path.realpath, case.images):
            raise DataError(f"case {case.id}: {case.label} is both image and label; correct [data] {source}")
        if source == "images" and file in labels:  # a table may say so on purpose: repeated scans of one phantom
            raise DataError(
                f"cases {labels[file]} and {case.id} share the label {case.label}; "
                "tell them apart in [data] labels with a placeholder such as {name}"
            )
        labels[file] = case.id
