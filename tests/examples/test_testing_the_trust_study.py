"""The study: specs, the numbers that are committed, and what tables, findings and pictures make of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pytest_segrobust.evaluation.context import tool_source_hash
from pytest_segrobust.evidence.records import Measurement, RequirementResult
from pytest_segrobust.evidence.store import Store
from pytest_segrobust.requirements import spec as specs
from pytest_segrobust.requirements.sentence import render
from pytest_segrobust.verification.statistics import mean_interval

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "testing_the_trust"
RESULTS = FOLDER / "results.json"
PAGES = (FOLDER / "README.md", ROOT / "docs" / "testing_the_trust.md")
MODULES = [path.stem for path in FOLDER.glob("*.py")]
FAMILIES = ("deterministic", "mc_dropout", "ensemble", "super_unet", "mean_field", "swag")
PARTS = ("noise", "attacks")
DATA = Path(os.environ.get("SEGROBUST_SHARED_DATA", ROOT.parent / "shared" / "data")) / "hippocampus"


@pytest.fixture
def found():
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def loaded(example, tmp_path, family, part, form="whole"):
    path = tmp_path / f"{family}.{part}.segrobust.toml"
    path.write_text(example("families").spec(family, part, form), encoding="utf-8")
    return specs.load(path)


# ---- what is asked


@pytest.mark.parametrize("part", PARTS)
def test_every_family_is_asked_the_same(part, example, tmp_path):
    asked = {
        tuple((r.id, render(r)) for r in loaded(example, tmp_path, family, part).requirements) for family in FAMILIES
    }
    assert len(asked) == 1


def test_the_conditions_of_the_paper_are_all_there(example, tmp_path):
    sentences = {part: [render(r) for r in loaded(example, tmp_path, "swag", part).requirements] for part in PARTS}
    words = "\n".join(sentences["noise"] + sentences["attacks"])
    paper = example("paper")
    for point in (*(point for point, _ in paper.NOISE), *paper.ANTERIOR):
        name, _, rest = point.partition("(")
        snr = re.search(r"snr=([\d.]+)", rest)[1]
        on = rest.partition(")")[2]
        route = re.search(r"source=(\w+), target=(\w+)", rest)
        said = f"under {name}" + (f" from {route[1]} to {route[2]}" if route else "") + on
        assert re.search(rf"{said} with snr = {snr} dB", words) or re.search(rf"{said} with .*snr.* {snr} dB", words), (
            point
        )
    for noise in ("gaussian", "poisson", "speckle", "salt and pepper"):
        assert f"under {noise} noise with" in words
        assert f"under {noise} noise on anterior with" in words
    assert "under fgsm" in words
    measures = {r.measure.metric for part in PARTS for r in loaded(example, tmp_path, "swag", part).requirements}
    assert measures >= {
        "dsc", "hd95", "over_segmentation", "under_segmentation", "severity_tau", "spearman", "aurc", "n_aurc", "gap",
        "error_auroc", "delta_dsc", "qu_brats", "ece", "silent_failure_rate",
    }  # fmt: skip


def test_the_smoke_form_asks_less_of_fewer_volumes(example, tmp_path):
    whole, less = (loaded(example, tmp_path, "swag", "noise", form) for form in ("whole", "smoke"))
    known = {r.id: render(r) for r in whole.requirements}
    assert 3 <= len(less.requirements) < len(whole.requirements)
    assert all(known[r.id] == render(r) for r in less.requirements)
    assert less.data.images != whole.data.images
    assert less.model.uncertainty.passes == 2
    assert loaded(example, tmp_path, "swag", "attacks", "smoke").attack.steps == 1


@pytest.mark.parametrize("part", PARTS)
def test_the_short_form_asks_the_same_of_fewer_volumes(part, example, tmp_path):
    whole, less = (loaded(example, tmp_path, "mc_dropout", part, form) for form in ("whole", "short"))
    assert [render(r) for r in less.requirements] == [render(r) for r in whole.requirements]
    assert less.model == whole.model
    assert less.attack == whole.attack
    assert less.data.images != whole.data.images
    if DATA.is_dir():
        counts = [len(list(DATA.glob(each.data.images))) for each in (whole, less)]
        assert counts == {"noise": [60, 18], "attacks": [15, 8]}[part]


def test_specs_are_written_beside_the_network_that_they_name_and_left_alone_where_they_are_right(
    example, tmp_path, monkeypatch
):
    families = example("families")
    for name in ("noise.toml", "attacks.toml"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    monkeypatch.setattr(families, "FOLDER", tmp_path)
    written = families.write_specs()
    assert len(written) == len(FAMILIES) * len(PARTS)
    before = {path: path.stat().st_mtime_ns for path in written}
    assert {path: path.stat().st_mtime_ns for path in families.write_specs()} == before


# ---- the committed numbers


def test_committed_results_are_of_these_weights_and_these_requirements(example, found):
    for part in PARTS:
        for family in FAMILIES:
            run = found["runs"][part][family]
            weights = example("families").FAMILIES[family].files()
            assert run["models"] == [hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in weights]
            text = example("families").spec(family, part)
            assert run["spec"] == hashlib.sha256(text.encode()).hexdigest()[:12]
            assert run["status"] == "complete"
            assert run["profile"] == "ci"
    assert {run["volumes"] for run in found["runs"]["noise"].values()} == {60}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_tables_of_the_pages_are_those_of_the_committed_results(page, example, found):
    text = page.read_text(encoding="utf-8")
    tables = example("tables")
    assert tables.written_into(text, found) == text
    assert tables.printed(found) == RESULTS.read_text(encoding="utf-8")
    for name in re.findall(r"\]\(testing_the_trust/(\w+\.png)\)", text):
        picture = Image.open(page.parent / "testing_the_trust" / name)
        assert picture.width > 1000
        assert len(set(picture.convert("L").resize((64, 64)).tobytes())) > 8


def test_every_picture_and_every_table_is_shown_somewhere(example):
    texts = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"testing_the_trust/(\w+)\.png", texts)) == set(example("figures").FIGURES)
    assert set(re.findall(r"<!-- (\w+) -->", texts)) == set(example("tables").TABLES)


def test_families_differ_in_their_verdicts(found):
    assert len(found["verdicts"]) >= 12
    sets = [tuple(cell["verdict"] for cell in entry["families"].values()) for entry in found["verdicts"]]
    assert sum(len(set(verdicts)) > 1 for verdicts in sets) >= 5
    assert {verdict for verdicts in sets for verdict in verdicts} >= {"passed", "failed"}


def test_means_lie_within_their_bounds(found):
    for part in found["cells"].values():
        for point in part.values():
            for structure in ("anterior", "posterior"):
                for cell in point[structure].values():
                    for mean, *bounds in cell.values():
                        assert not bounds or bounds[0] <= mean <= bounds[1]


def test_every_family_says_which_checks_its_attacks_passed(found):
    assert set(found["masking"]) == set(FAMILIES)
    assert all(len(checks) == 8 and all(each["checks"] >= 4 for each in checks) for checks in found["masking"].values())


def test_each_finding_has_numbers_and_a_cause(example, found):
    every = example("findings").findings(found)
    assert len(every) == len(example("findings").CLAIMS) >= 8
    assert all(each.numbers and len(each.cause) > 20 for each in every)


def test_pictures_are_drawn_of_the_results(example, found, tmp_path):
    drawn = example("figures").draw(found, tmp_path)
    assert [path.stem for path in drawn] == list(example("figures").FIGURES)
    figure = example("figures").severity(found)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].get_lines()}
    expected = found["cells"]["noise"]["gaussian noise(snr=8)"]["anterior"]["super_unet"]["dsc"][0]
    assert lines["SUPER-Net"][-1] == pytest.approx(expected)


# ---- from measurements to numbers


def run_of(example, family, dsc, *, uncertainty=None, verdict="passed"):
    """A run of six volumes at two points whose DSC and uncertainty are given, by point."""
    rows = {}
    for point, values in dsc.items():
        for structure in ("anterior", "posterior"):
            rows[point, structure] = {
                f"v{n}": Measurement(
                    f"v{n}", f"v{n}", point, 0, structure,
                    {"dsc": value, "uncertainty": (uncertainty or dsc)[point][n]},
                    strength={} if point == "clean" else {"snr": 8.0 + 0.1 * n},
                )
                for n, value in enumerate(values)
            }  # fmt: skip
    report = {
        "data": {"n_cases": 6}, "profile": "ci", "seed": 0, "status": "complete",
        "model": {"sha256": ["b" * 64]}, "spec": {"text_sha256": "a" * 64},
    }  # fmt: skip
    result = RequirementResult(
        "TRU-1", "DSC is at least 0.8", verdict, measure="DSC", estimate=float(np.mean(dsc["clean"])), limit=0.8,
        comparison="at least",
        search={"attack_checks": [{"name": "fgsm", "held": True}, {"name": "noise", "held": verdict == "passed"}]},
    )  # fmt: skip
    return example("measured").MeasuredRun(family, report, {"TRU-1": result}, rows)


POINT = "gaussian noise(snr=8)"
GOOD = np.array([0.80, 0.82, 0.84, 0.86, 0.88, 0.90])
WORSE = np.array([0.71, 0.69, 0.75, 0.77, 0.76, 0.79])


@pytest.fixture
def small(example):
    """SUPER-Net loses nothing under noise, nor does the ensemble, all others lose a tenth; uncertainty is the error itself."""

    def runs():
        return {
            family: run_of(
                example, family, {"clean": GOOD, POINT: GOOD if family in ("super_unet", "ensemble") else WORSE},
                uncertainty={"clean": 1 - GOOD, POINT: 1 - (GOOD if family in ("super_unet", "ensemble") else WORSE)},
                verdict="passed" if family == "super_unet" else "failed",
            )
            for family in FAMILIES
        }  # fmt: skip

    return example("results").results({"noise": runs(), "attacks": runs()}, {})


def test_a_cell_is_the_mean_over_volumes_with_the_plugin_s_bounds(small):
    interval = mean_interval(WORSE)
    mean, low, high, n = small["cells"]["noise"][POINT]["anterior"]["swag"]["dsc"]
    assert (mean, low, high) == pytest.approx((WORSE.mean(), interval.low, interval.high), abs=1e-5)
    assert n == 6
    assert small["cells"]["noise"][POINT]["anterior"]["swag"]["spearman"][0] == 1
    assert small["cells"]["noise"][POINT]["snr"] == pytest.approx(8.25)
    assert "hd95" not in small["cells"]["noise"][POINT]["anterior"]["swag"]  # was not measured


def test_paired_differences_are_named_by_holm_over_all(small):
    pairs = {(p["point"], p["structure"], p["family"]): p for p in small["paired"]["noise"]}
    assert len(pairs) == 2 * 5  # the clean image is no strong end
    noisy = pairs[POINT, "anterior", "swag"]
    assert noisy["difference"][0] == pytest.approx((GOOD - WORSE).mean(), abs=1e-5)
    assert noisy["super_net"] == "better"
    assert pairs[POINT, "anterior", "ensemble"]["difference"][:3] == [0, 0, 0]
    assert pairs[POINT, "anterior", "ensemble"]["super_net"] == ""


def test_verdicts_and_checks_are_those_of_the_reports(small):
    (entry, _) = small["verdicts"]
    assert entry["families"]["super_unet"]["verdict"] == "passed"
    assert entry["families"]["swag"]["verdict"] == "failed"
    assert small["masking"]["swag"] == [{"id": "TRU-1", "checks": 2, "held": 1, "broken": ["noise"]}]


def test_a_store_is_read_as_it_was_measured(example, tmp_path):
    folder = tmp_path / "noise" / "swag"
    with Store.create(folder / "run.sqlite", {}) as store:
        for point in (POINT, "clean", "seen by few"):
            for structure in ("anterior", "posterior"):
                for volume in ("b", "a") if point != "seen by few" else ("a",):
                    store.add("c", [Measurement(volume, volume, point, 0, structure, {"dsc": ord(volume) / 100})])
    result = RequirementResult("TRU-1", "DSC is at least 0.8", "passed", context="c")
    (folder / "report.json").write_text(json.dumps({"requirements": [result.to_json()]}), encoding="utf-8")
    run = example("measured").read_run(folder, "swag")
    assert run.points == ["clean", POINT]
    assert run.values(POINT, "anterior", "dsc").tolist() == [0.97, 0.98]
    assert np.isnan(run.values(POINT, "anterior", "hd95")).all()
    assert run.snr(POINT) is None


# ---- what is said of them


def cells(**families):
    """results.json with the given values for every Bayesian family and key, the same for both structures."""
    return families


@pytest.mark.parametrize(
    ("uncertainty", "agrees"),
    [
        ({"super_unet": (1, 2, 3), "mc_dropout": (1, 3, 2), "ensemble": (2, 1, 3)}, "agrees"),
        ({"super_unet": (1, 2, 3), "mc_dropout": (1, 2, 3), "ensemble": (2, 1, 3)}, "agrees in part"),
        ({"super_unet": (1, 3, 2), "mc_dropout": (1, 2, 3), "ensemble": (2, 1, 3)}, "does not agree"),
    ],
)
def test_a_finding_says_what_the_numbers_say(uncertainty, agrees, example):
    findings = example("findings")
    found = {"cells": {"noise": {}}}
    for noise in findings.NOISES:
        for place, point in enumerate(("clean", f"{noise}(snr=15)", f"{noise}(snr=8)")):
            cell = {family: {"uncertainty": [values[place]]} for family, values in uncertainty.items()}
            found["cells"]["noise"][point] = {"anterior": cell, "posterior": cell}
    assert findings._monotone(found)[0] == agrees


@pytest.mark.parametrize(
    ("words", "agrees"),
    [(["better"] * 6, "agrees"), (["better", ""] * 3, "agrees in part"), (["worse", ""] * 3, "does not agree")],
)
def test_degrading_less_is_judged_by_paired_comparisons_that_were_named(words, agrees, example):
    pairs = [
        {"point": POINT, "structure": structure, "family": family, "difference": [0.1, 0, 0.2, 60], "super_net": word}
        for (structure, family), word in zip(
            [(s, f) for s in ("anterior", "posterior") for f in ("deterministic", "mc_dropout", "ensemble")], words, strict=True
        )
    ]  # fmt: skip
    elsewhere = "gaussian noise(snr=10) on posterior"  # whose anterior is not what noise is aimed at
    ignored = [{**pairs[0], "point": elsewhere, "structure": "anterior"}, {**pairs[0], "family": "swag"}]
    judge = example("findings")._better_under("noise")
    assert judge({"paired": {"noise": pairs + ignored}})[0] == agrees


def test_points_are_told_in_a_reader_s_words(example):
    named = example("tables").named
    assert named("clean") == "clean"
    assert named("speckle noise(snr=10) on anterior") == "speckle noise on anterior, 10 dB"
    long = "targeted pgd(snr=15, source=anterior, target=posterior)"
    assert named(long) == "targeted pgd anterior → posterior, 15 dB"
    assert example("results").is_severe(long)
    assert not example("results").is_severe("gaussian noise(snr=15)")


def test_a_place_without_a_table_is_an_error(example, found):
    written_into = example("tables").written_into
    with pytest.raises(ValueError, match="no table is called verdict; there are"):
        written_into("<!-- verdict --> <!-- /verdict -->", found)


# ---- the command


def spec_and_weights(tmp_path):
    spec, weights = tmp_path / "a.toml", tmp_path / "w.safetensors"
    spec.write_text("x", encoding="utf-8")
    weights.write_bytes(b"w")
    return spec, weights


@pytest.mark.parametrize("changed", ["", "weights", "spec", "tool", "status"])
def test_what_is_complete_and_of_the_same_things_is_not_run_again(changed, example, tmp_path):
    spec, weights = spec_and_weights(tmp_path)
    run = {
        "status": "interrupted" if changed == "status" else "complete",
        "model": {"sha256": [hashlib.sha256(weights.read_bytes()).hexdigest()]},
        "spec": {"text_sha256": hashlib.sha256(spec.read_bytes()).hexdigest()},
        "tool_sha256": "other" if changed == "tool" else tool_source_hash(),
    }
    study = example("study")
    assert not study.is_complete(tmp_path / "r", spec, [weights])
    Store.create(tmp_path / "r" / "run.sqlite", run).close()
    if changed in ("weights", "spec"):
        {"weights": weights, "spec": spec}[changed].write_text("other", encoding="utf-8")
    assert study.is_complete(tmp_path / "r", spec, [weights]) == (changed == "")


@pytest.mark.parametrize("begun", [True, False])
def test_what_was_begun_is_resumed_and_what_breaks_is_said(begun, example, tmp_path, monkeypatch):
    study = example("study")
    called = []
    monkeypatch.setattr(
        study.subprocess, "run", lambda command, **_: called.append(command) or SimpleNamespace(returncode=len(called))
    )
    monkeypatch.setattr(study, "is_complete", lambda *_: False)
    if begun:
        Store.create(tmp_path / "noise" / "ensemble" / "run.sqlite", {}).close()
    said = study.verify("ensemble", "noise", tmp_path, tmp_path, ["-k", "TRU"], form="smoke")
    (command,) = called
    assert ("--segrobust-resume" in command) == begun
    assert sum(part.startswith("--segrobust-model=weights/deterministic_") for part in command) == 5
    assert "ensemble.noise.smoke.segrobust.toml" in command
    assert command[-1 - begun - 1 : len(command) - begun] == ["-k", "TRU"]
    assert said.startswith("noise of ensemble: ")
    with pytest.raises(RuntimeError, match=r"pytest ended with 2 on noise of ensemble: see .*pytest.log"):
        study.verify("ensemble", "noise", tmp_path, tmp_path, [], form="smoke")


def test_without_data_the_command_says_what_it_needs():
    done = subprocess.run(
        [sys.executable, FOLDER / "study.py"], capture_output=True, text=True, check=False, cwd=FOLDER
    )
    assert done.returncode == 2
    assert "--data is needed" in done.stderr
