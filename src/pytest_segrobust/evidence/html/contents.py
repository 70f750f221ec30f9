"""The table of contents: every section of the report in its order, with the anchor that links lead to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A heading: `number` is a text, as appendices have letters; also the name of its template."""

    anchor: str
    number: str
    title: str


_TITLES = {
    "identification": "Identification",
    "scope": "Purpose, scope and operating range",
    "trace": "Traceability",
    "method": "Method",
    "data": "Data",
    "environment": "Environment and software of unknown provenance",
    "verdicts": "Results",
    "requirements": "Results, requirement by requirement",
    "agreement": "Quantitative agreement of volumes",
    "uncertainty": "Uncertainty",
    "subgroups": "Subgroups",
    "repeatability": "Repeatability",
    "gallery": "Failure gallery",
    "deviations": "Anomalies, deviations and retests",
    "release": "Comparison with the previous release",
    "limits": "Limitations and residual risk",
    "qualification": "Qualification of the tool",
    "sign_off": "Conclusion and sign-off",
}
_APPENDICES = {"clauses": "Where to find what"}

SECTIONS = (
    *(Section(anchor, str(number), title) for number, (anchor, title) in enumerate(_TITLES.items(), 1)),
    *(Section(anchor, letter, title) for letter, (anchor, title) in zip("ABCD", _APPENDICES.items(), strict=False)),
)
BY_ANCHOR = {section.anchor: section for section in SECTIONS}
