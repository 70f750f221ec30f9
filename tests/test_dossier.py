"""What a run says besides its verdicts, from a run to its report: trace, deviations, independence, uses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from click.testing import CliRunner

from pytest_segrobust.bundling.checking import check
from pytest_segrobust.cli import main
from pytest_segrobust.dossier import Dossier
from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.evidence.report import build_report
from pytest_segrobust.evidence.store import Store
from pytest_segrobust.evidence.use_ledger import read_ledger

SCHEMA = json.loads((Path(__file__).parents[1] / "schemas" / "report.schema.json").read_text(encoding="utf-8"))

CLEAN = """
[[requirement]]
id = "CLEAN-1"
statement = "DSC is at least 0.9"
risks = ["H-1"]
"""

PYTHON = '''
import pytest
from pytest_segrobust import perturbations as p


@pytest.mark.requirement("PY-1", risks=["H-9"])
def test_noise(segrobust):
    """Noise changes little."""
    assert segrobust.drop("dsc", p.gaussian_noise(sigma=0.3)) < 0.5


def test_loose(segrobust):
    """Measures, and is no requirement."""
'''


def segrobust(*arguments):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def traced(project, monkeypatch):
    """A project with a risks file, a Python requirement, and a training folder that holds one of the test images."""
    (project.path / "train").mkdir()
    shutil.copy(project.path / "images" / "patient_02.nii.gz", project.path / "train" / "other.nii.gz")
    (project.path / "risks.csv").write_text(
        "id,hazard,control\nH-1,wrong volume,floor\nH-2,missed,\n", encoding="utf-8"
    )
    (project.path / "test_noise.py").write_text(PYTHON, encoding="utf-8")
    monkeypatch.chdir(project.path)
    return project


def settings(**data: str) -> str:
    from_conftest = (
        '[model]\nclasses = { disc = 1 }\nbatch_size = 4\n\n[data]\nimages = "images/*.nii.gz"\n'
        'labels = "labels/{name}.nii.gz"\npatient = "{name}"\nintensity = { window = [0.0, 1.0] }\n'
    )
    lines = "".join(f'{key} = "{value}"\n' for key, value in data.items())
    return f'{from_conftest}{lines}\n[trace]\nrisks = "risks.csv"\n'


def test_an_overlap_is_never_green_with_two_workers_and_python_requirements(traced):
    traced.spec(CLEAN, settings(train="train/*.nii.gz"))

    done = traced.run("-n", "2")

    done.assert_outcomes(passed=3)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["independence: 1 test case stands among the training data (patient_02)*"])
    report = traced.report
    jsonschema.validate(report, SCHEMA)
    assert set(traced.verdicts.values()) == {"passed"}
    assert report["verdict"] == "invalid"
    assert report["warnings"][0] == report["independence"]["words"]
    assert report["independence"]["findings"] == [
        {"test_case": "patient_02", "train_case": "other", "how": "file hash", "distance": 0.0}
    ]
    assert [item["kind"] for item in report["deviations"]["items"]] == ["event"]

    trace = report["trace"]
    assert trace["orphans"] == {
        "risks": ["H-2"],
        "requirements": [],
        "unknown_risks": ["H-9"],
        "tests": ["test_noise.py::test_loose"],
    }
    rows = {row["requirement"]: row for row in trace["rows"]}
    assert rows["CLEAN-1"]["test"] == "segrobust.toml::CLEAN-1"
    assert rows["CLEAN-1"]["source"].startswith("segrobust.toml:")
    assert rows["PY-1"]["test"] == "test_noise.py::test_noise"
    assert "PY-1" in (traced.path / "segrobust-report" / "trace.csv").read_text(encoding="utf-8")

    entries = read_ledger(traced.path / "segrobust-ledger.jsonl").entries
    assert [entry["kind"] for entry in entries] == ["use", "end"]
    assert entries[1]["verdict"] == "invalid"


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_what_makes_a_whole_run_red_is_an_error_in_junit_and_said_at_the_end(traced, workers):
    """Every requirement passed, so that a reader of test cases alone would see nothing but green."""
    traced.spec(CLEAN, settings(train="train/*.nii.gz"))

    done = traced.run("--junitxml=junit.xml", "segrobust.toml", *workers)

    done.assert_outcomes(passed=1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["run INVALID, exit code 1: 1 test case stands among the training data (patient_02)*"])
    suite = ET.parse(traced.path / "junit.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("errors")) == ("2", "1")
    (case,) = [case for case in suite.iter("testcase") if case.get("classname") == "segrobust"]
    assert case.get("name") == "run"
    assert case.find("error").get("type") == "invalid"
    assert "among the training data (patient_02)" in case.find("error").get("message")
    assert {each.get("name"): each.get("value") for each in suite.find("properties")}[
        "segrobust.run_verdict"
    ] == "invalid"


def test_training_data_that_cannot_be_found_are_an_error_in_junit_too(traced):
    traced.spec(CLEAN, settings(train="nowhere/*.nii.gz"))

    done = traced.run("--junitxml=junit.xml", "segrobust.toml")

    assert done.ret == 1
    assert ET.parse(traced.path / "junit.xml").getroot().find("testsuite").get("errors") == "1"


def test_a_run_that_is_green_has_no_case_of_its_own_in_junit(traced):
    traced.spec(CLEAN, settings())

    done = traced.run("--junitxml=junit.xml", "segrobust.toml")

    assert done.ret == 0
    suite = ET.parse(traced.path / "junit.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("errors")) == ("1", "0")
    assert {each.get("name"): each.get("value") for each in suite.find("properties")}[
        "segrobust.run_verdict"
    ] == "passed"


def test_from_a_first_run_to_a_signed_report_and_its_replay(traced):
    traced.spec(CLEAN, settings(train="train/*.nii.gz", overlap="only to try the tool"))
    done = traced.run()
    assert done.ret == 0
    done.stdout.fnmatch_lines(["independence: *stated as allowed: only to try the tool*"])
    first = traced.report
    assert (first["verdict"], first["use_ledger"]["uses"]) == ("passed", 1)
    assert [item["kind"] for item in first["deviations"]["items"]] == ["event"]

    # a second run of the same model on the same data is told, and its deviations are filled in
    assert traced.run().ret == 0
    second = traced.report
    assert (second["use_ledger"]["uses_of_this_model"], second["use_ledger"]["intact"]) == (2, True)
    assert [item["kind"] for item in second["deviations"]["items"]] == ["rerun", "event"]
    assert segrobust("deviations").exit_code == 0
    path = traced.path / "deviations.toml"
    text = path.read_text(encoding="utf-8")
    for key in ("disposition", "name", "date", "meaning"):
        text = text.replace(f'{key} = ""', f'{key} = "said"')
    path.write_text(text, encoding="utf-8")
    folder = traced.path / "segrobust-report"
    assert segrobust("report", "segrobust-report", "--format", "csv,md,pdf").exit_code == 0
    assert segrobust("trace", "segrobust-report", "--format", "needs").exit_code == 0
    for name in ("summary.md", "report.pdf", "requirements.csv", "needs.json"):
        (folder / name).write_text("of an earlier state", encoding="utf-8")
    assert segrobust("report").exit_code == 0  # with no format named, yet nothing there is left behind
    assert check(folder).changes == []
    signed = traced.report
    jsonschema.validate(signed, SCHEMA)
    assert signed["deviations"]["open"] == 0
    assert [signature["role"] for signature in signed["sign_off"]] == ["tester", "reviewer", "approver"]

    # a file that cannot be understood settles nothing, and is said
    path.write_text(text + "\n[[sign_of]]\n", encoding="utf-8")
    faulty = segrobust("report")
    assert faulty.exit_code == 1
    assert "sign_of: means nothing here" in faulty.output
    assert traced.report["deviations"]["open"] == 2
    assert any(
        "could not be read: " in why and "sign_of: means nothing here" in why for why in traced.report["record"]["why"]
    )
    assert "sign_of: means nothing here" in (folder / "report.html").read_text(encoding="utf-8")
    assert traced.report["sign_off"] == []

    # the Python requirement's counterexample comes back to the bit, and a changed one does not
    replayed = segrobust("replay", "segrobust-report", "PY-1", "--save", "saved")
    assert replayed.exit_code == 0
    assert replayed.output.count("the perturbed image, the prediction: bit for bit as in the run") == 3
    assert {path.name.partition("_0")[2][2:] for path in (traced.path / "saved").iterdir()} == {
        *(f"{name}.nii.gz" for name in ("clean", "perturbed", "reference", "prediction_clean", "prediction_perturbed")),
        "overlay.png",
    }

    # the report knows its place in the ledger, and a cut ledger is found
    assert segrobust("ledger", "--report", "segrobust-report").exit_code == 0
    ledger = traced.path / "segrobust-ledger.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:2]))
    cut = segrobust("ledger", "--report", "segrobust-report")
    assert cut.exit_code == 1
    assert "NOT part of this ledger" in cut.output


def test_a_broken_ledger_and_a_missing_training_list_are_said(project):
    project.spec(CLEAN)
    ledger = project.path / "segrobust-ledger.jsonl"
    ledger.write_text('{"kind":"use"}\n', encoding="utf-8")

    done = project.run()

    done.stdout.fnmatch_lines(["independence: not checked: no training list was given*", "use ledger: *broken*"])
    report = project.report
    assert report["use_ledger"]["intact"] is False
    assert report["independence"]["state"] == "not_checked"
    assert report["verdict"] == "passed"
    assert any("is broken" in item["text"] for item in report["deviations"]["items"])
    assert read_ledger(ledger).entries[-1]["verdict"] == "passed"


def test_the_ledger_ends_with_the_verdict_of_the_report_where_a_comparison_with_training_data_stopped(tmp_path):
    """A worker that was killed while it compared leaves nothing behind but verdicts."""
    about = {"run_id": "a" * 32, "spec": {"path": str(tmp_path / "segrobust.toml")}, "data": {"sha256": "b" * 64}}
    with Store.create(tmp_path / "run.sqlite", about) as store:
        store.put_result(RequirementResult("A", "s", "passed"))
        blocks = Dossier(store).complete("complete")
        report = build_report(store)

    assert blocks
    assert report["verdict"] == "invalid"
    assert read_ledger(tmp_path / "segrobust-ledger.jsonl").entries[-1]["verdict"] == report["verdict"]


def test_a_faulty_risks_file_is_one_line_before_anything_runs(project):
    project.spec(CLEAN, settings())
    (project.path / "risks.csv").write_text("id,hazard\nH-1,\n", encoding="utf-8")

    done = project.run()

    assert done.ret != 0
    done.stdout.fnmatch_lines(["*risks.csv:2: hazard: is empty*"])
    assert project.report["status"] != "complete"
    assert project.report["verdict"] != "passed"


def test_a_list_for_sharing_is_written_and_read_by_check(project, monkeypatch):
    monkeypatch.chdir(project.path)
    done = segrobust("fingerprint", "images/*.nii.gz", "--output", "shared.json")
    assert "8 images of 8 patients" in done.output
    assert "patient_0" not in (project.path / "shared.json").read_text(encoding="utf-8")
    project.spec(CLEAN, settings(train="shared.json").partition("[trace]")[0])

    assert "independence: 8 test cases stand among the training data" in segrobust("check").output
