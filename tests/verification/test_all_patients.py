from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.requirement import Measure
from pytest_segrobust.verification.all_patients import alarm_of, alarm_of_means, pairs_at, statistic, values_at
from pytest_segrobust.verification.patients import MEAN, Cohort

NOISE = Point.of("gaussian noise", sigma=0.1)
SPEARMAN = Measure("spearman")
SILENT = Measure("silent_failure_rate", dsc_below=0.7)


@pytest.fixture
def row(measured):
    def row(i, dsc, uncertainty, *, point=NOISE, structure="organ", case=0, failure=None, **others):
        scores = {"dsc": dsc, "uncertainty": uncertainty}
        return measured(f"p{i}-{case}", f"p{i}", point, structure, scores, failure=failure, **others)

    return row


@pytest.fixture
def clean(row):
    return [row(i, 0.9, 0.1 + 0.001 * i, point=CLEAN) for i in range(10)]


def cohort_of(clean, measure=SPEARMAN, comparison="above"):
    return Cohort(clean, measure, comparison)


def test_the_error_is_1_less_dsc_and_the_coefficient_that_of_scipy(row, clean):
    rng = np.random.default_rng(0)
    dsc, u = rng.uniform(0.3, 0.9, 10), rng.uniform(0, 1, 10)
    found = values_at(cohort_of(clean), [row(i, dsc[i], u[i]) for i in range(10)], "organ")
    decided = statistic(SPEARMAN, found.values)

    assert found.values == pytest.approx(np.column_stack([u, 1 - dsc]))
    assert decided.estimate == pytest.approx(spearmanr(u, 1 - dsc).statistic)
    assert decided.interval.low < decided.estimate < decided.interval.high
    assert decided.fisher[0] < decided.estimate < decided.fisher[1]
    assert "over patients" in decided.interval.method


def test_structures_draws_and_cases_are_averaged_within_the_patient(row, measured):
    clean = [row(i, 0.9, 0.1, point=CLEAN, structure=s, case=c) for i in range(3) for s in "ab" for c in (0, 1)]
    rows = [
        row(i, 0.1 * (i + (s == "b") + 2 * c + 3 * d), i + 10 * (s == "b") + 20 * c + 40 * d, structure=s, case=c, realisation=d)
        for i in range(3)
        for s in "ab"
        for c in (0, 1)
        for d in (0, 1)
    ]  # fmt: skip
    cohort = cohort_of(clean)

    mean, one = values_at(cohort, rows, MEAN), values_at(cohort, rows, "a")
    assert mean.values[1] == pytest.approx([1 + 5 + 10 + 20, 1 - 0.1 * (1 + 0.5 + 1 + 1.5)])
    assert one.values[1] == pytest.approx([1 + 10 + 20, 1 - 0.1 * (1 + 1 + 1.5)])
    assert mean.patients == ("p0", "p1", "p2")
    assert len(mean.cases) == 6


def test_a_crash_is_the_worst_error_without_a_warning(row, clean):
    rows = [row(i, 0.5, 0.5) for i in range(9)] + [row(9, 0.95, 0.0, failure="crashed: out of memory")]
    [*_, crashed] = pairs_at(cohort_of(clean), rows, "organ")

    assert (crashed.uncertainty, crashed.error, crashed.failure) == (0.0, 1.0, "crashed: out of memory")


def test_cases_without_a_label_and_without_the_structure_do_not_count(row, measured):
    clean = [row(i, 0.9, 0.1, point=CLEAN, reference_voxels=[100, None, 0][i % 3]) for i in range(9)]
    rows = [row(i, 0.9, 0.1, reference_voxels=[100, None, 0][i % 3]) for i in range(9)]

    assert values_at(cohort_of(clean), rows, "organ").patients == ("p0", "p3", "p6")


@pytest.mark.parametrize("key", ["dsc", "uncertainty"])
@pytest.mark.parametrize("value", [None, np.nan])
def test_what_was_not_measured_decides_nothing(row, clean, key, value):
    rows = [row(i, 0.5, 0.5) for i in range(10)]
    del rows[3].scores[key]
    if value is not None:
        rows[3].scores[key] = value

    with pytest.raises(EvidenceError, match="was not measured"):
        values_at(cohort_of(clean), rows, "organ")


def test_a_case_that_is_missing_decides_nothing(row, clean):
    with pytest.raises(EvidenceError, match="do not match"):
        values_at(cohort_of(clean), [row(i, 0.5, 0.5) for i in range(9)], "organ")


def test_single_cases_are_ordered_by_how_much_surer_than_right_they_are(row, clean):
    rows = [row(i, 0.9 - 0.05 * i, 0.1 * i) for i in range(9)] + [row(9, 0.1, 0.0)]
    for comparison, sign in (("above", -1), ("below", 1)):
        cases = values_at(cohort_of(clean, comparison=comparison), rows, "organ").cases
        assert max(cases, key=lambda case: sign * case.value).case == "p9-0"


def spread(n=20):
    return np.column_stack([np.linspace(0.1, 1, n), np.linspace(0.1, 0.5, n)])


@pytest.mark.parametrize(
    ("metric", "n", "told"), [("aurc", 30, True), ("e_aurc", 30, True), ("n_aurc", 30, False), ("aurc", 120, False)]
)
def test_areas_of_few_patients_are_told_to_be_approximate(metric, n, told):
    u, error = np.random.default_rng(4).lognormal(-2, 0.7, (2, n))
    interval = statistic(Measure(metric), np.column_stack([u + error, error]), resamples=500).interval
    assert interval.warning.startswith(f"{n} patients: the bounds of AURC and E-AURC are approximate") is told
    assert interval.small_sample is told
    assert "bootstrap-t" in interval.method


def test_a_constant_uncertainty_has_no_statistic_and_that_is_the_models_fault():
    values = spread()
    values[:, 0] = 0.3
    for measure in (
        SPEARMAN,
        Measure("kendall"),
        Measure("n_aurc"),
        Measure("aurc"),
        Measure("failure_auroc", dsc_below=0.8),
    ):
        found = statistic(measure, values)
        assert (found.estimate, found.says_nothing) == (None, False)
        assert "uncertainty is the same for all 20 patients" in found.reason


def test_a_point_at_which_nothing_is_wrong_says_nothing():
    values = spread()
    values[:, 1] = 0
    for measure in (
        SPEARMAN,
        Measure("pearson"),
        Measure("n_aurc"),
        Measure("failure_recall", dsc_below=0.8, referral=0.2),
    ):
        found = statistic(measure, values)
        assert (found.estimate, found.says_nothing) == (None, True)


def test_a_point_without_failures_says_nothing_of_their_detection_and_one_with_nothing_else_cannot_be_evaluated():
    nobody = statistic(Measure("failure_auroc", dsc_below=0.4), spread())
    everybody = statistic(Measure("failure_auroc", dsc_below=0.95), spread())

    assert (nobody.estimate, nobody.says_nothing) == (None, True)
    assert (everybody.estimate, everybody.says_nothing) == (None, False)
    assert "none of 20 patients has a DSC below 0.4" in nobody.reason


def test_equal_errors_that_are_none_of_0_are_no_excuse():
    values = spread()
    values[:, 1] = 1.0
    found = statistic(SPEARMAN, values)
    assert (found.estimate, found.says_nothing) == (None, False)


def test_four_patients_are_too_few():
    found = statistic(SPEARMAN, spread(4))
    assert found.estimate is None
    assert "too few" in found.reason


@pytest.mark.parametrize(
    ("measure", "best"),
    [(SPEARMAN, 1), (Measure("pearson"), 1), (Measure("kendall"), 1), (Measure("n_aurc"), 1), (Measure("e_aurc"), 0),
     (Measure("failure_auroc", dsc_below=0.7), 1), (Measure("failure_recall", dsc_below=0.7, referral=0.5), 0.9)],
)  # fmt: skip
def test_the_order_of_the_errors_themselves_is_the_best(measure, best):
    values = spread()
    values[:, 0] = values[:, 1]
    assert statistic(measure, values).estimate == pytest.approx(best, abs=0.11)


def test_a_silent_failure_is_a_case_that_failed_below_the_alarm_in_any_draw(row, clean):
    cohort = cohort_of(clean, SILENT, "below")
    alarm, rule = alarm_of(cohort, "organ")
    rows = [row(i, 0.9, 0.1, realisation=d) for i in range(7) for d in (0, 1)]
    rows += [row(7, [0.9, 0.6][d], alarm, realisation=d) for d in (0, 1)]  # fails in one draw, at the alarm, not above
    rows += [row(8, 0.6, alarm + 1e-6, realisation=d) for d in (0, 1)]  # fails, and warned
    rows += [row(9, 0.0, 0.0, failure="crashed", realisation=d) for d in (0, 1)]
    found = values_at(cohort, rows, "organ")
    decided = statistic(SILENT, found.values)

    assert (alarm, rule) == (
        pytest.approx(0.109),
        "0.95 quantile over patients of each one's largest uncertainty among its clean cases (10 patients, 10 cases)",
    )
    assert [case.case for case in found.cases if case.value] == ["p7-0", "p9-0"]
    assert decided.estimate == 0.2
    assert "Clopper-Pearson" in decided.interval.method


def test_a_patient_counts_once_whatever_its_cases(row):
    clean = [row(i, 0.9, 0.1, point=CLEAN, case=c) for i in range(5) for c in (0, 1)]
    rows = [row(i, 0.5 if i == 0 else 0.9, 0.1, case=c) for i in range(5) for c in (0, 1)]
    assert values_at(cohort_of(clean, SILENT, "below"), rows, "organ").values.tolist() == [1, 0, 0, 0, 0]


def test_the_alarm_spares_all_clean_cases_of_a_patient_as_any_of_its_cases_fails_it(row):
    """The quantile of means would lie below most patients' largest clean case, and warn of their failures by chance."""
    means = [0.1 + 0.001 * i for i in range(20)]
    clean = [
        row(i, 0.9, means[i] + spread, point=CLEAN, case=c)
        for i in range(20)
        for c, spread in enumerate((-0.05, 0, 0.05))
    ]
    rows = [row(i, 0.9 if c else 0.2, means[i] + 0.05, case=c) for i in range(20) for c in range(3)]
    cohort = cohort_of(clean, SILENT, "below")
    alarm, rule = alarm_of(cohort, "organ")

    assert alarm == pytest.approx(np.quantile(np.array(means) + 0.05, 0.95, method="higher"))
    assert "(20 patients, 60 cases)" in rule
    assert values_at(cohort, rows, "organ").values.mean() >= 0.95
    assert alarm_of_means(cohort, "organ")[0] == pytest.approx(np.quantile(means, 0.95, method="higher"))
