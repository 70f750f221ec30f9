"""What has been read lately, kept within a number of bytes: small data sets are read once, large ones do not pile up."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .case import Case, Sample


class KeptSamples:
    """Samples by case id; the one not asked for longest leaves first.

    Samples are handed out with arrays of their own, so nobody can change what the next one gets.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._samples: OrderedDict[str, Sample] = OrderedDict()
        self._lock = Lock()

    def get(self, case: Case) -> Sample | None:
        """A copy of the case's sample, if it is kept."""
        with self._lock:
            sample = self._samples.get(case.id)
            if sample is None or sample.case != case:
                return None
            self._samples.move_to_end(case.id)
        return own(sample)

    def keep(self, sample: Sample) -> Sample:
        """Keep the sample where it fits, and hand it out."""
        size = _bytes(sample)
        if size > self.limit:
            return sample
        with self._lock:
            before = self._samples.pop(sample.case.id, None)  # another thread may have read it meanwhile
            self.held += size - (0 if before is None else _bytes(before))
            self._samples[sample.case.id] = sample
            while self.held > self.limit:
                self.held -= _bytes(self._samples.popitem(last=False)[1])
        return own(sample)


def own(sample: Sample) -> Sample:
    """The same sample with arrays that nobody else holds."""
    label = None if sample.label is None else sample.label.copy()
    low, high, affine = sample.low.copy(), sample.high.copy(), sample.affine.copy()
    return replace(sample, image=sample.image.copy(), label=label, low=low, high=high, affine=affine)


def _bytes(sample: Sample) -> int:
    return sample.image.nbytes + (0 if sample.label is None else sample.label.nbytes)
