"""Names of files and what patterns make of them: endings, placeholders, the nearest known word."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from ..errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".png", ".tiff", ".tif")
PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def ending(name: str) -> str | None:
    """The ending of an image file that can be read, or None."""
    return next((known for known in ENDINGS if name.lower().endswith(known)), None)


def without_ending(name: str) -> str:
    """The file's name without the ending of its format: "liver_01.nii.gz" is "liver_01"."""
    return name[: -len(known)] if (known := ending(name)) else name


def fill(template: str, values: Mapping[str, str], *, key: str) -> str:
    """Put the values in the place of `{name}`, `{patient}` and the like.

    Raises DataError, naming the key of [data], where a placeholder has no value or a brace is left over.
    """
    for name in PLACEHOLDER.findall(template):
        if name not in values:
            known = ", ".join(f"{{{each}}}" for each in sorted(values))
            raise DataError(f'[data] {key} = "{template}" has {{{name}}}, which nothing gives; known here: {known}')
    if set("{}") & set(PLACEHOLDER.sub("", template)):
        raise DataError(f'[data] {key} = "{template}" has a brace that is no placeholder such as {{name}}')
    return PLACEHOLDER.sub(lambda found: values[found.group(1)], template)


def nearest(word: str, known: Collection[str]) -> str:
    """The words "; did you mean ...?" with the nearest known name, or which names there are."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    some = sorted(known)[:3]
    return f"; there are {', '.join(some)}{' ...' if len(known) > len(some) else ''}" if some else ""
