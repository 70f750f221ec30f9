"""Checking a bundle, the folder that it was unpacked to, or a report folder, for any change."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from pytest_segrobust.errors import EvidenceError

from .archive import Archive
from .consistency import Finding, inconsistencies, report_of
from .contents import open_contents, sha256
from .manifest import NAME, read_manifest
from .signature import PUBLIC_KEY, SIGNATURE, fingerprint, is_signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contents import Contents


# a link, a member whose header or checksum is wrong: in a bundle it is a change, and no reason to stop looking
_UNREADABLE = (EvidenceError, OSError, ValueError, RuntimeError, NotImplementedError, EOFError, BadZipFile)


@dataclass(frozen=True)
class Checked:
    """What a check has found: changes, what could not be told, and lines on what was looked at."""

    changes: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing was found to be changed."""
        return not self.changes


def check(path: Path, key: str = "") -> Checked:
    """Look for any change; with `key`, a public key file or a fingerprint, also for the signature of that key.

    Raises EvidenceError where there is nothing that can be checked: no such file, no zip, no report.
    """
    wanted = _fingerprint_of(key) if key else ""
    with open_contents(path) as contents:
        facts: list[str] = []
        if NAME in contents.names:
            findings = list(_files(contents))
            facts += _under(contents)
            findings += _signature(contents, wanted, facts)
        else:
            findings = [
                Finding(f"no {NAME} here: only what report.json says again elsewhere was checked", changed=False)
            ]
            if wanted:
                findings.append(Finding(f"not signed: a report folder has no {SIGNATURE}"))
        try:
            report = report_of(contents)
        except _UNREADABLE as error:
            if NAME not in contents.names:
                raise
            findings.append(Finding(str(error)))
        else:
            findings += _inconsistencies(contents, report)
            facts.append(f"run {report.get('run_id')}: {report.get('verdict')}, {_standing(report)}".replace("_", " "))
        if isinstance(contents, Archive) and not _as_written(contents, path):
            findings.append(
                Finding(
                    "the archive is not as segrobust bundle wrote it: changed outside of its files, or packed again"
                )
            )
    changes = [finding.text for finding in findings if finding.changed]
    return Checked(changes, [finding.text for finding in findings if not finding.changed], facts)


def _under(contents: Contents) -> Iterator[str]:
    with suppress(*_UNREADABLE):
        yield f"{len(contents.names)} files under {NAME}, whose SHA-256 is {sha256(contents, NAME)}"


def _files(contents: Contents) -> Iterator[Finding]:
    """Every file against the manifest, in both directions."""
    try:
        with contents.open(NAME) as stream:
            listed = read_manifest(stream.read())
    except _UNREADABLE as error:
        yield Finding(str(error))
        return
    for name in sorted(listed.keys() | set(contents.names) - {NAME, SIGNATURE}):
        if name not in contents.names:
            yield Finding(f"{name}: is missing")
        elif name not in listed:
            yield Finding(f"{name}: was added, the manifest does not know it")
        elif name in (NAME, SIGNATURE):
            yield Finding(f"{name}: cannot stand in the manifest")
        else:
            try:
                same = sha256(contents, name) == listed[name]
            except _UNREADABLE as error:
                yield Finding(f"{name}: cannot be read ({error})")
                continue
            if not same:
                yield Finding(f"{name}: has changed")


def _inconsistencies(contents: Contents, report: dict[str, Any]) -> Iterator[Finding]:
    try:
        yield from inconsistencies(contents, report)
    except _UNREADABLE as error:
        yield Finding(f"the files of the run cannot be compared: {error}")
    except (KeyError, TypeError, AttributeError, IndexError):  # keys of another kind than any run writes
        yield Finding("report.json: not of the form that a run writes")


def _as_written(archive: Archive, path: Path) -> bool:
    try:
        return archive.is_as_written(path)
    except _UNREADABLE:
        return False


def _signature(contents: Contents, wanted: str, facts: list[str]) -> Iterator[Finding]:
    if SIGNATURE not in contents.names:
        if PUBLIC_KEY in contents.names:
            yield Finding(f"{SIGNATURE}: is missing, and {PUBLIC_KEY} says that there was one")
        elif wanted:
            yield Finding(f"not signed, and the signature of {wanted[:16]}... was asked for")
        else:
            facts.append("not signed: what ties the manifest to anybody must be kept elsewhere")
        return
    if PUBLIC_KEY not in contents.names:
        yield Finding(f"{PUBLIC_KEY}: is missing, so the signature says nothing")
        return
    parts = {}
    try:
        for name in (NAME, SIGNATURE, PUBLIC_KEY):
            with contents.open(name) as stream:
                parts[name] = stream.read()
        found = fingerprint(parts[PUBLIC_KEY])
        good = is_signed(parts[PUBLIC_KEY], parts[NAME], parts[SIGNATURE])
    except _UNREADABLE as error:
        yield Finding(str(error))
        return
    if not good:
        yield Finding(f"{SIGNATURE}: is not the signature of {NAME} by the key in {PUBLIC_KEY}")
    elif wanted and found != wanted:
        yield Finding(f"signed by {found}, not by {wanted}")
    else:
        known = "as asked for" if wanted else "compare it with the fingerprint that you were told"
        facts.append(f"signed by the key {found}: {known}")


def _fingerprint_of(key: str) -> str:
    """The fingerprint that a key file has, or that was given as such."""
    text = key.strip().lower().replace(":", "")
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        return text
    try:
        return fingerprint(Path(key).read_bytes())
    except OSError:
        raise EvidenceError(f"{key}: neither a file with a public key nor a fingerprint of 64 digits") from None


def _standing(report: dict[str, Any]) -> str:
    record = report.get("record")
    return str(record.get("state")) if isinstance(record, dict) else "its standing was not recorded"
