"""Prepared references: what they hold, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_segrobust.metrics.reference import prepare_reference
from pytest_segrobust.metrics.scoring import score


def mask() -> np.ndarray:
    filled = np.zeros((20, 30, 8), bool)
    filled[4:9, 10:12, 3:6] = True
    return filled


def test_the_diagonal_is_that_of_the_whole_image_in_mm() -> None:
    assert prepare_reference(mask(), (1, 0.5, 3)).diagonal_mm == math.sqrt(20**2 + 15**2 + 24**2)


def test_it_holds_the_voxels_of_its_bounding_box_and_nothing_of_the_caller_s_array() -> None:
    filled = mask()
    prepared = prepare_reference(filled, (1, 1, 1))
    filled[:] = False
    assert prepared.voxels == 5 * 2 * 3
    assert prepared.box == (slice(4, 9), slice(10, 12), slice(3, 6))
    assert prepared.mask.shape == (5, 2, 3)
    assert prepared.mask.all()
    assert prepared.surface.points.min() == 3
    assert prepared.image_voxels == 20 * 30 * 8


def test_surface_and_field_are_made_once() -> None:
    prepared = prepare_reference(mask(), (1, 1, 1))
    assert prepared.surface is prepared.surface
    assert prepared.field is prepared.field


def test_a_reference_for_one_prediction_scores_the_same_without_a_field() -> None:
    once, often = (prepare_reference(mask(), (0.7, 1.0, 2.5), reused=reused) for reused in (False, True))
    prediction = np.roll(mask(), (2, 3, 1), (0, 1, 2)) | (np.random.default_rng(0).random(mask().shape) < 0.01)
    assert once.field is None
    assert often.field is not None
    assert score(prediction, once, tolerances=(1, 3)).values == pytest.approx(
        score(prediction, often, tolerances=(1, 3)).values, rel=1e-12
    )


def test_an_empty_reference_is_prepared_too_but_has_no_surface() -> None:
    prepared = prepare_reference(np.zeros((4, 5), bool), (1, 2))
    assert (prepared.voxels, prepared.shape, prepared.diagonal_mm) == (0, (4, 5), math.hypot(4, 10))
    with pytest.raises(ValueError, match="empty reference has no surface"):
        _ = prepared.surface


@pytest.mark.parametrize("spacing", [(1, 1), (1, 1, 1, 1), (1, 0, 1), (1, -1, 1), (1, math.nan, 1), (1, math.inf, 1)])
def test_a_spacing_that_is_not_one_positive_number_per_axis_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must be 3 positive numbers, one per axis"):
        prepare_reference(mask(), spacing)


@pytest.mark.parametrize("wrong", [np.ones((4, 4), np.int32), np.ones((4, 4)), None])
def test_a_label_map_is_no_reference(wrong: object) -> None:
    with pytest.raises(ValueError, match="the reference must be a numpy array of bool"):
        prepare_reference(wrong, (1, 1))  # type: ignore[arg-type]
