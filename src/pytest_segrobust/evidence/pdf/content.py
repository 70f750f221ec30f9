"""The whole document as plain data: one page to decide by, then the sections of the page in its own order."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.html import render_html
from pytest_segrobust.evidence.watermark import record_state

from .blocks import Typesetter, anchors_of
from .characters import all_shown
from .drawings import Drawings
from .page_tree import read_page
from .standalone_svg import palette

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_segrobust.evidence.picture import Picture

    from .blocks import Block
    from .page_tree import Element

_MOST_OUTLINED = 60  # requirements that the table of contents names
_FIRST_PAGE_ROWS, _FIRST_PAGE_TALL_ROWS = 12, 7  # tall ones have the statement too
_FIRST_PAGE_WORDS, _WORDS_OF_A_ROW = (
    700,
    150,
)  # characters of notes and findings beside that many rows; each row less makes room for more
_LEAST_ROWS = 3
_SIGNED = ("tester", "reviewer", "approver")


def document(
    report: Mapping[str, Any], pictures: Sequence[Picture], digest: str
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the template sets, and the drawings by file name. `digest` is the SHA-256 of report.json."""
    page = read_page(render_html(report, pictures))
    drawings = Drawings(page.marks)
    setter = Typesetter(drawings, anchors_of(page.body))
    record = record_state(report)
    front = _without_banner(next(each for each in page.body.elements() if each.tag == "header"))
    main = next(each for each in page.body.elements() if each.tag == "main")
    title = front.first("h1")
    plain: dict[str, Any] = all_shown(
        {
            "title": f"{title.text() if title else 'no verdict'} · segmentation robustness report",
            "date": _date(report),
            "run": str(report.get("run_id") or "not recorded"),
            "short": digest[:12],
            "digest": digest,
            "tool": f"{report['tool']['name']} {report['tool']['version']}",
            "watermark": record.watermark,
            "why": [[{"text": text}] for text in record.why],
            "colours": palette(),
            "outline_depth": 2 if len(report["requirements"]) <= _MOST_OUTLINED else 1,
            "front": _front(setter, front, main, len(report["requirements"])),
            "signed": [_signed(report, role) for role in _SIGNED],
            "blocks": list(setter.blocks(main)),
        }
    )
    return plain, drawings.files


def _front(setter: Typesetter, front: Element, main: Element, requirements: int) -> list[Block]:
    """The first page: the page's own head, with the intervals on their limits, as far as there is room."""
    found = list(setter.blocks(front))
    if not any(block["kind"] == "table" for block in found):
        forest = next((each for each in main.all() if each.tag == "table" and "forest" in each.classes), None)
        found += [] if forest is None else setter.blocks(forest)
    words = sum(_characters(block["items"]) for block in found if block["kind"] == "items")
    fitted: list[Block] = []
    for block in found:
        if fitted and fitted[-1].get("cut") and block["kind"] == "paragraph":
            continue  # how many more there are was said of the page's own table, which is longer
        room = _room(block, words)
        if room and len(block["rows"]) > room:
            said = f"the most pressing; {requirements - room} more under Results"
            fitted.append({**block, "rows": _pressing_first(block["rows"])[:room]})
            fitted.append({"kind": "paragraph", "runs": [{"text": said}], "style": "muted", "cut": True})
        else:
            fitted.append(block)
    return fitted


def _characters(items: Sequence[Sequence[Mapping[str, Any]]]) -> int:
    return sum(len(str(run.get("text", ""))) for item in items for run in item)


def _room(block: Block, words: int) -> int:
    """How many rows of a table the first page has room for beside so many characters; 0 of what is no table."""
    if block["kind"] != "table":
        return 0
    tall = any("break" in run for row in block["rows"] for cell in row for run in cell.get("runs", []))
    given_up = max(0, -(-(words - _FIRST_PAGE_WORDS) // _WORDS_OF_A_ROW))
    return max(_LEAST_ROWS, (_FIRST_PAGE_TALL_ROWS if tall else _FIRST_PAGE_ROWS) - given_up)


def _pressing_first(rows: list[Any]) -> list[Any]:
    from pytest_segrobust.evidence.verdicts import WORDS

    def rank(row: Any) -> int:
        marks = [run["mark"] for cell in row for run in cell.get("runs", []) if run.get("mark") in WORDS]
        return list(WORDS).index(marks[0]) if marks else len(WORDS)

    return sorted(rows, key=rank)


def _without_banner(front: Element) -> Element:
    """The document says by itself, on every page, whether it stands for record."""
    kept = [each for each in front.children if isinstance(each, str) or "record" not in each.classes]
    return type(front)(front.tag, front.attributes, kept)


def _signed(report: Mapping[str, Any], role: str) -> list[str]:
    signed: list[dict[str, Any]] = report.get("sign_off") or []
    entry = next((each for each in signed if each.get("role") == role), {})
    return [role, str(entry.get("name") or ""), str(entry.get("date") or "")]


def _date(report: Mapping[str, Any]) -> list[int]:
    """The document's date is the run's, so that the same report gives the same document; PDF/A cannot do without one."""
    try:
        found = datetime.fromisoformat(str(report.get("finished") or report.get("started")))
    except ValueError:
        return [1970, 1, 1, 0, 0, 0]
    return [found.year, found.month, found.day, found.hour, found.minute, found.second]
