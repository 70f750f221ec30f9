"""Estimates compare with limits through their interval, and tests in Python are requirements too."""

from __future__ import annotations

import pytest

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
