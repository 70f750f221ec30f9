"""`segrobust compare`: the same patients at the same points, refused where anything but the model differs."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_segrobust.cli import main
from pytest_segrobust.comparison.comparing import compare
from pytest_segrobust.comparison.margins import read_margins
from pytest_segrobust.errors import EvidenceError, SpecError
from pytest_segrobust.evidence.store import Store

MORE_NETWORKS = """

class Generous(Discs):
    # Draws every disc a little too large.
    def forward(self, x):
        return super().forward(x) + torch.tensor([-9.0, 0.0]).reshape(1, 2, 1, 1)


def generous():
    return Generous()
"""

REQUIREMENTS = """
[[requirement]]
id = "NOISE-1"
statement = "DSC drop under gaussian noise with sigma <= 0.1 is below 20 %"

[[requirement]]
id = "CLEAN-1"
statement = "DSC is at least 0.9"

[[requirement]]
id = "HD-1"
statement = "HD95 under gaussian noise with sigma <= 0.1 is below 3 mm"
"""

PYTHON = """
import pytest
from pytest_segrobust import perturbations as p

@pytest.mark.requirement("PY-1")
def test_surface(segrobust):
    assert segrobust.drop("dsc", p.gaussian_noise(sigma=0.05)) < 0.3
"""


def planted():
    """The module of the planted networks and images that `project` is made of."""
    specification = importlib.util.spec_from_file_location("planted", Path(__file__).parent / "conftest.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["planted"] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A folder with the report folders of three models, and a second one of the first."""
    module, folder = planted(), tmp_path_factory.mktemp("runs")
    module.write_discs(folder)
    (folder / "networks.py").write_text(module.NETWORKS + MORE_NETWORKS, encoding="utf-8")
    (folder / "segrobust.toml").write_text(module.SETTINGS + REQUIREMENTS, encoding="utf-8")
    (folder / "test_python.py").write_text(PYTHON, encoding="utf-8")
    for report, network in {"old": "discs", "same": "discs", "generous": "generous", "vanishing": "vanishing"}.items():
        arguments = [
            "-q",
            "-p",
            "no:cacheprovider",
            "--segrobust-profile=smoke",
            f"--segrobust-model=networks:{network}",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, f"--segrobust-report={report}", "segrobust.toml", "test_python.py"],
            cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
    return folder


@pytest.fixture
def altered(runs: Path, tmp_path: Path):
    """A copy of a report folder in which the run says something else of itself."""

    def copy(name: str, /, **values) -> Path:
        shutil.copytree(runs / name, tmp_path / name)
        with Store.open(tmp_path / name / "run.sqlite") as store:
            store.set_run(**{key: {**(store.run().get(key) or {}), **value} if isinstance(value, dict) else value
                             for key, value in values.items()})  # fmt: skip
        return tmp_path / name

    return copy


def put(directory: Path, **changes) -> None:
    from dataclasses import replace

    with Store.open(directory / "run.sqlite") as store:
        store.put_result(replace(store.results()["NOISE-1"], **changes))


def segrobust(*arguments: str | Path):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


MARGINS = ("--margin", "2 %", "--margin", "1 mm")


def test_the_same_model_differs_by_nothing_and_is_non_inferior(runs, tmp_path):
    result = segrobust("compare", runs / "old", runs / "same", *MARGINS, "--output", tmp_path)

    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "comparison.json").read_text())
    found = [each for requirement in report["requirements"] for each in requirement["differences"]]
    assert report["non_inferior"] is True
    assert {each["id"] for each in report["requirements"]} == {"NOISE-1", "CLEAN-1", "HD-1", "PY-1"}
    assert len(found) > 8  # clean, the worst point, the curve
    assert {(each["estimate"], *each["interval"]) for each in found} == {(0.0, 0.0, 0.0)}
    assert {each["n_patients"] for each in found} == {8}
    assert "are of the same model" in result.output
    assert (tmp_path / "comparison.html").exists()


def test_a_worse_model_is_not_non_inferior_and_its_new_failures_are_named(runs, tmp_path):
    result = segrobust("compare", runs / "old", runs / "vanishing", *MARGINS, "--output", tmp_path)

    assert result.exit_code == 1, result.output
    report = json.loads((tmp_path / "comparison.json").read_text())
    noise = next(each for each in report["requirements"] if each["id"] == "NOISE-1")
    assert noise["shown"] == "worse"
    assert (noise["old_verdict"], noise["new_verdict"]) == ("passed", "failed")
    assert {failure["case"] for failure in noise["new_failures"]} == {f"patient_{i:02d}" for i in range(8)}
    assert {failure["failure"] for failure in noise["new_failures"]} == {"missed"}
    assert not noise["repaired_failures"]
    assert "new failure: patient_00: missed" in result.output
    assert "NOISE-1 had passed and is failed in vanishing" in result.output


def test_what_so_few_patients_cannot_show_is_said_wherever_patients_differ(runs, tmp_path):
    """Non-inferior in eight patients: an interval that is approximate there must not look exact."""
    result = segrobust("compare", runs / "old", runs / "vanishing", *MARGINS, "--output", tmp_path)
    same = segrobust("compare", runs / "old", runs / "same", *MARGINS, "--output", tmp_path / "same")

    words = "8 patients: below 100, the interval of a mean is approximate where values are skewed"
    assert " ".join(result.output.split()).count(words) == 1
    assert words in (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert words not in " ".join(same.output.split())  # nobody differs: there is no interval


def test_the_other_way_round_the_failures_are_repaired(runs):
    report = compare([runs / "vanishing", runs / "old"], margins={"": 0.02, "mm": 1.0})

    noise = next(each for each in report.requirements if each.id == "NOISE-1")
    assert noise.shown == "non-inferior"
    assert not noise.new_failures
    assert len({failure.case for failure in noise.repaired_failures}) == 8
    assert noise.differs == "better"


def test_scores_of_a_difference_are_those_of_the_reports(runs):
    report = compare([runs / "old", runs / "generous"])
    clean = next(each for each in report.requirements if each.id == "CLEAN-1")
    reports = [json.loads((runs / name / "report.json").read_text()) for name in ("old", "generous")]
    stated = [next(r["estimate"] for r in each["requirements"] if r["id"] == "CLEAN-1") for each in reports]

    (difference,) = clean.differences
    assert [difference.old, difference.new] == pytest.approx(stated)
    assert difference.estimate == pytest.approx(stated[0] - stated[1])
    assert difference.interval[0] < difference.estimate < difference.interval[1]


@pytest.mark.parametrize(("margin", "shown"), [(0.001, "worse"), (0.5, "non-inferior")])
def test_the_margin_decides(runs, margin, shown):
    report = compare([runs / "old", runs / "generous"], margins={"": margin})

    assert next(each for each in report.requirements if each.id == "CLEAN-1").shown == shown


def test_without_a_margin_nothing_is_shown(runs, tmp_path):
    result = segrobust("compare", runs / "old", runs / "same", "--output", tmp_path)

    assert result.exit_code == 1
    assert "no margin was stated" in result.output


def test_a_margin_in_one_unit_leaves_the_other_open(runs):
    report = compare([runs / "old", runs / "same"], margins={"": 0.02})

    shown = {each.id: each.shown for each in report.requirements}
    assert shown["NOISE-1"] == "non-inferior"
    assert shown["HD-1"] == "open"
    assert not report.non_inferior


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"data": {"sha256": "0" * 64}}, "other data"),
        ({"data": {"intensity": {"window": [0, 2]}}}, "another intensity scale"),
        ({"data": {"patient": "{name}_x"}}, "other patients"),
        ({"seed": 1}, "another seed"),
        ({"specs": [{"path": "x.toml", "sha256": "1" * 64}]}, "another requirement file"),
        ({"environment": {"packages": {"pytest-segrobust": "0.0.1"}}}, "another version of this tool"),
        ({"tool_sha256": "2" * 64}, "another source of this tool"),
    ],
)
def test_anything_else_that_differs_is_refused(runs, altered, tmp_path, values, why):
    result = segrobust("compare", runs / "old", altered("same", **values), *MARGINS, "--output", tmp_path / "out")

    assert result.exit_code == 2
    assert why in result.output
    assert not (tmp_path / "out").exists()


def test_no_run_twice_the_same_and_a_bad_margin_are_refused(runs, tmp_path):
    for arguments, why in (
        ((runs / "old", tmp_path), "no run is stored here"),
        ((runs / "old", runs / "old"), "named twice"),
        ((runs / "old", runs / "same", "--margin", "2 kg"), "--margin '2 kg'"),
    ):
        result = segrobust("compare", *arguments)
        assert result.exit_code == 2
        assert why in result.output


def test_a_difference_in_machine_and_packages_is_said(runs, altered):
    other = altered("same", device="cuda:0", environment={"packages": {"pytest-segrobust": None, "torch": "1.0"}})
    with Store.open(runs / "old" / "run.sqlite") as store:
        packages = store.run()["environment"]["packages"]
    with Store.open(other / "run.sqlite") as store:
        store.set_run(environment={"packages": {**packages, "torch": "1.0"}})

    (note,) = [note for note in compare([runs / "old", other]).notes if "more than the model" in note]

    assert "torch" in note
    assert "device cpu → cuda:0" in note


def test_requirements_that_only_one_run_has_are_listed(runs, altered):
    other = altered("same", specs=[{"path": str(runs / "other.toml"), "sha256": "1" * 64}])
    put(other, id="NEW-1")
    put(other, statement="DSC drop under gaussian noise with sigma <= 0.2 is below 20 %")

    report = compare([runs / "old", other], margins={"": 0.02, "mm": 1.0}, common=True)

    assert {each.id: each.why for each in report.unmatched} == {
        "NOISE-1": "it is another claim in same: DSC drop under gaussian noise with sigma <= 0.2 is below 20 %",
        "NEW-1": "same has it, old has not",
    }
    assert {each.id for each in report.requirements} == {"CLEAN-1", "HD-1", "PY-1"}
    assert report.non_inferior  # what both state was shown


def test_the_same_claim_in_other_words_is_the_same_claim(runs, altered):
    other = altered("same")
    put(other, statement="Dice drop under gaussian noise with sigma <= 0.10 is below 0.2")

    report = compare([runs / "old", other], margins={"": 0.02, "mm": 1.0})

    assert report.non_inferior
    assert not report.unmatched


def test_a_requirement_that_was_not_decided_keeps_all_from_being_shown(runs, altered):
    other = altered("same")
    put(other, verdict="invalid", worst=None, estimate=None, reason="the disk was full")

    report = compare([runs / "old", other], margins={"": 0.02, "mm": 1.0})

    (unmatched,) = report.unmatched
    assert unmatched.why == "invalid in same (the disk was full)"
    assert not report.non_inferior


def test_a_store_that_does_not_give_its_own_report_is_not_believed(runs, altered):
    other = altered("same")
    put(other, estimate=0.123)

    report = compare([runs / "old", other], margins={"": 0.02, "mm": 1.0})

    (unmatched,) = report.unmatched
    assert "its report says 0.123" in unmatched.why
    assert not report.non_inferior


def elsewhere(directory: Path, sigma: float) -> None:
    """Say that the worst point of the run is one that nobody else has measured."""
    from dataclasses import replace

    point = [{"perturbation": "gaussian noise", "on": None, "parameters": {"sigma": sigma}}]
    with Store.open(directory / "run.sqlite") as store:
        found = store.results()["NOISE-1"]
        text = f"gaussian noise(sigma={sigma})"
        clean = store.find(found.context, "clean", 0)
        old = str(found.worst["text"])
        store.add(found.context, [replace(row, point=text) for row in store.find(found.context, old, 0)])
        worst = {"parameters": point, "text": text, "structure": "disc"}
        store.put_result(replace(found, worst=worst, structures=[{"structure": "disc", "worst": worst}]))
        assert clean


def test_a_worst_point_that_one_run_alone_has_measured_leaves_it_open(runs, altered):
    other = altered("same")
    elsewhere(other, 0.0777)

    report = compare([runs / "old", other], margins={"": 0.02, "mm": 1.0})

    noise = next(each for each in report.requirements if each.id == "NOISE-1")
    assert noise.shown == "open"
    assert noise.missing == ["gaussian noise(sigma=0.0777), worst of same, was not measured on all patients of old"]


def test_the_requirement_file_may_lie_elsewhere_but_must_be_the_one(runs, altered, tmp_path):
    folders = [altered(name) for name in ("old", "same")]
    for folder in folders:
        with Store.open(folder / "run.sqlite") as store:
            store.set_run(specs=[{**entry, "path": str(tmp_path / "gone.toml")} for entry in store.run()["specs"]])

    with pytest.raises(EvidenceError, match="name the one of that run with --spec"):
        compare(folders)
    assert compare(folders, spec=runs / "segrobust.toml").requirements
    (tmp_path / "other.toml").write_text((runs / "segrobust.toml").read_text().replace("0.9", "0.8"))
    with pytest.raises(EvidenceError, match="is not the requirement file of these runs"):
        compare(folders, spec=tmp_path / "other.toml")


def test_several_models_are_compared_with_the_first_and_named_by_holm(runs, tmp_path):
    result = segrobust(
        "compare", *(runs / name for name in ("old", "same", "generous", "vanishing")), *MARGINS, "--output", tmp_path
    )

    assert result.exit_code == 1, result.output
    report = json.loads((tmp_path / "comparison.json").read_text())
    assert [run["name"] for run in report["runs"]] == ["old", "same", "generous", "vanishing"]
    assert {each["run"] for each in report["requirements"]} == {"same", "generous", "vanishing"}
    named = {(each["run"], each["id"]): each["named"] for each in report["requirements"]}
    assert named["same", "NOISE-1"] is True
    assert named["vanishing", "NOISE-1"] is True  # shown to be worse


def test_missing_points_are_measured_with_the_model_and_kept_nowhere(project):
    project.spec(REQUIREMENTS.split('[[requirement]]\nid = "CLEAN-1"', maxsplit=1)[0])
    for report in ("old", "new"):
        project.run(f"--segrobust-report={report}")
    elsewhere(project.path / "old", 0.0777)
    done = subprocess.run(
        [sys.executable, "-m", "pytest_segrobust.cli", "compare", "old", "new", "--margin", "2%", "--measure"],
        cwd=project.path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    report = json.loads((project.path / "segrobust-comparison" / "comparison.json").read_text())
    (noise,) = report["requirements"]
    assert noise["missing"] == [], done.stdout + done.stderr
    assert "gaussian noise(sigma=0.0777)" in {each["point"] for each in noise["differences"]}
    with Store.open(project.path / "new" / "run.sqlite") as store:
        assert store.find(store.results()["NOISE-1"].context, "gaussian noise(sigma=0.0777)", 0) == []


def test_margins_are_read_as_people_write_them():
    assert read_margins(["2 %", "1.5 mm"]) == {"": 0.02, "mm": 1.5}
    assert read_margins(["2 points"]) == read_margins(["0.02"]) == {"": 0.02}
    for wrong in (["2 kg"], ["two"], ["-1"], ["1 %", "0.02"], ["1/0"], [""]):
        with pytest.raises(SpecError, match="--margin"):
            read_margins(wrong)
