"""Random fields are functions of their key: everywhere, and next year too."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from scipy import stats

from pytest_segrobust.perturbations.unit_noise import RecentFields, generator_key, normal_fields

LIKE = torch.zeros(1)


def test_the_numbers_of_a_key_are_those_of_the_first_release():
    # A replay a year later needs the same stream: if a numpy changes it, this says so before a verdict does.
    assert generator_key((0, "case", "gaussian noise", 0, 0, 0)) == 0xE2AC15CBB694C40CFB43AD9F6AEEA032
    field = normal_fields([(0, "case", "gaussian noise", 0, 0, 0)], (2, 3), LIKE)
    assert field.flatten().tolist() == [
        3.1178622245788574,
        0.2301091104745865,
        -2.2136342525482178,
        -1.0447636842727661,
        -0.8403409123420715,
        -0.2619723677635193,
    ]


def test_keys_that_read_alike_are_kept_apart():
    assert generator_key(("a", "bc")) != generator_key(("ab", "c"))
    assert generator_key((1, "a")) != generator_key(("1", "a"))
    assert generator_key((0, "patient-1")) != generator_key((0, "patient-2"))


def test_another_process_draws_the_same_field():
    script = (
        "import torch; from pytest_segrobust.perturbations.unit_noise import normal_fields;"
        "print(normal_fields([(7, 'ä', 'x', 0, 1, 2)], (40,), torch.zeros(1)).sum(dtype=torch.float64).item().hex())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "2"}
    there = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment)
    here = normal_fields([(7, "ä", "x", 0, 1, 2)], (40,), LIKE).sum(dtype=torch.float64).item().hex()
    assert there.stdout.strip() == here


def test_a_field_is_standard_normal():
    field = normal_fields([(0, "n")], (200_000,), LIKE)[0].double().numpy()
    assert stats.kstest(field, "norm").pvalue > 0.001


def test_fields_of_several_keys_are_those_of_each_key():
    keys = [(0, "a"), (0, "b"), (0, "a")]
    fields = normal_fields(keys, (3, 4), LIKE.double())
    assert fields.dtype == torch.float64
    for key, field in zip(keys, fields, strict=True):
        assert torch.equal(field, normal_fields([key], (3, 4), LIKE)[0].double())
    assert not torch.equal(fields[0], fields[1])


def test_memory_is_bounded_and_forgetting_changes_nothing():
    recent = RecentFields(capacity=3 * 400)
    first = recent.field((0,), (100,)).clone()
    for key in range(1, 10):
        recent.field((key,), (100,))
        assert recent.held <= 3 * 400
    assert torch.equal(recent.field((0,), (100,)), first)
    assert recent.field((0,), (100,)) is recent.field((0,), (100,))
    large = recent.field((0,), (10_000,))
    assert recent.field((0,), (10_000,)) is large
    assert recent.held == large.nbytes


def test_threads_may_draw_at_once():
    recent = RecentFields(capacity=10_000)
    with ThreadPoolExecutor(4) as pool:
        fields = list(pool.map(lambda i: recent.field((i % 5,), (50,)).sum().item(), range(60)))
    assert len(set(fields)) == 5
    assert np.allclose(fields[:5] * 12, fields)
