"""A model whose predictions depend on more than the image gets no pass, nor does one shown its labels, however well it scores."""

from __future__ import annotations

import shutil

import pytest

from pytest_segrobust.evaluation.steadiness import change
from pytest_segrobust.evidence.records import Measurement

UNSTEADY = '''

class Neighbours(Discs):
    """Sees nothing in an image that has no neighbours in its batch."""

    def forward(self, x):
        return super().forward(x) if len(x) > 1 else super().forward(0 * x)


def neighbours():
    return Neighbours()


class Tiring(Discs):
    """Sees less at every call."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x - 0.1 * (self.calls > 4))


def tiring():
    return Tiring()


class Dice(Discs):
    """Draws from a generator that torch does not seed."""

    def forward(self, x):
        import random
        return super().forward(x).roll(random.randrange(16), -1)


def dice():
    return Dice()


class Relative(Discs):
    """Segments an image by itself, and is as unsure of it as the rest of its batch is bright."""

    def forward(self, x):
        p = super().forward(x).softmax(1)
        v = 0.01 + 0.2 * (x.mean() - x.mean((1, 2, 3), keepdim=True)).abs() + 0 * p
        return p, v


def relative():
    return Relative()
'''

ONE = """
[[requirement]]
id = "CLEAN-1"
statement = "DSC is at least 0.6"
"""


@pytest.fixture
def unsteady(project):
    networks = project.path / "networks.py"
    networks.write_text(networks.read_text(encoding="utf-8") + UNSTEADY, encoding="utf-8")
    project.spec(ONE)
    return project


@pytest.mark.parametrize("model", ["neighbours", "tiring"])
def test_what_depends_on_more_than_the_image_is_invalid(unsteady, model: str) -> None:
    unsteady.run(model=f"networks:{model}")

    found = unsteady.result("CLEAN-1")
    assert found["verdict"] == "invalid"
    assert "depends on more than the image" in found["reason"]
    if model == "neighbours":
        assert "alone in its batch" in found["reason"]


CALIBRATED = """
[[requirement]]
id = "ECE-1"
statement = "ECE is below 0.5"
"""
PYTHON = """
import pytest

@pytest.mark.requirement("PY-1")
def test_finds_discs(segrobust):
    assert segrobust.value("dsc") >= 0.6
"""


def test_a_test_in_python_is_not_passed_either(unsteady) -> None:
    unsteady.spec("")
    unsteady.pytester.makepyfile(test_python=PYTHON)
    arguments = ("test_python.py", f"--segrobust-spec={unsteady.path / 'segrobust.toml'}")

    unsteady.run(*arguments, model="networks:neighbours").assert_outcomes(failed=1)
    assert unsteady.result("PY-1")["verdict"] == "invalid"
    assert "depends on more than the image" in unsteady.result("PY-1")["reason"]

    unsteady.run(*arguments, model="networks:discs").assert_outcomes(passed=1)


def row(case: str, dsc: float, uncertainty: float | None = None) -> Measurement:
    scores = {"dsc": dsc} if uncertainty is None else {"dsc": dsc, "uncertainty": uncertainty}
    return Measurement(case, case, "clean", 0, "disc", scores, reference_voxels=100)


def test_uncertainty_that_depends_on_its_neighbours_is_unsteady_though_masks_are_not() -> None:
    first = [row("a", 0.9, 0.2), row("b", 0.8, 0.1)]
    assert change(first, first) == 0
    assert change(first, [row("a", 0.9, 0.2), row("b", 0.8, 0.1 + 1e-6)]) < 1e-5  # other float sums
    assert change(first, [row("a", 0.9, 0.16), row("b", 0.8, 0.1)]) == pytest.approx(0.1)  # of the largest, a mean
    assert change([row("a", 0.9)], [row("a", 0.9)]) == 0
    assert change([row("a", 0.9, 0.0)], [row("a", 0.9, 0.0)]) == 0  # a map of nothing
    assert change([row("a", 0.9, 0.0)], [row("a", 0.9, 0.1)]) == 1


def test_a_map_that_depends_on_its_neighbours_is_invalid(unsteady) -> None:
    path = unsteady.spec(CALIBRATED)
    path.write_text(
        path.read_text(encoding="utf-8").replace("[model]", '[model]\noutputs = "mean_variance"'), encoding="utf-8"
    )
    unsteady.run(model="networks:relative")

    found = unsteady.result("ECE-1")
    assert found["verdict"] == "invalid", found["reason"]
    assert "alone in its batch" in found["reason"]


def test_draws_that_no_seed_reaches_are_never_passed(unsteady) -> None:
    unsteady.run(model="networks:dice")

    assert unsteady.verdicts["CLEAN-1"] != "passed"


def test_a_model_that_sees_the_image_alone_passes(unsteady) -> None:
    unsteady.run(model="networks:discs").assert_outcomes(passed=1)

    again, alone = unsteady.report["repeatability"]
    assert (again["how"], again["largest_change"], again["held"]) == ("measured a second time", 0.0, True)
    assert (alone["how"], alone["cases"], alone["held"]) == ("alone in its batch", 3, True)
    assert set(unsteady.report["data"]["voxel_size"].values()) == {2.25}  # mm² of 1.5 mm pixels


def test_images_that_are_their_labels_are_never_passed(unsteady) -> None:
    """Copies of them, since the same file as both is refused before anything runs."""
    shutil.copytree(unsteady.path / "labels", unsteady.path / "images", dirs_exist_ok=True)
    unsteady.run(model="networks:discs")

    found = unsteady.result("CLEAN-1")
    assert found["verdict"] == "invalid"
    assert "is its own label" in found["reason"]
    assert found["estimate"] > 0.6  # it would have passed
