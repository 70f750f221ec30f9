"""What a prediction's uncertainty is worth: predictions made by hand, in 2-D and 3-D, softmax and sigmoid, still and moved."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pytest_segrobust.evaluation.frozen_on_clean import CleanCase, freeze
from pytest_segrobust.evaluation.uncertainty_scoring import KEY, Shown, UncertaintyScoring
from pytest_segrobust.metrics.reference import prepare_reference
from pytest_segrobust.metrics.uncertainty import aggregation
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.metrics.uncertainty.removal import frozen_threshold
from pytest_segrobust.metrics.uncertainty.scoring import VOXEL_KEYS
from pytest_segrobust.models.prediction import Prediction
from pytest_segrobust.models.uncertainty_source import UncertaintySource
from pytest_segrobust.requirements.settings import ModelSettings
from pytest_segrobust.requirements.uncertainty_settings import UncertaintySettings

TWO = {"core": 1, "rim": 2}


def scoring(classes=TWO, *, clean=(), activation="softmax", shown="predictive_entropy", reason="", **settings):
    """The scoring of a model that nobody opened."""
    settings = {"method": "softmax", "threshold": 0.3, **settings}
    segmenter = SimpleNamespace(
        structures=tuple(classes),
        settings=ModelSettings(classes=classes, activation=activation),
        uncertainty_settings=UncertaintySettings(**settings),
        uncertainty=UncertaintySource("softmax", 1, shown, "one pass", reason),
    )
    return UncertaintyScoring(segmenter, lambda: clean)


def case(seed=0, shape=(30, 34), name="a", *, sigmoid=False):
    """A case of two nested structures, with its prediction and masks of both."""
    rng = np.random.default_rng(seed)
    middle = np.array([length / 2 for length in shape]).reshape(-1, *(1,) * len(shape))
    radius = np.sqrt(((np.indices(shape) - middle) ** 2).sum(axis=0)) / (min(shape) / 4)
    rough = radius + gaussian_filter(rng.normal(size=shape), 1.5)
    logits = torch.from_numpy(np.stack([8 * (rough - 1.4), 8 * (0.7 - rough), 1.5 - 8 * abs(rough - 1)])).float()
    p = logits.sigmoid() if sigmoid else logits.softmax(0)
    masks = torch.stack([p[1] > 0.5, p[2] > 0.5]) if sigmoid else torch.stack([p.argmax(0) == 1, p.argmax(0) == 2])
    uncertainty = p[1:] * (1 - p[1:]) if sigmoid else torch.special.entr(p).sum(0, keepdim=True)
    truth = {"core": radius < 0.7, "rim": (radius >= 0.7) & (radius < 1.4)}
    spacing = (1.0,) * len(shape)
    references = {structure: prepare_reference(mask, spacing) for structure, mask in truth.items()}
    return Shown(name, spacing, masks.numpy(), references), Prediction(masks, p, None, uncertainty), truth


@pytest.mark.parametrize("shape", [(30, 34), (16, 18, 14)])
@pytest.mark.parametrize("sigmoid", [False, True])
def test_each_structure_has_all_of_the_contract(shape, sigmoid):
    shown, prediction, truth = case(shape=shape, sigmoid=sigmoid)
    measured = scoring(activation="sigmoid" if sigmoid else "softmax", shown="predictive_entropy")

    found = measured.of_case(shown, prediction)

    assert len(found) == 2
    for index, one in enumerate(found):
        assert not one.undefined
        by_chance = {f"chance:{key}" for key in ("error_aupr", "ause", "ue_dice", "pavpu", "qu_brats")}
        beside = {"uncertainty_wrong", "uncertainty_right", "removed_right", "removed_wrong"}
        assert {KEY, *VOXEL_KEYS, *beside, *by_chance} == set(one.values)
        u = prediction.uncertainty[index if sigmoid else 0].double().numpy()
        mean = aggregation.boundary_mean(u, shown.masks[index], shown.spacing).value
        assert one.values[KEY] == pytest.approx(mean)
        # Brier over two classes, from the structure's own probability
        near = np.array(sum(row[0] for row in one.reliability))
        assert near > truth["core"].sum()
        assert 0 < one.values["brier"] < 1


def test_probability_of_several_channels_is_their_sum_or_their_largest():
    for activation, expected in (("softmax", 0.7), ("sigmoid", 0.4)):
        measured = scoring({"both": [1, 2]}, activation=activation)
        p = torch.tensor([0.3, 0.3, 0.4]).reshape(3, 1, 1).expand(3, 8, 8)
        mask = np.zeros((1, 8, 8), bool)
        mask[0, 2:6, 2:6] = True
        u = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
        references = {"both": prepare_reference(mask[0], (1.0, 1.0))}
        (found,) = measured.of_case(
            Shown("a", (1.0, 1.0), mask, references), Prediction(torch.from_numpy(mask), p, None, u)
        )
        inside = next(row for row in found.reliability if row[0] == 16)  # the mask says so, with this confidence
        assert inside[1] / 16 == pytest.approx(expected, abs=1e-6)


def test_an_oracle_is_perfect_and_its_opposite_the_worst():
    shown, prediction, truth = case()
    for structure, index in (("core", 0), ("rim", 1)):
        wrong = torch.from_numpy(shown.masks[index] ^ truth[structure]).float()[None]
        oracle = Prediction(prediction.masks, prediction.probabilities, None, wrong)
        opposite = Prediction(prediction.masks, prediction.probabilities, None, 1 - wrong)
        assert scoring().of_case(shown, oracle)[index].values["error_auroc"] == 1
        assert scoring().of_case(shown, opposite)[index].values["error_auroc"] == 0
    flat = Prediction(prediction.masks, prediction.probabilities, None, torch.full_like(wrong, 0.2))
    one = scoring().of_case(shown, flat)[0]
    assert "constant" in one.undefined["error_auroc"]
    assert one.values[KEY] == pytest.approx(0.2)
    assert "ece" in one.values


def test_failed_and_unlabelled_cases_keep_their_place():
    shown, prediction, _ = case()
    failed = Prediction(None, None, "crashed: no memory", None)
    unlabelled = Shown("a", shown.spacing, shown.masks, {})
    none = Shown("a", shown.spacing, None, shown.references)

    for one in scoring().of_case(none, failed):
        assert one.values == {KEY: 0.0, **{key: MEASURES[key].worst for key in VOXEL_KEYS}}
    for one in scoring().of_case(unlabelled, prediction):
        assert set(one.values) == {KEY}
        assert one.values[KEY] > 0
        assert one.undefined == dict.fromkeys(VOXEL_KEYS, "no label")
        assert one.reliability == []
    for one in scoring().of_case(Shown("a", shown.spacing, None, {}), failed):
        assert one.values == {KEY: 0.0}
        assert one.undefined == dict.fromkeys(VOXEL_KEYS, "no label")


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -0.1])
def test_a_map_that_is_no_map_warns_of_nothing(wrong):
    shown, prediction, _ = case()
    broken = prediction.uncertainty.clone()
    broken[0, 5, 5] = wrong
    for one in scoring().of_case(shown, Prediction(prediction.masks, prediction.probabilities, None, broken)):
        assert one.values[KEY] == 0
        assert one.values["error_auroc"] == 0
        assert "not finite" in one.undefined[KEY]


def test_a_model_without_uncertainty_says_so():
    shown, prediction, _ = case()
    found = scoring(reason="labels say nothing").of_case(shown, Prediction(prediction.masks))
    assert [one.values for one in found] == [{KEY: 0.0}] * 2
    assert set(found[0].undefined.values()) == {"labels say nothing"}


def test_what_comes_from_outside_the_image_is_as_if_beyond_its_border():
    shown, prediction, truth = case(shape=(30, 40))
    view = np.zeros((30, 40), bool)
    view[:, :24] = True
    seen = {s: prepare_reference(mask & view, shown.spacing) for s, mask in truth.items()}
    moved = Shown("a", shown.spacing, shown.masks & view, seen, view=view, moved=True)
    cut = (..., slice(0, 24))
    small = Shown(
        "a", shown.spacing, shown.masks[cut], {s: prepare_reference(m[cut], shown.spacing) for s, m in truth.items()}
    )
    beyond = prediction.uncertainty.clone()
    beyond[~torch.from_numpy(view)[None]] = 77.0

    for how in ("image", "foreground", "boundary", "volume", "patch"):
        in_view = scoring(aggregation=how).of_case(
            moved, Prediction(prediction.masks, prediction.probabilities, None, beyond)
        )
        alone = scoring(aggregation=how).of_case(
            small, Prediction(prediction.masks[cut], prediction.probabilities[cut], None, prediction.uncertainty[cut])
        )
        for one, other in zip(in_view, alone, strict=True):
            assert one.values == pytest.approx(other.values)
            assert one.undefined == other.undefined
    blind = Shown("a", shown.spacing, shown.masks & False, seen, view=view & False, moved=True)
    assert scoring().of_case(blind, prediction)[0].values == {KEY: 0.0}


@pytest.mark.parametrize("how", ["image", "foreground", "boundary", "volume", "patch", "threshold"])
def test_the_number_of_a_case_is_its_aggregation(how):
    cases = [case(seed, name=str(seed)) for seed in range(3)]
    measured = scoring(aggregation=how, clean=[(shown, prediction) for shown, prediction, _ in cases])
    shown, prediction, _ = cases[0]
    for index, one in enumerate(measured.of_case(shown, prediction)):
        share = aggregation.mean_foreground_share([c[0].masks[index] for c in cases])
        expected = aggregation.aggregate(
            prediction.uncertainty[0].double().numpy(), shown.masks[index], shown.spacing, how, foreground_share=share
        )
        assert one.values[KEY] == pytest.approx(expected.value)


def test_an_empty_prediction_has_the_mean_over_the_image():
    shown, prediction, _ = case()
    empty = Shown("a", shown.spacing, shown.masks & False, shown.references)
    for one in scoring().of_case(empty, prediction):
        assert one.values[KEY] == pytest.approx(float(prediction.uncertainty.double().mean()))
        assert "ece" in one.values


def test_the_largest_value_is_the_map_s():
    shown, prediction, _ = case()
    measured = {
        "variance": 0.25,
        "summed_variance": 2 / 3,
        "least_confidence": 2 / 3,
        "predictive_entropy": math.log(3),
        "mutual_information": math.log(3),
    }
    for name, highest in measured.items():
        assert scoring(shown=name)._highest(prediction) == pytest.approx(highest)
    assert scoring(shown="expected_entropy", activation="sigmoid")._highest(prediction) == pytest.approx(math.log(2))
    huge = Prediction(prediction.masks, prediction.probabilities, None, 100 * prediction.uncertainty)
    assert 0 <= scoring(shown="variance").of_case(shown, huge)[0].values["qu_brats"] <= 1


def test_references_that_are_kept_give_the_same_numbers(monkeypatch):
    import pytest_segrobust.evaluation.uncertainty_scoring as module

    cases = [case(seed, name=str(seed)) for seed in range(4)]
    kept = scoring()
    first = [kept.of_case(shown, prediction) for shown, prediction, _ in cases]
    assert first == [kept.of_case(shown, prediction) for shown, prediction, _ in cases]
    monkeypatch.setattr(module, "KEPT_BYTES", 3000)
    short = scoring()
    for _ in range(2):
        assert first == [short.of_case(shown, prediction) for shown, prediction, _ in cases]
    assert short._kept_bytes <= 3000


class TestFreezing:
    cases = tuple(case(seed, name=str(seed)) for seed in range(4))

    def frozen(self, cases, **settings):
        clean = [(shown, prediction) for shown, prediction, _ in cases]
        return scoring(clean=clean, threshold=None, **settings).frozen

    def test_it_keeps_the_right_voxels_of_the_bands(self):
        from pytest_segrobust.metrics.uncertainty.region import error_band

        each = []
        for shown, prediction, truth in self.cases:
            u = prediction.uncertainty[0].double().numpy()
            right = [
                u[error_band(mask, true, shown.spacing) & (mask == true)]
                for mask, true in zip(shown.masks, truth.values(), strict=True)
            ]
            flat = np.concatenate(right)
            each.append((flat, np.zeros(flat.shape, bool), None))
        frozen = self.frozen(self.cases)
        assert frozen.threshold == pytest.approx(frozen_threshold(each).value)
        assert "mean over 4 clean screening images" in frozen.rule

    def test_the_order_of_the_cases_does_not_matter(self):
        assert self.frozen(self.cases) == self.frozen(self.cases[::-1])
        both = [self.frozen(some, aggregation="threshold") for some in (self.cases, self.cases[::-1])]
        assert both[0] == both[1]
        assert all(share is not None for share in both[0].shares)

    def test_a_stated_threshold_asks_for_no_prediction(self):
        def never():
            raise AssertionError("asked for clean cases")
            yield

        measured = scoring(threshold=0.4)
        measured._clean = never
        assert measured.frozen.threshold == 0.4
        assert "stated" in measured.frozen.rule

    def test_labelled_cases_decide_where_there_are_some(self):
        shown, prediction, _ = self.cases[1]
        mixed = [self.cases[0], (Shown("1", shown.spacing, shown.masks, {}), prediction, None)]
        assert self.frozen(mixed).threshold == self.frozen(self.cases[:1]).threshold

    def test_without_labels_the_bands_of_the_predictions_decide(self):
        some = [(Shown(s.case, s.spacing, s.masks, {}), p, None) for s, p, _ in self.cases]
        frozen = self.frozen(some)
        assert "no screening image has a label" in frozen.rule
        assert frozen.threshold is not None
        assert frozen.threshold != self.frozen(self.cases).threshold

    def test_without_any_prediction_there_is_none_and_the_measures_say_so(self):
        shown, prediction, _ = self.cases[0]
        failed = [(Shown("0", shown.spacing, None, shown.references), Prediction(None, failure="NaN"), None)]
        assert self.frozen(failed).threshold is None
        measured = scoring(threshold=None, clean=[(s, p) for s, p, _ in failed])
        found = measured.of_case(shown, prediction)[0]
        assert "no clean screening image" in found.undefined["ue_dice"]
        assert "error_auroc" in found.values
        assert measured.described()["threshold"] is None

    def test_a_large_image_counts_as_much_as_a_small_one(self):
        small, large = (
            CleanCase(np.full(n, value, np.float32), np.zeros(1, np.float32), (0.1,))
            for n, value in ((3, 1.0), (9999, 0.0))
        )
        assert freeze([small, large, None], stated=None, shares=0).threshold == pytest.approx(0.5)
