"""The contact sheet: severities side by side, from words as in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from pytest_segrobust.cli import main

nibabel = pytest.importorskip("nibabel")


@pytest.fixture
def volume(tmp_path):
    """A warm ball in a volume with thick slices, and its label."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in (24, 20, 12)), indexing="ij"))
    ball = (grid**2).sum(0) < 0.4
    rng = np.random.default_rng(0)
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    for name, array in (
        ("image", (100 + 400 * ball + 20 * rng.random(ball.shape)).astype(np.float32)),
        ("label", ball.astype(np.uint8)),
    ):
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / f"{name}.nii.gz")
    return tmp_path


def sheet(folder, *words):
    return CliRunner().invoke(
        main, ["preview", str(folder / "image.nii.gz"), "--output", str(folder / "out" / "sheet.png"), *words]
    )


def pixels(folder):
    return np.asarray(Image.open(folder / "out" / "sheet.png").convert("L"), float)


def test_the_sheet_shows_growing_severities_and_says_their_strength(volume):
    outcome = sheet(volume, "--perturbation", "gaussian noise with sigma <= 0.4", "--severities", "4", "--slices", "2")
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.output.splitlines()
    assert [line.split(":")[0] for line in lines[:4]] == [f"gaussian noise(sigma={s})" for s in (0.1, 0.2, 0.3, 0.4)]
    found = [float(line.split("snr ")[1].split(",")[0]) for line in lines[:4]]
    assert found == sorted(found, reverse=True)
    columns = np.array_split(pixels(volume)[120:], 5, axis=1)
    roughness = [np.abs(np.diff(column, axis=0)).mean() for column in columns]
    assert roughness[4] > roughness[1] > roughness[0]


def test_labels_are_drawn_where_they_moved_to(volume):
    words = ["--perturbation", "flip with axis rows", "--label", str(volume / "label.nii.gz")]
    assert sheet(volume, *words).exit_code == 0
    with_outlines = np.asarray(Image.open(volume / "out" / "sheet.png").convert("RGB"), int)
    coloured = np.abs(with_outlines[..., 0] - with_outlines[..., 2]) > 60
    assert coloured.sum() > 100


def test_a_structure_needs_its_label_and_then_it_alone_is_perturbed(volume):
    words = ["--perturbation", "gaussian noise on ball with sigma <= 0.4"]
    refused = sheet(volume, *words)
    assert refused.exit_code == 1
    assert "--structure ball=1" in refused.output
    done = sheet(volume, *words, "--label", str(volume / "label.nii.gz"), "--structure", "ball=1")
    assert done.exit_code == 0, done.output
    assert "changed 1" in done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--perturbation", "gausian noise with sigma <= 0.1"], "gaussian noise"),
        (["--perturbation", "gaussian noise with sigma <= 0.1", "--window", "5", "1"], "does not rise"),
        (["--perturbation", "gaussian noise with sigma <= 0.1", "--structure", "ball"], "NAME=VALUE"),
        (["--perturbation", "gaussian noise with sigma <= 0.1", "--output", "sheet.foo"], "a contact sheet is a .png"),
        (["--perturbation", "gaussian noise with sigma <= 0.1", "--label", "nowhere.nii.gz"], "no such file"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(volume, words, message):
    outcome = sheet(volume, *words)
    assert outcome.exit_code == 1
    assert message in outcome.output
    assert len(outcome.output.strip().splitlines()) == 1


def test_the_image_itself_is_never_overwritten(tmp_path):
    path = tmp_path / "image.png"
    Image.fromarray((np.arange(400).reshape(20, 20) % 255).astype(np.uint8)).save(path)
    before = path.read_bytes()
    words = ["--perturbation", "gaussian noise with sigma <= 0.1", "--output", str(path)]
    outcome = CliRunner().invoke(main, ["preview", str(path), *words])
    assert outcome.exit_code == 1
    assert "another name" in outcome.output
    assert path.read_bytes() == before


def test_a_picture_is_shown_by_its_rows(tmp_path):
    values = np.full((40, 40), 40, np.uint8)
    values[:, 25:] = 220  # bright on the right
    values[0, 0] = 255
    Image.fromarray(values).save(tmp_path / "image.png")
    words = ["--perturbation", "brightness with factor = 1.1", "--severities", "1", "--output", str(tmp_path / "s.png")]
    outcome = CliRunner().invoke(main, ["preview", str(tmp_path / "image.png"), *words])
    assert outcome.exit_code == 0, outcome.output
    shown = np.asarray(Image.open(tmp_path / "s.png").convert("L"), float)
    first = shown[60:-20, : shown.shape[1] // 2]
    assert first[:, -60:-30].mean() > first[:, 60:90].mean() + 50
