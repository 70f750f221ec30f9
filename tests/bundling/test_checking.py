"""A changed byte anywhere in a bundle is found; a report edited by hand is found."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_segrobust.bundling import consistency
from pytest_segrobust.bundling.checking import check
from pytest_segrobust.bundling.packing import pack
from pytest_segrobust.errors import EvidenceError
from pytest_segrobust.evidence.formats import write_formats
from pytest_segrobust.evidence.report import write_report
from pytest_segrobust.evidence.store import Store
from pytest_segrobust.traceability.exports import FORMATS, write_exports


@pytest.fixture(scope="module")
def bundle(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    pack(finished, path)
    return path


@pytest.fixture
def unpacked(bundle: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def test_what_was_packed_is_unchanged_as_bundle_and_as_folder(bundle: Path, unpacked: Path) -> None:
    for path in (bundle, unpacked):
        found = check(path)
        assert found.intact, found.changes
        assert not found.untold
    assert not list(unpacked.glob("*-wal"))


def test_a_report_folder_that_nobody_touched_is_unchanged(finished: Path) -> None:
    found = check(finished)

    assert found.intact, found.changes
    assert "no MANIFEST.sha256 here" in found.untold[0]


def test_a_flipped_byte_in_any_member_is_found(bundle: Path, tmp_path: Path, not_drawn) -> None:
    content = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        members = archive.infolist()
    for member in members:
        start = content.index(member.filename.encode(), member.header_offset) + len(member.filename.encode())
        for offset in (0, member.file_size // 2, member.file_size - 1):
            flipped(content, start + offset, tmp_path / "flipped.zip")
            found = findings(tmp_path / "flipped.zip")
            assert found, f"byte {offset} of {member.filename}"


def test_a_flipped_byte_between_the_members_is_found(bundle: Path, tmp_path: Path, not_drawn) -> None:
    """Headers, directory, comment length: what no hash of a file covers."""
    content = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        directory = archive.start_dir
        headers = [member.header_offset for member in archive.infolist()]
    places = [*range(headers[0], headers[0] + 30), headers[-1] + 10, *range(directory, directory + 46)]
    for place in (*places, *range(len(content) - 22, len(content))):
        flipped(content, place, tmp_path / "flipped.zip")
        assert findings(tmp_path / "flipped.zip"), f"byte {place}"


@pytest.mark.parametrize("where", ["before", "after"])
def test_bytes_around_the_archive_are_found(bundle: Path, tmp_path: Path, where: str, not_drawn) -> None:
    content = bundle.read_bytes()
    longer = b"x" + content if where == "before" else content + b"\0"
    (tmp_path / "longer.zip").write_bytes(longer)

    assert findings(tmp_path / "longer.zip")


def test_a_missing_an_extra_and_a_changed_file_are_named(unpacked: Path, not_drawn) -> None:
    (unpacked / "environment.json").unlink()
    (unpacked / "spec" / "extra.toml").write_text("")
    (unpacked / "bom.cdx.json").write_text("{}")

    changes = check(unpacked).changes

    assert "environment.json: is missing" in changes
    assert "spec/extra.toml: was added, the manifest does not know it" in changes
    assert "bom.cdx.json: has changed" in changes


def test_a_report_edited_by_hand_is_found_without_a_manifest(report_folder: Path, not_drawn) -> None:
    path = report_folder / "report.json"
    text = path.read_text(encoding="utf-8")
    report = json.loads(text)
    for edit in (
        lambda r: r["requirements"][1].update(verdict="passed"),
        lambda r: r.update(verdict="passed"),
        lambda r: r["requirements"][0].update(estimate=0.01),
        lambda r: r["requirements"].pop(),
        lambda r: r["data"]["excluded"].clear(),
        lambda r: r.pop("events"),
        lambda r: r["record"].update(state="final", why=[]),
        lambda r: r.update(approved="yes"),
    ):
        edited = json.loads(text)
        edit(edited)
        path.write_text(json.dumps(edited, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        assert not check(report_folder).intact
    path.write_text(json.dumps(report), encoding="utf-8")
    assert check(report_folder).intact, "spaces between the words of JSON say nothing"


def test_numbers_edited_in_the_page_alone_are_found(report_folder: Path, not_drawn) -> None:
    page = report_folder / "report.html"
    text = page.read_text(encoding="utf-8")
    start = text.index('id="report"')
    page.write_text(text[:start] + re.sub(r'"verdict":"failed"', '"verdict":"passed"', text[start:]), encoding="utf-8")

    assert check(report_folder).changes == ["report.html: the data in it are not those of report.json"]


def test_packed_data_of_a_large_page_are_compared_and_never_grow_without_end(report_folder: Path, not_drawn) -> None:
    page = report_folder / "report.html"
    text = page.read_text(encoding="utf-8")
    report = json.loads((report_folder / "report.json").read_text(encoding="utf-8"))

    def packed(content: bytes) -> None:
        data = base64.b64encode(gzip.compress(content)).decode()
        script = f'<script type="application/json" id="report" data-encoding="gzip+base64">{data}</script>'
        page.write_text(consistency._DATA.sub(lambda _: script, text), encoding="utf-8")

    packed(json.dumps(report).encode())
    assert check(report_folder).intact
    for wrong in (json.dumps({**report, "seed": 1}).encode(), b"0" * 100_000_000, b"", b"no JSON"):
        packed(wrong)
        assert check(report_folder).changes == ["report.html: the data in it are not those of report.json"]


def test_words_edited_in_the_page_alone_are_found(report_folder: Path) -> None:
    page = report_folder / "report.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("</h1>", " passed</h1>", 1), encoding="utf-8")

    assert check(report_folder).changes == ["report.html: its text is not what report.json gives"]


TRACE = {
    "file": "risks.csv",
    "risks": [{"id": "H-1", "hazard": "h", "control": "c", "requirements": ["ROB-002"], "verdict": "failed"}],
    "rows": [
        {
            "risk": "H-1",
            "hazard": "h",
            "control": "c",
            "requirement": "ROB-002",
            "statement": "s",
            "source": "segrobust.toml:9",
            "test": "segrobust.toml::ROB-002",
            "verdict": "failed",
        }
    ],
    "orphans": {"risks": [], "requirements": [], "unknown_risks": [], "tests": []},
    "words": "1 requirement",
}


@pytest.fixture(scope="module")
def rendered_once(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report folder with everything that can be made of report.json lying beside it."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("rendered") / "report"))
    with Store.open(folder / "run.sqlite") as store:
        store.set_run(trace=TRACE)
        write_report(store, folder, status="complete")
    write_formats(folder, ["html", "md", "csv", "pdf"])
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    write_exports(report["trace"], report, folder, list(FORMATS))
    assert not findings(folder)
    return folder


@pytest.fixture
def rendered(rendered_once: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return Path(shutil.copytree(rendered_once, tmp_path / "rendered"))


@pytest.mark.parametrize(
    "name",
    [
        "summary.md",
        "requirements.csv",
        "curves.csv",
        "cases.csv",
        "trace.csv",
        "needs.json",
        "doorstop.csv",
        "doorstop-risks.csv",
        "strictdoc.csv",
    ],
)
def test_whatever_follows_from_the_report_and_was_edited_is_found_and_not_packed(
    rendered: Path, tmp_path: Path, name: str, not_drawn
) -> None:
    """Above all a verdict: these are the files that people read and tools import."""
    path = rendered / name
    text = path.read_bytes()
    told = next(told for told in (b"failed", b"0.", b"H-1") if told in text)
    path.write_bytes(text.replace(told, {b"failed": b"passed", b"0.": b"9.", b"H-1": b"H-2"}[told]))
    assert path.read_bytes() != text

    assert [line for line in findings(rendered) if line.startswith(f"{name}: ")]
    with pytest.raises(EvidenceError, match=re.escape(name)):
        pack(rendered, tmp_path / "b.zip")


def test_a_document_of_another_report_is_found_and_not_packed(rendered: Path, tmp_path: Path, not_drawn) -> None:
    """Such as the draft that was rendered before the signatures, or a final one that no longer is."""
    with Store.open(rendered / "run.sqlite") as store:
        store.set_run(sign_off=[{"role": "tester", "name": "n", "date": "d", "meaning": "m"}])
        write_report(store, rendered, status="complete")
    write_formats(rendered, ["html", "md", "csv"])

    assert "report.pdf: is not of this report.json" in findings(rendered)
    with pytest.raises(EvidenceError, match=r"report\.pdf"):
        pack(rendered, tmp_path / "b.zip")


def test_a_byte_that_flips_in_a_file_names_the_file_and_the_rest_is_looked_at(
    bundle: Path, tmp_path: Path, not_drawn
) -> None:
    content = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        member = archive.getinfo("report.html")
    start = content.index(b"report.html", member.header_offset) + len("report.html")
    flipped(content, start + member.file_size // 2, tmp_path / "flipped.zip")

    found = check(tmp_path / "flipped.zip")  # EvidenceError, and with it exit code 2, would be: cannot be opened
    assert any(line.startswith("report.html: ") for line in found.changes)
    assert not any(line.startswith("run.sqlite: ") for line in found.changes)


def test_an_edited_figure_is_found_and_that_of_another_matplotlib_is_not_called_changed(
    report_folder: Path, monkeypatch
) -> None:
    page = report_folder / "report.html"
    text = page.read_text(encoding="utf-8")
    start = text.index("<svg")
    page.write_text(text[:start] + re.sub(r"(?<=\d\.)\d", "7", text[start:], count=40), encoding="utf-8")

    assert check(report_folder).changes == ["report.html: its figures are not what the store gives"]
    monkeypatch.setattr(consistency, "version", lambda name: "another")
    found = check(report_folder)
    assert found.intact
    assert any("another matplotlib" in text for text in found.untold)


def test_a_store_edited_by_hand_is_found(report_folder: Path, not_drawn) -> None:
    with Store.open(report_folder / "run.sqlite") as store:
        store.put_result(replace(store.results()["ROB-002"], verdict="passed"))

    assert any("ROB-002" in change and "verdict" in change for change in check(report_folder).changes)


def test_a_page_of_another_version_is_not_called_changed(report_folder: Path) -> None:
    for name in ("report.json", "report.html"):
        path = report_folder / name
        path.write_text(
            re.sub(
                r'("name":\s?"pytest-segrobust",\s*"version":\s?")[^"]*"',
                r'\g<1>0.0.1"',
                path.read_text(encoding="utf-8"),
            ),
            encoding="utf-8",
        )

    found = check(report_folder)

    assert found.intact, found.changes
    assert any("another version" in text for text in found.untold)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:/evil", "a\\b"])
def test_a_hostile_name_is_refused_and_nothing_is_written(bundle: Path, tmp_path: Path, name: str) -> None:
    hostile = tmp_path / "deep" / "hostile.zip"
    hostile.parent.mkdir()
    shutil.copy(bundle, hostile)
    with zipfile.ZipFile(hostile, "a") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, "evil")

    with pytest.raises(EvidenceError, match="not opened"):
        check(hostile)
    assert [path.name for path in tmp_path.rglob("*evil*")] == []


def test_a_bomb_a_link_and_a_name_that_stands_twice_are_refused(bundle: Path, tmp_path: Path) -> None:
    def hostile(info: zipfile.ZipInfo, content: bytes) -> Path:
        path = tmp_path / "hostile.zip"
        shutil.copy(bundle, path)
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive.writestr(info, content)
        return path

    bomb = zipfile.ZipInfo("zeros")
    bomb.compress_type = zipfile.ZIP_DEFLATED
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    for info in (bomb, link, zipfile.ZipInfo("report.json")):
        with pytest.raises(EvidenceError):
            check(hostile(info, b"\0" * 10_000_000))


def test_members_that_share_their_bytes_cannot_unpack_to_more_than_the_archive(bundle: Path, tmp_path: Path) -> None:
    """An overlapping bomb: a thousand entries of the directory that point at one member."""
    content = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        start = archive.start_dir
        store = archive.getinfo("run.sqlite")
    end = content.rindex(b"PK\x05\x06")
    entry_at = content.index(b"run.sqlite", start) - 46
    entry = content[entry_at : entry_at + 46 + len("run.sqlite")]
    more = b"".join(entry.replace(b"run.sqlite", f"run.{number:06d}".encode()) for number in range(1000))
    directory = content[start:end] + more
    count = content[end + 10 : end + 12]
    total = (int.from_bytes(count, "little") + 1000).to_bytes(2, "little")
    tail = content[end : end + 8] + total + total + len(directory).to_bytes(4, "little") + content[end + 16 :]
    (tmp_path / "bomb.zip").write_bytes(content[:start] + directory + tail)

    assert store.file_size * 1000 > len(content)
    with pytest.raises(EvidenceError, match="larger than it is itself"):
        check(tmp_path / "bomb.zip")


def test_a_link_in_an_unpacked_folder_is_found(unpacked: Path, not_drawn) -> None:
    target = unpacked.parent / "copy.json"
    shutil.move(unpacked / "bom.cdx.json", target)
    (unpacked / "bom.cdx.json").symlink_to(target)

    assert any("bom.cdx.json: cannot be read" in change for change in check(unpacked).changes)


def test_what_is_no_bundle_cannot_be_checked(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a", "b")
    (tmp_path / "empty").mkdir()

    for name in ("text.zip", "other.zip", "empty", "absent"):
        with pytest.raises(EvidenceError):
            check(tmp_path / name)


def test_checking_imports_nothing_but_the_standard_library_until_a_page_is_drawn() -> None:
    code = (
        "import sys; import pytest_segrobust.bundling.checking;"
        "found = {'numpy', 'torch', 'jinja2', 'matplotlib', 'pydantic', 'cryptography', 'scipy', 'pytest'} & set(sys.modules);"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def flipped(content: bytes, place: int, path: Path) -> None:
    changed = bytearray(content)
    changed[place] ^= 0x01
    path.write_bytes(bytes(changed))


def findings(path: Path) -> list[str]:
    """What is found to be changed; that a file cannot be opened at all is found too."""
    try:
        return check(path).changes
    except EvidenceError as error:
        return [str(error)]


def test_a_report_of_any_other_form_is_a_finding_and_no_crash(report_folder: Path, not_drawn) -> None:
    path = report_folder / "report.json"
    text = path.read_text(encoding="utf-8")
    for key in json.loads(text):
        for value in ("x", [7]):
            path.write_text(json.dumps({**json.loads(text), key: value}), encoding="utf-8")
            assert findings(report_folder), f"{key} = {value}"
