"""The verdict of a run as an in-toto statement of the predicate test-result v0.1, for policies that gate a release.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"


def statement(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """The statement of a report; None where nothing identifies the model, for a statement needs a subject.

    A requirement that passed with caveats is a test with warnings; whatever did not pass has failed, inconclusive ones
    and stress tests too. The result is PASSED only where every test passed without, the run is no test run, and a
    comparison with a release that was asked for holds.
    """
    subjects = _subjects(report["model"])
    if not subjects:
        return None
    tests: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for entry in report["requirements"]:
        tests[_kind(entry)].append(entry["id"])
    return {
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": {"result": _result(report, tests), "configuration": _configuration(report), **tests},
    }


def _kind(entry: Mapping[str, Any]) -> str:
    if entry["verdict"] != "passed":
        return "failedTests"
    return "warnedTests" if (entry.get("search") or {}).get("caveats") else "passedTests"


def _result(report: Mapping[str, Any], tests: Mapping[str, list[str]]) -> str:
    comparison = report.get("comparison") or {"holds": True}
    if report["verdict"] != "passed" or not comparison["holds"]:
        return "FAILED"
    unclouded = not tests["warnedTests"] and not tests["failedTests"] and report["record"]["state"] != "test_run"
    return "PASSED" if unclouded else "WARNED"


def _subjects(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One per model named on the command line, in order."""
    hashes = model.get("sha256") or []
    paths = model.get("paths") or []
    kinds = model.get("kinds") or []
    weights = model.get("weights_sha256") or []
    found = []
    for number, digest in enumerate(hashes):
        name = _last(str(paths[number])) if number < len(paths) else f"model {number + 1}"
        subject: dict[str, Any] = {"name": name, "digest": {"sha256": digest}}
        if digest.startswith("source:"):  # a function: the file that holds it, and beside it the weights that it made
            subject["digest"] = {"sha256": digest.removeprefix("source:")}
            if number < len(weights) and weights[number]:
                subject["annotations"] = {"weights_sha256": weights[number]}
        elif number < len(kinds) and kinds[number] == "monai bundle":
            # of a folder's sorted files: no digest that another tool would take for one of a file
            subject["digest"] = {"sha256OfSortedFiles": digest}
        found.append(subject)
    return found


def _configuration(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the tests were run with, each with its digest: requirements, lock, data, pinned packages, code, tool."""
    spec = report["spec"]
    provenance = report.get("provenance") or {}
    frozen = report.get("freeze") or {}
    found = []
    if spec.get("text_sha256") or spec.get("sha256"):
        annotations = {"canonical_sha256": spec.get("sha256"), "freeze": frozen.get("state"), **_record(report)}
        found.append(
            {
                "name": _last(str(spec.get("path") or "requirements")),
                "digest": {"sha256": spec.get("text_sha256") or spec["sha256"]},
                "annotations": {key: value for key, value in annotations.items() if value is not None},
            }
        )
    if frozen.get("lock_head"):
        found.append({"name": frozen["lock"], "digest": {"sha256OfLastEntry": frozen["lock_head"]}})
    if report["data"].get("sha256"):
        found.append({"name": "data manifest", "digest": {"sha256OfFileHashes": report["data"]["sha256"]}})
    found += [_file(each) for each in provenance.get("lock_files") or []]
    found += [_file(each) for each in provenance.get("code") or []]
    if commit := ((report.get("environment") or {}).get("git") or {}).get("commit"):
        found.append({"name": "project", "digest": {"gitCommit": commit}})
    return found


def _record(report: Mapping[str, Any]) -> dict[str, Any]:
    return {"record": report["record"]["state"], "profile": report.get("profile"), "seed": report.get("seed")}


def _file(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": entry["name"], "digest": {"sha256": entry["sha256"]}}


def _last(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
