"""Cases from file name patterns: `imagesTs/*.nii.gz`, `{patient}/{slice}.png`, one pattern per channel."""

from __future__ import annotations

import glob
import os
import re
from typing import TYPE_CHECKING

from ..errors import DataError
from .case import Case
from .names import PLACEHOLDER, fill, without_ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..requirements.settings import DataSettings


def cases_by_pattern(settings: DataSettings, root: Path) -> Iterator[Case]:
    """The files that the images pattern (the first of a list) matches, with their further channels and labels.

    `*` matches within a folder's or file's name, `**` any number of folders. `{name}` is what it matches where the
    pattern has it, otherwise the file's name without ending; a repeated placeholder must match the same text.
    The case's id is `{name}`; where folders vary and the pattern has no {name}, it is the path from there on.
    Raises DataError where nothing matches, or a file name can be read in two ways.
    """
    patterns = [settings.images] if isinstance(settings.images, str) else list(settings.images or [])
    if not patterns or settings.patient is None:
        raise DataError(
            "[data] images and patient are needed; give a pattern of file names and who counts as one patient"
        )
    matches = list(_matches(patterns[0], root))
    if not matches:
        raise DataError(
            f"[data] images matches no file: {root.absolute() / patterns[0]}; correct the pattern or the data folder"
        )
    for path, identity, values in matches:
        out = identity in settings.exclude  # an excluded case need not be whole
        others = [] if out else [_companion(one, "images", values, root) for one in patterns[1:]]
        label = None if out or settings.labels is None else _companion(settings.labels, "labels", values, root)
        metadata = {key: value for key, value in values.items() if key not in ("name", "patient")}
        patient = fill(settings.patient, values, key="patient")
        yield Case(identity, patient, (path, *others), label, metadata)


def _matches(pattern: str, root: Path) -> Iterator[tuple[Path, str, dict[str, str]]]:
    pattern = _tidy(pattern)
    if set("{}") & set(PLACEHOLDER.sub("", pattern)):
        raise DataError(f'[data] images = "{pattern}" has a brace that is no placeholder such as {{name}}')
    greedy, lazy = (re.compile(_expression(pattern, quantifier)) for quantifier in ("+", "+?"))
    wild = "".join(
        "*" if PLACEHOLDER.fullmatch(part) else part if part == "*" else glob.escape(part) for part in _parts(pattern)
    )
    for found in sorted(glob.glob(wild, root_dir=root, recursive=True)):  # noqa: PTH207  names relative to root, links followed
        text = found.replace(os.sep, "/")
        longest, shortest = greedy.fullmatch(text), lazy.fullmatch(text)
        if longest is None or shortest is None or not (root / found).is_file():
            continue  # such as a repeated placeholder that would stand for two different texts
        values = longest.groupdict()
        if values != shortest.groupdict():
            _refuse_ambiguous(text, pattern, values, shortest.groupdict())
        named = "name" in values
        values["name"] = without_ending(values["name"] if named else text.rpartition("/")[2])
        yield root / found, values["name"] if named else _identity(text, pattern), values


def _tidy(pattern: str) -> str:
    """The pattern without `./` and `//`; `..` stays, it may lead through a symbolic link."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    return ("/" if pattern.startswith("/") else "") + "/".join(parts)


def _parts(pattern: str) -> Iterator[str]:
    """The pattern cut into placeholders, stars and literal text."""
    return (part for part in re.split(r"(\{[A-Za-z_][A-Za-z0-9_]*\}|\*)", pattern) if part)


def _expression(pattern: str, quantifier: str) -> str:
    """A regular expression with a group per placeholder; `quantifier` makes all of them long or short."""
    expression, seen = "", set[str]()
    for part in re.split(r"(\*\*/|\{[A-Za-z_][A-Za-z0-9_]*\}|\*)", pattern):
        placeholder = PLACEHOLDER.fullmatch(part)
        if part == "**/":
            expression += "(?:.*/)?"
        elif part == "*":
            expression += "[^/]*" if quantifier == "+" else "[^/]*?"
        elif placeholder is None:
            expression += re.escape(part)
        elif (name := placeholder.group(1)) in seen:
            expression += f"(?P={name})"
        else:
            seen.add(name)
            expression += f"(?P<{name}>[^/]{quantifier})"
    return expression


def _refuse_ambiguous(text: str, pattern: str, one: Mapping[str, str], other: Mapping[str, str]) -> None:
    name = next(key for key in one if one[key] != other[key])
    raise DataError(
        f'[data] images = "{pattern}" reads {text} in two ways: {{{name}}} may be "{one[name]}" or "{other[name]}"; '
        "put more fixed text or more placeholders into the pattern, or list the cases in a .csv"
    )


def _identity(text: str, pattern: str) -> str:
    """The path from the first folder that varies on, or the file's name where only that varies."""
    folders = pattern.split("/")[:-1]
    fixed = next((place for place, part in enumerate(folders) if "*" in part or PLACEHOLDER.search(part)), len(folders))
    return without_ending("/".join(text.split("/")[fixed:]))


def _companion(pattern: str, key: str, values: Mapping[str, str], root: Path) -> Path:
    """The label or further channel of a case; where a pattern with `*` finds none, the path is left to `Dataset.check`."""
    filled = fill(
        pattern, {name: glob.escape(value) if "*" in pattern else value for name, value in values.items()}, key=key
    )
    if "*" not in pattern:
        return root / _tidy(filled)
    found = sorted(glob.glob(_tidy(filled), root_dir=root, recursive=True))  # noqa: PTH207
    if len(found) > 1:
        names = ", ".join(found[:2])
        raise DataError(
            f'case {values["name"]}: [data] {key} = "{pattern}" matches {len(found)} files ({names} ...); '
            "use the placeholders of the first images pattern, such as {name}, so that one is left"
        )
    return root / (found[0] if found else _tidy(filled))
