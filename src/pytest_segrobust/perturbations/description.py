"""What the catalogue says of itself, for people: every perturbation with its units, ranges, modality and flags."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .catalogue import Choice, Parameter, Perturbation, StructureName, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOMS = {
    "noise": "Noise",
    "intensity": "Intensity",
    "inverting": "Intensity",
    "blurring": "Sharpness",
    "compression": "Compression",
    "occluding": "Missing parts",
    "mr": "Magnetic resonance",
    "ct": "Computed tomography",
    "ultrasound": "Ultrasound",
    "geometry": "Geometry",
    "attacks": "Attacks",
}


def by_room() -> dict[str, list[Perturbation]]:
    """The catalogue under the headings of `ROOMS`, in their order, names in order within."""
    rooms: dict[str, list[Perturbation]] = {title: [] for title in ROOMS.values()}
    for perturbation in catalogue().values():
        rooms[ROOMS[_room(perturbation)]].append(perturbation)
    return {title: found for title, found in rooms.items() if found}


def flags(perturbation: Perturbation) -> list[str]:
    """What a user must know before choosing it, in words."""
    return [
        words
        for words, holds in (
            ("needs the model", perturbation.attack),
            ("random", perturbation.random),
            ("labels move along", perturbation.moves_labels),
            ("on one structure too", perturbation.local),
            ("differentiable", perturbation.differentiable),
        )
        if holds
    ]


def ways(perturbation: Perturbation) -> list[str]:
    """The sets of parameters of which one is stated, each as "rotation (deg) and translation (mm)"."""
    return [" and ".join(map(_name, group)) or "no parameters" for group in perturbation.alternatives]


def ranges(parameter: Parameter) -> tuple[str, str, str]:
    """What changes nothing, what is possible, and what is plausible, in the parameter's unit."""
    plausible = _between(*parameter.plausible) if parameter.plausible else "-"
    return _number(parameter.identity), _between(parameter.lowest, parameter.highest), plausible


def text(name: str | None = None) -> str:
    """The catalogue as a list for a terminal, or all about one perturbation."""
    return "\n".join(_details(catalogue()[name]) if name else _overview())


def markdown(name: str | None = None) -> str:
    """The catalogue as a page, one section per room, one table of parameters per perturbation; or one perturbation's."""
    if name is not None:
        return "\n".join(_section(catalogue()[name])).rstrip() + "\n"
    lines = []
    for title, perturbations in by_room().items():
        lines += [f"## {title}", ""]
        for perturbation in perturbations:
            lines += list(_section(perturbation))
    return "\n".join(lines).rstrip() + "\n"


def plain(name: str | None = None) -> list[dict[str, Any]]:
    """The catalogue, or one perturbation, as plain data; infinite values are the text "inf"."""
    return [
        {
            "name": p.name,
            "synonyms": list(p.synonyms),
            "summary": p.summary,
            "room": ROOMS[_room(p)],
            "modalities": list(p.modalities),
            "attack": p.attack,
            "random": p.random,
            "moves_labels": p.moves_labels,
            "local": p.local,
            "differentiable": p.differentiable,
            "alternatives": [[parameter.name for parameter in group] for group in p.alternatives],
            "parameters": {name: _plain(parameter) for name, parameter in p.parameters.items()},
            "source": p.source,
        }
        for p in catalogue().values()
        if name in (None, p.name)
    ]


def _overview() -> Iterator[str]:
    for title, perturbations in by_room().items():
        yield f"{title}"
        for p in perturbations:
            yield f"  {p.name:<24} {'; '.join(ways(p))}"
            yield f"  {'':<24} {_modalities(p)}{', '.join(flags(p))}"
        yield ""
    yield "All about one of them: segrobust perturbations NAME"


def _details(p: Perturbation) -> Iterator[str]:
    yield f"{p.name}: {p.summary}"
    if p.synonyms:
        yield f"  also called  {', '.join(p.synonyms)}"
    yield f"  modality     {', '.join(p.modalities)}"
    yield f"  flags        {', '.join(flags(p)) or 'none'}"
    yield f"  source       {p.source}"
    yield f"  stated by    {', or '.join(ways(p))}"
    for name, parameter in p.parameters.items():
        yield f"  {name}: {parameter.meaning}"
        if isinstance(parameter, Choice):
            yield f"    one of {', '.join(parameter.options)}"
        if isinstance(parameter, Parameter):
            identity, possible, plausible = ranges(parameter)
            unit = f" {parameter.unit}" if parameter.unit else ""
            yield f"    {identity}{unit} changes nothing; possible {possible}{unit}"
            yield (
                f"    plausible {plausible}{unit}, by {parameter.source}"
                if parameter.plausible
                else f"    {parameter.source}"
            )


def _section(p: Perturbation) -> Iterator[str]:
    yield f"### {p.name}"
    yield ""
    also = f" Also: {', '.join(p.synonyms)}." if p.synonyms else ""
    yield f"{_escaped(p.summary)}{also}"
    yield ""
    yield f"{_modalities(p)}{', '.join(flags(p)) or 'no flags'}. {_escaped(_sentence(p.source))}"
    yield f"State {', or '.join(f'`{way}`' for way in ways(p))}."
    yield ""
    if p.parameters:
        yield "| parameter | unit | meaning | changes nothing | possible | plausible, by |"
        yield "|---|---|---|---|---|---|"
    for name, parameter in p.parameters.items():
        if isinstance(parameter, Parameter):
            identity, possible, plausible = ranges(parameter)
            source = f"{plausible}: {_escaped(parameter.source)}" if parameter.plausible else _escaped(parameter.source)
            unit = parameter.unit or "-"
            yield f"| `{name}` | {unit} | {_escaped(parameter.meaning)} | {identity} | {possible} | {source} |"
        else:
            options = ", ".join(parameter.options) if isinstance(parameter, Choice) else "any structure"
            yield f"| `{name}` | - | {_escaped(parameter.meaning)} | - | {options} | - |"
    yield ""


def _room(perturbation: Perturbation) -> str:
    package = __name__.rpartition(".")[0]
    return perturbation.apply.__module__.removeprefix(f"{package}.").partition(".")[0]


def _modalities(p: Perturbation) -> str:
    return "" if p.modalities == ("any",) else f"{', '.join(p.modalities)}; "


def _name(parameter: Parameter | Choice | StructureName) -> str:
    return (
        f"{parameter.name} ({parameter.unit})"
        if isinstance(parameter, Parameter) and parameter.unit
        else parameter.name
    )


def _plain(parameter: Parameter | Choice | StructureName) -> dict[str, Any]:
    if isinstance(parameter, Choice):
        return {"options": list(parameter.options), "meaning": parameter.meaning}
    if not isinstance(parameter, Parameter):
        return {"structure": True, "meaning": parameter.meaning}
    numbers = {"identity": parameter.identity, "lowest": parameter.lowest, "highest": parameter.highest}
    return {
        "unit": parameter.unit,
        "scale": parameter.scale,
        "meaning": parameter.meaning,
        **{key: _number(value) if math.isinf(value) else value for key, value in numbers.items()},
        "plausible": [_number(v) if math.isinf(v) else v for v in parameter.plausible] if parameter.plausible else None,
        "source": parameter.source,
    }


def _between(low: float, high: float) -> str:
    return f"{_number(low)} and more" if math.isinf(high) else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return "inf" if math.isinf(value) else f"{value:.4g}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"


def _escaped(words: str) -> str:
    return words.replace("|", "\\|")
