"""`segrobust plan`: costs and patients before anything runs, without a model."""

from __future__ import annotations

import shutil

import pytest
from click.testing import CliRunner

from pytest_segrobust.cli import main
from pytest_segrobust.planning.plan import plan

MANY = "".join(
    f"""
[[requirement]]
id = "C-{number}"
statement = "DSC is at least 0.{number:02d}"
"""
    for number in range(10, 30)
)

ATTACKED = """
[attack]
steps = 3
queries = 6

[[requirement]]
id = "PGD-1"
statement = "DSC drop under pgd with epsilon <= 2/255 is below 50 %"

[[requirement]]
id = "TURN-1"
statement = "DSC drop under rotation with angle <= 5 deg is below 50 %"

[[requirement]]
id = "AGREE-1"
statement = "prediction agreement under gaussian noise with sigma <= 0.1 is at least 0.5"
"""


def segrobust(project, *arguments: str):
    return CliRunner().invoke(main, ["plan", "--spec", str(project.path / "segrobust.toml"), *arguments])


def test_it_needs_neither_a_model_nor_a_pilot(project):
    (project.path / "networks.py").unlink()

    result = segrobust(project, "--profile", "smoke")

    assert result.exit_code == 0, result.output
    assert "8 patients, 8 cases" in result.output
    assert "rule out only failure rates above 31.3 %" in result.output
    assert "power now" not in result.output
    assert not (project.path / "segrobust-report").exists()


def test_a_longer_profile_costs_more(project):
    costs = [plan(project.path / "segrobust.toml", profile=name).passes for name in ("smoke", "ci", "evidence")]

    assert costs == sorted(costs)
    assert costs[0] < costs[2]


def test_more_passes_of_a_prediction_cost_more(project):
    before = plan(project.path / "segrobust.toml")
    text = (project.path / "segrobust.toml").read_text()
    uncertain = 'uncertainty = { method = "mc_dropout", passes = 7 }\nbatch_size'
    (project.path / "segrobust.toml").write_text(text.replace("batch_size", uncertain))
    repeated = plan(project.path / "segrobust.toml")
    (project.path / "segrobust.toml").write_text(text.replace("batch_size", "window = [16, 16]\nbatch_size"))
    in_windows = plan(project.path / "segrobust.toml")

    assert repeated.passes == 7 * before.passes
    assert in_windows.passes == 9 * before.passes  # 32 x 32 in windows of 16, half of each shared


def test_memory_is_told_before_anything_runs_and_grows_with_batch_image_and_passes(project):
    small = plan(project.path / "segrobust.toml").memory
    text = (project.path / "segrobust.toml").read_text()
    (project.path / "segrobust.toml").write_text(text.replace("batch_size = 4", "batch_size = 8"))
    twice = plan(project.path / "segrobust.toml").memory
    uncertain = 'uncertainty = { method = "mc_dropout", passes = 7 }\nbatch_size'
    (project.path / "segrobust.toml").write_text(text.replace("batch_size", uncertain))
    passes = plan(project.path / "segrobust.toml").memory

    assert (small.images, small.voxels) == (4, 32 * 32)
    assert small.batch == 4 * 32 * 32 * (4 * (2 + 1 + 2) + 2)  # two images, a label, two outputs in floats; two masks
    assert twice.batch == 2 * small.batch
    assert passes.batch > small.batch
    assert small.kept == 8 * 32 * 32 * 8
    assert small.pilot is None

    project.spec(settings=text.split("[[requirement]]")[0])
    output = segrobust(project).output
    assert "memory: at least" in output
    assert "a pilot run tells what your network takes" in output
    assert "time: a pilot run" in output


def test_a_wrong_profile_a_missing_spec_and_no_run_are_one_line(project):
    for arguments, words in (
        (("--profile", "quick"), "no profile is called 'quick'"),
        (("--pilot", str(project.path)), "no run is stored here"),
        (("--data", str(project.path / "nowhere")), "Error:"),
    ):
        result = segrobust(project, *arguments)
        assert result.exit_code == 1
        assert words in result.output
        assert len(result.output.strip().splitlines()) == 1


def test_many_requirements_seldom_pass_together(project):
    project.spec(MANY)

    result = segrobust(project)

    assert "20 gating requirements of 90 % power each pass together with 12 %" in result.output


def test_a_pilot_gives_patients_power_and_time_and_a_run_costs_no_more_than_was_planned(project):
    settings, requirements = (project.path / "segrobust.toml").read_text().split("[[requirement]]", 1)
    attack, more = ATTACKED.split("[[requirement]]", 1)
    project.spec(f"[[requirement]]{requirements}\n[[requirement]]{more}", settings + attack)
    project.run()
    spent = project.report["cost"]["forward_passes"]
    planned = plan(project.path / "segrobust.toml", pilot=project.path / "segrobust-report", profile="smoke")

    assert planned.passes / 4 < spent <= planned.passes
    assert planned.seconds_per_pass > 0
    needs = {each.requirement.id: each.need for each in planned.requirements}
    assert needs["NOISE-2"].patients is None
    assert needs["NOISE-2"].power == 0
    assert needs["CLEAN-1"].power > 0.9
    attacked = {each.requirement.id: each.attack_passes for each in planned.requirements}
    assert attacked["PGD-1"] > 0
    assert attacked["NOISE-1"] == 0

    result = segrobust(project, "--pilot", str(project.path / "segrobust-report"), "--profile", "smoke")

    assert result.exit_code == 0, result.output
    assert "NOISE-2: the pilot's mean of" in result.output
    assert "would pass together" in result.output
    assert planned.memory.pilot > 50_000_000  # torch alone takes more
    assert "with its network, the largest process of the pilot took" in " ".join(result.output.split())

    text = (project.path / "segrobust.toml").read_text()
    (project.path / "segrobust.toml").write_text(f'[decision]\nmethod = "betting"\n{text}')
    bets = plan(project.path / "segrobust.toml", pilot=project.path / "segrobust-report", profile="smoke")
    by_rule = {each.requirement.id: each.need for each in bets.requirements}["CLEAN-1"]
    assert "by betting" in by_rule.words
    assert by_rule.power == 0 < needs["CLEAN-1"].power  # eight patients can show nothing by betting


def test_a_pilot_of_another_claim_gives_no_number(project):
    project.run("-k", "CLEAN-1")
    shutil.copytree(project.path / "segrobust-report", project.path / "pilot")
    text = (project.path / "segrobust.toml").read_text()
    (project.path / "segrobust.toml").write_text(text.replace("DSC is at least 0.9", "DSC is at least 0.8"))

    planned = plan(project.path / "segrobust.toml", pilot=project.path / "pilot")

    assert all(each.need is None for each in planned.requirements)
    assert any("did not measure the same claim of NOISE-1, NOISE-2, CLEAN-1" in note for note in planned.notes)


@pytest.mark.parametrize("power", ["0.4", "1"])
def test_a_power_that_nobody_can_want_is_refused(project, power):
    assert segrobust(project, "--power", power).exit_code == 2
