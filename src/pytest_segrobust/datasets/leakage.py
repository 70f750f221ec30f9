"""Whether images give their label away: a set in which the image is a function of the label tests nothing but reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .case import Case, Sample
    from .dataset import Dataset


def leaks(dataset: Dataset, cases: Sequence[Case] | None = None) -> Iterator[str]:
    """The ids of cases (all of them, or these) whose image is their label, or the label in other greys.

    That is one grey wherever the label has one value. No scanner makes such an image. A label that is burnt in more
    faintly is not seen here: it takes a requirement under noise, and one that outlines the structure visibly no test can
    tell from an image that shows it well.
    """
    for case in dataset.cases if cases is None else cases:
        sample = dataset.read(case)
        if sample.label is not None and _is_a_function(sample):
            yield case.id


def leak(dataset: Dataset, cases: Sequence[Case]) -> str:
    """Why nothing can be learnt from these cases; "" where no image of theirs is its label."""
    found = list(leaks(dataset, cases))
    if not found:
        return ""
    return (
        f"the image of {len(found)} of {len(cases)} cases looked at, such as {found[0]}, is its own label (one grey wherever "
        "the label has one value), so that to find a structure is to read it: look at [data] images and labels"
    )


def _is_a_function(sample: Sample) -> bool:
    values = np.unique(sample.label) if sample.label is not None else np.array([])
    if len(values) < 2:
        return False
    return any(all(np.ptp(channel[sample.label == value]) == 0 for value in values) for channel in sample.image)
