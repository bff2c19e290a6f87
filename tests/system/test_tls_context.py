"""How handshakes are set up: nothing old, nothing without forward secrecy, the client's certificate as asked for."""

from __future__ import annotations

import _ssl
import ctypes
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


@pytest.mark.parametrize("group", ["X25519", "prime256v1", "secp384r1", "ffdhe4096", "ffdhe8192"])
def test_a_client_chooses_among_curves_and_not_what_costs_a_relay_120_ms(tmp_path: Path, group: str) -> None:
    client_context = ssl.create_default_context()
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    client_context.set_ecdh_curve(group)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = made(tmp_path).wrap_bio(to_server, to_client, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    if group.startswith("ffdhe"):
        with pytest.raises(ssl.SSLError, match=r"NO_SUITABLE_KEY_SHARE|NO_SHARED_GROUP"):
            server.do_handshake()
        return
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    client.do_handshake()
    server.do_handshake()
    assert server.version() == "TLSv1.3"


def test_a_python_that_shows_no_name_of_its_openssl_has_contexts_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(_ssl, "__file__")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("it may find another OpenSSL"))
    assert made(tmp_path).minimum_version is ssl.TLSVersion.TLSv1_2
