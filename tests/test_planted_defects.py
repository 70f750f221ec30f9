"""A model that is bad must fail: none of these models may get a pass that it has not earned."""

from __future__ import annotations

import pytest

FLOOR_AND_DROP = """
[[requirement]]
id = "DSC-DROP"
statement = "DSC drop under gaussian noise with sigma <= 0.3 is below 20 %"

[[requirement]]
id = "DSC-FLOOR"
statement = "DSC under gaussian noise with sigma <= 0.3 is at least 0.8"

[[requirement]]
id = "HD95"
statement = "HD95 increase under gaussian noise with sigma <= 0.3 is below 3 mm"

[[requirement]]
id = "NSD"
statement = "NSD at 2 mm under gaussian noise with sigma <= 0.3 is at least 0.7"

[[requirement]]
id = "VOLUME"
statement = "volume bias under gaussian noise with sigma <= 0.3 is within 20 %"

[[requirement]]
id = "OVER"
statement = "under-segmentation increase under gaussian noise with sigma <= 0.3 is below 0.3"

[[requirement]]
id = "FAILURES"
statement = "gross failure rate under gaussian noise with sigma <= 0.3 is below 50 %"
"""


def test_a_good_model_passes_them(project) -> None:
    project.spec(FLOOR_AND_DROP)

    project.run("-n", "2").assert_outcomes(passed=7)


@pytest.mark.parametrize("model", ["vanishing", "not_a_number", "misshapen"])
def test_lost_structures_nan_and_wrong_shapes_fail_every_requirement(project, model: str) -> None:
    project.spec(FLOOR_AND_DROP)

    project.run("-n", "2", model=f"networks:{model}").assert_outcomes(failed=7)

    assert set(project.verdicts.values()) == {"failed"}
    failures = project.result("HD95")["gross_failures"]
    assert failures["count"] == failures["n_patients"] == 8
    word = {"vanishing": "missed", "not_a_number": "NaN", "misshapen": "shape"}[model]
    assert word in failures["cases"][0]["failure"]


def test_a_model_that_sees_nothing_fails_its_drop_although_nothing_drops(project) -> None:
    project.spec(FLOOR_AND_DROP)

    project.run("-n", "2", model="networks:background")

    assert set(project.verdicts.values()) == {"failed"}
    assert project.result("DSC-DROP")["estimate"] == 1


def test_one_case_that_crashes_is_counted_named_and_scored_worst(project) -> None:
    project.spec(FLOOR_AND_DROP)

    project.run("-n", "2", model="networks:crashing")

    result = project.result("DSC-FLOOR")
    assert result["n_patients"] == 8
    assert {(case["case"], case["failure"]) for case in result["gross_failures"]["cases"]} == {
        ("patient_03", "crashed: RuntimeError: this scanner is unknown")
    }
    assert result["verdict"] != "passed"
    crashed = next(case for case in result["cases"] if case["case"] == "patient_03")
    assert crashed["perturbed"] == 0


def test_too_few_patients_are_not_evaluable(project) -> None:
    for path in sorted((project.path / "images").iterdir())[3:]:
        path.unlink()

    project.run("-k", "CLEAN-1")

    assert project.verdicts["CLEAN-1"] == "not_evaluable"


def test_drop_without_an_absolute_requirement_is_pointed_out(project) -> None:
    project.spec(
        '\n[[requirement]]\nid = "D-1"\nstatement = "DSC drop under gamma with 0.8 <= gamma <= 1.2 is below 5 %"\n'
    )

    result = project.run()

    assert any("absolute" in warning for warning in project.report["warnings"])
    assert "absolute" in result.stdout.str()


def test_unreadable_case_makes_the_verdict_invalid(project) -> None:
    path = project.path / "images" / "patient_05.nii.gz"
    path.write_bytes(path.read_bytes()[:-40])

    result = project.run("-k", "CLEAN-1")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.verdicts["CLEAN-1"] == "invalid"
    assert "patient_05" in project.result("CLEAN-1")["reason"]
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda path: [file.unlink() for file in (path / "images").iterdir()], "images"),
        (lambda path: (path / "labels" / "patient_02.nii.gz").unlink(), "patient_02"),
        (lambda path: (path / "networks.py").write_text("def other(): pass"), "discs"),
        (lambda path: (path / "networks.py").write_text("def discs(): return 3"), "discs"),
    ],
)
def test_unusable_input_is_one_line_per_requirement(project, break_it, words: str) -> None:
    break_it(project.path)

    result = project.run()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert set(project.verdicts.values()) == {"invalid"}
    assert words in project.result("CLEAN-1")["reason"]
    assert "Traceback" not in result.stdout.str()
    assert "pytest_segrobust" not in result.stdout.str()  # no frames of ours either
    assert len(result.outlines) < 60
    result.stdout.fnmatch_lines(["invalid: NOISE-1, NOISE-2, CLEAN-1: *"])


def test_millimetres_of_pictures_without_a_pixel_size_are_refused(project) -> None:
    import nibabel
    import numpy as np
    from PIL import Image

    for kind in ("images", "labels"):
        for path in sorted((project.path / kind).iterdir()):
            array = np.asarray(nibabel.load(path).dataobj)
            scaled = array * 255 if kind == "images" else array
            Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8)).save(path.with_name(path.name[:-7] + ".png"))
            path.unlink()
    settings = (project.path / "segrobust.toml").read_text().partition("[[requirement]]")[0]
    settings = settings.replace(".nii.gz", ".png").replace("[0.0, 1.0]", "[0, 255]")
    (project.path / "networks.py").write_text(
        (project.path / "networks.py").read_text().replace("avg_pool2d(x, 5, 1, 2)", "avg_pool2d(x / 255, 5, 1, 2)")
    )
    project.spec(
        """
[[requirement]]
id = "OVERLAP"
statement = "DSC is at least 0.9"

[[requirement]]
id = "DISTANCE"
statement = "HD95 is below 20 mm"

[[requirement]]
id = "BLUR"
statement = "DSC drop under blur with sigma <= 1 mm is below 50 %"
""",
        settings,
    )

    project.run()

    assert project.verdicts == {"OVERLAP": "passed", "DISTANCE": "invalid", "BLUR": "invalid"}
    assert "size of a pixel" in project.result("BLUR")["reason"]


@pytest.mark.parametrize(
    "weak",
    [
        "DSC drop under gaussian noise with sigma <= 1e-9 is below 5 %",
        "DSC drop under gaussian noise with snr >= 200 dB is below 5 %",
        "DSC drop under blur with sigma <= 0.1 mm is below 5 %",
        "prediction agreement under rician noise with snr >= 200 dB is at least 0.9",
    ],
)
def test_perturbation_that_changed_nothing_shows_nothing(project, weak: str) -> None:
    project.spec(f'\n[[requirement]]\nid = "WEAK"\nstatement = "{weak}"\n')

    project.run()

    assert project.verdicts["WEAK"] == "not_evaluable"
    assert "changed a single voxel" in project.result("WEAK")["reason"]
