"""Requirements on subgroups: one bad stratum fails and is named, one that is too small or vanished blocks."""

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_segrobust.datasets.case import Case
from pytest_segrobust.datasets.subgroups import Subgroups
from pytest_segrobust.requirements.decision_settings import DecisionSettings
from pytest_segrobust.requirements.requirement import Measure
from pytest_segrobust.verification.profiles import profile
from pytest_segrobust.verification.statistics import clopper_pearson
from pytest_segrobust.verification.verify import verify


def groups(n, value_of, gone=()):
    """Patients p00 ... as the fake evaluation has them, with a scanner each; `gone` are scanners of excluded cases."""

    def case(patient, scanner):
        return Case(patient, patient, (Path(patient),), None, {"scanner": scanner})

    return Subgroups(tuple(case(f"p{i:02d}", value_of(i)) for i in range(n)), tuple(case(f"x{g}", g) for g in gone))


def run(requirement, evaluation, subgroups=None, *, seed=0, name="smoke", report=None, **decision):
    settings = DecisionSettings(**decision)
    budget = profile(name)
    return verify(requirement, evaluation, decision=settings, budget=budget, seed=seed, subgroups=subgroups,
                  report_strata=report)  # fmt: skip


def by_third(i):
    return "ABC"[i % 3]


def lossy(*scanners, by=0.3, value_of=by_third):
    """Patients of these scanners lose `by` at sigma 0.1, the others nearly nothing."""

    def model(values, patient, _):
        lost = (by if value_of(patient) in scanners else 0.02) * values.get("sigma", 0) / 0.1
        return {"dsc": 0.9 - lost - 0.001 * (patient % 7) * (1 + lost)}

    return model


@pytest.mark.parametrize("seed", range(5))
def test_one_bad_scanner_fails_for_each_and_is_named_though_the_mean_of_all_passes(fake, noise, seed):
    evaluation = fake(lossy("B"), n=30)
    assert run(noise(0.2), evaluation, groups(30, by_third), seed=seed).verdict == "passed"
    found = run(noise(0.2, for_each="scanner"), evaluation, groups(30, by_third), seed=seed)

    assert found.verdict == "failed"
    assert found.reason.startswith("scanner B: DSC drop of organ = 0.3")
    assert found.worst["stratum"] == "scanner B"
    assert {each["stratum"]: each["verdict"] for each in found.strata} == {"A": "passed", "B": "failed", "C": "passed"}
    assert {each["stratum"]: each["holm"]["verdict"] for each in found.strata} == {
        "A": "passed",
        "B": "failed",
        "C": "passed",
    }
    assert all(each["decides"] and each["n_patients"] == 10 for each in found.strata)


def test_all_strata_good_is_a_pass_that_names_the_worst(fake, noise):
    found = run(noise(0.2, for_each="scanner"), fake(lossy("C", by=0.1), n=30), groups(30, by_third))

    assert found.verdict == "passed"
    assert found.reason.startswith("in each of 3 strata of scanner, the worst one scanner C: ")
    assert found.n_patients == 10
    assert found.estimate == pytest.approx(0.1, abs=0.01)


def test_the_worst_stratum_is_that_of_the_worst_verdict_not_of_the_worst_estimate(fake, noise):
    """Five patients spread widely round a good mean show less than ten who are all slightly worse."""
    spread = {29: 0.15, 28: 0.0, 27: 0.19, 26: 0.0, 25: 0.12}

    def model(values, patient, _):
        lost = spread.get(patient, 0.1) if values.get("sigma", 0) > 0.05 else 0.0
        return {"dsc": 0.9 - lost - 0.0001 * (patient % 7) * (values.get("sigma", 0) > 0)}

    strata = groups(30, lambda i: "small" if i in spread else "large")
    found = run(noise(0.11, for_each="scanner"), fake(model, n=30), strata)
    by_name = {each["stratum"]: each for each in found.strata}

    assert by_name["large"]["estimate"] > by_name["small"]["estimate"]
    assert (by_name["large"]["verdict"], by_name["small"]["verdict"], found.verdict) == (
        "passed",
        "inconclusive",
        "inconclusive",
    )


def test_a_stratum_with_too_few_patients_blocks_a_pass_and_is_named(fake, noise):
    strata = groups(30, lambda i: "D" if i < 3 else "A")
    found = run(noise(0.2, for_each="scanner"), fake(lossy(), n=30), strata)

    assert found.verdict == "not_evaluable"
    assert found.reason == "scanner D: too few to say: 3 patients, 5 are needed"
    assert {each["stratum"]: each["verdict"] for each in found.strata} == {"A": "passed", "D": "not_evaluable"}
    assert {each["stratum"]: each["holm"]["verdict"] for each in found.strata}["D"] == "not_evaluable"


def test_a_failed_stratum_outweighs_one_of_which_nothing_can_be_said_and_both_are_named(fake, noise):
    def scanner(i):
        return "D" if i < 3 else "A"

    found = run(noise(0.2, for_each="scanner"), fake(lossy("A", value_of=scanner), n=30), groups(30, scanner))
    assert found.verdict == "failed"
    assert "nothing can be said of scanner D" in found.reason


def test_only_small_strata_are_not_evaluable_and_nothing_is_measured(fake, noise):
    evaluation = fake(lossy(), n=12)
    found = run(noise(0.2, for_each="scanner"), evaluation, groups(12, str))

    assert found.verdict == "not_evaluable"
    assert "in no scanner are there enough patients: too few to say: 1 patient, 5 are needed" in found.reason
    assert len(found.strata) == 12
    assert not evaluation.calls


def test_a_stratum_whose_cases_are_all_excluded_blocks(fake, noise):
    found = run(noise(0.2, for_each="scanner"), fake(lossy(), n=30), groups(30, by_third, gone=("Z",)))
    assert (found.verdict, found.reason) == ("not_evaluable", "scanner Z: too few to say: 0 patients, 5 are needed")


def test_patients_without_a_value_are_a_stratum_that_can_fail(fake, noise):
    def scanner(i):
        return "" if i % 3 == 0 else "A"

    found = run(noise(0.2, for_each="scanner"), fake(lossy("", value_of=scanner), n=30), groups(30, scanner))
    assert found.verdict == "failed"
    assert found.reason.startswith("scanner (missing): ")


def test_a_stratum_without_the_structure_blocks_though_the_others_pass(fake, noise):
    """Nobody of scanner B has the structure in the reference: of B nothing was shown."""

    def lacking(m):
        return replace(m, reference_voxels=0) if by_third(int(m.patient[1:])) == "B" else m

    evaluation = fake(lossy(), n=30, change=lacking)
    found = run(noise(0.2, for_each="scanner"), evaluation, groups(30, by_third))

    assert found.verdict == "not_evaluable"
    assert found.reason.startswith("scanner B: 0 patients can be judged for organ, 5 are needed")


def test_a_column_that_the_data_do_not_have_is_never_a_pass(fake, noise):
    named = run(noise(0.2, for_each="scaner"), fake(lossy(), n=30), groups(30, by_third))
    assert (named.verdict, named.reason) == (
        "invalid",
        "no result: [data] has no column scaner; did you mean scanner?",
    )
    assert run(noise(0.2, for_each="scanner"), fake(lossy(), n=30)).verdict == "not_evaluable"


def test_gross_failures_of_all_strata_are_counted(fake, noise):
    def model(values, patient, structure):
        return "missed" if values and patient in (0, 4) else lossy()(values, patient, structure)

    found = run(noise(0.5, for_each="scanner"), fake(model, n=30), groups(30, by_third))
    assert (found.gross_failures.count, found.gross_failures.n_patients) == (2, 30)
    assert found.gross_failures.upper_bound == pytest.approx(clopper_pearson(2, 30)[1])
    assert {f["patient"] for f in found.gross_failures.cases} == {"p00", "p04"}


def test_each_stratum_is_searched_for_its_own_worst_point(fake, noise):
    """Scanner A breaks in the middle of the range alone, where none of the other patients shows anything."""

    def pocket(values, patient, _):
        near = abs(values.get("sigma", 0) - 0.06) < 0.01 and by_third(patient) == "A"
        return {"dsc": 0.9 - 0.5 * near - 0.001 * (patient % 7) - 0.1 * values.get("sigma", 0)}

    found = run(noise(0.2, for_each="scanner"), fake(pocket, n=30), groups(30, by_third), name="ci")
    assert found.verdict == "failed"
    assert found.reason.startswith("scanner A")


def test_a_share_of_patients_is_claimed_within_each_stratum(fake, noise):
    found = run(noise(0.2, for_each="scanner", patients=0.5), fake(lossy("B"), n=30), groups(30, by_third))
    assert found.verdict == "failed"
    assert found.reason.startswith("scanner B: share of patients with DSC drop below 0.2")
    claim = noise(0.02, for_each="scanner", measure=Measure("gross_failure_rate"))
    assert run(claim, fake(lossy(), n=30), groups(30, by_third)).verdict == "inconclusive"


def test_strata_are_reported_beside_a_decision_on_all_patients_and_a_bad_one_is_said(fake, noise):
    found = run(noise(0.2), fake(lossy("B"), n=30), groups(30, lambda i: "D" if i < 2 else by_third(i)))
    by_name = {each["stratum"]: each for each in found.strata}

    assert found.verdict == "passed"
    assert {name: each["verdict"] for name, each in by_name.items()} == {
        "A": "passed",
        "B": "failed",
        "C": "passed",
        "D": "not_evaluable",
    }
    assert by_name["D"]["reason"] == "too few to say: 2 patients, 5 are needed"
    assert by_name["B"]["interval"][0] < by_name["B"]["estimate"] < by_name["B"]["interval"][1]
    assert by_name["B"]["estimate"] == pytest.approx(0.3, abs=0.01)
    assert not any(each["decides"] for each in found.strata)
    assert any(w.startswith("scanner B: shown not to meet the limit by itself") for w in found.search["caveats"])


def test_reporting_strata_measures_nothing_more_and_changes_no_decision(fake, noise):
    with_strata, without = fake(lossy("B"), n=30), fake(lossy("B"), n=30)
    found = run(noise(0.2), with_strata, groups(30, by_third))
    plain = run(noise(0.2), without, groups(30, by_third), report=[])

    assert with_strata.asked == without.asked
    assert (found.verdict, found.estimate, found.interval) == (plain.verdict, plain.estimate, plain.interval)
    assert plain.strata == []


def test_structures_are_named_with_holms_correction(fake, noise):
    """Of two structures one is shown at 95 % alone, but not beside the other."""

    def model(values, patient, structure):
        lost = {"good": 0.01, "near": 0.043 + 0.004 * ((patient * 7) % 5 - 2)}[structure] if values else 0
        return {"dsc": 0.9 - lost * (1 + 0.01 * (patient % 3))}

    for limit in (0.0447, 0.06):
        found = run(noise(limit), fake(model, n=20, structures=("good", "near")))
        by_name = {each["structure"]: each for each in found.structures}
        assert by_name["good"]["holm"] == {"verdict": "passed", "confidence": pytest.approx(0.975)}
        assert by_name["near"]["holm"]["verdict"] in ("passed", "inconclusive")
        if by_name["near"]["verdict"] != "passed":
            assert by_name["near"]["holm"]["verdict"] != "passed"
    assert by_name["near"]["holm"]["verdict"] == "passed"
    alone = run(noise(0.06), fake(model, n=20, structures=("near",)))
    assert "holm" not in alone.structures[0]
