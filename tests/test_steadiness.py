"""A model whose predictions depend on more than the image gets no pass, however well it scores in its batch."""

from __future__ import annotations

import pytest

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


def test_draws_that_no_seed_reaches_are_never_passed(unsteady) -> None:
    unsteady.run(model="networks:dice")

    assert unsteady.verdicts["CLEAN-1"] != "passed"


def test_a_model_that_sees_the_image_alone_passes(unsteady) -> None:
    unsteady.run(model="networks:discs").assert_outcomes(passed=1)

    again, alone = unsteady.report["repeatability"]
    assert (again["how"], again["largest_change"], again["held"]) == ("measured a second time", 0.0, True)
    assert (alone["how"], alone["cases"], alone["held"]) == ("alone in its batch", 3, True)
    assert set(unsteady.report["data"]["voxel_size"].values()) == {2.25}  # mm² of 1.5 mm pixels
