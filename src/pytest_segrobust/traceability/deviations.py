"""deviations.toml: what was decided about everything that did not simply pass, and who signs."""

from __future__ import annotations

import hashlib
import json
import tomllib
from typing import TYPE_CHECKING, Any

from pytest_segrobust.evidence.atomic_write import write_atomically
from pytest_segrobust.evidence.verdicts import WORDS

from .marked_toml import MarkedToml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_segrobust.evidence.records import RequirementResult

FILE_NAME = "deviations.toml"
ROLES = ("tester", "reviewer", "approver")
FILLED_IN = ("disposition", "impact", "owner", "date")
_KEYS = ("item", "kind", "requirement", "text", *FILLED_IN)
_SIGNATURE = ("run", "role", "name", "date", "meaning")
_RERUNS = ("resumed", "rerun")


def items_of(
    results: Iterable[RequirementResult], events: Iterable[Mapping[str, str]], run: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Everything of a run that wants a disposition, each with the `item` by which deviations.toml names it.

    The name is a hash of what happened and of the model, data and spec it happened with: another model's failure is
    another item, whatever was once decided about this one.
    """
    found: list[tuple[str, str | None, str]] = [
        (result.verdict, result.id, result.reason or WORDS[result.verdict])
        for result in results
        if result.verdict != "passed"
    ]
    for event in events:
        kind = "rerun" if event["kind"] in _RERUNS else "event"
        found.append((kind, None, event["text"] if kind == "rerun" else f"{event['kind']}: {event['text']}"))
    inputs = [
        sorted(str(spec.get("sha256")) for spec in run.get("specs") or []),
        list((run.get("model") or {}).get("sha256") or []),
        (run.get("data") or {}).get("sha256"),
    ]
    return [
        {"item": _named(kind, requirement, text, inputs), "kind": kind, "requirement": requirement, "text": text}
        for kind, requirement, text in dict.fromkeys(found)
    ]


def _named(kind: str, requirement: str | None, text: str, inputs: Sequence[Any]) -> str:
    said = json.dumps([kind, requirement, text, inputs], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def settle(
    items: Sequence[Mapping[str, Any]], path: Path | None, run_id: str
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The keys "deviations" and "sign_off" of a report: the items with what the file says of them, and its signatures.

    Signatures count for the run that they name. An item whose disposition is blank is open.
    Raises SpecError, one line, where the file is there and cannot be understood.
    """
    said: dict[str, dict[str, str]] = {}
    signatures: list[dict[str, str]] = []
    by_item = {str(item["item"]): item for item in items}
    if path is not None and path.is_file():
        file = MarkedToml(path)
        file.refuse_other_tables(("deviation", "sign_off"))
        said = dict(_dispositions(file, by_item))
        signatures = [row for row in _signatures(file) if row.pop("run") == run_id]
    settled = [
        {**item, **{key: said.get(str(item["item"]), {}).get(key) or None for key in FILLED_IN}} for item in items
    ]
    deviations = {
        "file": path.name if path is not None and path.is_file() else None,
        "items": settled,
        "open": sum(item["disposition"] is None for item in settled),
        "of_other_runs": sum(item not in by_item for item in said),
    }
    return deviations, signatures


def _dispositions(file: MarkedToml, items: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, str]]]:
    seen: dict[str, int] = {}
    for index, row in file.rows("deviation", _KEYS):
        name = row.get("item", "")
        if not name:
            raise file.error("deviation", index, "item", "is missing; `segrobust deviations DIR` writes it")
        if name in seen:
            raise file.error("deviation", index, "item", f"{name} stands twice, first in number {seen[name] + 1}")
        seen[name] = index
        item = items.get(name)
        if item is not None and row.get("requirement", item["requirement"] or "") != (item["requirement"] or ""):
            about = item["requirement"] or "no requirement"
            raise file.error(
                "deviation", index, "requirement", f"{name} is about {about}; correct the one or the other"
            )
        yield name, row


def _signatures(file: MarkedToml) -> Iterator[dict[str, str]]:
    for index, row in file.rows("sign_off", _SIGNATURE):
        if not row.get("run"):
            raise file.error("sign_off", index, "run", "is missing: a signature is of one run, by its run id")
        if row.get("role") not in ROLES:
            raise file.error(
                "sign_off", index, "role", f"must be one of {', '.join(ROLES)}, not '{row.get('role', '')}'"
            )
        yield {key: row.get(key, "") for key in _SIGNATURE}


def template(deviations: Mapping[str, Any], run_id: str, present: str) -> str:
    """The tables that are not in the text of deviations.toml yet, to be appended to it; "" where none is missing."""
    known = tomllib.loads(present)
    dealt_with = {table.get("item") for table in known.get("deviation", [])}
    signed = {table.get("role") for table in known.get("sign_off", []) if table.get("run") == run_id}
    blocks = [
        "\n".join(
            [
                "[[deviation]]",
                *(f"{key} = {_quoted(str(item[key]))}" for key in ("item", "kind", "requirement", "text") if item[key]),
                *(f'{key} = ""' for key in FILLED_IN),
            ]
        )
        for item in deviations["items"]
        if item["item"] not in dealt_with
    ]
    blocks += [
        f'[[sign_off]]\nrun = {_quoted(run_id)}\nrole = "{role}"\nname = ""\ndate = ""\nmeaning = ""'
        for role in ROLES
        if role not in signed
    ]
    return "".join(f"{block}\n\n" for block in blocks)


def append_template(path: Path, wanted: str) -> None:
    """Add tables to the end of a file, or begin it. EvidenceError where it cannot be written."""
    present = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
    write_atomically(path, (present.rstrip() + "\n\n" if present.strip() else "") + wanted.rstrip() + "\n")


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's, once nothing but printable text is left bare."""
    return json.dumps(text.replace("\x7f", " "), ensure_ascii=False)
