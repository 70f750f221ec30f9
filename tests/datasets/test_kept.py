from pathlib import Path

import numpy as np

from pytest_segrobust.datasets.case import Case, Sample
from pytest_segrobust.datasets.kept import KeptSamples


def sample(name, voxels=100):
    case = Case(name, name, (Path(name),), None)
    image = np.zeros((1, voxels), dtype=np.float32)
    return Sample(case, image, None, (1.0,), ("?",), np.zeros(1), np.ones(1), np.eye(4))


def test_the_one_not_asked_for_longest_leaves_first():
    kept, samples = KeptSamples(800), {name: sample(name) for name in "abc"}
    kept.keep(samples["a"])
    kept.keep(samples["b"])
    assert kept.get(samples["a"].case) is not None
    kept.keep(samples["c"])

    assert [kept.get(samples[name].case) is not None for name in "abc"] == [True, False, True]
    assert kept.held == 800


def test_what_is_larger_than_the_limit_is_not_kept():
    kept = KeptSamples(399)
    kept.keep(sample("a"))

    assert kept.get(sample("a").case) is None
    assert kept.held == 0


def test_keeping_a_case_again_counts_it_once():
    kept = KeptSamples(10_000)
    kept.keep(sample("a"))
    kept.keep(sample("a", voxels=50))

    assert kept.held == 200
    assert kept.get(sample("a").case).image.shape == (1, 50)


def test_another_case_of_the_same_name_is_not_confused():
    kept = KeptSamples(10_000)
    kept.keep(sample("a"))

    assert kept.get(Case("a", "a", (Path("elsewhere"),), None)) is None


def test_nobody_can_change_what_the_next_one_gets():
    kept = KeptSamples(10_000)
    first = kept.keep(sample("a"))
    first.image[:] = 7
    second = kept.get(first.case)
    second.image[:] = 8

    assert kept.get(first.case).image.max() == 0
