"""Runs against the first of them: which requirements are the same claim, and what is shown of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import EvidenceError
from ..evidence.compared import ComparedRequirement, ComparisonReport, Unmatched
from ..requirements.sentence import render
from ..verification.multiplicity import holm
from .estimates import compared_estimates
from .measured import MeasuredClaim, claim_of, has_patient_values
from .opened import notes_on, opened, refuse_unlike, spec_of
from .paired import Paired, compared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..evidence.compared import Shown
    from ..evidence.records import RequirementResult, Verdict
    from ..requirements.spec import Spec
    from .opened import OpenedRun

_UNDECIDED = ("not_run", "invalid", "not_evaluable")


def compare(
    directories: Sequence[Path],
    *,
    margins: Mapping[str, float] | None = None,
    common: bool = False,
    spec: Path | None = None,
    measure: bool = False,
) -> ComparisonReport:
    """The runs of report folders, each against the first, paired per patient at the same points.

    `common`: requirements that both state in the same words, although the files differ. `spec`: the requirement file,
    where it lies elsewhere now. `measure`: points that one run alone has measured are measured with the other's model;
    nothing is written to the folders.

    Raises EvidenceError where data, seed, tool or requirements differ, or a folder holds no run.
    """
    margins = margins or {}
    with opened(directories) as runs:
        old, *others = runs
        if not others:
            raise EvidenceError("a comparison needs two report folders at the least, the old one first")
        for new in others:
            refuse_unlike(old, new, common=common)
        specs = spec_of(runs, spec)
        requirements: list[Paired | ComparedRequirement] = []
        unmatched: list[Unmatched] = []
        notes: list[str] = []
        for new in others:
            notes += notes_on(old, new)
            _compare_run(old, new, specs, margins, measure=measure, common=common, to=(requirements, unmatched))
        reports = _judged_together(requirements)
        notes += _lost(reports)
        notes += [words for each in requirements if isinstance(each, Paired) for words in each.small_sample]
        return ComparisonReport(
            runs=[run.described() for run in runs],
            margins=dict(margins),
            requirements=reports,
            unmatched=unmatched,
            notes=list(dict.fromkeys(notes)),
            n_patients=int(old.data.get("n_patients", 0)),
            n_cases=int(old.data.get("n_cases", 0)),
        )


def _compare_run(
    old: OpenedRun,
    new: OpenedRun,
    specs: Mapping[str, Spec],
    margins: Mapping[str, float],
    *,
    measure: bool,
    common: bool,
    to: tuple[list[Paired | ComparedRequirement], list[Unmatched]],
) -> None:
    requirements, unmatched = to
    spec = next(specs[digest] for run in (old, new) for digest in run.spec_hashes if digest in specs)
    _refuse_other_rules(old, new, specs)
    more = {}
    if measure:
        from .measuring import measuring

        more = {run.name: measuring(run, specs) for run in (old, new)}
    for name in dict.fromkeys([*old.results, *new.results]):
        before, after = old.results.get(name), new.results.get(name)
        why = _unlike(old, new, before, after, common=common)
        if why is not None:
            if why.why:
                unmatched.append(why)
            continue
        assert before is not None
        assert after is not None
        claim = claim_of(before)
        if claim is None or not has_patient_values(claim.measure):
            requirements.append(compared_estimates(new, before, after, margins, paired=claim is None))
            continue
        sides = [
            MeasuredClaim(run, result, claim, spec.decision, more[run.name](result) if more else None)
            for run, result in ((old, before), (new, after))
        ]
        broken = [f"{side.run.name}: {words}" for side in sides if (words := side.contradiction())]
        if broken:
            unmatched.append(Unmatched(new.name, name, before.statement, "; ".join(broken), counts=True))
            continue
        requirements.append(compared(sides[0], sides[1], margins, seed=int(old.run.get("seed") or 0)))


def _unlike(
    old: OpenedRun,
    new: OpenedRun,
    before: RequirementResult | None,
    after: RequirementResult | None,
    *,
    common: bool,
) -> Unmatched | None:
    """Why a requirement is not compared; `why` is "" where neither run decided it."""
    if before is None or after is None:
        there, lacking = (old, new) if after is None else (new, old)
        result = before or after
        assert result is not None
        return Unmatched(
            new.name, result.id, result.statement, f"{there.name} has it, {lacking.name} has not", counts=not common
        )
    if _words(before) != _words(after):
        words = f"it is another claim in {new.name}: {after.statement}"
        return Unmatched(new.name, before.id, before.statement, words, counts=not common)
    if before.confidence != after.confidence:
        words = f"its confidence differs ({before.confidence:g}, {after.confidence:g})"
        return Unmatched(new.name, before.id, before.statement, words, counts=not common)
    if before.verdict == after.verdict == "not_run":
        return Unmatched(new.name, before.id, before.statement, "", counts=False)
    undecided = [
        f"{result.verdict.replace('_', ' ')} in {run.name}{f' ({result.reason})' if result.reason else ''}"
        for run, result in ((old, before), (new, after))
        if result.verdict in _UNDECIDED and result.worst is None
    ]
    if undecided:
        return Unmatched(new.name, before.id, before.statement, "; ".join(undecided), counts=True)
    return None


def _words(result: RequirementResult) -> str:
    """The claim in canonical words; of a test in Python its own text, with what it compared."""
    claim = claim_of(result)
    if claim is not None:
        return render(claim)
    return "\n".join((result.statement, result.measure, result.comparison, str(result.limit)))


def _refuse_other_rules(old: OpenedRun, new: OpenedRun, specs: Mapping[str, Spec]) -> None:
    """Raise EvidenceError where two requirement files, both at hand, decide or attack by other rules."""
    sides = [next((specs[digest] for digest in run.spec_hashes if digest in specs), None) for run in (old, new)]
    if sides[0] is None or sides[1] is None:
        return  # what can then be checked are the reports' own numbers, see `contradiction`
    for table in ("data", "decision", "attack"):
        if getattr(sides[0], table) != getattr(sides[1], table):
            raise EvidenceError(
                f"{new.name} cannot be compared with {old.name}: their [{table}] differs, not only their requirements"
            )


def _lost(requirements: Sequence[ComparedRequirement]) -> list[str]:
    return [f"{each.id} had passed and is {each.new_verdict} in {each.run}" for each in requirements if each.lost]


def _judged_together(found: Sequence[Paired | ComparedRequirement]) -> list[ComparedRequirement]:
    """All comparisons with what may be said of single ones, by Holm over all of them.

    That all models are non-inferior everywhere needs no correction, since all must hold (intersection-union).
    """
    pairs = {place: each for place, each in enumerate(found) if isinstance(each, Paired)}
    confidence = max((each.report.confidence for each in pairs.values()), default=0.95)
    within = holm({p: each.within for p, each in pairs.items() if each.report.margin is not None}, confidence)
    differ = holm({p: each.direction for p, each in pairs.items()}, confidence)
    reports = []
    for place, each in enumerate(found):
        if not isinstance(each, Paired):
            reports.append(each)
            continue
        named = within[place].verdict == _AS_VERDICT[each.report.shown] if place in within else None
        reports.append(replace(each.report, named=named, differs=_DIRECTIONS.get(differ[place].verdict, "")))
    return reports


_AS_VERDICT: dict[Shown, Verdict] = {"non-inferior": "passed", "worse": "failed", "open": "inconclusive"}
_DIRECTIONS: dict[Verdict, str] = {"passed": "better", "failed": "worse"}
