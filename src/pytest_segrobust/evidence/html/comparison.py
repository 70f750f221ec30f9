"""comparison.html and comparison.json: models side by side, in one file that needs nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pytest_segrobust import __version__
from pytest_segrobust.evidence import strict_json, words
from pytest_segrobust.evidence.atomic_write import write_atomically
from pytest_segrobust.evidence.compared import MEANINGS
from pytest_segrobust.evidence.rounding import exact, interval_text, rounded
from pytest_segrobust.evidence.verdicts import WORDS

from .difference_curve import difference_curve
from .difference_forest import WIDTH, DifferenceRow, difference_row, place, scale_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_segrobust.evidence.compared import (
        ComparedRequirement,
        ComparisonReport,
        Difference,
        FailureChange,
        Shown,
    )

_TEMPLATES = Path(__file__).parent / "templates"
_UNIT = re.compile(r"(?<=\d) (?=%|mm|dB|deg|HU)")
_CLASSES: dict[Shown, str] = {"non-inferior": "passed", "worse": "failed", "open": "inconclusive"}
_NAMED_FAILURES = 20


def write_comparison(report: ComparisonReport, directory: Path) -> list[Path]:
    """Write comparison.json and comparison.html into a folder, and say where they are."""
    directory = Path(directory)
    return [
        write_atomically(directory / "comparison.json", strict_json.dumps(report.to_json())),
        write_atomically(directory / "comparison.html", render_comparison(report)),
    ]


def render_comparison(report: ComparisonReport) -> str:
    """The page; the same report gives the same text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(place=place, forest_width=WIDTH)
    # Safe to mark: the style sheets are files of this package.
    sheets = [(_TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "comparison.css", "print.css")]
    return environment.get_template("comparison.html.jinja").render(
        **_view(report),
        style=Markup("\n".join(sheets)),  # noqa: S704
    )


def _view(report: ComparisonReport) -> dict[str, Any]:
    others = report.runs[1:]
    shown: dict[Shown, int] = {
        name: sum(each.shown == name for each in report.requirements) for name in ("worse", "open", "non-inferior")
    }
    return {
        "report": report,
        "version": __version__,
        "several": len(others) > 1,
        "old": report.runs[0],
        "others": others,
        "decision": "passed"
        if report.non_inferior
        else "failed"
        if shown["worse"] or _fresh(report)
        else "inconclusive",
        "headline": _headline(report, shown),
        "overall": _overall(report),
        "counts": [(_CLASSES[name], count, name) for name, count in shown.items()],
        "meanings": [(_CLASSES[name], name, text) for name, text in MEANINGS.items()],
        "new_failures": _fresh(report),
        "repaired": _distinct(report, "repaired_failures"),
        "lost": sum(each.lost for each in report.requirements),
        "margin": " and ".join(words.with_unit(exact(value), unit) for unit, value in report.margins.items()),
        "requirements": [
            {**_requirement(number, each), "first": number == 1 or report.requirements[number - 2].run != each.run}
            for number, each in enumerate(report.requirements, 1)
        ],
        "verdict_words": WORDS,
    }


def _fresh(report: ComparisonReport) -> int:
    return _distinct(report, "new_failures")


def _distinct(report: ComparisonReport, kind: str) -> int:
    """How many cases, whatever the number of points, structures and requirements they fail at."""
    return len({(each.run, change.case) for each in report.requirements for change in getattr(each, kind)})


def _headline(report: ComparisonReport, shown: dict[Shown, int]) -> str:
    others = ", ".join(run.name for run in report.runs[1:])
    total = len(report.requirements)
    if not total:
        return "No requirement could be compared"
    if report.non_inferior:
        return f"{others}: non-inferior to {report.runs[0].name} at every point compared"
    if shown["worse"]:
        return f"{others}: worse than {report.runs[0].name} in {shown['worse']} of {total} comparisons"
    if _fresh(report):
        return f"{others}: new failures in {_fresh(report)} of {report.n_cases} cases"
    return f"{others}: not shown to be non-inferior to {report.runs[0].name}"


def _overall(report: ComparisonReport) -> str:
    if not report.margins:
        return "No margin was stated, so nothing but estimates is shown. No difference seen is not the same as none."
    return (
        "Same patients, same points, same noise. Differences are of the metric's score, paired per patient; positive is "
        "worse. To be non-inferior, every structure must be so at every point that both runs measured."
    )


def _requirement(number: int, each: ComparedRequirement) -> dict[str, Any]:
    scale = scale_of(each.differences, each.margin)
    deciding = each.deciding or next(iter(each.differences), None)
    return {
        "anchor": f"c{number}",
        "record": each,
        "class": _CLASSES[each.shown],
        "reason": each.reason[:1].upper() + each.reason[1:],
        "statement": _UNIT.sub("\u00a0", each.statement),
        "row": difference_row(deciding, scale) if deciding else DifferenceRow(),
        "deciding": None if deciding is None else _difference(deciding, each, scale),
        "differences": [_difference(found, each, scale) for found in each.differences],
        "curve": difference_curve(each, prefix=f"c{number}-curve"),
        "margin": "none" if each.margin is None else words.with_unit(exact(each.margin), each.unit),
        "scale": "" if each.margin is not None else words.with_unit(rounded(scale), each.unit),
        "alone": _alone(each),
        "differs": f"{each.differs} where the old run is worst"
        if each.differs
        else "no difference shown where the old run is worst",
        "estimates": f"{rounded(each.old_estimate)} → {rounded(each.new_estimate)}",
        "failures": [
            (title, rows[:_NAMED_FAILURES], max(0, len(rows) - _NAMED_FAILURES))
            for title, rows in (
                ("New gross failures", _by_case(each.new_failures)),
                ("Repaired gross failures", _by_case(each.repaired_failures)),
            )
            if rows
        ],
    }


def _by_case(changes: Sequence[FailureChange]) -> list[dict[str, str]]:
    """One row for each case, structure and kind of failure, with all its points."""
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for change in changes:
        rows.setdefault((change.case, change.patient, change.structure, change.failure), []).append(change.point)
    return [
        {"case": case, "patient": patient, "structure": structure, "failure": failure, "points": "; ".join(points)}
        for (case, patient, structure, failure), points in rows.items()
    ]


def _alone(each: ComparedRequirement) -> str:
    if each.named is None or each.shown == "open":
        return ""
    return "may be named alone (Holm)" if each.named else "not if it is named alone (Holm)"


def _difference(found: Difference, of: ComparedRequirement, scale: float) -> dict[str, Any]:
    return {
        "record": found,
        "class": _CLASSES[found.shown],
        "row": difference_row(found, scale),
        "old": rounded(found.old),
        "new": rounded(found.new),
        "value": rounded(found.estimate, beside=of.margin),
        "interval": interval_text(found.interval) + (f" {of.unit}" if of.unit and found.interval else ""),
    }
