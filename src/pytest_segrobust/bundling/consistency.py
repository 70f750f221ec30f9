"""Whether the files of one run say the same: store, report.json, report.html, and what lies beside them."""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
import zlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_segrobust import __version__
from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence import companions, lock
from pytest_segrobust.evidence.report import FILE_NAME, build_report
from pytest_segrobust.evidence.store import Store

from .archive import CHUNK
from .contents import sha256
from .renderings import DOCUMENT, digests_in, renderings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contents import Contents

PAGE = "report.html"
STORE = "run.sqlite"
SPEC_FOLDER = "spec/"
_DATA = re.compile(
    r'<script type="application/json" id="report"( data-encoding="gzip\+base64")?>(.*?)</script>', re.DOTALL
)
_DRAWING = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_SAID = re.compile(r"<(?:title|desc|text)\b[^>]*>(.*?)</|\b(?:aria-label|class)=\"([^\"]*)\"", re.DOTALL)
# A run and the one who checks it may have other home folders, which no finding depends on.
_HOME = re.compile(r"(?:/home/[^/\s\"']+|/Users/[^/\s\"']+|/root|[A-Za-z]:\\+Users\\+[^\\\s\"']+)(?=[/\\])")
_UNTOLD = object()


@dataclass(frozen=True)
class Finding:
    """One line on what was seen; `changed` is False where it is only something that could not be told."""

    text: str
    changed: bool = True


def report_of(contents: Contents) -> dict[str, Any]:
    """report.json. EvidenceError where there is none, or it is not strict JSON."""
    if FILE_NAME not in contents.names:
        raise EvidenceError(f"{FILE_NAME} is missing: there is no report here")
    with contents.open(FILE_NAME) as stream:
        found = _json(stream.read())
    if not isinstance(found, dict) or "requirements" not in found:
        raise EvidenceError(f"{FILE_NAME}: not the report of a run")
    return found


def inconsistencies(contents: Contents, report: dict[str, Any]) -> Iterator[Finding]:
    """What contradicts report.json, each in one line: whoever edits one file by hand has to edit them all."""
    yield from _companions(contents, report)
    yield from _renderings(contents, report)
    yield from _document(contents)
    yield from _requirement_file(contents, report)
    yield from _locks(contents, report)
    with tempfile.TemporaryDirectory(prefix="segrobust-") as folder:
        here = Path(folder)
        # a run that was killed, or still goes on, has a part of its store beside it
        for name in (FILE_NAME, STORE, f"{STORE}-wal", "comparison.json"):
            if name in contents.names:
                with contents.open(name) as source, (here / name).open("wb") as target:
                    shutil.copyfileobj(source, target, CHUNK)
        if STORE in contents.names:
            yield from _store(here / STORE, report)
        else:
            yield Finding(f"{STORE} is missing: nothing is left to check {FILE_NAME} against")
        if PAGE in contents.names:
            with contents.open(PAGE) as stream:
                yield from _page(stream.read(), report, here)


def _store(path: Path, report: dict[str, Any]) -> Iterator[Finding]:
    try:
        with Store.open(path) as store:
            rebuilt = json.loads(json.dumps(build_report(store)))
    except (EvidenceError, ValueError, KeyError, TypeError) as error:
        yield Finding(f"{STORE}: cannot be read as the store of this report ({error})")
        return
    same_tool = rebuilt.pop("tool", None) == report.get("tool")
    keys = (rebuilt.keys() | report.keys() - {"tool"}) if same_tool else rebuilt.keys() & report.keys()
    for key in sorted(keys):
        one, other = report.get(key, _UNTOLD), rebuilt.get(key, _UNTOLD)
        if key == "requirements" and isinstance(one, list) and isinstance(other, list):
            yield from _requirements(one, other, same_tool=same_tool)
        elif _homeless(one) != _homeless(other):
            yield Finding(f"{FILE_NAME}: {key} is not what {STORE} holds")


def _requirements(said: list[Any], stored: list[Any], *, same_tool: bool) -> Iterator[Finding]:
    names = [[entry.get("id") if isinstance(entry, dict) else None for entry in entries] for entries in (said, stored)]
    if names[0] != names[1]:
        yield Finding(f"{FILE_NAME}: its requirements are not those of {STORE}")
        return
    for one, other in zip(said, stored, strict=True):
        keys = (one.keys() | other.keys()) if same_tool else one.keys() & other.keys()
        changed = [
            key for key in sorted(keys) if _homeless(one.get(key, _UNTOLD)) != _homeless(other.get(key, _UNTOLD))
        ]
        if changed:
            yield Finding(f"{FILE_NAME}: {', '.join(changed)} of {one['id']} is not what {STORE} holds")


def _page(content: bytes, report: dict[str, Any], folder: Path) -> Iterator[Finding]:
    text = content.decode("utf-8", errors="replace")
    found = _DATA.findall(text)
    if len(found) != 1:
        yield Finding(f"{PAGE}: the data of the run do not stand in it once")
        return
    encoding, data = found[0]
    try:
        inside = _json(_unpacked(data, most=2 * len(json.dumps(report))) if encoding else data.encode("utf-8"))
    except EvidenceError:
        inside = None
    if inside != report:
        yield Finding(f"{PAGE}: the data in it are not those of {FILE_NAME}")
        return
    if not _same_version(report):
        yield Finding(f"{PAGE}: written by another version of this tool, so its text was not compared", changed=False)
        return
    again, text = _rendered(folder), _DATA.sub("", text)  # packed data differ between versions of zlib
    if again is None:
        yield Finding(f"{PAGE}: cannot be drawn here, so its text was not compared", changed=False)
    elif _DRAWING.sub(_words, again) != _DRAWING.sub(_words, text):
        yield Finding(f"{PAGE}: its text is not what {FILE_NAME} gives")
    elif again != text:
        same = _packages(report).get("matplotlib") == version("matplotlib")
        why = (
            "its figures are not what the store gives" if same else "drawn by another matplotlib: figures not compared"
        )
        yield Finding(f"{PAGE}: {why}", changed=same)


def _unpacked(data: str, *, most: int) -> bytes:
    """What a large report's data are packed from; never more than `most` bytes. EvidenceError where it is not that."""
    try:
        unpacking = zlib.decompressobj(wbits=31)  # gzip
        content = unpacking.decompress(base64.b64decode(data, validate=True), most)
    except (ValueError, zlib.error):
        content = b""
    if not content or not unpacking.eof or unpacking.unused_data:
        raise EvidenceError(f"{PAGE}: its data cannot be unpacked")
    return content


def _words(drawing: re.Match[str]) -> str:
    """What a drawing says in words, wherever its lines run."""
    return " ".join("".join(found) for found in _SAID.findall(drawing[0]))


def _rendered(folder: Path) -> str | None:
    """The page of the report in a folder, None where it cannot be drawn here."""
    from pytest_segrobust.evidence.html import write_html

    try:
        return _DATA.sub("", write_html(folder).read_text(encoding="utf-8"))
    except Exception:
        return None


def _same_version(report: dict[str, Any]) -> bool:
    return bool((report.get("tool") or {}).get("version") == __version__)


def _packages(report: dict[str, Any]) -> dict[str, str]:
    return (report.get("environment") or {}).get("packages") or {}


def _companions(contents: Contents, report: dict[str, Any]) -> Iterator[Finding]:
    if not _same_version(report):
        yield Finding(
            "written by another version of this tool: what lies beside the report was not compared", changed=False
        )
        return
    try:
        expected = companions.companions(report)
    except (KeyError, TypeError, AttributeError, ValueError):
        yield Finding(f"{FILE_NAME}: keys are missing or of another kind than a run writes")
        return
    for name in companions.NAMES:
        if (name in expected) != (name in contents.names):
            yield Finding(f"{name}: {'is missing' if name in expected else 'is not of this run'}")
        elif name in expected:
            with contents.open(name) as stream:
                if stream.read() != expected[name].encode("utf-8"):
                    yield Finding(f"{name}: does not say what {FILE_NAME} says")


def _renderings(contents: Contents, report: dict[str, Any]) -> Iterator[Finding]:
    """The summary and the tables that people read and tools import, against what the report gives when they are made again."""
    if not _same_version(report):
        return  # which was said of its companions
    for name, made in renderings(report).items():
        if name not in contents.names:
            continue
        with contents.open(name) as stream:
            text = stream.read().decode("utf-8", errors="replace")
        try:
            same = _HOME.sub("~", text) == _HOME.sub("~", made())
        except (KeyError, TypeError, AttributeError, ValueError):
            same = False  # the report has nothing of the kind
        if not same:
            yield Finding(f"{name}: does not say what {FILE_NAME} says")


def _document(contents: Contents) -> Iterator[Finding]:
    """Whether the PDF was set from this report.json; a draft must not lie beside what was signed since, nor the reverse."""
    if DOCUMENT not in contents.names:
        return
    with contents.open(DOCUMENT) as stream:
        told = digests_in(stream.read())
    if told != {sha256(contents, FILE_NAME)}:
        yield Finding(f"{DOCUMENT}: is not of this {FILE_NAME}")


def _requirement_file(contents: Contents, report: dict[str, Any]) -> Iterator[Finding]:
    stated = (report.get("spec") or {}).get("text_sha256")
    name = SPEC_FOLDER + str((report.get("spec") or {}).get("path") or "").replace("\\", "/").rpartition("/")[2]
    if name in contents.names and stated and sha256(contents, name) != stated:
        yield Finding(f"{name}: not the requirement file of this run")


def _locks(contents: Contents, report: dict[str, Any]) -> Iterator[Finding]:
    frozen = report.get("freeze") or {}
    for name in contents.names:
        if not (name.startswith(SPEC_FOLDER) and name.endswith(".lock")):
            continue
        with contents.open(name) as stream:
            text = stream.read().decode("utf-8", errors="replace")
        try:
            found = lock.read_lock(text, name)
        except EvidenceError as error:
            if frozen.get("state") in ("frozen", "changed"):
                yield Finding(str(error))
            continue
        if name == f"{SPEC_FOLDER}{frozen.get('lock')}" and found.last.entry_sha256 != frozen.get("lock_head"):
            yield Finding(f"{name}: not the lock of this run")


def _json(content: bytes) -> Any:
    def refuse(token: str) -> None:
        raise ValueError(token)

    try:
        return json.loads(content.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError):
        raise EvidenceError(f"{FILE_NAME}: not JSON, so no report can be read from it") from None


def _homeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _homeless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_homeless(item) for item in value]
    return _HOME.sub("~", value) if isinstance(value, str) else value
