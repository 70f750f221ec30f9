"""Write the table of results of a report into a README, between two comments. Evaluates nothing.

Usage: python results.py segrobust-report/report.json README.md [results|attacks]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pytest_segrobust.evidence import words
from pytest_segrobust.evidence.report import result_of
from pytest_segrobust.evidence.verdicts import WORDS

HEADINGS = ("id", "requirement", "estimate", "bounds", "limit", "verdict", "breaking point")


def table(report: dict[str, Any]) -> str:
    """Markdown: one row per requirement, and a line that says of which model, spec and data this is.

    The texts are those of the report itself, so that no number here is rounded to the other side of its limit.
    """
    rows = [HEADINGS, tuple("---" for _ in HEADINGS)]
    for entry in report["requirements"]:
        result = result_of(entry)
        verdict = WORDS[result.verdict]
        rows.append(
            (
                result.id,
                result.statement,
                words.with_unit(words.estimate(result), result.unit),
                words.interval(result),
                words.limit(result),
                verdict if verdict == "passed" else f"**{verdict}**",
                words.breaking_point(result.breaking_point) if verdict == "failed" else "–",
            )
        )
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([*lines, "", identification(report)])


def identification(report: dict[str, Any]) -> str:
    """How many volumes, which profile, model and spec: enough to tell whether a table is of these files."""
    models = ", ".join(f"`{digest[:12]}`" for digest in report["model"]["sha256"])
    return (
        f"{report['data']['n_cases']} volumes; profile {report['profile']}, seed {report['seed']}; run {report['status']}; "
        f"SHA-256 of the model {models}, of the spec `{str(report['spec']['sha256'])[:12]}`. "
        "Bounds are one-sided 95 % each."
    )


def replaced(text: str, new: str, block: str = "results") -> str:
    """The text with what stands between the two comments of a block replaced."""
    begin, end = f"<!-- {block} -->", f"<!-- /{block} -->"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"no place for results: the file needs {begin} and, after it, {end}")
    return f"{before}{begin}\n\n{new}\n\n{end}{after}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("readme", type=Path)
    parser.add_argument("block", nargs="?", default="results", help="which pair of comments in it")
    arguments = parser.parse_args()
    try:
        report = json.loads(arguments.report.read_text(encoding="utf-8"))
        text = replaced(arguments.readme.read_text(encoding="utf-8"), table(report), arguments.block)
    except (OSError, ValueError) as problem:
        sys.exit(f"results.py: {problem}")
    arguments.readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
