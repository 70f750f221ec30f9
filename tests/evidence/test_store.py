"""The store: exact, indexed, and strict about what it opens."""

from __future__ import annotations

import json
import math
import sqlite3
import subprocess
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.records import (
    BreakingPoint,
    CaseResult,
    CurvePoint,
    GrossFailures,
    Measurement,
    RequirementResult,
)
from pytest_segrobust.evidence.store import Store

if TYPE_CHECKING:
    from pathlib import Path

MEASUREMENT = Measurement("c1", "p1", "gaussian noise(sigma=0.1)", 0, "tumour", {"dsc": 0.1})


@pytest.fixture
def store(tmp_path: Path):
    with Store.create(tmp_path / "run.sqlite", {"seed": 0}) as opened:
        yield opened


@pytest.mark.parametrize("value", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, math.inf, -math.inf, 2**-1074 * 3])
def test_floats_come_back_bit_for_bit(store: Store, value: float):
    store.add("context", [replace(MEASUREMENT, scores={"dsc": value}, strength={"snr": value})])
    store.put_result(RequirementResult("R", "s", "failed", estimate=value, interval=(value, value)))

    (found,) = store.find("context", MEASUREMENT.point, 0)
    result = store.results()["R"]

    for back in (found.scores["dsc"], found.strength["snr"], result.estimate, result.interval[1]):
        assert math.copysign(1, back) == math.copysign(1, value)
        assert back == value


def test_nan_comes_back_as_nan(store: Store):
    store.add("context", [replace(MEASUREMENT, scores={"hd95": math.nan})])

    assert math.isnan(store.find("context", MEASUREMENT.point, 0)[0].scores["hd95"])


def test_numpy_scores_are_kept_as_floats(store: Store):
    store.add("c", [replace(MEASUREMENT, scores={"dsc": np.float32(0.25)}, reference_voxels=np.int64(7))])

    (found,) = store.find("c", MEASUREMENT.point, 0)
    assert found == replace(MEASUREMENT, scores={"dsc": 0.25}, reference_voxels=7)
    assert type(found.scores["dsc"]) is float


def test_a_measurement_comes_back_whole(store: Store):
    whole = Measurement("c", "p", "x", 2, "s", {"dsc": 0.5, "nsd@2": 1.0}, "missed", 10, 0, {"snr": 12.5})
    store.add("context", [whole])

    assert store.find("context", "x", 2) == [whole]


def test_the_first_measurement_of_a_key_stays(store: Store):
    store.add("context", [MEASUREMENT])
    store.add("context", [replace(MEASUREMENT, scores={"dsc": 0.9}), replace(MEASUREMENT, structure="liver")])

    found = store.find("context", MEASUREMENT.point, 0)
    assert [(m.structure, m.scores["dsc"]) for m in found] == [("tumour", 0.1), ("liver", 0.1)]


def test_find_tells_contexts_points_realisations_and_cases_apart(store: Store):
    store.add("context", [replace(MEASUREMENT, case=case, realisation=r) for case in ("a", "b", "c") for r in (0, 1)])
    store.add("other", [MEASUREMENT])
    store.add("context", [replace(MEASUREMENT, case="a", point="clean")])

    assert [m.case for m in store.find("context", MEASUREMENT.point, 0)] == ["a", "b", "c"]
    assert [m.case for m in store.find("context", MEASUREMENT.point, 1, ["c", "a", "unknown"])] == ["a", "c"]
    assert store.find("context", MEASUREMENT.point, 0, []) == []
    assert store.find("nothing", MEASUREMENT.point, 0) == []


def test_points_are_those_of_a_context_in_the_order_of_their_first_measurement(store: Store):
    for point in ("later", "clean", "later", "another"):
        store.add("context", [replace(MEASUREMENT, point=point, realisation=r) for r in (0, 1)])
    store.add("other", [replace(MEASUREMENT, point="elsewhere")])

    assert store.points("context") == ["later", "clean", "another"]
    assert store.points("nothing") == []


def test_find_takes_more_cases_than_sql_takes_variables(store: Store):
    cases = [f"case {n}" for n in range(40_000)]
    store.add("context", [replace(MEASUREMENT, case=cases[-1])])

    assert len(store.find("context", MEASUREMENT.point, 0, cases)) == 1


def test_find_uses_the_index(store: Store):
    plan = store._read(
        "EXPLAIN QUERY PLAN SELECT * FROM measurement WHERE context = '' AND point = '' AND realisation = 0"
    )

    assert "USING INDEX measured (context=? AND point=? AND realisation=?)" in plan[0][3]


def add_and_fail(store: Store) -> None:
    with store.exclusive():
        store.add("context", [MEASUREMENT])
        raise RuntimeError


def test_a_transaction_is_kept_whole_or_not_at_all(store: Store):
    with pytest.raises(AttributeError):
        store.add("context", [MEASUREMENT, None])  # type: ignore[list-item]
    with pytest.raises(RuntimeError):
        add_and_fail(store)

    assert store.find("context", MEASUREMENT.point, 0) == []


def test_requirements_are_not_run_until_a_result_is_put(store: Store):
    store.declare([{"id": "B", "statement": "first", "risks": ["H-1"]}, {"id": "A", "statement": "second"}])

    assert [(r.id, r.verdict, r.statement) for r in store.results().values()] == [
        ("B", "not_run", "first"),
        ("A", "not_run", "second"),
    ]
    assert store.results()["B"].risks == ["H-1"]

    store.put_result(RequirementResult("A", "second", "failed"))
    store.put_result(RequirementResult("A", "second", "passed"))
    assert [r.verdict for r in store.results().values()] == ["not_run", "passed"], "the last result counts, order stays"


def test_declaring_again_changes_nothing(store: Store):
    for _ in range(2):  # every worker declares what it collected
        store.declare([{"id": "B", "statement": "b"}, {"id": "A", "statement": "a"}])
    store.put_result(RequirementResult("B", "b", "passed"))
    store.declare([{"id": "C", "statement": "c"}, {"id": "A", "statement": "a"}, {"id": "B", "statement": "b"}])

    assert list(store.results()) == ["B", "A", "C"]
    assert store.results()["B"].verdict == "passed"


def test_a_stated_order_wins(store: Store):
    store.declare([{"id": "A", "statement": "a", "order": 2}, {"id": "B", "statement": "b", "order": 1}])

    assert list(store.results()) == ["B", "A"]


def test_a_result_that_nobody_declared_is_not_lost(store: Store):
    store.put_result(RequirementResult("X", "x", "failed"))
    store.declare([{"id": "A", "statement": "a"}])

    assert list(store.results()) == ["A", "X"]


def test_a_result_is_read_anew_only_where_it_changed_whoever_changed_it(store: Store):
    for name in ("A", "B"):
        store.put_result(RequirementResult(name, "s", "passed"))
    before = store.results()
    with Store.open(store.path) as other:
        other.put_result(RequirementResult("B", "s", "failed"))
    after = store.results()

    assert after["A"] is before["A"]
    assert after["B"] == RequirementResult("B", "s", "failed")


def test_plain_data_of_a_result_hold_every_key_in_order():
    result = RequirementResult(
        "R",
        "s",
        "failed",
        gross_failures=GrossFailures(1, 2, 0.9, [{"case": "c"}]),
        breaking_point=BreakingPoint(0.5, None),
        curve=[CurvePoint(0.0, "clean", [], "s", 0.1, (0.0, 0.2), 2, {"snr": math.inf})],
        cases=[CaseResult("c", "p", "s", 0.9, None, 0.1)],
    )

    assert list(result.to_json().items()) == list(asdict(result).items())


def test_run_values_are_json_and_replaced_by_name(store: Store):
    store.set_run(model={"sha256": ["ab"]}, limit=math.inf)
    store.set_run(model={"sha256": ["cd"]})

    run = store.run()
    assert len(run.pop("run_id")) == 12
    assert run == {"seed": 0, "model": {"sha256": ["cd"]}, "limit": math.inf}


def test_pictures_come_back_as_they_were_put(store: Store):
    mask = np.arange(35).reshape(5, 7) % 3 == 0
    image = np.linspace(-1000, 400, 35, dtype=np.float32).reshape(5, 7)
    store.put_picture(
        "R", "c", "s", {"clean": image, "perturbed": image.astype(np.uint8), "reference": mask}, {"slice": 3}
    )
    store.put_picture("Q", "c", "s", {"clean": image}, {})

    (picture,) = store.pictures("R")
    assert picture.about == {"slice": 3}
    assert set(picture.arrays) == {"clean", "perturbed", "reference"}
    np.testing.assert_array_equal(picture.arrays["clean"], image)
    np.testing.assert_array_equal(picture.arrays["reference"], mask)
    assert picture.arrays["reference"].dtype == bool
    assert picture.arrays["perturbed"].dtype == np.uint8
    assert len(store.pictures()) == 2


def test_a_newer_picture_replaces_the_older_and_can_be_cleared(store: Store):
    for n in (1, 2):
        store.put_picture("R", "c", "s", {"clean": np.full((2, 2), n, dtype=np.uint8)}, {"slice": n})

    assert [p.about["slice"] for p in store.pictures("R")] == [2]
    store.clear_pictures("R")
    assert store.pictures("R") == []


def test_cost_sums_the_latest_word_of_each_process(store: Store):
    store.add_cost(process="gw0", forward_passes=1, forward_seconds=0.5, wall_seconds=1)
    store.add_cost(process="gw0", forward_passes=10, forward_seconds=2.5, wall_seconds=3)
    store.add_cost(process="gw1", forward_passes=5, forward_seconds=1, wall_seconds=2)

    cost = store.cost()
    assert (cost["forward_passes"], cost["forward_seconds"], cost["wall_seconds"]) == (15, 3.5, 5)
    assert [p["process"] for p in cost["processes"]] == ["gw0", "gw1"]


def test_events_are_kept_in_order_with_utc_time(store: Store):
    store.event("worker crashed", "gw1")
    store.event("resumed", "again")

    assert [(e["kind"], e["text"]) for e in store.events()] == [("worker crashed", "gw1"), ("resumed", "again")]
    assert all(e["time"].endswith("+00:00") for e in store.events())


def test_a_store_is_never_created_over_another(store: Store):
    with pytest.raises(EvidenceError, match=r"run\.sqlite: a run is stored here already"):
        Store.create(store.path, {})


def test_creating_leaves_one_file_and_ignores_the_log_of_a_deleted_store(tmp_path: Path):
    (tmp_path / "run.sqlite-wal").write_bytes(b"left of a store that somebody deleted")
    Store.create(tmp_path / "run.sqlite", {}).close()

    assert [file.name for file in tmp_path.iterdir()] == ["run.sqlite"]


def test_no_store_is_an_error_that_names_the_file(tmp_path: Path):
    with pytest.raises(EvidenceError, match=r"run\.sqlite: no run is stored here"):
        Store.open(tmp_path / "run.sqlite")


def test_a_file_that_is_not_sqlite_is_an_error(tmp_path: Path):
    path = tmp_path / "run.sqlite"
    path.write_text("not a database, but long enough to have the header of one" * 20)

    with pytest.raises(EvidenceError, match="not the store of a run"):
        Store.open(path)


def test_a_database_of_somebody_else_is_an_error(tmp_path: Path):
    path = tmp_path / "run.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE invoices (id)")
    connection.close()

    with pytest.raises(EvidenceError, match="an SQLite file, but not the store of a run"):
        Store.open(path)


def test_another_version_of_the_tables_is_an_error(store: Store):
    store.close()
    connection = sqlite3.connect(store.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(EvidenceError, match="version 99"):
        Store.open(store.path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(EvidenceError, match="cannot be written"):
        Store.create(tmp_path / "file" / "run.sqlite", {})


def test_the_store_imports_no_numpy():
    code = (
        "import pytest_segrobust.evidence.store, pytest_segrobust.evidence.report, sys; print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "change", [{"novelty": 1}, {"curve": [{"novelty": 1, "interval": [0, 1]}]}, {"gross_failures": {"novelty": 1}}, {"breaking_point": {"severity": 1}}]
)  # fmt: skip
def test_results_of_another_version_of_the_tool_are_refused_with_a_word(store: Store, change: dict):
    plain = RequirementResult("R", "s", "failed").to_json() | change
    store.put_result(RequirementResult("R", "s", "failed"))
    connection = sqlite3.connect(store.path)
    with connection:
        connection.execute("UPDATE result SET plain = ?", [json.dumps(plain)])
    connection.close()

    with pytest.raises(
        EvidenceError, match=r"run.sqlite: result R was written by another version of this tool .*; choose another"
    ):
        store.results()
