"""APGD's schedule by hand from the paper, and what it does to the step size."""

from __future__ import annotations

import pytest
import torch

from pytest_segrobust.perturbations.attacked import Effort
from pytest_segrobust.perturbations.attacks.auto_pgd import ascend, checkpoints
from pytest_segrobust.perturbations.attacks.ball import Ball
from pytest_segrobust.perturbations.attacks.losses import cross_entropy
from pytest_segrobust.perturbations.attacks.objective import away_from_truth


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (100, [22, 41, 57, 70, 80, 87, 93, 99]),  # p: 0.22, then stretches of 0.19, 0.16, 0.13, 0.10, 0.07, 0.06, 0.06
        (300, [66, 123, 171, 210, 240, 261, 279, 297]),
        (20, [5, 9, 12, 14, 16, 18, 19, 20]),
        (1, [1]),
    ],
)
def test_the_checkpoints_are_the_paper_s(steps, expected):
    assert checkpoints(steps) == expected


class Scripted:
    """An objective whose scores are given, with a gradient that points one way."""

    def __init__(self, scores):
        self.scores = iter(scores)

    def view(self, images, loss, progress):
        from pytest_segrobust.perturbations.attacks.objective import View

        return View(torch.tensor([next(self.scores)]), [], torch.ones_like(images))

    def look(self, images):
        return self.view(images, None, 0.0)


def walk(scores, steps):
    """The images that APGD looks at in a ball too wide to matter, in radii from the start."""
    start = torch.full((1, 1, 2, 2), 0.5, dtype=torch.float64)
    ball = Ball.around(start, torch.full((1, 1, 1, 1), 1e-3, dtype=torch.float64), "linf")
    ball = Ball(ball.centre, ball.radius, "linf", None, ball.low - 1e3, ball.high + 1e3)
    seen = []
    best = ascend(
        Scripted(scores), ball, start, cross_entropy, steps=steps, seen=lambda images, view: seen.append(images)
    )
    return [float((images - start).mean() / 1e-3) for images in seen], float((best - start).mean() / 1e-3)


def test_the_first_step_is_two_radii_and_the_next_carry_a_quarter_of_the_last():
    places, best = walk([0, 1, 2, 3], steps=3)
    # checkpoints of three steps: 1, 2, 3; every step rises, so nothing is halved
    assert places == pytest.approx([0, 2, 2 + 0.75 * 2 + 0.25 * 2, 6])
    assert best == pytest.approx(6)


def test_where_too_few_steps_rise_the_step_is_halved_and_the_best_image_is_the_start():
    rising, sinking = [0, 1, 2, 3, 4, 5], [0, 1, 2, 1, 0, -1]
    up, _ = walk(rising + [6] * 15, steps=20)
    down, best = walk(sinking + [-2] * 15, steps=20)
    assert up[:6] == pytest.approx([0, 2, 4, 6, 8, 10])
    assert down[:6] == pytest.approx([0, 2, 4, 6, 8, 10])
    assert up[6] == pytest.approx(12)  # all five rose: as before
    assert down[6] == pytest.approx(4 + 0.75 * 1)  # two of five are less than 0.75: from the best, at 4, half the step
    assert best == pytest.approx(4)


def test_apgd_comes_closer_than_pgd_of_as_many_steps_where_a_fixed_step_overshoots(room):
    def logits(unit):
        return torch.stack([20 * (unit[:, 0] - 0.537) ** 2, 0 * unit[:, 0], 0 * unit[:, 0] - 9], 1)

    values = torch.full((1, 1, 6, 6), 0.5)
    batch = room.batch(
        room.Softmax(logits),
        values=values,
        effort=Effort(steps=50),
        structures={n: torch.zeros(1, 6, 6) > 1 for n in ("organ", "tumour")},
    )
    images = room.run("apgd", batch, epsilon=0.1)
    torch.testing.assert_close(images, torch.full_like(images, 0.537), rtol=0, atol=2e-3)
    objective = away_from_truth(batch)
    assert (
        float(objective.look(images).score) >= float(objective.look(room.run("pgd", batch, epsilon=0.1)).score) - 1e-6
    )
