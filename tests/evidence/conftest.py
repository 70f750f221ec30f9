"""A run that never happened, with every verdict in it: what report and page are tested on."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_segrobust.evidence.records import (
    BreakingPoint,
    CaseResult,
    CurvePoint,
    GrossFailures,
    RequirementResult,
)
from pytest_segrobust.evidence.store import Store

if TYPE_CHECKING:
    from types import ModuleType

specification = importlib.util.spec_from_file_location("uncertain", Path(__file__).with_name("uncertain.py"))
_uncertain = importlib.util.module_from_spec(specification)
specification.loader.exec_module(_uncertain)
specification = importlib.util.spec_from_file_location("whole", Path(__file__).with_name("whole.py"))
_whole = importlib.util.module_from_spec(specification)
specification.loader.exec_module(_whole)

STRUCTURES = ("anterior", "posterior")
DECLARED = (
    ("ROB-001", "DSC drop under gaussian noise with sigma <= 0.1 is below 5 %"),
    ("ROB-002", "DSC drop of posterior under rician noise with sigma <= 0.2 is below 5 %"),
    ("ROB-003", "HD95 increase under gaussian blur with sigma <= 1.5 mm is below 1 mm"),
    ("ROB-004", "DSC drop under gaussian noise with snr >= 10 dB and gamma with 0.7 <= gamma <= 1.5 is below 10 %"),
    ("ABS-001", "DSC is at least 0.8"),
    ("VOL-001", "volume bias under gamma with 0.7 <= gamma <= 1.5 is within 5 %"),
    ("SUB-001", "DSC drop of lesion under gaussian noise with sigma <= 0.1 is below 5 %"),
    ("LAT-001", "prediction agreement under flip is at least 0.9"),
    ("UNC-001", "DSC drop under brightness with shift <= 0.2 is below 5 %"),
)


@pytest.fixture
def synthetic_store(tmp_path: Path):
    """The run's store, open."""
    with build(tmp_path / "run.sqlite") as store:
        yield store


@pytest.fixture(scope="session")
def build_run():
    """`build`, for a run of another size."""
    return build


@pytest.fixture(scope="session")
def uncertain() -> ModuleType:
    """Results about uncertainty, see `uncertain.py`."""
    return _uncertain


@pytest.fixture(scope="session")
def whole() -> ModuleType:
    """A run of which everything is recorded, see `whole.py`."""
    return _whole


@pytest.fixture(scope="session")
def whole_report(tmp_path_factory):
    """The report and the pictures of a run of which everything is recorded."""
    with build(tmp_path_factory.mktemp("whole") / "run.sqlite") as store:
        _whole.complete(store, _uncertain)
        return _whole.report_of(store), store.pictures()


def step(perturbation: str, **parameters: float | str) -> dict[str, Any]:
    return {"perturbation": perturbation, "parameters": parameters, "on": None}


def build(path: Path, *, n_patients: int = 24, picture_size: int = 128, complete: bool = False) -> Store:
    """A store with the results and pictures of the run."""
    store = Store.create(
        path,
        {
            "run_id": "5f0c1a7be2d4",
            "status": "complete",
            "started": "2026-03-02T09:14:03+00:00",
            "finished": "2026-03-02T09:26:41+00:00",
            "command": "pytest --segrobust-model=unet.pt -n 2",
            "profile": "ci",
            "seed": 0,
            "device": "cpu",
            "spec": {"sha256": "a" * 64, "path": "segrobust.toml"},
            "model": {"sha256": ["b" * 64]},
            "data": {
                "n_cases": n_patients,
                "n_patients": n_patients,
                "sha256": "c" * 64,
                "excluded": [{"case": "hippocampus_017", "reason": "label cut off at the edge of the volume"}],
            },
            "environment": {
                "os": "Linux-6.1",
                "python": "CPython 3.11.7",
                "packages": {"torch": "2.13.0", "monai": "1.6.1"},
                "torch": {"threads": 2, "deterministic": True, "gpus": []},
                "git": {"commit": "d" * 40, "dirty": False},
            },
            "warnings": ["anterior has drop requirements but none on its absolute value."],
        },
    )
    store.declare([{"id": identifier, "statement": statement} for identifier, statement in DECLARED])
    for result in results(n_patients):
        store.put_result(result)
    if complete:
        store.put_result(RequirementResult("UNC-001", DECLARED[-1][1], "invalid", reason="made complete"))
    for requirement, structure in (("ROB-001", "anterior"), ("ROB-002", "posterior"), ("ROB-003", "anterior")):
        put_pictures(store, requirement, structure, picture_size)
    store.add_cost(process="gw0", forward_passes=4810, forward_seconds=312.4, wall_seconds=371.0)
    store.add_cost(process="gw1", forward_passes=4702, forward_seconds=305.9, wall_seconds=368.2)
    store.event("worker crashed", "gw1 ended with signal 9 while it evaluated ROB-004")
    store.event("resumed", "3 requirements had results already")
    return store


def results(n: int) -> list[RequirementResult]:
    """One result for every declared requirement but the last."""
    statements = dict(DECLARED)
    worst = {
        "parameters": [step("gaussian noise", sigma=0.1)],
        "text": "gaussian noise(sigma=0.1)",
        "structure": "anterior",
    }
    return [
        RequirementResult(
            "ROB-001",
            statements["ROB-001"],
            "passed",
            measure="DSC drop",
            estimate=0.0312,
            interval=(0.0251, 0.0384),
            two_sided=(0.0239, 0.0401),
            limit=0.05,
            comparison="below",
            method="BCa bootstrap over patients, 10 000 resamples",
            n_patients=n,
            n_cases=n,
            gross_failures=GrossFailures(0, n, 1 - 0.05 ** (1 / n)),
            worst=worst,
            breaking_point=BreakingPoint(
                None,
                None,
                held_to=[step("gaussian noise", sigma=0.13)],
                words="held to sigma = 0.13, the largest tried",
            ),
            curve=curve("gaussian noise", "sigma", 0.1, STRUCTURES, (0.031, 0.018), beyond=1.3),
            structures=[
                {
                    "structure": "anterior",
                    "verdict": "passed",
                    "estimate": 0.0312,
                    "interval": [0.0251, 0.0384],
                    "worst": worst,
                },
                {
                    "structure": "posterior",
                    "verdict": "passed",
                    "estimate": 0.0181,
                    "interval": [0.0122, 0.0249],
                    "worst": worst,
                },
            ],
            cases=cases(n, "anterior", 0.9, 0.0312),
            search={"points_tried": 41, "screening_patients": 8, "decided_points": 9, "units": {"sigma": "unit scale"}},
            warnings=[f"{n} patients are few for a bootstrap interval: it may be too narrow where failures are rare"],
            reason="U = 0.0384 lies below the limit of 0.05",
            rationale="inter-reader DSC is 0.90; see RMF-12",
            risks=["H-3"],
            replay="segrobust replay segrobust-report ROB-001",
        ),
        RequirementResult(
            "ROB-002",
            statements["ROB-002"],
            "failed",
            measure="DSC drop",
            estimate=0.0934,
            interval=(0.0712, 0.1213),
            two_sided=(0.0689, 0.1287),
            limit=0.05,
            comparison="below",
            method="BCa bootstrap over patients, 10 000 resamples",
            n_patients=n,
            n_cases=n,
            gross_failures=GrossFailures(
                2,
                n,
                0.2403,
                [
                    {
                        "case": f"hippocampus_{k:03}",
                        "structure": "posterior",
                        "point": "rician noise(sigma=0.2)",
                        "failure": "missed",
                    }
                    for k in (4, 9)
                ],
            ),
            worst={
                "parameters": [step("rician noise", sigma=0.2)],
                "text": "rician noise(sigma=0.2)",
                "structure": "posterior",
            },
            breaking_point=BreakingPoint(
                0.62,
                [step("rician noise", sigma=0.124)],
                (0.55, 0.7),
                words="breaks at sigma = 0.124 [0.110, 0.140]",
            ),
            curve=curve("rician noise", "sigma", 0.2, ("posterior",), (0.093,)),
            cases=cases(n, "posterior", 0.87, 0.0934, failures=(4, 9)),
            search={"points_tried": 38, "screening_patients": 8},
            reason="L = 0.0712 lies beyond the limit of 0.05: shown not to be met",
            risks=["H-3", "H-7"],
            replay="segrobust replay segrobust-report ROB-002",
        ),
        RequirementResult(
            "ROB-003",
            statements["ROB-003"],
            "inconclusive",
            measure="HD95 increase",
            unit="mm",
            estimate=0.912,
            interval=(0.74, 1.13),
            two_sided=(0.71, 1.19),
            limit=1.0,
            comparison="below",
            n_patients=n,
            n_cases=n,
            gross_failures=GrossFailures(0, n, 1 - 0.05 ** (1 / n)),
            worst={
                "parameters": [step("gaussian blur", sigma=1.5)],
                "text": "gaussian blur(sigma=1.5)",
                "structure": "anterior",
            },
            curve=curve("gaussian blur", "sigma", 1.5, STRUCTURES, (0.91, 0.7)),
            cases=cases(n, "anterior", 2.1, -0.912),
            reason="[0.740, 1.13] mm contains the limit of 1 mm; about 70 patients would settle it if the estimate held",
            replay="segrobust replay segrobust-report ROB-003",
        ),
        RequirementResult(
            "ROB-004",
            statements["ROB-004"],
            "passed",
            measure="DSC drop",
            estimate=0.061,
            interval=(0.0498, 0.0755),
            two_sided=(0.047, 0.079),
            limit=0.1,
            comparison="below",
            n_patients=n,
            n_cases=n,
            worst={
                "parameters": [step("gaussian noise", snr=10.0), step("gamma", gamma=1.5)],
                "text": "gaussian noise(snr=10) | gamma(gamma=1.5)",
                "structure": "posterior",
            },
            curve=[
                CurvePoint(
                    s,
                    "",
                    []
                    if s == 0
                    else [step("gaussian noise", snr=10 - 20 * math.log10(s)), step("gamma", gamma=1 + 0.5 * s)],
                    "posterior",
                    0.061 * s,
                    (0.05 * s, 0.0755 * s),
                    n,
                )
                for s in (0, 0.25, 0.5, 0.75, 1)
            ],
            reason="U = 0.0755 lies below the limit of 0.1",
        ),
        RequirementResult(
            "ABS-001",
            statements["ABS-001"],
            "passed",
            measure="DSC",
            estimate=0.868,
            interval=(0.8523, 0.8812),
            two_sided=(0.8497, 0.8834),
            limit=0.8,
            comparison="at least",
            n_patients=n,
            n_cases=n,
            gross_failures=GrossFailures(0, n, 1 - 0.05 ** (1 / n)),
            worst={"parameters": [], "text": "clean", "structure": "posterior"},
            cases=[
                CaseResult(c.case, c.patient, c.structure, None, None, c.clean)
                for c in cases(n, "posterior", 0.868, 0.0)
            ],
            reason="L = 0.852 lies above the limit of 0.8",
        ),
        RequirementResult(
            "VOL-001",
            statements["VOL-001"],
            "failed",
            measure="volume bias",
            estimate=-0.141,
            interval=(-0.162, -0.119),
            two_sided=(-0.166, -0.115),
            limit=0.05,
            comparison="within",
            n_patients=n,
            n_cases=n,
            worst={"parameters": [step("gamma", gamma=1.5)], "text": "gamma(gamma=1.5)", "structure": "anterior"},
            curve=[
                CurvePoint(
                    s,
                    "",
                    [] if s == 0 else [step("gamma", gamma=1 + s / 2)],
                    "anterior",
                    -0.141 * s * s,
                    (-0.162 * s, -0.119 * s * s),
                    n,
                )
                for s in (0, 0.2, 0.4, 0.6, 0.8, 1)
            ],
            reason="[-0.162, -0.119] lies outside of ±0.05",
        ),
        RequirementResult(
            "SUB-001",
            statements["SUB-001"],
            "not_evaluable",
            measure="DSC drop",
            limit=0.05,
            comparison="below",
            n_patients=3,
            n_cases=3,
            reason="3 patients have a lesion; [decision] minimum_patients is 5",
        ),
        RequirementResult(
            "LAT-001",
            statements["LAT-001"],
            "invalid",
            measure="prediction agreement",
            limit=0.9,
            comparison="at least",
            reason="the worker ended with signal 9 three times; see Deviations and events",
        ),
    ]


def curve(
    name: str, parameter: str, end: float, structures: tuple[str, ...], drops: tuple[float, ...], *, beyond: float = 1.0
) -> list[CurvePoint]:
    """A curve that bends upwards, with an SNR as realised strength (infinite at the identity)."""
    severities = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] + ([beyond] if beyond > 1 else [])
    return [
        CurvePoint(
            severity,
            f"{name}({parameter}={severity * end:.9g})",
            [step(name, **{parameter: severity * end})] if severity else [],
            structure,
            drop * severity**1.6,
            (0.78 * drop * severity**1.6, 1.27 * drop * severity**1.6),
            24,
            {"snr": 20 - 20 * math.log10(severity) if severity else math.inf},
        )
        for structure, drop in zip(structures, drops, strict=True)
        for severity in severities
    ]


def cases(n: int, structure: str, clean: float, drop: float, failures: tuple[int, ...] = ()) -> list[CaseResult]:
    """Cases scattered around a clean value and a drop; the numbers in `failures` lost the structure."""
    random = np.random.default_rng(7)
    drawn = []
    for number in range(1, n + 1):
        before = float(clean + 0.03 * clean * random.standard_normal())
        after = float(before - drop + 0.4 * abs(drop) * random.standard_normal())
        lost = number in failures
        after = 0.0 if lost else after
        value = before - after if clean < 1 else after - before
        name = f"hippocampus_{number:03}"
        drawn.append(CaseResult(name, name, structure, before, after, value, "missed" if lost else None))
    return drawn


def put_pictures(store: Store, requirement: str, structure: str, size: int) -> None:
    """Three cases whose structure is an ellipse that noise makes the model misjudge."""
    random = np.random.default_rng(3)
    rows, columns = np.mgrid[:size, :size] / size
    for number, shift in enumerate((0.03, 0.05, 0.09), 1):
        inside = ((rows - 0.5) / 0.17) ** 2 + ((columns - 0.45) / 0.26) ** 2
        clean = (0.25 + 0.45 * np.exp(-inside / 2) + 0.1 * np.sin(9 * rows + 5 * columns)).astype(np.float32)
        moved = ((rows - 0.5 - shift) / 0.15) ** 2 + ((columns - 0.45 + shift) / (0.26 - shift)) ** 2
        store.put_picture(
            requirement,
            f"hippocampus_{number:03}",
            structure,
            {
                "clean": clean,
                "perturbed": clean + 0.1 * random.standard_normal(clean.shape).astype(np.float32),
                "reference": inside < 1,
                "clean_prediction": ((rows - 0.505) / 0.165) ** 2 + ((columns - 0.455) / 0.255) ** 2 < 1,
                "prediction": moved < 1,
            },
            {
                "patient": f"P{number:02}",
                "point": "gaussian noise(sigma=0.1)",
                "slice": 17 + number,
                "axis": "axial",
                "spacing": [1.0, 1.0],
                "range": [0.0, 1.0],
                "value": 0.12 + number / 30,
                "note": "the largest area of the reference",
            },
        )
