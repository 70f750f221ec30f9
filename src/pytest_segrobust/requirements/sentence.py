"""The sentence of a requirement: read into a Requirement, and written back in one canonical form."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from pytest_segrobust.errors import SpecError
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, Perturbation
from pytest_segrobust.requirements import claim, quantity
from pytest_segrobust.requirements import measure as measures
from pytest_segrobust.requirements.misreading import MisreadError, place, unexpected
from pytest_segrobust.requirements.quantity import Quantity
from pytest_segrobust.requirements.requirement import Comparison, Domain, Form, Measure, Options, Range, Requirement
from pytest_segrobust.requirements.vocabulary import Catalogue, Vocabulary, catalogue_or, fold
from pytest_segrobust.requirements.wording import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lark import Lark, Token

Node = Any  # a lark Tree or Token; which of them stands where is the grammar's business

__all__ = ["parse", "render"]

_LONGEST = 2000  # characters; what is longer was not written by a person
_QUOTED = re.compile(r'("(?:\\.|[^"\\])*")')
# What word processors make of a hyphen, a minus and a quotation mark.
_TYPED = str.maketrans("‐‑‒–−“”„", '-----"""')
_COMPARISONS: dict[str, Comparison] = {
    "BELOW": "below", "AT_MOST": "at most", "ABOVE": "above", "AT_LEAST": "at least", "WITHIN": "within",
}  # fmt: skip


def parse(statement: str, catalogue: Catalogue | None = None) -> Requirement:
    """The requirement that a sentence states; its id is "" and its statement the sentence.

    Raises SpecError, one line, with the place, what could stand there and the nearest known word.

    >>> parse("DSC drop under gaussian noise with sigma <= 0.1 is below 5 %").limit
    0.05
    """
    parser, vocabulary = _grammar(tuple(catalogue_or(catalogue).values()))
    text = _as_typed(statement)
    if not text:
        raise SpecError("the sentence is empty; write one such as 'DSC is at least ...'")
    if len(text) > _LONGEST:
        raise SpecError(f"the sentence has {len(text)} characters; a requirement has at most {_LONGEST}")
    return _Reader(text, vocabulary).requirement(_tree(text, parser, vocabulary), statement)


def _as_typed(statement: str) -> str:
    """One line with plain hyphens and single spaces, the inside of quoted names left alone."""
    straight = re.sub("[“”„]", '"', statement)
    parts = _QUOTED.split(straight)
    return "".join(
        part if index % 2 else re.sub(r"\s+", " ", part.translate(_TYPED)) for index, part in enumerate(parts)
    ).strip()


@lru_cache(maxsize=8)
def _grammar(perturbations: tuple[Perturbation, ...]) -> tuple[Lark, Vocabulary]:
    from lark import Lark

    vocabulary = Vocabulary.of(perturbations)
    rules = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    grammar = f"{rules}\n{vocabulary.terminals()}\n"
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True), vocabulary


def _tree(text: str, parser: Lark, vocabulary: Vocabulary) -> Node:
    from lark import UnexpectedInput

    steps: Any = parser.parse_interactive(text)
    tokens: list[Token] = []
    try:
        for token in steps.iter_parse():
            tokens.append(token)  # noqa: PERF402 - kept one by one: an error ends the loop
        return steps.feed_eof()
    except UnexpectedInput as error:
        stopped = getattr(getattr(error, "token", None), "type", "") == "$END"
        column = len(text) if stopped else error.pos_in_stream or 0
        raise MisreadError(unexpected(text, column, sorted(steps.accepts()), tokens, vocabulary)) from None


class _Reader:
    """Walks the tree of one sentence; every error carries the place of the words that caused it."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.words = vocabulary

    @contextmanager
    def _at(self, node: Any) -> Iterator[None]:
        try:
            yield
        except MisreadError:
            raise  # the inner place is the narrower one
        except SpecError as error:
            start, end = _span(node)
            raise MisreadError(place(self.text, start, self.text[start:end], str(error))) from None

    def requirement(self, tree: Node, statement: str) -> Requirement:
        parts: dict[str, Any] = {part.data: part for part in tree.children if _is_tree(part)}
        average = "average" in parts
        of = parts["of"].children if "of" in parts else []
        with self._at(parts["measure"]):
            # "NSD of anterior at 2 mm" says its tolerance after the structure.
            measure = self._measure([*parts["measure"].children, *of[2:]])
        structure = self._structure(of[1]) if of else None
        domains = self._domains(parts["under"]) if "under" in parts else ()
        with self._at(tree):
            claim.check_scope(measure, perturbed=bool(domains), structure=structure, average=average)
        comparison, limit = self._limit(parts["limit"], measure)
        patients = confidence = None
        if "patients" in parts:
            with self._at(parts["patients"]):
                patients = self._share(parts["patients"])
                claim.check_patients(measure, patients)
        if "confidence" in parts:
            with self._at(parts["confidence"]):
                confidence = self._share(parts["confidence"])
                claim.check_share(confidence, "confidence")
        return Requirement(
            id="",
            measure=measure,
            comparison=comparison,
            limit=limit,
            domains=domains,
            structure=structure,
            average=average,
            patients=patients,
            confidence=0.95 if confidence is None else confidence,
            confidence_stated=confidence is not None,
            statement=statement,
        )

    def _measure(self, parts: list[Any]) -> Measure:
        metric, form, relative = "", "value", False
        tolerance: float | None = None
        for child in parts:
            if not _is_tree(child):
                metric = self.words.metrics[fold(str(child))]
            elif child.data == "form":
                form = "drop" if child.children[0].type == "DROP" else "increase"
            elif child.data == "scale":
                relative = child.children[0].type == "RELATIVE"
            elif tolerance is not None:
                raise SpecError("a tolerance stands twice; state it once")
            else:
                tolerance = self._number(child.children[-1], "mm", "a tolerance")
        if relative and form != "drop":
            raise SpecError("'relative' goes with a drop, such as 'relative DSC drop'")
        measure = Measure(metric, cast("Form", f"relative {form}" if relative else form), tolerance)
        claim.check_measure(measure)
        return measure

    def _structure(self, node: Node) -> str:
        token = node.children[0]
        if token.type == "WORD":
            return str(token)
        with self._at(node):
            name = re.sub(r"\\(.)", r"\1", token[1:-1])
            if not name.strip() or not name.isprintable():
                raise SpecError("a structure's name holds letters that can be seen")
            return name

    def _domains(self, node: Node) -> tuple[Domain, ...]:
        domains: list[Domain] = []
        for child in node.children:
            if not _is_tree(child):
                continue
            with self._at(child):
                found = self._domain(child)
                if any(found.perturbation == earlier.perturbation for earlier in domains):
                    raise SpecError(f"{found.perturbation} stands twice; state each perturbation once")
                domains.append(found)
        return tuple(domains)

    def _domain(self, node: Node) -> Domain:
        perturbation = self.words.perturbations[fold(str(node.children[0]))]
        on: str | None = None
        sides: dict[str, list[tuple[Any, float | None, float | None]]] = {}
        stated: dict[str, Range | Options] = {}
        for child in node.children[1:]:
            if not _is_tree(child):
                continue
            if child.data == "on":
                on = self._structure(child.children[-1])
                continue
            token = next(part for part in child.children if not _is_tree(part) and part.type == "PARAMETER")
            name = self.words.parameters[fold(str(token))]
            with self._at(token):
                parameter = claim.parameter_of(perturbation, name)
            with self._at(child):
                if child.data == "options":
                    if name in stated:
                        raise SpecError(f"{name} stands twice; join its words with 'or'")
                    words = [self.words.options[fold(str(t))] for t in child.children if t.type == "OPTION"]
                    stated[name] = claim.choice(perturbation, name, words)
                elif isinstance(parameter, Choice):
                    stated[name] = claim.bound(perturbation, name, None, None)  # raises: a word is wanted
                else:
                    low, high = self._ends(child, perturbation, parameter)
                    sides.setdefault(name, []).append((child, low, high))
        for name, ends in sides.items():
            with self._at(ends[-1][0]):
                stated[name] = claim.bound(perturbation, name, *_joined(name, [(low, high) for _, low, high in ends]))
        return claim.domain(perturbation, stated, on)

    def _ends(self, node: Node, perturbation: Perturbation, parameter: Parameter) -> tuple[float | None, float | None]:
        name, what = parameter.name, f"{parameter.name} of {perturbation.name}"
        quantities = [self._quantity(child) for child in node.children if _is_tree(child) and child.data == "quantity"]
        if len(quantities) == 2 and "" in (quantities[0].unit, quantities[1].unit):
            # One unit for both ends: "between 10 and 30 dB".
            shared = quantities[0].unit or quantities[1].unit
            quantities = [Quantity(q.number, shared, q.text) for q in quantities]
        values = [_in_unit(q, parameter.unit, what, percent=not parameter.unit) for q in quantities]
        order = [child.children[0].type for child in node.children if _is_tree(child) and child.data == "comparison"]
        if node.data == "one_sided":
            return (None, values[0]) if order[0] in ("BELOW", "AT_MOST") else (values[0], None)
        if node.data == "two_sided":
            rising = [kind in ("BELOW", "AT_MOST") for kind in order]
            if rising[0] != rising[1]:
                raise SpecError(f"both signs of a range point the same way, such as '... <= {name} <= ...'")
            return (values[0], values[1]) if rising[0] else (values[1], values[0])
        if node.data == "either_side":
            if parameter.identity != 0:
                raise SpecError(
                    f"'±' is around 0, but {name} = {quantity.plain(parameter.identity)} is what changes nothing; "
                    f"write both ends, '... <= {name} <= ...'"
                )
            return -abs(values[0]), abs(values[0])
        return values[0], values[-1]

    def _limit(self, node: Node, measure: Measure) -> tuple[Comparison, float]:
        first = node.children[0]
        comparison = _COMPARISONS[first.children[0].type if _is_tree(first) else first.type]
        with self._at(node):
            claim.check_comparison(measure, comparison)
            written = self._quantity(node.children[-1])
            unit = "mm" if measures.unit(measure) == "mm" else ""
            points = measures.unit(measure) == "points"
            limit = _in_unit(written, unit, measures.words(measure), percent=not unit, points=points)
            claim.check_limit(measure, comparison, limit, bare=not written.unit)
        return comparison, limit

    def _share(self, node: Node) -> float:
        quantity_node = next(child for child in node.children if _is_tree(child))
        return _in_unit(self._quantity(quantity_node), "", "a share", percent=True)

    def _number(self, node: Node, unit: str, what: str) -> float:
        return _in_unit(self._quantity(node), unit, what, percent=False)

    def _quantity(self, node: Node) -> Quantity:
        with self._at(node):
            unit = self.words.units[fold(str(node.children[1]))] if len(node.children) > 1 else ""
            return quantity.read(str(node.children[0]), unit)


def _is_tree(node: Any) -> bool:
    return hasattr(node, "children")


def _span(node: Any) -> tuple[int, int]:
    if _is_tree(node):
        return node.meta.start_pos, node.meta.end_pos
    return node.start_pos, node.end_pos


def _joined(name: str, ends: list[tuple[float | None, float | None]]) -> tuple[float | None, float | None]:
    """One range from all bounds of a parameter: "gamma >= 0.7 and gamma <= 1.5" is 0.7 ... 1.5."""
    if len(ends) == 1:
        return ends[0]
    lows = [low for low, _ in ends if low is not None]
    highs = [high for _, high in ends if high is not None]
    if len(ends) > 2 or len(lows) != 1 or len(highs) != 1:
        raise SpecError(f"{name} is bounded twice; state its range once")
    return lows[0], highs[0]


def _in_unit(written: Quantity, unit: str, what: str, *, percent: bool, points: bool = False) -> float:
    """The quantity's value where `unit` is wanted; a missing or another unit is a mistake, never guessed."""
    allowed = {unit} | ({"%"} if percent else set()) | ({"points"} if points else set())
    if written.unit in allowed or (unit and not written.unit and not written.number):
        return written.value
    number = quantity.plain(float(written.number))
    if not written.unit:
        raise SpecError(f"{what} is in {unit}; write '{number} {unit}'")
    if unit:
        raise SpecError(f"{what} is in {unit}, not in {written.unit}; write '{number} {unit}' if that is meant")
    also = " or a percentage" if percent else ""
    raise SpecError(f"{what} has no unit, so not {written.unit}; write a number{also}")
