"""Attacks end to end: what pytest decides of models that stand, fall, or hide their gradients."""

from __future__ import annotations

import pytest

NETWORKS = '''

class Masked(Discs):
    """Falls to small changes, but its gradient points nowhere: what it is given is rounded first."""

    def forward(self, x):
        levels = 16
        rounded = (x * levels).round() / levels + 0 * x  # a gradient that is there, and is 0
        return super().forward(rounded)


class Saturated(Discs):
    """Probabilities of exactly 0 and 1, so that a cross-entropy has no slope."""

    def forward(self, x):
        return (1000 * super().forward(x)).softmax(1)


class Labels(Discs):
    def forward(self, x):
        return super().forward(x).argmax(1)


class Nested(torch.nn.Module):
    """Background, a rim of 0.9, and a core of what is brighter still: one can be turned into the other."""

    def forward(self, x):
        x = torch.nn.functional.avg_pool2d(x, 3, 1, 1)
        return torch.cat([30 * (0.5 - x), 0 * x, 30 * (x - 0.9)], 1)


def masked():
    return Masked()


def saturated():
    return Saturated()


def labels():
    return Labels()


def nested():
    return Nested()
'''

ATTACK = """
[attack]
steps = 6
queries = 60
"""

HELD = """
[[requirement]]
id = "HELD"
statement = "DSC drop under pgd with epsilon <= 0.02 is below 10 %"
"""

FALLS = """
[[requirement]]
id = "FALLS"
statement = "DSC drop under pgd with epsilon <= 0.5 is below 5 %"
"""


@pytest.fixture
def attacked(project):
    with (project.path / "networks.py").open("a", encoding="utf-8") as file:
        file.write(NETWORKS)
    return project


def checks(result):
    return {check["name"]: check["held"] for check in result["search"]["attack_checks"]}


def test_a_model_that_stands_passes_and_one_that_falls_fails_with_its_breaking_radius(attacked):
    attacked.spec(ATTACK + HELD + FALLS)

    attacked.run("-n", "2").assert_outcomes(passed=1, failed=1)

    held, falls = attacked.result("HELD"), attacked.result("FALLS")
    assert all(checks(held).values())
    assert list(checks(held)) == [
        "the same attack at radius 0", "fgsm", "a random perturbation", "a square attack",
    ]  # fmt: skip
    assert falls["worst"]["parameters"][0]["perturbation"] == "pgd"
    [broken] = falls["breaking_point"]["parameters"]
    assert 0.02 < broken["parameters"]["epsilon"] <= 0.5
    assert all(point["strength"].get("snr") is not None for point in falls["curve"] if point["severity"] > 0)
    page = (attacked.path / "segrobust-report" / "report.html").read_text(encoding="utf-8")
    assert "attack check" in page
    assert "under a random perturbation" in page


def test_two_runs_with_any_workers_give_the_same_numbers(attacked):
    attacked.spec(ATTACK + HELD)
    found = []
    for arguments in (["-n", "0"], ["-n", "2"]):
        attacked.run(*arguments).assert_outcomes(passed=1)
        result = attacked.result("HELD")
        found.append((result["estimate"], result["interval"], result["cases"], result["search"]["attack_checks"]))
    assert found[0] == found[1]


@pytest.mark.parametrize("model", ["masked", "saturated"])
def test_a_model_that_hides_its_gradients_does_not_pass(attacked, model):
    """Without the self-checks pgd would find next to nothing, and both would pass."""
    outputs = 'outputs = "probabilities"\n' if model == "saturated" else ""
    spec = attacked.spec(
        '\n[attack]\nsteps = 6\nqueries = 400\n\n[[requirement]]\nid = "R"\n'
        'statement = "DSC drop under pgd with epsilon <= 0.4 is below 30 %"\n'
    )
    spec.write_text(spec.read_text().replace("[model]\n", f"[model]\n{outputs}"), encoding="utf-8")

    attacked.run(model=f"networks:{model}").assert_outcomes(failed=1)

    result = attacked.result("R")
    assert result["verdict"] in ("invalid", "failed")
    assert result["verdict"] == "failed" or "gradients masked?" in result["reason"]


def test_a_model_without_gradients_is_searched_in_the_dark_and_the_report_says_so(attacked):
    spec = attacked.spec(ATTACK + FALLS)
    spec.write_text(spec.read_text().replace("[model]\n", '[model]\noutputs = "labels"\n'), encoding="utf-8")

    attacked.run(model="networks:labels")

    result = attacked.result("FALLS")
    assert any("gives no gradients" in warning and "60 queries" in warning for warning in result["warnings"])
    assert result["estimate"] > 0
    page = (attacked.path / "segrobust-report" / "report.html").read_text(encoding="utf-8")
    assert "gives no gradients" in page


def test_a_targeted_attack_turns_one_structure_into_another(attacked):
    import nibabel
    import numpy as np

    for path in (attacked.path / "images").iterdir():
        stored = nibabel.load(path)
        image, label = stored.get_fdata(), nibabel.load(attacked.path / "labels" / path.name).get_fdata()
        core = label * (np.arange(label.shape[0])[:, None] > label.shape[0] / 2)
        nibabel.save(nibabel.Nifti1Image((image + 0.3 * core).astype(np.float32), stored.affine), path)
        nibabel.save(
            nibabel.Nifti1Image((label + core).astype(np.uint8), stored.affine), attacked.path / "labels" / path.name
        )
    spec = attacked.spec(
        ATTACK
        + """
[[requirement]]
id = "TURNED"
statement = "DSC drop of rim under targeted pgd from rim to core with epsilon <= 0.2 is below 10 %"
"""
    )
    spec.write_text(spec.read_text().replace("{ disc = 1 }", "{ rim = 1, core = 2 }"), encoding="utf-8")

    attacked.run(model="networks:nested").assert_outcomes(failed=1)

    result = attacked.result("TURNED")
    assert result["verdict"] == "failed"
    assert result["worst"]["parameters"][0]["parameters"]["source"] == "rim"
    assert list(checks(result)) == [
        "the same attack at radius 0",
        "fgsm, both without a target",
        "a random perturbation, both without a target",
        "a square attack, both without a target",
    ]
    assert all(checks(result).values())


def test_a_surrogate_is_one_more_check(attacked):
    attacked.spec('\n[attack]\nsteps = 6\nqueries = 60\nsurrogate = "networks:discs"\n' + HELD)

    attacked.run().assert_outcomes(passed=1)

    assert checks(attacked.result("HELD"))["a transfer attack"]


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        ('[attack]\nsurrogate = "nowhere.pt"\n', "nowhere.pt"),
        ("[attack]\nsteps = 0\n", "steps"),
        ('[attack]\nsurrogate = "networks:nothing_here"\n', "nothing_here"),
    ],
)
def test_a_wrong_attack_table_is_one_line(attacked, attack, words):
    attacked.spec(f"\n{attack}" + HELD)

    outcome = attacked.run()

    assert outcome.ret != 0
    text = outcome.stdout.str() + outcome.stderr.str()
    assert words in text
    assert "Traceback" not in text


def test_a_fixture_searches_the_smallest_radius(attacked):
    attacked.spec(ATTACK)
    attacked.pytester.makepyfile(
        """
        import pytest
        from pytest_segrobust import perturbations as p

        @pytest.mark.requirement("MIN-1")
        def test_minimal(segrobust):
            found = segrobust.minimal_radius(p.fgsm(epsilon=0.6), drop=0.2, iterations=4)
            assert len(found.patients) == 8
            assert 0.1 < found.median <= 0.6
            assert segrobust.drop("dsc", p.fgsm(epsilon=0.01)) < 0.2
        """
    )

    attacked.run("test_a_fixture_searches_the_smallest_radius.py").assert_outcomes(passed=1)


def test_a_surrogate_is_opened_without_the_models_own_inference(attacked, monkeypatch):
    from pytest_segrobust.requirements.spec import load
    from pytest_segrobust.run import Run, RunSettings

    monkeypatch.chdir(attacked.path)
    monkeypatch.syspath_prepend(attacked.path)
    text = (attacked.path / "segrobust.toml").read_text(encoding="utf-8")
    text = text.replace("batch_size = 4", 'batch_size = 4\nuncertainty = "ensemble"')
    (attacked.path / "segrobust.toml").write_text(text + '\n[attack]\nsurrogate = "networks:discs"\n', encoding="utf-8")
    spec = attacked.path / "segrobust.toml"

    surrogate = Run(RunSettings(spec, ("networks:discs",), attacked.path / "report"), load(spec)).open_surrogate()

    assert surrogate is not None
    assert surrogate.uncertainty.method == "softmax"
    assert surrogate.settings.outputs == "logits"

    spec.write_text(text + '\n[attack]\nsurrogate = "networks:discs"\nsurrogate_outputs = "probabilities"\n', "utf-8")
    other = Run(RunSettings(spec, ("networks:discs",), attacked.path / "report"), load(spec)).open_surrogate()
    assert other.settings.outputs == "probabilities"  # of a family that returns something else
