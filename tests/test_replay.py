"""What a replay compares: everything that was stored of a case, and everything that is measured now."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pytest_segrobust.evidence.records import Measurement
from pytest_segrobust.replay import _equal, _line

BEFORE = Measurement(
    "c1", "p1", "gaussian noise(sigma=0.1)", 0, "organ", {"dsc": 0.8, "uncertainty": 0.3, "ece": 0.1}, undefined={"gap": "no voxel is wrong"}
)  # fmt: skip


def line(now: Measurement, measure: str = "uncertainty of wrong less right voxels") -> str:
    return _line(now, BEFORE, measure, equal=_equal(BEFORE, now))


def test_the_same_is_as_stored_and_uncertainty_is_printed():
    assert line(BEFORE) == "  c1, organ: dsc 0.8000, uncertainty 0.3000, no gap: no voxel is wrong (as stored)"
    assert "ece 0.1000" in line(BEFORE, "ECE increase")
    assert "ece" not in line(BEFORE, "DSC drop")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": {"dsc": 0.8, "uncertainty": 0.3}}, "missing now: ece"),
        ({"scores": {}}, "missing now: dsc, ece, uncertainty"),
        ({"scores": BEFORE.scores | {"ace": 0.1}}, "not stored: ace"),
        ({"scores": BEFORE.scores | {"ece": 0.2}}, "not the same: ece"),
        ({"scores": BEFORE.scores | {"ece": math.nan}}, "not the same: ece"),
        ({"scores": BEFORE.scores | {"uncertainty": 0.4}}, "uncertainty 0.4000"),
        ({"undefined": {}}, "not the same: gap"),
        ({"undefined": {"gap": "no voxel is right"}}, "not the same: gap"),
        ({"failure": "missed"}, "[missed]"),
    ],
)
def test_what_is_missing_new_or_changed_differs(change, said):
    now = replace(BEFORE, **change)
    assert not _equal(BEFORE, now)
    assert "(differs, stored: dsc 0.8000, uncertainty 0.3000" in line(now)
    assert said in line(now)


def test_nan_is_the_same_as_nan():
    both = replace(BEFORE, scores={"dsc": math.nan})
    assert _equal(both, replace(both, scores={"dsc": math.nan}))
