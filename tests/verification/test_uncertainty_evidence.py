from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr

from pytest_segrobust.perturbations.point import CLEAN, Point
from pytest_segrobust.requirements.requirement import Measure
from pytest_segrobust.verification.patients import Cohort
from pytest_segrobust.verification.uncertainty_evidence import uncertainty_evidence

HALF, FULL = Point.of("gaussian noise", sigma=0.05), Point.of("gaussian noise", sigma=0.1)
LINE = [(0.0, CLEAN), (0.5, HALF), (1.0, FULL)]
N = 12
RNG = np.random.default_rng(1)
DSC, U = RNG.uniform(0.4, 0.9, N), RNG.uniform(0.1, 0.9, N)


@pytest.fixture
def measured_at(measured):
    def rows(point):
        found = []
        for i in range(N):
            worse = 0.0 if point == CLEAN else 0.1 if point == HALF else 0.2
            scores = {"dsc": DSC[i] - worse, "uncertainty": U[i] + worse, "uncertainty_wrong": 0.6, "uncertainty_right": 0.2,
                      "removed_right": 0.05, "removed_wrong": 0.4}  # fmt: skip
            if i % 2:
                scores["delta_dsc"] = 0.01 * i
            m = measured(
                f"p{i}", f"p{i}", point, "organ", scores, undefined={} if i % 2 else {"delta_dsc": "nothing left"}
            )
            found.append(replace(m, reliability=[[10, 3.0, 4], [0, 0.0, 0], [30, 27.0, 30 - i]]))
        return found

    return {str(point): rows(point) for _, point in LINE}


@pytest.fixture
def evidence(measured_at):
    def make(worst=FULL, line=LINE, dsc_below=0.5, rows=None, **others):
        rows = measured_at if rows is None else rows
        return uncertainty_evidence(
            Cohort(rows["clean"], Measure("spearman"), "above"), rows, structure="organ", worst=str(worst), line=line,
            source={"method": "ensemble", "threshold": 0.2}, dsc_below=dsc_below, confidence=0.95, **others
        )  # fmt: skip

    return make


def test_it_holds_what_the_contract_says_and_is_json(evidence):
    found = evidence()
    assert list(found) == ["source", "structure", "alarm", "alarm_rule", "dsc_below", "scatter", "clean_scatter", "silent",
                           "correlations", "risk_coverage", "reliability", "by_severity"]  # fmt: skip
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["source"] == {"method": "ensemble", "threshold": 0.2}
    assert found["alarm"] == pytest.approx(np.quantile(U, 0.95, method="higher"))
    assert "0.95 quantile" in found["alarm_rule"]


def test_the_scatter_is_of_the_worst_point_and_of_the_clean_one(evidence):
    found = evidence()
    assert found["scatter"]["point"] == str(FULL)
    assert [c["error"] for c in found["scatter"]["cases"]] == pytest.approx((1.2 - DSC).tolist())
    assert [c["uncertainty"] for c in found["clean_scatter"]["cases"]] == pytest.approx(U.tolist())
    assert found["scatter"]["cases"][0].keys() == {"case", "patient", "uncertainty", "error", "failure"}


def test_the_coefficients_are_those_of_scipy(evidence):
    found = evidence()["correlations"]
    u, e = U + 0.2, 1.2 - DSC
    assert found["spearman"] == pytest.approx(spearmanr(u, e).statistic)
    assert found["pearson"] == pytest.approx(pearsonr(u, e).statistic)
    assert found["kendall"] == pytest.approx(kendalltau(u, e).statistic)
    assert found["within"] == pytest.approx(1)  # both rise in every patient
    assert found["spearman"] < found["across"] < 1
    assert found["fisher"][0] < found["spearman"] < found["fisher"][1]


def test_silent_failures_are_those_at_or_below_the_alarm(evidence):
    found = evidence()
    expected = ((DSC - 0.2 < 0.5) & (found["alarm"] >= U + 0.2)).sum()
    assert found["silent"] == {"count": expected, "n": N}
    assert expected > 0
    assert evidence(dsc_below=None)["silent"] is None


def test_risk_and_coverage_have_the_best_order_beside_them(evidence):
    found = evidence()["risk_coverage"]
    assert found["coverage"][-1] == 1
    assert found["risk"][-1] == pytest.approx(found["random"]) == pytest.approx(found["best"][-1])
    assert found["aurc"] == pytest.approx(np.mean(found["risk"]))
    assert found["e_aurc"] == pytest.approx(found["aurc"] - np.mean(found["best"]))
    assert all(np.array(found["best"]) <= np.array(found["risk"]) + 1e-12)


def test_reliability_pools_the_voxels_of_all_cases_and_leaves_empty_bins_empty(evidence):
    found = evidence()["reliability"]
    right = sum(30 - i for i in range(N))
    assert found["rows"][0] == [0, pytest.approx(1 / 3), 120, pytest.approx(0.3), pytest.approx(0.4)]
    assert found["rows"][1][2:] == [0, None, None]
    assert found["rows"][2][2:] == [360, pytest.approx(0.9), pytest.approx(right / 360)]
    assert found["ece"] == pytest.approx((abs(36 - 48) + abs(324 - right)) / 480)
    assert found["clean_rows"] == found["rows"]


def test_over_severity_means_are_of_what_has_a_value(evidence):
    rows = evidence()["by_severity"]
    assert [(row["severity"], row["point"], row["n"]) for row in rows] == [(s, str(p), N) for s, p in LINE]
    assert [row["error"] for row in rows] == pytest.approx([1 - DSC.mean() + worse for worse in (0, 0.1, 0.2)])
    assert rows[0]["delta_dsc"] == pytest.approx(0.06)
    assert (rows[1]["wrong"], rows[1]["right"]) == (pytest.approx(0.6), pytest.approx(0.2))
    assert (rows[2]["removed_right"], rows[2]["removed_wrong"]) == (pytest.approx(0.05), pytest.approx(0.4))


def test_what_is_undefined_is_none_with_a_reason(evidence, measured_at):
    flat = {p: [replace(m, scores={"dsc": m.scores["dsc"], "uncertainty": 0.3}, reliability=[]) for m in rows] for p, rows in measured_at.items()}  # fmt: skip
    found = evidence(rows=flat)

    assert found["correlations"]["spearman"] is None
    assert found["correlations"]["fisher"] is None
    assert (found["risk_coverage"]["aurc"], "the same for all" in found["risk_coverage"]["reason"]) == (None, True)
    assert found["reliability"] == {"rows": [], "ece": None, "clean_rows": []}
    assert found["by_severity"][0]["wrong"] is None


def test_without_labels_nothing_but_uncertainty_is_known(evidence, measured_at):
    blind = {p: [replace(m, reference_voxels=None) for m in rows] for p, rows in measured_at.items()}
    found = evidence(rows=blind)
    assert (found["alarm"], found["silent"], found["scatter"]["cases"]) == (None, None, [])
    assert json.dumps(found, allow_nan=False)
