"""Who shares a batch is fixed by the data and the seed alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_segrobust.datasets.case import Case
from pytest_segrobust.evaluation.tiles import cases_in_a_batch, tiling


def cases(patients: int, each: int) -> list[Case]:
    return [
        Case(f"p{patient}_{number}", f"p{patient}", (Path("x"),), None)
        for patient in range(patients)
        for number in range(each)
    ]


@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 7), st.integers(1, 12), st.integers(0, 3))
def test_tiles_hold_every_case_once_and_screening_is_whole_tiles_of_whole_patients(
    patients, each, size, screening, seed
):
    everyone = cases(patients, each)

    made = tiling(everyone, size=size, screening_patients=screening, seed=seed)

    assert sorted(case.id for tile in made.tiles for case in tile) == sorted(case.id for case in everyone)
    assert all(len(tile) == size for tile in made.tiles[:-1])
    assert made.screening_tiles == made.tiles[: len(made.screening_tiles)]
    assert len(made.screening_patients) >= min(screening, patients)
    inside = {case.id for tile in made.screening_tiles for case in tile}
    for patient in made.screening_patients:
        assert {case.id for case in everyone if case.patient == patient} <= inside


def test_order_does_not_depend_on_the_order_given():
    everyone = cases(9, 2)

    assert tiling(everyone, size=4, screening_patients=2, seed=0) == tiling(
        everyone[::-1], size=4, screening_patients=2, seed=0
    )


def test_order_is_drawn_by_the_seed_not_by_name():
    everyone = cases(9, 2)
    orders = {tiling(everyone, size=4, screening_patients=2, seed=seed).patients for seed in range(5)}

    assert len(orders) > 1
    assert tuple(sorted({case.patient for case in everyone})) not in orders


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 20))
def test_the_beginning_is_as_few_whole_tiles_as_hold_so_many_cases(patients, size, wanted):
    made = tiling(cases(patients, 1), size=size, screening_patients=1, seed=0)
    beginning = made.beginning(wanted)

    held = sum(map(len, beginning))
    assert beginning == made.tiles[: len(beginning)]
    assert held >= min(wanted, patients)
    assert held - len(beginning[-1]) < wanted


@pytest.mark.parametrize(("network", "images", "together"), [(2, 3, 1), (2, 2, 16), (3, 3, 16), (None, 3, 16)])
def test_volumes_that_are_fed_slice_by_slice_share_no_batch(network, images, together):
    assert cases_in_a_batch(16, network=network, images=images) == together
