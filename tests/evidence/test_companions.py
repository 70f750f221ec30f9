"""Attestation and bill of materials say what report.json says, in the forms of in-toto and CycloneDX."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pytest_segrobust.evidence.attestation import statement
from pytest_segrobust.evidence.bill_of_materials import bill_of_materials
from pytest_segrobust.evidence.companions import NAMES, companions, write_companions
from pytest_segrobust.evidence.report import build_report, write_report

FROZEN = {"state": "frozen", "words": "w", "lock": "segrobust.lock", "lock_head": "9" * 64}
PROVENANCE = {
    "lock_files": [{"name": "uv.lock", "sha256": "7" * 64}],
    "code": [{"what": "network", "name": "networks:build", "sha256": "8" * 64}],
}
SOUP = [
    {"name": "Some_Package", "version": "1.0+cpu", "license": "MIT"},
    {"name": "bare", "version": "2", "license": ""},
]


@pytest.fixture
def report(build_run, tmp_path: Path) -> dict:
    with build_run(tmp_path / "run.sqlite", complete=True) as store:
        store.set_run(freeze=FROZEN, provenance=PROVENANCE, soup=SOUP)
        store.set_run(model={"sha256": ["b" * 64], "paths": ["/data/models/unet.pt"], "kinds": ["weights"]})
        return json.loads(json.dumps(build_report(store)))


def test_the_statement_has_the_form_of_in_toto_and_names_model_and_configuration(report: dict) -> None:
    found = statement(report)

    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert found["subject"] == [{"name": "unet.pt", "digest": {"sha256": "b" * 64}}]
    assert set(found["predicate"]) == {"result", "configuration", "passedTests", "warnedTests", "failedTests"}
    names = {each["name"]: each["digest"] for each in found["predicate"]["configuration"]}
    assert names["segrobust.toml"] == {"sha256": "a" * 64}
    assert names["uv.lock"] == {"sha256": "7" * 64}
    assert {"segrobust.lock", "data manifest", "networks:build", "project"} <= names.keys()


def test_what_did_not_pass_has_failed_inconclusive_too_and_nothing_is_left_out(report: dict) -> None:
    predicate = statement(report)["predicate"]

    by_verdict = {entry["id"]: entry["verdict"] for entry in report["requirements"]}
    assert "inconclusive" in by_verdict.values()
    assert set(predicate["failedTests"]) == {name for name, verdict in by_verdict.items() if verdict != "passed"}
    assert set(predicate["passedTests"]) | set(predicate["warnedTests"]) == {
        name for name, verdict in by_verdict.items() if verdict == "passed"
    }
    assert predicate["result"] == "FAILED"


def test_only_a_whole_pass_for_the_record_is_attested_as_passed(report: dict) -> None:
    for entry in report["requirements"]:
        entry.update(verdict="passed", gates=True, search={})
    report.update(verdict="passed", record={"state": "final", "why": []})

    assert statement(report)["predicate"]["result"] == "PASSED"
    assert statement({**report, "record": {"state": "draft", "why": []}})["predicate"]["result"] == "PASSED"
    assert statement({**report, "record": {"state": "test_run", "why": []}})["predicate"]["result"] == "WARNED"
    assert statement({**report, "verdict": "not_run"})["predicate"]["result"] == "FAILED"
    assert statement({**report, "comparison": {"holds": True}})["predicate"]["result"] == "PASSED"
    assert statement({**report, "comparison": {"holds": False}})["predicate"]["result"] == "FAILED"
    report["requirements"][0]["search"] = {"caveats": ["two cases were excluded"]}
    assert statement(report)["predicate"]["result"] == "WARNED"
    assert statement(report)["predicate"]["warnedTests"] == [report["requirements"][0]["id"]]
    report["requirements"][0].update(search={}, verdict="failed", gates=False)  # a stress test that does not gate
    assert statement(report)["predicate"]["result"] == "WARNED"


def test_a_model_is_identified_as_what_it_is_or_not_attested(report: dict) -> None:
    function = {"sha256": [f"source:{'1' * 64}"], "paths": ["nets:build"], "weights_sha256": ["2" * 64]}
    folder = {"sha256": ["3" * 64], "paths": ["bundle"], "kinds": ["monai bundle"]}

    (subject,) = statement({**report, "model": function})["subject"]
    assert subject == {
        "name": "nets:build", "digest": {"sha256": "1" * 64}, "annotations": {"weights_sha256": "2" * 64},
    }  # fmt: skip
    assert "sha256" not in statement({**report, "model": folder})["subject"][0]["digest"]
    assert statement({**report, "model": {"sha256": []}}) is None


def test_the_bill_of_materials_has_metrics_of_every_requirement_as_texts_with_all_digits(report: dict) -> None:
    """Structure of CycloneDX 1.6, as far as it is used here; checked against the published schema when this was written."""
    found = bill_of_materials(report)

    assert set(found) == {
        "$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components",
    }  # fmt: skip
    assert (found["bomFormat"], found["specVersion"], found["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", found["serialNumber"])
    model = found["metadata"]["component"]
    assert (model["type"], model["name"]) == ("machine-learning-model", "unet.pt")
    assert model["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    for metric in metrics:
        assert set(metric) <= {"type", "value", "slice", "confidenceInterval"}
        assert all(isinstance(metric[key], str) for key in ("type", "value", "slice"))
        bounds = metric.get("confidenceInterval", {})
        assert set(bounds) in (set(), {"lowerBound", "upperBound"})
        assert all(isinstance(bound, str) for bound in bounds.values())
    for entry in report["requirements"]:
        (metric,) = [m for m in metrics if m["type"].startswith(entry["id"]) and "verdict" in m["slice"]]
        assert metric["value"] == ("none" if entry["estimate"] is None else repr(entry["estimate"]))
        if entry["interval"]:
            assert metric["confidenceInterval"]["upperBound"] == str(entry["interval"][1])
    references = [component["bom-ref"] for component in found["components"]] + ["model"]
    assert len(set(references)) == len(references)
    assert {"ref": "data"} in model["modelCard"]["modelParameters"]["datasets"]
    package = next(component for component in found["components"] if component["name"] == "Some_Package")
    assert package["purl"] == "pkg:pypi/some-package@1.0%2Bcpu"
    assert package["licenses"] == [{"license": {"name": "MIT"}}]


def test_an_ensemble_is_one_model_of_several(report: dict) -> None:
    members = {
        "sha256": ["1" * 64, f"source:{'2' * 64}"],
        "paths": ["a.pt", "nets:b"],
        "kinds": ["weights", "function"],
    }
    whole = bill_of_materials({**report, "model": members})["metadata"]["component"]

    assert [member["name"] for member in whole["components"]] == ["a.pt", "nets:b"]
    assert "hashes" not in whole["components"][1], "the hash of a source file is not that of weights"
    assert bill_of_materials({**report, "model": {"sha256": []}})["metadata"]["component"]["name"] == "model"


def test_a_run_that_is_not_complete_is_attested_by_nothing_and_that_of_an_earlier_one_goes(
    build_run, tmp_path: Path
) -> None:
    with build_run(tmp_path / "run.sqlite", complete=True) as store:
        write_report(store, tmp_path, status="complete")
        assert {path.name for path in tmp_path.iterdir()} >= set(NAMES)
        write_report(store, tmp_path, status="interrupted")
        assert {path.name for path in tmp_path.iterdir()} & set(NAMES) == {"environment.json"}
        write_report(store, tmp_path, status="running")
        assert not {path.name for path in tmp_path.iterdir()} & set(NAMES)


def test_the_same_report_gives_the_same_files(report: dict, tmp_path: Path) -> None:
    write_companions(report, tmp_path)

    for name, text in companions(json.loads(json.dumps(report))).items():
        assert (tmp_path / name).read_text(encoding="utf-8") == text
