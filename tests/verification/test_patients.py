import math

import numpy as np
import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.requirement import Measure
from pytest_segrobust.verification.patients import MEAN, Cohort

NOISY = Point.of("gaussian noise", sigma=0.1)
DROP = Measure("dsc", "drop")


@pytest.fixture
def rows(measured):
    """rows(point, {case: score or failure or (score, keyword arguments)}): the patient is the case's first letter."""

    def make(point, cases, structure="organ", key="dsc", **others):
        found = []
        for case, value in cases.items():
            value, own = value if isinstance(value, tuple) else (value, {})
            scores = value if isinstance(value, str) else {"dsc": 0.5, key: value}
            found.append(measured(case, case[0], point, structure, scores, **{**others, **own}))
        return found

    return make


def values(cohort, perturbed, structure="organ"):
    return cohort.at(perturbed, structure).values.tolist()


@pytest.mark.parametrize(
    ("form", "expected"),
    [("value", 0.6), ("drop", 0.2), ("relative drop", 0.25), ("increase", -0.2)],
)
def test_each_form_sets_clean_and_perturbed_against_each_other(rows, form, expected):
    cohort = Cohort(rows(CLEAN, {"a": 0.8}), Measure("dsc", form), "below")
    assert values(cohort, rows(NOISY, {"a": 0.6})) == pytest.approx([expected])


def test_noise_draws_are_averaged_within_a_case_and_cases_within_a_patient(rows):
    cohort = Cohort(rows(CLEAN, {"a1": 0.8, "a2": 0.8, "b": 0.8}), DROP, "below")
    perturbed = rows(NOISY, {"a1": 0.8, "a2": 0.4, "b": 0.7}) + rows(
        NOISY, {"a1": 0.6, "a2": 0.4, "b": 0.7}, realisation=1
    )

    found = cohort.at(perturbed, "organ")
    assert found.patients == ("a", "b")
    assert found.values == pytest.approx([(0.1 + 0.4) / 2, 0.1])  # not (0 + .2 + .4 + .4) / 4 of unequal weights
    assert [case.value for case in found.cases] == pytest.approx([0.1, 0.4, 0.1])
    assert [case.clean for case in found.cases] == [0.8, 0.8, 0.8]
    assert [case.perturbed for case in found.cases] == pytest.approx([0.7, 0.4, 0.7])


@pytest.mark.parametrize("failure", ["missed", "crashed: out of tea", "NaN in 3 % of voxels", "shape (1, 2)"])
def test_a_case_that_failed_on_the_clean_image_has_the_worst_drop(rows, failure):
    for form in ("drop", "relative drop"):
        cohort = Cohort(rows(CLEAN, {"a": failure, "b": 0.8}), Measure("dsc", form), "below")
        assert values(cohort, rows(NOISY, {"a": failure, "b": 0.8})) == [1.0, 0.0]
        assert values(cohort, rows(NOISY, {"a": 0.9, "b": 0.8})) == [1.0, 0.0]  # not even if noise brings it back
        assert cohort.failed_clean("organ") == ("a",)


def test_a_clean_dsc_of_zero_is_no_robustness_even_if_something_was_predicted(rows):
    for form in ("drop", "relative drop"):
        cohort = Cohort(rows(CLEAN, {"a": 0.0}), Measure("dsc", form), "below")
        assert values(cohort, rows(NOISY, {"a": 0.0})) == [1.0]


def test_a_clean_failure_has_the_diagonal_as_its_hd95_increase(rows):
    cohort = Cohort(rows(CLEAN, {"a": "missed"}), Measure("hd95", "increase"), "below")
    assert values(cohort, rows(NOISY, {"a": "missed"})) == [80.0]


def test_a_structure_that_vanishes_raises_hd95_by_nearly_the_diagonal(rows):
    cohort = Cohort(rows(CLEAN, {"a": 2.0}, key="hd95"), Measure("hd95", "increase"), "below")
    assert values(cohort, rows(NOISY, {"a": "missed"})) == [78.0]


def test_a_structure_that_vanishes_does_not_improve_over_segmentation(rows):
    cohort = Cohort(rows(CLEAN, {"a": 0.2}, key="over_segmentation"), Measure("over_segmentation", "increase"), "below")
    assert values(cohort, rows(NOISY, {"a": "missed"})) == pytest.approx([0.8])


def test_a_nan_score_is_the_worst_score(rows):
    cohort = Cohort(rows(CLEAN, {"a": 0.8}), DROP, "below")
    assert values(cohort, rows(NOISY, {"a": math.nan})) == [0.8]


def test_a_distance_that_is_no_number_is_refused_since_its_worst_is_unknown(rows):
    cohort = Cohort(rows(CLEAN, {"a": 2.0}, key="hd95"), Measure("hd95", "increase"), "below")
    with pytest.raises(EvidenceError, match="hd95"):
        cohort.at(rows(NOISY, {"a": math.nan}, key="hd95"), "organ")


def test_a_score_that_was_not_measured_is_refused(rows):
    cohort = Cohort(rows(CLEAN, {"a": 0.8}), Measure("nsd", "drop", tolerance=2.0), "below")
    with pytest.raises(EvidenceError, match="nsd@2"):
        cohort.at(rows(NOISY, {"a": 0.8}), "organ")


def test_nsd_is_read_at_its_tolerance(rows):
    cohort = Cohort(rows(CLEAN, {"a": 0.9}, key="nsd@1.5"), Measure("nsd", "drop", tolerance=1.5), "below")
    assert values(cohort, rows(NOISY, {"a": 0.7}, key="nsd@1.5")) == pytest.approx([0.2])


def test_n_is_the_same_clean_and_perturbed_whatever_fails(rows):
    clean = dict.fromkeys("abcdef", 0.8)
    cohort = Cohort(rows(CLEAN, clean), DROP, "below")
    perturbed = {**clean, "b": "missed", "c": "crashed: x", "d": math.nan}

    assert len(values(cohort, rows(CLEAN, clean))) == len(values(cohort, rows(NOISY, perturbed))) == 6


def test_a_missing_case_draw_or_structure_is_refused(rows):
    cohort = Cohort(rows(CLEAN, {"a": 0.8, "b": 0.8}), DROP, "below")
    whole = rows(NOISY, {"a": 0.7, "b": 0.7}) + rows(NOISY, {"a": 0.7, "b": 0.7}, realisation=1)
    other = rows(NOISY, {"a": 0.7, "b": 0.7}, structure="other")

    for broken in ([], whole[:1], whole[:3], whole + whole[:1], whole + other, whole + rows(NOISY, {"z": 0.7})):
        with pytest.raises(EvidenceError, match="case by case"):
            cohort.at(broken, "organ")


def test_a_clean_structure_that_is_missing_is_refused(rows):
    with pytest.raises(EvidenceError, match="exactly once"):
        Cohort(rows(CLEAN, {"a": 0.8, "b": 0.8}) + rows(CLEAN, {"a": 0.8}, structure="other"), DROP, "below")


def test_an_empty_reference_leaves_a_structures_n_clean_and_perturbed_alike(rows):
    cases = {"a": 0.8, "b": (1.0, {"reference_voxels": 0})}
    cohort = Cohort(rows(CLEAN, cases), DROP, "below")

    invented = {"a": 0.7, "b": ("false detection", {"reference_voxels": 0})}
    found = cohort.at(rows(NOISY, invented), "organ")
    assert found.patients == ("a",)
    assert cohort.excluded["organ"] == {"b": "empty reference"}


def test_an_empty_reference_is_scored_where_the_spec_says_so(rows):
    cases = {"a": 0.8, "b": (1.0, {"reference_voxels": 0})}
    cohort = Cohort(rows(CLEAN, cases), DROP, "below", empty_reference="score")

    assert values(cohort, rows(NOISY, {"a": 0.8, "b": (1.0, {"reference_voxels": 0})})) == [0.0, 0.0]
    assert values(cohort, rows(NOISY, {"a": 0.8, "b": ("false detection", {"reference_voxels": 0})})) == [0.0, 1.0]


def test_cases_without_a_label_count_for_agreement_alone(rows):
    unlabelled = {"a": (0.9, {"reference_voxels": None, "predicted_voxels": 50})}
    clean, noisy = rows(CLEAN, unlabelled, key="agreement"), rows(NOISY, unlabelled, key="agreement")

    assert Cohort(clean, Measure("agreement"), "at least").counted("organ") == ("a",)
    assert values(Cohort(clean, Measure("agreement"), "at least"), noisy) == [0.9]
    assert Cohort(clean, DROP, "below").excluded["organ"] == {"a": "no label"}


def test_agreement_of_nothing_with_nothing_says_nothing_where_the_label_is_empty(rows):
    empty = {"a": (1.0, {"reference_voxels": 0, "predicted_voxels": 0})}
    assert Cohort(rows(CLEAN, empty, key="agreement"), Measure("agreement"), "at least").counted("organ") == ()


def test_without_labels_n_does_not_depend_on_what_is_predicted_and_an_invention_agrees_with_nothing(rows):
    nothing = {"reference_voxels": None, "predicted_voxels": 0}
    clean = rows(CLEAN, dict.fromkeys("abc", (1.0, nothing)), key="agreement")
    cohort = Cohort(clean, Measure("agreement"), "at least")
    perturbed = rows(NOISY, {"a": (1.0, nothing), "b": (1.0, nothing), "c": ("invented", {**nothing})}, key="agreement")

    assert cohort.counted("organ") == ("a", "b", "c")
    assert values(cohort, perturbed) == [1.0, 1.0, 0.0]
    assert cohort.at_risk == ("a", "b", "c")


def test_a_gross_failure_rate_is_about_labelled_cases_since_in_others_none_would_show(rows):
    cases = {"a": 0.8, "b": (0.8, {"reference_voxels": None}), "c1": 0.8, "c2": (0.8, {"reference_voxels": None})}
    cohort = Cohort(rows(CLEAN, cases), Measure("gross_failure_rate"), "below")
    perturbed = rows(NOISY, {**cases, "c2": ("crashed: x", {"reference_voxels": None})})

    assert cohort.excluded["organ"] == {"b": "no label", "c2": "no label"}
    found = cohort.at(perturbed, "organ")
    assert (found.patients, found.values.tolist()) == (("a", "c"), [0, 1])
    assert [case.case for case in found.cases] == ["a", "c1"]
    assert cohort.at_risk == ("a", "c")


@pytest.mark.parametrize("metric", ["dsc", "agreement", "gross_failure_rate"])
@pytest.mark.parametrize("empty_reference", ["exclude", "score"])
def test_a_case_without_the_structure_that_is_perturbed_is_in_no_structures_n(rows, metric, empty_reference):
    clean = rows(CLEAN, {"a": 0.8, "b": 0.8}) + rows(CLEAN, {"a": 0.8, "b": (1.0, {"reference_voxels": 0})}, "lesion")
    kwargs = {"empty_reference": empty_reference, "perturbed_structures": ["lesion"]}
    cohort = Cohort(clean, Measure(metric), "at least", **kwargs)

    assert cohort.excluded == {"organ": {"b": "nothing to perturb"}, "lesion": {"b": "nothing to perturb"}}
    assert cohort.counted(MEAN) == cohort.at_risk == ("a",)


def test_a_gain_counts_as_much_as_the_worst_loss_at_most(rows):
    cohort = Cohort(rows(CLEAN, {"a": 0.01, "b": 0.8}), Measure("dsc", "relative drop"), "below")
    assert values(cohort, rows(NOISY, {"a": 0.9, "b": 0.4})) == [-1.0, 0.5]


def test_agreement_with_a_clean_prediction_that_missed_the_structure_is_none(rows):
    cohort = Cohort(rows(CLEAN, {"a": "missed"}), Measure("agreement"), "at least")
    assert values(cohort, rows(NOISY, {"a": 1.0}, key="agreement")) == [0.0]


def test_the_clean_prediction_agrees_with_itself_though_nobody_measured_it(rows):
    clean = rows(CLEAN, {"a": 0.8})
    assert values(Cohort(clean, Measure("agreement"), "at least"), clean) == [1.0]


def test_failures_never_balance_a_bias_of_the_others(rows):
    clean = dict.fromkeys("abcdefghijklmnopqrst", 0.05)
    cohort = Cohort(rows(CLEAN, clean, key="volume_bias"), Measure("volume_bias"), "within")
    perturbed = rows(NOISY, {**clean, "a": "crashed: x"}, key="volume_bias")

    assert np.mean(values(cohort, perturbed)) == pytest.approx((19 * 0.05 + 1) / 20)  # -1 would have made it 0
    assert cohort.at(perturbed, "organ").cases[0].value == 1
    shrunk = dict.fromkeys(clean, -0.05)
    cohort = Cohort(rows(CLEAN, shrunk, key="volume_bias"), Measure("volume_bias"), "within")
    perturbed = rows(NOISY, {**shrunk, "a": "missed"}, key="volume_bias")
    assert np.mean(values(cohort, perturbed)) == pytest.approx((19 * -0.05 - 1) / 20)


def test_the_mean_of_structures_is_taken_within_a_case_over_those_it_has(rows):
    clean = rows(CLEAN, {"a": 0.8, "b": 0.8}, "left") + rows(
        CLEAN, {"a": 0.6, "b": (1.0, {"reference_voxels": 0})}, "right"
    )
    noisy = rows(NOISY, {"a": 0.7, "b": 0.5}, "left") + rows(
        NOISY, {"a": 0.3, "b": (1.0, {"reference_voxels": 0})}, "right"
    )
    found = Cohort(clean, DROP, "below").at(noisy, MEAN)

    assert found.patients == ("a", "b")
    assert found.values == pytest.approx([0.2, 0.3])


def test_a_gross_failure_rate_counts_each_patient_once_and_all_of_them(rows):
    cases = {"a1": 0.8, "a2": 0.8, "b": 0.8, "c": (1.0, {"reference_voxels": 0})}
    cohort = Cohort(rows(CLEAN, cases), Measure("gross_failure_rate"), "below", dsc_below=0.5)
    perturbed = rows(
        NOISY, {"a1": "missed", "a2": "missed", "b": 0.49, "c": ("false detection", {"reference_voxels": 0})}
    )

    assert values(cohort, perturbed) == [1, 1, 1]
    assert values(cohort, rows(NOISY, cases)) == [0, 0, 0]
