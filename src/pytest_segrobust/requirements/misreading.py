"""Where a sentence was not understood, what could stand there, and which known word was probably meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from pytest_segrobust.errors import SpecError
from pytest_segrobust.metrics.uncertainty.catalogue import MEASURES
from pytest_segrobust.requirements.vocabulary import Vocabulary, fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lark import Token

_SHOWN = 12  # names listed before "..."

# What a terminal is called in a message; (words that stand for it, tried as suggestions).
_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "METRIC": ("a measure", ()),
    "PERTURBATION": ("a perturbation", ()),
    "PARAMETER": ("a parameter", ()),
    "OPTION": ("a word", ()),
    "UNIT": ("a unit", ()),
    "TABLE": ("a table of severities", ()),
    "NUMBER": ("a number", ()),
    "WORD": ("a structure", ()),
    "QUOTED": ("a structure", ()),
    "BELOW": ("'below'", ("below", "less than")),
    "AT_MOST": ("'at most'", ("at most",)),
    "ABOVE": ("'above'", ("above", "greater than")),
    "AT_LEAST": ("'at least'", ("at least",)),
    "WITHIN": ("'within'", ("within",)),
    "PLUS_MINUS": ("'±'", ()),
    "EQUALS": ("'='", ()),
    "THEN": ("'followed by'", ("followed by",)),
    "UP_TO": ("'up to level'", ("up to level",)),
    "FOR_EACH": ("'for each'", ("for each",)),
    "IS": ("'is'", ("is",)),
    "OR": ("'or'", ("or",)),
    "UNCERTAINTY": ("'uncertainty'", ("uncertainty",)),
    "CORRELATES": ("'correlates with error'", ("correlates with error",)),
    "RISES": ("'rises with severity'", ("rises with severity",)),
    "SEPARATES": ("'separates errors with'", ("separates errors with",)),
    "REMOVING": ("'removing uncertain voxels'", ("removing uncertain voxels",)),
    "RAISES": ("'raises'", ("raises",)),
    "WRONG": ("'wrong voxels'", ("wrong voxels",)),
    "MORE_UNCERTAIN": ("'are more uncertain than right ones'", ("are more uncertain than right ones",)),
    "REFERRING": ("'referring'", ("referring",)),
    "OF_CASES": ("'of cases'", ("of cases",)),
    "OF_FAILURES": ("'of failures'", ("of failures",)),
    "ACROSS": ("'across severities'", ("across severities",)),
    "WITHIN_PATIENTS": ("'within patients'", ("within patients",)),
    "WITH_TAU": ("'with tau'", ("with tau",)),
    "COEFFICIENT": ("Spearman, Pearson or Kendall", ("Spearman", "Pearson", "Kendall")),
    "AUROC": ("'AUROC'", ("AUROC",)),
    "AUPR": ("'AUPR'", ("AUPR",)),
    "$END": ("the end", ()),
}
_IN_BOUNDS = {"BELOW": "'<'", "AT_MOST": "'<='", "ABOVE": "'>'", "AT_LEAST": "'>='"}
# Rarely what was meant; listing them would hide the rest.
_QUIET = {"MEAN", "RELATIVE", "ABSOLUTE", "PLUS_MINUS", "FROM", "QUOTED", "REFERRING", "ARTICLE", "WITH_CONFIDENCE"}


class MisreadError(SpecError):
    """A SpecError that names its place in the sentence already."""


def one_line(text: str) -> str:
    """The text on one line, without characters that would move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


def place(text: str, start: int, words: str, message: str) -> str:
    """The message with its column and words, and the sentence they stand in."""
    return one_line(f"at column {start + 1}, '{words}': {message} (in: {text})")


def unexpected(text: str, position: int, accepted: Sequence[str], read: Sequence[Token], words: Vocabulary) -> str:
    """The message for words that the grammar does not take at this place."""
    if read and read[-1].type == "AND" and "PARAMETER" in accepted:
        accepted = [*accepted, "PERTURBATION"]  # "and" joins perturbations too, where it can read the next one's name
    if "IS" in accepted and not _needs_more(read, words):
        accepted = [kind for kind in accepted if kind != "FOR"]
    rest = text[position:].strip()
    position = len(text) - len(text[position:].lstrip()) if rest else len(text)
    candidates = {word: kind for kind in accepted for word in _spellings(kind, read, words)}
    found, close = _closest(rest, list(candidates))
    likely = [candidates[close]] if close else []
    expected = _expected([*likely, *(kind for kind in accepted if kind not in likely)], read, words)
    meant = f"; did you mean '{close}'?" if close else ""
    if not rest:
        return one_line(f"the sentence stops too early: expected {expected} at its end (in: {text})")
    if rest.startswith('"') and "QUOTED" in accepted:
        meant = "; the quotation mark is never closed"
    return place(text, position, found, f"expected {expected}{meant}")


def _needs_more(read: Sequence[Token], words: Vocabulary) -> bool:
    """Whether the measure that was read is one of failures or falls, which say "for DSC below ..."."""
    keys = [words.metrics[fold(str(token))] for token in read if token.type == "METRIC"]
    return any(key in MEASURES and MEASURES[key].needs for key in keys)


def _spellings(kind: str, read: Sequence[Token], words: Vocabulary) -> tuple[str, ...]:
    """The words that could stand for a terminal here."""
    perturbation = next((token for token in reversed(read) if token.type == "PERTURBATION"), None)
    if kind == "PARAMETER" and perturbation is not None:
        known = words.perturbations[fold(str(perturbation))].parameters
        return tuple(name for name in known if fold(name) in words.parameters)
    if kind == "OPTION" and perturbation is not None:
        choices = words.perturbations[fold(str(perturbation))].parameters.values()
        return tuple(word for parameter in choices for word in getattr(parameter, "options", ()))
    if kind in words.spellings:
        return words.spellings[kind]
    return _KINDS[kind][1] if kind in _KINDS else (kind.lower(),)


def _expected(accepted: Sequence[str], read: Sequence[Token], words: Vocabulary) -> str:
    kinds = [token.type for token in read]
    in_bounds = "UNDER" in kinds and "WITH" in kinds[kinds.index("UNDER") :] and "IS" not in kinds
    named: list[str] = []
    for kind in accepted:
        if kind in _QUIET and len(accepted) > 1:
            continue
        name = _IN_BOUNDS.get(kind) if in_bounds else None
        name = name or (_KINDS[kind][0] if kind in _KINDS else f"'{kind.lower()}'")
        if kind in ("METRIC", "PERTURBATION", "PARAMETER", "OPTION", "TABLE"):
            listed = _names(kind, read, words)
            if not listed:
                continue
            more = ", ..." if len(listed) > _SHOWN else ""
            name += f" ({', '.join(listed[:_SHOWN])}{more})"
        named.append(name)
    return " or ".join(dict.fromkeys(named)) or "nothing more"


def _names(kind: str, read: Sequence[Token], words: Vocabulary) -> list[str]:
    """The main names of a kind, without synonyms."""
    if kind == "PERTURBATION":
        return list(dict.fromkeys(p.name for p in words.perturbations.values()))
    if kind == "METRIC":
        first: dict[str, str] = {}
        for word in words.spellings["METRIC"]:
            first.setdefault(words.metrics[fold(word)], word)
        return list(first.values())
    return list(_spellings(kind, read, words))


def _closest(rest: str, known: Sequence[str]) -> tuple[str, str | None]:
    """The words of the sentence that look most like a known word, and that word."""
    pieces = re.findall(r"[^\s,]+", rest)
    best: tuple[float, str, str | None] = (0.0, pieces[0] if pieces else rest[:1], None)
    for length in range(1, min(4, len(pieces)) + 1):
        found = " ".join(pieces[:length])
        for word in known:
            ratio = difflib.SequenceMatcher(None, fold(found), fold(word)).ratio()
            if ratio > max(best[0], 0.65):
                best = (ratio, found, word)
    return best[1], best[2]
