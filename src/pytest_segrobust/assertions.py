"""What the fixture `segrobust` gives to tests: drops and values at exact points, and whole requirements."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .errors import DataError, EvidenceError, SegrobustError, SpecError
from .estimate import Estimate
from .metrics.uncertainty.catalogue import MEASURES
from .perturbations.catalogue import catalogue
from .perturbations.point import CLEAN, Point
from .requirements import claim
from .requirements import measure as measures
from .requirements.requirement import Domain, Form, Measure, Range, Requirement
from .verification.masking import attacks, masking_checks
from .verification.metric import level_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .evaluation.evaluation import Evaluation
    from .evaluation.minimal_radius import MinimalRadii
    from .evidence.records import RequirementResult
    from .metrics.uncertainty.correlation import Kind as CorrelationKind
    from .progress import Progress
    from .python_requirements import Comparison as Compared
    from .run import Run
    from .verification.masking import Check


class Segrobust:
    """Measures the model under test on every case, at exact points; the same point is never computed twice.

    Metrics are named by key or word ("dsc", "HD95"); `structure` limits a claim to one structure, otherwise it is about
    each; `point` is what `perturbations` and `strategies` give, `CLEAN` by default.
    """

    def __init__(self, evaluation: Evaluation, run: Run, comparisons: list[Compared] | None = None) -> None:
        self.evaluation = evaluation
        self.run = run
        self._comparisons = comparisons

    def value(
        self, metric: str, point: Point = CLEAN, *, structure: str | None = None, tolerance: float | None = None
    ) -> Estimate:
        """A metric at a point: `segrobust.value("dsc") >= 0.85`."""
        return self._estimate(metric, "value", point, structure, tolerance)

    def drop(
        self, metric: str, point: Point, *, structure: str | None = None, tolerance: float | None = None
    ) -> Estimate:
        """Clean minus perturbed, for metrics where higher is better: `segrobust.drop("dsc", noise) < 0.05`."""
        return self._estimate(metric, "drop", point, structure, tolerance)

    def relative_drop(
        self, metric: str, point: Point, *, structure: str | None = None, tolerance: float | None = None
    ) -> Estimate:
        """The drop as a share of the clean value."""
        return self._estimate(metric, "relative drop", point, structure, tolerance)

    def increase(self, metric: str, point: Point, *, structure: str | None = None) -> Estimate:
        """Perturbed minus clean, for metrics where lower is better: `segrobust.increase("hd95", blur) < 3`."""
        return self._estimate(metric, "increase", point, structure, None)

    def gross_failure_rate(self, point: Point = CLEAN, *, structure: str | None = None) -> Estimate:
        """Share of patients with a crash, NaN, misshapen output or lost structure; exact binomial bounds."""
        return self._estimate("gross_failure_rate", "value", point, structure, None)

    def correlation(
        self, point: Point = CLEAN, kind: CorrelationKind = "spearman", *, structure: str | None = None
    ) -> Estimate:
        """Of uncertainty with error, 1 - DSC, over patients: `segrobust.correlation(noise) > 0.4`."""
        return self.uncertainty(kind, point, structure=structure)

    def separation(self, point: Point = CLEAN, *, structure: str | None = None) -> Estimate:
        """AUROC of wrong voxels by their uncertainty, round the boundary: `segrobust.separation(noise) > 0.8`."""
        return self.uncertainty("error_auroc", point, structure=structure)

    def calibration_error(self, point: Point = CLEAN, *, structure: str | None = None) -> Estimate:
        """ECE round the structure: `segrobust.calibration_error(noise) < 0.05`."""
        return self.uncertainty("ece", point, structure=structure)

    def uncertainty(
        self,
        measure: str,
        point: Point = CLEAN,
        *,
        structure: str | None = None,
        dsc_below: float | None = None,
        referral: float | None = None,
    ) -> Estimate:
        """Any measure of uncertainty at a point: `segrobust.uncertainty("n_aurc", noise) > 0.3`.

        `dsc_below` says which cases are failures, `referral` the share of cases that may be referred; drops and
        increases of what each case has are `drop("error_auroc", noise)` and `increase("ece", noise)`.
        """
        if measures.from_key(measure).metric not in MEASURES:
            raise SpecError(f"'{measure}' is no measure of uncertainty; there are {', '.join(MEASURES)}")
        return self._estimate(measure, "value", point, structure, None, dsc_below=dsc_below, referral=referral)

    def holds(self, statement: str) -> bool:
        """Whether a whole sentence is shown, searched and decided as in a requirement file.

        For what a single point does not have: `assert segrobust.holds("uncertainty rises with severity under gaussian noise
        with sigma <= 0.1")`. What cannot be evaluated raises EvidenceError, as a comparison does.
        """
        from .python_requirements import Comparison
        from .requirements.sentence import parse
        from .verification.decision import SEVERITY
        from .verification.verify import verify

        stated, decision = parse(statement), self.run.spec.decision
        requirement = stated if stated.confidence_stated else replace(stated, confidence=decision.confidence)
        measure = requirement.measure
        self._refuse_unknown_millimetres(measure, requirement.domains)
        evaluation = self.evaluation.including(measures.score_key(measure))
        self._refuse_without_uncertainty(evaluation, measure)
        result = verify(
            requirement,
            evaluation,
            decision=decision,
            budget=self.run.budget,
            seed=self.run.settings.seed,
            subgroups=evaluation.dataset.subgroups,
        )
        why = evaluation.unsteady if result.verdict == "passed" else ""
        self.run.write_cost(evaluation.segmenter)
        if why or result.verdict not in ("passed", "failed", "inconclusive", "not_evaluable"):
            raise EvidenceError(why or result.reason)
        if self._comparisons is not None:
            kept = replace(result, context=evaluation.context, score_keys=sorted(evaluation.score_keys))
            self._comparisons.append(Comparison(result.verdict, SEVERITY.index(result.verdict) * 1e9, kept))
        if result.verdict == "not_evaluable":
            raise EvidenceError(f"not evaluable: {result.reason}")
        return result.verdict == "passed"

    def minimal_radius(
        self, attack: Point, *, drop: float, structure: str | None = None, iterations: int = 6
    ) -> MinimalRadii:
        """Of every case the smallest radius, up to that of `attack`, at which a structure loses `drop` of DSC.

        `segrobust.minimal_radius(p.pgd(epsilon=8 / 255), drop=0.2).share_broken(2 / 255) == 0`. A diagnosis, without an
        interval: "DSC drop under pgd with epsilon <= 2/255 is below 20 % for 95 % of patients" is the claim.
        """
        from .evaluation.minimal_radius import minimal_radii

        structures = self.evaluation.structures
        if structure is not None and structure not in structures:
            raise SpecError(f"no structure is called '{structure}'; there are {', '.join(structures)}")
        if not 0 < drop <= 1:
            raise SpecError(f"drop = {drop} is no drop of DSC, which lies above 0 and up to 1")
        try:
            return minimal_radii(
                self.evaluation,
                attack,
                drop=drop,
                structures=structures if structure is None else (structure,),
                iterations=iterations,
            )
        finally:
            self.run.write_cost(self.evaluation.segmenter)

    def verify(self, requirement: Requirement, *, progress: Progress | None = None) -> RequirementResult:
        """Search the requirement's domain for its worst point and decide it over all patients.

        A case that cannot be read, or a perturbation that cannot be done, makes the verdict invalid, never passed.
        """
        from .evaluation.pictures import keep_pictures
        from .verification.verify import verify

        started = time.perf_counter()
        try:
            self._refuse_unknown_millimetres(requirement.measure, requirement.domains)
            result = verify(
                requirement,
                self.evaluation,
                decision=self.run.spec.decision,
                budget=self.run.budget,
                seed=self.run.settings.seed,
                first_points=self.run.failing_points(requirement.id),
                progress=progress,
                subgroups=self.evaluation.dataset.subgroups,
                report_strata=self.run.spec.data.report_strata,
            )
            result = replace(
                result,
                duration_seconds=time.perf_counter() - started,
                context=self.evaluation.context,
                score_keys=sorted(self.evaluation.score_keys),
            )
            if result.worst is not None:
                result = replace(result, replay=self.run.settings.replay_command(result.id))
            if self.run.store is not None:
                result = keep_pictures(self.run.store, self.evaluation, result)
        finally:
            self.run.write_cost(self.evaluation.segmenter)
        return result

    def keep_counterexamples(self, result: RequirementResult) -> RequirementResult:
        """Keep pictures of a Python requirement's worst cases, and what a replay compares with, as `verify` does."""
        from .evaluation.pictures import keep_pictures

        if self.run.store is None or result.worst is None or result.verdict == "invalid":
            return result
        uncertain = "uncertainty" in result.score_keys
        evaluation = self.evaluation.including("uncertainty") if uncertain else self.evaluation
        try:
            return keep_pictures(self.run.store, evaluation, result)
        except SegrobustError as error:  # the verdict stands without its pictures
            self.run.store.event("no pictures", f"{result.id}: {error}")
            return result
        finally:
            self.run.write_cost(evaluation.segmenter)

    def _refuse_unknown_millimetres(self, measure: Measure, domains: Sequence[Domain]) -> None:
        """A pixel is no millimetre: where files do not say its size, nothing in mm can be claimed of them."""
        unknown = self.evaluation.dataset.unknown_spacing
        in_mm = measures.unit(measure) == "mm" or measure.tolerance is not None
        for domain in domains:
            known = catalogue()[domain.perturbation].parameters
            in_mm = in_mm or any(getattr(known[r.parameter], "unit", "") == "mm" for r in domain.ranges)
        if unknown and in_mm:
            raise DataError(
                f"{len(unknown)} cases, such as {unknown[0]}, do not know the size of a pixel, so nothing in mm can be said "
                "of them: save the images as NIfTI or NRRD, or with their resolution"
            )

    def _estimate(
        self,
        metric: str,
        form: Form,
        point: Point,
        structure: str | None,
        tolerance: float | None,
        **needs: float | None,
    ) -> Estimate:
        measure = replace(measures.from_key(metric, tolerance, **needs), form=form)
        claim.check_measure(measure)
        if level_of(measure.metric) == "severities":
            raise SpecError(
                f"{measures.words(measure)} is about growing severity, and a point has one; write it as a sentence, in a "
                "requirement file or for segrobust.holds(...)"
            )
        if structure is not None and structure not in self.evaluation.structures:
            raise SpecError(f"no structure is called '{structure}'; there are {', '.join(self.evaluation.structures)}")
        steps = [Domain(step.name, tuple(Range(n, 0, 0) for n, _ in step.parameters)) for step in point.steps]
        self._refuse_unknown_millimetres(measure, steps)
        evaluation = self.evaluation.including(measures.score_key(measure))
        source = self._refuse_without_uncertainty(evaluation, measure)
        clean = evaluation.measure([CLEAN])
        realisations = self.run.budget.realisations
        perturbed = clean if point == CLEAN else evaluation.measure([point], realisations=realisations)
        attacked = attacks(point)
        checks = self._attack_checks(evaluation, point, structure) if attacked else []
        self.run.write_cost(evaluation.segmenter)
        return Estimate(
            measure=measure,
            point=point,
            structure=structure,
            clean=tuple(clean),
            perturbed=tuple(perturbed),
            context=evaluation.context,
            score_keys=tuple(sorted(evaluation.score_keys)),
            decision=self.run.spec.decision,
            confidence=self.run.spec.decision.confidence,
            seed=self.run.settings.seed,
            comparisons=self._comparisons,
            notes=tuple(evaluation.attack_notes) if attacked else (),
            source=source,
            doubts=tuple(check.words() for check in checks if not check.held),
            unsteady=lambda: evaluation.unsteady,
        )

    @staticmethod
    def _refuse_without_uncertainty(evaluation: Evaluation, measure: Measure) -> dict[str, Any]:
        """Where the uncertainty that a measure is of comes from; {} of other measures."""
        source = evaluation.uncertainty if measures.score_key(measure) == "uncertainty" else {}
        if source.get("reason"):
            raise SpecError(f"{measures.words(measure)} needs an uncertainty, and there is none: {source['reason']}")
        return source

    def _attack_checks(self, evaluation: Evaluation, point: Point, structure: str | None) -> list[Check]:
        """The self-checks that an attack in a sentence has, too."""
        return masking_checks(
            point,
            lambda points: evaluation.measure(points, screening=True),
            structures=() if structure is None else (structure,),
            surrogate=evaluation.has_surrogate,
        )
