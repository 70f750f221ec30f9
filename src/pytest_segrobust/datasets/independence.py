"""Whether test and training data are apart: by patient, by file, by voxels, and by how alike two images are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .fingerprint import Fingerprint, fingerprint
from .training_list import training_fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .dataset import Dataset

ALIKE = 0.85
"""Correlation of two thumbnails' patterns from which on two images may be the same.

Of the 6000 pairs of 60 test and 100 training volumes of the Decathlon's hippocampus none reaches 0.78. The same volume
with noise of 10 % of its range, blurred by 1 mm, resampled to 0.8 or 1.3 times its voxels, turned by 3 degrees or
without its outermost voxels stays above 0.89; cropped by 2 of 35 voxels on one side it falls to 0.66 and is not found.
"""

OUTLYING = 5.0
"""How far, in robust standard deviations of Fisher's z over all pairs, two images must be more alike than pairs are.

Brains in one template's space are all alike: of 800 such pairs the median is 0.98, and none lies 4 deviations above it.
"""

_PAIRS = 30  # fewer say nothing of how alike pairs are; then the correlation decides alone
_TOLD = 5  # findings of one test case that a report lists; its counts are of all
_BY = {"patient id": 0, "file hash": 1, "voxel hash": 2, "near-duplicate": 3}

NOT_CHECKED = "not checked: no training list was given ([data] train)"


def independence(dataset: Dataset) -> dict[str, Any]:
    """The key "independence" of a report: compares the cases of a run with [data] train.

    `blocks` is true where an overlap was found and [data] overlap gives no reason for it: the run must not end green.
    """
    if dataset.settings.train is None:
        return unchecked(NOT_CHECKED)
    settings = dataset.settings.model_copy(update={"channel_axis": dataset.channel_axis})
    try:
        training = training_fingerprints(settings, dataset.root)
        tests = [
            (case.id, fingerprint(path, patient=case.patient, channel_axis=settings.channel_axis, name=case.id))
            for case in dataset.cases
            for path in case.images
        ]
    except DataError as error:
        return {**unchecked(f"not checked: {error}"), "blocks": True}
    return compared(tests, training, allowed=settings.overlap)


def unchecked(words: str) -> dict[str, Any]:
    """What a report says where nothing was compared."""
    return {"state": "not_checked", "level": "patient", "words": words, "findings": [], "counts": {}, "blocks": False}


def compared(
    tests: Sequence[tuple[str, Fingerprint]], training: Sequence[Fingerprint], *, allowed: str | None = None
) -> dict[str, Any]:
    """Every test image against every training image; of a pair, the strongest likeness is told."""
    findings = sorted(
        [*_equal(tests, training), *_alike(tests, training)],
        key=lambda found: (found["test_case"], _BY[found["how"]], found["distance"], found["train_case"]),
    )
    strongest: dict[tuple[str, str], dict[str, Any]] = {}
    for found in findings:
        strongest.setdefault((found["test_case"], found["train_case"]), found)
    findings = list(strongest.values())
    certain = [found for found in findings if found["how"] != "near-duplicate"]
    state = "overlap" if certain else "near_duplicates" if findings else "disjoint"
    by = {
        "patient id": any(each.patient for each in training),
        "file hash": any(each.file for each in training),
        "voxel hash": any(each.voxels for each in training),
        "near-duplicate": any(each.pattern is not None for each in training),
    }
    return {
        "state": state,
        "level": "patient",
        "words": _words(state, findings, _against(tests, training, by), allowed),
        "findings": _nearest(findings),
        "counts": {
            "test_images": len(tests),
            "training_images": len(training),
            "test_cases_found": len({found["test_case"] for found in findings}),
            **{how: sum(found["how"] == how for found in findings) for how in _BY},
        },
        "compared_by": [how for how, possible in by.items() if possible],
        "threshold": ALIKE,
        "allowed": allowed if findings else None,
        "blocks": bool(findings) and allowed is None,
    }


def _nearest(findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first few of every test case: a report that lists every pair of two large sets helps nobody."""
    told: dict[str, list[dict[str, Any]]] = {}
    for found in findings:
        told.setdefault(found["test_case"], []).append(found)
    return [found for several in told.values() for found in several[:_TOLD]]


def _equal(tests: Sequence[tuple[str, Fingerprint]], training: Sequence[Fingerprint]) -> Iterator[dict[str, Any]]:
    for salt in dict.fromkeys(each.salt for each in training):
        hidden = [(case, each.salted(salt)) for case, each in tests]
        for how, key in (("patient id", "patient"), ("file hash", "file"), ("voxel hash", "voxels")):
            known: dict[str, list[str]] = {}
            for each in training:
                if each.salt == salt and getattr(each, key):
                    known.setdefault(getattr(each, key), []).append(each.name)
            for case, each in hidden:
                for name in known.get(getattr(each, key) or "", []):
                    yield {"test_case": case, "train_case": name, "how": how, "distance": 0.0}


def _alike(tests: Sequence[tuple[str, Fingerprint]], training: Sequence[Fingerprint]) -> Iterator[dict[str, Any]]:
    """Pairs whose patterns correlate; the distance told is 1 minus the correlation."""
    for dimensions in (2, 3):
        rows = [(c, e.pattern) for c, e in tests if e.dimensions == dimensions and e.pattern is not None]
        columns = [(e.name, e.pattern) for e in training if e.dimensions == dimensions and e.pattern is not None]
        if not rows or not columns:
            continue
        correlations = np.array([p for _, p in rows]) @ np.array([p for _, p in columns]).T
        least = _least(correlations)
        for row, column in zip(*np.nonzero(correlations >= least), strict=True):
            yield {
                "test_case": rows[row][0],
                "train_case": columns[column][0],
                "how": "near-duplicate",
                "distance": round(float(max(0.0, 1 - correlations[row, column])), 4),
            }


def _least(correlations: np.ndarray) -> float:
    """The correlation from which on a pair is told: ALIKE, or more where most pairs are alike."""
    if correlations.size < _PAIRS:
        return ALIKE
    z = np.arctanh(np.clip(correlations, -0.999999, 0.999999))
    middle = float(np.median(z))
    spread = 1.4826 * float(np.median(np.abs(z - middle)))
    return max(ALIKE, float(np.tanh(middle + OUTLYING * spread)))


def _against(tests: Sequence[Any], training: Sequence[Any], by: dict[str, bool]) -> str:
    ways = ", ".join(how for how, possible in by.items() if possible)
    words = f"{len(tests)} test images against {len(training)} training entries, by {ways}"
    if by["patient id"]:
        return words
    return f"{words}; the training list names no patients, so that other images of the same people cannot be told"


def _words(state: str, findings: Sequence[dict[str, Any]], against: str, allowed: str | None) -> str:
    cases = list(dict.fromkeys(found["test_case"] for found in findings))
    several, shown = len(cases) != 1, f"{', '.join(cases[:5])}{' ...' if len(cases) > 5 else ''}"
    if state == "disjoint":
        return f"no test image and no test patient was found among the training data: {against}"
    said = f"{len(cases)} test case{'s' * several} "
    if state == "overlap":
        said += f"{'stand' if several else 'stands'} among the training data ({shown})"
    else:
        said += f"may stand among the training data ({shown}: near-duplicates)"
    why = f"; stated as allowed: {allowed}" if allowed else "; what was measured on them says nothing of new patients"
    return f"{said}{why} ({against})"
