"""The whole document as plain data: one page to decide by, then the sections in the order that reviewers read them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.html.view import short, view
from pytest_segrobust.evidence.verdicts import WORDS
from pytest_segrobust.evidence.watermark import record_state

from . import blocks, run_sections
from .characters import all_shown
from .requirement import requirement_blocks
from .results_table import forest_axis, results_table
from .standalone_svg import palette
from .template_drawings import verdict_shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_segrobust.evidence.picture import Picture

    from .blocks import Block, Figures

_MOST_OUTLINED = 60  # requirements that the table of contents names
_FIRST_PAGE_ROWS, _FIRST_PAGE_NOTES, _FIRST_PAGE_LIMITS = 9, 4, 3
_LONGEST = 260
_SIGNED = ("tester", "reviewer", "approver")


def document(report: Mapping[str, Any], pictures: Sequence[Picture], digest: str, figures: Figures) -> dict[str, Any]:
    """What the template sets; drawings go to `figures`. `digest` is the SHA-256 of report.json."""
    shown = view(report, pictures)
    record = record_state(report)
    for verdict, svg in verdict_shapes().items():
        figures.files[f"shape-{verdict}.svg"] = svg.encode("utf-8")
    plain: dict[str, Any] = all_shown(
        {
            "title": f"{shown['headline']} · segmentation robustness report",
            "date": _date(report),
            "run": str(report.get("run_id") or "not recorded"),
            "short": short(digest),
            "tool": f"{report['tool']['name']} {report['tool']['version']}",
            "watermark": record.watermark,
            "colours": palette(),
            "outline_depth": 2 if len(report["requirements"]) <= _MOST_OUTLINED else 1,
            "summary": _summary(report, shown, record.why, figures),
            "axis": figures.add(forest_axis()),
            "blocks": list(_sections(report, shown, digest, figures)),
        }
    )
    return plain


def _summary(
    report: Mapping[str, Any], shown: Mapping[str, Any], why: Sequence[str], figures: Figures
) -> dict[str, Any]:
    """The page to decide by."""
    pressing = sorted(shown["requirements"], key=lambda each: list(WORDS).index(each["result"].verdict))
    rows = results_table(pressing[:_FIRST_PAGE_ROWS], figures)
    notes = [*why, *shown["notes"]]
    left = len(notes) - _FIRST_PAGE_NOTES
    freeze = report.get("freeze") or {}
    return {
        "headline": shown["headline"],
        "decision": shown["decision"],
        "overall": shown["overall"],
        "counts": [[verdict, word, report["verdicts"][verdict]] for verdict, word in WORDS.items()],
        "stress": shown["stress"],
        "notes": [_cut(note) for note in notes[:_FIRST_PAGE_NOTES]]
        + ([f"and {left} more, at the end of the identification"] if left > 0 else []),
        "findings": [
            {
                "anchor": each["anchor"],
                "verdict": each["verdict"],
                "id": each["id"],
                "text": _finding(each),
            }
            for each in shown["findings"]
        ],
        "more_findings": shown["more_findings"],
        "tested": [
            ["requirements", short(report["spec"]["sha256"])],
            ["model", ", ".join(map(short, report["model"]["sha256"])) or "none"],
            ["data", short(report["data"].get("sha256"))],
            ["cases", f"{report['data']['n_cases']} of {report['data']['n_patients']} patients"],
            ["status", report["status"]],
            ["finished" if report.get("finished") else "started", run_sections.time(_end(report))],
        ],
        "frozen": str(freeze.get("words") or "Whether the requirements were frozen before the run: not recorded."),
        "table": rows,
        "more_rows": max(0, len(pressing) - _FIRST_PAGE_ROWS),
        "limits": [_cut(limit) for limit in shown["limits"][:_FIRST_PAGE_LIMITS]],
        "signed": [_signed(report, role) for role in _SIGNED],
    }


def _sections(report: Mapping[str, Any], shown: Mapping[str, Any], digest: str, figures: Figures) -> Iterator[Block]:
    record = record_state(report)
    yield from run_sections.identification(report, shown, digest, record.why)
    yield from run_sections.purpose(shown)
    yield from run_sections.trace(report)
    yield from run_sections.method(shown)
    yield from run_sections.data(report, shown)
    yield from run_sections.environment(report, shown)
    yield blocks.heading(1, "Results")
    yield blocks.paragraph(
        "Thick bar: the interval that decides, each bound one-sided. Thin line: two-sided 95 %. The scale runs from 0, the best "
        "value, to 1, the limit; the shaded left is the good side for every requirement.",
        "muted",
    )
    yield results_table(shown["requirements"], figures)
    yield blocks.heading(1, "Results by requirement")
    for each in shown["requirements"]:
        yield from requirement_blocks(each, figures)
    yield from run_sections.deviations(report)
    yield from run_sections.release(shown["release"])
    yield from run_sections.limits(shown)
    yield from run_sections.sign_off(report, digest)


def _finding(each: Mapping[str, str]) -> str:
    tier = f" ({each['tier']})" if each["tier"] else ""
    return f"{WORDS[each['verdict']]}{tier}: {_cut(each['text'])}"  # type: ignore[index]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rsplit(' ', 1)[0]} … (in full below)"


def _signed(report: Mapping[str, Any], role: str) -> list[str]:
    signed: list[dict[str, Any]] = report.get("sign_off") or []
    entry = next((each for each in signed if each.get("role") == role), {})
    return [role, str(entry.get("name") or ""), str(entry.get("date") or "")]


def _end(report: Mapping[str, Any]) -> str | None:
    return report.get("finished") or report.get("started")


def _date(report: Mapping[str, Any]) -> list[int]:
    """The document's date is the run's, so that the same report gives the same document; PDF/A cannot do without one."""
    try:
        found = datetime.fromisoformat(str(_end(report)))
    except ValueError:
        return [1970, 1, 1, 0, 0, 0]
    return [found.year, found.month, found.day, found.hour, found.minute, found.second]
