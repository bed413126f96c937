"""The Ed25519 key that signs checkpoints of the audit log: it is never in the database.

The private key lies in one file, PKCS #8 in PEM, mode 0600. Beside it lies the public half
of every key that there ever was, ``KEYID.pub.pem``: old checkpoints stay verifiable.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from node.errors import StopError
from node.store.files import write_durably

PUBLIC_SUFFIX: Final = ".pub.pem"


class SigningKey:
    """A private key; ``key_id`` names its public half."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.key_id = _key_id(private.public_key())

    def sign(self, message: bytes) -> str:
        """Give the signature in hexadecimal."""
        return self._private.sign(message).hex()

    def public_pem(self) -> bytes:
        """Give the public half as verifiers take it."""
        return self._private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )


class PublicKeys:
    """The public keys by which signatures are checked, by their ids."""

    def __init__(self, keys: Iterable[Ed25519PublicKey] = ()) -> None:
        self._keys = {_key_id(key): key for key in keys}

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def verify(self, key_id: str, signature: str, message: bytes) -> bool:
        """Say whether the key of that id signed exactly these bytes."""
        try:
            self._keys[key_id].verify(bytes.fromhex(signature), message)
        except (InvalidSignature, ValueError):
            return False
        return True


def make_key(path: Path, *, replace: bool = False) -> SigningKey:
    """Make a key and write both halves; with ``replace`` it takes the place of one.

    The old private key is gone then, its public half stays.

    Raises
    ------
    StopError
        There is a key already, or the files cannot be written.
    """
    if path.exists() and not replace:
        raise StopError(f"there is a key already at {path}; --rotate makes another in its place")
    private = Ed25519PrivateKey.generate()
    key = SigningKey(private)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        write_durably(public_file(path, key.key_id), key.public_pem())
        write_durably(path, pem)
    except OSError as error:
        raise StopError(f"the audit key cannot be written to {path}: {error.strerror}") from error
    return key


def public_file(path: Path, key_id: str) -> Path:
    """Name the file of a public key beside the private one."""
    return path.parent / f"{key_id[:16]}{PUBLIC_SUFFIX}"


def load_key(path: Path) -> SigningKey | None:
    """Read the private key; None when there is none.

    Raises
    ------
    StopError
        It is no Ed25519 key, cannot be read, or others may read it.
    """
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            pem = stream.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StopError(f"audit.key: {path} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise StopError(f"audit.key: others may read {path}; `chmod 600` it")
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StopError(f"audit.key: {path} is no private key in PEM") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise StopError(f"audit.key: {path} is no Ed25519 key")
    return SigningKey(private)


def load_public_keys(paths: Iterable[Path]) -> PublicKeys:
    """Read public keys from files, and every ``*.pub.pem`` of folders.

    Raises
    ------
    StopError
        One is missing or is no Ed25519 public key.
    """
    found: list[Ed25519PublicKey] = []
    for path in paths:
        files = sorted(path.glob(f"*{PUBLIC_SUFFIX}")) if path.is_dir() else [path]
        found += [_load_public_key(file) for file in files]
    return PublicKeys(found)


def _load_public_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise StopError(f"public key {path} cannot be read: {error.strerror}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StopError(f"{path} is no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise StopError(f"{path} is no Ed25519 public key")
    return key


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()
