"""How long the page of a large run takes, how large it is, and whether a browser stays quick with it.

python benchmarks/report.py [REQUIREMENTS] [PATIENTS]      300 requirements of 500 patients, unless said otherwise

Results are drawn at random, four pictures are kept of each requirement, as in a run. The browser is measured where
playwright and a chromium are installed.
"""

from __future__ import annotations

import math
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pytest_segrobust.evidence.html import write_html
from pytest_segrobust.evidence.records import CaseResult, CurvePoint, GrossFailures, RequirementResult
from pytest_segrobust.evidence.report import write_report
from pytest_segrobust.evidence.store import Store

STRUCTURES = ("left lung", "right lung")
PERTURBATIONS = ("gaussian noise", "rician noise", "gaussian blur", "gamma", "bias field", "motion")


def result(number: int, patients: int, random: np.random.Generator) -> RequirementResult:
    """A requirement on the DSC drop; one of four does not pass."""
    drop = float(random.uniform(0.005, 0.06))
    name = PERTURBATIONS[number % len(PERTURBATIONS)]
    severities = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    step: dict[str, Any] = {"perturbation": name, "parameters": {"strength": 0.1}, "on": None}
    clean = random.normal(0.9, 0.02, patients)
    perturbed = clean - random.normal(drop, 0.02, patients)
    voxels = random.integers(20_000, 90_000, patients)
    cases = [f"case_{k:04}" for k in range(patients)]
    return RequirementResult(
        f"ROB-{number:03}",
        f"DSC drop under {name} with strength <= 0.1 is below 5 %",
        "passed" if drop < 0.04 else "failed" if drop > 0.055 else "inconclusive",
        measure="DSC drop",
        estimate=drop,
        interval=(drop * 0.9, drop * 1.1),
        two_sided=(drop * 0.88, drop * 1.12),
        limit=0.05,
        comparison="below",
        method="BCa bootstrap over patients",
        n_patients=patients,
        n_cases=patients,
        gross_failures=GrossFailures(0, patients, 1 - 0.05 ** (1 / patients)),
        worst={"parameters": [step], "text": f"{name}(strength=0.1)", "structure": STRUCTURES[0]},
        curve=[
            CurvePoint(
                s, f"{name}({s})", [step] if s else [], part, drop * s, (drop * s * 0.9, drop * s * 1.1), patients
            )
            for part in STRUCTURES
            for s in severities
        ],
        structures=[
            {
                "structure": part,
                "verdict": "passed",
                "estimate": drop,
                "interval": [drop * 0.9, drop * 1.1],
                "worst": None,
            }
            for part in STRUCTURES
        ],
        cases=[
            CaseResult(case, case, STRUCTURES[0], float(a), float(b), float(a - b), None)
            for case, a, b in zip(cases, clean, perturbed, strict=True)
        ],
        volumes={
            "structure": STRUCTURES[0],
            "point": f"{name}(strength=0.1)",
            "reference": voxels.tolist(),
            "clean": voxels.tolist(),
            "predicted": (voxels * 0.97).tolist(),
        },
        search={"points_tried": 40, "screening_patients": 6},
        reason="U lies below the limit of 0.05" if drop < 0.04 else "U lies beyond the limit of 0.05",
        replay=f"segrobust replay report ROB-{number:03}",
    )


def fill(store: Store, requirements: int, patients: int) -> None:
    """A run of so many requirements, with its pictures."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:160, :160] / 160
    inside = ((rows - 0.5) / 0.2) ** 2 + ((columns - 0.5) / 0.3) ** 2 < 1
    for number in range(requirements):
        found = result(number, patients, random)
        store.put_result(found)
        for case in found.cases[:4]:
            image = (0.3 + 0.4 * inside + 0.05 * random.standard_normal(inside.shape)).astype(np.float32)
            arrays = {"clean": image, "perturbed": image, "reference": inside, "prediction": np.roll(inside, 3, 0)}
            store.put_picture(
                found.id, case.case, STRUCTURES[0], arrays, {"slice": 9, "axis": 2, "spacing": [1.0, 1.0]}
            )


def in_a_browser(page: Path) -> None:
    """Time until the page can be used, and of a filter and a sort of its table."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("browser: playwright is not installed")
        return
    if chromium is None:
        print("browser: no chromium is installed")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        times = {}
        start = time.perf_counter()
        tab.goto(page.as_uri())
        times["open"] = time.perf_counter() - start
        for name, action in (
            ("filter", lambda: tab.get_by_label("Filter").fill("motion")),
            ("sort", lambda: tab.get_by_role("button", name="Verdict").click()),
            ("to the end", lambda: tab.evaluate("window.scrollTo(0, document.body.scrollHeight)")),
        ):
            start = time.perf_counter()
            action()
            tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            times[name] = time.perf_counter() - start
        elements = tab.evaluate("document.getElementsByTagName('*').length")
        browser.close()
    print(
        "browser: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items()) + f", {elements} elements"
    )


def main() -> None:
    """The command."""
    requirements, patients = (int(word) for word in (*sys.argv[1:3], *("300", "500")[len(sys.argv[1:3]) :]))
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        sizes = {f"case_{k:04}": 2.0 for k in range(patients)}
        run = {
            "status": "complete",
            "data": {"n_cases": patients, "n_patients": patients, "dimensions": 3, "voxel_size": sizes},
        }
        with Store.create(directory / "run.sqlite", run) as store:
            fill(store, requirements, patients)
            start = time.perf_counter()
            write_report(store, directory, status="complete")
            report_seconds = time.perf_counter() - start
        start = time.perf_counter()
        page = write_html(directory)
        seconds = time.perf_counter() - start
        megabytes = page.stat().st_size / 1e6, (directory / "report.json").stat().st_size / 1e6
        print(
            f"{requirements} requirements, {patients} patients: page in {seconds:.1f} s, report.json in {report_seconds:.1f} s"
        )
        print(f"report.html {megabytes[0]:.1f} MB, report.json {megabytes[1]:.1f} MB")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / math.pow(2, 20):.1f} GiB")
        in_a_browser(page)


if __name__ == "__main__":
    main()
