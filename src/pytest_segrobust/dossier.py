"""What a run says besides its verdicts: its trace, its deviations, whether its data are apart from training, and uses."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import SegrobustError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .datasets.dataset import Dataset
    from .evidence.store import Store
    from .requirements.spec import Spec

_EVENT = "use ledger"


def risks_of(spec: Spec) -> list[dict[str, Any]]:
    """The risks that [trace] names, as plain data. SpecError, one line, where the file cannot be understood."""
    if spec.trace.risks is None:
        return []
    from .traceability.risks import read_risks

    return [risk.to_json() for risk in read_risks(spec.path.parent / spec.trace.risks)]


def foreseen(spec: Spec, dataset: Dataset) -> Iterator[str]:
    """What hangs loose and whether test and training data are apart, before anything runs, in lines for a terminal.

    Requirements in Python are not known yet.
    """
    from .evidence.records import RequirementResult
    from .traceability.matrix import trace

    if spec.trace.risks is not None:
        planned = [RequirementResult(r.id, r.statement, "not_run", risks=list(r.risks)) for r in spec.requirements]
        yield f"risks: {trace(planned, risks_of(spec), file=spec.trace.risks)['words']}"
    if spec.data.train is not None:
        from .datasets.independence import independence

        yield f"independence: {independence(dataset)['words']}"


def keep_use(store: Store, dataset: Dataset, files: Mapping[str, Mapping[str, str]]) -> None:
    """Say in the store which images this run asks: 16 hex digits of a hash of each, whatever their labels are."""
    images = [list(files[case.id].values())[: len(case.images)] for case in dataset.cases]  # a label comes last
    store.set_run(use_cases=sorted(hashlib.sha256("".join(hashes).encode()).hexdigest()[:16] for hashes in images))


def keep_independence(store: Store, dataset: Dataset) -> None:
    """Compare test and training data once in a run, in the process that is first to hold the cases."""
    from .datasets.independence import independence

    with store.exclusive():
        if store.run().get("independence_by") is not None:
            return
        store.set_run(independence_by=os.getpid())
    store.set_run(independence=independence(dataset))


class Dossier:
    """On the controller alone: the ledger is written, and the trace and the deviations are drawn up, once for all workers."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._counted = False

    def count_use(self) -> None:
        """Enter this run into the use ledger, once its data are known; a ledger that cannot be written is an event."""
        run = self.store.run()
        if self._counted or not (run.get("data") or {}).get("sha256"):
            return
        self._counted = True
        from .evidence.use_ledger import append, counted, use_of

        use = use_of(run, cases=run.get("use_cases") or [], tool=__version__, resumed=bool(run.get("resumed")))
        path = _beside(run, "ledger")
        try:
            said = counted(append(path, use), use, file=path.name)
        except SegrobustError as error:
            self.store.event(_EVENT, str(error))
            return
        self.store.set_run(use=use, use_ledger=said)
        if not said["intact"]:
            self.store.event(_EVENT, said["words"])
        if said["earlier_verdicts"]:
            ended = ", ".join(str(verdict).replace("_", " ") for verdict in said["earlier_verdicts"][-5:])
            times = len(said["earlier_verdicts"])
            self.store.event(
                "rerun", f"this model was judged on these data {times} time{'s' * (times != 1)} before; ended: {ended}"
            )

    def complete(self, status: str) -> bool:
        """Draw up everything at the end of a run; whether something was found that must not end green."""
        from .evidence.report import ending_of

        self.store.set_run(status=status)
        self.count_use()
        run = self.store.run()
        if run.get("independence") is None and self._counted:
            from .datasets.independence import unchecked

            stopped = unchecked("not checked: the comparison with the training data did not come to its end")
            self.store.set_run(independence={**stopped, "blocks": True})
        self._close_use(run, status, ending_of(self.store)["verdict"])
        independence = self.store.run().get("independence") or {}
        if independence.get("findings") or independence.get("blocks"):
            self.store.event("independence", independence["words"])
        refresh(self.store)
        return bool(independence.get("blocks"))

    def _close_use(self, run: Mapping[str, Any], status: str, verdict: str) -> None:
        """The end of a use, so that later runs can say how this one ended."""
        use = run.get("use")
        if not use:
            return
        from .evidence.use_ledger import append, counted

        path = _beside(run, "ledger")
        try:
            ended = append(path, {"kind": "end", "run_id": use["run_id"], "status": status, "verdict": verdict})
        except SegrobustError as error:
            self.store.event(_EVENT, str(error))
            return
        self.store.set_run(use_ledger=counted(ended, use, file=path.name))

    def write_trace(self, directory: Path) -> None:
        """Write trace.csv into the report folder."""
        write_trace(self.store, directory)

    def lines(self) -> list[tuple[str, bool]]:
        """What the terminal says of all this, and whether it is pressing."""
        run = self.store.run()
        independence, trace, ledger = run.get("independence"), run.get("trace"), run.get("use_ledger")
        said: list[tuple[str, bool]] = []
        if independence is not None and independence["state"] != "disjoint":
            said.append((f"independence: {independence['words']}", bool(independence["blocks"])))
        if ledger is None and self._counted:
            said.append(("use ledger: this use could not be counted, see the events of the report", True))
        if ledger is not None and not ledger["intact"]:
            said.append((f"use ledger: {ledger['words']}", True))
        if trace is not None and (trace["orphans"]["unknown_risks"] or trace["orphans"]["risks"]):
            said.append((f"trace: {trace['words']}", False))
        if fault := run.get("deviations_fault"):
            said.append((fault, True))
        return said


def refresh(store: Store) -> str:
    """Draw up trace and deviations anew from the store and from deviations.toml as it is now.

    A deviations.toml that cannot be understood settles nothing: every item is open, and what comes back says why.
    """
    from .traceability.deviations import items_of, settle
    from .traceability.matrix import trace

    run = store.run()
    results = list(store.results().values())
    drawn = trace(
        results,
        run.get("risks") or [],
        file=(run.get("trace_settings") or {}).get("risks"),
        tests=run.get("nodes") or {},
        sources=run.get("sources") or {},
        unclaimed=run.get("unclaimed_tests") or [],
    )
    items = items_of(results, store.events(), run)
    path = _beside(run, "deviations")
    fault = ""
    try:
        deviations, signatures = settle(items, path, str(run.get("run_id")))
    except SegrobustError as error:
        fault = str(error)
        deviations, signatures = settle(items, None, "")
        deviations["file"] = path.name
    store.set_run(trace=drawn, deviations=deviations, sign_off=signatures, deviations_fault=fault)
    return fault


def write_trace(store: Store, directory: Path) -> None:
    """Write trace.csv into a folder, and anew what else lies there of the trace: it would speak of an earlier state."""
    from .evidence.home import without_home
    from .evidence.report import build_report
    from .traceability.exports import FORMATS, write_exports

    if (drawn := store.run().get("trace")) is None:
        return
    there = [form for form, files in FORMATS.items() if any((directory / name).exists() for name, _ in files)]
    # the table is made of the trace alone, the others of the whole report, which takes long to build of many cases
    report = {"trace": without_home(drawn)} if set(there) <= {"csv"} else build_report(store)
    write_exports(report["trace"], report, directory, ["csv", *there])


def deviations_path(run: Mapping[str, Any]) -> Path:
    """Where deviations.toml stands or would stand: what [trace] deviations says, in the spec's folder."""
    return _beside(run, "deviations")


def _beside(run: Mapping[str, Any], key: str) -> Path:
    """The file that [trace] names, in the spec's folder."""
    from .requirements.settings import TraceSettings

    named = (run.get("trace_settings") or {}).get(key) or getattr(TraceSettings(), key)
    spec = (run.get("spec") or {}).get("path")
    return (Path(spec).parent if spec else Path.cwd()) / str(named)
