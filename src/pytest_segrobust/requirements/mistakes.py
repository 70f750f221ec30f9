"""What pydantic found wrong with the tables of a file, as one line for its author."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from pytest_segrobust.requirements.requirement_table import RequirementTable
from pytest_segrobust.requirements.settings import SpecFile
from pytest_segrobust.requirements.vocabulary import nearest

if TYPE_CHECKING:
    from pytest_segrobust.requirements.lines import Path

_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text in quotation marks",
    "bool_type": "true or false",
    "list_type": "a list in [ ]",
    "tuple_type": "a list in [ ]",
    "dict_type": "a table, { key = value }",
    "model_type": "a table, { key = value }",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}
_TABLES = {
    "model": "write a table [model] with classes = { name = channel }",
    "data": "write a table [data] with images, labels and patient",
    "classes": "name each structure with its channel, such as classes = { anterior = 1 }",
    "id": 'give each [[requirement]] a name, such as id = "ROB-001"',
}


def explained(error: ValidationError, raw: dict[str, Any]) -> tuple[Path, str]:
    """Where in the file the first mistake is, and what could stand there; a misspelt key goes before what it left out."""
    errors = sorted(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    path = _path(errors[0], raw)
    together = [found for found in errors if _path(found, raw) == path]
    others = len({_path(found, raw) for found in errors}) - 1
    more = f" (and {others} more mistake{'s' if others > 1 else ''})" if others else ""
    return path, _message(path, together) + more


def where(path: Path, raw: dict[str, Any]) -> str:
    """The place as the author knows it: "[model] classes.lung", "requirement ROB-001, statement"."""
    if not path:
        return "the file"
    if path[0] == "requirement" and len(path) > 1 and isinstance(path[1], int):
        table = raw["requirement"][path[1]]
        given = table.get("id") if isinstance(table, dict) else None
        name = f"requirement {given}" if isinstance(given, str) else f"requirement number {path[1] + 1}"
        rest = path[2:]
        return f"{name}, {_dotted(rest)}" if rest else name
    return f"[{path[0]}] {_dotted(path[1:])}" if len(path) > 1 else f"[{path[0]}]"


def _dotted(path: Path) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)


def _path(found: Any, raw: dict[str, Any]) -> Path:
    """The location without pydantic's names for the members of a union, which are no keys of the file."""
    path: list[str | int] = []
    here: Any = raw
    for part in found["loc"]:
        inside = (isinstance(here, dict) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        )
        if inside:
            here = here[part]
            path.append(part)
    if found["type"] == "missing":
        path.append(found["loc"][-1])
    return tuple(path)


def _message(path: Path, errors: list[Any]) -> str:
    first = errors[0]
    kind, context = first["type"], first.get("ctx") or {}
    if kind == "extra_forbidden":
        known = _keys(path[:-1])
        close = nearest(str(path[-1]), known)
        meant = f"; did you mean '{close}'?" if close else ""
        return f"unknown key{meant} (known: {', '.join(known)})"
    if kind == "missing":
        return f"is missing; {_TABLES.get(str(path[-1]), _description(path) or 'write it')}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"{first['input']!r} may hold letters, digits, '.', '_' and '-' only, and starts with a letter or digit"
    if kind == "list_type" and path == ("requirement",):
        return "requirements stand under [[requirement]], in double brackets"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"must be {words} {context[key]:g}, not {first['input']!r}"
    if kind == "literal_error":
        given = first["input"]
        return f"must be {context['expected']}, not {given!r}"
    wanted = list(dict.fromkeys(_KINDS[found["type"]] for found in errors if found["type"] in _KINDS))
    described = f" ({text})" if (text := _description(path)) else ""
    if wanted:
        return f"must be {' or '.join(wanted)}, not {_short(first['input'])}{described}"
    return f"{first['msg'].lower()}, not {_short(first['input'])}{described}"


def _short(value: Any) -> str:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _tables_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for part in get_args(annotation) for table in _tables_in(part)]


def _around(path: Path) -> list[type[BaseModel]]:
    """The tables that could stand at a path."""
    tables: list[type[BaseModel]] = [SpecFile]
    for part in path:
        if isinstance(part, str):
            fields = [table.model_fields[part] for table in tables if part in table.model_fields]
            tables = [found for field in fields for found in _tables_in(field.annotation)]
    return tables


def _keys(path: Path) -> list[str]:
    known = [key for table in _around(path) for key in table.model_fields]
    if _around(path) == [RequirementTable]:
        known.sort(key=lambda key: key not in ("id", "statement"))
    return known


def _description(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    for end in range(len(names), 0, -1):
        for table in _around(tuple(names[: end - 1])):
            field = table.model_fields.get(names[end - 1])
            if field is not None:
                return field.description or ""
    return ""
