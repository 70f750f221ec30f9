"""The sections about the run as a whole: what it was, on what, by which rules, and what must be known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.html.explained import part

from . import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .blocks import Block

_NOT_RECORDED = "not recorded"
_STEPS = (
    (
        "Search: corners of the stated range, an even spread, drawn points and a Gaussian process look for the worst "
        "parameters on a few patients."
    ),
    (
        "Decision: the worst points found, the corners and the points of the degradation curve are measured on all patients; "
        "only these decide. The worst point is measured once more under fresh noise."
    ),
    (
        "Interval: each patient gives one number, and the deciding interval is made of two one-sided bounds. The verdict comes "
        "from the interval, never from the estimate."
    ),
    (
        "Failures: a case that crashed, gave no number, had another shape or lost a structure counts with the worst value and "
        "stays in n."
    ),
)


def identification(
    report: Mapping[str, Any], shown: Mapping[str, Any], digest: str, why: Sequence[str]
) -> Iterator[Block]:
    """What tells this run, its inputs and this document from every other; then the notes, all of them."""
    provenance = part(report, "provenance")
    freeze = part(report, "freeze")
    lock = part(provenance, "lock_file")
    yield blocks.heading(1, "Identification")
    rows = [*shown["identification"], ("report SHA-256", digest)]
    rows += [
        (f"{each.get('what', 'code')} SHA-256 ({each.get('name', '–')})", str(each.get("sha256") or "none"))
        for each in provenance.get("code") or []
    ]
    if lock:
        rows.append((f"lock file SHA-256 ({lock.get('name', '–')})", str(lock.get("sha256") or "none")))
    yield blocks.facts(rows)
    yield blocks.heading(2, "Requirements frozen")
    if not freeze:
        yield blocks.paragraph(f"Whether the requirements were frozen before the run: {_NOT_RECORDED}.")
    else:
        yield blocks.paragraph(str(freeze.get("words") or f"State: {freeze.get('state', _NOT_RECORDED)}."))
        names = (
            ("lock", "lock"),
            ("SHA-256 in the lock", "sha256"),
            ("frozen at", "frozen_at"),
            ("approver", "approver"),
        )
        yield blocks.facts((name, str(freeze[key])) for name, key in names if freeze.get(key))
        for each in freeze.get("amendments") or []:
            yield blocks.paragraph(
                f"Amended {time(each.get('time'))} by {each.get('approver') or _NOT_RECORDED}: {each.get('reason') or 'no reason given'}"
            )
            if each.get("diff"):
                yield blocks.code("Change", "\n".join(map(str, each["diff"])))
    notes = [*why, *shown["notes"]]
    if notes:
        yield blocks.heading(2, "Notes on this run")
        yield blocks.items(notes, "warning")


def purpose(shown: Mapping[str, Any]) -> Iterator[Block]:
    """What the document claims, and its words."""
    yield blocks.heading(1, "Purpose and reading")
    yield blocks.paragraph(
        "This report says for each requirement whether the data show that it is met. It speaks of the model, the data, the "
        "perturbations and the ranges that are named in it, and of nothing else."
    )
    yield blocks.table(
        ("Verdict", "Meaning"),
        [[blocks.badge(verdict, shown["words"][verdict]), meaning] for verdict, meaning in shown["meanings"].items()],
        ("auto", "1"),
    )


def trace(report: Mapping[str, Any]) -> Iterator[Block]:
    """From hazard to verdict, and what has no other end."""
    found = part(report, "trace")
    yield blocks.heading(1, "Trace matrix")
    if not found:
        yield blocks.paragraph(
            f"Hazards and controls: {_NOT_RECORDED}. Risks named by requirements stand with each of them."
        )
        return
    names = {entry["id"]: entry["verdict"] for entry in report["requirements"]}
    words = {verdict: verdict.replace("_", " ") for verdict in names.values()}
    rows = []
    for row in found.get("rows") or []:
        verdict = str(row.get("verdict") or "")
        cell = blocks.badge(verdict, words[verdict]) if verdict in words else verdict or "–"
        columns = [str(row.get(key) or "–") for key in ("risk", "hazard", "control", "requirement", "test")]
        rows.append([*columns, cell])
    if rows:
        heads = ("Risk", "Hazard", "Control", "Requirement", "Test", "Verdict")
        yield blocks.table(heads, rows, ("auto", "2", "2", "auto", "2", "auto"))
    orphans = part(found, "orphans")
    names_of = (
        ("risks", "risks without a requirement"),
        ("requirements", "requirements without a risk"),
        ("unknown_risks", "risks that the risk file does not know"),
        ("tests", "tests without a requirement"),
    )
    yield blocks.facts((words_of, ", ".join(map(str, orphans.get(key) or [])) or "none") for key, words_of in names_of)


def method(shown: Mapping[str, Any]) -> Iterator[Block]:
    """How a verdict is made, and the intervals that were used."""
    yield blocks.heading(1, "Method")
    yield blocks.items(_STEPS)
    methods = list(dict.fromkeys(each["result"].method for each in shown["requirements"] if each["result"].method))
    if methods:
        yield blocks.facts((f"interval {number}", text) for number, text in enumerate(methods, 1))


def data(report: Mapping[str, Any], shown: Mapping[str, Any]) -> Iterator[Block]:
    """Every case accounted for, and what is known of their independence."""
    flow = shown["flow"]
    yield blocks.heading(1, "Data")
    yield {
        "kind": "flow",
        "steps": [
            f"{flow['enrolled']} cases enrolled",
            f"{len(flow['excluded'])} excluded",
            f"{flow['evaluated']} evaluated, of {flow['patients']} patients",
        ],
    }
    if flow["excluded"]:
        rows = [[str(each["case"]), str(each["reason"])] for each in flow["excluded"]]
        yield blocks.table(("Excluded case", "Reason"), rows, ("auto", "1"))
    independence, ledger = part(report, "independence"), part(report, "use_ledger")
    yield blocks.facts(
        (
            ("train and test", str(independence.get("words") or f"independence: {_NOT_RECORDED}")),
            ("uses of this test set", str(ledger.get("words") or _NOT_RECORDED)),
        )
    )
    findings = independence.get("findings") or []
    if findings:
        rows = [
            [str(each.get(key) or "–") for key in ("test_case", "train_case", "how", "distance")] for each in findings
        ]
        yield blocks.table(("Test case", "Training case", "How", "Distance"), rows, ("1", "1", "auto", "auto"))


def environment(report: Mapping[str, Any], shown: Mapping[str, Any]) -> Iterator[Block]:
    """The machine and the software, and the list of software of unknown provenance."""
    yield blocks.heading(1, "Environment and software")
    yield blocks.facts(shown["environment"] or [("environment", _NOT_RECORDED)])
    yield blocks.heading(2, "Software of unknown provenance (SOUP)")
    soup = report.get("soup") or []
    if not soup:
        yield blocks.paragraph(f"List of packages with licences: {_NOT_RECORDED}.")
        return
    rows = [[str(each.get(key) or "–") for key in ("name", "version", "license")] for each in soup]
    yield blocks.table(("Package", "Version", "Licence"), rows, ("1", "auto", "2"))


def deviations(report: Mapping[str, Any]) -> Iterator[Block]:
    """What did not go as planned, and what was decided about it."""
    yield blocks.heading(1, "Anomalies, deviations and events")
    found = part(report, "deviations")
    if found.get("items"):
        open_count = int(found.get("open") or 0)
        yield blocks.paragraph(
            f"Without a disposition: {open_count}." if open_count else "Every item has a disposition."
        )
        keys = ("kind", "requirement", "text", "disposition", "impact", "owner", "date")
        rows = [
            [str(each.get(key) or "–").replace("_", " " if key == "kind" else "_") for key in keys]
            for each in found["items"]
        ]
        heads = ("Kind", "Requirement", "What", "Disposition", "Impact", "Owner", "Date")
        yield blocks.table(heads, rows, ("auto", "auto", "3", "2", "1", "auto", "auto"))
    elif not found:
        yield blocks.paragraph(f"Dispositions: {_NOT_RECORDED}.")
    yield blocks.heading(2, "Events of the run")
    if report["events"]:
        rows = [[time(each["time"]), str(each["kind"]), str(each["text"])] for each in report["events"]]
        yield blocks.table(("Time", "Kind", "What happened"), rows, ("auto", "auto", "1"))
    else:
        yield blocks.paragraph("None were recorded.")


def release(shown: Mapping[str, Any] | None) -> Iterator[Block]:
    """The comparison with the release, where one was asked for."""
    if shown is None:
        return
    yield blocks.heading(1, "Compared with the release")
    yield blocks.paragraph(f"{shown['words']}.", "statement")
    if shown["rows"]:
        yield blocks.paragraph(
            "Same patients, same points, same noise. Differences are paired per patient; positive is worse. The largest of each "
            "requirement, with both one-sided bounds.",
            "muted",
        )
        rows = [
            [
                row["id"],
                blocks.badge(row["class"], row["shown"]),
                f"{row['metric']}: {row['difference']}" + (f", {row['at']}" if row["at"] else ""),
                row["margin"],
                row["verdict"],
                row["failures"],
            ]
            for row in shown["rows"]
        ]
        heads = ("Requirement", "Shown", "Difference [L, U]", "Margin", "Verdict", "New failures")
        yield blocks.table(heads, rows, ("auto", "auto", "2", "auto", "auto", "1"))
    texts = [f"{each['id']} was not compared: {each['why']}" for each in shown["unmatched"]]
    if texts or shown["notes"]:
        yield blocks.items([*texts, *map(str, shown["notes"])])


def limits(shown: Mapping[str, Any]) -> Iterator[Block]:
    """What nobody may read out of the report."""
    yield blocks.heading(1, "What this report does not show")
    yield blocks.items(shown["limits"])


def sign_off(report: Mapping[str, Any], digest: str) -> Iterator[Block]:
    """Who stands for it: filled in from the report, or room for ink."""
    yield blocks.heading(1, "Conclusion and sign-off")
    yield blocks.paragraph(f"This sign-off is of the report with the SHA-256 {digest}.", "lead")
    entries: list[dict[str, Any]] = report.get("sign_off") or []
    rows = []
    for role in ("tester", "reviewer", "approver"):
        entry = next((each for each in entries if each.get("role") == role), {})
        rows.append([role, *(str(entry.get(key) or "") for key in ("name", "date", "meaning")), ""])
    yield {
        **blocks.table(("Role", "Name", "Date", "Meaning", "Signature"), rows, ("auto", "2", "auto", "2", "2")),
        "form": True,
    }
    yield blocks.paragraph(
        "Space for ink, or for the record of a quality system. It is not an electronic signature.", "muted"
    )


def time(text: Any) -> str:
    """A time of the report for readers: `2026-03-02 09:26:41 UTC`."""
    return str(text or "–").replace("T", " ").replace("+00:00", " UTC")
