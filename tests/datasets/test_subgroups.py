"""Subgroups of patients by a column of the table of cases."""

from pathlib import Path

import pytest

from pytest_segrobust.datasets.case import Case
from pytest_segrobust.datasets.subgroups import MISSING, Subgroups
from pytest_segrobust.errors import DataError


def case(identity, patient, **metadata):
    return Case(identity, patient, (Path(identity),), None, metadata)


SCANNERS = (
    case("1", "b", scanner="A", sex="f", day="1"),
    case("2", "a", scanner="A", sex="f", day="2"),
    case("3", "a", scanner="A", sex="f", day="3"),
    case("4", "c", scanner="B", sex="m", day="4"),
    case("5", "d", scanner=" ", sex="m", day="5"),
)


def test_a_column_divides_the_patients_and_an_empty_cell_is_a_stratum_of_its_own():
    assert Subgroups(SCANNERS).strata("scanner") == {MISSING: ("d",), "A": ("a", "b"), "B": ("c",)}


def test_a_stratum_whose_cases_are_all_excluded_does_not_vanish():
    found = Subgroups(SCANNERS, (case("6", "e", scanner="C"), case("7", "f", scanner="A"))).strata("scanner")
    assert found["C"] == ()
    assert found["A"] == ("a", "b")


def test_an_unknown_column_is_told_with_the_nearest_known_one():
    with pytest.raises(DataError, match="no column scaner; did you mean scanner"):
        Subgroups(SCANNERS).strata("scaner")
    with pytest.raises(DataError, match="the data have none: list the cases in a table"):
        Subgroups((case("1", "a"),)).strata("scanner")


def test_a_patient_whose_cases_disagree_is_named_with_the_column():
    with pytest.raises(DataError, match=r"patient a is in two strata of column day, 2 and 3 \(case 3\)"):
        Subgroups(SCANNERS).strata("day")
    half = (case("1", "a", scanner="A"), case("2", "a", scanner=""))
    with pytest.raises(DataError, match=r"A and \(missing\)"):
        Subgroups(half).strata("scanner")


def test_columns_with_few_values_are_reported_unless_others_are_asked_for():
    groups = Subgroups(SCANNERS)
    assert list(groups.reported()) == ["scanner", "sex"]  # a patient has several days
    assert list(groups.reported(["sex"])) == ["sex"]
    assert groups.reported([]) == {}
    with pytest.raises(DataError, match="column day"):
        groups.reported(["day"])


def test_a_column_of_one_value_or_of_many_is_no_subgroup_unless_asked_for():
    ages = tuple(case(str(n), str(n), age=str(n), site="x") for n in range(9))
    assert Subgroups(ages).reported() == {}
    assert len(Subgroups(ages).reported(["age"])["age"]) == 9


def test_the_data_set_knows_its_subgroups_and_those_of_excluded_cases(folder):
    for name in ("a", "b"):
        folder.pair(name)
    rows = "id,image,label,patient,site\n1,images/a.nii.gz,labels/a.nii.gz,p,Bern\n2,images/b.nii.gz,labels/b.nii.gz,q,Ulm\n"
    (folder.root / "cases.csv").write_text(rows)
    groups = folder.open(cases="cases.csv", exclude={"2": "cut off"}).subgroups

    assert groups.strata("site") == {"Bern": ("p",), "Ulm": ()}
