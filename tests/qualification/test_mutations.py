"""Broken on purpose: each way in which this package could pass a bad model is seen by the checks that are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_segrobust.evaluation import evaluation as loop
from pytest_segrobust.evaluation import preparation
from pytest_segrobust.evaluation import scoring as rows
from pytest_segrobust.metrics import scoring as metrics
from pytest_segrobust.metrics.policy import POLICY
from pytest_segrobust.perturbations.attacks.ball import Ball
from pytest_segrobust.perturbations.catalogue import catalogue
from pytest_segrobust.perturbations.checks import checked
from pytest_segrobust.perturbations.point import CLEAN
from pytest_segrobust.qualification import battery, coverage, metric_checks, perturbation_checks
from pytest_segrobust.qualification.bench import Bench
from pytest_segrobust.qualification.check import made
from pytest_segrobust.verification import (
    betting,
    decision,
    failures,
    patients,
    results,
    statistics,
    strata,
    verification,
)


@pytest.fixture(autouse=True)
def perturbations_looked_up_anew():
    """What a step names is remembered, also from before a mutation."""
    checked.cache_clear()
    yield
    checked.cache_clear()


def dsc_inverted(patch) -> None:
    dsc = metrics.OVERLAPS["dsc"]
    patch.setitem(metrics.OVERLAPS, "dsc", lambda counts: 1 - dsc(counts))


def volume_of_itself(patch) -> None:
    patch.setitem(metrics.VOLUMES, "volume_bias", lambda predicted, reference: 0.0)


def spacing_ignored(patch) -> None:
    prepare = metric_checks.prepare_reference
    for module in (metric_checks, rows):
        patch.setattr(module, "prepare_reference", lambda mask, spacing, **kw: prepare(mask, [1] * mask.ndim, **kw))


def missed_is_near(patch) -> None:
    patch.setitem(POLICY["missed"], "hd95", 0)


def failed_is_good(patch) -> None:
    for key, best in (("dsc", 1), ("hd95", 0), ("nsd", 1)):
        patch.setitem(POLICY["failed"], key, best)


def noise(patch, strength: float) -> None:
    known = catalogue()["gaussian noise"]

    def weaker(batch, **parameters):
        return batch.values + strength * (known.apply(batch, **parameters) - batch.values)

    weak = replace(known, apply=weaker, could_change=lambda *_, **__: False)
    patch.setitem(catalogue(), "gaussian noise", weak)


def noise_does_nothing(patch) -> None:
    noise(patch, 0.0)


def noise_at_half_strength(patch) -> None:
    noise(patch, 0.5)


def clean_for_perturbed(patch) -> None:
    compute = loop.Evaluation._compute

    def clean(self, tile, point, realisation):
        found = compute(self, tile, CLEAN, 0)
        changed = {"changed": 1.0}
        return [replace(m, point=str(point), realisation=realisation, strength=changed) for m in found]

    patch.setattr(loop.Evaluation, "_compute", clean)


def measured(patch, change) -> None:
    """Change what each measurement of a point returns, by whichever way it is asked for."""
    rows_of = loop.Evaluation._rows
    patch.setattr(loop.Evaluation, "_rows", lambda self, *a, **k: change(rows_of(self, *a, **k)))


def failures_dropped(patch) -> None:
    def without(found):
        failed = {m.case for m in found if m.failure and not m.failure.startswith(("missed", "false"))}
        return [m for m in found if m.case not in failed]

    measured(patch, without)


def failed_cases_leave_n(patch) -> None:
    why_not = patients.Cohort._why_not
    patch.setattr(patients.Cohort, "_why_not", lambda self, m: "failed" if m.failure else why_not(self, m))


def scans_count_as_patients(patch) -> None:
    measured(patch, lambda found: [replace(m, patient=m.case) for m in found])


def screening_decides(patch) -> None:
    measure = loop.Evaluation.measure

    def few(self, points, *, screening=False, realisations=1):
        return measure(self, points, screening=True, realisations=realisations)

    patch.setattr(loop.Evaluation, "measure", few)


def failures_not_counted(patch) -> None:
    for module in (patients, failures):
        patch.setattr(module, "gross_failures", lambda *_, **__: iter(()))


def structures_swapped(patch) -> None:
    def swapped(self, *arguments, **kw):
        made_before(self, *arguments, **kw)
        self.structures = self.structures[::-1]

    made_before = rows.Scoring.__init__
    patch.setattr(rows.Scoring, "__init__", swapped)


def interval_on_the_wrong_side(patch) -> None:
    expanded = statistics._expanded
    patch.setattr(statistics, "_expanded", lambda alpha, n: 1 - expanded(alpha, n))


def estimate_decides(patch) -> None:
    patch.setattr(statistics, "_expanded", lambda alpha, n: 0.5)


def share_without_interval(patch) -> None:
    import scipy.special

    patch.setattr(scipy.special, "betaincinv", lambda a, b, p: a / (a + b))


def decided(patch, change) -> None:
    decide = decision.decide
    for module in (decision, coverage):
        patch.setattr(module, "decide", lambda *arguments: decide(*change(*arguments)))


def comparison_flipped(patch) -> None:
    other = {"below": "above", "above": "below", "at most": "at least", "at least": "at most", "within": "within"}
    decided(patch, lambda comparison, limit, low, high: (other[comparison], limit, low, high))


def bounds_rounded(patch) -> None:
    decided(patch, lambda comparison, limit, low, high: (comparison, limit, round(low, 6), round(high, 6)))


def strict_becomes_loose(patch) -> None:
    loose = {"below": "at most", "above": "at least"}
    decided(patch, lambda comparison, *others: (loose.get(comparison, comparison), *others))


def best_point_decides(patch) -> None:
    for module in (results, verification):
        patch.setattr(module, "worst", lambda cells: min(cells, key=lambda cell: cell.excess))


def label_stays(patch) -> None:
    perturb = preparation.perturb

    def without_label(images, labels, *arguments, **kw):
        return replace(perturb(images, labels, *arguments, **kw), labels=labels)

    for module in (preparation, perturbation_checks):
        patch.setattr(module, "perturb", without_label)


def store_knows_no_context(patch) -> None:
    patch.setattr(loop, "context_hash", lambda parts: "the same")


def scored(patch, key: str, change) -> None:
    def changed(found):
        return [replace(m, scores={**m.scores, key: change(m.scores[key])} if key in m.scores else m.scores) for m in found]  # fmt: skip

    measured(patch, changed)


def calibration_always_perfect(patch) -> None:
    scored(patch, "ece", lambda _: 0.0)


def uncertainty_upside_down(patch) -> None:
    scored(patch, "uncertainty", lambda value: -value)


def attack_leaves_its_ball(patch) -> None:
    patch.setattr(Ball, "project", lambda self, images: images)


def patients_share_their_noise(patch) -> None:
    from pytest_segrobust.perturbations import course

    for name in ("normal_fields", "uniform_fields"):
        fields = getattr(course, name, None)
        if fields is not None:
            patch.setattr(course, name, lambda keys, *a, fields=fields, **k: fields([(0,)] * len(keys), *a, **k))


def strata_not_told_apart(patch) -> None:
    from pytest_segrobust.datasets.subgroups import Subgroups

    patch.setattr(Subgroups, "strata", lambda self, column: {"all": tuple({case.patient for case in self.cases})})


def best_stratum_decides(patch) -> None:
    badness = strata._badness
    patch.setattr(strata, "_badness", lambda *arguments: tuple(-x for x in badness(*arguments)[:2]))


def nothing_forbids_a_pass(patch) -> None:
    patch.setattr(loop.Evaluation, "no_pass", "")


def bets_with_money_that_is_not_there(patch) -> None:
    patch.setattr(betting, "WEIGHTS", tuple(2 * weight for weight in betting.WEIGHTS))


def bets_that_ignore_what_was_lost(patch) -> None:
    gains = betting._gains
    patch.setattr(betting, "_gains", lambda *arguments: abs(gains(*arguments)))


def quantile_one_rank_off(patch) -> None:
    from pytest_segrobust.verification import order_statistics

    found = order_statistics.ranks
    for module in (order_statistics, coverage):
        patch.setattr(module, "ranks", lambda *a: tuple(None if rank is None else rank - 1 for rank in found(*a)))


MUTATIONS = {
    dsc_inverted: ["M-SHIFT-dsc", "D-MIRRORED", "H-DSC"],
    volume_of_itself: ["M-HALF-volume_bias", "D-VOLUME"],
    spacing_ignored: ["M-HD95-AXIS-0", "M-NSD-5.9", "D-SHIFTED-HD95"],
    missed_is_near: ["M-MISSED-hd95", "D-VANISHES"],
    failed_is_good: ["M-FAILED-dsc", "M-FAILED-hd95", "M-FAILED-nsd@2"],  # the verdict does not rely on it
    noise_does_nothing: ["P-SIGMA-0.1", "P-SNR-20", "D-VANISHES", "D-BREAKS-ABOVE-SIGMA"],
    noise_at_half_strength: ["P-SIGMA-0.1", "P-SNR-20", "D-BREAKS-ABOVE-SIGMA"],
    clean_for_perturbed: ["D-VANISHES", "D-BREAKS-ABOVE-SIGMA", "D-WATERMARK"],
    failures_dropped: ["D-NAN", "D-NAN-DSC", "D-RAISES"],
    failed_cases_leave_n: ["D-NAN-DSC"],
    scans_count_as_patients: ["U-SCANS"],
    screening_decides: ["H-DSC", "D-IGNORES-A-CLASS"],
    failures_not_counted: ["D-NAN", "D-RARE", "D-RAISES", "D-BATCH-BORDER"],
    structures_swapped: ["H-DSC"],
    interval_on_the_wrong_side: ["C-MEAN-normal-upper", "C-MEAN-skewed-lower", "H-DSC"],
    estimate_decides: ["C-MEAN-normal-upper", "C-MEAN-NESTED", "U-SPREAD"],
    share_without_interval: ["C-SHARE-0-of-59", "C-TOLERANCE", "U-SHARE"],
    comparison_flipped: ["V-below-passes", "H-DSC", "D-MIRRORED"],
    bounds_rounded: ["V-at-least-straddles", "V-at-most-fails"],
    strict_becomes_loose: ["V-below-strict", "V-above-strict"],
    best_point_decides: ["D-BREAKS-ABOVE-SIGMA", "D-VANISHES"],
    label_stays: ["P-TRANSLATION-LABEL", "P-LABEL-WITH-IMAGE", "H-MOVED"],
    store_knows_no_context: ["S-STORE", "S-WEIGHTS"],
    calibration_always_perfect: ["D-OVER-CONFIDENT"],
    uncertainty_upside_down: ["H-CORRELATION", "D-ANTI-CORRELATED"],
    attack_leaves_its_ball: ["A-RADIUS-pgd"],
    patients_share_their_noise: ["P-NOISE-DRAWS"],
    strata_not_told_apart: ["D-SUBGROUP", "D-SUBGROUP-WORST"],
    best_stratum_decides: ["D-SUBGROUP", "D-SUBGROUP-WORST"],
    nothing_forbids_a_pass: ["D-LEAK-DSC", "D-BATCH-DEPENDENT-DSC", "D-ORDER-DEPENDENT-DSC", "D-RANDOM-CLOCK-DSC"],
    bets_with_money_that_is_not_there: ["C-BET-ZEROS", "C-BET-71"],
    bets_that_ignore_what_was_lost: ["C-BET-ANY-TIME", "C-BET-ENROLLED"],
    quantile_one_rank_off: ["C-QUANTILE-0.5-20", "C-QUANTILE-0.95-59"],
}
"""Each mutation with the checks of which every single one must see it."""


def checks(folder: Path, ids):
    plans = (
        (metric_checks.PART, metric_checks.plan()),
        (perturbation_checks.PART, perturbation_checks.plan(0)),
        (coverage.PART, coverage.plan()),
        (battery.PART, battery.plan(Bench(folder, seed=0))),
    )
    return {check.id: check for part, plan in plans for check in made(part, plan, ids)}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_plugin_is_seen(tmp_path: Path, monkeypatch, mutation) -> None:
    mutation(monkeypatch)

    found = checks(tmp_path, MUTATIONS[mutation])

    assert sorted(found) == sorted(MUTATIONS[mutation])
    assert not [f"{check.id}: {check.found}" for check in found.values() if check.passed]


def test_unbroken_all_of_these_checks_pass(tmp_path: Path) -> None:
    ids = {id_ for each in MUTATIONS.values() for id_ in each}
    found = checks(tmp_path, ids)

    assert set(found) == ids
    assert not [f"{check.id}: {check.found}" for check in found.values() if not check.passed]
