"""The matrix loses nothing in either direction, and says what hangs loose."""

from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.traceability.matrix import NO_REQUIREMENT, trace

RISKS = [{"id": "H-1", "hazard": "wrong volume", "control": "noise"}, {"id": "H-2", "hazard": "missed", "control": ""}]
RESULTS = [
    RequirementResult("ROB-1", "one", "passed", risks=["H-1", "H-9"]),
    RequirementResult("ROB-2", "two", "failed", risks=["H-1"]),
    RequirementResult("ROB-3", "three", "passed"),
]
TESTS = {"segrobust.toml::ROB-1": "ROB-1", "test_a.py::test_two": "ROB-2"}


def made(**options):
    return trace(
        RESULTS, RISKS, **{"file": "risks.csv", "tests": TESTS, "sources": {"ROB-2": "test_a.py:7"}, **options}
    )


def test_every_risk_and_every_requirement_has_a_row():
    rows = made()["rows"]

    assert {row["risk"] for row in rows} == {"H-1", "H-2", "H-9", ""}
    assert {row["requirement"] for row in rows} == {"ROB-1", "ROB-2", "ROB-3", ""}
    two = next(row for row in rows if row["requirement"] == "ROB-2")
    assert (two["test"], two["source"], two["hazard"]) == ("test_a.py::test_two", "test_a.py:7", "wrong volume")


def test_orphans_of_all_four_kinds_are_told():
    orphans = made(unclaimed=["test_b.py::test_loose"])["orphans"]

    assert orphans == {
        "risks": ["H-2"],
        "requirements": ["ROB-3"],
        "unknown_risks": ["H-9"],
        "tests": ["test_b.py::test_loose"],
    }


def test_a_risk_is_as_bad_as_its_worst_requirement():
    assert {risk["id"]: risk["verdict"] for risk in made()["risks"]} == {
        "H-1": "failed",
        "H-9": "passed",
        "H-2": NO_REQUIREMENT,
    }


def test_without_a_risks_file_no_risk_is_called_unknown_and_that_is_said():
    drawn = trace(RESULTS, (), tests=TESTS)

    assert drawn["file"] is None
    assert drawn["orphans"]["unknown_risks"] == drawn["orphans"]["risks"] == []
    assert "no risks file was given" in drawn["words"]


def test_the_words_name_what_hangs_loose():
    assert made()["words"] == (
        "3 requirements, 3 risks; 1 risk without a requirement (H-2); 1 risk that the risks file lacks (H-9); "
        "1 requirement that names no risk (ROB-3)"
    )
    assert "nothing hangs loose" in trace(RESULTS[1:2], RISKS[:1], file="risks.csv")["words"]
