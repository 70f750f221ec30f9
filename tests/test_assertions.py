"""Estimates compare with limits through their interval, and tests in Python are requirements too."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_segrobust import perturbations as p
from pytest_segrobust.errors import EvidenceError, SpecError
from pytest_segrobust.estimate import Estimate
from pytest_segrobust.evidence.records import Measurement
from pytest_segrobust.metrics.uncertainty.chance import CHANCE
from pytest_segrobust.python_requirements import Comparison
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Measure

PYTHON = """
import pytest
from hypothesis import given, settings
from pytest_segrobust import perturbations as p, strategies as s

@pytest.mark.requirement("PY-1", risks=["H-3"])
def test_mild_noise(segrobust):
    '''Mild noise costs little.'''
    assert segrobust.drop("dsc", p.gaussian_noise(sigma=0.05)) < 0.2

@pytest.mark.requirement("PY-2")
@settings(max_examples=4)
@given(noise=s.gaussian_noise(sigma=(0, 0.1)), gamma=s.gamma(gamma=(0.9, 1.1)))
def test_noise_after_gamma(segrobust, noise, gamma):
    assert segrobust.drop("dsc", gamma | noise) < 0.3

@pytest.mark.requirement("PY-3", statement="strong noise costs little")
def test_strong_noise(segrobust):
    assert segrobust.drop("dsc", p.gaussian_noise(sigma=2.0)) < 0.05

@pytest.mark.requirement("PY-4")
def test_that_compares_nothing(segrobust):
    segrobust.drop("dsc", p.gaussian_noise(sigma=0.05))

@pytest.mark.requirement("PY-5")
def test_that_fails_for_another_reason(segrobust):
    assert segrobust.value("DSC") >= 0.8
    raise RuntimeError("a bug in the test")

@pytest.mark.requirement("PY-6")
def test_that_passes_over_a_failure(segrobust):
    if not segrobust.drop("dsc", p.gaussian_noise(sigma=2.0)) < 0.05:
        print("never mind")

@pytest.mark.requirement("PY-7")
def test_other_measures(segrobust):
    noise = p.gaussian_noise(sigma=0.05)
    assert segrobust.increase("hd95", noise) < 4
    assert segrobust.value("nsd", noise, tolerance=2) > 0.5
    assert segrobust.value("agreement", noise) > 0.7
    assert segrobust.value("volume bias", noise).within(0.2)
    assert segrobust.gross_failure_rate(noise) < 0.5
    assert segrobust.drop("dsc", noise).for_patients(0.5) < 0.5

@pytest.mark.requirement("PY-8")
def test_changes_without_a_perturbation(segrobust):
    assert segrobust.drop("dsc", p.CLEAN) < 0.05

def test_that_is_no_requirement(segrobust):
    drop = segrobust.drop("dsc", p.gaussian_noise(sigma=0.05))
    for impossible in (
        lambda: drop < 5,
        lambda: segrobust.value("dsc") >= 0,
        lambda: segrobust.gross_failure_rate() <= 1,
        lambda: drop.for_patients(1.0),
        lambda: drop.at_confidence(0.5),
        lambda: segrobust.increase("dsc", p.CLEAN),
    ):
        with pytest.raises(Exception) as refused:
            impossible()
        assert type(refused.value).__name__ == "SpecError"
    with pytest.raises(Exception, match="is better lower"):
        segrobust.drop("dsc", p.gaussian_noise(sigma=0.05)) > 0.1
    with pytest.raises(Exception, match="compare it with"):
        segrobust.value("dsc") == 0.9
"""


@pytest.fixture
def python(project):
    project.pytester.makepyfile(test_python=PYTHON)
    return project


def test_python_requirements_are_decided_and_recorded(python) -> None:
    result = python.run("-n", "2")

    text = result.stdout.str()
    assert python.verdicts | {"NOISE-1": "passed", "NOISE-2": "failed", "CLEAN-1": "passed"} == {
        "NOISE-1": "passed", "NOISE-2": "failed", "CLEAN-1": "passed",
        "PY-1": "passed", "PY-2": "passed", "PY-3": "failed", "PY-4": "invalid", "PY-5": "invalid", "PY-6": "failed",
        "PY-7": "passed", "PY-8": "invalid",
    }  # fmt: skip
    result.assert_outcomes(passed=6, failed=6)
    assert "is not below 5.00 points" in text
    assert python.result("PY-1")["statement"] == "Mild noise costs little."
    assert python.result("PY-1")["risks"] == ["H-3"]
    assert python.result("PY-3")["worst"]["text"] == "gaussian noise(sigma=2)"
    assert python.result("PY-3")["interval"][0] > 0.05
    assert "compared no estimate" in python.result("PY-4")["reason"]


def test_python_requirements_need_no_sentence_in_the_spec(python) -> None:
    python.spec("")

    python.run("test_python.py", "-k", "mild_noise").assert_outcomes(passed=1, deselected=8)

    assert python.verdicts["PY-1"] == "passed"
    assert python.report["data"]["n_patients"] == 8


def test_python_requirement_without_model_is_a_usage_error(python) -> None:
    result = python.run("test_python.py", model=None)

    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_marker_without_id_is_a_usage_error(project) -> None:
    project.pytester.makepyfile("import pytest\n@pytest.mark.requirement\ndef test_x(segrobust): pass")

    result = project.run()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*give the requirement an id*"])


def test_worker_that_dies_in_a_python_requirement_makes_it_invalid(project) -> None:
    project.spec("")
    project.pytester.makepyfile("""
        import os
        import pytest

        @pytest.mark.requirement("PY-9")
        def test_deadly(segrobust):
            os.kill(os.getpid(), 9)
    """)

    project.run("-n", "1")

    assert project.verdicts == {"PY-9": "invalid"}


def test_drawn_examples_are_the_same_in_every_run(python) -> None:
    verdicts = []
    for _ in range(2):
        python.run("test_python.py", "-k", "noise_after_gamma")
        verdicts.append(python.result("PY-2")["estimate"])

    assert verdicts[0] == verdicts[1]
    assert not (python.path / ".hypothesis" / "examples").exists()


MOVED_AND_ATTACKED = """
import pytest
from pytest_segrobust import perturbations as p

@pytest.mark.requirement("FREE")
def test_attack(segrobust):
    assert segrobust.drop("dsc", p.pgd(epsilon=0.2)) < 0.5

@pytest.mark.requirement("AIMED")
def test_targeted_attack(segrobust):
    aimed = p.targeted_pgd(epsilon=0.2, source="disc", target="background")
    assert segrobust.drop("dsc", aimed, structure="disc") < 0.5
"""
ROUNDED = """

class Rounded(Discs):
    '''Hides its gradients: a step has none.'''

    def forward(self, x):
        x = torch.nn.functional.avg_pool2d(x, 5, 1, 2)
        x = torch.round(x * 50) / 50
        return 20 * torch.cat([0.5 - x, x - 0.5], 1)


def rounded():
    return Rounded()
"""


@pytest.mark.parametrize(("model", "verdict"), [("discs", "passed"), ("rounded", "invalid")])
def test_attacks_in_python_are_checked_as_those_in_sentences(project, model: str, verdict: str) -> None:
    networks = project.path / "networks.py"
    networks.write_text(networks.read_text(encoding="utf-8") + ROUNDED, encoding="utf-8")
    project.pytester.makepyfile(test_python=MOVED_AND_ATTACKED)
    project.spec("\n[attack]\nsteps = 10\n")

    project.run("test_python.py", f"--segrobust-spec={project.path / 'segrobust.toml'}", model=f"networks:{model}")

    assert project.verdicts == {"FREE": verdict, "AIMED": verdict}
    if verdict == "invalid":
        assert "gradients masked? mean score" in project.result("FREE")["reason"]
    else:
        assert "[attack] allows 10 steps instead of 20" in project.result("FREE")["warnings"][0]


UNCERTAIN = """
import pytest
from pytest_segrobust import perturbations as p

NOISE = p.gaussian_noise(sigma=0.3)

@pytest.mark.requirement("U-1")
def test_calibration(segrobust):
    assert segrobust.calibration_error(NOISE) < 0.9
    assert segrobust.increase("ece", NOISE) < 0.9
    assert segrobust.uncertainty("brier", NOISE, structure="disc") < 1.9

@pytest.mark.requirement("U-2")
def test_too_much_to_ask(segrobust):
    assert segrobust.separation(NOISE) > 0.999

@pytest.mark.requirement("U-3")
def test_no_failures_to_find(segrobust):
    assert not segrobust.uncertainty("failure_auroc", p.CLEAN, dsc_below=0.01) > 0.8

def test_that_is_no_requirement(segrobust):
    for impossible, told in (
        (lambda: segrobust.uncertainty("severity_tau", NOISE), "write it as a sentence"),
        (lambda: segrobust.correlation(NOISE, "spearman_across"), "write it as a sentence"),
        (lambda: segrobust.uncertainty("dsc", NOISE), "is no measure of uncertainty"),
        (lambda: segrobust.uncertainty("failure_auroc", NOISE), "dsc_below = 0.7"),
        (lambda: segrobust.increase("aurc", NOISE), "it is one number of all patients"),
        (lambda: segrobust.correlation(NOISE, "sperman"), "did you mean 'spearman'"),
        (lambda: segrobust.correlation(NOISE, structure="dis"), "no structure is called 'dis'"),
    ):
        with pytest.raises(Exception, match=told):
            impossible()
"""

LABELS = """

class Labels(Discs):
    def forward(self, x):
        return super().forward(x).argmax(1)


def labels():
    return Labels()
"""


def test_uncertainty_is_compared_as_drops_are(project) -> None:
    project.spec("")
    project.pytester.makepyfile(test_uncertain=UNCERTAIN)

    result = project.run("test_uncertain.py", f"--segrobust-spec={project.path / 'segrobust.toml'}")

    assert project.verdicts == {"U-1": "passed", "U-2": "failed", "U-3": "not_evaluable"}
    result.assert_outcomes(passed=2, failed=2)
    assert "is not above 0.999" in result.stdout.str()
    assert project.result("U-3")["reason"].startswith("not evaluable: none of 8 patients has a DSC below 0.01")
    assert project.result("U-3")["estimate"] is None
    scatter = project.result("U-2")["uncertainty"]["scatter"]
    assert (scatter["point"], len(scatter["cases"])) == ("gaussian noise(sigma=0.3)", 8)
    assert project.result("U-2")["uncertainty"]["source"]["map"] == "predictive_entropy"


def test_a_map_of_labels_has_no_uncertainty_in_python_either(project) -> None:
    spec = project.spec("")
    spec.write_text(
        spec.read_text(encoding="utf-8").replace("[model]", '[model]\noutputs = "labels"'), encoding="utf-8"
    )
    networks = project.path / "networks.py"
    networks.write_text(networks.read_text(encoding="utf-8") + LABELS, encoding="utf-8")
    project.pytester.makepyfile(test_uncertain=UNCERTAIN)

    project.run("test_uncertain.py", "-k", "calibration", model="networks:labels")

    assert project.verdicts["U-1"] == "invalid"
    assert "ECE needs an uncertainty, and there is none: outputs" in project.result("U-1")["reason"]


PATIENTS = 24


def measured(uncertainty, dsc, *, point: str, more=lambda case: {}, undefined=None) -> tuple[Measurement, ...]:
    """One structure of each patient at a point, with these uncertainties and DSCs."""
    return tuple(
        Measurement(
            f"case {case}", f"patient {case}", point, 0, "disc",
            {"dsc": float(dsc[case]), "uncertainty": float(uncertainty[case]), **more(case)},
            reference_voxels=100, undefined=undefined or {},
        )
        for case in range(len(dsc))
    )  # fmt: skip


def estimate(measure: Measure, uncertainty, dsc, comparisons=None, **more) -> Estimate:
    noise = p.gaussian_noise(sigma=0.1)
    return Estimate(
        measure=measure,
        point=noise,
        structure=None,
        clean=measured(np.linspace(0.01, 0.02, len(dsc)), np.full(len(dsc), 0.9), point="clean", **more),
        perturbed=measured(uncertainty, dsc, point=str(noise), **more),
        decision=DecisionSettings(),
        confidence=0.95,
        seed=0,
        comparisons=comparisons,
    )


ERROR = np.random.default_rng(0).uniform(0.1, 0.6, PATIENTS)
KNOWS = ERROR + np.random.default_rng(1).normal(0, 0.03, PATIENTS)


@pytest.mark.parametrize(
    ("measure", "limit", "good"),
    [
        (Measure("spearman"), 0.4, True),
        (Measure("kendall"), 0.3, True),
        (Measure("n_aurc"), 0.3, True),
        (Measure("failure_auroc", dsc_below=0.6), 0.7, True),
        (Measure("failure_recall", dsc_below=0.6, referral=0.5), 0.55, True),
        (Measure("spearman"), 0.99, False),
    ],
)
def test_statistics_of_all_patients_compare_by_their_interval(measure: Measure, limit: float, good: bool) -> None:
    assert (estimate(measure, KNOWS, 1 - ERROR) > limit) is good
    assert (estimate(measure, 1 - KNOWS, 1 - ERROR) > limit) is False  # sure where it is wrong


def test_a_silent_failure_rate_counts_the_sure_and_wrong_among_all_patients() -> None:
    measure = Measure("silent_failure_rate", dsc_below=0.6)
    assert estimate(measure, KNOWS, 1 - ERROR) < 0.2
    assert not estimate(measure, np.zeros(PATIENTS), 1 - ERROR) < 0.2


def test_what_pytest_shows_names_the_coefficient_its_bounds_and_the_patients() -> None:
    first, second = estimate(Measure("spearman"), 1 - KNOWS, 1 - ERROR).explain_comparison(">", 0.4)
    assert first.startswith("Spearman correlation with error = -0.9")
    assert first.endswith("(24 patients, one-sided 0.95) is not above 0.400")
    assert second == "failed for disc at gaussian noise(sigma=0.1)"


@pytest.mark.parametrize(
    ("measure", "uncertainty", "dsc", "reason"),
    [
        (Measure("spearman"), np.full(PATIENTS, 0.3), 1 - ERROR, "uncertainty is the same for all 24 patients"),
        (Measure("spearman"), KNOWS, np.ones(PATIENTS), "nothing is wrong in any of 24 patients"),
        (Measure("failure_auroc", dsc_below=0.3), KNOWS, 1 - ERROR, "none of 24 patients has a DSC below 0.3"),
    ],
)
def test_what_has_no_value_is_not_evaluable_and_never_silently_right_or_wrong(measure, uncertainty, dsc, reason):
    comparisons: list[Comparison] = []
    undefined = estimate(measure, uncertainty, dsc, comparisons)

    with pytest.raises(EvidenceError, match=f"^not evaluable: {reason}"):
        assert not undefined > 0.6  # with a plain False this would pass

    [compared] = comparisons
    assert (compared.outcome, compared.result.verdict, compared.result.estimate) == (
        "not_evaluable",
        "not_evaluable",
        None,
    )
    assert compared.result.reason in undefined.explain_comparison(">", 0.6)


def test_measures_of_voxels_are_means_over_patients_and_changes_are_paired() -> None:
    separates = {"more": lambda case: {"error_auroc": 0.85 + 0.001 * case, "ece": 0.02}}
    assert estimate(Measure("error_auroc"), KNOWS, 1 - ERROR, **separates) > 0.8
    assert not estimate(Measure("error_auroc"), KNOWS, 1 - ERROR, **separates) > 0.9
    assert estimate(Measure("ece", "increase"), KNOWS, 1 - ERROR, **separates) < 0.01


def test_maps_that_are_constant_in_every_case_are_not_evaluable() -> None:
    nothing = {"undefined": {"error_auroc": "the map is constant over 40 voxels"}}
    with pytest.raises(EvidenceError, match="not evaluable: uncertainty is constant in each of 24 cases"):
        assert estimate(Measure("error_auroc"), KNOWS, 1 - ERROR, **nothing) > 0.8


@pytest.mark.parametrize(
    ("measure", "limit"), [(Measure("spearman"), -0.1), (Measure("error_auroc"), 0.4), (Measure("spearman"), 1.0)]
)
def test_limits_that_claim_nothing_are_refused_as_in_sentences(measure: Measure, limit: float) -> None:
    with pytest.raises(SpecError):
        assert estimate(measure, KNOWS, 1 - ERROR) > limit
    with pytest.raises(SpecError, match="is better higher"):
        assert estimate(measure, KNOWS, 1 - ERROR) < 0.9


@pytest.mark.parametrize(("limit", "passes"), [(0.8, False), (0.9, True)])
def test_a_limit_that_a_map_that_knows_nothing_meets_is_no_pass_as_in_sentences(limit: float, passes: bool) -> None:
    scores = {"more": lambda case: {"pavpu": 0.95 + 0.001 * (case % 3), f"{CHANCE}pavpu": 0.887}}
    comparisons: list[Comparison] = []
    patches = estimate(Measure("pavpu"), KNOWS, 1 - ERROR, comparisons, **scores)

    if passes:
        assert patches > limit
    else:
        with pytest.raises(EvidenceError, match=r"not evaluable: a map that knows nothing scores 0\.887"):
            assert patches > limit
        assert "which meets the limit" in patches.explain_comparison(">", limit)[0]

    [compared] = comparisons
    assert compared.outcome == ("passed" if passes else "not_evaluable")
    assert passes is any("a map that knows nothing would score 0.887" in w for w in compared.result.warnings)
    misled = {"more": lambda case: {"pavpu": 0.7 + 0.001 * (case % 3), f"{CHANCE}pavpu": 0.887}}
    assert not estimate(Measure("pavpu"), KNOWS, 1 - ERROR, **misled) > limit  # a failure stays one


def test_one_number_of_all_patients_has_no_share_of_patients() -> None:
    with pytest.raises(SpecError, match="is one number of all patients already"):
        estimate(Measure("spearman"), KNOWS, 1 - ERROR).for_patients(0.9)
