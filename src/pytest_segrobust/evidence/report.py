"""report.json: what a run says, by the names of the contract, rewritten after every item."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_segrobust import __version__

from . import strict_json
from .agreement import agreement
from .atomic_write import write_atomically
from .entries import Entries
from .home import without_home as _without_home
from .records import RequirementResult
from .standing import standing
from .verdicts import counts, overall

if TYPE_CHECKING:
    from .store import Store

Status = Literal["running", "complete", "incomplete", "interrupted"]
SCHEMA_VERSION = 1
FILE_NAME = "report.json"

# Keys that the run sets under the same name, see `schemas/report.schema.json`.
_KEPT = ("freeze", "deviations", "sign_off", "trace", "independence", "use_ledger", "provenance", "soup")

# The numbers of a result that may be infinite, written as text where they are.
_NUMBERS = frozenset(
    {"estimate", "interval", "two_sided", "limit", "severity", "strength", "upper_bound", "clean", "perturbed", "value"}
)

# What a run may say of itself beside the rest, taken over as it is: what was measured a second time, and whether the
# installation was qualified.
_OPTIONAL = ("repeatability", "qualification")


def build_report(store: Store, entries: Entries | None = None) -> dict[str, Any]:
    """The report of a store as strict JSON data, every declared requirement in it.

    `status` is what the run last said of itself, but "complete" only where every requirement has a verdict. `entries` are
    those of an earlier report, of which what has not changed is taken over.
    """
    run = store.run()
    command = run.get("command") or ""
    results = list(store.results().values())
    ending = _ending(run, results, store.events())
    independence = run.get("independence") or {}
    # what was measured on training data is no result, however well it looks
    pressing = [_without_home(independence["words"])] if independence.get("blocks") else []
    report = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "pytest-segrobust", "version": __version__},
        "run_id": run.get("run_id"),
        "status": ending["status"],
        "verdict": ending["verdict"],
        "verdicts": counts(result.verdict for result in results if result.gates),
        "stress_verdicts": counts(result.verdict for result in results if not result.gates),
        "started": run.get("started"),
        "finished": run.get("finished"),
        "command": _without_home(command if isinstance(command, str) else shlex.join(command)),
        "profile": run.get("profile"),
        "seed": run.get("seed"),
        "device": run.get("device"),
        "spec": _without_home({"sha256": None, **_mapping(run.get("spec"))}),
        "specs": [_without_home(_mapping(spec)) for spec in run.get("specs", [])],
        "model": _without_home({"sha256": [], **_mapping(run.get("model"))}),
        "data": _data(_mapping(run.get("data"))),
        "environment": _mapping(run.get("environment")),
        "cost": store.cost(),
        "warnings": [*pressing, *run.get("warnings", [])],
        "events": store.events(),
        **{key: run[key] for key in _OPTIONAL if run.get(key)},
        **({"comparison": _without_home(run["comparison"])} if run.get("comparison") else {}),
        "agreement": agreement(results, _mapping(run.get("data"))),
        "requirements": None,
        **_kept(run),
        "record": ending["record"],
    }
    plain: dict[str, Any] = strict_json.plain(report)
    plain["requirements"] = (Entries() if entries is None else entries).of(results)
    return plain


def ending_of(store: Store) -> dict[str, Any]:
    """The keys "status", "verdict", "record" and "freeze" of the report of a store, without building the rest of it."""
    ending: dict[str, Any] = strict_json.plain(_ending(store.run(), list(store.results().values()), store.events()))
    return ending


def _ending(
    run: Mapping[str, Any], results: Sequence[RequirementResult], events: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    status = _status(run, [result.verdict for result in results])
    verdict = overall([result.verdict for result in results if result.gates] or [r.verdict for r in results], status)
    if (run.get("independence") or {}).get("blocks") and verdict != "failed":
        verdict = "invalid"
    about = {
        **_kept(run),
        "environment": _mapping(run.get("environment")),
        "status": status,
        "events": events,
        "requirements": [{"id": result.id, "verdict": result.verdict} for result in results],
    }
    return {"status": status, "verdict": verdict, "record": standing(about, run), "freeze": about.get("freeze")}


def _status(run: Mapping[str, Any], verdicts: Sequence[str]) -> str:
    status: str = run.get("status", "running")
    return "incomplete" if status == "complete" and (not verdicts or "not_run" in verdicts) else status


def write_report(store: Store, directory: Path, *, status: Status, entries: Entries | None = None) -> Path:
    """Write `directory/report.json` and say where it is; the file on disk is a valid report at any moment.

    Processes that report on one store take turns, so that an older report never replaces a newer one. Who writes one
    report after another hands over the same `entries` each time.
    """
    from .companions import write_companions

    entries = Entries() if entries is None else entries
    with store.exclusive():
        store.set_run(status=status)
        report = build_report(store, entries)
        path = write_atomically(Path(directory) / FILE_NAME, entries.text(report))
        write_companions(report, Path(directory))
        return path


def result_of(entry: Mapping[str, Any]) -> RequirementResult:
    """The result that an entry of `requirements` in a report stands for."""
    return RequirementResult.from_json(_restored(dict(entry)))


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _numbers(v) if k in _NUMBERS else v if k == "parameters" else _restored(v) for k, v in value.items()}
    return [_restored(item) for item in value] if isinstance(value, list) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return strict_json.number(value) if isinstance(value, str) else value


def _kept(run: Mapping[str, Any]) -> dict[str, Any]:
    """What not every run has; a reader must not take an absent one for an empty one."""
    return {key: _without_home(run[key]) for key in _KEPT if run.get(key) is not None}


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _data(data: dict[str, Any]) -> dict[str, Any]:
    excluded = data.get("excluded") or []
    if isinstance(excluded, Mapping):
        excluded = [{"case": case, "reason": reason} for case, reason in excluded.items()]
    return {"n_cases": 0, "n_patients": 0, **data, "excluded": excluded}
