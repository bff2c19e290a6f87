"""How handshakes are set up: nothing old, nothing without forward secrecy, the client's certificate as asked for."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from superd.system.tls_context import context_of
from tests.certificates import Authority


def made(tmp_path: Path, **changes: Any) -> ssl.SSLContext:
    authority = Authority(tmp_path)
    cert, key = authority.issue("x")
    keys: dict[str, Any] = {"chains": [], "ca": authority.file.read_bytes(), "require": False, "min": "1.2", "alpn": []}
    return context_of({**keys, **changes}, cert.read_bytes(), key.read_bytes())  # type: ignore[typeddict-item]


def test_ciphers_have_forward_secrecy(tmp_path: Path) -> None:
    names = [cipher["name"] for cipher in made(tmp_path).get_ciphers()]
    assert names
    assert all(name.startswith(("TLS_", "ECDHE-")) and ("GCM" in name or "POLY1305" in name) for name in names)


@pytest.mark.parametrize(("word", "version"), [("1.2", ssl.TLSVersion.TLSv1_2), ("1.3", ssl.TLSVersion.TLSv1_3)])
def test_the_oldest_version_is_the_one_that_is_asked_for(tmp_path: Path, word: str, version: ssl.TLSVersion) -> None:
    assert made(tmp_path, min=word).minimum_version is version


@pytest.mark.parametrize(
    ("changes", "mode"), [({"ca": b""}, ssl.CERT_NONE), ({}, ssl.CERT_OPTIONAL), ({"require": True}, ssl.CERT_REQUIRED)]
)
def test_the_clients_certificate_is_asked_for_with_a_ca(tmp_path: Path, changes: dict[str, Any], mode: int) -> None:
    assert made(tmp_path, **changes).verify_mode == mode


def test_an_encrypted_key_is_an_error_and_no_question(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, _ = authority.issue("x")
    text = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"
    with pytest.raises(OSError, match=r".+"):
        context_of({"chains": [], "ca": b"", "require": False, "min": "1.2", "alpn": []}, cert.read_bytes(), text)
