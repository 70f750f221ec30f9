"""What the templates show of a report, section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.report import result_of
from pytest_segrobust.evidence.verdicts import MEANINGS, WORDS

from .anchors import anchors_of
from .contents import BY_ANCHOR, SECTIONS
from .release import release_part
from .sections.agreement import agreement
from .sections.clauses import clauses
from .sections.data import data
from .sections.deviations import deviations
from .sections.environment import environment, soup
from .sections.gallery import gallery
from .sections.identification import amendments, identification, report_sha256
from .sections.limits import limits, untested
from .sections.method import method
from .sections.qualification import qualification
from .sections.repeatability import repeatability
from .sections.requirement import requirement
from .sections.scope import scope
from .sections.sign_off import sign_off
from .sections.subgroups import subgroups
from .sections.summary import pressing_first, summary
from .sections.trace import trace
from .sections.uncertainty import uncertainty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.picture import Picture

MOST_DRAWN = 40
"""Requirements with all their figures, the most pressing first; of more, each has one small curve and its numbers."""

# What every format of the report begins with.
_FIRST_PAGE = ("headline", "decision", "overall", "stress", "notes", "findings", "more_findings")


def view(report: Mapping[str, Any], pictures: Sequence[Picture], digest: str | None = None) -> dict[str, Any]:
    """What a page or a document shows of a report; `digest` is the SHA-256 of report.json, where it is known already."""
    digest = digest or report_sha256(report)
    results = [result_of(entry) for entry in report["requirements"]]
    anchors = anchors_of(results)
    # In the order of the report, whichever worker was the first to put its own.
    order = {result.id: position for position, result in enumerate(results)}
    pictures = sorted(pictures, key=lambda picture: order.get(picture.requirement, len(order)))
    drawn = {result.id for result in pressing_first(results)[:MOST_DRAWN]}
    gallery_part = gallery(results, pictures, anchors)
    first_page, accounted = summary(report, results), data(report, results)
    own_pictures = {each["id"]: each["pictures"] for each in gallery_part["requirements"]}
    return {
        "report": report,
        "report_sha256": digest,
        "words": WORDS,
        "meanings": MEANINGS,
        "contents": SECTIONS,
        "section": BY_ANCHOR,
        "summary": first_page,
        **{key: first_page[key] for key in _FIRST_PAGE},
        "identification": identification(report, digest),
        "amendments": amendments(report),
        "scope": scope(results, anchors),
        "trace": trace(report, results, anchors),
        "method": method(results, pictures, anchors),
        "data_part": accounted,
        "flow": accounted,
        "environment": environment(report),
        "soup": soup(report),
        "requirements": [
            {**requirement(r, anchors[r.id], drawn=r.id in drawn), "pictures": own_pictures.get(r.id, [])}
            for r in results
        ],
        "undrawn": max(0, len(results) - MOST_DRAWN),
        "most_drawn": MOST_DRAWN,
        "agreement": agreement(report, results, anchors),
        "uncertainty": uncertainty(report, results, anchors),
        "subgroups": subgroups(results, anchors),
        "repeatability": repeatability(report),
        "gallery": gallery_part,
        "in_gallery": {each["id"] for each in gallery_part["requirements"]},
        "deviations": deviations(report, results, anchors),
        "release": release_part(report),
        "limits": limits(results),
        "untested": untested(results),
        "qualification": qualification(report),
        "sign_off": sign_off(report),
        "clauses": clauses(),
    }


def short(digest: str | None) -> str:
    """The first twelve digits of a hash, enough to tell two apart by eye."""
    return digest[:12] if digest else "none"
