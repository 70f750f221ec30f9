"""The loop gives the same numbers whatever was measured before, and loses no case."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pytest_segrobust import perturbations as p
from pytest_segrobust.errors import DataError
from pytest_segrobust.perturbations.point import CLEAN


def numbers(rows):
    return sorted(
        (row.case, row.structure, row.realisation, row.point, tuple(sorted(row.scores.items()))) for row in rows
    )


def test_every_case_is_measured_once_per_point_and_realisation(evaluate):
    evaluation = evaluate()
    noise, gamma = p.gaussian_noise(sigma=0.1), p.gamma(gamma=1.2)

    rows = evaluation.measure([CLEAN, noise, gamma], realisations=2)

    assert len(rows) == 8 * (1 + 2 + 1)  # what is not random has one realisation
    assert {row.realisation for row in rows if row.point == str(noise)} == {0, 1}


def test_fresh_noise_is_none_that_anything_else_has_seen(evaluate):
    evaluation, noise = evaluate(), p.gaussian_noise(sigma=0.5)
    known = evaluation.measure([noise], realisations=2)
    fresh = evaluation.measure_with_fresh_noise(noise, realisations=2)

    assert len(fresh) == len(known)
    assert not {row.realisation for row in fresh} & {row.realisation for row in known}
    assert not {row.scores["dsc"] for row in fresh} <= {row.scores["dsc"] for row in known}
    assert evaluation.measure_with_fresh_noise(noise, realisations=2) == fresh
    assert evaluation.measure_with_fresh_noise(p.gamma(gamma=1.3), realisations=2) == []
    assert evaluation.measure_with_fresh_noise(CLEAN, realisations=2) == []


def test_realisations_are_different_draws(evaluate):
    rows = evaluate().measure([p.gaussian_noise(sigma=0.5)], realisations=2)

    first, second = ([row.scores["dsc"] for row in rows if row.realisation == r] for r in (0, 1))
    assert first != second


def test_screening_gives_the_numbers_of_the_full_measurement(evaluate):
    noise = p.gaussian_noise(sigma=0.3)
    evaluation = evaluate(stored=False)

    some = evaluation.measure([noise], screening=True)
    everyone = evaluate(stored=False).measure([noise])

    assert {row.patient for row in some} == set(evaluation.screening_patients)
    assert set(numbers(some)) <= set(numbers(everyone))


def test_second_evaluation_takes_from_the_store_what_is_there(evaluate):
    noise = p.gaussian_noise(sigma=0.3)
    first = evaluate()
    rows = first.measure([noise])

    second = evaluate()
    again = second.measure([noise])

    assert second.segmenter.forward_passes == 0
    assert numbers(again) == numbers(rows)


@pytest.mark.parametrize("changed", [{"seed": 1}, {"scores": {"hd95"}}, {"model": "vanishing"}, {"batch": 4}])
def test_whatever_numbers_depend_on_changes_the_context(evaluate, changed):
    assert evaluate(stored=False).context == evaluate(stored=False).context
    assert evaluate(stored=False).context != evaluate(stored=False, **changed).context


def test_network_code_is_part_of_the_context(evaluate, folder):
    before = evaluate(stored=False).context
    source = (folder / "networks.py").read_text()
    try:
        (folder / "networks.py").write_text(source + "\n# another line\n")
        assert evaluate(stored=False).context != before
    finally:
        (folder / "networks.py").write_text(source)


def test_a_module_that_the_network_imports_is_part_of_the_context(evaluate, folder):
    before = evaluate(stored=False).context
    helper = folder / "scaling.py"
    try:
        helper.write_text("SCALE = 0.1")
        assert evaluate(stored=False).context != before
    finally:
        helper.unlink()


def test_threads_do_not_change_the_numbers(evaluate):
    noise = p.gaussian_noise(sigma=0.3)
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(numbers(evaluate(stored=False, scores={"hd95", "nsd@2"}).measure([noise])))
    finally:
        torch.set_num_threads(threads)

    assert found[0] == found[1]


def test_only_what_is_asked_for_is_scored(evaluate):
    plain = evaluate(stored=False).measure([CLEAN])[0]
    more = evaluate(stored=False, scores={"hd95", "nsd@2", "agreement"}).measure([CLEAN])[0]

    assert {"dsc", "iou", "volume_bias"} <= set(plain.scores)
    assert not {"hd95", "agreement"} & set(plain.scores)
    assert {"hd95", "nsd@2", "agreement"} <= set(more.scores)


def test_including_another_metric_gives_the_same_values_of_the_others(evaluate):
    evaluation = evaluate(stored=False)
    wider = evaluation.including("hd95")

    assert evaluation.including("dsc") is evaluation
    assert wider.measure([CLEAN])[0].scores["dsc"] == evaluation.measure([CLEAN])[0].scores["dsc"]
    assert "hd95" in wider.measure([CLEAN])[0].scores


def test_clean_prediction_agrees_with_itself_and_less_with_a_noisy_one(evaluate):
    evaluation = evaluate(stored=False, scores={"agreement"})

    clean = [row.scores["agreement"] for row in evaluation.measure([CLEAN])]
    noisy = [row.scores["agreement"] for row in evaluation.measure([p.gaussian_noise(sigma=0.5)])]

    assert clean == [1.0] * 8
    assert np.mean(noisy) < 1


def test_agreement_moves_with_a_flip(evaluate):
    evaluation = evaluate(stored=False, scores={"agreement"})

    rows = evaluation.measure([p.flip(axis="rows")])

    # the network sees no sides, so the mirrored image must give the mirrored prediction
    assert [row.scores["agreement"] for row in rows] == [1.0] * 8
    assert np.mean([row.scores["dsc"] for row in rows]) > 0.9


def test_agreement_needs_no_clean_measurement_before(evaluate):
    noise = p.gaussian_noise(sigma=0.3)
    alone = evaluate(stored=False, scores={"agreement"}).measure([noise])
    after = evaluate(stored=False, scores={"agreement"})
    after.measure([CLEAN])

    assert numbers(alone) == numbers(after.measure([noise]))


def test_noise_on_one_structure_is_as_strong_as_stated(evaluate):
    evaluation = evaluate(stored=False)
    case = evaluation.dataset.cases[0]

    prepared, _ = evaluation.predict(case, p.gaussian_noise(sigma=0.1, on="disc"))
    clean, _ = evaluation.predict(case, CLEAN)

    inside = evaluation.dataset.masks(clean.label)["disc"]
    difference = (prepared.image - clean.image)[0].numpy()
    assert difference[inside].std() == pytest.approx(0.1, rel=0.15)
    assert not difference[~inside].any()


def test_prediction_for_pictures_is_the_one_that_was_scored(evaluate):
    from pytest_segrobust.metrics.overlap import confusion, dsc

    evaluation = evaluate(stored=False)
    noise = p.gaussian_noise(sigma=0.5)
    case = evaluation.dataset.cases[4]
    row = next(row for row in evaluation.measure([noise]) if row.case == case.id)

    prepared, prediction = evaluation.predict(case, noise)

    counts = confusion(prediction.masks[0].numpy(), evaluation.dataset.masks(prepared.label)["disc"])
    assert dsc(counts) == row.scores["dsc"]
    assert [again.scores for again in evaluation.measure_case(case, noise)] == [row.scores]


@pytest.mark.parametrize(("model", "word"), [("not_a_number", "NaN"), ("misshapen", "shape"), ("vanishing", "missed")])
def test_failed_predictions_are_rows_with_worst_scores(evaluate, model, word):
    rows = evaluate(model, stored=False, scores={"hd95"}).measure([p.gaussian_noise(sigma=0.3)])

    assert len(rows) == 8
    assert all(word in row.failure for row in rows)
    assert {row.scores["dsc"] for row in rows} == {0.0}
    assert [row.scores["hd95"] for row in rows] == [pytest.approx(32 * 1.5 * np.sqrt(2))] * 8


def test_a_crash_on_one_case_does_not_touch_its_neighbours(evaluate):
    rows = evaluate("crashing", stored=False).measure([CLEAN])
    whole = evaluate(stored=False).measure([CLEAN])

    assert [row.case for row in rows if row.failure] == ["patient_03"]
    assert {row.case: row.scores for row in rows if not row.failure} == {
        row.case: row.scores for row in whole if row.case != "patient_03"
    }


def test_structure_that_is_not_known_without_a_label_is_a_data_error(evaluate):
    from dataclasses import replace

    evaluation = evaluate(stored=False)
    read = evaluation.dataset.read
    evaluation.dataset.read = lambda case: replace(read(case), label=None)

    with pytest.raises(DataError, match="has no label"):
        evaluation.measure([p.gaussian_noise(sigma=0.1, on="disc")])


def test_the_first_patients_are_measured_alone_and_give_the_same_numbers(evaluate):
    noise = p.gaussian_noise(sigma=0.3)
    evaluation = evaluate(stored=False)
    everyone = evaluate(stored=False).measure([noise])

    assert evaluation.complete_after == (3, 6, 8)  # batches of three
    some = evaluation.measure([noise], first=4)
    spent = evaluation.segmenter.forward_passes
    assert {row.patient for row in some} == set(evaluation.patients[:4])
    assert set(numbers(some)) < set(numbers(everyone))

    assert numbers(evaluation.measure([noise], first=6)) != numbers(some)
    assert evaluation.segmenter.forward_passes == spent  # their batches were measured already
    assert numbers(evaluation.measure([noise])) == numbers(everyone)


def test_first_patients_leave_the_rest_unmeasured_in_the_store(evaluate):
    noise = p.gaussian_noise(sigma=0.3)
    evaluation = evaluate()
    evaluation.measure([noise], first=3)

    stored = {row.patient for row in evaluation.store.find(evaluation.context, str(noise), 0)}
    assert stored == set(evaluation.patients[:3])
