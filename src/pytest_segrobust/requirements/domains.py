"""The part of a sentence after "under": perturbations, their structures, and the bounds or the level of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import SpecError
from pytest_segrobust.perturbations.catalogue import Parameter, Perturbation
from pytest_segrobust.requirements import claim, levels, quantity
from pytest_segrobust.requirements.quantity import Quantity
from pytest_segrobust.requirements.reading import Node, Reader, in_unit, is_tree
from pytest_segrobust.requirements.vocabulary import fold

if TYPE_CHECKING:
    from pytest_segrobust.perturbations.severity_levels import Side
    from pytest_segrobust.requirements.requirement import Domain, Options, Range


class DomainReader(Reader):
    """Reads the perturbations of a sentence, in the order in which they are applied."""

    def domains(self, node: Node) -> tuple[Domain, ...]:
        """All perturbations of `under`, each once."""
        found: list[Domain] = []
        for child in node.children:
            if not is_tree(child):
                continue
            with self.at(child):
                domain = self._domain(child)
                if any(domain.perturbation == earlier.perturbation for earlier in found):
                    raise SpecError(f"{domain.perturbation} stands twice; state each perturbation once")
                found.append(domain)
        return tuple(found)

    def _domain(self, node: Node) -> Domain:
        perturbation = self.words.perturbations[fold(str(node.children[0]))]
        parts = [child for child in node.children if is_tree(child)]
        named = {child.data: child for child in parts if child.data in ("on", "route", "level")}
        stated: dict[str, Range | Options] = {}
        if "route" in named:
            with self.at(named["route"]):
                stated |= claim.route(perturbation, *(self.structure(s) for s in named["route"].children if is_tree(s)))
        source = ""
        if "level" in named:
            with self.at(named["level"]):
                ranges, source = self._level(named["level"], perturbation)
                stated |= ranges
        else:
            stated |= self._bounds([child for child in parts if child.data not in named], perturbation)
        on = self.structure(named["on"].children[-1]) if "on" in named else None
        return claim.domain(perturbation, stated, on, source)

    def _level(self, node: Node, perturbation: Perturbation) -> tuple[dict[str, Range], str]:
        tokens = {token.type: str(token) for token in node.children}
        side: Side = "increase" if "INCREASE" in tokens else "decrease" if "DROP" in tokens else ""
        table = self.words.tables[fold(tokens["TABLE"])]
        return levels.ranges(
            perturbation, table, levels.number(tokens["NUMBER"]), side=side, up_to="UP_TO" in tokens
        ), f"level {levels.number(tokens['NUMBER'])} of {table.source}"

    def _bounds(self, bounds: list[Node], perturbation: Perturbation) -> dict[str, Range | Options]:
        stated: dict[str, Range | Options] = {}
        sides: dict[str, list[tuple[Any, float | None, float | None]]] = {}
        for bound in bounds:
            token = next(part for part in bound.children if not is_tree(part) and part.type == "PARAMETER")
            name = self.words.parameters[fold(str(token))]
            with self.at(token):
                parameter = claim.parameter_of(perturbation, name)
            with self.at(bound):
                if bound.data == "options":
                    if name in stated:
                        raise SpecError(f"{name} stands twice; join its words with 'or'")
                    words = [self.words.options[fold(str(t))] for t in bound.children if t.type == "OPTION"]
                    stated[name] = claim.choice(perturbation, name, words)
                elif not isinstance(parameter, Parameter):
                    stated[name] = claim.bound(perturbation, name, None, None)  # raises: a word is wanted
                else:
                    low, high = self._ends(bound, perturbation, parameter)
                    sides.setdefault(name, []).append((bound, low, high))
        for name, ends in sides.items():
            with self.at(ends[-1][0]):
                stated[name] = claim.bound(perturbation, name, *_joined(name, [(low, high) for _, low, high in ends]))
        return stated

    def _ends(self, node: Node, perturbation: Perturbation, parameter: Parameter) -> tuple[float | None, float | None]:
        name, what = parameter.name, f"{parameter.name} of {perturbation.name}"
        quantities = [self.quantity(child) for child in node.children if is_tree(child) and child.data == "quantity"]
        if len(quantities) == 2 and "" in (quantities[0].unit, quantities[1].unit):
            # One unit for both ends: "between 10 and 30 dB".
            shared = quantities[0].unit or quantities[1].unit
            quantities = [Quantity(q.number, shared, q.text) for q in quantities]
        values = [in_unit(q, parameter.unit, what, percent=not parameter.unit) for q in quantities]
        order = [child.children[0].type for child in node.children if is_tree(child) and child.data == "comparison"]
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


def _joined(name: str, ends: list[tuple[float | None, float | None]]) -> tuple[float | None, float | None]:
    """One range from all bounds of a parameter: "gamma >= 0.7 and gamma <= 1.5" is 0.7 ... 1.5."""
    if len(ends) == 1:
        return ends[0]
    lows = [low for low, _ in ends if low is not None]
    highs = [high for _, high in ends if high is not None]
    if len(ends) > 2 or len(lows) != 1 or len(highs) != 1:
        raise SpecError(f"{name} is bounded twice; state its range once")
    return lows[0], highs[0]
