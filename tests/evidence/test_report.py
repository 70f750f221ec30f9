"""report.json: the contract, strict JSON, and valid at every moment."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence import atomic_write, strict_json
from pytest_segrobust.evidence.entries import Entries
from pytest_segrobust.evidence.records import CurvePoint, RequirementResult
from pytest_segrobust.evidence.report import build_report, result_of, write_report
from pytest_segrobust.evidence.store import Store

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "report.schema.json").read_text(encoding="utf-8"))


def strict(text: str) -> dict:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def check(report: dict) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)


def test_the_report_holds_the_keys_of_the_contract(synthetic_store: Store):
    report = build_report(synthetic_store)

    assert report["status"] == "incomplete", "one requirement has no verdict"
    assert report["spec"]["sha256"] == "a" * 64
    assert report["model"]["sha256"] == ["b" * 64]
    assert report["data"]["n_cases"] == report["data"]["n_patients"] == 24
    assert report["data"]["excluded"][0]["case"] == "hippocampus_017"
    assert report["cost"]["forward_passes"] == 9512
    assert set(report["requirements"][0]) >= {
        "id", "statement", "verdict", "measure", "estimate", "interval", "limit", "n_patients", "gross_failures",
        "worst", "breaking_point", "curve", "reason", "replay",
    }  # fmt: skip
    assert report["requirements"][0]["interval"] == [0.0251, 0.0384]


def test_the_report_of_a_full_run_fits_the_schema(synthetic_store: Store):
    check(build_report(synthetic_store))


def test_the_report_of_an_empty_run_fits_the_schema(tmp_path: Path):
    with Store.create(tmp_path / "run.sqlite", {}) as store:
        check(build_report(store))


def test_the_schema_refuses_an_unknown_verdict_and_a_missing_key(synthetic_store: Store):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    wrong_verdict, missing = build_report(synthetic_store), build_report(synthetic_store)
    wrong_verdict["requirements"][0]["verdict"] = "nearly passed"
    del missing["requirements"][0]["limit"]

    for report in (wrong_verdict, missing):
        with pytest.raises(jsonschema.ValidationError):
            check(report)


def test_uncertainty_fits_the_schema_and_can_be_read_back(tmp_path: Path, uncertain):
    with Store.create(tmp_path / "run.sqlite", {}) as store:
        store.put_result(uncertain.result())
        report = json.loads(json.dumps(build_report(store)))
        kept = store.results()["UNC-007"]
    check(report)

    assert result_of(report["requirements"][0]) == kept
    assert kept.uncertainty == uncertain.uncertainty()


def test_the_schema_refuses_uncertainty_without_a_part(tmp_path: Path, uncertain):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    with Store.create(tmp_path / "run.sqlite", {}) as store:
        store.put_result(uncertain.result())
        report = build_report(store)
    del report["requirements"][0]["uncertainty"]["scatter"]["cases"][0]["error"]

    with pytest.raises(jsonschema.ValidationError):
        check(report)


def test_every_verdict_is_counted(synthetic_store: Store):
    assert build_report(synthetic_store)["verdicts"] == {
        "passed": 3, "failed": 2, "inconclusive": 1, "not_evaluable": 1, "invalid": 1, "not_run": 1,
    }  # fmt: skip


def test_infinity_is_text_and_nan_is_null(tmp_path: Path):
    result = RequirementResult(
        "R", "s", "failed", estimate=math.nan, interval=(-math.inf, math.inf), limit=1.0, search={"snr": math.inf}
    )
    with Store.create(tmp_path / "run.sqlite", {"data": {"low": math.nan}}) as store:
        store.put_result(result)
        path = write_report(store, tmp_path, status="running")
    report = strict(path.read_text(encoding="utf-8"))

    assert report["requirements"][0]["interval"] == ["-inf", "inf"]
    assert report["requirements"][0]["estimate"] is None
    assert report["requirements"][0]["search"] == {"snr": "inf"}
    check(report)


def test_a_result_can_be_read_back_from_a_report(synthetic_store: Store):
    point = CurvePoint(
        0,
        "clean",
        [{"perturbation": "n", "parameters": {"snr": "inf"}, "on": None}],
        "inf",
        0,
        (0, 1),
        2,
        {"snr": math.inf},
    )
    synthetic_store.put_result(RequirementResult("UNC-001", "inf", "failed", interval=(0.1, math.inf), curve=[point]))
    report = json.loads(json.dumps(build_report(synthetic_store)))

    assert [result_of(entry) for entry in report["requirements"]] == list(synthetic_store.results().values())


def test_complete_is_only_said_when_every_requirement_has_a_verdict(synthetic_store: Store, tmp_path: Path):
    def status() -> str:
        return json.loads(write_report(synthetic_store, tmp_path, status="complete").read_text())["status"]

    assert status() == "incomplete"
    synthetic_store.put_result(RequirementResult("UNC-001", "s", "passed"))
    assert status() == "complete"


def test_a_run_without_requirements_is_not_complete_and_not_passed(tmp_path: Path):
    with Store.create(tmp_path / "run.sqlite", {}) as store:
        report = json.loads(write_report(store, tmp_path, status="complete").read_text())

    assert (report["status"], report["verdict"]) == ("incomplete", "not_run")


@pytest.mark.parametrize("status", ["running", "interrupted", "incomplete"])
def test_a_run_that_is_not_complete_has_not_passed(tmp_path: Path, status):
    with Store.create(tmp_path / "run.sqlite", {}) as store:
        store.put_result(RequirementResult("A", "s", "passed"))
        report = json.loads(write_report(store, tmp_path, status=status).read_text())

        assert (report["status"], report["verdict"]) == (status, "not_run")
        assert build_report_after_complete(store, tmp_path)["verdict"] == "passed"


def build_report_after_complete(store: Store, directory: Path) -> dict:
    return json.loads(write_report(store, directory, status="complete").read_text())


def test_excluded_cases_may_be_given_as_case_and_reason(tmp_path: Path):
    with Store.create(tmp_path / "run.sqlite", {"data": {"excluded": {"c": "cut off"}}}) as store:
        assert build_report(store)["data"]["excluded"] == [{"case": "c", "reason": "cut off"}]


def test_a_command_given_as_arguments_is_quoted(tmp_path: Path):
    with Store.create(tmp_path / "run.sqlite", {"command": ["pytest", "-k", "a b"]}) as store:
        assert build_report(store)["command"] == "pytest -k 'a b'"


def test_no_home_folder_stands_in_the_report(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/maria")
    run = {"spec": {"path": "/home/maria/x/segrobust.toml"}, "model": {"files": ["/home/maria/m.pt"]}}
    with Store.create(tmp_path / "run.sqlite", run) as store:
        report = build_report(store)

    assert report["spec"]["path"] == "~/x/segrobust.toml"
    assert "maria" not in json.dumps(report)


def test_readers_see_a_whole_report_while_it_is_rewritten(synthetic_store: Store, tmp_path: Path):
    path = write_report(synthetic_store, tmp_path, status="running")
    done = threading.Event()
    seen: list[str] = []

    def read() -> None:
        while not done.is_set():
            seen.append(strict(path.read_text(encoding="utf-8"))["run_id"])

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(15):
        write_report(synthetic_store, tmp_path, status="running")
    done.set()
    reader.join()

    assert set(seen) == {"5f0c1a7be2d4"}


def test_a_write_that_fails_leaves_the_old_report_and_no_rubbish(synthetic_store: Store, tmp_path: Path, monkeypatch):
    path = write_report(synthetic_store, tmp_path, status="running")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_write.os, "fsync", full)
    with pytest.raises(EvidenceError, match=r"report\.json: cannot be written \(No space left on device\)"):
        write_report(synthetic_store, tmp_path, status="interrupted")

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if "part" in file.name] == []
    assert synthetic_store.run()["status"] == "running", "the failed write changed nothing"


def test_two_processes_may_write_the_same_report(synthetic_store: Store, tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from pytest_segrobust.evidence.store import Store;"
        "from pytest_segrobust.evidence.report import write_report;"
        "store = Store.open(Path(sys.argv[1]) / 'run.sqlite');"
        "[write_report(store, Path(sys.argv[1]), status='running') for _ in range(10)]"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]

    assert [process.wait() for process in processes] == [0, 0]
    assert strict((tmp_path / "report.json").read_text())["status"] == "running"


def test_the_same_store_gives_the_same_report(synthetic_store: Store, tmp_path: Path):
    first = write_report(synthetic_store, tmp_path, status="running").read_bytes()

    assert write_report(synthetic_store, tmp_path, status="running").read_bytes() == first


def test_a_report_written_after_every_item_says_what_one_written_at_once_says(
    synthetic_store: Store, tmp_path: Path, whole, uncertain
):
    whole.complete(synthetic_store, uncertain)
    entries = Entries()

    def written() -> str:
        path = write_report(synthetic_store, tmp_path, status="running", entries=entries)
        assert path.read_text(encoding="utf-8") == strict_json.dumps(build_report(synthetic_store))
        return path.read_text(encoding="utf-8")

    first = written()
    synthetic_store.put_result(
        RequirementResult("UNC-001", "s", "failed", interval=(-math.inf, 1.0), reason='\n  "requirements": null,\n')
    )
    second = written()
    synthetic_store.put_result(RequirementResult("UNC-001", "s", "passed", reason="decided again"))

    assert len({first, second, written()}) == 3
    assert "decided again" in written()


def test_a_report_without_requirements_is_written_as_any_other(tmp_path: Path):
    with Store.create(tmp_path / "run.sqlite", {}) as store:
        path = write_report(store, tmp_path, status="running", entries=Entries())
        assert path.read_text(encoding="utf-8") == strict_json.dumps(build_report(store))
