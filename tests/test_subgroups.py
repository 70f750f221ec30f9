"""Subgroups from the table of cases to the report, as a user runs them."""

from __future__ import annotations

from click.testing import CliRunner

from pytest_segrobust.cli import main

CLAIMS = """
[[requirement]]
id = "EACH"
statement = "DSC drop under gaussian noise with sigma <= 0.1 is below 20 % for each scanner"

[[requirement]]
id = "ALL"
statement = "DSC is at least 0.9"
"""


def with_table(project, claims: str = CLAIMS, decision: str = "minimum_patients = 3") -> None:
    rows = [f"{i},images/patient_{i:02d}.nii.gz,labels/patient_{i:02d}.nii.gz,p{i},{'AB'[i % 2]}" for i in range(8)]
    (project.path / "cases.csv").write_text("id,image,label,patient,scanner\n" + "\n".join(rows))
    settings = f"""
[model]
classes = {{ disc = 1 }}
batch_size = 4

[data]
cases = "cases.csv"
intensity = {{ window = [0.0, 1.0] }}

[decision]
{decision}
"""
    project.spec(claims, settings)


def test_strata_are_decided_and_reported_in_a_run(project) -> None:
    with_table(project)
    result = project.run()

    result.assert_outcomes(passed=2)
    each, every = project.result("EACH"), project.result("ALL")
    assert [(s["stratum"], s["verdict"], s["n_patients"], s["decides"]) for s in each["strata"]] == [
        ("A", "passed", 4, True),
        ("B", "passed", 4, True),
    ]
    assert [(s["stratum"], s["decides"]) for s in every["strata"]] == [("A", False), ("B", False)]
    assert "By scanner" in (project.path / "segrobust-report" / "report.html").read_text(encoding="utf-8")


def test_strata_too_small_end_a_run_red_by_name(project) -> None:
    with_table(project, decision="minimum_patients = 5")
    result = project.run("-k", "EACH")

    assert result.ret == 1
    assert project.verdicts["EACH"] == "not_evaluable"
    assert "too few to say: 4 patients, 5 are needed" in project.result("EACH")["reason"]


def test_check_counts_the_patients_of_each_stratum_and_names_an_unknown_column(project) -> None:
    with_table(project)
    shown = CliRunner().invoke(main, ["check", str(project.path / "segrobust.toml")])
    assert shown.exit_code == 0, shown.output
    assert "scanner: A 4, B 4 patients" in shown.output

    with_table(project, CLAIMS.replace("each scanner", "each scaner"))
    shown = CliRunner().invoke(main, ["check", str(project.path / "segrobust.toml")])
    assert shown.exit_code == 1
    assert "[data] has no column scaner; did you mean scanner?" in shown.output
