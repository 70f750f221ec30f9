"""Properties for one importer at a time: its own names, and an id only where a tag has said one."""

from __future__ import annotations

import pytest

from pytest_segrobust.evidence.junit import properties
from pytest_segrobust.evidence.junit_profiles import profile_properties, suite_properties
from pytest_segrobust.evidence.records import RequirementResult
from pytest_segrobust.options import JUNIT_PROFILES

TAGGED = RequirementResult(
    "ROB-002",
    "DSC drop under gaussian noise\nwith sigma <= 0.1 is below 5 %",
    "inconclusive",
    measure="DSC drop",
    estimate=0.048,
    interval=(0.041, 0.0561),
    limit=0.05,
    comparison="below",
    n_patients=24,
    reason="[0.0410, 0.0561] contains the limit of 0.05",
    rationale="inter-reader DSC is 0.90",
    risks=["H-3", "H-7"],
    tags=["xray:CALC-7", "jira:CALC-3", "jira:CALC-4", "testrail:C123", "polarion:WI-42", "noise", "two words"],
)
BARE = RequirementResult("ROB-003", "s", "passed")
RUN = {"run_id": "5f0c1a7be2d4"}
COMMENT = "inconclusive: DSC drop 0.0480 [0.0410, 0.0561], limit below 0.05, 24 patients. [0.0410, 0.0561] contains the limit of 0.05"


def own(result: RequirementResult, profile: str) -> dict[str, str]:
    return {
        name: value for name, value in profile_properties(result, RUN, profile) if not name.startswith("segrobust.")
    }


@pytest.mark.parametrize("profile", JUNIT_PROFILES)
def test_every_profile_has_the_neutral_properties_first(profile: str):
    neutral = properties(TAGGED, RUN)

    assert profile_properties(TAGGED, RUN, profile)[: len(neutral)] == neutral
    assert all(type(value) is str for _, value in profile_properties(TAGGED, RUN, profile))


def test_generic_has_nothing_that_a_tool_takes_for_its_own():
    assert own(TAGGED, "generic") == {}


def test_xray_reads_key_summary_requirements_and_comment():
    assert own(TAGGED, "xray") == {
        "test_key": "CALC-7",
        "test_summary": "ROB-002: DSC drop under gaussian noise with sigma <= 0.1 is below 5 %",
        "test_description": "inter-reader DSC is 0.90",
        "requirements": "CALC-3,CALC-4",
        "tags": "noise,two_words",
        "testrun_comment": COMMENT,
    }


def test_testrail_reads_case_references_and_comment():
    assert own(TAGGED, "testrail") == {
        "test_id": "C123",
        "testrail_case_field": "refs:H-3,H-7",
        "testrail_result_comment": COMMENT,
    }


def test_polarion_reads_case_and_comment_and_once_the_run():
    assert own(TAGGED, "polarion") == {"polarion-testcase-id": "WI-42", "polarion-testcase-comment": COMMENT}
    found = dict(suite_properties(RUN, "polarion"))
    assert found["polarion-testrun-id"] == "segrobust-5f0c1a7be2d4"
    assert found["polarion-lookup-method"] == "id"
    assert all(suite_properties(RUN, profile) == [] for profile in JUNIT_PROFILES if profile != "polarion")


@pytest.mark.parametrize("profile", JUNIT_PROFILES)
def test_without_a_tag_there_is_no_id_that_an_importer_would_look_up(profile: str):
    found = own(BARE, profile)

    assert not {"test_id", "test_key", "requirements", "polarion-testcase-id"} & set(found)
    assert all(found.values()), "and nothing empty"


def test_no_profile_has_the_id_of_another():
    assert "test_id" not in own(TAGGED, "xray"), "a number there, a case such as C123 in TestRail"
    for profile, foreign in (("xray", "C123"), ("testrail", "CALC"), ("polarion", "C123")):
        assert foreign not in str(own(TAGGED, profile))
