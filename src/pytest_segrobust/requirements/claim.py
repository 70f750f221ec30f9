"""What a claim may say: the checks that the sentence and the long form share.

Each check takes one part of the claim and raises SpecError with what is wrong and what could stand there; the caller
adds the place. The rule behind most of them: a claim that cannot fail, or that worst values would meet, is a mistake.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_segrobust.errors import SpecError
from pytest_segrobust.metrics.catalogue import METRICS
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, Perturbation, StructureName
from pytest_segrobust.requirements import measure as measures
from pytest_segrobust.requirements import uncertainty_claim
from pytest_segrobust.requirements.quantity import percent, plain, with_unit
from pytest_segrobust.requirements.requirement import Comparison, Domain, Measure, Options, Range
from pytest_segrobust.requirements.vocabulary import GROSS_FAILURE_RATE, suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

DIRECTIONS: dict[str, tuple[Comparison, ...]] = {
    "higher": ("at least", "above"),
    "lower": ("below", "at most"),
    "zero": ("within",),
}


def check_measure(measure: Measure) -> None:
    """The form suits the metric, and what one needs to be stated stands there and only there: a tolerance, a failure."""
    name, forms = measures.name(measure), measures.forms(measure.metric)
    if measure.form not in forms:
        possible = " or ".join(f"'{measures.words(Measure(measure.metric, form))}'" for form in forms)
        why = {
            "drop": "a drop is of a measure that is better higher",
            "relative drop": "a relative drop is of a measure that is better higher",
            "increase": "an increase is of a measure that is better lower",
        }.get(measure.form, "")
        if measure.metric == "agreement":
            why = "it compares with the clean prediction already"
        elif measure.metric == "volume_bias":
            why = "it has a sign"
        elif measure.metric in MEASURES and MEASURES[measure.metric].level != "voxels":
            why = "it is one number of all patients"
        raise SpecError(f"{name} has no {measure.form}: {why}; write {possible}")
    needs = measure.metric in METRICS and METRICS[measure.metric].needs_tolerance
    if needs and measure.tolerance is None:
        shown = f"{measures.words(measure)} at 2 mm"
        raise SpecError(f"{name} needs its tolerance in mm, such as '{shown}' (long form: tolerance = 2)")
    if measure.tolerance is not None:
        if not needs:
            raise SpecError(f"{name} has no tolerance; leave it out")
        if not (0 < measure.tolerance < math.inf):
            raise SpecError(f"a tolerance of {plain(measure.tolerance)} mm means nothing; it is above 0 mm")
    uncertainty_claim.check_needs(measure)


def check_scope(measure: Measure, *, domains: Sequence[Domain], structure: str | None, average: bool) -> None:
    """What is measured fits to whether images are perturbed, and to the structures named."""
    words, perturbed = measures.words(measure), bool(domains)
    if measure.metric in MEASURES:
        uncertainty_claim.check_scope(measure, domains, average=average)
    if not perturbed and measure.form != "value":
        raise SpecError(f"{words} on clean images is always 0; name a perturbation, such as '{words} under ... is ...'")
    if not perturbed and measure.metric == "agreement":
        raise SpecError(f"{words} on clean images is always 1; name a perturbation, such as '{words} under ... is ...'")
    if average and measure.metric == GROSS_FAILURE_RATE:
        raise SpecError("a gross failure rate has no mean over structures: a patient with any lost structure counts")
    if average and structure is not None:
        raise SpecError(
            f"'mean' averages over structures, so it cannot be of '{structure}' alone; leave one of them out"
        )


def check_comparison(measure: Measure, comparison: Comparison) -> None:
    """The comparison runs in the measure's good direction: the other way round, worst values would pass."""
    allowed = DIRECTIONS[measures.better(measure)]
    if comparison in allowed:
        return
    words = measures.words(measure)
    why = {
        "higher": "is better higher",
        "lower": "is better lower",
        "zero": "has a sign, and 0 is best",
    }[measures.better(measure)]
    raise SpecError(f"{words} {why}: write {' or '.join(repr(word) for word in allowed)}, not '{comparison}'")


def check_limit(measure: Measure, comparison: Comparison, limit: float, *, bare: bool = True) -> None:
    """The limit can be met, and cannot be met by a failed case; `bare` where it was written without a unit."""
    if measure.metric in MEASURES:
        uncertainty_claim.check_limit(measure, comparison, limit)
        return
    words, better = measures.words(measure), measures.better(measure)
    if not math.isfinite(limit):
        raise SpecError(f"a limit of {plain(limit)} means nothing for {words}")
    distance = measures.unit(measure) == "mm"
    if not distance and bare and 2 <= limit <= 100:
        raise SpecError(
            f"{plain(limit)} is not a {words}, which is counted from 0 to 1; "
            f"did you mean {plain(limit)} % or {plain(limit / 100)}?"
        )
    if limit < 0:
        raise SpecError(f"a limit of {plain(limit)} is below the range of {words}, which starts at 0")
    if better == "higher":
        if limit > 1 or (limit == 1 and comparison == "above"):
            raise SpecError(f"no {words} is {comparison} {plain(limit)}; it runs from 0 to 1")
        if limit == 0:
            raise SpecError(f"a limit of 0 is met by every {words}, nearly or quite; write one above 0")
    elif not distance and limit >= 1:
        raise SpecError(f"a failed case's {words} could meet a limit of {percent(limit)}; write a smaller one")
    # A drop may be a gain, so "below 0" can be meant there.
    if limit == 0 and comparison in ("below", "within") and measure.form == "value":
        raise SpecError(f"no {words} is {comparison} 0; write a limit above 0")
    if limit == 0 and measure.metric == GROSS_FAILURE_RATE:
        raise SpecError("no number of patients can show a gross failure rate of 0; write a limit such as 5 %")


def check_share(share: float, what: str) -> None:
    """A share of patients is inside 0 ... 1, a confidence inside 0.5 ... 1."""
    lowest = 0.5 if what == "confidence" else 0.0
    if 1 < share < 100:
        raise SpecError(f"{plain(share)} is not a share; did you mean {plain(share)} % or {plain(share / 100)}?")
    if share in (1, 100):
        raise SpecError(f"100 % ({what}) cannot be shown with any number of patients; write less, such as 95 %")
    if not lowest < share < 1:
        raise SpecError(f"{percent(share)} is no {what}: it lies between {percent(lowest)} and 100 %, such as 95 %")


def check_patients(measure: Measure, share: float) -> None:
    """A tolerance claim over patients suits measures that each patient has."""
    check_share(share, "patients")
    if measure.metric in MEASURES:
        uncertainty_claim.check_patients(measure)
    if measure.metric == GROSS_FAILURE_RATE:
        raise SpecError("a gross failure rate is a share of patients already; leave out 'for ... of patients'")


def parameter_of(perturbation: Perturbation, name: str) -> Parameter | Choice | StructureName:
    """The perturbation's parameter of that name."""
    try:
        return perturbation.parameters[name]
    except KeyError:
        known = suggestion(name, perturbation.parameters)
        raise SpecError(f"{perturbation.name} has no parameter '{name}'; {known}") from None


def bound(perturbation: Perturbation, name: str, low: float | None, high: float | None) -> Range:
    """The range of a parameter; an end that is None is the identity, the value that changes nothing."""
    parameter = parameter_of(perturbation, name)
    if isinstance(parameter, Choice):
        raise SpecError(f"{name} of {perturbation.name} is a word, {suggestion('', parameter.options)}, not a number")
    if isinstance(parameter, StructureName):
        raise SpecError(f"{name} of {perturbation.name} is a structure, not a number")

    def show(value: float) -> str:
        return with_unit(value, parameter.unit)

    identity = parameter.identity
    for end in (low, high):
        if end is not None and not parameter.lowest <= end <= parameter.highest and end != identity:
            raise SpecError(
                f"{name} of {perturbation.name} cannot be {show(end)}: "
                f"it runs from {show(parameter.lowest)} to {show(parameter.highest)}"
            )
    if low is None and high is not None and high < identity:
        raise SpecError(
            f"{name} = {plain(identity)} changes nothing, so '{name} <= {show(high)}' has no mild end; "
            f"write '{name} >= {show(high)}' or both ends, such as '... <= {name} <= {show(high)}'"
        )
    if high is None and low is not None and low > identity:
        raise SpecError(
            f"{name} = {plain(identity)} changes nothing, so '{name} >= {show(low)}' has no strong end; "
            f"write '{name} <= {show(low)}' or both ends, such as '{show(low)} <= {name} <= ...'"
        )
    low, high = (float(identity if end is None else end) + 0.0 for end in (low, high))  # -0 is 0
    if low > high:
        raise SpecError(f"no {name} is at least {show(low)} and at most {show(high)}; swap the ends")
    if low == high and math.isinf(low):
        raise SpecError(f"{name} = {plain(low)} changes nothing; write a number")
    return Range(name, low, high)


def choice(perturbation: Perturbation, name: str, words: Collection[str]) -> Options:
    """The words of a choice, in the catalogue's order."""
    parameter = parameter_of(perturbation, name)
    if isinstance(parameter, StructureName):
        raise SpecError(f"{name} of {perturbation.name} is a structure; {_route_form(perturbation)}")
    if isinstance(parameter, Parameter):
        raise SpecError(f"{name} of {perturbation.name} is a number, such as '{suggested(parameter)}'")
    for word in words:
        if word not in parameter.options:
            raise SpecError(f"{name} of {perturbation.name} cannot be '{word}'; {suggestion(word, parameter.options)}")
    if not words:
        raise SpecError(f"{name} of {perturbation.name} needs a word; {suggestion('', parameter.options)}")
    return Options(name, tuple(word for word in parameter.options if word in words))


def route(perturbation: Perturbation, source: str, target: str) -> dict[str, Options]:
    """The structures of a targeted attack: what of one is to be taken for the other."""
    known = [p.name for p in perturbation.parameters.values() if isinstance(p, StructureName)]
    if known != ["source", "target"]:
        raise SpecError(f"{perturbation.name} does not turn one structure into another; leave out 'from ... to ...'")
    return {"source": Options("source", (source,)), "target": Options("target", (target,))}


def domain(
    perturbation: Perturbation, stated: Mapping[str, Range | Options], on: str | None = None, source: str = ""
) -> Domain:
    """The perturbation with all parameters of one alternative; choices left out are all their options."""
    if on is not None and not perturbation.local:
        raise SpecError(f"{perturbation.name} acts on the whole image; leave out 'on {on}'")
    group = alternative(perturbation, stated)
    ranges = tuple(
        stated[p.name] if p.name in stated else Options(p.name, p.options if isinstance(p, Choice) else ())
        for p in group
    )
    numbers = [(p, r) for p, r in zip(group, ranges, strict=True) if isinstance(p, Parameter) and isinstance(r, Range)]
    if numbers and len(numbers) == len(group) and all(r.low == r.high == p.identity for p, r in numbers):
        raise SpecError(
            f"{perturbation.name} with {numbers[0][1].parameter} = {plain(numbers[0][1].low)} changes nothing"
        )
    structures = [stated[p.name] for p in group if isinstance(p, StructureName)]
    names = [name for spread in structures if isinstance(spread, Options) for name in spread.words]
    if len(set(names)) < len(names):
        raise SpecError(f"{perturbation.name} from {names[0]} to {names[0]} changes nothing; name two structures")
    return Domain(perturbation.name, ranges, on, source)


def alternative(perturbation: Perturbation, stated: Collection[str]) -> tuple[Parameter | Choice | StructureName, ...]:
    """The one alternative of parameters that is stated in full, where choices may be left out."""
    names = set(stated)
    for name in stated:
        parameter_of(perturbation, name)
    fits = [group for group in perturbation.alternatives if names <= {p.name for p in group}]
    if not fits:
        ways = " or ".join(" and ".join(p.name for p in group) for group in perturbation.alternatives)
        raise SpecError(f"{perturbation.name} takes {ways}, not {' together with '.join(sorted(names))}")
    if all(any(isinstance(p, StructureName) and p.name not in names for p in group) for group in fits):
        raise SpecError(f"{perturbation.name} needs two structures; {_route_form(perturbation)}")
    missing = [[p for p in group if isinstance(p, Parameter) and p.name not in names] for group in fits]
    complete = [group for group, lacks in zip(fits, missing, strict=True) if not lacks]
    exact = [group for group in complete if {p.name for p in group} == names]
    if len(complete) == 1 or exact:
        return (exact or complete)[0]
    if complete:
        ways = " or ".join(" and ".join(p.name for p in group) for group in complete)
        raise SpecError(f"{perturbation.name} can be stated in several ways; name {ways}")
    ways = " or ".join("'" + " and ".join(suggested(p) for p in lacks) + "'" for lacks in missing)
    raise SpecError(f"{perturbation.name} needs a range, such as {ways}")


def _route_form(perturbation: Perturbation) -> str:
    return (
        f"write '{perturbation.name} from A to B', for what of A is to be taken for B "
        '(long form: source = "A", target = "B")'
    )


def suggested(parameter: Parameter) -> str:
    """A bound that could be written: the plausible range of the catalogue, where it states one."""
    if parameter.plausible is None:
        sign = (
            "<=" if parameter.identity <= parameter.lowest else ">=" if parameter.identity >= parameter.highest else "="
        )
        return f"{parameter.name} {sign} ..."
    low, high = parameter.plausible
    if parameter.identity <= low or parameter.identity >= high:
        low, high = (parameter.identity, high) if parameter.identity <= low else (low, parameter.identity)
    return bound_words(parameter, Range(parameter.name, low, high))


def bound_words(parameter: Parameter, spread: Range) -> str:
    """A range as a sentence says it: `sigma <= 0.1`, `snr >= 10 dB`, `0.7 <= gamma <= 1.5`, `sigma = 0.1`."""
    low, high = with_unit(spread.low, parameter.unit), with_unit(spread.high, parameter.unit)
    if spread.low == spread.high:
        return f"{spread.parameter} = {low}"
    if spread.low == parameter.identity:
        return f"{spread.parameter} <= {high}"
    if spread.high == parameter.identity:
        return f"{spread.parameter} >= {low}"
    return f"{low} <= {spread.parameter} <= {high}"
