"""A requirement file: read, checked and hashed, without loading anything heavy."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pytest_segrobust.errors import SpecError
from pytest_segrobust.requirements import long_form, tiers
from pytest_segrobust.requirements.canonical import canonical, sha256
from pytest_segrobust.requirements.cautions import cautions, not_in_hounsfield_units
from pytest_segrobust.requirements.levels import each
from pytest_segrobust.requirements.lines import line_of
from pytest_segrobust.requirements.measure import needs_reference, score_key, words
from pytest_segrobust.requirements.misreading import one_line
from pytest_segrobust.requirements.mistakes import explained, where
from pytest_segrobust.requirements.requirement import Options
from pytest_segrobust.requirements.sentence import parse, render
from pytest_segrobust.requirements.settings import AttackSettings, DataSettings, ModelSettings, SpecFile, TraceSettings
from pytest_segrobust.requirements.vocabulary import catalogue_or, nearest

if TYPE_CHECKING:
    from pytest_segrobust.requirements.decision_settings import DecisionSettings
    from pytest_segrobust.requirements.lines import Path as Keys
    from pytest_segrobust.requirements.requirement import Domain, Requirement
    from pytest_segrobust.requirements.requirement_table import RequirementTable
    from pytest_segrobust.requirements.vocabulary import Catalogue


@dataclass(frozen=True)
class Spec:
    """What a requirement file claims.

    `sha256` is of the canonical form: comments, order of keys, spaces and synonyms do not change it, any change of
    meaning does. `text_sha256` is of the file's bytes. `warnings` are for the reader of the report.
    """

    path: Path
    model: ModelSettings
    data: DataSettings
    decision: DecisionSettings
    requirements: tuple[Requirement, ...]
    sha256: str
    text_sha256: str
    warnings: tuple[str, ...] = ()
    attack: AttackSettings = field(default_factory=AttackSettings)
    trace: TraceSettings = field(default_factory=TraceSettings)
    canonical: str = ""  # the text that `sha256` is of


class _File:
    """The file being read: its text and tables, for errors that name the line and the key."""

    def __init__(self, path: Path) -> None:
        self.name = _shown(path)
        self.content = _content(path, self.name)
        self.text, self.tables = _tables(self.content, self.name)

    def error(self, keys: Keys, message: str) -> SpecError:
        line = line_of(self.text, keys)
        place = f"{self.name}:{line}" if line else self.name
        return SpecError(one_line(f"{place}: {where(keys, self.tables)}: {message}"))


def load(path: Path, catalogue: Catalogue | None = None) -> Spec:
    """The checked contents of a requirement file.

    Raises SpecError, one line that names the file, the line, the key, and what could stand there.
    """
    file = _File(path)
    try:
        # As JSON, since only there "strict" means what TOML means: a list may fill a tuple, "3" is no number.
        parsed = SpecFile.model_validate_json(json.dumps(file.tables), strict=True)
    except TypeError:
        raise SpecError(f"{file.name}: dates and times mean nothing here; put them in quotation marks") from None
    except ValidationError as error:
        raise file.error(*explained(error, file.tables)) from None
    _check_data(file, parsed.data)
    requirements = _requirements(file, parsed, catalogue)
    text = canonical(parsed, requirements, catalogue)
    return Spec(
        path=path,
        model=parsed.model,
        data=parsed.data,
        decision=parsed.decision,
        requirements=requirements,
        sha256=sha256(text),
        text_sha256=hashlib.sha256(file.content).hexdigest(),
        warnings=(
            *not_in_hounsfield_units(requirements, parsed.data),
            *cautions(requirements, tuple(parsed.model.classes), catalogue),
        ),
        attack=parsed.attack,
        trace=parsed.trace,
        canonical=text,
    )


def _shown(path: Path) -> str:
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _content(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(one_line(f"{name} cannot be read: {os.strerror(error.errno or 0)}")) from None


def _tables(content: bytes, name: str) -> tuple[str, dict[str, Any]]:
    try:
        text = content.decode("utf-8-sig")  # Windows editors put a mark in front
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SpecError(
            f"{name}:{line}: not UTF-8 (byte 0x{content[error.start]:02x}); save the file as UTF-8"
        ) from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(one_line(f"{name}: not TOML: {error}")) from None
    except (RecursionError, ValueError) as error:  # nested a thousandfold; a number of ten thousand digits
        raise SpecError(one_line(f"{name}: cannot be read as TOML: {error}")) from None


def _check_data(file: _File, data: DataSettings) -> None:
    sources = [key for key in ("images", "cases", "decathlon") if getattr(data, key) is not None]
    if len(sources) != 1:
        stated = " and ".join(sources) or "none"
        raise file.error(
            ("data",),
            f"state where the images are, one of images (a pattern), cases (a .csv), decathlon (a folder); not {stated}",
        )
    if data.patient is None and sources != ["cases"]:
        raise file.error(
            ("data",),
            'say who counts as one patient: patient = "{name}" if every image is another patient\'s, or a pattern of the '
            "part of the name that says who; it is never guessed",
        )

    if data.overlap is not None and not data.overlap.strip():
        raise file.error(("data", "overlap"), "say why test cases may stand among the training data, or leave it out")
    if data.train is None and (data.overlap is not None or data.train_patient is not None):
        key = "overlap" if data.overlap is not None else "train_patient"
        raise file.error(("data", key), "goes with train, which names the training data; add it or leave this out")


def _requirements(file: _File, parsed: SpecFile, catalogue: Catalogue | None) -> tuple[Requirement, ...]:
    twice = [name for name, count in Counter(table.id for table in parsed.requirement).items() if count > 1]
    if twice:
        first, second = [index for index, table in enumerate(parsed.requirement) if table.id == twice[0]][:2]
        earlier = line_of(file.text, ("requirement", first, "id"))
        raise file.error(("requirement", second, "id"), f"stands on line {earlier} already; give each its own id")
    found = [
        requirement
        for index, table in enumerate(parsed.requirement)
        for one in _each(file, index, table, catalogue)
        for requirement in [_requirement(file, index, one, parsed, catalogue)]
    ]
    names = Counter(requirement.id for requirement in found)
    for index, table in enumerate(parsed.requirement):
        if names[table.id] > 1:
            raise file.error(("requirement", index, "id"), "an 'each perturbation' has this id too; choose another")
    return tuple(found)


def _each(
    file: _File, index: int, table: RequirementTable, catalogue: Catalogue | None
) -> tuple[RequirementTable, ...]:
    """The table itself; for a statement on "each perturbation" one table per perturbation: ROB-001.gaussian-noise."""
    try:
        statements = each(" ".join((table.statement or "").split()), catalogue_or(catalogue))
    except SpecError as error:
        raise file.error(("requirement", index, "statement"), str(error)) from None
    if statements is None:
        return (table,)
    if keys := long_form.stated(table):
        raise file.error(
            ("requirement", index, keys[0]),
            "'each perturbation' is several requirements, which keys cannot repeat; leave out " + ", ".join(keys),
        )
    return tuple(
        table.model_copy(update={"id": f"{table.id}.{suffix}", "statement": statement})
        for suffix, statement in statements.items()
    )


def _requirement(
    file: _File, index: int, table: RequirementTable, parsed: SpecFile, catalogue: Catalogue | None
) -> Requirement:
    here: Keys = ("requirement", index)
    try:
        claim = _claim(table, catalogue)
    except SpecError as error:
        raise file.error(here if table.statement is None else (*here, "statement"), str(error)) from None
    _check_structures(file, here, claim, parsed)
    _check_uncertainty(file, here, claim, parsed)
    tier = tiers.tier(claim, catalogue)
    if table.gate is False and tier == "plausible":
        raise file.error(
            (*here, "gate"),
            "its ranges are those that a clinic meets, so it gates; gate = false is for stress tests that "
            "gate_stress = true would make gate",
        )
    return replace(
        claim,
        id=table.id,
        confidence=claim.confidence if claim.confidence_stated else parsed.decision.confidence,
        rationale=table.rationale,
        risks=tuple(table.risks),
        tags=tuple(table.tags),
        statement=table.statement or render(claim, catalogue),
        line=line_of(file.text, (*here, "id")),
        tier=tier,
        gates=tier == "plausible" or (parsed.decision.gate_stress if table.gate is None else table.gate),
    )


def _claim(table: RequirementTable, catalogue: Catalogue | None) -> Requirement:
    """The claim of the sentence or the keys; where both are there they must say the same."""
    if table.statement is None:
        return long_form.read(table, catalogue)
    claim = parse(table.statement, catalogue)
    if table.confidence is not None:
        if claim.confidence_stated and claim.confidence != table.confidence:
            raise SpecError(f"it says {claim.confidence:g} confidence, the key beside it {table.confidence:g}")
        claim = replace(claim, confidence=table.confidence, confidence_stated=True)
    if keys := long_form.stated(table):
        try:
            spelt = long_form.read(table, catalogue)
        except SpecError as error:
            raise SpecError(f"{error} (of the keys beside the statement; leave out {', '.join(keys)})") from None
        spelt = replace(spelt, confidence=claim.confidence, confidence_stated=claim.confidence_stated)
        if spelt.claim != claim.claim:
            raise SpecError(
                f"it says '{render(claim, catalogue)}', the keys beside it '{render(spelt, catalogue)}'; state it once"
            )
    return claim


def _check_structures(file: _File, here: Keys, claim: Requirement, parsed: SpecFile) -> None:
    key = (*here, "statement") if claim.statement else here
    known = list(parsed.model.classes)
    perturbed = [name for domain in claim.domains for name in (domain.on, *_targeted(domain))]
    for name in (claim.structure, *perturbed):
        if name is not None and name not in known:
            close = nearest(name, known)
            meant = f"; did you mean '{close}'?" if close else ""
            raise file.error(key, f"no structure '{name}' in [model] classes{meant} (known: {', '.join(known)})")
    unlabelled = parsed.data.images is not None and parsed.data.labels is None
    needing = [words(claim.measure)] if needs_reference(claim.measure) else []
    needing += [f"{domain.perturbation} on {domain.on}" for domain in claim.domains if domain.on is not None]
    if unlabelled and needing:
        raise file.error(key, f'{needing[0]} needs labels; add labels = "labels/{{name}}.nii.gz" to [data]')


def _check_uncertainty(file: _File, here: Keys, claim: Requirement, parsed: SpecFile) -> None:
    """A map of labels is as sure of everything; only votes of several passes or checkpoints differ."""
    stated = parsed.model.uncertainty
    of_one = stated is None or stated.method == "softmax"
    if score_key(claim.measure) == "uncertainty" and parsed.model.outputs == "labels" and of_one:
        raise file.error(
            (*here, "statement") if claim.statement else here,
            f"{words(claim.measure)} needs an uncertainty, and [model] outputs = 'labels' has none; write outputs = "
            "'logits' for a network that returns them, or uncertainty = 'ensemble' for several checkpoints that vote",
        )


def _targeted(domain: Domain) -> tuple[str, ...]:
    """The structures that a targeted attack leads from and to; it may also lead to the background, which has no name."""
    return tuple(
        spread.words[0]
        for spread in domain.ranges
        if isinstance(spread, Options)
        and (spread.parameter == "source" or (spread.parameter == "target" and spread.words != ("background",)))
    )
