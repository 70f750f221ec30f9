"""Rings: a profile of the distance to the middle, as strong as it says."""

from __future__ import annotations

import numpy as np
import pytest


def test_the_strongest_ring_has_the_amplitude(change, cylinder):
    stack = np.repeat(cylinder[..., None], 3, axis=2)
    assert abs(change(stack, "ring artefact", hu=15.0)).max() == pytest.approx(15)
    assert abs(change(stack, "ring artefact", amplitude=0.05)).max() == pytest.approx(0.05 * 400)


def test_a_ring_is_the_same_all_around_and_other_rings_lie_in_other_slices(change, distances):
    rings = change(np.zeros((41, 41, 4)), "ring artefact", hu=10.0)
    for turned in (rings[::-1], rings[:, ::-1], rings.swapaxes(0, 1)):
        np.testing.assert_allclose(turned, rings, atol=1e-9)
    assert abs(np.corrcoef(rings.reshape(-1, 4).T) - np.eye(4)).max() < 0.9
    r = distances((41, 41), (1.0, 1.0))
    order = np.argsort(r, axis=None)
    steps = np.diff(rings[..., 0].ravel()[order])
    assert abs(steps[np.diff(r.ravel()[order]) < 1e-9]).max() < 1e-6
    assert abs(np.diff(rings[20, 20:, 0])).mean() > 1  # neighbouring elements are tuned apart


def test_rings_are_round_in_mm(change, frame, distances):
    from dataclasses import replace

    flat = replace(frame(2), spacing=(0.5, 1.0))
    rings = change(np.zeros((80, 40)), "ring artefact", flat, hu=10.0)
    # 2k rows of 0.5 mm below the middle are as far out as k columns of 1 mm beside it; both lie half a step off.
    r = distances((80, 40), (0.5, 1.0))
    order = np.argsort(r, axis=None)
    pairs = np.diff(r.ravel()[order]) < 1e-9
    assert pairs.sum() > 1000
    assert abs(np.diff(rings.ravel()[order])[pairs]).max() < 1e-6
