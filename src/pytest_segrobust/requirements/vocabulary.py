"""The words that a sentence may use: names and synonyms of metrics, perturbations, parameters, choices and units."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_segrobust.metrics.catalogue import METRICS
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.perturbations.catalogue import Choice, Parameter, Perturbation, StructureName, catalogue
from pytest_segrobust.perturbations.severity_levels import TABLES, Table
from pytest_segrobust.requirements import quantity, uncertainty_words

Catalogue = Mapping[str, Perturbation]

# What comes after a perturbation's name, and never after a parameter's: some names are both, such as "gamma".
_AFTER_PERTURBATION = (
    r"with|on|and|then|followed|is|shall|must|stays|remains|at\s+(severity\s+)?level|up\s+to\s+(severity\s+)?level|"
    r"(increase|rise|decrease|drop)\s+(at|up)|from(?!\s+[\d.+-])"
)

GROSS_FAILURE_RATE = "gross_failure_rate"
GROSS_FAILURE_WORDS = ("gross failure rate", "failure rate", "rate of gross failures")


def catalogue_or(given: Catalogue | None) -> Catalogue:
    """The given catalogue of perturbations, or that of the package."""
    return catalogue() if given is None else given


def fold(words: str) -> str:
    """What is left of words when case, hyphens, spaces and underscores do not count: "HD 95" is "hd95"."""
    return re.sub(r"[\s_-]+", "", words).casefold()


def pattern(words: Iterable[str]) -> str:
    """A regular expression for all spellings of the words, the longest tried first."""
    spellings = {
        r"[\s_-]*".join(re.escape(part) for part in re.findall(r"[^\W\d_]+|\d+|[^\w\s-]", word)) for word in words
    }
    if not spellings:
        return r"(?!)."  # matches nothing: no perturbation is declared
    longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    return rf"({'|'.join(longest_first)})(?!\w|-\w)"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one, None where none does."""
    by_fold = {fold(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(fold(word), by_fold, n=1, cutoff=0.6)
    return by_fold[close[0]] if close else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """What could stand in place of a word: did you mean 'x'? (one of x, y, z)."""
    candidates = list(known)
    close = nearest(word, candidates)
    listed = f"one of {', '.join(candidates)}" if candidates else "there are none"
    return f"did you mean '{close}'? ({listed})" if close else listed


@dataclass(frozen=True)
class Vocabulary:
    """Every word by its folded spelling, and what it stands for."""

    metrics: dict[str, str] = field(default_factory=dict)  # → key
    perturbations: dict[str, Perturbation] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)  # → name
    options: dict[str, str] = field(default_factory=dict)  # → word
    tables: dict[str, Table] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)  # → unit
    spellings: dict[str, tuple[str, ...]] = field(default_factory=dict)  # terminal → words as they are written

    @classmethod
    def of(cls, perturbations: Iterable[Perturbation]) -> Vocabulary:
        """The words of these perturbations and of all metrics."""
        known = tuple(perturbations)
        metrics = {m.key: (m.name, *m.synonyms) for m in METRICS.values()} | {GROSS_FAILURE_RATE: GROSS_FAILURE_WORDS}
        metrics |= {key: uncertainty_words.spellings(key) for key in MEASURES}
        parameters = [
            parameter
            for p in known
            for group in p.alternatives
            for parameter in group
            if not isinstance(parameter, StructureName)  # said by "from ... to ...", not by its name
        ]
        names = sorted({parameter.name for parameter in parameters})
        options = sorted({word for p in parameters if isinstance(p, Choice) for word in p.options})
        units = dict(quantity.UNITS)
        for parameter in parameters:
            if isinstance(parameter, Parameter) and parameter.unit:
                units.setdefault(parameter.unit, (parameter.unit,))
        return cls(
            metrics={fold(word): key for key, words in metrics.items() for word in (key, *words)},
            perturbations={fold(word): p for p in known for word in _names(p)},
            parameters={fold(name): name for name in names},
            options={fold(word): word for word in options},
            tables={fold(table.name): table for table in TABLES},
            units={fold(word): unit for unit, words in units.items() for word in words},
            spellings={
                "METRIC": tuple(word for words in metrics.values() for word in words),
                "PERTURBATION": tuple(word for p in known for word in _names(p)),
                "PARAMETER": tuple(names),
                "OPTION": tuple(options),
                "TABLE": tuple(table.name for table in TABLES),
                "UNIT": tuple(word for words in units.values() for word in words),
            },
        )

    def terminals(self) -> str:
        """These words as terminals of the grammar; metrics first, since "relative volume difference" is one."""
        lines = []
        for name, words in self.spellings.items():
            expression = pattern(words).replace("/", r"\/")
            priority = ".4" if name == "METRIC" else ".1"
            lines.append(f"{name}{priority}: /{expression}/i")
        perturbation = pattern(self.spellings["PERTURBATION"]).replace("/", r"\/")
        lines.append(rf"THEN.2: /(followed\s+by|then)\b|and(?=\s+{perturbation}(\s+({_AFTER_PERTURBATION})\b|\s*$))/i")
        return "\n".join(lines)


def _names(perturbation: Perturbation) -> tuple[str, ...]:
    """The name and its synonyms; an attack that is not targeted may be called so."""
    names = (perturbation.name, *perturbation.synonyms)
    if not perturbation.attack or any("targeted" in name for name in names):
        return names
    return (*names, *(f"untargeted {name}" for name in names))
