"""Whether images give their label away: a set in which the image is a function of the label tests nothing but reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..datasets.case import Sample
    from ..datasets.dataset import Dataset


def leaks(dataset: Dataset) -> Iterator[str]:
    """The ids of cases whose image is their label, or the label in other greys: one value wherever the label has one.

    No scanner makes such an image. A label that is burnt in more faintly is not seen here: it takes a requirement under noise,
    and one that outlines the structure visibly no test can tell from an image that shows it well.
    """
    for case in dataset.cases:
        sample = dataset.read(case)
        if sample.label is not None and _is_a_function(sample):
            yield case.id


def _is_a_function(sample: Sample) -> bool:
    values = np.unique(sample.label) if sample.label is not None else np.array([])
    if len(values) < 2:
        return False
    return any(all(np.ptp(channel[sample.label == value]) == 0 for value in values) for channel in sample.image)
