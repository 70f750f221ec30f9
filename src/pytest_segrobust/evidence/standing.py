"""What a run may be used as: a test run, the draft of a record, or the record itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROLES = ("tester", "reviewer", "approver")
_NAMED = 5

WORDS = {
    "test_run": "test run, not for record",
    "draft": "draft: not yet signed off",
    "final": "signed off",
}


def standing(report: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """The key "record" of a report: its state, and why.

    A test run is one whose requirements were not frozen or have changed, whose project differs from its last commit,
    that decided only a part, that was made on data that were trained on, or whose use ledger was edited. All others are
    drafts until every deviation has a disposition and the sign-off is filled.
    """
    why = [*_not_frozen(report), *_dirty(report, run), *_part(report, run), *_not_apart(report)]
    unread = list(_unread(run))
    if why:
        return {"state": "test_run", "why": [*why, *unread]}
    # without the file it would read as if nobody had signed
    why = unread or [*_open_deviations(report), *_unsigned(report.get("sign_off") or [])]
    return {"state": "draft" if why else "final", "why": why}


def _unread(run: Mapping[str, Any]) -> Iterator[str]:
    if fault := run.get("deviations_fault"):
        yield f"What was decided and signed could not be read: {fault}"


def _not_frozen(report: Mapping[str, Any]) -> Iterator[str]:
    frozen = report.get("freeze") or {}
    if not frozen:
        yield "Whether the requirements were frozen was not recorded."
    elif frozen.get("state") != "frozen":
        yield str(frozen.get("words") or "The requirements were not frozen.")


def _dirty(report: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[str]:
    git = (report.get("environment") or {}).get("git")
    if git is None:
        if names := run.get("python_requirements"):
            yield (
                f"{_names(names)} stand in Python tests, which no lock covers, and the project is under no version "
                "control: nothing tells that they were fixed before the run."
            )
        return
    if git.get("dirty") is None:
        yield "Whether the project's files differ from its last commit could not be told."
    elif git["dirty"]:
        yield "Files of the project differ from its last commit (git status)."


def _part(report: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[str]:
    status = report.get("status")
    selection = run.get("selection") or {}
    if deselected := selection.get("deselected"):
        yield f"Only a part was run: {_names(deselected)} deselected."
    if selected := selection.get("by"):
        yield f"Only a part was run: what {' and '.join(selected)} selected."
    unread = len(run.get("unread") or [])
    if unread:
        yield f"{unread} requirement file{'s' if unread > 1 else ''} could not be read."
    if status != "complete":
        missing = [entry["id"] for entry in report["requirements"] if entry["verdict"] == "not_run"]
        of_these = f": {_names(missing)} without a verdict" if missing else ""
        yield f"The run is {status}{of_these}."


def _not_apart(report: Mapping[str, Any]) -> Iterator[str]:
    """Test data that were trained on, and a ledger in which lines are missing or were edited."""
    independence, ledger = report.get("independence") or {}, report.get("use_ledger") or {}
    if independence.get("blocks"):
        yield str(independence["words"])
    if ledger.get("intact") is False:
        yield str(ledger["words"])


def _open_deviations(report: Mapping[str, Any]) -> Iterator[str]:
    deviations = report.get("deviations")
    if deviations is None:
        # a report without the list still owes a word on each of these
        count = sum(entry["verdict"] != "passed" for entry in report["requirements"]) + len(report["events"])
    else:
        count = int(deviations.get("open") or 0)
    if count:
        yield f"{count} deviation{'s have' if count > 1 else ' has'} no disposition."


def _unsigned(signatures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    filled = {
        signature.get("role")
        for signature in signatures
        if all(str(signature.get(key) or "").strip() for key in ("name", "date", "meaning"))
    }
    if missing := [role for role in ROLES if role not in filled]:
        yield f"Not signed off by the {_and(missing)}."


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
