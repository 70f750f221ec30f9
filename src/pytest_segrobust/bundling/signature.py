"""Signatures of a manifest: a key pair made and used with the package cryptography, checked without it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import TYPE_CHECKING, Any

from pytest_segrobust.errors import EvidenceError

from .ed25519 import verifies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIGNATURE = "MANIFEST.sha256.sig"  # 64 bytes over the manifest's own
PUBLIC_KEY = "signer.pem"
_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
_PREFIX = bytes.fromhex("302a300506032b6570032100")  # of an Ed25519 key in DER (RFC 8410); the key's 32 bytes follow


def make_key(path: Path, passphrase: str = "") -> tuple[Path, str]:
    """Write a new private key to `path` and its public key beside it; the latter's path, and the key's fingerprint.

    EvidenceError where there is a file already: a key is never written over.
    """
    serialization, ed25519 = _cryptography()
    public_path = path.with_name(f"{path.name}.pub")
    if public_path.exists():  # before a private key is written that nobody would be told of
        raise EvidenceError(f"{public_path}: is there already, and a key is never written over; name another")
    private = ed25519.Ed25519PrivateKey.generate()
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption_algorithm=encryption
    )
    public = _public_pem(private, serialization)
    for file, content, mode in ((path, secret, 0o600), (public_path, public, 0o644)):
        try:
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
                opened.write(content)
        except FileExistsError:
            raise EvidenceError(f"{file}: is there already, and a key is never written over; name another") from None
        except OSError as error:
            raise EvidenceError(f"{file}: cannot be written ({error.strerror})") from None
    return public_path, fingerprint(public)


class Signer:
    """A private key, opened."""

    def __init__(self, path: Path, ask: Callable[[], str]) -> None:
        """`ask` is called for the passphrase of a key that has one. EvidenceError where it is no Ed25519 private key."""
        serialization, ed25519 = _cryptography()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise EvidenceError(f"{path}: the key cannot be read ({error.strerror})") from None
        passphrase = ask().encode() if b"ENCRYPTED" in content else None
        try:
            self._key: Any = serialization.load_pem_private_key(content, passphrase)
        except (ValueError, TypeError):
            raise EvidenceError(f"{path}: not a private key in PEM, or the passphrase is another one") from None
        if not isinstance(self._key, ed25519.Ed25519PrivateKey):
            raise EvidenceError(f"{path}: not an Ed25519 key; segrobust keygen makes one")
        self.public = _public_pem(self._key, serialization)

    def sign(self, content: bytes) -> bytes:
        """The signature of 64 bytes."""
        return bytes(self._key.sign(content))


def fingerprint(public: bytes) -> str:
    """The SHA-256 of the public key in DER: what `openssl pkey -pubin -outform DER | sha256sum` prints.

    EvidenceError where the bytes are not an Ed25519 public key in PEM.
    """
    return hashlib.sha256(_PREFIX + _raw(public)).hexdigest()


def is_signed(public: bytes, content: bytes, signature: bytes) -> bool:
    """Whether the signature is that of the content by the owner of the public key (PEM)."""
    return verifies(_raw(public), content, signature)


def _raw(public: bytes) -> bytes:
    lines = public.decode("ascii", errors="replace").split("\n")
    framed = lines[0] == _BEGIN and lines[-2:] == [_END, ""]
    try:
        content = base64.b64decode("".join(lines[1:-2]), validate=True) if framed else b""
    except (ValueError, binascii.Error):
        content = b""
    if not content:
        raise EvidenceError(f"{PUBLIC_KEY}: not a public key in PEM")
    if len(content) != len(_PREFIX) + 32 or not content.startswith(_PREFIX):
        raise EvidenceError(f"{PUBLIC_KEY}: not an Ed25519 public key")
    return content[len(_PREFIX) :]


def _public_pem(private: Any, serialization: Any) -> bytes:
    return bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise EvidenceError(
            'signing needs the package cryptography: pip install "pytest-segrobust[sign]"; checking a signature does not'
        ) from None
    return serialization, ed25519
