"""The sentence of a requirement: read into a Requirement, and written back in one canonical form."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements import claim, levels, phrases
from pytest_segrobust.requirements import measure as measures
from pytest_segrobust.requirements.domains import DomainReader
from pytest_segrobust.requirements.misreading import MisreadError, unexpected
from pytest_segrobust.requirements.reading import Node, in_unit, is_tree
from pytest_segrobust.requirements.requirement import Comparison, Form, Measure, Requirement
from pytest_segrobust.requirements.strata import check_strata
from pytest_segrobust.requirements.vocabulary import Catalogue, Vocabulary, catalogue_or, fold
from pytest_segrobust.requirements.wording import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lark import Lark, Token

    from pytest_segrobust.perturbations.catalogue import Perturbation

__all__ = ["parse", "render"]

_LONGEST = 2000  # characters; what is longer was not written by a person
_QUOTED = re.compile(r'("(?:\\.|[^"\\])*")')
# What word processors make of a hyphen, a minus and a quotation mark.
_TYPED = str.maketrans("‐‑‒–−“”„", '-----"""')
_COMPARISONS: dict[str, Comparison] = {
    "BELOW": "below", "AT_MOST": "at most", "ABOVE": "above", "AT_LEAST": "at least", "WITHIN": "within",
}  # fmt: skip
# What measures of failures state beside their limit: their key, and the comparison that makes it one.
_NEEDS: dict[str, tuple[str, str]] = {
    "failure": ("dsc_below", "below"),
    "fall": ("fall", "above"),
    "referral": ("referral", ""),
}


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
    if levels.each(text, catalogue_or(catalogue)):
        raise SpecError("'each perturbation' is several requirements: it stands as a statement in a requirement file")
    return _SentenceReader(text, vocabulary).requirement(_tree(text, parser, vocabulary), statement)


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


class _SentenceReader(DomainReader):
    """Reads a whole sentence."""

    def requirement(self, tree: Node, statement: str) -> Requirement:
        parts: dict[str, Any] = {part.data: part for part in tree.children if is_tree(part)}
        phrase = next((parts[name] for name in phrases.PHRASES if name in parts), None)
        average = "average" in parts
        measure, structure, limit = self._named(parts) if phrase is None else self._phrase(phrase)
        domains = self.domains(parts["under"]) if "under" in parts else ()
        with self.at(tree):
            claim.check_scope(measure, domains=domains, structure=structure, average=average)
        comparison, value = ("above", 0.0) if limit is None else self._limit(limit, measure)
        patients = confidence = None
        if "patients" in parts:
            with self.at(parts["patients"]):
                patients = self._share(parts["patients"])
                claim.check_patients(measure, patients)
        for_each = self._for_each(parts, tree, measure)
        if "confidence" in parts:
            with self.at(parts["confidence"]):
                confidence = self._share(parts["confidence"])
                claim.check_share(confidence, "confidence")
        return Requirement(
            id="",
            measure=measure,
            comparison=cast("Comparison", comparison),
            limit=value,
            domains=domains,
            structure=structure,
            average=average,
            patients=patients,
            for_each=for_each,
            confidence=0.95 if confidence is None else confidence,
            confidence_stated=confidence is not None,
            statement=statement,
        )

    def _for_each(self, parts: dict[str, Node], tree: Node, measure: Measure) -> str | None:
        """The column in each of whose strata it must hold; "in the worst scanner" says the same as "for each scanner"."""
        said = [part.data for part in tree.children if is_tree(part)]
        for part, words in (("patients", "'for ... of patients'"), ("strata", "'for each'")):
            if said.count(part) > 1:
                with self.at(parts[part]):
                    raise SpecError(f"{words} stands twice; say it once")
        if "strata" not in parts:
            return None
        with self.at(parts["strata"]):
            column = self.structure(parts["strata"].children[-1])
            check_strata(measure, column)
        return column

    def _named(self, parts: dict[str, Node]) -> tuple[Measure, str | None, Node]:
        """Of a sentence that names its measure: the measure, the structure, and the limit."""
        of = parts["of"].children if "of" in parts else []
        with self.at(parts["measure"]):
            # "NSD of anterior at 2 mm" says its tolerance after the structure.
            measure = self._measure([*parts["measure"].children, *of[2:]])
        return measure, self.structure(of[1]) if of else None, parts["limit"]

    def _phrase(self, node: Node) -> tuple[Measure, str | None, Node | None]:
        """Of a sentence that says what uncertainty does; without a limit it does so at all, which is above 0."""
        with self.at(node):
            said = phrases.read(node)
            if said.improves is not None and self.words.metrics[fold(str(said.improves))] != "dsc":
                raise SpecError("what removal of uncertain voxels raises is the DSC; write 'raises DSC'")
            needs = self._needs(said.needs)
            if said.referral is not None:
                needs["referral"] = self._portion(said.referral, "a referral")
            measure = Measure(said.metric, "value", None, **needs)
            claim.check_measure(measure)
        return measure, None if said.structure is None else self.structure(said.structure), said.limit

    def _measure(self, parts: list[Any]) -> Measure:
        metric, form, relative = "", "value", False
        tolerance: float | None = None
        needs = self._needs([child for child in parts if is_tree(child) and child.data in _NEEDS])
        for child in parts:
            if not is_tree(child):
                metric = self.words.metrics[fold(str(child))]
            elif child.data == "form":
                form = "drop" if child.children[0].type == "DROP" else "increase"
            elif child.data == "scale":
                relative = child.children[0].type == "RELATIVE"
            elif child.data in _NEEDS:
                continue
            elif tolerance is not None:
                raise SpecError("a tolerance stands twice; state it once")
            else:
                tolerance = self._number(child.children[-1], "mm", "a tolerance")
        if relative and form != "drop":
            raise SpecError("'relative' goes with a drop, such as 'relative DSC drop'")
        measure = Measure(metric, cast("Form", f"relative {form}" if relative else form), tolerance, **needs)
        claim.check_measure(measure)
        return measure

    def _needs(self, nodes: Sequence[Node]) -> dict[str, float]:
        """What measures of failures state beside their limit: "for DSC below 0.7", "at 20 % referral"."""
        found: dict[str, float] = {}
        for node in nodes:
            with self.at(node):
                key, comparison = _NEEDS[node.data]
                if key in found:
                    raise SpecError("this stands twice; state it once")
                metric = [self.words.metrics[fold(str(t))] for t in node.children if getattr(t, "type", "") == "METRIC"]
                stated = [
                    child.children[0].type for child in node.children if getattr(child, "data", "") == "comparison"
                ]
                if metric not in ([], ["dsc"]):
                    raise SpecError("failures and falls are of the DSC; write DSC here")
                if stated and _COMPARISONS[stated[0]] != comparison:
                    raise SpecError(f"write '{comparison}' here, not '{_COMPARISONS[stated[0]]}'")
                found[key] = self._portion(node, "a share" if key == "referral" else "a DSC")
        return found

    def _portion(self, node: Node, what: str) -> float:
        """A number between 0 and 1 that may be written in percent."""
        quantity_node = (
            node
            if node.data == "quantity"
            else next(child for child in node.children if is_tree(child) and child.data == "quantity")
        )
        return in_unit(self.quantity(quantity_node), "", what, percent=True)

    def _limit(self, node: Node, measure: Measure) -> tuple[Comparison, float]:
        first = node.children[0]
        comparison = _COMPARISONS[first.children[0].type if is_tree(first) else first.type]
        with self.at(node):
            claim.check_comparison(measure, comparison)
            written = self.quantity(node.children[-1])
            unit = "mm" if measures.unit(measure) == "mm" else ""
            points = measures.unit(measure) == "points"
            percent = not unit and measures.in_percent(measure)
            limit = in_unit(written, unit, measures.words(measure), percent=percent, points=points)
            claim.check_limit(measure, comparison, limit, bare=not written.unit)
        return comparison, limit

    def _share(self, node: Node) -> float:
        return self._portion(node, "a share")

    def _number(self, node: Node, unit: str, what: str) -> float:
        return in_unit(self.quantity(node), unit, what, percent=False)
