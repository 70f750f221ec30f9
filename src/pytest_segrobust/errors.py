"""What can be wrong with a user's input, as errors whose text is the whole message.

SegrobustError
├── SpecError           the requirement file or a sentence in it
├── DataError           an image, a label, a table of cases
├── ModelError          a checkpoint, a network, what it returned
├── PerturbationError   a perturbation asked for something impossible, or that did nothing
└── EvidenceError       a report folder, a store, a replay
"""

from __future__ import annotations


class SegrobustError(Exception):
    """An error for the user: `str(error)` is one line that says what is wrong, where, and what to do."""


class SpecError(SegrobustError):
    """The requirement file, or a sentence in it, cannot mean anything."""


class DataError(SegrobustError):
    """An image, a label or a table of cases cannot be used."""


class ModelError(SegrobustError):
    """A checkpoint or a network cannot be used."""


class PerturbationError(SegrobustError):
    """A perturbation was asked for something impossible, or should have changed the image and did not."""


class EvidenceError(SegrobustError):
    """A report folder, store or replay cannot be used."""
