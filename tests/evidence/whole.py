"""What else a run may say of itself: ranges, volumes, subgroups, freeze, trace, dispositions, independence, sign-off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_segrobust.evidence.records import BreakingPoint, CaseResult, CurvePoint, GrossFailures, RequirementResult
from pytest_segrobust.evidence.report import build_report

if TYPE_CHECKING:
    from types import ModuleType

    from pytest_segrobust.evidence.store import Store

RANGES = {
    "ROB-001": [("gaussian noise", "sigma", 0.0, 0.1, "")],
    "ROB-002": [("rician noise", "sigma", 0.0, 0.2, "")],
    "ROB-003": [("gaussian blur", "sigma", 0.0, 1.5, "mm")],
    "ROB-004": [("gaussian noise", "snr", 10.0, float("inf"), "dB"), ("gamma", "gamma", 0.7, 1.5, "")],
    "VOL-001": [("gamma", "gamma", 0.7, 1.5, "")],
    "UNC-007": [("gaussian noise", "sigma", 0.0, 0.1, "")],
}
SAID = {
    "freeze": {
        "state": "changed",
        "lock": "segrobust.lock",
        "sha256": "e" * 64,
        "frozen_at": "2026-02-20T08:00:00+00:00",
        "approver": "R. Approver",
        "words": "The requirements were frozen on 2026-02-20 by R. Approver and have changed since.",
        "amendments": [
            {
                "time": "2026-02-25T10:00:00+00:00",
                "approver": "R. Approver",
                "reason": "typing error in ROB-002",
                "sha256": "f" * 64,
                "diff": ["- sigma <= 0.02", "+ sigma <= 0.2"],
            }
        ],
    },
    "record": {"state": "test_run", "why": ["The requirements have changed since they were frozen."]},
    "deviations": {
        "file": "deviations.toml",
        "open": 1,
        "items": [
            {
                "kind": "failed",
                "requirement": "ROB-002",
                "text": "L lies beyond the limit",
                "disposition": "claim withdrawn",
                "impact": "MR with SNR below 14 dB is out of scope",
                "owner": "Q. Manager",
                "date": "2026-03-03",
            },
            {"kind": "rerun", "requirement": None, "text": "a worker died", "disposition": None},
        ],
    },
    "sign_off": [{"role": "tester", "name": "T. Tester", "date": "2026-03-03", "meaning": "ran as described"}],
    "trace": {
        "file": "risks.csv",
        "rows": [
            {
                "risk": "H-3",
                "hazard": "tumour is missed in a noisy image",
                "control": "robustness to noise",
                "requirement": "ROB-001",
                "source": "segrobust.toml:31",
                "test": "segrobust.toml::ROB-001",
                "verdict": "passed",
            }
        ],
        "orphans": {"risks": ["H-9"], "requirements": ["LAT-001"], "unknown_risks": [], "tests": []},
    },
    "independence": {
        "state": "overlap",
        "level": "patient",
        "words": "1 test patient is in the training list.",
        "findings": [{"test_case": "hippocampus_004", "train_case": "h004", "how": "voxel hash", "distance": 0.0}],
    },
    "use_ledger": {"words": "This test set has judged 3 models in 11 runs; this model twice.", "intact": True},
    "soup": [{"name": "torch", "version": "2.13.0", "license": "BSD-3-Clause"}],
    "provenance": {
        "code": [{"what": "network", "name": "nets:unet", "sha256": "1" * 64}],
        "lock_file": {"name": "uv.lock", "sha256": "2" * 64},
        "determinism": {"deterministic": True},
        "seeds": {"run": 0},
    },
}


def complete(store: Store, uncertain: ModuleType) -> None:
    """Add to the run what is said above, a requirement about uncertainty, and the perturbations as they grow."""
    store.put_result(uncertain.result())
    for result in store.results().values():
        store.put_result(replace(result, domains=domains(result.id), volumes=volumes(result), strata=strata(result)))
    cases = [f"hippocampus_{number:03}" for number in range(1, 25)]
    data = store.run()["data"]
    store.set_run(
        data={**data, "dimensions": 3, "voxel_size": dict.fromkeys(cases, 1.2), "patient": "{name}"},
        repeatability=[
            {
                "how": "measured a second time",
                "cases": 8,
                "mean_change": 0.0,
                "largest_change": 0.0,
                "largest_in": "hippocampus_001",
                "allowed": 0.005,
                "held": True,
            },
            {
                "how": "alone in its batch",
                "cases": 3,
                "mean_change": 0.0001234,
                "largest_change": 0.00062,
                "largest_in": "hippocampus_002",
                "allowed": 0.05,
                "held": True,
            },
        ],
        qualification={
            "file": "segrobust-qualification/qualification.json",
            "passed": True,
            "checks": 61,
            "failed": [],
            "started": "2026-02-19T07:00:00+00:00",
            "version": "0.1.0",
            "of_this_tool": True,
            "os": "Linux-6.1",
        },
    )
    for picture in store.pictures():
        arrays, about = dict(picture.arrays), dict(picture.about)
        random = np.random.default_rng(1)
        for number in (1, 2, 3):
            noise = 0.06 * number * random.standard_normal(arrays["clean"].shape)
            arrays[f"severity_{number}"] = arrays["clean"] + noise.astype(np.float32)
        about["severities"] = [f"gaussian noise(sigma={0.1 * number / 3:.3g})" for number in (1, 2, 3)]
        if picture.case == "hippocampus_003":
            about["note"] = "control, drawn by lot"
        store.put_picture(picture.requirement, picture.case, picture.structure, arrays, about)
    for picture in store.pictures("ROB-001"):
        arrays, about = uncertain.with_maps(picture)
        store.put_picture("UNC-007", picture.case, picture.structure, arrays, about)


def report_of(store: Store) -> dict[str, Any]:
    """The report with the keys that other commands put into it."""
    return {**build_report(store), **SAID}


def domains(identifier: str) -> list[dict[str, Any]]:
    return [
        {
            "perturbation": name,
            "on": None,
            "source": "",
            "parameters": [{"name": parameter, "low": low, "high": high, "unit": unit}],
        }
        for name, parameter, low, high, unit in RANGES.get(identifier, [])
    ]


def volumes(result: RequirementResult) -> dict[str, Any] | None:
    if not result.cases or result.worst is None:
        return None
    random = np.random.default_rng(len(result.id))
    reference = random.integers(1500, 5200, len(result.cases))
    return {
        "structure": result.worst["structure"],
        "point": result.worst["text"],
        "reference": reference.tolist(),
        "clean": (reference * random.normal(0.99, 0.03, len(reference))).round().astype(int).tolist(),
        "predicted": [
            None if case.failure else float(size) for case, size in zip(result.cases, reference * 0.9, strict=True)
        ],
    }


def strata(result: RequirementResult) -> list[dict[str, Any]]:
    if result.id != "ROB-001":
        return []
    return [
        {
            "column": "scanner",
            "stratum": name,
            "decides": False,
            "verdict": verdict,
            "estimate": estimate,
            "interval": None if estimate is None else [estimate - 0.01, estimate + 0.012],
            "n_patients": n,
            **({} if estimate is not None else {"reason": "too few to say: 3 patients, 5 are needed"}),
        }
        for name, verdict, estimate, n in (
            ("A", "passed", 0.028, 12),
            ("B", "inconclusive", 0.042, 9),
            ("C", "not_evaluable", None, 3),
        )
    ]


def hostile_result(text: str) -> RequirementResult:
    """A result in which every text that a user may have written is this one."""
    steps = [{"perturbation": text, "parameters": {text: 0.5}, "on": text}]
    lost = {"case": text, "structure": text, "point": text, "failure": text}
    return RequirementResult(
        text,
        text,
        "failed",
        measure=text,
        unit=text,
        estimate=0.5,
        interval=(0.4, 0.6),
        limit=0.1,
        comparison="below",
        reason=text,
        rationale=text,
        risks=[text],
        tags=[text],
        replay=text,
        warnings=[text],
        search={text: text},
        worst={"text": text, "structure": text, "parameters": []},
        breaking_point=BreakingPoint(None, None, words=text),
        gross_failures=GrossFailures(1, 2, 0.9, [lost]),
        curve=[CurvePoint(s, text, steps, text, s, (s, s + 1), 2, {text: 1.0}) for s in (0.0, 1.0)],
        cases=[CaseResult(text, text, text, 0.9, 0.1, 0.8, text)],
        structures=[{"structure": text, "verdict": text, "worst": text}] * 2,
    )
