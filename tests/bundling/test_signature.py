"""A signature is checked with the standard library alone, as RFC 8032 says, and only the key that was asked for will do."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from pytest_segrobust.bundling import consistency
from pytest_segrobust.bundling.checking import check
from pytest_segrobust.bundling.ed25519 import verifies
from pytest_segrobust.bundling.packing import pack
from pytest_segrobust.bundling.signature import Signer, fingerprint, is_signed, make_key
from pytest_segrobust.errors import EvidenceError

ORDER = 2**252 + 27742317777372353535851937790883648493

# RFC 8032, 7.1: tests 1, 2 and 3.
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
)


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_verify_and_no_changed_bit_does(public: str, message: str, signature: str) -> None:
    key, text, signed = (bytes.fromhex(part) for part in (public, message, signature))

    assert verifies(key, text, signed)
    assert not verifies(key, text + b"x", signed)
    for byte in range(0, 64, 7):
        assert not verifies(key, text, bytes(b ^ (byte == at) for at, b in enumerate(signed)))
    for byte in range(0, 32, 5):
        assert not verifies(bytes(b ^ (byte == at) for at, b in enumerate(key)), text, signed)


def test_a_second_form_of_a_signature_is_refused() -> None:
    """s + order would verify too, if nobody looked (RFC 8032, 5.1.7)."""
    key, text, signed = (bytes.fromhex(part) for part in VECTORS[1])
    other = int.from_bytes(signed[32:], "little") + ORDER

    assert not verifies(key, text, signed[:32] + other.to_bytes(32, "little"))
    assert not verifies(key[:31], text, signed)
    assert not verifies(key, text, signed[:63])


def test_what_the_package_signs_the_standard_library_verifies(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="cryptography (extra sign) is not installed")
    public, printed = make_key(tmp_path / "key")
    signer = Signer(tmp_path / "key", lambda: "")

    for message in (b"", b"a", b"manifest" * 1000):
        assert is_signed(public.read_bytes(), message, signer.sign(message))
        assert not is_signed(public.read_bytes(), message + b"x", signer.sign(message))
    assert fingerprint(public.read_bytes()) == printed == fingerprint(signer.public)


def test_a_private_key_is_for_its_owner_is_never_written_over_and_may_have_a_passphrase(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="cryptography (extra sign) is not installed")
    make_key(tmp_path / "key", "correct horse")

    if sys.platform != "win32":
        assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(EvidenceError, match="never written over"):
        make_key(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == before
    (tmp_path / "other.pub").write_bytes(b"of somebody")
    with pytest.raises(EvidenceError, match=r"other\.pub: is there already"):
        make_key(tmp_path / "other")
    assert not (tmp_path / "other").exists(), "a key that nobody was told of"
    Signer(tmp_path / "key", lambda: "correct horse")
    with pytest.raises(EvidenceError, match="passphrase"):
        Signer(tmp_path / "key", lambda: "wrong")
    with pytest.raises(EvidenceError, match="not a private key"):
        Signer(tmp_path / "key.pub", lambda: "")


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)

    with pytest.raises(EvidenceError, match=r"pytest-segrobust\[sign\]"):
        make_key(tmp_path / "key")


def test_a_signed_bundle_is_that_of_its_signer_and_of_nobody_else(finished: Path, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("cryptography", reason="cryptography (extra sign) is not installed")
    monkeypatch.setattr(consistency, "_rendered", lambda folder: None)
    public, printed = make_key(tmp_path / "key")
    other, _ = make_key(tmp_path / "other")
    packed = pack(finished, tmp_path / "b.zip", Signer(tmp_path / "key", lambda: ""))
    pack(finished, tmp_path / "unsigned.zip")

    assert packed.signer == printed
    assert check(tmp_path / "b.zip").intact
    assert check(tmp_path / "b.zip", str(public)).intact
    assert check(tmp_path / "b.zip", printed.upper()).intact
    assert check(tmp_path / "b.zip", str(other)).changes == [
        f"signed by {printed}, not by {fingerprint(other.read_bytes())}"
    ]
    assert "not signed" in check(tmp_path / "unsigned.zip", str(public)).changes[0]
    with pytest.raises(EvidenceError, match="neither a file"):
        check(tmp_path / "b.zip", "nobody")

    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        archive.extractall(tmp_path / "out")
    assert check(tmp_path / "out", printed).intact
    signature = tmp_path / "out" / "MANIFEST.sha256.sig"
    good = signature.read_bytes()
    signature.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert "is not the signature" in check(tmp_path / "out").changes[0]
    signature.unlink()
    assert "is missing" in check(tmp_path / "out").changes[0]
