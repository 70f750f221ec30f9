"""Uncertainty from the model to the report: a model that knows its errors passes, one that misleads fails."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

PATIENTS = 24

NETWORKS = """
import torch


class Planted(torch.nn.Module):
    '''Segments by a threshold after little smoothing, and knows better: strong smoothing shows where it is wrong.'''

    def __init__(self, variance):
        super().__init__()
        self.variance = variance

    def forward(self, x):
        seen = torch.nn.functional.avg_pool2d(x, 3, 1, 1) > 0.5
        true = torch.nn.functional.avg_pool2d(x, 9, 1, 4, count_include_pad=False) > 0.5
        p = torch.where(seen, 0.9, 0.1)
        wrong = (seen != true).float()
        v = {"knows": 0.001 + 0.08 * wrong, "misleads": 0.001 + 0.08 * (1 - wrong), "constant": 0.05 + 0 * wrong}
        v = v[self.variance]
        return torch.cat([1 - p, p], 1), torch.cat([v, v], 1)


def knows():
    return Planted("knows")


def misleads():
    return Planted("misleads")


def constant():
    return Planted("constant")


class Dropout(torch.nn.Module):
    '''Undecided where the image is noisy: half of its evidence is dropped in each pass.'''

    def __init__(self):
        super().__init__()
        self.drop = torch.nn.Dropout2d(0.5)

    def forward(self, x):
        views = torch.cat([torch.nn.functional.avg_pool2d(x, k, 1, k // 2) for k in (1, 3, 5, 7)], 1)
        evidence = self.drop(80 * (views - 0.5)).sum(1, keepdim=True)
        return torch.cat([-evidence, evidence], 1)


def dropout():
    return Dropout()


class Plain(torch.nn.Module):
    def forward(self, x):
        x = torch.nn.functional.avg_pool2d(x, 5, 1, 2)
        return 100 * torch.cat([0.5 - x, x - 0.5], 1)


def plain():
    return Plain()
"""

DATA = """
[data]
images = "images/*.nii.gz"
labels = "labels/{name}.nii.gz"
patient = "{name}"
intensity = { window = [0.0, 1.0] }
"""

REQUIREMENTS = """
[[requirement]]
id = "DSC"
statement = "DSC is at least 0.5"

[[requirement]]
id = "CORRELATES"
statement = "uncertainty correlates with error above 0.4 under gaussian noise with 0.05 <= sigma <= 0.1"

[[requirement]]
id = "SEPARATES"
statement = "uncertainty separates errors with AUROC above 0.7 under gaussian noise with 0.05 <= sigma <= 0.1"

[[requirement]]
id = "RISES"
statement = "uncertainty rises with severity under gaussian noise with sigma <= 0.1"

[[requirement]]
id = "REMOVING"
statement = "removing uncertain voxels raises DSC under gaussian noise with 0.05 <= sigma <= 0.1"

[[requirement]]
id = "SURE"
statement = "nAURC under gaussian noise with 0.05 <= sigma <= 0.1 is above 0.3"
"""
UNCERTAIN = ("CORRELATES", "SEPARATES", "RISES", "REMOVING", "SURE")


def settings(outputs: str, uncertainty: str = "") -> str:
    return f'[model]\nclasses = {{ disc = 1 }}\nbatch_size = 4\noutputs = "{outputs}"\n{uncertainty}\n' + DATA


def write_patients(folder: Path) -> None:
    """Discs whose contrast falls from patient to patient, so that the same noise harms some more than others."""
    rng = np.random.default_rng(1)
    (folder / "images").mkdir(exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    for path in (*(folder / "images").iterdir(), *(folder / "labels").iterdir()):
        path.unlink()
    rows, columns = np.mgrid[:48, :48]
    for patient in range(PATIENTS):
        centre = rng.uniform(0.4, 0.6, 2) * 48
        disc = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < (0.3 * 48) ** 2
        half = 0.03 + 0.05 * patient / PATIENTS
        image = (0.5 - half + 2 * half * disc).astype(np.float32)
        image[0, 0] += 1e-6  # an image that is its own label could not pass
        name = f"patient_{patient:02d}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(image, np.diag([1.5, 1.5, 1, 1])), folder / "images" / name)
        nibabel.save(nibabel.Nifti1Image(disc.astype(np.uint8), np.diag([1.5, 1.5, 1, 1])), folder / "labels" / name)


@pytest.fixture
def planted(project):
    write_patients(project.path)
    (project.path / "networks.py").write_text(NETWORKS, encoding="utf-8")
    project.spec(REQUIREMENTS, settings("mean_variance"))
    return project


def test_uncertainty_that_is_the_error_passes(planted) -> None:
    planted.run("-n", "2", model="networks:knows").assert_outcomes(passed=6)

    assert set(planted.verdicts.values()) == {"passed"}
    assert planted.result("CORRELATES")["estimate"] > 0.6
    assert planted.result("SEPARATES")["estimate"] > 0.75


def test_uncertainty_that_misleads_fails(planted) -> None:
    planted.run("-n", "2", model="networks:misleads")

    verdicts = planted.verdicts
    assert verdicts.pop("DSC") == "passed"
    assert set(verdicts.values()) == {"failed"}
    assert planted.result("CORRELATES")["estimate"] < 0


def test_constant_uncertainty_is_not_evaluable_and_says_why(planted) -> None:
    planted.run("-n", "2", model="networks:constant")

    for name in UNCERTAIN:
        found = planted.result(name)
        assert found["verdict"] == "not_evaluable", name
        assert "uncertainty" in found["reason"], name
        assert "same" in found["reason"] or "constant" in found["reason"], name


def test_mc_dropout_repeats_whatever_the_workers_and_batches(planted) -> None:
    source = 'uncertainty = { method = "mc_dropout", passes = 6 }'
    one = """
[[requirement]]
id = "DROPOUT"
statement = "uncertainty correlates with error above 0.1 under gaussian noise with 0.05 <= sigma <= 0.1"

[[requirement]]
id = "DSC"
statement = "DSC under gaussian noise with sigma <= 0.1 is at least 0.3"
"""
    found = []
    for workers, batch in (("0", 4), ("2", 4), ("0", 3)):
        planted.spec(one, settings("logits", source).replace("batch_size = 4", f"batch_size = {batch}"))
        planted.run("-n", workers, model="networks:dropout")
        found.append(
            [(planted.result(name)["estimate"], planted.result(name)["interval"]) for name in ("DROPOUT", "DSC")]
        )

    assert found[0] == found[1]
    assert found[0][0][0] == pytest.approx(found[2][0][0], abs=1e-6)
    about = planted.result("DROPOUT")["uncertainty"]["source"]
    assert (about["method"], about["passes"], about["map"], about["aggregation"]) == (
        "mc_dropout",
        6,
        "variance",
        "boundary",
    )


def test_dropout_without_a_dropout_layer_is_an_error_that_says_so(planted) -> None:
    planted.spec(REQUIREMENTS, settings("logits", 'uncertainty = "mc_dropout"'))

    planted.run(model="networks:plain")

    assert set(planted.verdicts.values()) == {"invalid"}
    assert "dropout" in planted.result("CORRELATES")["reason"]


def test_label_maps_have_no_uncertainty(planted) -> None:
    planted.spec(REQUIREMENTS, settings("labels"))

    result = planted.run(model="networks:plain")

    assert result.ret != 0
    assert "outputs = 'labels'" in result.stdout.str() + result.stderr.str()
    assert "uncertainty" in result.stdout.str() + result.stderr.str()


def test_one_pass_has_its_entropy_and_the_report_says_so(planted) -> None:
    planted.spec(REQUIREMENTS, settings("logits"))

    planted.run("-n", "2", model="networks:plain")

    about = planted.result("CORRELATES")["uncertainty"]
    assert (about["source"]["method"], about["source"]["map"]) == ("softmax", "predictive_entropy")
    assert len(about["scatter"]["cases"]) == PATIENTS
    page = (planted.path / "segrobust-report" / "report.html").read_text(encoding="utf-8")
    assert "predictive entropy" in page
    for words in ("risk", "coverage", "reliability", "silent"):
        assert words in page.lower()


def test_from_python(planted) -> None:
    (planted.path / "test_knowing.py").write_text(
        """
import pytest
from pytest_segrobust import perturbations as p

NOISE = p.gaussian_noise(sigma=0.08)


@pytest.mark.requirement("PY-1")
def test_knows(segrobust):
    assert segrobust.correlation(NOISE) > 0.4


@pytest.mark.requirement("PY-2")
def test_separates(segrobust):
    assert segrobust.separation(NOISE) > 0.7


@pytest.mark.requirement("PY-3")
def test_rises(segrobust):
    assert segrobust.holds("uncertainty rises with severity under gaussian noise with sigma <= 0.1")
""",
        encoding="utf-8",
    )

    planted.spec("", settings("mean_variance"))
    arguments = ("test_knowing.py", "--segrobust-spec=segrobust.toml")

    planted.run(*arguments, model="networks:knows")
    assert planted.verdicts == {"PY-1": "passed", "PY-2": "passed", "PY-3": "passed"}
    assert planted.result("PY-3")["measure"] == "rise of uncertainty with severity"
    assert planted.result("PY-3")["interval"][0] > 0
    planted.run(*arguments, model="networks:misleads")
    assert planted.verdicts == {"PY-1": "failed", "PY-2": "failed", "PY-3": "failed"}
    planted.run(*arguments, "-k", "rises", model="networks:constant")
    assert planted.verdicts["PY-3"] == "not_evaluable"
    assert "uncertainty is the same at all severities" in planted.result("PY-3")["reason"]
