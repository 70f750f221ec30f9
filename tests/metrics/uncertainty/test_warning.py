"""Early warnings and silent failures, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_segrobust.metrics.uncertainty.warning import alarm_threshold, early_warning, silent_failures


def test_each_course_has_its_outcome() -> None:
    #            clean  mild  strong
    courses = {
        "early": ([0.1, 0.9, 0.9], [0.9, 0.9, 0.5]),
        "together": ([0.1, 0.1, 0.9], [0.9, 0.9, 0.5]),
        "late": ([0.1, 0.1, 0.9], [0.9, 0.5, 0.5]),
        "silent": ([0.1, 0.1, 0.1], [0.9, 0.9, 0.5]),
        "false alarm": ([0.1, 0.1, 0.9], [0.9, 0.9, 0.9]),
        "quiet": ([0.1, 0.2, 0.1], [0.9, 0.9, 0.85]),
        "alarm on clean": ([0.9, 0.9, 0.9], [0.9, 0.9, 0.5]),
    }
    u, dsc = (np.array([course[part] for course in courses.values()]) for part in (0, 1))
    found = early_warning(u, dsc, alarm=0.5, drop=0.1)
    assert found.outcomes == tuple(courses)
    assert found.fell == 5
    assert found.share.value == pytest.approx(1 / 5)
    assert found.silent_cells == 2  # the mild cell of "late" and the strong one of "silent"
    assert found.collapses == 3  # those, and "alarm on clean", which is no surer than before
    assert found.fallen_cells == 6
    assert found.count("silent") == 1


def test_a_drop_of_exactly_the_limit_is_no_fall() -> None:
    assert early_warning(np.zeros((1, 2)), np.array([[0.9, 0.8]]), alarm=0.5, drop=0.1).fell == 0


def test_nothing_to_warn_of() -> None:
    found = early_warning(np.zeros((2, 3)), np.full((2, 3), 0.9), alarm=0.5, drop=0.1)
    assert found.share.value is None
    assert "none of 2 patients" in found.share.reason


def test_silent_failures_are_confident_and_wrong() -> None:
    u, dsc = np.array([0.1, 0.9, 0.1, 0.9, 0.1]), np.array([0.2, 0.2, 0.9, 0.9, 0.3])
    found = silent_failures(u, dsc, failed_below=0.5, alarm=0.5)
    assert (found.silent, found.warned, found.false_alarms, found.quiet) == (2, 1, 1, 1)
    assert found.share.value == pytest.approx(2 / 3)
    assert found.failures == 3
    assert "no failure" in silent_failures(u, dsc, failed_below=0.1, alarm=0.5).share.reason
    assert silent_failures(u * 0, dsc, failed_below=0.5, alarm=0.5).share.value == 1


def test_the_alarm_is_frozen_on_clean_patients() -> None:
    u = np.arange(100.0)
    found = alarm_threshold(u)
    assert (u <= found.value).mean() >= 0.95
    assert (u > found.value).sum() >= 4
    assert "100 clean validation cases" in found.rule
    assert alarm_threshold(u, 1).value == 99


def test_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="drop"):
        early_warning(np.zeros((1, 2)), np.zeros((1, 2)), alarm=0.5, drop=0)
    with pytest.raises(ValueError, match="clean image first"):
        early_warning(np.zeros(3), np.zeros(3), alarm=0.5, drop=0.1)
    with pytest.raises(ValueError, match="shape"):
        early_warning(np.zeros((1, 2)), np.zeros((1, 3)), alarm=0.5, drop=0.1)
    with pytest.raises(ValueError, match="quantile"):
        alarm_threshold(np.ones(3), 0)
