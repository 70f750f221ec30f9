"""Verify every family with the plugin, and write the table of the README: requirements down, families across.

python results.py --data Task04_Hippocampus                 # runs pytest once per family, reports under reports/
python results.py --table                                   # evaluates nothing: the table of reports that are there
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from specs import FAMILIES, FOLDER, weights

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.report import result_of
from pytest_segrobust.evidence.verdicts import WORDS

BEGIN, END = "<!-- results -->", "<!-- /results -->"


def verify(family: str, data: Path, reports: Path, options: list[str]) -> None:
    """Run the family's spec as a user would. Requirements that fail are results, anything else ends the script."""
    models = [f"--segrobust-model={path}" for path in weights(family)]
    places = [f"--segrobust-data={data.resolve()}", f"--segrobust-report={(reports / family).resolve()}"]
    command = [sys.executable, "-m", "pytest", f"{family}.segrobust.toml", "-q", "-p", "no:cacheprovider"]
    code = subprocess.run([*command, *models, *places, *options], cwd=FOLDER, check=False).returncode  # noqa: S603  own command
    if code not in (0, 1):
        sys.exit(f"results.py: pytest ended with {code} on {family}")


def table(reports: dict[str, dict[str, Any]]) -> str:
    """Markdown: a row per requirement, estimate and verdict per family, and a line on where this is from.

    The texts are those of the reports themselves, so that no number here is rounded to the other side of its limit.
    """
    found = {
        family: {entry["id"]: result_of(entry) for entry in report["requirements"]}
        for family, report in reports.items()
    }
    rows = [["requirement", *(family.replace("_", " ") for family in found)], ["---"] * (len(found) + 1)]
    for key, first in next(iter(found.values())).items():
        rows.append([f"{key}: {first.statement}", *(cell(results.get(key)) for results in found.values())])
    lines = [f"| {' | '.join(text.replace('|', chr(92) + '|') for text in row)} |" for row in rows]
    return "\n".join([*lines, "", *identification(reports)])


def cell(result: Any) -> str:
    """Estimate and verdict of one family."""
    if result is None:
        return "not run"
    verdict = WORDS[result.verdict]
    estimate = words.with_unit(words.estimate(result), result.unit if result.unit == "mm" else "")
    return f"{estimate} {verdict if verdict == 'passed' else f'**{verdict}**'}"


def identification(reports: dict[str, dict[str, Any]]) -> list[str]:
    """How many volumes, which profile and models: enough to tell whether a table is of these files."""
    lines = ["Estimates are of the worse structure at the worst point of the range."]
    for family, report in reports.items():
        models = ", ".join(f"`{digest[:8]}`" for digest in report["model"]["sha256"])
        lines.append(
            f"{family}: {report['data']['n_cases']} volumes, profile {report['profile']}, seed {report['seed']}, "
            f"run {report['status']}, models {models}, spec `{str(report['spec']['sha256'])[:8]}`."
        )
    return [f"{line}  " for line in lines]


def replaced(text: str, new: str) -> str:
    """The text with what stands between the two comments replaced."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"no place for results: the file needs {BEGIN} and, after it, {END}")
    return f"{before}{BEGIN}\n\n{new}\n\n{END}{after}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with imagesTs and labelsTs")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table of reports that are there")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--reports", type=Path, default=Path("reports"))
    parser.add_argument("--readme", type=Path, default=FOLDER / "README.md")
    arguments, options = parser.parse_known_args()  # what is not known here is pytest's, such as -n 2
    if not arguments.table:
        if arguments.data is None:
            parser.error("--data is needed to verify; --table writes the table alone")
        for family in arguments.families:
            verify(family, arguments.data, arguments.reports, options)
    try:
        reports = {
            family: json.loads((arguments.reports / family / "report.json").read_text(encoding="utf-8"))
            for family in arguments.families
        }
        text = replaced(arguments.readme.read_text(encoding="utf-8"), table(reports))
    except (OSError, ValueError) as problem:
        sys.exit(f"results.py: {problem}")
    arguments.readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
