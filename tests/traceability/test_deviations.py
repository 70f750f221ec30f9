"""Deviations: what wants a word, and whose word counts for which run."""

import tomllib
from dataclasses import replace

import pytest

from pytest_segrobust.errors import SpecError
from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.evidence.verdicts import WORDS
from pytest_segrobust.traceability.deviations import FILLED_IN, append_template, items_of, settle, template

RUN = {"run_id": "r1", "specs": [{"sha256": "s"}], "model": {"sha256": ["m"]}, "data": {"sha256": "d"}}
FAILED = RequirementResult("ROB-1", "one", "failed", reason='0.4 is not below "0.05"')
EVENTS = [
    {"kind": "resumed", "text": "took over", "time": "t"},
    {"kind": "worker crashed", "text": "boom", "time": "t"},
]


def items(results=(FAILED,), events=EVENTS, run=RUN):
    return items_of(results, events, run)


def test_everything_but_a_pass_wants_a_disposition():
    results = [RequirementResult(verdict, "s", verdict) for verdict in WORDS]

    assert [item["requirement"] for item in items(results, [])] == [verdict for verdict in WORDS if verdict != "passed"]
    assert [item["kind"] for item in items()] == ["failed", "rerun", "event"]


def test_a_disposition_is_of_this_failure_of_this_model_on_these_data():
    names = {items()[0]["item"]}
    others = [
        items(run={**RUN, "model": {"sha256": ["m2"]}}),
        items(run={**RUN, "data": {"sha256": "d2"}}),
        items(run={**RUN, "specs": [{"sha256": "s2"}]}),
        items([replace(FAILED, reason="0.5 is not below 0.05")]),
        items([replace(FAILED, verdict="inconclusive")]),
    ]
    names |= {other[0]["item"] for other in others}

    assert len(names) == 6
    assert items(run={**RUN, "run_id": "r2"}) == items()


def fill(path, **said):
    text = path.read_text(encoding="utf-8")
    for key, value in said.items():
        text = text.replace(f'{key} = ""', f'{key} = "{value}"')
    path.write_text(text, encoding="utf-8")


def test_the_template_filled_in_closes_every_item_and_signs(tmp_path):
    path = tmp_path / "deviations.toml"
    open_ones, _ = settle(items(), path, "r1")
    append_template(path, template(open_ones, "r1", ""))

    assert settle(items(), path, "r1")[0]["open"] == 3
    fill(path, disposition="accepted", name="A. B.", date="2026-01-02", meaning="approved")
    deviations, signatures = settle(items(), path, "r1")

    assert deviations["open"] == 0
    assert deviations["file"] == "deviations.toml"
    assert {item["disposition"] for item in deviations["items"]} == {"accepted"}
    assert [s["role"] for s in signatures] == ["tester", "reviewer", "approver"]
    assert signatures[0] == {"role": "tester", "name": "A. B.", "date": "2026-01-02", "meaning": "approved"}


def test_a_signature_of_another_run_signs_nothing(tmp_path):
    path = tmp_path / "deviations.toml"
    append_template(path, template(settle(items(), path, "r1")[0], "r1", ""))
    fill(path, name="A. B.", date="2026-01-02", meaning="approved", disposition="accepted")

    deviations, signatures = settle(items(), path, "r2")

    assert signatures == []
    assert deviations["open"] == 0  # the same failure of the same model


def test_another_models_failure_is_open_again_and_the_file_keeps_what_it_has(tmp_path):
    path = tmp_path / "deviations.toml"
    append_template(path, template(settle(items(), path, "r1")[0], "r1", ""))
    fill(path, disposition="accepted")
    others = items(run={**RUN, "model": {"sha256": ["m2"]}})

    deviations, _ = settle(others, path, "r2")
    assert deviations["open"] == 3
    assert deviations["of_other_runs"] == 3

    before = path.read_text(encoding="utf-8")
    append_template(path, template(deviations, "r2", before))
    after = path.read_text(encoding="utf-8")
    assert after.startswith(before.rstrip())
    assert len(tomllib.loads(after)["deviation"]) == 6
    assert template(deviations, "r2", after) == ""


def test_blank_is_open(tmp_path):
    path = tmp_path / "deviations.toml"
    append_template(path, template(settle(items(), path, "r1")[0], "r1", ""))
    fill(path, disposition="   ")

    assert settle(items(), path, "r1")[0]["open"] == 3


def test_texts_of_any_kind_survive_the_template(tmp_path):
    path = tmp_path / "deviations.toml"
    strange = replace(FAILED, reason='a "b" \\ c\nd\t\x7f é 日本')
    append_template(path, template(settle(items([strange], []), path, "r1")[0], "r1", ""))

    assert settle(items([strange], []), path, "r1")[0]["of_other_runs"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[deviation]]\nitem = "x"\ndispositon = "y"\n', "deviations.toml:3: [[deviation]] number 1, dispositon: unknown key"),
        ('[[deviation]]\ndisposition = "y"\n', "deviations.toml:1: [[deviation]] number 1, item: is missing"),
        ('[[deviation]]\nitem = "x"\n\n[[deviation]]\nitem = "x"\n', "deviations.toml:5: [[deviation]] number 2, item: x stands twice"),
        ('[[sign_off]]\nrole = "tester"\n', "deviations.toml:1: [[sign_off]] number 1, run: is missing"),
        ('[[sign_off]]\nrun = "r1"\nrole = "boss"\n', "deviations.toml:3: [[sign_off]] number 1, role: must be one of"),
        ("[[deviation]]\nitem = 3\n", "deviations.toml:2: [[deviation]] number 1, item: must be a text"),
        ('[deviation]\nitem = "x"\n', "deviations.toml:1: deviation: write [[deviation]]"),
        ('[[deviations]]\nitem = "x"\n', "deviations.toml:1: deviations: means nothing here"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_file_line_and_key(tmp_path, text, said):
    path = tmp_path / "deviations.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(SpecError) as caught:
        settle(items(), path, "r1")

    assert str(caught.value).startswith(said)


def test_a_disposition_under_another_requirement_is_a_mistake(tmp_path):
    path = tmp_path / "deviations.toml"
    path.write_text(f'[[deviation]]\nitem = "{items()[0]["item"]}"\nrequirement = "ROB-9"\n', encoding="utf-8")

    with pytest.raises(SpecError, match=r"requirement: .* is about ROB-1"):
        settle(items(), path, "r1")


def test_a_date_may_stand_bare(tmp_path):
    path = tmp_path / "deviations.toml"
    path.write_text(
        f'[[deviation]]\nitem = "{items()[0]["item"]}"\ndisposition = "ok"\ndate = 2026-01-02\n', encoding="utf-8"
    )

    assert settle(items(), path, "r1")[0]["items"][0]["date"] == "2026-01-02"
    assert set(FILLED_IN) <= set(settle(items(), path, "r1")[0]["items"][0])
