"""What [model] uncertainty comes to with the checkpoints given, and its words."""

from __future__ import annotations

import pytest
import torch

from pytest_segrobust.errors import ModelError
from pytest_segrobust.models.segmenter import open_segmenter


class Pair(torch.nn.Module):
    def forward(self, x):
        p = torch.cat([x, x, x], 1).softmax(1)
        return p, p * 0.1


@pytest.mark.parametrize(
    ("members", "values", "expected"),
    [
        (1, {}, ("softmax", 1, "predictive_entropy")),
        (3, {}, ("ensemble", 3, "variance")),
        (3, {"outputs": "labels"}, ("ensemble", 3, "variance")),
        (1, {"outputs": "mean_variance"}, ("mean_variance", 1, "variance")),
        (2, {"outputs": "mean_variance"}, ("mean_variance", 2, "variance")),
        (1, {"outputs": "dirichlet"}, ("evidential", 1, "variance")),
        (1, {"uncertainty": {"method": "mc_dropout", "passes": 6}}, ("mc_dropout", 6, "variance")),
        (2, {"uncertainty": {"method": "sampling", "passes": 6}}, ("sampling", 12, "variance")),
        (1, {"uncertainty": {"method": "softmax", "map": "least_confidence"}}, ("softmax", 1, "least_confidence")),
        (
            2,
            {"uncertainty": {"method": "ensemble", "map": "mutual_information"}},
            ("ensemble", 2, "mutual_information"),
        ),
        (1, {"uncertainty": "tta", "dimensions": 2}, ("tta", 7, "variance")),
        (1, {"uncertainty": "tta", "dimensions": 3}, ("tta", 8, "variance")),
        (2, {"uncertainty": "tta", "window": [8, 8, 8], "normalise": "zscore"}, ("tta", 8, "variance")),
        (1, {"uncertainty": {"method": "tta", "flips": [1]}, "normalise": "unit"}, ("tta", 2, "variance")),
    ],
)
def test_method_passes_and_map_follow_from_settings_and_checkpoints(segmenter, steps, members, values, expected):
    source = segmenter(*[steps] * members, **values).uncertainty
    assert (source.method, source.passes, source.map, source.reason) == (*expected, "")
    assert source.words.endswith((".", "it."))
    assert "\n" not in source.words


def test_one_map_of_labels_has_no_uncertainty_and_says_why(segmenter, steps):
    class Labels(torch.nn.Module):
        def forward(self, x):
            return steps(x).argmax(1)

    ready = segmenter(Labels(), outputs="labels")
    assert 'outputs = "labels"' in ready.uncertainty.reason
    (prediction,) = ready.predict([torch.ones(1, 8, 8)], [(1.0, 1.0)], keep_uncertainty=True)
    assert prediction.masks is not None
    assert prediction.uncertainty is None


def test_an_ensemble_of_one_is_refused(project, settings):
    with pytest.raises(ModelError, match="needs at least 2 checkpoints and was given 1"):
        open_segmenter(["nets:build"], settings(uncertainty="ensemble"), root=project)


def test_what_normalisation_undoes_is_left_out_and_said(segmenter, steps):
    assert (
        'normalise = "zscore" would undo it'
        in segmenter(steps, uncertainty="tta", normalise="zscore").uncertainty.words
    )
    assert "times 0.95 and 1.05" in segmenter(steps, uncertainty="tta").uncertainty.words


def test_settings_of_uncertainty_enter_the_description(segmenter, steps):
    def described(**values):
        return segmenter(steps, uncertainty={"method": "mc_dropout", **values}).description()

    kinds = [described(), described(passes=21), described(map="mutual_information"), segmenter(steps).description()]
    assert all(one != other for i, one in enumerate(kinds) for other in kinds[:i])
    assert described() == described()
