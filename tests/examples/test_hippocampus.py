"""The hippocampus example: its network, its split, its spec, its table of results."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_segrobust.evidence import strict_json
from pytest_segrobust.evidence.records import BreakingPoint, RequirementResult

FOLDER = Path(__file__).parents[2] / "examples" / "hippocampus"
DATA = Path(os.environ.get("SEGROBUST_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data")) / "hippocampus"
MODULES = ("network", "train", "split", "results")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the hippocampus volumes are not here: {DATA}")


def test_weights_are_small_and_hold_nothing_but_tensors():
    import torch

    path = FOLDER / "weights.pt"
    assert path.stat().st_size < 3_000_000
    assert all(isinstance(value, torch.Tensor) for value in torch.load(path, weights_only=True).values())


def test_half_precision_weights_run_in_float32(example):
    import torch

    network = example("network").build_unet()
    network.load_state_dict(torch.load(FOLDER / "weights.pt", weights_only=True))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_preprocessing_clips_at_percentiles_and_standardises(example):
    import torch

    generator = np.random.default_rng(0)
    volume = generator.gamma(2.0, 100.0, size=(1, 31, 40, 25)).astype(np.float32)
    low, high = np.percentile(volume, [0.5, 99.5], method="nearest")
    clipped = np.clip(volume, low, high)
    expected = (clipped - clipped.mean()) / clipped.std()
    actual = example("network").preprocess(torch.from_numpy(volume), (1, 1, 1)).numpy()
    np.testing.assert_allclose(actual, expected, atol=2e-3)


def test_preprocessing_takes_a_gain_and_an_offset_out(example):
    import torch

    preprocess = example("network").preprocess
    volume = torch.rand(1, 20, 20, 20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        preprocess(3 * volume + 7, (1, 1, 1)), preprocess(volume, (1, 1, 1)), atol=1e-4, rtol=1e-4
    )


def test_preprocessing_survives_a_volume_of_one_value(example):
    import torch

    assert example("network").preprocess(torch.full((1, 5, 5, 5), 3.0), (1, 1, 1)).abs().max() == 0


def test_augmentation_moves_image_and_label_together(example):
    """The image is 1 inside its label: after any turn and shift it must still be, up to its jitter of 0.2."""
    import torch

    label = torch.zeros(2, 1, 48, 64, 48)
    label[..., 14:30, 20:44, 18:34] = 1
    moved, reference = example("train").augmented(3 * label, label, torch.Generator().manual_seed(0))
    inside = reference > 0
    assert (reference != label).any()
    assert (moved[inside] > 1.2).float().mean() > 0.99
    assert (moved[~inside] > 1.8).float().mean() < 0.002


def test_augmentation_turns_without_shearing(example):
    """Voxel counts in millimetres: a ball in a window that is no cube stays a ball, as large as the scaling allows."""
    import torch

    axes = torch.meshgrid(*(torch.arange(size) for size in (48, 64, 48)), indexing="ij")
    ball = (sum((axis - middle) ** 2 for axis, middle in zip(axes, (23.5, 31.5, 23.5), strict=True)) <= 15**2).float()
    _, reference = example("train").augmented(
        ball.repeat(4, 1, 1, 1, 1), ball.repeat(4, 1, 1, 1, 1), torch.Generator().manual_seed(1)
    )
    for sample in reference[:, 0]:
        places = torch.nonzero(sample).float()
        spread = torch.linalg.eigvalsh(torch.cov(places.T)).sqrt() / (15 / 5**0.5)  # 1 in every direction for the ball
        assert (spread > 0.88).all()
        assert (spread < 1.13).all()


def test_no_volume_is_both_trained_and_tested_on(example):
    split = example("split")
    assert (len(set(split.TRAINING)), len(set(split.TEST))) == (100, 60)
    assert not set(split.TRAINING) & set(split.TEST)


@needs_data
def test_the_split_is_that_of_the_data(example):
    split = example("split")
    for part, numbers in (("Tr", split.TRAINING), ("Ts", split.TEST)):
        present = sorted(path.name for path in (DATA / f"images{part}").glob("*.nii.gz"))
        assert present == [f"hippocampus_{number:03}.nii.gz" for number in numbers]


def test_the_split_copies_images_with_their_labels(example, tmp_path):
    split = example("split")
    for kind in ("images", "labels"):
        (tmp_path / f"{kind}Tr").mkdir()
        for number in (*split.TRAINING, *split.TEST):
            (tmp_path / f"{kind}Tr" / f"hippocampus_{number:03}.nii.gz").write_text(f"{kind} {number}")
    split.copy(tmp_path, tmp_path / "out")
    assert (tmp_path / "out/labelsTs/hippocampus_006.nii.gz").read_text() == "labels 6"
    assert len(list((tmp_path / "out/imagesTr").iterdir())) == 100


def plain_dsc(example, names):
    """DSC (volumes, anterior and posterior) in a loop that knows nothing of the package."""
    import torch

    train, network = example("train"), example("network").build_unet()
    network.load_state_dict(torch.load(FOLDER / "weights.pt", weights_only=True))
    network.eval()
    overlaps = []
    for name in names:
        image = train.padded(example("network").preprocess(train.read(DATA / "imagesTs" / name)[None], (1, 1, 1)))
        label = train.padded(train.read(DATA / "labelsTs" / name)[None])[0]
        with torch.inference_mode():
            found = network(image[None]).argmax(dim=1)[0]
        for value in (1, 2):
            both = ((found == value) & (label == value)).sum()
            overlaps.append(float(2 * both / ((found == value).sum() + (label == value).sum())))
    return np.array(overlaps).reshape(-1, 2)


def some_test_volumes(count):
    return [path.name for path in sorted((DATA / "imagesTs").glob("*.nii.gz"))[:count]]


@needs_data
def test_the_network_segments_test_volumes(example):
    """A few volumes, not the claim itself: that is the table in the README."""
    assert plain_dsc(example, some_test_volumes(6)).mean() > 0.80


@needs_data
@pytest.mark.slow
def test_pytest_decides_the_requirements_on_real_volumes(example, tmp_path):
    """A part of what the README runs; the clean DSC must be that of a loop written by hand."""
    names = some_test_volumes(6)
    for folder in ("imagesTs", "labelsTs"):
        (tmp_path / folder).mkdir()
        for name in names:
            shutil.copyfile(DATA / folder / name, tmp_path / folder / name)
    command = [sys.executable, "-m", "pytest", "segrobust.toml", "-k", "HIP-001 or HIP-002 or HIP-011", "-q"]
    options = {"model": "weights.pt", "data": tmp_path, "report": tmp_path / "report", "profile": "smoke"}
    command += ["-p", "no:cacheprovider", *(f"--segrobust-{name}={value}" for name, value in options.items())]
    run = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr  # mirrored hippocampi are not found
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    results = {entry["id"]: entry for entry in report["requirements"]}
    assert (report["data"]["n_cases"], report["data"]["n_patients"]) == (6, 6)
    assert results["HIP-001"]["verdict"] == "passed"
    assert results["HIP-011"]["verdict"] == "failed"
    assert results["HIP-002"]["verdict"] in ("passed", "failed", "inconclusive")
    assert results["HIP-002"]["interval"][0] <= results["HIP-002"]["estimate"] <= results["HIP-002"]["interval"][1]
    assert results["HIP-001"]["estimate"] == pytest.approx(plain_dsc(example, names).mean(axis=0).min(), abs=1e-4)


def test_the_spec_loads_and_covers_what_the_readme_says():
    from pytest_segrobust.requirements import spec

    requirements = spec.load(FOLDER / "segrobust.toml").requirements
    perturbations = {domain.perturbation for requirement in requirements for domain in requirement.domains}
    assert len(requirements) == 18
    assert {
        "gaussian noise",
        "rician noise",
        "gaussian blur",
        "gamma",
        "brightness",
        "contrast",
        "flip",
        "bias field",
        "motion",
        "ghosting",
        "rotation",
        "poisson noise",
    } <= perturbations
    attacks = spec.load(FOLDER / "attacks.segrobust.toml").requirements
    assert {domain.perturbation for requirement in attacks for domain in requirement.domains} == {"pgd", "targeted pgd"}
    assert all(requirement.rationale for requirement in requirements)


def report(*results):
    return {
        "status": "complete",
        "profile": "ci",
        "seed": 0,
        "spec": {"sha256": "a" * 64},
        "model": {"sha256": ["b" * 64]},
        "data": {"n_cases": 60},
        "requirements": strict_json.plain([result.to_json() for result in results]),
    }


def test_the_table_says_what_the_report_says(example):
    failed = RequirementResult(
        "HIP-002",
        "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %",
        "failed",
        estimate=0.081,
        interval=(0.0622, 0.1031),
        limit=0.05,
        comparison="below",
        breaking_point=BreakingPoint(0.4, None, words="breaks at sigma 0.04"),
    )
    missed = RequirementResult(
        "HIP-003", "a | b", "inconclusive", estimate=0.79996, limit=0.8, comparison="at least", interval=(0.7, 0.9)
    )
    rows = example("results").table(report(failed, missed)).splitlines()
    assert "| 0.0810 | [0.0622, 0.104] | below 0.05 | **failed** | breaks at sigma 0.04 |" in rows[2]
    assert "a \\| b" in rows[3]
    assert "| 0.799 |" in rows[3]  # never rounded to its limit, and always toward the unfavourable side
    assert "`bbbbbbbbbbbb`" in rows[-1]


def test_only_the_place_between_the_comments_changes(example):
    results = example("results")
    once = results.replaced("before <!-- results -->old<!-- /results --> after", "new")
    assert once == "before <!-- results -->\n\nnew\n\n<!-- /results --> after"
    assert results.replaced(once, "new") == once


def test_a_readme_without_a_place_is_an_error(example):
    with pytest.raises(ValueError, match="no place for results"):
        example("results").replaced("<!-- /results --> <!-- results -->", "new")


def test_the_readme_has_a_place_for_results(example):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "new table" in example("results").replaced(text, "new table")
